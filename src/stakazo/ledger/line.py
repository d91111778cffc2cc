"""One workspace's ledger as the sealer handles it: look at what was signed, and extend it. The caller's transaction.

`look` believes nothing that isn't signed: the last checkpoint must carry the signature of a key of ours, the tree in
the database must have its root, and what was handed out before must be a beginning of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from stakazo.core.actor import new_id
from stakazo.core.errors import StakazoError
from stakazo.ledger import checkpoint, merkle
from stakazo.ledger.canonical import read_event
from stakazo.ledger.checkpoint import Checkpoint, Note, VerifierKey, fingerprint, public_key
from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.merkle import Frontier, leaf_hash
from stakazo.ledger.rotation import ROTATED, successor

Connection = psycopg.AsyncConnection[Any]


class Inconsistent(StakazoError):
    """What is in the database is not what was signed: someone has changed it, or an old backup was restored."""

    code = "ledger_inconsistent"


@dataclass(frozen=True, slots=True)
class Line:
    """A ledger as it was signed last, and how it goes on."""

    workspace_id: UUID
    tree: Frontier
    origin: str
    key: str
    """The fingerprint of the key that signs next."""


async def look(
    connection: Connection, workspace_id: UUID, *, name: str, keys: KeyFolder, handed_out: Note | None
) -> Line:
    """The ledger as it stands. Raises Inconsistent where it is not what was signed or handed out."""
    signed = await _one(connection, _LAST_CHECKPOINT, [workspace_id])
    places = (await _one(connection, _PLACES, [workspace_id])).places
    if signed is None:
        newest = keys.newest()
        assert newest is not None
        line = Line(workspace_id, Frontier(), f"{name}/{workspace_id}", fingerprint(public_key(newest)))
    else:
        note = _believed(signed, keys)
        tree = await _tree_at(connection, workspace_id, signed.size)
        if tree.root != signed.root:
            raise Inconsistent(f"the tree of {signed.size} events is not the one that was signed")
        line = Line(workspace_id, tree, note.checkpoint.origin, signed.key)
        line = await _after_rotations(connection, line, keys)
    if places != line.tree.size:
        raise Inconsistent(f"{places} events have a place, but {line.tree.size} are signed")
    if handed_out is not None:
        await _extends(connection, line, handed_out.checkpoint)
    return line


def _believed(signed: Any, keys: KeyFolder) -> Note:
    """The last checkpoint's note, if it says what its row says and one of our keys has signed it."""
    public = keys.public(signed.key)
    if public is None:
        raise Inconsistent(f"the last checkpoint is signed with the key {signed.key}, which is not in {keys.folder}")
    try:
        note = checkpoint.read(signed.note)
    except ValueError as error:
        raise Inconsistent(f"the last checkpoint can't be read: {error}") from error
    said = note.checkpoint
    if (said.size, said.root) != (signed.size, signed.root) or note.signer([VerifierKey(said.origin, public)]) is None:
        raise Inconsistent(f"the checkpoint of {signed.size} events is not as it was signed")
    return note


async def _tree_at(connection: Connection, workspace_id: UUID, size: int) -> Frontier:
    positions = [merkle.finished_by(level, index) for level, index in merkle.peaks_of(size)]
    rows = await _all(connection, _HASHES, [workspace_id, positions])
    try:
        return merkle.frontier(merkle.kept_nodes({row.position: row.hashes for row in rows}), size)
    except LookupError as error:
        raise Inconsistent(f"the tree of {size} events has holes: {error}") from error


async def _extends(connection: Connection, line: Line, handed_out: Checkpoint) -> None:
    if handed_out.origin != line.origin:
        raise Inconsistent(f"the checkpoint that was handed out is of {handed_out.origin}, not of {line.origin}")
    if handed_out.size > line.tree.size:
        raise Inconsistent(
            f"the database has {line.tree.size} signed events, but a checkpoint of {handed_out.size} was handed out: "
            "its end was cut off, or an old backup was restored"
        )
    if (await _tree_at(connection, line.workspace_id, handed_out.size)).root != handed_out.root:
        raise Inconsistent(f"the first {handed_out.size} events are not those whose checkpoint was handed out")


async def _after_rotations(connection: Connection, line: Line, keys: KeyFolder) -> Line:
    """With the key that the sealed events say comes next."""
    rows = await _all(connection, _ROTATIONS, [line.workspace_id, line.workspace_id, ROTATED])
    public = keys.public(line.key)
    assert public is not None
    current = VerifierKey(line.origin, public)
    for row in rows:
        current = successor(current, json.loads(row.canonical)["data"])
    return Line(line.workspace_id, line.tree, line.origin, fingerprint(current.public))


async def extend(connection: Connection, line: Line, events: Sequence[Any], keys: KeyFolder) -> Frontier:
    """Give the events (rows with id and canonical) the next places, and sign the tree that comes of it.

    Raises Inconsistent where it can't be signed.
    """
    private = keys.get(line.key)
    if private is None:
        raise Inconsistent(f"the key {line.key}, which signs next, is not in {keys.folder}")
    tree, seals = line.tree, []
    for row in events:
        _is_what_it_says(row, line.workspace_id)
        tree, finished = tree.append(leaf_hash(row.canonical))
        seals.append((row.id, tree.size - 1, b"".join(finished)))
    note = checkpoint.sign(Checkpoint(line.origin, tree.size, tree.root), private)
    ids, positions, hashes = zip(*seals, strict=True)
    await connection.execute(_SEAL, [line.workspace_id, list(ids), list(positions), list(hashes)])
    await connection.execute(_SIGN, [new_id(), line.workspace_id, tree.size, tree.root, line.key, note])
    return tree


def _is_what_it_says(row: Any, workspace_id: UUID) -> None:
    """Nothing is signed that no verifier would take."""
    try:
        event = read_event(row.canonical)
    except ValueError as error:
        raise Inconsistent(f"the bytes of the event {row.id} are {error}") from error
    if (event.id, event.workspace_id) != (row.id, workspace_id):
        raise Inconsistent(f"the bytes of the event {row.id} are those of {event.id} of {event.workspace_id}")


_LAST_CHECKPOINT = """
    select size, root, key, note from ledger_checkpoints where workspace_id = %s order by size desc limit 1
"""
_PLACES = "select coalesce(max(position) + 1, 0) as places from ledger_seals where workspace_id = %s"
_HASHES = "select position, hashes from ledger_seals where workspace_id = %s and position = any(%s)"
_ROTATIONS = """
    select e.canonical from ledger_events e join ledger_seals s on s.id = e.id
    where e.workspace_id = %s and e.subject_type = 'ledger' and e.subject_id = %s and e.event = %s
    order by s.position
"""
_SEAL = """
    insert into ledger_seals (workspace_id, id, position, hashes)
    select %s, id, position, hashes from unnest(%s::uuid[], %s::bigint[], %s::bytea[]) as seal(id, position, hashes)
"""
_SIGN = "insert into ledger_checkpoints (id, workspace_id, size, root, key, note) values (%s, %s, %s, %s, %s, %s)"


async def _all(connection: Connection, statement: str, values: Iterable[Any]) -> list[Any]:
    return await (await connection.execute(statement.encode(), list(values))).fetchall()


async def _one(connection: Connection, statement: str, values: Iterable[Any]) -> Any:
    rows = await _all(connection, statement, values)
    return rows[0] if rows else None
