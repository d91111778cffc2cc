"""What an account may do now, as its platform says: how many posts are left, and what its creator allows.

await refresh(db, settings, keys, actor, channel_ids)      before something is planned, and in no transaction
allows = recent(channel, now)                              what is judged by then
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update

from stakazo.core.actor import Actor
from stakazo.core.db import Database, now
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.platforms import publishers
from stakazo.platforms.base import Account, Audience, Platform, Quota
from stakazo.platforms.errors import PlatformError, Reason, TokenExpired, TryLater
from stakazo.platforms.http import Connection
from stakazo.platforms.tiktok import PRIVACY, Creator, TikTok
from stakazo.publishing import channels, outside, renewals
from stakazo.publishing.models import Channel
from stakazo.publishing.preflight import Allows

RECENT = timedelta(minutes=10)
"""What was said longer ago isn't judged by: its person may have changed it in the app."""
ASKED = timedelta(minutes=1)
"""What was said later isn't asked anew."""
PATIENCE = 5.0
"""Seconds for which somebody who plans waits for the platform."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """None stands for what the platform doesn't say."""

    quota: Quota | None = None
    name: str | None = None
    """What people know its creator by. TikTok wants it shown before every post, and what follows too."""
    audiences: tuple[Audience, ...] | None = None
    """Who may be chosen to see a post."""
    longest: float | None = None
    """Seconds of a video."""
    comments: bool | None = None
    duets: bool | None = None
    stitches: bool | None = None


async def ask(db: Database, settings: Settings, keys: Keyring, actor: Actor, channel_id: UUID) -> Allowance:
    """Ask the platform, for somebody who waits for the answer; in no transaction.

    Raises Conflict where the token isn't taken any more, and the channel says so from then on; Invalid for what the
    platform refuses, Unavailable where it doesn't answer now.
    """
    async with db.transaction(actor) as session:
        account = channels.account(await channels.get(session, channel_id), keys)
    with outside.waited_for("channel", "what may be posted"):
        try:
            async with outside.connected(settings) as connection:
                publisher = publishers.of(connection, account)
                if isinstance(publisher, TikTok):
                    return of(await publisher.creator())
                return Allowance(quota=await publisher.quota())
        except TokenExpired as dead:
            if not await _refused(db, keys, channel_id, account, actor, dead):
                raise
            raise TryLater("Its token is being renewed.", Reason.NOT_READY, after=renewals.RENEWING) from dead


async def _refused(
    db: Database, keys: Keyring, channel_id: UUID, account: Account, actor: Actor, dead: TokenExpired
) -> bool:
    """Whether a token that was refused is replaced soon; else the channel says that it is dead."""
    async with db.transaction(Actor(actor.workspace_id, "system", "allowances")) as session:
        return await renewals.refused(session, channel_id, account.token, keys, dead)


def of(creator: Creator) -> Allowance:
    """In our words. Pure."""
    return Allowance(
        name=creator.nickname or creator.name,
        audiences=tuple(audience for audience, theirs in PRIVACY.items() if theirs in creator.privacy),
        longest=float(creator.longest) if creator.longest else None,
        comments=creator.comments,
        duets=creator.duets,
        stitches=creator.stitches,
    )


async def refresh(db: Database, settings: Settings, keys: Keyring, actor: Actor, channel_ids: Collection[UUID]) -> None:
    """Ask what these accounts may post, where the platform says such a thing, and keep it with their channels.

    What doesn't answer soon stays unknown: it is asked again when the post is begun.
    """
    async with db.transaction(actor) as session:
        asked = or_(Channel.allowance_at.is_(None), Channel.allowance_at < await now(session) - ASKED)
        wanted = select(Channel).where(
            Channel.id.in_(list(channel_ids)), Channel.platform == Platform.TIKTOK, Channel.token.is_not(None), asked
        )
        accounts = {channel.id: channels.account(channel, keys) for channel in await session.scalars(wanted)}
    if not accounts:
        return
    async with outside.connected(settings) as connection:
        said = await asyncio.gather(*(_said(connection, account) for account in accounts.values()))
    for (channel_id, account), answer in zip(accounts.items(), said, strict=True):
        if isinstance(answer, TokenExpired):
            await _refused(db, keys, channel_id, account, actor, answer)
    async with db.transaction(actor) as session:
        for channel_id, allows in zip(accounts, said, strict=True):
            if isinstance(allows, dict):
                kept = {"allowance": allows, "allowance_at": await now(session), "updated_at": Channel.updated_at}
                await session.execute(update(Channel).where(Channel.id == channel_id).values(kept))


async def _said(connection: Connection, account: Account) -> dict[str, Any] | TokenExpired | None:
    try:
        async with asyncio.timeout(PATIENCE):
            allowed = of(await TikTok(connection, account).creator())
    except TokenExpired as dead:
        return dead
    except (PlatformError, TimeoutError):
        return None
    audiences = [audience.value for audience in allowed.audiences or ()]
    flags = {"comments": allowed.comments, "duets": allowed.duets, "stitches": allowed.stitches}
    return {"audiences": audiences, "longest": allowed.longest, **flags}


def recent(channel: Channel, moment: datetime) -> Allows:
    """What an account may post, as far as its platform has just said it. Pure."""
    if channel.allowance is None or channel.allowance_at is None or channel.allowance_at < moment - RECENT:
        return Allows()
    audiences = frozenset(Audience(one) for one in channel.allowance["audiences"])
    return Allows(**{**channel.allowance, "audiences": audiences})
