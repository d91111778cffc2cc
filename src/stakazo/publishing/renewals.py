"""Keeping accounts' tokens alive: renewed ahead of their end, one at a time, and loudly dead where that fails.

A refresh token may work once (TikTok's): the fresh pair is written down before anything is done with it, and while one
worker asks nobody else does. Where the answer is lost the old pair is tried again; a platform that takes it no more has
to be asked by the person.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import Database, now
from stakazo.core.security import Keyring
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.models import Job
from stakazo.jobs.outage import persistently
from stakazo.jobs.run import Run
from stakazo.platforms.base import Account, Platform
from stakazo.platforms.errors import Reason, TokenExpired, TryLater
from stakazo.platforms.oauth import Grant
from stakazo.publishing import channels, logins, outside, tokens
from stakazo.publishing.logins import Fresh
from stakazo.publishing.models import Channel
from stakazo.publishing.tokens import Duty

ASKING = timedelta(seconds=150)
"""How long a worker that vanished may still be asking: longer than any request lasts."""
RENEWING = 5.0
"""Seconds in which a token should have been renewed."""
AGAIN = timedelta(minutes=10)
"""After which a channel is looked at again, whatever became of the job; and how long a renewed token is believed in."""


@dataclass(frozen=True, slots=True)
class Held:
    """An account whose token nobody else renews meanwhile."""

    platform: Platform
    account_id: str
    live: bool
    grant: Grant = field(repr=False)


async def begin_due(db: Database) -> int:
    """Start the job of every channel, of all workspaces, whose token something is to be done about; says how many."""
    return await channels.begin_due(db, Channel.look_at, begin)


async def begin(session: AsyncSession, channel_id: UUID) -> Job:
    """Have a channel's token looked after now; asked for twice it is one job."""
    channel = await channels.hold(session, channel_id)
    if channel.look_at is not None:
        channel.look_at = await now(session) + AGAIN
    return await look_after_channel.using(JobOptions(dedup_key=str(channel_id))).start(session, channel_id)


async def rescued(session: AsyncSession, channel_id: UUID, used: str, keys: Keyring) -> bool:
    """Whether a token that the platform took no more has been, or is being, replaced: then try again soon.

    Args:
        used: The token that was refused.
    """
    channel = await channels.hold(session, channel_id)
    if channel.token is None or channel.error is not None:
        return False
    if channels.account(channel, keys).token != used:
        return True
    if channel.refresh_token is None:
        return False
    moment = await now(session)
    if channel.renewed_at is not None and channel.renewed_at > moment - AGAIN:
        return False  # fresh, and refused all the same
    channel.token_expires_at = min(moment, channel.token_expires_at or moment)
    await begin(session, channel_id)
    return True


async def refused(session: AsyncSession, channel_id: UUID, used: str, keys: Keyring, error: TokenExpired) -> bool:
    """What follows from a token that was refused: whether another takes its place soon; else its end is loud."""
    again = await rescued(session, channel_id, used, keys)
    if not again:
        await channels.token_died(session, channel_id, error.reason, str(error))
    return again


@asynccontextmanager
async def minding(run: Run, keys: Keyring, channel_id: UUID, account: Account) -> AsyncIterator[None]:
    """For work with an account: a token that is taken no more is replaced and the work put off, or its end is loud.

    Raises TryLater, or TokenExpired once the channel says that a person must connect it again.
    """
    try:
        yield
    except TokenExpired as error:
        async with run.transaction() as session:
            again = await refused(session, channel_id, account.token, keys, error)
        if not again:
            raise
        raise TryLater("The channel's token is being renewed.", Reason.NOT_READY, after=RENEWING) from error


@job(queue="publish", max_attempts=12, timeout=300)
async def look_after_channel(run: Run, channel_id: UUID) -> None:
    """Renew an account's token, or say that a person must."""
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        held = await _claim(session, keys, channel_id)
    if held is None:
        return
    try:
        async with outside.connected(run.settings) as connection:
            fresh = await logins.renew(connection, held.platform, held.account_id, held.grant, live=held.live)
    except TokenExpired as dead:
        async with run.completion() as session:
            detail = f"{dead} The access was withdrawn, or an answer with a newer refresh token was lost."
            await channels.token_died(session, channel_id, dead.reason, detail)
        return
    except TryLater:
        async with run.transaction() as session:
            (await channels.hold(session, channel_id)).renewing_since = None
        raise

    async def write_down() -> None:  # whatever became of the job: the old refresh token may be dead already
        async with run.db.transaction(run.actor) as session:
            await _renewed(session, keys, channel_id, held, fresh)

    await persistently(write_down)


@look_after_channel.on_end
async def _not_renewed(session: AsyncSession, row: Job, error: dict[str, object]) -> None:
    """It came to nothing: said, and looked at again later."""
    channel = await channels.hold(session, UUID(row.payload["channel_id"]))
    channel.renewing_since = None
    await session.flush()
    await channels.record(session, "channel_renewal_failed", channel, detail=error.get("detail"))


async def _claim(session: AsyncSession, keys: Keyring, channel_id: UUID) -> Held | None:
    """Do what is due, and take the channel where its token is to be renewed. Raises TryLater while somebody has it."""
    channel = await channels.hold(session, channel_id)
    moment = await now(session)
    match tokens.duty(channels.life(channel), moment):
        case Duty.RENEW:
            return _taken(channel, keys, moment)
        case Duty.END:
            await channels.token_died(session, channel_id, Reason.EXPIRED, "What the person allowed has ended.")
        case Duty.WARN:
            channel.warned_at = moment
            _settle(channel)
            await session.flush()
            ends = channels.life(channel).ends
            said = (
                {"ends_at": ends.isoformat(), "detail": f"Its token ends at {ends:%Y-%m-%d %H:%M} UTC."} if ends else {}
            )
            await channels.record(session, "channel_expiring", channel, **said)
        case Duty.NOTHING:
            _settle(channel)
    return None


def _taken(channel: Channel, keys: Keyring, moment: datetime) -> Held:
    if channel.renewing_since is not None and channel.renewing_since > moment - ASKING:
        wait = (channel.renewing_since + ASKING - moment).total_seconds()
        raise TryLater("Another worker is asking for a fresh token.", Reason.NOT_READY, after=wait)
    channel.renewing_since = moment
    grant = Grant(
        channels.account(channel, keys).token,
        channel.token_expires_at,
        tuple(channel.scopes),
        channels.refresh_token(channel, keys),
    )
    return Held(channel.platform, channel.external_id, not channel.sandbox, grant)


async def _renewed(session: AsyncSession, keys: Keyring, channel_id: UUID, held: Held, fresh: Fresh) -> None:
    """Write the fresh tokens down, unless the account was connected anew or disconnected meanwhile."""
    channel = await channels.hold(session, channel_id)
    if channel.token is None or channels.account(channel, keys).token != held.grant.token:
        return
    channels.keep_tokens(session, keys, channel, fresh.token, fresh.refresh_token)
    channel.token_expires_at, channel.renewed_at, channel.renewing_since = (
        fresh.token_expires_at,
        await now(session),
        None,
    )
    channel.consent_ends_at = fresh.consent_ends_at or channel.consent_ends_at
    channel.scopes = list(fresh.scopes) or channel.scopes
    _settle(channel)
    await session.flush()
    ends = channel.token_expires_at
    await channels.record(session, "channel_renewed", channel, token_expires_at=ends.isoformat() if ends else None)


def _settle(channel: Channel) -> None:
    channel.look_at = tokens.look_at(channels.life(channel))
