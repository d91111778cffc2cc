"""Disconnecting a channel: its tokens are forgotten at once, and its platform is told to tell nothing more of it.

    await leaving.disconnect(session, keys, channel_id)      at once, whether the platform answers or not

The one thing that still needs a token is to say goodbye: it is kept for that alone, for a job that asks for days where
the platform is away, and then says loudly that it couldn't. Telling twice is telling once. What else is connected by
the same subscription goes on: a Page and the Instagram account behind it have one, and so have two workspaces with one
account.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import Actor
from stakazo.core.db import Database, now
from stakazo.core.security import Keyring
from stakazo.jobs.engine import job
from stakazo.jobs.models import Job
from stakazo.jobs.run import NotYet, Run
from stakazo.platforms.base import Platform
from stakazo.platforms.errors import PlatformError, TryLater
from stakazo.platforms.http import Connection
from stakazo.platforms.meta_subscriptions import MetaSubscriptions
from stakazo.platforms.youtube_hub import Hub
from stakazo.publishing import channels, outside, subscriptions
from stakazo.publishing.models import Channel
from stakazo.publishing.states import Trouble

_TOKEN = "channels.leaving_token"  # noqa: S105 - where it is
PATIENCE = 3 * 86_400.0
"""Seconds for which a platform that is away is asked again."""
SOONEST, LATEST = 30.0, 6 * 3600.0

_ADVICE = {
    Platform.YOUTUBE: "Nothing: Google's hub stops by itself within ten days.",
}
_AT_META = "Remove the app at Facebook, in the Page's settings under Business integrations."


def pause(seconds: float) -> float | None:
    """Seconds until it is asked again, so long after the first time: as long again; None where it is given up. Pure."""
    return None if seconds >= PATIENCE else min(LATEST, max(SOONEST, seconds))


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Whom to tell, and with what."""

    platform: Platform
    account_id: str
    sandbox: bool
    since: datetime
    seconds: float
    """Since it was wanted."""
    token: str | None = field(repr=False)


async def disconnect(session: AsyncSession, keys: Keyring, channel_id: UUID) -> Channel:
    """Forget an account's tokens, and have its platform told. Raises Conflict where something is to be published."""
    before = await channels.hold(session, channel_id)
    token = channels.account(before, keys).token if before.token is not None else None
    channel = await channels.disconnect(session, channel_id)
    if token is None or channel.platform not in subscriptions.TELL:
        return channel
    channel.leaving_since = await now(session)
    if channel.platform is not Platform.YOUTUBE:  # the hub knows nobody
        channel.leaving_token = keys.seal(token.encode(), _TOKEN, owner=channel.workspace_id, row=channel.id)
    await session.flush()
    await say_goodbye.start(session, channel_id)
    return channel


@job(queue="publish", max_attempts=6, timeout=120)
async def say_goodbye(run: Run, channel_id: UUID) -> None:
    """Tell a disconnected channel's platform to tell nothing more, unless somebody else still wants to hear it."""
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        goodbye = await _claim(session, keys, channel_id)
    if goodbye is None:  # connected again: an earlier goodbye may have come after that all the same
        async with run.completion() as session:
            await subscriptions.subscribe_channel.start(session, channel_id)
        return
    trouble, told = None, False
    try:
        async with outside.connected(run.settings) as connection:
            told = await _tell(run, connection, keys, goodbye)
    except PlatformError as error:
        after = pause(goodbye.seconds) if isinstance(error, TryLater) else None
        if after is not None:
            raise NotYet(str(error), after=after) from error
        trouble = _trouble(goodbye.platform, str(error), error.said.as_json())
    async with run.completion() as session:
        channel = await channels.hold(session, channel_id)
        if channel.token is not None:  # connected again, and perhaps subscribed before our goodbye came
            await subscriptions.subscribe_channel.start(session, channel_id)
        elif channel.leaving_since == goodbye.since:
            await _left(session, channel, trouble, told=told)


async def _claim(session: AsyncSession, keys: Keyring, channel_id: UUID) -> Goodbye | None:
    channel = await channels.hold(session, channel_id)
    if channel.leaving_since is None:
        return None
    token = None
    if channel.leaving_token is not None:
        token = keys.unseal(channel.leaving_token, _TOKEN, owner=channel.workspace_id, row=channel.id).decode()
    seconds = (await now(session) - channel.leaving_since).total_seconds()
    return Goodbye(channel.platform, channel.external_id, channel.sandbox, channel.leaving_since, seconds, token)


async def _tell(run: Run, connection: Connection, keys: Keyring, goodbye: Goodbye) -> bool:
    """Tell the platform; whether there was reason to. Who was connected meanwhile is looked after once more."""
    live = not goodbye.sandbox
    if goodbye.token is None:
        about, meta = {goodbye.platform: goodbye.account_id}, None
    else:
        meta = MetaSubscriptions(connection, live=live)
        about = await meta.accounts(goodbye.token)
    alone = not await _others(run.db, about, sandbox=goodbye.sandbox)
    if alone and meta is not None:
        assert goodbye.token is not None
        await meta.unsubscribe_page(goodbye.token)
    elif alone and subscriptions.unreachable(run.settings, live=live) is None:  # else nothing was ever sent here
        address = f"{run.settings.base_url}{subscriptions.YOUTUBE_PATH}"
        word = subscriptions.push_words(keys, sandbox=goodbye.sandbox)[0]
        await Hub(connection, live=live).unsubscribe(goodbye.account_id, address, word)
    for channel_id, workspace_id in await _others(run.db, about, sandbox=goodbye.sandbox):
        async with run.db.transaction(Actor(workspace_id, "system", "clock")) as session:
            await subscriptions.subscribe_channel.start(session, channel_id)
    return alone


async def _others(db: Database, about: dict[Platform, str], *, sandbox: bool) -> list[tuple[UUID, UUID]]:
    """Channels and their workspaces, of all of them, that are connected to these accounts."""
    found = select(Channel.id, Channel.workspace_id, Channel.platform, Channel.external_id).where(
        Channel.external_id.in_(about.values()), Channel.sandbox.is_(sandbox), Channel.disconnected_at.is_(None)
    )
    async with db.system_transaction() as session:
        rows = (await session.execute(found)).all()
    return [(row.id, row.workspace_id) for row in rows if about.get(row.platform) == row.external_id]


async def _left(session: AsyncSession, channel: Channel, trouble: Trouble | None, *, told: bool) -> None:
    channel.leaving_since = channel.leaving_token = None
    channel.subscription_error = trouble.as_json() if trouble else None
    await session.flush()
    if trouble is not None:
        await channels.record(session, "channel_goodbye_failed", channel, **trouble.as_json())
    elif told:
        await channels.record(session, "channel_unsubscribed", channel)


@say_goodbye.on_end
async def _unsaid(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    """It came to nothing: loud, and the token is gone all the same."""
    channel = await channels.hold(session, UUID(row.payload["channel_id"]))
    if channel.leaving_since is not None:
        await _left(session, channel, _trouble(channel.platform, str(error.get("detail") or "")), told=False)


def _trouble(platform: Platform, words: str, said: dict[str, Any] | None = None) -> Trouble:
    detail = f"{platform.label} may go on telling what happens there, and nobody reads it. {words}".strip()
    return Trouble("still_told", detail, _ADVICE.get(platform, _AT_META), said or None)
