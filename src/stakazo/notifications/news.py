"""What has happened in a workspace: its ledger's events in the order of their places.

Whoever tells others keeps a position, and takes what lies at it and behind it. An event gets its place after its
transaction is over, and no event ever gets a place before one that has its own; so nothing is told that didn't happen,
and nothing that did is passed over, whoever dies in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ledger.models import LedgerEvent, LedgerSeal
from stakazo.notifications.matching import News

BATCH = 500
"""Events that are looked at in one transaction."""

_COLUMNS = (
    LedgerEvent.id,
    LedgerSeal.position,
    LedgerEvent.created_at,
    LedgerEvent.event,
    LedgerEvent.subject_type,
    LedgerEvent.subject_id,
    LedgerEvent.actor_kind,
    LedgerEvent.actor_id,
    LedgerEvent.correlation_id,
    LedgerEvent.data,
)
_PLACED = select(*_COLUMNS).join(LedgerSeal, LedgerSeal.id == LedgerEvent.id)


async def end(session: AsyncSession) -> int:
    """The place that the next event will get."""
    return (await session.scalar(select(func.coalesce(func.max(LedgerSeal.position) + 1, 0)))) or 0


async def since(session: AsyncSession, position: int, limit: int = BATCH) -> list[News]:
    """The events from this place on, in order."""
    found = _PLACED.where(LedgerSeal.position >= position).order_by(LedgerSeal.position).limit(limit)
    return [_news(row) for row in await session.execute(found)]


async def between(session: AsyncSession, start: datetime, until: datetime, position: int, limit: int) -> list[News]:
    """The events of a time from this place on, in order."""
    found = _PLACED.where(
        LedgerEvent.created_at >= start, LedgerEvent.created_at < until, LedgerSeal.position >= position
    )
    return [_news(row) for row in await session.execute(found.order_by(LedgerSeal.position).limit(limit))]


async def these(session: AsyncSession, event_ids: Sequence[UUID]) -> dict[UUID, News]:
    """Events by their ids; one that has no place yet is at -1."""
    place = func.coalesce(LedgerSeal.position, -1)
    columns = [place if column is LedgerSeal.position else column for column in _COLUMNS]
    found = select(*columns).outerjoin(LedgerSeal, LedgerSeal.id == LedgerEvent.id).where(LedgerEvent.id.in_(event_ids))
    return {row[0]: _news(row) for row in await session.execute(found)}


def _news(row: Any) -> News:
    return News(*row)
