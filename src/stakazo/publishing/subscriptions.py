"""Having platforms tell by themselves what happens on channels: subscribed at connecting, looked after once a day.

    await subscriptions.begin(session, channel.id)      a job asks the platform; what it says is on the channel

Subscribing twice is subscribing once. What can't be subscribed to is asked for on a schedule all the same: nothing is
lost without this but time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import Database, now
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.models import Job
from stakazo.jobs.run import Run
from stakazo.platforms.base import Account, Platform
from stakazo.platforms.errors import PlatformError, Reason, Rejected, TryLater
from stakazo.platforms.http import Connection
from stakazo.platforms.meta_subscriptions import MetaSubscriptions
from stakazo.platforms.youtube_hub import Hub
from stakazo.publishing import channels, outside, renewals
from stakazo.publishing.models import Channel
from stakazo.publishing.states import Trouble

META_PATH, YOUTUBE_PATH = "/webhook/instagram", "/webhook/youtube"
"""Where Meta sends, and where Google's hub does."""
TELL = frozenset({Platform.INSTAGRAM, Platform.FACEBOOK, Platform.YOUTUBE})
"""Platforms that are asked to tell. TikTok's address is named in its app's settings, for all accounts at once."""
EVERY = timedelta(days=1)
AGAIN = timedelta(hours=1)
"""After which a subscription that failed is tried again."""

_ADVICE = {
    Reason.PERMISSION: "Connect the channel again and allow what is asked for, then wait or connect it once more.",
    Reason.EXPIRED: "Connect the channel again.",
    Reason.REVOKED: "Connect the channel again.",
}
_ELSE = "It is tried again by itself. Until then the platform is asked on a schedule."


class Told(StrEnum):
    """How we learn what happens on a channel."""

    SUBSCRIBED = "subscribed"
    """The platform tells by itself."""
    PENDING = "pending"
    """It will be asked to."""
    FAILED = "failed"
    """It doesn't, and says why; it is asked on a schedule. Of a disconnected channel: it may go on telling."""
    LEAVING = "leaving"
    """The channel was disconnected, and the platform will be told to stop."""
    NEVER = "never"
    """It has nothing to subscribe to; it is asked on a schedule."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Whether a platform tells what happens on a channel."""

    state: Told
    since: datetime | None
    """When it last said that it does."""
    error: dict[str, Any] | None
    next_at: datetime | None
    """When it is asked again."""


def of(channel: Channel) -> Subscription:
    """What is known of a channel's subscription."""
    if channel.leaving_since is not None:
        state = Told.LEAVING
    elif channel.subscription_error is not None:
        state = Told.FAILED
    elif channel.platform not in TELL or channel.disconnected_at is not None:
        state = Told.NEVER
    else:
        state = Told.SUBSCRIBED if channel.subscribed_at else Told.PENDING
    return Subscription(state, channel.subscribed_at, channel.subscription_error, channel.subscribe_at)


def verify_words(settings: Settings, keys: Keyring) -> list[str]:
    """What Meta must say back to us, the one that we tell it first."""
    said = settings.meta_verify_token
    return ([said.get_secret_value()] if said is not None else []) + keys.words("meta webhooks")


def push_words(keys: Keyring, *, sandbox: bool) -> list[str]:
    """What Google's hub must say back to us and sign with, the one that we tell it first; the sandbox's has another."""
    return keys.words("youtube push in the sandbox" if sandbox else "youtube push")


async def begin_due(db: Database) -> int:
    """Start the job of every channel, of all workspaces, whose subscription is to be looked after; says how many."""
    return await channels.begin_due(db, Channel.subscribe_at, begin)


async def begin(session: AsyncSession, channel_id: UUID) -> Job | None:
    """Have a channel's platform asked to tell us what happens; None where it has nothing to ask for."""
    channel = await channels.hold(session, channel_id)
    if channel.platform not in TELL or channel.token is None:
        channel.subscribe_at = None
        return None
    channel.subscribe_at = await now(session) + AGAIN
    return await subscribe_channel.using(JobOptions(dedup_key=str(channel_id))).start(session, channel_id)


@job(queue="publish", max_attempts=6, timeout=120)
async def subscribe_channel(run: Run, channel_id: UUID) -> None:
    """Have the platform tell us what happens on a channel, and write down whether it does."""
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        channel = await channels.get(session, channel_id)
        if channel.token is None or channel.platform not in TELL:
            return
        account, live = channels.account(channel, keys), not channel.sandbox
    try:
        trouble = unreachable(run.settings, live=live)
        if trouble is None:
            async with outside.connected(run.settings) as connection:
                await _subscribe(run, connection, keys, channel_id, account, live=live)
    except PlatformError as error:
        trouble = Trouble(error.reason.value, str(error), _ADVICE.get(error.reason, _ELSE), error.said.as_json())
        if isinstance(error, TryLater):
            async with run.transaction() as session:
                await _settle(session, channel_id, trouble)
            raise
    async with run.completion() as session:
        await _settle(session, channel_id, trouble)


async def _subscribe(
    run: Run, connection: Connection, keys: Keyring, channel_id: UUID, account: Account, *, live: bool
) -> None:
    settings = run.settings
    match account.platform:
        case Platform.INSTAGRAM | Platform.FACEBOOK:
            meta = MetaSubscriptions(connection, live=live)
            await meta.subscribe_app(f"{settings.base_url}{META_PATH}", verify_words(settings, keys)[0])
            async with renewals.minding(run, keys, channel_id, account):  # the app's own token is no channel's
                await meta.subscribe_page(account.token)
        case Platform.YOUTUBE:
            word = push_words(keys, sandbox=not live)[0]
            await Hub(connection, live=live).subscribe(account.id, f"{settings.base_url}{YOUTUBE_PATH}", word)
        case _:
            raise Rejected("This platform has nothing to subscribe to.", Reason.UNSUPPORTED)


def unreachable(settings: Settings, *, live: bool) -> Trouble | None:
    """Why no real platform could send here; the sandbox reaches every address."""
    if not live or settings.base_url.startswith("https://"):
        return None
    return Trouble(
        "no_address",
        f"Platforms send to public https addresses only, and this Stakazo is at {settings.base_url}.",
        "Set STAKAZO_PUBLIC_URL to the https address where it is reached from outside.",
    )


async def _settle(session: AsyncSession, channel_id: UUID, trouble: Trouble | None) -> None:
    """Write down what came of it; in the ledger when that is news."""
    channel = await channels.hold(session, channel_id)
    before = (channel.subscription_error or {}).get("code")
    moment = await now(session)
    fresh = channel.subscribed_at is None
    channel.subscription_error = trouble.as_json() if trouble else None
    channel.subscribed_at = None if trouble else moment
    channel.subscribe_at = moment + (AGAIN if trouble else EVERY)
    await session.flush()
    if trouble is not None and trouble.code != before:
        await channels.record(session, "channel_subscription_failed", channel, code=trouble.code, detail=trouble.detail)
    elif trouble is None and fresh:
        await channels.record(session, "channel_subscribed", channel)
