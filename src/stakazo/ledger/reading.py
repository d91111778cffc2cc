"""Reading the ledger: events by what one asks for, their places, and the life of one thing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import keyring_of
from stakazo.core.errors import Invalid, NotFound
from stakazo.core.paging import Page, page
from stakazo.core.security import Keyring
from stakazo.ledger import checkpoint, personal, story
from stakazo.ledger import statement as statements
from stakazo.ledger.canonical import Event, read_event
from stakazo.ledger.models import LedgerEvent, LedgerSeal
from stakazo.ledger.proofs import disclosed, latest
from stakazo.ledger.service import keys_of
from stakazo.ledger.story import Step
from stakazo.report.statement import Statement

_SUBJECT = re.compile(r"(?:([a-z_]{1,40})/)?([0-9a-fA-F-]{36})")


@dataclass(frozen=True, slots=True)
class Shown:
    """An event as it is shown: its own bytes, read, and its place."""

    event: Event
    position: int | None
    """None until it is sealed."""
    personal: dict[str, Any] | None
    """What it says of a person, or that this was erased."""


def asked(
    *,
    event: Sequence[str] = (),
    subject: str | None = None,
    actor: str | None = None,
    correlation_id: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[ColumnElement[bool]]:
    """What one asks for, as conditions. Raises Invalid.

    Args:
        event: Names of events, any of them.
        subject: `clip/<id>`, or the id alone.
        actor: `user/<id>`, or the id alone.
        correlation_id: One thread.
        since: The earliest moment.
        until: The moment before which it was.
    """
    found: list[ColumnElement[bool]] = []
    if event:
        found.append(LedgerEvent.event.in_(event))
    if subject is not None:
        kind, subject_id = parse_subject(subject)
        found.append(LedgerEvent.subject_id == subject_id)
        if kind:
            found.append(LedgerEvent.subject_type == kind)
    if actor is not None:
        kind, slash, actor_id = actor.partition("/")
        found.append(LedgerEvent.actor_id == (actor_id if slash else actor))
        if slash:
            found.append(LedgerEvent.actor_kind == kind)
    if correlation_id is not None:
        found.append(LedgerEvent.correlation_id == correlation_id)
    if since is not None:
        found.append(LedgerEvent.created_at >= since)
    if until is not None:
        found.append(LedgerEvent.created_at < until)
    return found


def parse_subject(text: str) -> tuple[str | None, UUID]:
    """Kind and id of `clip/<id>`; without a kind, None. Raises Invalid."""
    parts = _SUBJECT.fullmatch(text)
    try:
        if parts:
            return parts[1], UUID(parts[2])
    except ValueError:
        pass
    raise Invalid(f"{text!r} names nothing: it is an id, or a kind and an id, like clip/01990000-....")


async def find(
    session: AsyncSession,
    conditions: Sequence[ColumnElement[bool]],
    cursor: str | None,
    limit: int,
    sort: Literal["newest", "oldest"] = "newest",
    *,
    keyring: Keyring | None = None,
) -> Page[Shown]:
    """One page of the events. Without the keyring nothing personal is shown."""
    order = LedgerEvent.id.desc() if sort == "newest" else LedgerEvent.id
    found = await page(session, select(LedgerEvent).where(*conditions), [order], cursor, limit)
    return Page(await show(session, found.items, keyring), found.next_cursor)


async def show(session: AsyncSession, rows: Sequence[LedgerEvent], keyring: Keyring | None) -> list[Shown]:
    """The rows as what their bytes say."""
    places = await places_of(session, [row.id for row in rows])
    keys = await keys_of(session, keyring, [row.data for row in rows]) if keyring else None

    def shown(row: LedgerEvent) -> Shown:
        about = None if keys is None else disclosed(row.id, row.data, keys)
        return Shown(read_event(row.canonical), places.get(row.id), about)

    return [shown(row) for row in rows]


async def places_of(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, int]:
    """The positions of the sealed ones."""
    found = await session.execute(select(LedgerSeal.id, LedgerSeal.position).where(LedgerSeal.id.in_(list(ids))))
    return {event_id: position for event_id, position in found}  # noqa: C416 (dict() loses the types)


async def life(session: AsyncSession, subject: str, names: dict[str, str]) -> list[Step]:
    """The whole life of a video, clip, variant ..., from where it came to what came of it. Raises NotFound, Invalid.

    `names` says what actors (`user/<id>`) are called.
    """
    _, subject_id = parse_subject(subject)
    own = await _events(session, LedgerEvent.subject_id == subject_id)
    if not own:
        raise NotFound(f"The ledger tells nothing of {subject}.")
    threads = {event.correlation_id for event in own}
    found = {event.id: event for event in await _events(session, LedgerEvent.correlation_id.in_(threads))}
    kept = story.belongs(sorted(found.values(), key=lambda event: event.id.bytes), subject_id)
    told = {event.subject_id for event in kept}
    elsewhere = {named for event in kept for named in story.references(event)} - told  # a rule, a channel
    for event in await _events(session, LedgerEvent.subject_id.in_(elsewhere)) if elsewhere else ():
        kept.append(event)
    return story.tell(sorted(kept, key=lambda event: event.id.bytes), names)


async def statement(
    session: AsyncSession, workspace: str, names: dict[str, str], video: UUID | None = None
) -> Statement:
    """What was made of every video, or of one, up to the newest checkpoint. Raises NotFound."""
    newest = await latest(session)
    found = (
        select(LedgerEvent.canonical)
        .join(LedgerSeal, LedgerSeal.id == LedgerEvent.id)
        .where(LedgerSeal.position < newest.size, LedgerEvent.event.in_(statements.TELLS))
        .order_by(LedgerSeal.position)
    )
    events = await _opened(session, [read_event(row) for row in await session.scalars(found)])
    works = statements.works(events, names, video)
    if not works:
        raise NotFound("The signed ledger tells of no such video.")
    return Statement(
        workspace=workspace,
        made_at=f"{newest.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        works=works,
        origin=checkpoint.read(newest.note).checkpoint.origin,
        size=newest.size,
        root=newest.root.hex(),
        checkpoint=newest.note,
    )


async def _events(session: AsyncSession, condition: ColumnElement[bool]) -> list[Event]:
    rows = await session.scalars(select(LedgerEvent.canonical).where(condition).order_by(LedgerEvent.id))
    return await _opened(session, [read_event(row) for row in rows])


async def _opened(session: AsyncSession, events: Sequence[Event]) -> list[Event]:
    found = await whole(session, {event.id: event.data for event in events})
    return [replace(event, data=found[event.id]) for event in events]


async def whole(session: AsyncSession, said: Mapping[UUID, Mapping[str, Any]]) -> dict[UUID, Mapping[str, Any]]:
    """The data of events, by their ids, with what they say of persons at its place as far as it can still be read."""
    if not any(personal.KEY in data for data in said.values()):
        return dict(said)
    keys = await keys_of(session, keyring_of(session), said.values())

    def opened(event_id: UUID, data: Mapping[str, Any]) -> Mapping[str, Any]:
        shown = disclosed(event_id, data, keys)
        return personal.joined(data, shown["values"]) if shown else data

    return {event_id: opened(event_id, data) for event_id, data in said.items()}
