"""Pages of a list by keyset: the next page starts after the last row seen, whatever was added or removed since."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, UnaryExpression, and_, literal, or_, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.operators import desc_op

from stakazo.core.errors import Invalid

T = TypeVar("T")
Key = InstrumentedAttribute[Any] | ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, and where the next ones start."""

    items: list[T]
    next_cursor: str | None
    """Opaque; None on the last page."""


async def page(
    session: AsyncSession, select: Select[T], keys: Sequence[Key], cursor: str | None, limit: int
) -> Page[T]:
    """One page in the order of `keys`, which must be columns without nulls that together are unique.

    Each key may be descending: `[Clip.score.desc(), Clip.id.desc()]`. Raises Invalid for a cursor that isn't from this
    list in this order.
    """
    columns = [_column(key) for key in keys]
    descending = [_descends(key) for key in keys]
    order = _fingerprint(columns, descending)
    wanted = select.add_columns(*columns).order_by(*keys).limit(limit + 1)
    if cursor is not None:
        wanted = wanted.where(_after(columns, descending, _decode(cursor, order, columns)))
    rows = (await session.execute(wanted)).all()
    items = [row[0] for row in rows[:limit]]
    return Page(items, _encode(order, rows[limit - 1][1:]) if len(rows) > limit else None)


def _column(key: Key) -> ColumnElement[Any]:
    element = key.element if isinstance(key, UnaryExpression) else key
    return element if isinstance(element, ColumnElement) else element.expression


def _descends(key: Key) -> bool:
    return isinstance(key, UnaryExpression) and key.modifier is desc_op


def _after(columns: list[ColumnElement[Any]], descending: list[bool], values: list[Any]) -> ColumnElement[bool]:
    """The rows that come after these values."""
    bound = [literal(value, column.type) for value, column in zip(values, columns, strict=True)]
    if len(set(descending)) == 1:  # a comparison of whole rows, which an index answers at once
        return tuple_(*columns) < tuple_(*bound) if descending[0] else tuple_(*columns) > tuple_(*bound)
    branches = []
    for i, (column, value) in enumerate(zip(columns, bound, strict=True)):
        same = [columns[j] == bound[j] for j in range(i)]
        branches.append(and_(*same, column < value if descending[i] else column > value))
    return or_(*branches)


def _fingerprint(columns: list[ColumnElement[Any]], descending: list[bool]) -> str:
    words = [f"{column} {down}" for column, down in zip(columns, descending, strict=True)]
    return hashlib.sha256(",".join(words).encode()).hexdigest()[:8]


def _encode(order: str, values: Sequence[Any]) -> str:
    plain = [
        value.value
        if isinstance(value, Enum)
        else value.isoformat()
        if isinstance(value, date)
        else str(value)
        if isinstance(value, UUID | Decimal)
        else value
        for value in values
    ]
    return base64.urlsafe_b64encode(json.dumps([order, *plain]).encode()).rstrip(b"=").decode()


_READ: dict[type, Callable[[str], Any]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    UUID: UUID,
    Decimal: Decimal,
}


def _decode(cursor: str, order: str, columns: list[ColumnElement[Any]]) -> list[Any]:
    refusal = Invalid("This cursor is not from this list in this order. Start again without one.")
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        made_for, *plain = json.loads(raw)
        values = [_value(value, column) for value, column in zip(plain, columns, strict=True)]
    except (ValueError, TypeError, ArithmeticError) as error:
        raise refusal from error
    if made_for != order:
        raise refusal
    return values


def _value(plain: object, column: ColumnElement[Any]) -> Any:
    """What the cursor says of a column, as a value of the column's type. Raises ValueError for anything else."""
    kind = column.type.python_type
    value = _READ[kind](plain) if kind in _READ and isinstance(plain, str) else plain
    if issubclass(kind, Enum):
        return kind(value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"not a {kind.__name__}")
    return value
