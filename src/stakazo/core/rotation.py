"""Changing the master key: every sealed value is sealed anew with the newest key, while everything goes on.

    keys.keep([new_key(), *keys.keys])          from here on everything new is sealed with the new key
    await reseal(db, keys, every_table(), told) and now everything old too
    keys.keep([keys.keys[0]])                   the old keys are of no more use

Each batch commits by itself and what is done already is skipped, so a rotation that was stopped is simply begun again.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Table, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

import stakazo
from stakazo.core.actor import Actor
from stakazo.core.db import Base, Database
from stakazo.core.security import HEADER_BYTES, Keyring, Sealed, Unreadable

BATCH = 200

Told = Callable[[AsyncSession, UUID, int], Awaitable[None]]
"""What else belongs into the transaction that has sealed so many values of a workspace anew."""


@dataclass(frozen=True, slots=True)
class Resealed:
    """What a rotation found."""

    values: int
    """Sealed anew."""
    unreadable: tuple[str, ...]
    """`table.column of row id`: what no key here opens; it was left as it is."""


def every_table() -> list[Table]:
    """The tables of every package, whether it was used yet or not."""
    for models in sorted(Path(stakazo.__path__[0]).glob("*/models.py")):
        importlib.import_module(f"stakazo.{models.parent.name}.models")
    return list(Base.metadata.sorted_tables)


def sealed_columns(tables: Iterable[Table]) -> Iterator[Column[bytes]]:
    """Every column that holds sealed values."""
    for table in tables:
        for column in table.columns:
            if isinstance(column.type, Sealed):
                yield column


async def reseal(db: Database, keys: Keyring, tables: Iterable[Table], told: Told, *, batch: int = BATCH) -> Resealed:
    """Seal with the newest key whatever is sealed with another.

    Args:
        tables: Of `every_table`.
        told: Called in the transactions that belong to a workspace.
        batch: Values per transaction.
    """
    values, unreadable = 0, []
    for column in sealed_columns(tables):
        async for workspace_id in _workspaces(db, column.table):
            after: UUID | None = None
            while True:
                async with _transaction(db, workspace_id) as session:
                    rows = await _stale(session, column, keys.header, after, batch)
                    done = [row[0] for row in rows if await _anew(session, keys, column, *row)]
                    if done and workspace_id is not None:
                        await told(session, workspace_id, len(done))
                if not rows:
                    break
                after = rows[-1][0]
                values += len(done)
                unreadable += [f"{_place(column)} of {row_id}" for row_id, *_ in rows if row_id not in done]
    return Resealed(values, tuple(unreadable))


async def left(db: Database, keys: Keyring, tables: Iterable[Table]) -> int:
    """How many values are not sealed with the newest key."""
    count = 0
    for column in sealed_columns(tables):
        async for workspace_id in _workspaces(db, column.table):
            async with _transaction(db, workspace_id) as session:
                found = select(func.count()).select_from(column.table).where(_is_stale(column, keys.header))
                count += (await session.execute(found)).scalar_one()
    return count


async def unreadable(db: Database, keys: Keyring, tables: Iterable[Table]) -> list[str]:
    """`table.column of row id` of every sealed value that no key here opens."""
    found = []
    for column in sealed_columns(tables):
        async for workspace_id in _workspaces(db, column.table):
            async with _transaction(db, workspace_id) as session:
                assert isinstance(column.type, Sealed)
                wanted = select(column.table.c.id, column.table.c[column.type.owner], column)
                for row_id, owner, value in await session.execute(wanted.where(column.is_not(None))):
                    try:
                        keys.unseal(value, _place(column), owner=owner, row=row_id)
                    except Unreadable:
                        found.append(f"{_place(column)} of {row_id}")
    return found


def _place(column: Column[bytes]) -> str:
    return f"{column.table.name}.{column.name}"


def _is_stale(column: Column[bytes], header: bytes) -> ColumnElement[bool]:
    return func.substring(column, 1, HEADER_BYTES) != header


async def _workspaces(db: Database, table: Table) -> AsyncIterator[UUID | None]:
    """In whose name to look for the table's rows: each workspace's, or nobody's where they belong to none."""
    if "workspace_id" not in table.columns:
        yield None
        return
    async with db.system_transaction() as session:
        found = (await session.scalars(text("select id from workspaces order by id"))).all()
    for workspace_id in found:
        yield workspace_id


@asynccontextmanager
async def _transaction(db: Database, workspace_id: UUID | None) -> AsyncIterator[AsyncSession]:
    if workspace_id is None:
        async with db.system_transaction() as session:
            yield session
    else:
        async with db.transaction(Actor(workspace_id, "system", "rotation")) as session:
            yield session


async def _stale(
    session: AsyncSession, column: Column[bytes], header: bytes, after: UUID | None, batch: int
) -> list[tuple[UUID, UUID, bytes]]:
    """Some rows whose value is sealed with another key: id, owner, value. They are held until the transaction ends."""
    table = column.table
    assert isinstance(column.type, Sealed)
    found = select(table.c.id, table.c[column.type.owner], column).where(_is_stale(column, header))
    if after is not None:
        found = found.where(table.c.id > after)
    rows = await session.execute(found.order_by(table.c.id).limit(batch).with_for_update())
    return [(row[0], row[1], row[2]) for row in rows]


async def _anew(
    session: AsyncSession, keys: Keyring, column: Column[bytes], row_id: UUID, owner: UUID, sealed: bytes
) -> bool:
    """Seal one value anew; False where it can't be opened."""
    try:
        secret = keys.unseal(sealed, _place(column), owner=owner, row=row_id)
    except Unreadable:
        return False
    value = keys.seal(secret, _place(column), owner=owner, row=row_id)
    await session.execute(update(column.table).where(column.table.c.id == row_id).values({column.name: value}))
    return True
