"""What can be done with endpoints of webhooks: add, change, switch off and on, give a new secret, remove."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core import rows
from stakazo.core.actor import new_id
from stakazo.core.addresses import AddressRefused, Allowed, check, parse, plainly_local
from stakazo.core.db import actor_of, now
from stakazo.core.errors import Conflict
from stakazo.core.paging import Page, page
from stakazo.core.security import Keyring
from stakazo.ledger import service as ledger
from stakazo.notifications import matching, news, signing
from stakazo.notifications.models import DeliveryState, WebhookDelivery, WebhookEndpoint

SECRET, OLD_SECRET = "webhook_endpoints.secret", "webhook_endpoints.old_secret"
OVERLAP = timedelta(hours=24)
"""How long the old secret signs too after it was changed."""
MOST = 50
"""Endpoints of one workspace."""


@dataclass(frozen=True, slots=True)
class Made:
    """An endpoint, and its secret as it is shown this once."""

    endpoint: WebhookEndpoint
    secret: str = field(repr=False)


async def add(
    session: AsyncSession, keys: Keyring, allowed: Allowed, url: str, events: Sequence[str], description: str = ""
) -> Made:
    """Tell this address of these events, beginning with what happens from now on.

    Raises AddressRefused for an address that can't be reached from here, Invalid for a pattern that fits no event.
    """
    if (await session.scalar(select(func.count()).select_from(WebhookEndpoint)) or 0) >= MOST:
        raise Conflict(f"A workspace has {MOST} endpoints at most. Remove one that isn't needed.")
    secret, row = os.urandom(signing.SECRET_BYTES), new_id()
    endpoint = WebhookEndpoint(
        id=row,
        url=reachable(url, allowed),
        description=description,
        events=matching.checked(events),
        secret=keys.seal(secret, SECRET, owner=actor_of(session).workspace_id, row=row),
        position=await news.end(session),
        told_from=datetime.now(UTC),  # the clock by which events say when they happened
    )
    session.add(endpoint)
    await session.flush()
    await _record(session, "webhook_added", endpoint)
    return Made(endpoint, signing.written(secret))


def reachable(url: str, allowed: Allowed) -> str:
    """The address as it will be asked. Raises AddressRefused.

    What a name stands for is looked at each time that something is sent; one that is plainly local is refused at once.
    """
    target = parse(url)
    if target.address is not None:
        check(target, [target.address], allowed)
    if plainly_local(target.host) and target.host not in allowed.names and not allowed.networks:
        raise AddressRefused(f"{target.host} can't be reached from here: it is a name of this machine or its network.")
    inside = target.host in allowed.names or (target.address is not None and allowed.covers(target, target.address))
    if target.scheme != "https" and not inside:
        raise AddressRefused("A webhook goes to an https:// address: what is sent there is nobody else's business.")
    return target.url


async def get(session: AsyncSession, endpoint_id: UUID) -> WebhookEndpoint:
    return await rows.get(session, WebhookEndpoint, endpoint_id, "webhook")


async def hold(session: AsyncSession, endpoint_id: UUID) -> WebhookEndpoint:
    """The endpoint, locked."""
    return await rows.hold(session, WebhookEndpoint, endpoint_id, "webhook")


async def find(
    session: AsyncSession,
    *,
    disabled: bool | None = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[WebhookEndpoint]:
    found = select(WebhookEndpoint)
    if disabled is not None:
        found = found.where(WebhookEndpoint.disabled_at.is_not(None) == disabled)
    order = [WebhookEndpoint.created_at, WebhookEndpoint.id]
    return await page(session, found, [key.desc() for key in order] if sort == "newest" else order, cursor, limit)


async def change(
    session: AsyncSession, allowed: Allowed, endpoint_id: UUID, changes: Mapping[str, Any]
) -> WebhookEndpoint:
    """Change url, events, description, or `enabled`: what is switched on begins with what happens from then on."""
    endpoint = await hold(session, endpoint_id)
    wanted = dict(changes)
    enabled = wanted.pop("enabled", None)
    if "url" in wanted:
        wanted["url"] = reachable(wanted["url"], allowed)
    if "events" in wanted:
        wanted["events"] = matching.checked(wanted["events"])
    for name, value in wanted.items():
        setattr(endpoint, name, value)
    await session.flush()
    if wanted:  # the path of an address can be a secret
        said = {name: parse(value).host if name == "url" else value for name, value in wanted.items()}
        await _record(session, "webhook_changed", endpoint, changed=said)
    if enabled is False and endpoint.disabled_at is None:
        await disable(session, endpoint, None)
    if enabled is True and endpoint.disabled_at is not None:
        endpoint.disabled_at = endpoint.disabled_why = endpoint.failing_since = endpoint.rests_until = None
        endpoint.failures, endpoint.position, endpoint.told_from = 0, await news.end(session), datetime.now(UTC)
        await session.flush()
        await _record(session, "webhook_enabled", endpoint)
    return endpoint


async def disable(session: AsyncSession, endpoint: WebhookEndpoint, why: str | None) -> None:
    """Send nothing more to an endpoint that is held; what waits for it is dead, and can be sent again by hand.

    `why` is null where a person wants it.
    """
    endpoint.disabled_at, endpoint.disabled_why = await now(session), why
    waiting = WebhookDelivery.endpoint_id == endpoint.id, WebhookDelivery.state == DeliveryState.WAITING
    await session.execute(update(WebhookDelivery).where(*waiting).values(state=DeliveryState.DEAD))
    await session.flush()
    await _record(session, "webhook_disabled", endpoint, why=why, by_itself=why is not None)


async def rotate(session: AsyncSession, keys: Keyring, endpoint_id: UUID) -> Made:
    """Give it a new secret. For a day both sign, so that the receiver has time to change."""
    endpoint = await hold(session, endpoint_id)
    of = {"owner": endpoint.workspace_id, "row": endpoint.id}
    old, secret = keys.unseal(endpoint.secret, SECRET, **of), os.urandom(signing.SECRET_BYTES)
    endpoint.old_secret, endpoint.old_secret_until = keys.seal(old, OLD_SECRET, **of), await now(session) + OVERLAP
    endpoint.secret = keys.seal(secret, SECRET, **of)
    await session.flush()
    await _record(session, "webhook_secret_rotated", endpoint, old_until=endpoint.old_secret_until.isoformat())
    return Made(endpoint, signing.written(secret))


async def secrets(session: AsyncSession, keys: Keyring, endpoint: WebhookEndpoint) -> tuple[bytes, ...]:
    """What signs now: the secret, and for a while the one before it."""
    of = {"owner": endpoint.workspace_id, "row": endpoint.id}
    found = [keys.unseal(endpoint.secret, SECRET, **of)]
    if endpoint.old_secret is not None and endpoint.old_secret_until and endpoint.old_secret_until > await now(session):
        found.append(keys.unseal(endpoint.old_secret, OLD_SECRET, **of))
    return tuple(found)


async def remove(session: AsyncSession, endpoint_id: UUID) -> None:
    """Forget an endpoint, and what it was sent."""
    endpoint = await hold(session, endpoint_id)
    await _record(session, "webhook_removed", endpoint)
    await session.delete(endpoint)
    await session.flush()


async def _record(session: AsyncSession, event: str, endpoint: WebhookEndpoint, **data: Any) -> None:
    await ledger.record(session, event, subject=("webhook", endpoint.id), host=parse(endpoint.url).host, **data)
