"""What can be done with ad accounts: connect them, let them spend real money, disconnect them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import lateness, states
from stakazo.ads.models import AdAccount, Campaign
from stakazo.core import rows
from stakazo.core.actor import new_id
from stakazo.core.db import actor_of, now
from stakazo.core.errors import Conflict, Forbidden, Invalid
from stakazo.core.paging import Key, Page, page
from stakazo.core.security import Keyring
from stakazo.ledger import service as ledger
from stakazo.platforms.base import Account, Platform
from stakazo.platforms.errors import TokenExpired
from stakazo.platforms.hosts import TOKEN_MARK
from stakazo.publishing import slots

_TOKEN = "ad_accounts.token"  # noqa: S105 - a place, not a token


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An account as a person hands it over; what is empty the platform says."""

    external_id: str
    token: str = field(repr=False)
    page_id: str
    name: str = ""
    currency: str = ""
    """ISO 4217."""
    time_zone: str = ""
    instagram_id: str | None = None
    pixel_id: str | None = None
    token_expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()


class Came(StrEnum):
    """How an account came to be connected."""

    NEW = "new"
    AGAIN = "again"
    """It was, with another token."""
    BACK = "back"
    """It had been disconnected."""


async def connect(session: AsyncSession, keys: Keyring, given: Given) -> tuple[AdAccount, Came]:
    """Connect an account that was looked at, or connect it again; says the account, and how it came.

    An account that was disconnected is the one that it was, with its campaigns, if it counts as it did. It spends no
    real money before a person switches it to live. Raises Conflict where it is connected in the other world, or its
    campaigns count in another currency; Invalid for a time zone that there is not.
    """
    if slots.zone(given.time_zone) is None:
        raise Invalid(f"There is no time zone {given.time_zone!r}; one is called Europe/Berlin.")
    external_id = given.external_id.removeprefix("act_")
    sandbox = given.token.startswith(TOKEN_MARK)
    as_it_was = and_(
        AdAccount.sandbox == sandbox, AdAccount.currency == given.currency, AdAccount.time_zone == given.time_zone
    )
    same = select(AdAccount).where(
        AdAccount.external_id == external_id, or_(AdAccount.disconnected_at.is_(None), as_it_was)
    )
    newest = same.order_by(AdAccount.disconnected_at.desc().nulls_first(), AdAccount.id.desc()).limit(1)
    account = (await session.scalars(newest.with_for_update())).one_or_none()
    came = Came.AGAIN
    if account is None:
        came = Came.NEW
        account = AdAccount(id=new_id(), platform="meta", external_id=external_id, sandbox=sandbox, live=False)
    elif account.sandbox is not sandbox:
        raise Conflict("This account is connected with a token of the other world. Disconnect it first.")
    elif (account.currency, account.time_zone) != (given.currency, given.time_zone):
        raise Conflict("Its currency or time zone isn't what it was: what was spent is counted in them.")
    if account.disconnected_at is not None:
        came, account.disconnected_at = Came.BACK, None
    keep_token(session, keys, account, given.token)
    for name in ("name", "currency", "time_zone", "page_id", "instagram_id", "pixel_id", "token_expires_at"):
        setattr(account, name, getattr(given, name))
    account.scopes, account.error = list(given.scopes), None
    account.warned_at = account.renewal_tried_at = None
    session.add(account)
    await session.flush()
    await record(session, "ad_account_connected" if came is Came.NEW else "ad_account_reconnected", account)
    return account, came


def keep_token(session: AsyncSession, keys: Keyring, account: AdAccount, token: str) -> None:
    """Seal the token that the account is used with from now on."""
    account.token = keys.seal(token.encode(), _TOKEN, owner=actor_of(session).workspace_id, row=account.id)


def opened(account: AdAccount, keys: Keyring) -> Account:
    """The account as the platform's client wants it. Raises Conflict for one that was disconnected."""
    if account.token is None:
        raise Conflict(f"The ad account {account.name} was disconnected.")
    token = keys.unseal(account.token, _TOKEN, owner=account.workspace_id, row=account.id).decode()
    return Account(Platform.FACEBOOK, account.external_id, token, live=account.live)


def day(account: AdAccount, moment: datetime) -> date:
    """The date that it is for the account."""
    return moment.astimezone(ZoneInfo(account.time_zone)).date()


async def get(session: AsyncSession, account_id: UUID) -> AdAccount:
    return await rows.get(session, AdAccount, account_id, "ad account")


async def hold(session: AsyncSession, account_id: UUID) -> AdAccount:
    """The account, locked."""
    return await rows.hold(session, AdAccount, account_id, "ad account")


async def find(
    session: AsyncSession,
    *,
    disconnected: bool = False,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[AdAccount]:
    """Ad accounts; disconnected ones only where they are asked for."""
    found = select(AdAccount)
    if not disconnected:
        found = found.where(AdAccount.disconnected_at.is_(None))
    keys: list[Key] = [AdAccount.created_at, AdAccount.id]
    if sort == "newest":
        keys = [AdAccount.created_at.desc(), AdAccount.id.desc()]
    return await page(session, found, keys, cursor, limit)


async def change(session: AsyncSession, account_id: UUID, changes: Mapping[str, Any]) -> AdAccount:
    """Its name, Page, Instagram account and pixel, for what is launched from now on."""
    account = await hold(session, account_id)
    for name, value in changes.items():
        setattr(account, name, value)
    await session.flush()
    await record(session, "ad_account_changed", account, changed=dict(changes))
    return account


async def let_live(session: AsyncSession, account_id: UUID, *, live: bool) -> AdAccount:
    """Let an account spend real money, or stop that. Only a person may, and nothing else ever does.

    Raises Conflict where it is to stop while something of it may be running.
    """
    account = await hold(session, account_id)
    if live and actor_of(session).kind != "user":
        raise Forbidden("Only a person lets an ad account spend real money: sign in, a key can't.")
    if live and account.sandbox:
        raise Conflict("This is an account of the sandbox; no money is there. Connect the real account.")
    if live and account.token is None:
        raise Conflict("This ad account was disconnected. Connect it again first.")
    if account.live and not live:
        await _require_rest(session, account)
    if account.live is not live:
        account.live = live
        await session.flush()
        await record(session, "ad_account_went_live" if live else "ad_account_stopped", account)
    return account


async def disconnect(session: AsyncSession, account_id: UUID) -> AdAccount:
    """Forget an account's token. Raises Conflict where something of it may be running: nobody could stop it then."""
    account = await hold(session, account_id)
    await _require_rest(session, account)
    if account.disconnected_at is None:
        account.token, account.live, account.disconnected_at = None, False, await now(session)
        await session.flush()
        await record(session, "ad_account_disconnected", account)
    return account


async def _require_rest(session: AsyncSession, account: AdAccount) -> None:
    moment, found = await now(session), select(Campaign.state, Campaign.unanswered)
    rows = (await session.execute(found.where(Campaign.account_id == account.id))).all()
    if count := sum(state in states.SPENDING | states.UNDER_WAY for state, _ in rows):
        raise Conflict(f"{count} campaigns of this account may be running: pause or settle them first.")
    until = max(filter(None, (lateness.until(told) for _, told in rows)), default=moment)
    if until > moment:
        raise Conflict(
            "A request to let one of its campaigns run was never answered, and may come late, when nobody could stop "
            f"it any more. Archive those that have a `room_until`, or wait until {until:%Y-%m-%d %H:%M} UTC."
        )


async def token_died(session: AsyncSession, account_id: UUID, error: TokenExpired) -> None:
    """The platform doesn't take the token any more: said once, until the account is connected again."""
    account = await hold(session, account_id)
    if account.error is None:
        account.error = {
            "code": error.reason.value,
            "detail": str(error),
            "todo": "Connect the ad account again; until then nothing of it can be stopped from here.",
        }
        await session.flush()
        await record(session, "ad_account_token_expired", account, reason=error.reason.value)


async def watch(session: AsyncSession, account: AdAccount, job_id: UUID | None, **said: datetime) -> None:
    """Say which job looks at the account; for who edits it nothing has changed by that."""
    values = {"watch_job_id": job_id, "updated_at": AdAccount.updated_at, **said}
    await session.execute(update(AdAccount).where(AdAccount.id == account.id).values(values))
    await session.refresh(account)


async def record(session: AsyncSession, event: str, account: AdAccount, **data: Any) -> None:
    await ledger.record(
        session,
        event,
        subject=("ad_account", account.id),
        account=account.external_id,
        name=account.name,
        sandbox=account.sandbox,
        **data,
    )
