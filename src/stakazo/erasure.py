"""Forgetting a person, or a thing, wherever something says of them what nobody could remove otherwise.

What stands in a row of its own (a video's title, why its analysis failed) goes with that row. What is left then is what
others say of it: the ledger's events, the errors of jobs, the notices that people got.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.jobs import service as jobs
from stakazo.ledger import service as ledger
from stakazo.notifications import noticing


async def erase(session: AsyncSession, kind: str, subject_id: UUID) -> None:
    """Make what was said of them, and of their parts, unreadable for good; every event, job and notice stays.

    Raises NotFound where the ledger knows nothing of them, or no longer.
    """
    parts = await ledger.parts_of(session, kind, subject_id)
    about = await jobs.forget(session, {subject_id, *(part for _, part in parts)})
    gone = {(kind, subject_id), *parts, *(("job", one) for one in about)}
    await ledger.erase(session, kind, subject_id, also=gone)
    await noticing.forget(session, gone)
