"""One row by its id, or the refusal that says it isn't there."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import Base
from stakazo.core.errors import NotFound

Row = TypeVar("Row", bound=Base)


async def get(session: AsyncSession, table: type[Row], row_id: UUID, noun: str) -> Row:
    """The row. Raises NotFound with the noun that people know it by."""
    return _there(await session.get(table, row_id), row_id, noun)


async def hold(session: AsyncSession, table: type[Row], row_id: UUID, noun: str) -> Row:
    """The row as it is now; nobody else changes it until the transaction ends. Raises NotFound."""
    found = select(table).where(table.id == row_id).with_for_update().execution_options(populate_existing=True)
    return _there((await session.scalars(found)).one_or_none(), row_id, noun)


def _there(row: Row | None, row_id: UUID, noun: str) -> Row:
    if row is None:
        raise NotFound(f"There is no {noun} {row_id}.")
    return row
