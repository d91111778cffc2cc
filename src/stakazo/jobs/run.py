"""What a handler holds while it works: who it is, its transactions, and how it says how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.live import publish
from stakazo.core.settings import Settings
from stakazo.core.storage import Storage
from stakazo.jobs.models import Job
from stakazo.jobs.outage import away
from stakazo.jobs.states import JobState, remaining

WRITE_EVERY = 0.5
"""Seconds between two writes of progress."""

log = structlog.get_logger(__name__)


class Lost(asyncio.CancelledError):
    """The job is no longer this worker's: it was given to another, cancelled or completed. Stop and clean up."""


class NotYet(Exception):
    """What a handler waits for outside isn't so yet: no failure. The job goes on in `after` seconds."""

    code, retryable = "not_yet", True

    def __init__(self, sentence: str, *, after: float) -> None:
        super().__init__(sentence)
        self.after = after


@dataclass(eq=False, slots=True)
class Run:
    """One attempt of one job, as its handler sees it."""

    job_id: UUID
    type: str
    attempt: int
    """The fencing token: a later attempt makes everything that this one writes void."""
    actor: Actor
    db: Database
    storage: Storage
    settings: Settings
    lost: Callable[[], None]
    """Called when a write finds that the job is no longer this worker's."""
    cancelled: Callable[[], None]
    """Called when a write finds that somebody wants the job to end."""
    hold_all: Callable[[AsyncSession], Awaitable[Job | None]]
    """Locks the job, and first whatever its end will change; None where it isn't this worker's."""
    complete: Callable[[AsyncSession], Awaitable[None]]
    """Completes the job that is held."""

    completed: bool = False
    _report: tuple[float, str, str] = (0.0, "", "")
    _samples: list[tuple[float, float]] = field(default_factory=lambda: [(time.monotonic(), 0.0)])
    _written: tuple[float, str, str] = (0.0, "", "")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction, which only commits if the job is still this worker's; raises `Lost` where it isn't.

        The job's row is locked against being given away until the end, so be short, and work outside. Where the
        database is away this waits for it.
        """
        async with self._opened(self._hold) as session:
            yield session

    @asynccontextmanager
    async def completion(self) -> AsyncIterator[AsyncSession]:
        """The last transaction: what is written in it and the job's completion happen together, or not at all.

        A handler that writes its result here has its effect exactly once, whatever dies. Nothing may follow it.
        """
        async with self._opened(self.hold_all) as session:
            yield session
            await self.complete(session)
        self.completed = True

    @asynccontextmanager
    async def _opened(self, hold: Callable[[AsyncSession], Awaitable[Job | None]]) -> AsyncIterator[AsyncSession]:
        if self.completed:
            raise Lost(f"Job {self.job_id} is completed already.")
        delay, opened, done = 0.1, False, False
        while not done:
            try:
                async with self.db.transaction(self.actor) as session:
                    self._check(await hold(session))
                    opened = True
                    yield session
                done = True
            except SQLAlchemyError as error:
                if opened or not away(error):
                    raise
                await asyncio.sleep(delay)
                delay = min(2.0, delay * 2)

    async def _hold(self, session: AsyncSession) -> Job | None:
        mine = (Job.id == self.job_id, Job.attempt == self.attempt, Job.state == JobState.PROCESSING)
        return (await session.scalars(select(Job).where(*mine).with_for_update(read=True))).one_or_none()

    def _check(self, held: Job | None) -> None:
        if held is None:
            self.lost()
            raise Lost(f"Job {self.job_id} is no longer this worker's (attempt {self.attempt}).")
        if held.cancel_requested:
            self.cancelled()
            raise Lost(f"Job {self.job_id} is to be cancelled.")

    def report(self, fraction: float, stage: str, message: str = "") -> None:
        """Say how far the job is, 0 to 1, and what it is doing; from any thread.

        It costs nothing: what is written, twice a second, is the latest.
        """
        fraction = min(1.0, max(0.0, fraction))
        if fraction > self._samples[-1][1] and time.monotonic() - self._samples[-1][0] >= WRITE_EVERY / 2:
            self._samples.append((time.monotonic(), fraction))
            if len(self._samples) > 600:
                del self._samples[1::2]
        self._report = (fraction, stage, message)

    @property
    def reported(self) -> dict[str, Any]:
        """The columns that say how far it is."""
        fraction, stage, message = self._report
        left = remaining(self._samples)
        return {
            "progress": fraction,
            "stage": stage or None,
            "message": message or None,
            "expected_at": func.clock_timestamp() + timedelta(seconds=left) if left is not None else None,
        }

    async def keep_reporting(self, over: asyncio.Event) -> None:
        """Write what was reported, at most twice a second, until it is over."""
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), WRITE_EVERY)
                return
            if self._report != self._written:
                report = self._report
                try:
                    await self._write()
                except (SQLAlchemyError, OSError) as error:
                    log.warning("progress_not_written", error=str(error))
                else:
                    self._written = report

    async def _write(self) -> None:
        mine = (Job.id == self.job_id, Job.attempt == self.attempt, Job.state == JobState.PROCESSING)
        async with self.db.transaction(self.actor) as session:
            result = await session.execute(
                update(Job).where(*mine).values(**self.reported).returning(Job.cancel_requested)
            )
            row = result.first()
            if row is None:
                self.lost()
            elif row.cancel_requested:
                self.cancelled()
            else:
                await publish(session, "job", self.job_id)
