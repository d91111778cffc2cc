"""A token that a person pastes is looked at before it is kept: alive or not, whose, and what it may do.

    given = await pasted.looked_at(settings, given)      in no transaction: nobody waits in one for a platform

Who pastes waits, and is there to try again. So where the platform doesn't answer soon nothing is kept either: what
nobody has looked at never takes the place of a token that works.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from stakazo.core.errors import Invalid, Unavailable
from stakazo.core.settings import Settings
from stakazo.platforms import oauth
from stakazo.platforms.base import Account, Platform
from stakazo.platforms.errors import PlatformError, Reason, Rejected, TokenExpired
from stakazo.platforms.graph import Graph
from stakazo.platforms.hosts import TOKEN_MARK
from stakazo.platforms.http import Connection
from stakazo.platforms.meta_login import Health, MetaConsent
from stakazo.platforms.tiktok import TikTok
from stakazo.platforms.youtube import YouTube
from stakazo.publishing import outside
from stakazo.publishing.channels import Given

PATIENCE = 5.0
"""Seconds for which who pastes waits for the platform."""


async def looked_at(settings: Settings, given: Given) -> Given:
    """The account as its platform knows it: with its name, its scopes and when its token ends.

    Raises Invalid for a token that is dead or isn't this account's, Unavailable where the platform doesn't answer.
    """
    async with asked(), outside.connected(settings) as connection:
        live = not given.token.startswith(TOKEN_MARK)
        match given.platform:
            case Platform.INSTAGRAM | Platform.FACEBOOK:
                return await _meta(connection, given, live=live)
            case Platform.TIKTOK:
                return await _tiktok(connection, given, live=live)
            case Platform.YOUTUBE:
                return await _youtube(connection, given, live=live)


@asynccontextmanager
async def asked() -> AsyncIterator[None]:
    """A look at a pasted token: what goes wrong, as who pastes it is told it. Raises Invalid, Unavailable."""
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except TokenExpired as dead:
        raise Invalid(
            f"The platform doesn't take this token: {dead} Get a fresh one there; nothing was kept."
        ) from dead
    except Rejected as foreign:
        raise Invalid(f"This token doesn't open that account: {foreign} Nothing was kept.") from foreign
    except (PlatformError, TimeoutError) as silent:
        raise Unavailable(
            "The platform doesn't say now whether this token works. Nothing was kept: paste it again in a moment."
        ) from silent


async def meta(connection: Connection, token: str, *, live: bool) -> Health | None:
    """What Meta says of a token that is alive; None where no app of ours is set up, with which that is asked.

    Raises TokenExpired for one that is dead, Rejected for one of another app.
    """
    if connection.app("meta", live=live) is None:
        return None
    try:
        about = await MetaConsent(connection, live=live).look(token)
    except TokenExpired as ours:  # it was asked with the app's own
        raise Rejected(
            f"Meta doesn't know our app: see STAKAZO_META_APP_ID and STAKAZO_META_APP_SECRET. {ours}", Reason.INVALID
        ) from ours
    if not about.valid:
        reason = about.reason or Reason.EXPIRED
        raise TokenExpired(f"Meta calls it {reason.value}.", reason)
    return about


async def _meta(connection: Connection, given: Given, *, live: bool) -> Given:
    """A person's token is kept beside its Page's, as the sign-in keeps them."""
    about = await meta(connection, given.token, live=live)
    graph = Graph(connection, Account(given.platform, given.external_id, given.token, live))
    if given.platform is Platform.INSTAGRAM:
        name = str((await graph.get(given.external_id, {"fields": "username"})).get("username", ""))
    else:
        if about is not None and about.page_id not in {None, given.external_id}:
            raise Rejected(f"It is the Page {about.page_id}'s.", Reason.PERMISSION)
        found = await graph.get(given.external_id, {"fields": "name,access_token"})
        name = str(found.get("name", ""))
        if about is not None and about.page_id is None:
            if "access_token" not in found:
                raise Rejected("Whoever's it is may not act for this Page.", Reason.PERMISSION)
            given = replace(given, token=str(found["access_token"]), refresh_token=given.token)
    if about is not None:
        ends, scopes = about.expires_at, about.scopes
        given = replace(given, token_expires_at=ends, scopes=scopes, consent_ends_at=about.data_until)
    return replace(given, name=given.name or name or given.external_id)


async def _tiktok(connection: Connection, given: Given, *, live: bool) -> Given:
    """TikTok doesn't say what a token may do, nor until when: what was said of that stands."""
    open_id, name = await TikTok(connection, Account(given.platform, given.external_id, given.token, live)).person()
    if open_id != given.external_id:
        raise Rejected(f"It is the account {open_id}'s.", Reason.PERMISSION)
    return replace(given, name=given.name or name or given.external_id)


async def _youtube(connection: Connection, given: Given, *, live: bool) -> Given:
    about = await oauth.look_at_google(connection, given.token, live=live)
    mine = await YouTube(connection, Account(given.platform, given.external_id, given.token, live)).channels()
    if given.external_id not in mine:
        raise Rejected(f"It is of {', '.join(mine) or 'no channel'}.", Reason.PERMISSION)
    name = given.name or mine[given.external_id]
    return replace(given, name=name, scopes=about.scopes or given.scopes, token_expires_at=about.expires_at)
