"""Rows that a job is at: locked in the order in which the job locks them, and taken out of its hands."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core import rows
from stakazo.jobs import lifecycle, service
from stakazo.jobs.models import WorkedOn

Row = TypeVar("Row", bound=WorkedOn)


async def hold_with_job(session: AsyncSession, table: type[Row], row_id: UUID, noun: str) -> Row:
    """The row, and before it its job, locked. Raises NotFound."""
    row = await rows.get(session, table, row_id, noun)
    while True:
        job_id = row.job_id
        if job_id is not None:
            await lifecycle.lineage(session, job_id)
        row = await rows.hold(session, table, row_id, noun)
        if row.job_id in {job_id, None}:
            return row


async def let_go(session: AsyncSession, row: WorkedOn) -> None:
    """Take it out of its job's hands, and stop that."""
    job_id, row.job_id = row.job_id, None
    await session.flush()
    if job_id is not None:
        await service.cancel_these(session, [job_id])
