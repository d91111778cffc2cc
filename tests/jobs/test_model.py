"""Jobs against a model of them: whatever is done to them in whatever order, the rows say what the model says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from tests.exploring import drive

from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.errors import Conflict
from stakazo.core.postgres import Urls
from stakazo.core.security import Keyring
from stakazo.core.workspaces import Workspace
from stakazo.jobs import lifecycle, service
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.models import Job
from stakazo.jobs.run import Run
from stakazo.jobs.states import ACTIVE_STATES, Failure, JobState
from stakazo.jobs.sweeper import sweep

T = TypeVar("T")
MOST = 3
"""Attempts that may fail, and workers that may vanish."""


@job(max_attempts=MOST)
async def modelled(run: Run) -> None:
    """Never run: the machine does with its rows what workers do."""


@dataclass
class Model:
    """What a job should be."""

    id: UUID
    parent: Model | None = None
    state: JobState = JobState.PENDING
    waits: bool = False
    """Its own work is done; its children are not."""
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    to_end: bool = False
    delivered: bool = True
    """Whether the engine still knows of it."""
    children: list[Model] = field(default_factory=list)

    @property
    def active(self) -> bool:
        return self.state in ACTIVE_STATES

    @property
    def held(self) -> bool:
        """In a worker's hands."""
        return self.state is JobState.PROCESSING and not self.waits

    def end(self, state: JobState) -> None:
        self.state, self.delivered = state, False
        if state is not JobState.COMPLETED:
            for child in self.children:
                child.cancel()
        if self.parent:
            self.parent.settle()

    def settle(self) -> None:
        """Go on if nobody is left to wait for."""
        if not self.waits or self.state != JobState.PROCESSING or any(child.active for child in self.children):
            return
        if self.to_end:
            self.end(JobState.CANCELLED)
        elif any(child.state is not JobState.COMPLETED for child in self.children):
            self.end(JobState.FAILED)
        else:
            self.end(JobState.COMPLETED)

    def cancel(self) -> None:
        if not self.active or (self.state is JobState.PROCESSING and self.to_end):
            return
        self.to_end = True
        if self.state is not JobState.PROCESSING:
            self.end(JobState.CANCELLED)
            return
        for child in self.children:
            child.cancel()
        if self.waits:
            self.settle()
        else:
            self.delivered = False  # nobody has fetched it from the engine, so it is taken back there

    def complete(self) -> None:
        if self.to_end:
            self.end(JobState.CANCELLED)
        elif self.children:
            self.waits, self.delivered = True, False
            self.settle()
        else:
            self.end(JobState.COMPLETED)

    def again(self, *, ever: bool) -> None:
        """After an attempt that came to nothing: once more, if it may ever be."""
        if ever and not self.to_end:
            self.state, self.delivered = JobState.RETRY, True
        else:
            self.end(JobState.CANCELLED if self.to_end else JobState.FAILED)

    def fail(self, *, retryable: bool) -> None:
        self.failures += 1
        self.again(ever=retryable and self.failures < MOST)

    def crash(self) -> None:
        self.crashes += 1
        self.again(ever=self.crashes < MOST)

    def revive(self) -> None:
        above = self.parent
        while above:
            if above.state not in {JobState.FAILED, JobState.CANCELLED} or not above.waits:
                break
            above.reset(JobState.PROCESSING)
            above = above.parent
        lost = [child for child in self.children if child.state in {JobState.FAILED, JobState.CANCELLED}]
        if self.waits and lost:
            self.reset(JobState.PROCESSING)
            for child in lost:
                child.revive()
        else:
            self.reset(JobState.PENDING)
            self.waits, self.delivered = False, True

    def reset(self, state: JobState) -> None:
        self.state, self.failures, self.crashes, self.to_end = state, 0, 0, False


class Jobs(RuleBasedStateMachine):
    """What people, workers, the engine and the sweeper do, in any order."""

    urls: Urls
    keyring: Keyring
    jobs = Bundle("jobs")
    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.models: list[Model] = []
        self.loop = asyncio.new_event_loop()
        self.db = Database(self.urls.app, pool_size=2, keyring=self.keyring)
        self.actor = Actor(new_id(), "user", "ann")
        self.run(self._open())

    async def _open(self) -> None:
        async with self.db.system_transaction() as session:
            session.add(Workspace(id=self.actor.workspace_id, name="Blue Note"))

    def teardown(self) -> None:
        self.run(self.db.close())
        self.loop.close()

    def run(self, work: Awaitable[T]) -> T:
        async def do() -> T:
            return await work

        return self.loop.run_until_complete(do())

    def within(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        async def transact() -> T:
            async with self.db.transaction(self.actor) as session:
                return await work(session)

        return self.run(transact())

    @initialize(target=jobs)
    def family(self) -> Any:
        """Nothing much happens to a job alone."""
        parent = self.start()
        child = self.start_child(parent)
        return multiple(parent, child, self.start_child(parent), self.start_child(child))

    # --- people -----------------------------------------------------------------------------------------

    @rule(target=jobs)
    def start(self) -> Model:
        return self._started(self.within(modelled.start), None)

    @rule(target=jobs, parent=jobs)
    def start_child(self, parent: Model) -> Model:
        handler = modelled.using(JobOptions(parent_id=parent.id))
        try:
            row = self.within(handler.start)
        except Conflict:
            assert not parent.active or parent.to_end
            return parent
        assert parent.active
        return self._started(row, parent)

    def _started(self, row: Job, parent: Model | None) -> Model:
        model = Model(row.id, parent)
        self.models.append(model)
        if parent:
            parent.children.append(model)
        return model

    @rule(model=jobs)
    def cancel(self, model: Model) -> None:
        try:
            self.within(lambda session: service.cancel(session, model.id))
        except Conflict:
            assert model.state in {JobState.COMPLETED, JobState.FAILED}
        else:
            assert model.state not in {JobState.COMPLETED, JobState.FAILED}
            model.cancel()

    @rule(model=jobs)
    def retry(self, model: Model) -> None:
        try:
            self.within(lambda session: service.retry(session, model.id))
        except Conflict:
            assert model.state not in {JobState.FAILED, JobState.CANCELLED}
        else:
            assert model.state in {JobState.FAILED, JobState.CANCELLED}
            model.revive()

    # --- workers ----------------------------------------------------------------------------------------

    @rule(target=tokens, model=jobs)
    def claim(self, model: Model) -> tuple[Model, int]:
        """A worker fetches the job's delivery; the attempt is its token from then on, also when it is stale."""
        delivery = self.within(lambda session: session.scalar(select(Job.engine_job_id).where(Job.id == model.id)))

        async def take() -> Job | None:
            async with self.db.system_transaction() as session:
                return await lifecycle.claim(session, model.id, delivery or -1, f"worker {model.attempt}")

        row = self.run(take())
        assert (row is not None) == (delivery is not None and model.state in {JobState.PENDING, JobState.RETRY})
        if row is not None:
            model.state = JobState.PROCESSING
            model.attempt += 1
        return model, model.attempt

    def _by(self, token: tuple[Model, int], act: Callable[[AsyncSession, Any], Awaitable[Any]]) -> bool:
        """Let whoever has this token do something; whether it counted."""
        model, attempt = token

        async def do(session: AsyncSession) -> bool:
            line = await lifecycle.held(session, model.id, attempt)
            if line:
                await act(session, line)
            return bool(line)

        counted = self.within(do)
        assert counted == (model.held and model.attempt == attempt)
        return counted

    @rule(model=jobs)
    def work_off(self, model: Model) -> None:
        """A worker that does it at once."""
        self.complete(self.claim(model))

    @rule(model=jobs, retryable=st.booleans())
    def go_wrong(self, model: Model, retryable: bool) -> None:  # noqa: FBT001
        """A worker fails at once."""
        self.fail(self.claim(model), retryable)

    @rule(model=jobs)
    def wake_up_late(self, model: Model) -> None:
        """A worker hands it back, another takes it, and the first believes that it still has it."""
        first = self.claim(model)
        self.hand_back(first)
        self.claim(model)
        self.complete(first)

    @rule(token=tokens)
    def complete(self, token: tuple[Model, int]) -> None:
        if self._by(token, lifecycle.complete):
            token[0].complete()

    @rule(token=tokens, retryable=st.booleans())
    def fail(self, token: tuple[Model, int], retryable: bool) -> None:  # noqa: FBT001
        failure = Failure("broken", "It broke.", retryable=retryable)
        if self._by(token, lambda session, line: lifecycle.fail(session, line, failure)):
            token[0].fail(retryable=retryable)

    @rule(token=tokens)
    def hand_back(self, token: tuple[Model, int]) -> None:
        if not token[0].to_end and self._by(token, lifecycle.give_back):
            token[0].state, token[0].delivered = JobState.RETRY, True

    # --- what breaks, and what mends it -----------------------------------------------------------------

    @rule(model=jobs)
    def lose(self, model: Model) -> None:
        """The engine forgets a job."""
        gone = text("delete from procrastinate_jobs where id = (select engine_job_id from jobs where id = :id)")
        self.within(lambda session: session.execute(gone, {"id": model.id}))
        model.delivered = False

    @rule()
    def sweep(self) -> None:
        self.run(sweep(self.db, stalled_after=1e6, silent_after=0.0))
        for model in sorted(self.models, key=lambda model: model.id):
            if model.active and not model.waits and not model.delivered:
                if model.held:
                    model.crash()
                else:
                    model.delivered = True

    # --- what holds always ------------------------------------------------------------------------------

    @invariant()
    def rows_and_ledger_say_what_the_model_says(self) -> None:
        rows, begun = self.within(_read)
        assert rows.keys() == {model.id for model in self.models}
        assert begun == {model.id: model.attempt for model in self.models}
        for model in self.models:
            row = rows[model.id]
            assert (row.state, row.waiting) == (model.state, model.waits and model.state is JobState.PROCESSING)
            assert (row.attempt, row.failures, row.crashes) == (model.attempt, model.failures, model.crashes)
            assert row.cancel_requested == model.to_end or not model.active
            assert (row.finished_at is not None) == (not model.active)
            assert (row.engine_job_id is not None) == (model.active and not model.waits)
            assert not row.waiting or any(child.active for child in model.children)


async def _read(session: AsyncSession) -> tuple[dict[UUID, Job], dict[UUID, int]]:
    """Every job, and how often the ledger says that it was begun."""
    begun = text(
        "select subject_id, count(*) filter (where event = 'job_processing_started') from ledger_events "
        "where subject_type = 'job' group by subject_id"
    )
    rows = {row.id: row for row in await session.scalars(select(Job))}
    return rows, {row[0]: row[1] for row in await session.execute(begun)}


def test_jobs_are_what_their_model_says(urls: Urls, keyring: Keyring) -> None:
    class Here(Jobs):
        pass

    Here.urls, Here.keyring = urls, keyring
    drive(Here, few=12, steps=40)
