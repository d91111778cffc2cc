"""One attempt of one job in this process: claim it, let the handler work, write down how it ended."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from enum import Enum
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import Database
from stakazo.core.errors import Invalid
from stakazo.core.settings import Settings
from stakazo.core.storage import Storage
from stakazo.jobs import lifecycle
from stakazo.jobs.engine import HANDLERS
from stakazo.jobs.lifecycle import Lineage
from stakazo.jobs.models import Job
from stakazo.jobs.outage import away, persistently
from stakazo.jobs.pulse import name_of
from stakazo.jobs.run import Run
from stakazo.jobs.states import CANCELLED, Failure, JobState, Phase, failure_of, timed_out

DATABASE_AWAY = Failure("database_away", "The database could not be reached.", retryable=True, after=1.0)
STUBBORN = 10.0
"""Seconds a handler may take to stop once it was told to, before it is left alone."""

log = structlog.get_logger(__name__)


class Stop(Enum):
    """Why an attempt is stopped from outside."""

    CANCELLED = "cancelled"
    SHUTDOWN = "shutdown"
    TIMEOUT = "timeout"
    LOST = "lost"


class Executor:
    """Runs jobs in this process."""

    def __init__(self, db: Database, storage: Storage, settings: Settings, name: str | None = None) -> None:
        self.db, self.storage, self.settings = db, storage, settings
        self.name = name or name_of(os.getpid())
        self.attempts: set[Attempt] = set()
        self.closing = asyncio.Event()

    async def execute(self, job_id: UUID, delivery: int, why_cancelled: Callable[[], Stop]) -> None:
        """Run the job that this delivery is about to its end. A cancellation of the caller stops the handler.

        Returns when what became of the job is written down; `why_cancelled` says what a cancellation means.
        """
        attempt = Attempt(self, job_id, delivery)
        self.attempts.add(attempt)
        if self.closing.is_set():
            attempt.stop(Stop.SHUTDOWN)
        task = asyncio.create_task(attempt.live(), name=f"job {job_id}")
        task.add_done_callback(lambda _: self.attempts.discard(attempt))
        while True:
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                if task.done():
                    return None
                attempt.stop(why_cancelled())

    def run_for(self, job: Job, stop: Callable[[Stop], None]) -> Run:
        """What the handler of this claimed job is given; `stop` is called when a write finds that it should end."""

        async def hold_all(session: AsyncSession) -> Job | None:
            line = await lifecycle.held(session, job.id, job.attempt)
            return line[-1] if line else None

        async def complete(session: AsyncSession) -> None:
            await lifecycle.complete(session, await lifecycle.held(session, job.id, job.attempt))

        return Run(
            job_id=job.id,
            type=job.type,
            attempt=job.attempt,
            actor=lifecycle.actor_for(job),
            db=self.db,
            storage=self.storage,
            settings=self.settings,
            lost=lambda: stop(Stop.LOST),
            cancelled=lambda: stop(Stop.CANCELLED),
            hold_all=hold_all,
            complete=complete,
        )

    def close(self) -> None:
        """Hand back every job that runs, and each that still comes in."""
        self.closing.set()
        for attempt in self.attempts:
            attempt.stop(Stop.SHUTDOWN)

    async def check(self, session: AsyncSession) -> None:
        """Stop the attempts whose job was given to another worker or is to be cancelled. Belongs to each heartbeat.

        The session's transaction is the machinery's.
        """
        held = [attempt for attempt in self.attempts if attempt.token]
        if not held:
            return
        columns = (Job.id, Job.attempt, Job.state, Job.cancel_requested)
        found = await session.execute(select(*columns).where(Job.id.in_([attempt.job_id for attempt in held])))
        rows = {row.id: row for row in found}
        for attempt in held:
            row = rows.get(attempt.job_id)
            if row is None or row.attempt != attempt.token or row.state is not JobState.PROCESSING:
                attempt.stop(Stop.LOST)
            elif row.cancel_requested:
                attempt.stop(Stop.CANCELLED)


class Attempt:
    """One claimed job and the handler's task."""

    def __init__(self, executor: Executor, job_id: UUID, delivery: int) -> None:
        self.executor, self.job_id, self.delivery = executor, job_id, delivery
        self.token = 0
        self.stopped: Stop | None = None
        self._told = asyncio.Event()

    def stop(self, why: Stop) -> None:
        """Make the handler stop; the first reason counts."""
        if self.stopped is None:
            self.stopped = why
            self._told.set()

    async def live(self) -> None:
        job = await persistently(self._claim, stop=self.executor.closing)
        if job is None:
            return
        self.token = job.attempt
        with structlog.contextvars.bound_contextvars(
            job=job.type, job_id=str(job.id), attempt=job.attempt, workspace_id=str(job.workspace_id)
        ):
            await self._run(job)

    async def _claim(self) -> Job | None:
        async with self.executor.db.system_transaction() as session:
            return await lifecycle.claim(session, self.job_id, self.delivery, self.executor.name)

    async def _run(self, job: Job) -> None:
        run = self.executor.run_for(job, self.stop)
        log.info("job_started")
        work = asyncio.create_task(self._work(job, run), name=f"{job.type} {job.id}")
        over = asyncio.Event()
        reporting = asyncio.create_task(run.keep_reporting(over), name=f"progress of {job.id}")
        timer = asyncio.get_running_loop().call_later(job.timeout, self.stop, Stop.TIMEOUT)
        told = asyncio.create_task(self._told.wait())
        try:
            await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await _cancel(work)
        finally:
            timer.cancel()
            told.cancel()
            over.set()
            await asyncio.wait({reporting}, timeout=2.0)
            reporting.cancel()
        if run.completed:
            late = work.exception() if work.done() and not work.cancelled() else None
            log.info("job_completed", exc_info=late)
            return
        failure = self._failure(job, work)
        state = "lost"
        if self.stopped is not Stop.LOST:
            state = await persistently(lambda: self._write_down(run, failure), stop=self.executor.closing)
        log.info("job_ended", state=state, code=failure.code if failure else None)

    async def _work(self, job: Job, run: Run) -> None:
        handler = HANDLERS.get(job.type)
        if handler is None:
            raise Invalid(f"This worker knows no job type {job.type!r}.")
        function = handler.finisher if job.phase == Phase.FINISH else handler.work
        if function is not None:
            await function(run, **handler.given(job))

    def _failure(self, job: Job, work: asyncio.Task[None]) -> Failure | None:
        """Why the handler didn't do its work; None where it did."""
        if work.done() and not work.cancelled() and work.exception() is None:
            return None
        if self.stopped is Stop.TIMEOUT:
            return timed_out(job.timeout)
        if self.stopped is not None:
            return CANCELLED
        if work.cancelled():
            return Failure("internal", "It was cancelled from inside.", retryable=True)
        error = work.exception()
        assert error is not None
        if away(error):
            return DATABASE_AWAY
        failure = failure_of(error)
        log.warning(
            "job_failed", code=failure.code, detail=failure.detail, exc_info=error if failure.traceback else None
        )
        return failure

    async def _write_down(self, run: Run, failure: Failure | None) -> str:
        """What becomes of the job, in one transaction; nothing where it is no longer this worker's."""
        async with self.executor.db.transaction(run.actor) as session:
            line = await lifecycle.held(session, self.job_id, self.token)
            if not line:
                return "lost"
            row = line[-1]
            if failure is not None and run.reported["stage"]:
                row.progress, row.stage = run.reported["progress"], run.reported["stage"]
            await self._decide(session, line, failure)
            return str(row.state)

    async def _decide(self, session: AsyncSession, line: Lineage, failure: Failure | None) -> None:
        if failure is None:
            await lifecycle.complete(session, line)
        elif line[-1].cancel_requested or self.stopped is Stop.CANCELLED:
            await lifecycle.end(session, line, JobState.CANCELLED, CANCELLED)
        elif self.stopped is Stop.SHUTDOWN:
            await lifecycle.give_back(session, line)
        else:
            await lifecycle.fail(session, line, failure)


async def _cancel(work: asyncio.Task[None]) -> None:
    """Cancel until it listens; one that doesn't is left behind, and what it still writes is void."""
    for _ in range(int(STUBBORN)):
        work.cancel()
        done, _pending = await asyncio.wait({work}, timeout=1.0)
        if done:
            return
    log.error("job_does_not_stop", task=work.get_name())
