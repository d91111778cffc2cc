"""What can be done with channels: connect accounts of platforms, let them publish for real, disconnect them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any, Literal
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from stakazo.core import rows
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database, actor_of, now
from stakazo.core.errors import Conflict, Forbidden, Invalid
from stakazo.core.paging import Key, Page, page
from stakazo.core.security import Keyring
from stakazo.ledger import service as ledger
from stakazo.platforms.base import Account, Platform
from stakazo.platforms.errors import Reason
from stakazo.platforms.hosts import TOKEN_MARK
from stakazo.publishing import scopes, slots, tokens
from stakazo.publishing.models import Channel, Publication
from stakazo.publishing.preflight import TERRITORY
from stakazo.publishing.slots import Slot
from stakazo.publishing.states import OPEN
from stakazo.publishing.tokens import Life

log = structlog.get_logger(__name__)

_TOKEN, _REFRESH = "channels.token", "channels.refresh_token"


@dataclass(frozen=True, slots=True)
class Given:
    """An account as a platform, or a person, hands it over."""

    platform: Platform
    external_id: str
    name: str
    token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    token_expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    consent_ends_at: datetime | None = None


async def connect(session: AsyncSession, keys: Keyring, given: Given) -> tuple[Channel, bool]:
    """Connect an account whose token was looked at, or connect it again; says the channel, and whether it is new.

    An account that was disconnected is the channel that it was: what was published on it isn't wanted once more. It
    publishes nothing for real before a person switches it to live. Raises Conflict where the same account is connected
    in the other world, sandbox or real.
    """
    sandbox = given.token.startswith(TOKEN_MARK)
    same = select(Channel).where(
        Channel.platform == given.platform,
        Channel.external_id == given.external_id,
        or_(Channel.disconnected_at.is_(None), Channel.sandbox == sandbox),
    )
    newest = same.order_by(Channel.disconnected_at.desc().nulls_first(), Channel.id.desc()).limit(1)
    channel = (await session.scalars(newest.with_for_update())).one_or_none()
    created = channel is None
    if channel is None:
        channel = Channel(
            id=new_id(), platform=given.platform, external_id=given.external_id, name=given.name, sandbox=sandbox,
            live=False, slots=[], scopes=[],
        )  # fmt: skip
    elif channel.sandbox is not sandbox:
        raise Conflict("This account is connected with a token of the other world. Disconnect it first.")
    channel.disconnected_at = channel.leaving_since = channel.leaving_token = None
    keep_tokens(session, keys, channel, given.token, given.refresh_token)
    channel.token_expires_at, channel.consent_ends_at = given.token_expires_at, given.consent_ends_at
    channel.scopes, channel.error = list(given.scopes), None
    channel.renewed_at = channel.renewing_since = channel.warned_at = None
    channel.look_at = tokens.look_at(life(channel))
    channel.subscribed_at = channel.subscription_error = None
    session.add(channel)
    await session.flush()
    event = "channel_connected" if created else "channel_reconnected"
    await record(session, event, channel, scopes=channel.scopes, missing=list(life(channel).missing))
    return channel, created


def keep_tokens(session: AsyncSession, keys: Keyring, channel: Channel, token: str, refresh_token: str | None) -> None:
    """Seal an account's tokens into its row."""
    owner = actor_of(session).workspace_id
    channel.token = keys.seal(token.encode(), _TOKEN, owner=owner, row=channel.id)
    channel.refresh_token = (
        keys.seal(refresh_token.encode(), _REFRESH, owner=owner, row=channel.id) if refresh_token else None
    )


def refresh_token(channel: Channel, keys: Keyring) -> str | None:
    """With what a fresh token is got."""
    if channel.refresh_token is None:
        return None
    return keys.unseal(channel.refresh_token, _REFRESH, owner=channel.workspace_id, row=channel.id).decode()


def life(channel: Channel) -> Life:
    """What is known of an account's token."""
    return Life(
        channel.platform,
        channel.token_expires_at,
        renewable=channel.refresh_token is not None,
        consent_ends=channel.consent_ends_at,
        connected=channel.token is not None,
        dead=channel.error is not None,
        warned=channel.warned_at is not None,
        missing=scopes.lacks(channel.platform, channel.scopes),
    )


def account(channel: Channel, keys: Keyring) -> Account:
    """The account as the platforms' clients want it. Raises Conflict for one that was disconnected."""
    if channel.token is None:
        raise Conflict(f"The channel {channel.name} was disconnected.")
    token = keys.unseal(channel.token, _TOKEN, owner=channel.workspace_id, row=channel.id).decode()
    return Account(channel.platform, channel.external_id, token, live=channel.live)


async def get(session: AsyncSession, channel_id: UUID) -> Channel:
    return await rows.get(session, Channel, channel_id, "channel")


async def hold(session: AsyncSession, channel_id: UUID) -> Channel:
    """The channel, locked: who plans on it waits for the others."""
    return await rows.hold(session, Channel, channel_id, "channel")


async def find(
    session: AsyncSession,
    *,
    platform: Platform | None = None,
    disconnected: bool = False,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Channel]:
    """Channels; disconnected ones only where they are asked for."""
    found = select(Channel)
    if platform is not None:
        found = found.where(Channel.platform == platform)
    if not disconnected:
        found = found.where(Channel.disconnected_at.is_(None))
    keys: list[Key] = [Channel.created_at, Channel.id]
    if sort == "newest":
        keys = [Channel.created_at.desc(), Channel.id.desc()]
    return await page(session, found, keys, cursor, limit)


async def change(session: AsyncSession, channel_id: UUID, changes: Mapping[str, Any]) -> Channel:
    """Name, time zone, slots, pace and territory. Raises Invalid."""
    channel = await hold(session, channel_id)
    if (name := changes.get("time_zone")) is not None and slots.zone(name) is None:
        raise Invalid(f"There is no time zone {name!r}; one is called Europe/Berlin, another America/New_York.")
    if (where := changes.get("territory")) is not None and not TERRITORY.fullmatch(where):
        raise Invalid("A territory is a country's two letters (ISO 3166-1): DE, US.")
    for name, value in changes.items():
        setattr(channel, name, value)
    await session.flush()
    await record(session, "channel_changed", channel, changed=dict(changes))
    return channel


async def let_live(session: AsyncSession, channel_id: UUID, *, live: bool) -> Channel:
    """Let an account publish for real, or stop it. Only a person may, and nothing else ever does."""
    channel = await hold(session, channel_id)
    if live and actor_of(session).kind != "user":
        raise Forbidden("Only a person lets a channel publish for real: sign in, a key can't.")
    if live and channel.sandbox:
        raise Conflict("This is an account of the sandbox; nothing there is real. Connect the real account.")
    if live and channel.token is None:
        raise Conflict("This channel was disconnected. Connect it again first.")
    if channel.live is not live:
        channel.live = live
        await session.flush()
        await record(session, "channel_went_live" if live else "channel_stopped", channel)
    return channel


async def token_died(session: AsyncSession, channel_id: UUID, reason: Reason, detail: str) -> None:
    """The platform doesn't take the token any more: said once, until the channel is connected again."""
    channel = await hold(session, channel_id)
    if channel.error is None:
        channel.error = {
            "code": reason.value,
            "detail": detail,
            "todo": "Connect the channel again, then retry what waits for it.",
        }
        channel.renewing_since = channel.look_at = None
        await session.flush()
        await record(session, "channel_token_expired", channel, reason=reason.value, detail=detail)
        log.warning("channel_needs_reauth", channel_id=str(channel_id), platform=channel.platform.value, detail=detail)


async def disconnect(session: AsyncSession, channel_id: UUID) -> Channel:
    """Forget an account's tokens. Raises Conflict where something is still to be published on it."""
    channel = await hold(session, channel_id)
    waiting = select(func.count()).where(Publication.channel_id == channel_id, Publication.state.in_(OPEN))
    if count := (await session.execute(waiting)).scalar_one():
        raise Conflict(f"{count} publications on this channel are not over: cancel or settle them first.")
    if channel.disconnected_at is None:
        channel.token = channel.refresh_token = channel.look_at = None
        channel.subscribe_at = channel.subscribed_at = channel.subscription_error = None
        channel.live, channel.disconnected_at = False, await now(session)
        await session.flush()
        await record(session, "channel_disconnected", channel)
    return channel


def slots_of(channel: Channel) -> list[Slot]:
    """The channel's weekly slots."""
    return [Slot(int(slot["weekday"]), time.fromisoformat(slot["at"])) for slot in channel.slots]


async def record(session: AsyncSession, event: str, channel: Channel, **data: Any) -> None:
    await ledger.record(
        session,
        event,
        subject=("channel", channel.id),
        platform=channel.platform.value,
        account=channel.external_id,
        name=channel.name,
        sandbox=channel.sandbox,
        **data,
    )


async def begin_due(
    db: Database, moment: InstrumentedAttribute[datetime | None], begin: Callable[[AsyncSession, UUID], Awaitable[Any]]
) -> int:
    """Begin something for every channel, of all workspaces, whose moment for it has come; says for how many."""
    due = select(Channel.id, Channel.workspace_id).where(moment <= func.clock_timestamp()).order_by(moment).limit(500)
    async with db.system_transaction() as session:
        found = (await session.execute(due)).all()
    for channel_id, workspace_id in found:
        async with db.transaction(Actor(workspace_id, "system", "clock")) as session:
            await begin(session, channel_id)
    return len(found)
