"""The worker process: runs jobs until it is asked to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

import structlog
from procrastinate import App, JobContext
from procrastinate.exceptions import ProcrastinateException
from procrastinate.job_context import AbortReason
from procrastinate.worker import Worker as EngineWorker
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from stakazo import __version__
from stakazo.accounts import digest
from stakazo.accounts.mail import Post
from stakazo.ads import audiences
from stakazo.core import postgres, revisions, storage, window_table
from stakazo.core.actor import new_id
from stakazo.core.db import Database
from stakazo.core.errors import Invalid, StakazoError, StorageAway, Unavailable
from stakazo.core.loading import undisturbed
from stakazo.core.postgres import Urls
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.core.settings import settings as read_settings
from stakazo.core.telemetry import setup_logging
from stakazo.idempotency import service as idempotency
from stakazo.jobs.attempt import Executor, Stop
from stakazo.jobs.connector import SteadyConnector, watchful
from stakazo.jobs.engine import HANDLERS, TASK
from stakazo.jobs.models import Worker
from stakazo.jobs.outage import away, away_for_all, persistently
from stakazo.jobs.pulse import Pulse
from stakazo.jobs.supervisor import PARENT
from stakazo.jobs.sweeper import sweep
from stakazo.jobs.watchdog import Watchdog
from stakazo.ledger import elsewhere
from stakazo.ledger.sealer import keep_sealing
from stakazo.links import following
from stakazo.notifications import courier
from stakazo.orphans import Orphans
from stakazo.publishing import consents, renewals, subscriptions
from stakazo.videos import uploads

T = TypeVar("T")

POLL = 1.0
"""Seconds between looks for retries that have come due; new jobs are told at once."""
NEVER = 86_400.0
TIDY = 5.0
"""Seconds between two looks for the workshops of dead processes."""
LOOK = 600.0
"""Seconds between two looks for files that no row names."""
EXPIRE = 60.0
"""Seconds between two looks for rows whose time is up."""

log = structlog.get_logger("stakazo.worker")


def slots(settings: Settings, queues: Sequence[str] | None = None) -> dict[str, int]:
    """How many jobs of each queue one process runs at once. Raises Invalid for a queue without jobs."""
    every = {"media": settings.media_workers, "default": settings.default_workers}
    every |= {handler.queue: settings.default_workers for handler in HANDLERS.values() if handler.queue not in every}
    unknown = sorted(set(queues or ()) - set(every))
    if unknown:
        raise Invalid(f"There is no queue {', '.join(unknown)}; there are {', '.join(every)}.")
    return {queue: every[queue] for queue in queues or every}


async def run_worker(
    settings: Settings, urls: Urls, queues: Sequence[str] | None = None, *, stop: asyncio.Event | None = None
) -> None:
    """Run jobs until SIGTERM, SIGINT or `stop`; a second signal doesn't wait for the running ones.

    Running jobs get `shutdown_grace` seconds to finish, then they are handed back. Raises `Unavailable` where the
    database isn't of this version.
    """
    await WorkerProcess(settings, urls, slots(settings, queues), stop or asyncio.Event()).run()


class WorkerProcess:
    """One process's part of the machinery: an engine worker per queue, a heartbeat, a sweeper, a sealer, a watchdog."""

    def __init__(self, settings: Settings, urls: Urls, slots: Mapping[str, int], stop: asyncio.Event) -> None:
        self.settings, self.urls, self.slots, self.stop = settings, urls, slots, stop
        url = watchful(urls.app, idle_in_transaction=settings.stalled_after)
        keyring, slots_in_all = Keyring(settings), sum(slots.values())
        self.db = Database(url, pool_size=max(settings.database_pool_size, slots_in_all + 2), keyring=keyring)
        self.machinery = Database(url, pool_size=2, keyring=keyring)  # so that no handler can starve the sweeper
        self.pulse = Pulse(url)
        self.post = Post(settings)
        self.outlets = [*elsewhere.of(settings), *digest.of(settings, self.post)]
        self.executor = Executor(self.db, storage.of(settings), settings)
        self.connector = SteadyConnector(url, pool_size=2 + len(slots), stop=stop)
        self.app = App(connector=self.connector)
        self.app.task(name=TASK, pass_context=True)(self._deliver)
        self.engines: dict[str, EngineWorker] = {}
        self.watchdog = Watchdog(0.75 * settings.stalled_after)
        self.id = new_id()

    async def run(self) -> None:
        keeping = asyncio.create_task(self._keep_database())
        try:
            with _signals(self._asked):
                if await self._unless_stopped(persistently(lambda: revisions.is_current(self.db))) is False:
                    raise Unavailable(
                        "The database is not of this version of Stakazo, or its restore is not done. Run `stakazo "
                        "migrate`."
                    )
                await self._unless_stopped(persistently(self._beat))
                if not self.stop.is_set():
                    await self._work()
        finally:
            keeping.cancel()
            await self.post.close()
            await self.pulse.close()
            await self.db.close()
            await self.machinery.close()

    async def _work(self) -> None:
        log.info("worker_started", worker=self.executor.name, slots=dict(self.slots), version=__version__)
        async with self.connector_open(), asyncio.TaskGroup() as side:
            self.watchdog.start()
            queues = [asyncio.create_task(self._serve(queue, n)) for queue, n in self.slots.items()]
            chores = [side.create_task(chore) for chore in self._chores()]
            await self.stop.wait()
            log.info("worker_stopping", running=len(self.executor.attempts))
            for engine in self.engines.values():
                engine.stop()  # type: ignore[no-untyped-call]
            await asyncio.wait(queues, timeout=self.settings.shutdown_grace)
            self.executor.close()
            await asyncio.gather(*queues)
            for chore in chores:
                chore.cancel()
            self.watchdog.stop()
        await self._sign_off()
        log.info("worker_stopped", worker=self.executor.name)

    async def _sign_off(self) -> None:
        try:
            async with self.machinery.system_transaction() as session:
                await session.execute(text("delete from workers where id = :id"), {"id": self.id})
        except SQLAlchemyError as error:
            if not away(error):
                raise
            log.warning("worker_stopped_without_its_database", worker=self.executor.name)

    def _asked(self) -> None:
        if self.stop.is_set():
            self.executor.close()
        self.stop.set()

    async def _unless_stopped(self, coroutine: Coroutine[Any, Any, T]) -> T | None:
        """The coroutine's result; None where the worker was asked to stop before it came."""
        task = asyncio.create_task(coroutine)
        stopped = asyncio.create_task(self.stop.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not task.done():
            task.cancel()
            return None
        return await task

    @asynccontextmanager
    async def connector_open(self) -> AsyncIterator[None]:
        await self.connector.open_async()
        try:
            yield
        finally:
            await self.connector.close_async()

    async def _deliver(self, context: JobContext, job_id: str) -> None:
        """The engine's only task: a delivery of one job."""

        def why() -> Stop:
            return Stop.SHUTDOWN if context.abort_reason() is AbortReason.SHUTDOWN else Stop.CANCELLED

        assert context.job.id is not None
        await self.executor.execute(UUID(job_id), context.job.id, why)

    async def _serve(self, queue: str, concurrency: int) -> None:
        """One queue's engine worker; another one where the engine gave up."""
        while not self.stop.is_set():
            self.engines[queue] = EngineWorker(
                app=self.app,
                queues=[queue],
                name=f"{self.executor.name}/{queue}",
                concurrency=concurrency,
                fetch_job_polling_interval=POLL,
                abort_job_polling_interval=POLL,
                delete_jobs="always",
                install_signal_handlers=False,
                update_heartbeat_interval=NEVER,  # ours speaks for all queues, and the watchdog watches it
                stalled_worker_timeout=10 * self.settings.stalled_after,
            )
            try:
                await self.engines[queue].run()  # type: ignore[no-untyped-call]
            except (ProcrastinateException, OSError) as error:
                log.warning("engine_worker_ended", queue=queue, error=repr(error), cause=repr(error.__cause__))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stop.wait(), POLL)

    async def _keep_database(self) -> None:
        await postgres.keep_up(self.settings, self.urls)
        self.stop.set()

    async def _keep_beating(self) -> None:
        supervisor = int(os.environ.get(PARENT, "0"))
        while True:
            await asyncio.sleep(self.settings.heartbeat_interval)
            await persistently(self._beat, seen=self._excuse, longest=self.settings.heartbeat_interval)
            if supervisor and os.getppid() != supervisor:
                log.warning("supervisor_gone", supervisor=supervisor)
                self.stop.set()

    async def _beat(self) -> None:
        """Say that this process and its engine workers are alive, and hear which of its jobs are no longer its own."""
        ids = [engine.worker_id for engine in self.engines.values() if engine.worker_id is not None]
        row = {
            "id": self.id,
            "name": self.executor.name,
            "queues": list(self.slots),
            "version": __version__,
        }
        async with self.pulse.beat(ids) as session:
            await session.execute(
                insert(Worker)
                .values(row)
                .on_conflict_do_update(index_elements=["id"], set_={"heartbeat_at": text("clock_timestamp()")})
            )
            await self.executor.check(session)
        self.watchdog.beat()

    def _excuse(self, error: Exception) -> None:
        """A server that is down for everybody can't give our jobs to anyone, and waits for us when it is back."""
        if away_for_all(error):
            self.watchdog.beat()

    def _chores(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What a worker does beside its jobs."""
        files = self.executor.storage
        yield self._keep_beating()
        yield keep_sealing(self.settings, self.machinery.url, self.outlets)
        yield _again("jobs", self.settings.sweep_interval, self._sweep)
        yield _again("telling", courier.EVERY, lambda: courier.look(self.machinery))
        yield _again("expired_rows", EXPIRE, self._expire)
        yield _again("workshops", TIDY, lambda: asyncio.to_thread(files.sweep))
        yield _again("channels", EXPIRE, lambda: renewals.begin_due(self.machinery))
        yield _again("subscriptions", EXPIRE, lambda: subscriptions.begin_due(self.machinery))
        yield _again("orphans", LOOK, Orphans(self.machinery, files).remove)

    async def _sweep(self) -> None:
        await sweep(self.machinery, self.settings.stalled_after, self.settings.silent_after)

    async def _expire(self) -> None:
        """Remove what is kept for a time only, once that is up."""
        async with self.machinery.system_transaction() as session:
            await idempotency.sweep(session)
            await uploads.sweep(session)
            await consents.sweep(session)
            await audiences.sweep(session)
            await following.forget(session)
        # A file's last byte is younger than its row's last extension: it outlives the row.
        await asyncio.to_thread(self.executor.storage.sweep_incoming, self.settings.upload_expires + EXPIRE)
        await window_table.sweep(self.machinery)


async def _again(name: str, every: float, act: Callable[[], Awaitable[object]]) -> None:
    """Do something for ever, with so many seconds between; what the database or the storage refuses, another time."""
    while True:
        try:
            await act()
        except (SQLAlchemyError, OSError, StorageAway) as error:
            log.warning("chore_failed", chore=name, error=str(error).partition("\n")[0])
        await asyncio.sleep(every)


@contextlib.contextmanager
def _signals(asked: Callable[[], None]) -> Iterator[None]:
    """Call `asked` at SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    mine = threading.current_thread() is threading.main_thread()
    for number in (signal.SIGTERM, signal.SIGINT) if mine else ():
        loop.add_signal_handler(number, asked)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT) if mine else ():
            loop.remove_signal_handler(number)


def main(queues: Sequence[str] = ()) -> int:
    """Run a worker in this process; its exit code, as `__main__` explains them."""
    with undisturbed():
        from stakazo import pipeline  # noqa: F401, PLC0415 (its jobs are what this process can do)
    return asyncio.run(_main(queues))


async def _main(queues: Sequence[str]) -> int:
    settings = read_settings()
    setup_logging(settings)
    try:
        slots(settings, queues)  # before a database is started for nothing
        urls = await postgres.resolve(settings)
        try:
            await run_worker(settings, urls, queues or None)
        finally:
            if settings.database_url is None:
                await asyncio.to_thread(postgres.stop, settings.data_dir)
    except StakazoError as error:
        log.error("worker_cannot_work", code=error.code, detail=str(error))  # noqa: TRY400 (a refusal, no mistake)
        return 1
    return 0
