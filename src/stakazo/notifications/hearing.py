"""How people hear of things beside the list: a letter a day, and browsers that they have subscribed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.letters import Letter
from stakazo.accounts.models import Membership, User
from stakazo.accounts.roles import ROLES, Role
from stakazo.core.actor import new_id
from stakazo.core.addresses import Allowed, parse
from stakazo.core.db import actor_of, now
from stakazo.core.errors import Conflict, NotFound
from stakazo.core.paging import Page, page
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.core.workspaces import Workspace
from stakazo.ledger import service as ledger
from stakazo.notifications import daily, matching, noticing, webpush
from stakazo.notifications.daily import Item
from stakazo.notifications.endpoints import reachable
from stakazo.notifications.models import Lookout, Notification, NotificationSettings, PushSubscription
from stakazo.notifications.webpush import Receiver

_RECEIVER, _PUSH_KEY = "push_subscriptions.receiver", "lookouts.push_key"
MOST = 20
"""Browsers of one person in one workspace."""


# --- settings -----------------------------------------------------------------------------------------------


async def settings_of(session: AsyncSession, person: UUID) -> NotificationSettings:
    """What somebody has set; what holds without that where they have set nothing, and then it is not kept."""
    kept = await session.scalar(select(NotificationSettings).where(NotificationSettings.user_id == person))
    return kept or NotificationSettings(
        user_id=person, email=False, hour=8, time_zone="UTC", push=True, push_daily=False, muted=[], next_at=None
    )


async def hold_settings(session: AsyncSession, person: UUID) -> NotificationSettings:
    """What somebody has set, locked; what holds without that is kept from now on."""
    fresh = insert(NotificationSettings).values(id=new_id(), user_id=person, told_until=await now(session))
    await session.execute(fresh.on_conflict_do_nothing())
    theirs = select(NotificationSettings).where(NotificationSettings.user_id == person)
    return (await session.scalars(theirs.with_for_update().execution_options(populate_existing=True))).one()


async def set_settings(session: AsyncSession, person: UUID, wanted: Mapping[str, Any]) -> NotificationSettings:
    """Set all of it. The first letter, or daily push, tells what comes from the moment on when one was wanted."""
    moment = await now(session)
    row = await hold_settings(session, person)
    if not (row.email or row.push_daily):
        row.told_until = moment
    for name, value in wanted.items():
        setattr(row, name, value)
    row.muted = matching.checked(row.muted)
    where, once_a_day = daily.zone(row.time_zone), row.email or row.push_daily
    row.next_at = daily.next_moment(moment, row.hour, where) if once_a_day else None
    await session.flush()
    await ledger.record(session, "notification_settings_set", subject=("user", person), **wanted)
    return row


# --- browsers -----------------------------------------------------------------------------------------------


async def push_key(session: AsyncSession, keys: Keyring) -> EllipticCurvePrivateKey:
    """With what the workspace shows who sends; made the first time that somebody asks."""
    await noticing.open_(session)
    found = (await session.scalars(select(Lookout).with_for_update())).one()
    of = {"owner": found.workspace_id, "row": found.id}
    if found.push_key is None:
        made = generate_private_key(SECP256R1())
        raw = made.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        found.push_key = keys.seal(raw, _PUSH_KEY, **of)
        await session.flush()
    key = serialization.load_der_private_key(keys.unseal(found.push_key, _PUSH_KEY, **of), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return key


async def subscribe(
    session: AsyncSession, keys: Keyring, allowed: Allowed, person: UUID, receiver: Receiver, name: str
) -> tuple[PushSubscription, bool]:
    """Tell a browser of somebody's at once; says the subscription, and whether it is new. Raises AddressRefused."""
    url = reachable(receiver.url, allowed)
    fingerprint = hashlib.sha256(url.encode()).digest()
    theirs = select(PushSubscription).where(PushSubscription.user_id == person)
    row = await session.scalar(theirs.where(PushSubscription.fingerprint == fingerprint))
    new = row is None
    if row is None:
        if (await session.scalar(select(func.count()).select_from(theirs.subquery())) or 0) >= MOST:
            raise Conflict(f"You have subscribed {MOST} browsers already. Remove one that you don't use.")
        row = PushSubscription(id=new_id(), user_id=person, fingerprint=fingerprint, service=parse(url).host)
    said = {"url": url, "p256dh": webpush.written(receiver.public_key), "auth": webpush.written(receiver.secret)}
    owner = actor_of(session).workspace_id
    row.receiver, row.name = keys.seal(json.dumps(said).encode(), _RECEIVER, owner=owner, row=row.id), name
    session.add(row)
    await session.flush()
    if new:
        await ledger.record(session, "push_subscribed", subject=("user", person), service=row.service)
    return row, new


async def find_subscriptions(
    session: AsyncSession,
    person: UUID,
    *,
    service: str | None = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[PushSubscription]:
    found = select(PushSubscription).where(PushSubscription.user_id == person)
    if service is not None:
        found = found.where(PushSubscription.service == service)
    order = [PushSubscription.created_at, PushSubscription.id]
    return await page(session, found, [key.desc() for key in order] if sort == "newest" else order, cursor, limit)


async def unsubscribe(session: AsyncSession, subscription_id: UUID, person: UUID | None = None) -> None:
    """Tell a browser nothing more. Raises NotFound where it isn't this person's."""
    row = await session.get(PushSubscription, subscription_id)
    if row is None or person not in {None, row.user_id}:
        raise NotFound(f"You have no subscription {subscription_id}.")
    await ledger.record(session, "push_unsubscribed", subject=("user", row.user_id), service=row.service)
    await session.delete(row)
    await session.flush()


async def listeners(session: AsyncSession, notification: Notification) -> list[UUID]:
    """The subscriptions of those members who hear of this at once."""
    found = (
        select(PushSubscription.id, Membership.role, NotificationSettings.push, NotificationSettings.muted)
        .join(Membership, Membership.user_id == PushSubscription.user_id)
        .outerjoin(NotificationSettings, NotificationSettings.user_id == PushSubscription.user_id)
        .where(NotificationSettings.push_daily.is_not(True))
        .order_by(PushSubscription.id)
    )
    return [
        row.id
        for row in await session.execute(found)
        if notification.needs in ROLES[row.role]
        and row.push is not False
        and not matching.wanted(row.muted or (), notification.kind)
    ]


@dataclass(frozen=True, slots=True)
class Push:
    """One message for one browser."""

    receiver: Receiver
    key: EllipticCurvePrivateKey = field(repr=False)
    message: bytes = field(repr=False)


async def push_of(
    session: AsyncSession, keys: Keyring, base_url: str, subscription_id: UUID, notification_id: UUID
) -> Push | None:
    """What a browser is told; None where its subscription has ended, or whose it is may not hear of it any more."""
    row = await session.get(PushSubscription, subscription_id)
    notification = await session.get(Notification, notification_id)
    if row is None or notification is None or row.id not in await listeners(session, notification):
        return None
    told = {
        "id": str(notification.id),
        "kind": notification.kind,
        "urgency": notification.urgency.value,
        "title": notification.title,
        "body": notification.detail[:500],
        "url": f"{base_url}/notifications/{notification.id}",
    }
    return await _push(session, keys, row, told)


async def daily_push_of(
    session: AsyncSession, keys: Keyring, base_url: str, subscription_id: UUID, digest: Digest
) -> Push | None:
    """What a browser is told once a day; None where there is nothing to tell, or nobody (any more) who wants it."""
    row = await session.get(PushSubscription, subscription_id)
    role = await session.scalar(select(Membership.role).where(Membership.user_id == digest.person))
    settings = await settings_of(session, digest.person)
    if row is None or role is None or not (settings.push and settings.push_daily):
        return None
    items = await _items(session, digest, settings, role)
    if not items:
        return None
    told = {
        "kind": "digest",
        "count": len(items),
        "title": daily.subject(items),
        "body": "\n".join(item.title for item in items)[:500],
        "url": f"{base_url}/notifications",
    }
    return await _push(session, keys, row, told)


async def _push(session: AsyncSession, keys: Keyring, row: PushSubscription, told: Mapping[str, Any]) -> Push:
    said = json.loads(keys.unseal(row.receiver, _RECEIVER, owner=row.workspace_id, row=row.id))
    receiver = Receiver.of(said["url"], said["p256dh"], said["auth"])
    return Push(receiver, await push_key(session, keys), json.dumps(told, ensure_ascii=False).encode())


async def pushed(session: AsyncSession, subscription_id: UUID) -> None:
    """Its service took a message."""
    row = await session.get(PushSubscription, subscription_id)
    if row is not None:
        row.pushed_at = await now(session)


def contact(settings: Settings) -> str:
    """Whom a push service may turn to: the operator, by mail or at the public address."""
    address = parseaddr(settings.mail_from)[1]
    if urlsplit(settings.base_url).scheme == "https":
        return settings.base_url
    return f"mailto:{address}"


# --- letters ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Digest:
    """What one letter is about."""

    person: UUID
    since: datetime
    until: datetime


async def due(session: AsyncSession, person: UUID) -> Digest | None:
    """Somebody's digest, where its time has come; their next one is set in the same transaction."""
    found = select(NotificationSettings).where(
        NotificationSettings.user_id == person, NotificationSettings.next_at <= await now(session)
    )
    row = (await session.scalars(found.with_for_update(skip_locked=True))).one_or_none()
    if row is None:
        return None
    moment = await now(session)
    made = Digest(person, row.told_until, moment)
    row.told_until, row.next_at = moment, daily.next_moment(moment, row.hour, daily.zone(row.time_zone))
    await session.flush()
    return made


async def browsers_of(session: AsyncSession, person: UUID) -> Sequence[UUID]:
    """The subscriptions of somebody who wants their browsers told once a day."""
    settings = await settings_of(session, person)
    theirs = select(PushSubscription.id).where(PushSubscription.user_id == person).order_by(PushSubscription.id)
    return (await session.scalars(theirs)).all() if settings.push and settings.push_daily else []


async def _items(session: AsyncSession, digest: Digest, settings: NotificationSettings, role: Role) -> list[Item]:
    rows = await noticing.unread_between(session, digest.person, ROLES[role], digest.since, digest.until)
    return [
        Item(row.happened_at, row.title, row.detail, row.todo)
        for row in rows
        if not matching.wanted(settings.muted, row.kind)
    ]


async def letter_of(session: AsyncSession, base_url: str, digest: Digest) -> Letter | None:
    """The letter; None where there is nothing to tell, or nobody (any more) whose address is shown to be theirs."""
    found = (
        select(User.email, Membership.role)
        .join(Membership, Membership.user_id == User.id)
        .where(User.id == digest.person, User.email_confirmed_at.is_not(None), User.disabled_at.is_(None))
    )
    who = (await session.execute(found)).one_or_none()
    settings = await settings_of(session, digest.person)
    if who is None or not settings.email:
        return None
    items = await _items(session, digest, settings, who.role)
    if not items:
        return None
    workspace = await session.get_one(Workspace, actor_of(session).workspace_id)
    return daily.letter(who.email, workspace.name, base_url, items, daily.zone(settings.time_zone))
