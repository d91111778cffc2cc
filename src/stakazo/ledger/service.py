"""What can be done with the ledger: add to it, and follow a thread through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import Actor
from stakazo.core.db import actor_of
from stakazo.ledger.models import LedgerEvent


async def record(
    session: AsyncSession, event: str, /, *, subject: tuple[str, UUID], actor: Actor | None = None, **data: Any
) -> None:
    """Add an event; it is written with the rows it describes, or not at all.

    `subject` is what it happened to, as its kind and id. `data` is whatever else should be known later, as JSON.
    `actor` is only for the machinery's transactions, which belong to nobody.
    """
    who = actor or actor_of(session)
    kind, subject_id = subject
    session.add(
        LedgerEvent(
            workspace_id=who.workspace_id,
            event=event,
            subject_type=kind,
            subject_id=subject_id,
            actor_kind=who.kind,
            actor_id=who.id,
            correlation_id=who.correlation_id,
            causation_id=who.causation_id,
            data=data,
        )
    )


async def follow(session: AsyncSession, kind: str, subject_id: UUID) -> None:
    """Let what this transaction does from here on belong to the thread in which the subject came to be.

    A request about a video's clip then carries the correlation id of the upload: one id leads through all of it.
    """
    first = (
        select(LedgerEvent.correlation_id)
        .where(LedgerEvent.subject_type == kind, LedgerEvent.subject_id == subject_id)
        .order_by(LedgerEvent.id)
        .limit(1)
    )
    correlation_id = await session.scalar(first)
    if correlation_id is not None:
        session.info["actor"] = replace(actor_of(session), correlation_id=correlation_id)


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
