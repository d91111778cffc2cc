"""Jobs as functions: `@job` makes a handler startable in the transaction that makes the job necessary.

    @job(queue="media", timeout=1800)
    async def cut_analysis(run: Run, video_id: UUID) -> None: ...

    row = await cut_analysis.start(session, video.id)

The row in `jobs` is the truth. Procrastinate's row is one delivery of it to one worker; it carries the job's id and
nothing else, and every new attempt gets a new delivery, so what a stale worker says about its old one means nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Concatenate, Generic, ParamSpec, get_type_hints
from uuid import UUID

from procrastinate import App, PsycopgConnector
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import new_id
from stakazo.core.db import actor_of, raw_connection
from stakazo.core.errors import Conflict, Invalid, NotFound
from stakazo.core.live import publish
from stakazo.jobs.models import DISTINCT, Job
from stakazo.jobs.run import Run
from stakazo.jobs.states import ACTIVE_STATES, JobState, Phase
from stakazo.ledger import service as ledger

P = ParamSpec("P")
Ended = Callable[[AsyncSession, Job, dict[str, Any]], Awaitable[None]]
"""What is written when a job has come to nothing: its row, and why, as `job.error` has it."""
Done = Callable[[AsyncSession, Job], Awaitable[None]]
"""What is written when a job is complete: its row."""

TASK = "stakazo.job"
_engine = App(connector=PsycopgConnector())  # never opened: everything goes over the caller's connection


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How one job is started."""

    dedup_key: str | None = None
    """While a job of the same type and key is active and not being stopped, starting another gives that one."""
    priority: int = 0
    """Higher first."""
    run_at: datetime | None = None
    """Not before."""
    parent_id: UUID | None = None
    """The job that isn't done before this one is; usually `run.job_id`."""


@dataclass(eq=False)
class Handler(Generic[P]):
    """A function that workers run, and the rules for running it."""

    work: Callable[Concatenate[Run, P], Awaitable[None]]
    name: str
    queue: str
    max_attempts: int
    timeout: float
    first_delay: float
    tolerant: bool
    arguments: type[BaseModel]
    finisher: Callable[Concatenate[Run, P], Awaitable[None]] | None = None
    ended: list[Ended] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    options: JobOptions = field(default_factory=JobOptions)

    def using(self, options: JobOptions) -> Handler[P]:
        """The same job, to be started with these options."""
        return replace(self, options=options)

    async def start(self, session: AsyncSession, /, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Start the job when, and only if, the session's transaction commits.

        Raises `Invalid` where the arguments aren't what the handler takes.
        """
        placeholder: Any = None
        try:
            given = inspect.signature(self.work).bind(placeholder, *args, **kwargs).arguments
        except TypeError as error:
            raise Invalid(f"{self.name}: {error}.") from error
        given.pop(next(iter(given)))
        return await self.start_with(session, given)

    async def start_with(self, session: AsyncSession, payload: dict[str, Any]) -> Job:
        """Start the job with its arguments by name, as they come from outside."""
        try:
            arguments = self.arguments.model_validate(payload)
        except ValidationError as error:
            raise Invalid(f"{self.name}: {_said(error)}") from error
        return await _start(session, self, arguments.model_dump(mode="json"))

    def given(self, job: Job) -> dict[str, Any]:
        """The handler's arguments from the job's payload, with their types. Raises `Invalid`."""
        try:
            arguments = self.arguments.model_validate(job.payload)
        except ValidationError as error:
            raise Invalid(f"{self.name}: {_said(error)}") from error
        return {name: getattr(arguments, name) for name in type(arguments).model_fields}

    def finally_(
        self, finisher: Callable[Concatenate[Run, P], Awaitable[None]]
    ) -> Callable[Concatenate[Run, P], Awaitable[None]]:
        """Decorator: what runs, once, when the handler and all the jobs it started as its children have ended."""
        self.finisher = finisher
        return finisher

    def on_end(self, hook: Ended) -> Ended:
        """Decorator: what else is written in the transaction that fails or cancels a job of this type for good."""
        self.ended.append(hook)
        return hook

    def on_completion(self, hook: Done) -> Done:
        """Decorator: what follows, in the transaction that completes a job of this type. For who stands above it."""
        self.done.append(hook)
        return hook


HANDLERS: dict[str, Handler[Any]] = {}
"""Every job type, by name."""


def job(
    *,
    queue: str = "default",
    max_attempts: int = 3,
    timeout: float = 3600.0,
    first_delay: float = 2.0,
    tolerant: bool = False,
) -> Callable[[Callable[Concatenate[Run, P], Awaitable[None]]], Handler[P]]:
    """Make `async def name(run, ...)` a job of that name.

    `max_attempts` bounds the failures, and separately the lost workers. `timeout` is in seconds, per attempt.
    `first_delay` is the seconds before the second attempt; each later delay is twice as long. `tolerant` says that
    the job completes although children of its fail; otherwise it fails with them.
    """

    def make(work: Callable[Concatenate[Run, P], Awaitable[None]]) -> Handler[P]:
        name = getattr(work, "__name__", "")
        if name in HANDLERS:
            raise ValueError(f"There are two jobs called {name}.")
        handler = Handler(work, name, queue, max_attempts, timeout, first_delay, tolerant, _arguments(work))
        HANDLERS[name] = handler
        return handler

    return make


def _arguments(work: Callable[..., Any]) -> type[BaseModel]:
    """The handler's parameters after the first, as the model that its payload must fit."""
    hints = get_type_hints(work)
    fields: dict[str, Any] = {}
    for parameter in list(inspect.signature(work).parameters.values())[1:]:
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    name = f"{getattr(work, '__name__', 'job')}_arguments"
    return create_model(name, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=False), **fields)


def _said(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors())


async def _start(session: AsyncSession, handler: Handler[Any], payload: dict[str, Any]) -> Job:
    actor, options = actor_of(session), handler.options
    if options.parent_id is not None:
        await _adoptable(session, options.parent_id)
    values = {
        "id": new_id(),
        "workspace_id": actor.workspace_id,
        "type": handler.name,
        "queue": handler.queue,
        "payload": payload,
        "state": JobState.PENDING,
        "priority": options.priority,
        "run_at": options.run_at,
        "dedup_key": options.dedup_key,
        "parent_id": options.parent_id,
        "max_attempts": handler.max_attempts,
        "timeout": handler.timeout,
        "correlation_id": actor.correlation_id,
        "causation_id": actor.causation_id,
    }
    statement = insert(Job).values(**values)
    if options.dedup_key is not None:
        statement = statement.on_conflict_do_nothing(
            index_elements=["workspace_id", "type", "dedup_key"],
            index_where=text(DISTINCT),
        )
    while True:
        row = (await session.scalars(statement.returning(Job))).one_or_none()
        if row is not None:
            break
        same = (Job.type == handler.name, Job.dedup_key == options.dedup_key, text(DISTINCT))
        row = (await session.scalars(select(Job).where(*same))).one_or_none()
        if row is not None:  # otherwise it has ended between the two statements
            return row
    await deliver(session, row)
    await ledger.record(session, "job_created", subject=("job", row.id), type=row.type, payload=payload)
    await publish(session, "job", row.id)
    return row


async def _adoptable(session: AsyncSession, parent_id: UUID) -> None:
    """Hold the parent so that it can't finish until this transaction has ended."""
    parent = (await session.scalars(select(Job).where(Job.id == parent_id).with_for_update(read=True))).one_or_none()
    if parent is None:
        raise NotFound(f"There is no job {parent_id}.")
    if parent.state not in ACTIVE_STATES or parent.phase == Phase.FINISH or parent.cancel_requested:
        raise Conflict(f"Job {parent_id} has already done its part; it takes no more children.")


async def deliver(session: AsyncSession, row: Job) -> None:
    """Give the job to whichever worker is free, at its `run_at`, when the transaction commits."""
    deferrer = _engine.configure_task(
        TASK,
        connection=await raw_connection(session),
        queue=row.queue,
        priority=row.priority,
        schedule_at=row.run_at,
    )
    row.engine_job_id = await deferrer.defer_async(job_id=str(row.id))
    await session.flush()


async def withdraw(session: AsyncSession, row: Job) -> None:
    """Take the job's delivery back, or tell the worker that has it to stop."""
    if row.engine_job_id is not None:
        await _engine.job_manager.cancel_job_by_id_async(
            row.engine_job_id, abort=True, delete_job=True, connection=await raw_connection(session)
        )
