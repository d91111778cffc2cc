"""What can be done with jobs from outside: find them, cancel them, start them again, count them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ARRAY, Text, case, cast, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import JSONPATH
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core import rows
from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.errors import Conflict, NotFound
from stakazo.core.paging import Page, page
from stakazo.core.settings import Settings
from stakazo.core.storage import Storage
from stakazo.jobs import lifecycle
from stakazo.jobs.attempt import Executor, Stop
from stakazo.jobs.engine import deliver, withdraw
from stakazo.jobs.models import Job, Worker
from stakazo.jobs.pulse import Pulse
from stakazo.jobs.states import ACTIVE_STATES, JobState
from stakazo.ledger.personal import ERASED


async def get(session: AsyncSession, job_id: UUID) -> Job:
    return await rows.get(session, Job, job_id, "job")


async def find(
    session: AsyncSession,
    *,
    states: Sequence[JobState] | None = None,
    type: str | None = None,  # noqa: A002 (the field's name)
    video_id: UUID | None = None,
    clip_id: UUID | None = None,
    parent_id: UUID | None = None,
    correlation_id: UUID | None = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Job]:
    """Jobs. A video's or clip's jobs are those that have it among their arguments."""
    query = select(Job)
    if states:
        query = query.where(Job.state.in_(states))
    if type is not None:
        query = query.where(Job.type == type)
    about = {name: str(value) for name, value in (("video_id", video_id), ("clip_id", clip_id)) if value}
    if about:
        query = query.where(Job.payload.contains(about))
    if parent_id is not None:
        query = query.where(Job.parent_id == parent_id)
    if correlation_id is not None:
        query = query.where(Job.correlation_id == correlation_id)
    return await page(session, query, [Job.id.desc() if sort == "newest" else Job.id], cursor, limit)


async def active(session: AsyncSession) -> list[Job]:
    """Every job of the workspace that has not ended, oldest first."""
    return list(await session.scalars(select(Job).where(Job.state.in_(ACTIVE_STATES)).order_by(Job.id)))


async def cancel(session: AsyncSession, job_id: UUID) -> Job:
    """End a job and its children: at once where no worker has them, else within two seconds. Twice changes nothing."""
    line = await _locked(session, job_id)
    row = line[-1]
    if row.state in {JobState.COMPLETED, JobState.FAILED}:
        raise Conflict(f"This job has already ended: {row.state}.")
    await lifecycle.cancel(session, line)
    await session.flush()
    return row


async def cancel_these(session: AsyncSession, job_ids: Iterable[UUID]) -> None:
    """Cancel jobs; those that have ended meanwhile have ended.

    Belongs before anything else of a transaction: a job's end locks first the job, then what it works on, and
    whoever takes them the other way round waits for it as it waits for them.
    """
    for job_id in sorted(job_ids):
        line = await lifecycle.lineage(session, job_id)
        if line:
            await lifecycle.cancel(session, line)
    await session.flush()


async def cancel_about(session: AsyncSession, things: Iterable[dict[str, UUID]]) -> None:
    """Cancel every active job that has one of these among its arguments: `{"clip_id": clip.id}`. See cancel_these."""
    about = [Job.payload.contains({name: str(value) for name, value in thing.items()}) for thing in things]
    found = select(Job.id).where(Job.state.in_(ACTIVE_STATES), or_(*about))
    await cancel_these(session, list(await session.scalars(found)))


async def retry(session: AsyncSession, job_id: UUID) -> Job:
    """Start a failed or cancelled job once more. A job that failed by its children starts those again."""
    line = await _locked(session, job_id)
    row = line[-1]
    if row.state not in {JobState.FAILED, JobState.CANCELLED}:
        raise Conflict(f"Only a failed or cancelled job can be started again; this one is {row.state}.")
    try:
        async with session.begin_nested():
            await lifecycle.revive(session, line)
    except IntegrityError as error:
        if "uq_jobs_dedup" not in str(error):
            raise
        raise Conflict("The same job has been started again already and is active.") from error
    return row


async def hasten(session: AsyncSession, job_id: UUID) -> bool:
    """Have a job that waits for another attempt make it now; says whether it did wait."""
    line = await lifecycle.lineage(session, job_id)
    if not line or line[-1].state is not JobState.RETRY or line[-1].run_at is None:
        return False
    row = line[-1]
    row.run_at = None
    await withdraw(session, row)
    await deliver(session, row)
    return True


async def _locked(session: AsyncSession, job_id: UUID) -> lifecycle.Lineage:
    line = await lifecycle.lineage(session, job_id)
    if not line:
        raise NotFound(f"There is no job {job_id}.")
    return line


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    name: str
    """`host:pid`"""
    queues: tuple[str, ...]
    version: str
    since: datetime
    heartbeat_at: datetime


async def workers(session: AsyncSession, settings: Settings) -> list[WorkerSeen]:
    """The worker processes that are alive."""
    since = func.clock_timestamp() - timedelta(seconds=settings.stalled_after)
    rows = await session.scalars(select(Worker).where(Worker.heartbeat_at > since).order_by(Worker.id))
    return [WorkerSeen(w.name, tuple(w.queues), w.version, w.created_at, w.heartbeat_at) for w in rows]


async def summary(session: AsyncSession) -> dict[str, Any]:
    """The workspace's jobs by state and by type, and how long the oldest one that could run has waited."""
    grouped = select(Job.type, Job.state, func.count()).group_by(Job.type, Job.state)
    states: dict[str, int] = dict.fromkeys(map(str, JobState), 0)
    types: dict[str, dict[str, int]] = {}
    for kind, state, count in await session.execute(grouped):
        states[state] += count
        types.setdefault(kind, {})[str(state)] = count
    due = func.greatest(Job.created_at, func.coalesce(Job.run_at, Job.created_at))
    oldest = select(func.extract("epoch", func.clock_timestamp() - func.min(due))).where(_due())
    waited = (await session.execute(oldest)).scalar_one_or_none()
    return {"states": states, "types": types, "oldest_pending_seconds": None if waited is None else float(waited)}


def _due() -> Any:
    waits = Job.state.in_([JobState.PENDING, JobState.RETRY])
    return waits & or_(Job.run_at.is_(None), Job.run_at <= func.clock_timestamp())


async def process_one(
    db: Database, settings: Settings, storage: Storage, actor: Actor, job_id: UUID | None = None
) -> Job | None:
    """For development: run the workspace's next job, or this one even before its time, here and now.

    None where nothing waits. Raises Conflict where the job has ended or a worker has it.
    """
    async with db.transaction(actor) as session:
        query = select(Job).where(_due() if job_id is None else Job.id == job_id)
        query = query.order_by(Job.priority.desc(), Job.id).limit(1).with_for_update(skip_locked=job_id is None)
        row = (await session.scalars(query)).one_or_none()
        if row is None:
            if job_id is not None:
                raise NotFound(f"There is no job {job_id}.")
            return None
        if row.state not in {JobState.PENDING, JobState.RETRY}:
            raise Conflict(f"Only a waiting job can be run; this one is {row.state}.")
        seat = await _take(session, row)
        delivery, chosen = row.engine_job_id, row.id
    assert delivery is not None
    executor = Executor(db, storage, settings)
    async with _seated(executor, seat, delivery):
        await executor.execute(chosen, delivery, lambda: Stop.SHUTDOWN)
    async with db.transaction(actor) as session:
        return await get(session, chosen)


_SAYS = Job.error.is_not(None) | Job.message.is_not(None)


async def forget(session: AsyncSession, about: Collection[UUID]) -> Sequence[UUID]:
    """Erase what went wrong with the jobs about these, or that are these, but for its code; says the jobs' ids."""
    named = func.jsonb_path_query_array(Job.payload, cast("$.*", JSONPATH)).op("?|")(
        cast([str(one) for one in about], ARRAY(Text))
    )
    ids = (await session.scalars(select(Job.id).where(or_(Job.id.in_(about), named)))).all()
    error = case((Job.error.is_not(None), Job.error.op("-")("traceback").op("||")({"detail": ERASED})))
    said = update(Job).where(Job.id.in_(ids), _SAYS).values(error=error, message=None)
    await session.execute(said.execution_options(synchronize_session=False))
    return ids


_TAKE = text("update procrastinate_jobs set status = 'doing', worker_id = :seat where id = :id and status = 'todo'")


async def _take(session: AsyncSession, row: Job) -> int:
    """Take the job's delivery out of the queue as a worker of our own; that worker's number."""
    seat: int = (await session.execute(text("select worker_id from procrastinate_register_worker_v1()"))).scalar_one()
    there = text("select status from procrastinate_jobs where id = :id for update")
    status = (await session.execute(there, {"id": row.engine_job_id})).scalar_one_or_none()
    if status == "doing":
        raise Conflict("A worker has just taken this job.")
    if status is None:
        await deliver(session, row)
    await session.execute(_TAKE, {"seat": seat, "id": row.engine_job_id})
    return seat


@asynccontextmanager
async def _seated(executor: Executor, seat: int, delivery: int) -> AsyncIterator[None]:
    """Be a worker for as long as this takes."""
    pulse = Pulse(executor.db.url)

    async def beat() -> None:
        while True:
            async with pulse.beat([seat]) as session:
                await executor.check(session)
            await asyncio.sleep(executor.settings.heartbeat_interval)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating
        await pulse.close()
        async with executor.db.system_transaction() as session:
            await session.execute(text("delete from procrastinate_jobs where id = :id"), {"id": delivery})
            await session.execute(text("select procrastinate_unregister_worker_v1(:seat)"), {"seat": seat})
