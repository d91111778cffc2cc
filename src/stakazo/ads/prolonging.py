"""Keeping an ad account's token alive while its campaigns are watched: sixty days more from Meta, or said in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts
from stakazo.ads.models import AdAccount
from stakazo.core.db import now
from stakazo.core.security import Keyring
from stakazo.jobs.run import Run
from stakazo.platforms.base import Platform
from stakazo.platforms.errors import PlatformError
from stakazo.platforms.meta_login import MetaConsent
from stakazo.platforms.oauth import Grant
from stakazo.publishing import outside, tokens
from stakazo.publishing.tokens import Duty

TRY_AGAIN = timedelta(days=1)
"""After which a renewal that came to nothing is tried again; there are twenty days for it."""


async def due(session: AsyncSession, keys: Keyring, account_id: UUID) -> Grant | None:
    """What is to be renewed now, if anything; and where a token ends soon its person is told, once."""
    account = await accounts.hold(session, account_id)
    moment = await now(session)
    if account.token is None or account.token_expires_at is None or account.error is not None:
        return None
    if tokens.duty(account.life, moment) is Duty.WARN:
        await _warn(session, account, moment)
    ahead = account.token_expires_at - tokens.AHEAD[Platform.FACEBOOK]
    tried = account.renewal_tried_at is not None and account.renewal_tried_at > moment - TRY_AGAIN
    if tried or ahead > moment:
        return None
    account.renewal_tried_at = moment
    return Grant(accounts.opened(account, keys).token, account.token_expires_at, tuple(account.scopes))


async def _warn(session: AsyncSession, account: AdAccount, moment: datetime) -> None:
    account.warned_at = moment
    await session.flush()
    ends = account.token_expires_at
    assert ends is not None
    detail = f"Its token ends at {ends.astimezone(UTC):%Y-%m-%d %H:%M} UTC, and Meta gives no more time by itself."
    await accounts.record(session, "ad_account_expiring", account, ends_at=ends.isoformat(), detail=detail)


async def prolong(run: Run, account_id: UUID, grant: Grant, *, live: bool) -> None:
    """Sixty days more for this token, if Meta gives them. What it says otherwise is written down, and nothing else."""
    keys = Keyring(run.settings)
    try:
        async with outside.connected(run.settings) as connection:
            meta = MetaConsent(connection, live=live)
            fresh = await meta.refresh(grant)
            ends = fresh.expires_at or (await meta.look(fresh.token)).expires_at
    except PlatformError as error:
        async with run.transaction() as session:
            account = await accounts.hold(session, account_id)
            await accounts.record(session, "ad_account_renewal_failed", account, detail=str(error))
        return
    async with run.transaction() as session:
        account = await accounts.hold(session, account_id)
        if account.token is None or accounts.opened(account, keys).token != grant.token:
            return  # connected anew, or disconnected, meanwhile
        accounts.keep_token(session, keys, account, fresh.token)
        account.token_expires_at, account.warned_at = ends, None
        account.scopes = list(fresh.scopes) or account.scopes
        await session.flush()
        said = ends.isoformat() if ends else None
        await accounts.record(session, "ad_account_renewed", account, token_expires_at=said)
