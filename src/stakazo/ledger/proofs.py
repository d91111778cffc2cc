"""What can be shown of a ledger: events with their places, checkpoints, proofs, and the whole of it for export."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import actor_of
from stakazo.core.errors import Conflict, Invalid, NotFound
from stakazo.core.paging import Page, page
from stakazo.core.security import Keyring
from stakazo.ledger import checkpoint, merkle, personal
from stakazo.ledger import service as ledger
from stakazo.ledger.canonical import Event, time_text
from stakazo.ledger.checkpoint import VerifierKey
from stakazo.ledger.envelope import envelope
from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.merkle import Hash, Nodes
from stakazo.ledger.models import LedgerCheckpoint, LedgerEvent, LedgerSeal
from stakazo.ledger.verify import ALL, FORMAT, SOME

Keys = Mapping[str, bytes]
"""Of persons, by what they are called in events."""
CHUNK = 500
"""Events read at once for an export."""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That an event is at its position in the tree of a checkpoint."""

    event: LedgerEvent
    position: int
    proof: list[Hash]
    checkpoint: LedgerCheckpoint


@dataclass(frozen=True, slots=True)
class Consistency:
    """That the tree of one checkpoint begins with that of another."""

    old: LedgerCheckpoint
    new: LedgerCheckpoint
    proof: list[Hash]


# --- checkpoints --------------------------------------------------------------------------------------------


async def checkpoints(
    session: AsyncSession,
    *,
    key: str | None = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[LedgerCheckpoint]:
    """What has been signed, or by the key with this fingerprint alone."""
    found = select(LedgerCheckpoint) if key is None else select(LedgerCheckpoint).where(LedgerCheckpoint.key == key)
    order = LedgerCheckpoint.size.desc() if sort == "newest" else LedgerCheckpoint.size
    return await page(session, found, [order], cursor, limit)


async def latest(session: AsyncSession) -> LedgerCheckpoint:
    """Raises NotFound before anything was sealed."""
    newest = select(LedgerCheckpoint).order_by(LedgerCheckpoint.size.desc()).limit(1)
    found = (await session.scalars(newest)).one_or_none()
    if found is None:
        raise NotFound("Nothing is sealed yet: a worker does that every few seconds. Is one running?")
    return found


async def at_size(session: AsyncSession, size: int) -> LedgerCheckpoint:
    found = await session.scalar(select(LedgerCheckpoint).where(LedgerCheckpoint.size == size))
    if found is None:
        raise NotFound(f"There is no checkpoint of {size} events; /ledger/checkpoints lists them.")
    return found


async def keys(session: AsyncSession, folder: KeyFolder) -> list[VerifierKey]:
    """The public keys that have signed this ledger, oldest first. Raises NotFound."""
    first = func.min(LedgerCheckpoint.size)
    used = await session.execute(select(LedgerCheckpoint.key).group_by(LedgerCheckpoint.key).order_by(first))
    origin = checkpoint.read((await latest(session)).note).checkpoint.origin
    found = []
    for (key,) in used:
        public = folder.public(key)
        if public is None:
            raise NotFound(f"The public key {key} is not on this machine, but on the one that seals.")
        found.append(VerifierKey(origin, public))
    return found


# --- proofs -------------------------------------------------------------------------------------------------


async def inclusion(session: AsyncSession, event_id: UUID) -> Inclusion:
    """Raises NotFound, and Conflict for an event that has no place yet."""
    event = await session.get(LedgerEvent, event_id)
    if event is None:
        raise NotFound(f"There is no event {event_id}.")
    seal = await session.get(LedgerSeal, event_id)
    if seal is None:
        raise Conflict("This event is not sealed yet: ask again in a few seconds.")
    newest = await latest(session)
    proof = await _prove(session, lambda nodes: merkle.inclusion_proof(nodes, seal.position, newest.size))
    return Inclusion(event, seal.position, proof, newest)


async def consistency(session: AsyncSession, old: int, new: int | None) -> Consistency:
    """Between checkpoints of these sizes; the newest without one. Raises NotFound and Invalid."""
    before = await at_size(session, old)
    after = await at_size(session, new) if new is not None else await latest(session)
    if before.size > after.size:
        raise Invalid(f"`from` is the smaller size: {after.size} comes before {before.size}.")
    proof = await _prove(session, lambda nodes: merkle.consistency_proof(nodes, before.size, after.size))
    return Consistency(before, after, proof)


async def _prove(session: AsyncSession, prove: Callable[[Nodes], list[Hash]]) -> list[Hash]:
    return prove(await _nodes(session, merkle.needed(prove)))


async def _nodes(session: AsyncSession, needed: Iterable[tuple[int, int]]) -> Nodes:
    positions = {merkle.finished_by(level, index) for level, index in needed}
    found = await session.execute(
        select(LedgerSeal.position, LedgerSeal.hashes).where(LedgerSeal.position.in_(positions))
    )
    return merkle.kept_nodes({position: hashes for position, hashes in found})  # noqa: C416 (dict() loses the types)


# --- export -------------------------------------------------------------------------------------------------


async def export(
    session: AsyncSession, only: Sequence[ColumnElement[bool]] = (), *, keyring: Keyring | None = None
) -> AsyncIterator[str]:
    """The sealed ledger as JSON Lines, or only some events of it, each with its own proof.

    It is as the newest checkpoint has it: what is sealed meanwhile comes after that. Without the keyring nothing
    personal is shown. Raises NotFound before anything was sealed.
    """
    newest = await latest(session)
    keys = await ledger.keys_of(session, keyring) if keyring else None
    if only:
        async for line in _some(session, newest, only, keys):
            yield line
        return
    yield _line(_header(session, newest) | {"events": ALL})
    signed = {row.size: row.note async for row in await session.stream(_NOTES)}
    for start in range(0, newest.size, CHUNK):
        wanted = _EVENTS.where(LedgerSeal.position >= start, LedgerSeal.position < min(start + CHUNK, newest.size))
        for row in await session.execute(wanted):
            for line in _shown(row, keys):
                yield line
            if row.position + 1 in signed:
                yield _line({"checkpoint": signed[row.position + 1]})


async def _some(
    session: AsyncSession, newest: LedgerCheckpoint, only: Sequence[ColumnElement[bool]], keys: Keys | None
) -> AsyncIterator[str]:
    rows = (await session.execute(_EVENTS.where(LedgerSeal.position < newest.size, *only))).all()
    yield _line(_header(session, newest) | {"events": SOME, "count": len(rows)})
    yield _line({"checkpoint": newest.note})
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        asked: set[tuple[int, int]] = set()
        for row in part:
            asked |= merkle.needed(lambda nodes, row=row: merkle.inclusion_proof(nodes, row.position, newest.size))  # type: ignore[misc]
        nodes = await _nodes(session, asked)
        for row in part:
            for line in _shown(row, keys, merkle.inclusion_proof(nodes, row.position, newest.size)):
                yield line


_EVENTS = (
    select(LedgerEvent, LedgerSeal.position, LedgerSeal.hashes)
    .join(LedgerSeal, LedgerSeal.id == LedgerEvent.id)
    .order_by(LedgerSeal.position)
)
_NOTES = select(LedgerCheckpoint.size, LedgerCheckpoint.note)


def _header(session: AsyncSession, newest: LedgerCheckpoint) -> dict[str, Any]:
    return {
        "ledger": FORMAT,
        "origin": checkpoint.read(newest.note).checkpoint.origin,
        "workspace": str(actor_of(session).workspace_id),
        "size": newest.size,
        "exported": time_text(datetime.now(UTC)),
    }


def _shown(row: Any, keys: Keys | None, proof: Sequence[Hash] | None = None) -> list[str]:
    event: LedgerEvent = row[0]
    lines = [_line(envelope(said_by(event), event.canonical, row.position, row.hashes, proof))]
    enclosure = event.data.get(personal.KEY)
    if keys is not None and isinstance(enclosure, dict):
        lines.append(_line({"personal": disclosed(event.id, event.data, keys, salted=True)}))
    return lines


def disclosed(event_id: UUID, data: Mapping[str, Any], keys: Keys, *, salted: bool = False) -> dict[str, Any] | None:
    """An event's personal values as far as they can still be read; None where it has none.

    With `salted` they come with what shows that the event commits to them.
    """
    enclosure = data.get(personal.KEY)
    if not isinstance(enclosure, dict):
        return None
    key = keys.get(enclosure.get("of", ""))
    if key is None:
        return {"of": enclosure.get("of"), "values": personal.ERASED}
    try:
        opened = personal.disclose(key, enclosure, event_id)
    except (ValueError, KeyError, TypeError):  # changed: whoever verifies will say where
        return {"of": enclosure.get("of"), "values": "[unreadable]"}
    return {"of": enclosure["of"], "values": opened["values"]} | ({"salt": opened["salt"]} if salted else {})


def said_by(row: LedgerEvent) -> Event:
    """What the row's columns say, to be compared with its bytes."""
    try:
        after = bytes.fromhex(json.loads(row.canonical)["after"] or "")
    except (ValueError, KeyError, TypeError):  # no event's bytes: whoever verifies will say so
        after = b""
    return Event(
        id=row.id,
        workspace_id=row.workspace_id,
        time=row.created_at,
        event=row.event,
        subject_type=row.subject_type,
        subject_id=row.subject_id,
        actor_kind=row.actor_kind,
        actor_id=row.actor_id,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        after=after or None,
        data=row.data,
    )


def _line(said: Mapping[str, Any]) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")) + "\n"
