"""What happens to a job's row: claimed, completed, failed, handed back, cancelled, and its parent with it.

Each verb changes rows in the caller's transaction, records it in the ledger and tells the watchers. Rows of one tree
are locked from the root down, so that two of them ending at once wait for each other instead of dying.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import Actor
from stakazo.core.db import now
from stakazo.core.live import publish
from stakazo.jobs.engine import HANDLERS, deliver, withdraw
from stakazo.jobs.models import Job
from stakazo.jobs.states import (
    ACTIVE_STATES,
    CANCELLED,
    Failure,
    JobState,
    Next,
    Phase,
    Tries,
    after_crash,
    after_failure,
    children_failed,
)
from stakazo.ledger import service as ledger

FIRST_DELAY = 2.0
"""Seconds before the second attempt, where nothing is known of a job's type here."""

log = structlog.get_logger(__name__)

Lineage = Sequence[Job]
"""A job's ancestors from the root down, and itself; all of them locked."""


def actor_for(row: Job) -> Actor:
    """Whoever acts when this job acts."""
    return Actor.job(row.type, row.id, row.workspace_id, row.correlation_id)


async def lineage(session: AsyncSession, job_id: UUID) -> Lineage:
    """The job and its ancestors, locked; empty where there is no such job.

    Who is whose ancestor says how far each is away, not its id: a child that a worker with a slow clock has started has
    the smaller one.
    """
    up = select(Job.id, Job.parent_id, literal(0).label("away")).where(Job.id == job_id).cte("up", recursive=True)
    up = up.union_all(select(Job.id, Job.parent_id, up.c.away + 1).join(up, Job.id == up.c.parent_id))
    locked = select(Job).join(up, Job.id == up.c.id).order_by(up.c.away.desc()).with_for_update(of=Job)
    return (await session.scalars(locked.execution_options(populate_existing=True))).all()


async def held(session: AsyncSession, job_id: UUID, attempt: int) -> Lineage:
    """The same, if the job is at this attempt in a worker's hands; empty where it is another's by now."""
    line = await lineage(session, job_id)
    mine = bool(line) and line[-1].attempt == attempt and line[-1].state is JobState.PROCESSING
    return line if mine and not line[-1].waiting else ()


async def claim(session: AsyncSession, job_id: UUID, delivery: int, worker: str) -> Job | None:
    """Take the job that this delivery is about; None where it has ended, or was delivered anew since.

    Belongs into a system transaction, as nobody knows yet whose the job is.
    """
    row = await session.get(Job, job_id, with_for_update=True)
    if row is None or row.engine_job_id != delivery:
        return None
    again = row.state is JobState.PROCESSING and row.worker == worker  # the reply to the first claim got lost
    if row.state not in {JobState.PENDING, JobState.RETRY} and not again:
        return None
    row.state = JobState.PROCESSING
    row.attempt += 1
    row.worker = worker
    row.started_at = await now(session)
    row.run_at = None
    row.stage = row.message = row.expected_at = None
    if row.phase == Phase.WORK:
        row.progress = 0.0
    session.info["actor"] = actor_for(row)
    await _say(session, row, "job_processing_started", attempt=row.attempt, worker=worker)
    return row


async def complete(session: AsyncSession, line: Lineage) -> None:
    """The handler is done: so is the job, or it waits for its children."""
    row = line[-1]
    handler = HANDLERS.get(row.type)
    if row.cancel_requested:
        await end(session, line, JobState.CANCELLED, CANCELLED)
        return
    if row.phase == Phase.WORK:
        children = await _children(session, row)
        if children or (handler is not None and handler.finisher is not None):
            row.phase = Phase.CHILDREN
            row.engine_job_id = row.expected_at = None
            await session.flush()
            await settle(session, line)
            return
    await end(session, line, JobState.COMPLETED)


async def fail(session: AsyncSession, line: Lineage, failure: Failure) -> JobState:
    """An attempt ended in an error: try again, or not."""
    return await _go_on(session, line, after_failure(failure, _tries(line[-1])))


async def crash(session: AsyncSession, line: Lineage) -> JobState:
    """The worker that had the job has vanished."""
    return await _go_on(session, line, after_crash(_tries(line[-1])))


def _tries(row: Job) -> Tries:
    handler = HANDLERS.get(row.type)
    return Tries(
        failures=row.failures,
        crashes=row.crashes,
        max_attempts=row.max_attempts,
        first_delay=handler.first_delay if handler else FIRST_DELAY,
        jitter=random.random(),  # noqa: S311 (no secret)
    )


async def give_back(session: AsyncSession, line: Lineage, why: str = "worker_stopped") -> None:
    """The worker has to go: the job is somebody else's at once, and this attempt doesn't count."""
    row = line[-1]
    row.state = JobState.RETRY
    row.run_at = row.expected_at = None
    await _say(session, row, "job_retried", reason=why, attempt=row.attempt)
    await deliver(session, row)


async def _go_on(session: AsyncSession, line: Lineage, outcome: Next) -> JobState:
    row = line[-1]
    row.failures, row.crashes = outcome.failures, outcome.crashes
    if outcome.state is JobState.RETRY and not row.cancel_requested:
        row.state = JobState.RETRY
        row.error = outcome.failure.as_json()
        row.expected_at = None
        row.run_at = await now(session) + timedelta(seconds=outcome.delay) if outcome.delay else None
        await _say(session, row, "job_retried", error=_known(outcome.failure), attempt=row.attempt, delay=outcome.delay)
        await deliver(session, row)
        return row.state
    await end(session, line, JobState.CANCELLED if row.cancel_requested else JobState.FAILED, outcome.failure)
    return row.state


EVENTS = {
    JobState.COMPLETED: "job_processing_completed",
    JobState.FAILED: "job_processing_failed",
    JobState.CANCELLED: "job_cancelled",
}


async def end(session: AsyncSession, line: Lineage, state: JobState, failure: Failure | None = None) -> None:
    """The job is over, and what hangs on it follows; it came to nothing where there is a failure."""
    row = line[-1]
    row.state = state
    row.finished_at = await now(session)
    row.run_at = row.expected_at = row.engine_job_id = None
    row.error = failure.as_json() if failure is not None else None
    if state is JobState.COMPLETED:
        row.progress = 1.0
    said = {"attempt": row.attempt} | ({"error": _known(failure)} if failure else {})
    await _say(session, row, EVENTS[state], **said)
    if failure is not None:
        await _cancel_children(session, line)
    await _tell(session, row, failure)
    if len(line) > 1:
        await settle(session, line[:-1])


async def _tell(session: AsyncSession, row: Job, failure: Failure | None) -> None:
    """Let the job's kin write down what follows from its end; their mistake must not keep it from ending."""
    handler = HANDLERS.get(row.type)
    if handler is None:
        return
    follows = [partial(hook, session, row) for hook in handler.done]
    if failure is not None:
        follows = [partial(hook, session, row, failure.as_json()) for hook in handler.ended]
    for follow in follows:
        try:
            async with session.begin_nested():
                await follow()
        except Exception:  # an edge: foreign code
            log.exception("job_end_hook_failed", job_id=str(row.id), type=row.type)


async def settle(session: AsyncSession, line: Lineage) -> None:
    """A child has ended, or the handler has: go on if nobody is left to wait for. Once, as the row is locked."""
    row = line[-1]
    if not row.waiting:
        return
    await session.flush()
    counts = await _children(session, row)
    total = sum(counts.values())
    active = sum(n for state, n in counts.items() if state in ACTIVE_STATES)
    if active:
        row.progress = max(row.progress, 1 - active / total)
        row.stage, row.message = "children", f"{total - active} of {total} jobs have ended"
        await session.flush()
        await publish(session, "job", row.id)
        return
    failed = total - counts.get(JobState.COMPLETED, 0)
    handler = HANDLERS.get(row.type)
    if row.cancel_requested:
        await end(session, line, JobState.CANCELLED, CANCELLED)
    elif failed and not (handler is not None and handler.tolerant):
        await end(session, line, JobState.FAILED, children_failed(failed, total))
    elif handler is not None and handler.finisher is None:
        await end(session, line, JobState.COMPLETED)
    else:
        row.phase, row.state = Phase.FINISH, JobState.PENDING
        await session.flush()
        await deliver(session, row)
        await publish(session, "job", row.id)


async def cancel(session: AsyncSession, line: Lineage) -> None:
    """Somebody wants the job to end: at once where no worker has it, else its worker is told."""
    row = line[-1]
    if row.state is JobState.PROCESSING:
        if row.cancel_requested:
            return
        row.cancel_requested = True
        await session.flush()
        await _cancel_children(session, line)
        if row.waiting:
            await settle(session, line)
        else:
            await withdraw(session, row)
            await publish(session, "job", row.id)
    elif row.state in ACTIVE_STATES:
        row.cancel_requested = True
        await withdraw(session, row)
        await end(session, line, JobState.CANCELLED, CANCELLED)


async def _cancel_children(session: AsyncSession, line: Lineage) -> None:
    row = line[-1]
    kin = (Job.workspace_id == row.workspace_id, Job.parent_id == row.id, Job.state.in_(ACTIVE_STATES))
    for child in (await session.scalars(select(Job).where(*kin).order_by(Job.id).with_for_update())).all():
        await cancel(session, [*line, child])


async def revive(session: AsyncSession, line: Lineage) -> None:
    """Start a failed or cancelled job once more, with all its attempts; what waits for it waits again."""
    row = line[-1]
    for ancestor in reversed(line[:-1]):
        if ancestor.state not in {JobState.FAILED, JobState.CANCELLED} or ancestor.phase != Phase.CHILDREN:
            break  # it waits for nobody, so nobody above it waits for this one
        _reset(ancestor, JobState.PROCESSING)
        await _say(session, ancestor, "job_retried", reason="by_hand")
    failed = (JobState.FAILED, JobState.CANCELLED)
    kin = (Job.workspace_id == row.workspace_id, Job.parent_id == row.id, Job.state.in_(failed))
    children: Sequence[Job] = ()
    if row.phase == Phase.CHILDREN:
        children = (await session.scalars(select(Job).where(*kin).order_by(Job.id).with_for_update())).all()
    _reset(row, JobState.PROCESSING if children else JobState.PENDING)
    if not children:
        row.phase = Phase.FINISH if row.phase == Phase.FINISH else Phase.WORK
        row.progress = 0.0
    await _say(session, row, "job_retried", reason="by_hand")
    for child in children:
        await revive(session, [*line, child])
    if not children:
        await deliver(session, row)


def _reset(row: Job, state: JobState) -> None:
    row.state = state
    row.failures = row.crashes = 0
    row.cancel_requested = False
    row.error = row.finished_at = row.run_at = row.put_off_at = row.stage = row.message = row.expected_at = None


async def _children(session: AsyncSession, row: Job) -> dict[JobState, int]:
    kin = (Job.workspace_id == row.workspace_id, Job.parent_id == row.id)
    found = await session.execute(select(Job.state, func.count()).where(*kin).group_by(Job.state))
    return {state: count for state, count in found}  # noqa: C416 (dict() loses the types)


async def _say(session: AsyncSession, row: Job, event: str, **data: Any) -> None:
    """Into the ledger and to the watchers."""
    await session.flush()
    await ledger.record(session, event, subject=("job", row.id), type=row.type, **data)
    await publish(session, "job", row.id)


def _known(failure: Failure) -> dict[str, object]:
    return {"code": failure.code, "detail": failure.detail[:500]}
