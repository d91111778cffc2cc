"""What can be done with the ledger: add to it, follow a thread through it, and forget a person."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, inspect, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import Actor, new_id
from stakazo.core.db import actor_of, after_commit, keyring_of
from stakazo.core.errors import NotFound
from stakazo.core.security import Keyring
from stakazo.ledger import personal as enclosures
from stakazo.ledger import story
from stakazo.ledger.canonical import Event, event_bytes
from stakazo.ledger.merkle import leaf_hash
from stakazo.ledger.models import LedgerEvent, LedgerPerson

_last_committed: dict[UUID, bytes] = {}
"""By workspace: the leaf hash of the last event that this process has seen committed."""


async def record(
    session: AsyncSession,
    event: str,
    /,
    *,
    subject: tuple[str, UUID],
    actor: Actor | None = None,
    personal: Mapping[str, Any] | None = None,
    person: tuple[str, UUID] | None = None,
    **data: Any,
) -> UUID:
    """Add an event; it is written with the rows it describes, or not at all. Says its id.

    Args:
        session: The transaction.
        event: `noun_verb` in the past.
        subject: What it happened to, as its kind and id.
        actor: For the machinery's transactions, which belong to nobody; and who acts on another thread (`on_thread`).
        personal: Values about a person, like an address: erased for good by `erase`, while the event stays.
        person: Whose they are, as kind and id; the subject when left out.
        data: Whatever else should be known for ever, as JSON. What of it is called like something personal
            (`personal.PERSONAL`: a name, an e-mail address, a text), also inside of it, goes with `personal`.
    """
    who = actor or actor_of(session)
    kind, subject_id = subject
    event_id = new_id()
    data, about = enclosures.parted(data)
    if about := {**about, **(personal or {})}:
        of, key = await _key_of(session, who.workspace_id, person or subject)
        data[enclosures.KEY] = enclosures.enclose(key, of, about, event_id, os.urandom(enclosures.NOISE))
    said = Event(
        id=event_id,
        workspace_id=who.workspace_id,
        time=datetime.now(UTC),
        event=event,
        subject_type=kind,
        subject_id=subject_id,
        actor_kind=who.kind,
        actor_id=who.id,
        correlation_id=who.correlation_id,
        causation_id=who.causation_id,
        after=_before(session, who.workspace_id),
        data=data,
    )
    canonical = event_bytes(said)
    row = LedgerEvent(
        id=said.id,
        workspace_id=said.workspace_id,
        created_at=said.time,
        event=event,
        subject_type=kind,
        subject_id=subject_id,
        actor_kind=said.actor_kind,
        actor_id=said.actor_id,
        correlation_id=said.correlation_id,
        causation_id=said.causation_id,
        data=data,
        canonical=canonical,
    )
    session.add(row)
    _remember(session, row, leaf_hash(canonical))
    return event_id


# Each event names the one that its process wrote before it: within its transaction, or else the last one known to be
# committed. So an event that is removed before the sealer has come is missed by the next one.


def _before(session: AsyncSession, workspace_id: UUID) -> bytes | None:
    for row, leaf in reversed(session.info.get("recorded", ())):
        if row.workspace_id == workspace_id and row in session:  # not undone with a savepoint
            return leaf  # type: ignore[no-any-return]
    return _last_committed.get(workspace_id)


def _remember(session: AsyncSession, row: LedgerEvent, leaf: bytes) -> None:
    if "recorded" not in session.info:
        session.info["recorded"] = []
        after_commit(session, lambda: _note_committed(session.info["recorded"]))
    session.info["recorded"].append((row, leaf))


def _note_committed(recorded: Sequence[tuple[LedgerEvent, bytes]]) -> None:
    for row, leaf in recorded:
        if inspect(row).has_identity:
            _last_committed[row.workspace_id] = leaf


# --- persons ------------------------------------------------------------------------------------------------


_PLACE = "ledger_persons.key"
_MOST_ASKED = 1000
"""Persons by whom the database is asked; of more it gives all."""
_KEYS = select(LedgerPerson.id, LedgerPerson.workspace_id, LedgerPerson.kind, LedgerPerson.person_id, LedgerPerson.key)


async def _key_of(session: AsyncSession, workspace_id: UUID, person: tuple[str, UUID]) -> tuple[str, bytes]:
    """What a person is called in events, and their key, made at its first use."""
    keyring, (kind, person_id) = keyring_of(session), person
    theirs = LedgerPerson.workspace_id == workspace_id, LedgerPerson.kind == kind, LedgerPerson.person_id == person_id
    found = (await session.execute(_KEYS.where(*theirs))).one_or_none()
    if found is not None:
        return _opened(keyring, found)
    row_id, key = new_id(), os.urandom(enclosures.KEY_BYTES)
    new = {
        "id": row_id,
        "workspace_id": workspace_id,
        "kind": kind,
        "person_id": person_id,
        "key": keyring.seal(key, _PLACE, owner=workspace_id, row=row_id),
    }
    await session.execute(insert(LedgerPerson).values(new).on_conflict_do_nothing())
    return _opened(keyring, (await session.execute(_KEYS.where(*theirs))).one())


def _opened(keyring: Keyring, row: Any) -> tuple[str, bytes]:
    key = keyring.unseal(row.key, _PLACE, owner=row.workspace_id, row=row.id)
    return f"{row.kind}/{row.person_id}", key


async def erase(session: AsyncSession, kind: str, person_id: UUID, *, also: Collection[tuple[str, UUID]] = ()) -> None:
    """Make everything personal that the ledger says of someone unreadable, for good; every event and hash stays.

    `also` are those that go with them, as kind and id. Raises NotFound where nothing is known of them, or no longer.
    """
    named = tuple_(LedgerPerson.kind, LedgerPerson.person_id)
    theirs = delete(LedgerPerson).where(named.in_([(kind, person_id), *also]))
    if not (await session.execute(theirs.returning(LedgerPerson.id))).all():
        raise NotFound(f"The ledger holds no personal data of {kind}/{person_id}, or no longer.")
    await record(session, "person_erased", subject=(kind, person_id))


async def parts_of(session: AsyncSession, kind: str, subject_id: UUID) -> set[tuple[str, UUID]]:
    """What has no words but those of this thing (`story.PARTS`), as kind and id.

    Of a video that is the upload that it came with, its clips and variants, and the jobs about any of them.
    """
    its_own = LedgerEvent.subject_type == kind, LedgerEvent.subject_id == subject_id
    threads = select(LedgerEvent.correlation_id).where(*its_own)
    told = select(LedgerEvent.subject_type, LedgerEvent.subject_id, LedgerEvent.data)
    found = await session.execute(told.where(LedgerEvent.correlation_id.in_(threads)))
    return story.parts_of(subject_id, (tuple(row) for row in found))


async def erase_everywhere(session: AsyncSession, kind: str, person_id: UUID, by: Actor) -> None:
    """Do so in every workspace whose ledger tells of them, as `by` in each; for the machinery."""
    theirs = delete(LedgerPerson).where(LedgerPerson.kind == kind, LedgerPerson.person_id == person_id)
    for workspace_id in (await session.scalars(theirs.returning(LedgerPerson.workspace_id))).all():
        actor = replace(by, workspace_id=workspace_id)
        await record(session, "person_erased", subject=(kind, person_id), actor=actor)


async def keys_of(
    session: AsyncSession, keyring: Keyring, events: Iterable[Mapping[str, Any]] | None = None
) -> dict[str, bytes]:
    """The keys of everyone in the workspace whose data can still be read, by what they are called in events.

    `events` are the data of those for which that is enough. Raises Unreadable where the master key that seals one is
    not here.
    """
    found = _KEYS
    if events is not None:
        persons = {one for data in events if (one := enclosures.whose(data))}
        if len(persons) <= _MOST_ASKED:
            found = _KEYS.where(tuple_(LedgerPerson.kind, LedgerPerson.person_id).in_(persons))
    return dict(_opened(keyring, row) for row in await session.execute(found))


# --- threads ------------------------------------------------------------------------------------------------


async def follow(session: AsyncSession, kind: str, subject_id: UUID) -> None:
    """Let what this transaction does from here on belong to the thread in which the subject came to be.

    A request about a video's clip then carries the correlation id of the upload: one id leads through all of it.
    """
    session.info["actor"] = await on_thread(session, kind, subject_id)


async def on_thread(session: AsyncSession, kind: str, subject_id: UUID) -> Actor:
    """Who acts here, on the thread in which the subject came to be; for single events of a transaction about many."""
    first = (
        select(LedgerEvent.correlation_id)
        .where(LedgerEvent.subject_type == kind, LedgerEvent.subject_id == subject_id)
        .order_by(LedgerEvent.id)
        .limit(1)
    )
    correlation_id = await session.scalar(first)
    actor = actor_of(session)
    return actor if correlation_id is None else replace(actor, correlation_id=correlation_id)


async def recent(session: AsyncSession, limit: int = 50) -> Sequence[LedgerEvent]:
    """The workspace's last events, newest first."""
    found = select(LedgerEvent).order_by(LedgerEvent.id.desc()).limit(limit)
    return (await session.scalars(found)).all()


async def trace(session: AsyncSession, correlation_id: UUID) -> Sequence[LedgerEvent]:
    """Everything that one request set in motion, in order."""
    found = select(LedgerEvent).where(LedgerEvent.correlation_id == correlation_id).order_by(LedgerEvent.id)
    return (await session.scalars(found)).all()


async def for_subject(session: AsyncSession, kind: str, subject_id: UUID) -> Sequence[LedgerEvent]:
    """The life of one thing, in order."""
    found = (
        select(LedgerEvent)
        .where(LedgerEvent.subject_type == kind, LedgerEvent.subject_id == subject_id)
        .order_by(LedgerEvent.id)
    )
    return (await session.scalars(found)).all()
