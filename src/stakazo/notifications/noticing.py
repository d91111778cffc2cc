"""Notifications: what people of a workspace should hear of, and what each of them has read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import new_id
from stakazo.core.db import now
from stakazo.core.errors import NotFound
from stakazo.core.live import publish
from stakazo.core.paging import Page, page
from stakazo.ledger import reading
from stakazo.ledger.models import LedgerEvent, LedgerSeal
from stakazo.ledger.personal import ERASED
from stakazo.notifications import news, notices
from stakazo.notifications.models import Lookout, Notification, NotificationRead


@dataclass(frozen=True, slots=True)
class Seen:
    """A notification, and whether the one who asks has read it."""

    notification: Notification
    read: bool


# --- from the ledger ----------------------------------------------------------------------------------------


async def take_in(session: AsyncSession) -> list[Notification]:
    """Write down what people should hear of what has happened since; each once, whoever dies and however many look."""
    await open_(session)
    found = select(Lookout).with_for_update(skip_locked=True).execution_options(populate_existing=True)
    lookout = (await session.scalars(found)).one_or_none()
    happened = await news.since(session, lookout.position) if lookout else []
    if lookout is None or not happened:
        return []
    moment, made = await now(session), []
    heard = [one for one in happened if notices.of(one, moment)]
    words = await reading.whole(session, {one.id: one.data for one in heard})
    for one in heard:
        notice = notices.of(replace(one, data=words[one.id]), moment)
        assert notice
        row = Notification(
            id=new_id(),
            event_id=one.id,
            kind=notice.kind,
            urgency=notice.urgency,
            title=notice.title,
            detail=notice.detail,
            todo=notice.todo,
            needs=notice.needs,
            subject_type=one.subject_type,
            subject_id=one.subject_id,
            happened_at=one.time,
        )
        session.add(row)
        made.append(row)
    lookout.position = happened[-1].position + 1
    await session.flush()
    for row in made:
        await publish(session, "notification", row.id)
    return made


async def open_(session: AsyncSession) -> None:
    """Have a lookout, from what is still news on."""
    recent = LedgerEvent.created_at > await now(session) - notices.OLD
    first = select(func.min(LedgerSeal.position)).join(LedgerEvent, LedgerEvent.id == LedgerSeal.id).where(recent)
    if await session.scalar(select(Lookout.id)) is None:
        row = {"id": new_id(), "position": await session.scalar(first) or 0}
        await session.execute(insert(Lookout).values(row).on_conflict_do_nothing())


# --- reading ------------------------------------------------------------------------------------------------


async def find(
    session: AsyncSession,
    person: UUID | None,
    permissions: Collection[str],
    *,
    unread: bool = False,
    kind: str | None = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Seen]:
    """What somebody with these permissions should hear of; a key has read nothing."""
    found = select(Notification).where(Notification.needs.in_(permissions))
    if unread:
        found = found.where(~_read_by(person))
    if kind is not None:
        found = found.where(Notification.kind == kind)
    order = [Notification.created_at, Notification.id]
    keys = [key.desc() for key in order] if sort == "newest" else order
    found_page = await page(session, found, keys, cursor, limit)
    return Page(await _seen(session, person, found_page.items), found_page.next_cursor)


async def get(session: AsyncSession, person: UUID | None, permissions: Collection[str], notification_id: UUID) -> Seen:
    found = select(Notification).where(Notification.id == notification_id, Notification.needs.in_(permissions))
    row = (await session.scalars(found)).one_or_none()
    if row is None:
        raise NotFound(f"There is no notification {notification_id}.")
    return (await _seen(session, person, [row]))[0]


async def mark(session: AsyncSession, person: UUID, notification_id: UUID, *, read: bool) -> None:
    """Have read one, or not; it is each person's own."""
    if read:
        row = {"id": new_id(), "notification_id": notification_id, "user_id": person}
        await session.execute(insert(NotificationRead).values(row).on_conflict_do_nothing())
        return
    theirs = NotificationRead.notification_id == notification_id, NotificationRead.user_id == person
    await session.execute(delete(NotificationRead).where(*theirs))


async def mark_all(session: AsyncSession, person: UUID, permissions: Collection[str], until: datetime | None) -> int:
    """Have read all that was there by then; how many that were."""
    unread = select(Notification.id).where(Notification.needs.in_(permissions), ~_read_by(person))
    if until is not None:
        unread = unread.where(Notification.created_at <= until)
    ids = (await session.scalars(unread)).all()
    if ids:
        rows = [{"id": new_id(), "notification_id": one, "user_id": person} for one in ids]
        await session.execute(insert(NotificationRead).values(rows).on_conflict_do_nothing())
    return len(ids)


async def forget(session: AsyncSession, subjects: Collection[tuple[str, UUID]]) -> None:
    """Erase why what was told of these, given as kind and id, had happened; that it did stays."""
    theirs = tuple_(Notification.subject_type, Notification.subject_id).in_(list(subjects))
    said = update(Notification).where(theirs, Notification.detail != "").values(detail=ERASED)
    await session.execute(said.execution_options(synchronize_session=False))


async def unread_between(
    session: AsyncSession, person: UUID, permissions: Collection[str], since: datetime, until: datetime
) -> Sequence[Notification]:
    """What came in a time and somebody hasn't read, oldest first."""
    found = select(Notification).where(
        Notification.needs.in_(permissions),
        Notification.created_at > since,
        Notification.created_at <= until,
        ~_read_by(person),
    )
    return (await session.scalars(found.order_by(Notification.created_at, Notification.id))).all()


def _read_by(person: UUID | None) -> ColumnElement[bool]:
    return exists().where(NotificationRead.notification_id == Notification.id, NotificationRead.user_id == person)


async def _seen(session: AsyncSession, person: UUID | None, rows: Sequence[Notification]) -> list[Seen]:
    found = select(NotificationRead.notification_id).where(
        NotificationRead.user_id == person, NotificationRead.notification_id.in_([row.id for row in rows])
    )
    read = set(await session.scalars(found))
    return [Seen(row, row.id in read) for row in rows]
