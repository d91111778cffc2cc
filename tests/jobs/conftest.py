"""Workers for the tests: in this process, or as processes of their own that can be killed."""

from __future__ import annotations

import asyncio
import importlib.util
import runpy
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from tests.forks import FORKS

from stakazo.core import postgres
from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.settings import Settings
from stakazo.jobs import service
from stakazo.jobs.models import Job
from stakazo.jobs.outage import persistently
from stakazo.jobs.states import JobState
from stakazo.worker.process import run_worker

PROGRAM = Path(__file__).with_name("program.py")
PATIENCE = 120.0


@pytest.fixture(scope="session")
def program() -> ModuleType:
    """The module with the tests' jobs, loaded once."""
    if "tests_jobs_program" not in sys.modules:
        spec = importlib.util.spec_from_file_location("tests_jobs_program", PROGRAM)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["tests_jobs_program"] = module
        spec.loader.exec_module(module)
    return sys.modules["tests_jobs_program"]


@pytest.fixture
def tables(urls: postgres.Urls, program: ModuleType) -> None:
    with psycopg.connect(postgres.conninfo(urls.owner), autocommit=True) as connection:
        connection.execute(program.TABLES)


class House:
    """A database with the tests' tables, somebody in it, and what one does with jobs there."""

    def __init__(self, db: Database, actor: Actor, settings: Settings, urls: postgres.Urls) -> None:
        self.db, self.actor, self.settings, self.urls = db, actor, settings, urls

    async def start(self, handler: Any, *arguments: Any, **options: Any) -> Job:
        async with self.db.transaction(self.actor) as session:
            return await handler.start(session, *arguments, **options)

    async def job(self, job_id: UUID) -> Job:
        async with self.db.transaction(self.actor) as session:
            return await service.get(session, job_id)

    async def cancel(self, job_id: UUID) -> Job:
        async with self.db.transaction(self.actor) as session:
            return await service.cancel(session, job_id)

    async def retry(self, job_id: UUID) -> Job:
        async with self.db.transaction(self.actor) as session:
            return await service.retry(session, job_id)

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        async with self.db.transaction(self.actor) as session:
            return list((await session.execute(text(statement), values)).all())

    async def events(self, job_id: UUID) -> list[str]:
        found = await self.rows("select event from ledger_events where subject_id = :id order by id", id=job_id)
        return [event for (event,) in found]

    async def until(self, happens: Callable[[], Awaitable[object]], patience: float = PATIENCE) -> None:
        async with asyncio.timeout(patience):
            while not await persistently(happens):  # noqa: ASYNC110 (what happens, happens in the database)
                await asyncio.sleep(0.05)

    async def ended(self, *job_ids: UUID) -> list[Job]:
        """The jobs, when all have ended."""

        async def all_ended() -> bool:
            return all([not (await self.job(job_id)).state.active for job_id in job_ids])

        await self.until(all_ended)
        return [await self.job(job_id) for job_id in job_ids]

    async def reached(self, job_id: UUID, state: JobState) -> Job:
        async def there() -> bool:
            return (await self.job(job_id)).state is state

        await self.until(there)
        return await self.job(job_id)

    @asynccontextmanager
    async def worker(self, **changed: Any) -> AsyncIterator[None]:
        """A worker in this process."""
        stop = asyncio.Event()
        settings = self.settings.model_copy(update={"heartbeat_interval": 0.2, "stalled_after": 600.0} | changed)
        task = asyncio.create_task(run_worker(settings, self.urls, stop=stop))
        try:
            yield
        finally:
            stop.set()
            await task


@pytest.fixture
def house_of() -> type[House]:
    return House


@pytest.fixture
async def house(database: Database, actor: Actor, app_settings: Settings, urls: postgres.Urls, tables: None) -> House:
    return House(database, actor, app_settings.model_copy(update={"shutdown_grace": 0.5}), urls)


class Processes:
    """Worker processes that can be killed."""

    program, python = PROGRAM, sys.executable

    def __init__(self, urls: postgres.Urls, folder: Path) -> None:
        self.folder = folder
        self.all: list[BaseProcess] = []
        self.environment = {
            "STAKAZO_DATABASE_URL": urls.owner,
            "STAKAZO_APP_DATABASE_URL": urls.app,
            "STAKAZO_DATA_DIR": str(folder / "data"),
            "STAKAZO_DATABASE_POOL_SIZE": "4",
            "STAKAZO_HEARTBEAT_INTERVAL": "0.5",
            "STAKAZO_STALLED_AFTER": "4",
            "STAKAZO_SWEEP_INTERVAL": "0.5",
            "STAKAZO_SHUTDOWN_GRACE": "0.5",
            "STAKAZO_MEDIA_WORKERS": "2",
            "STAKAZO_DEFAULT_WORKERS": "4",
        }

    def start(self, *arguments: str, **environment: str) -> BaseProcess:
        told = {
            "ENVIRONMENT": self.environment | environment,
            "ARGUMENTS": arguments,
            "LOG": str(self.folder / f"worker-{len(self.all)}.log"),
        }
        process = FORKS.Process(target=runpy.run_path, args=(str(PROGRAM), told, "__main__"), daemon=False)
        process.start()
        self.all.append(process)
        return process

    def log(self, process: BaseProcess) -> str:
        return (self.folder / f"worker-{self.all.index(process)}.log").read_text()


@pytest.fixture
def processes(urls: postgres.Urls, tmp_path: Path, tables: None) -> Iterator[Processes]:
    made = Processes(urls, tmp_path)
    yield made
    for process in made.all:
        process.kill()
        process.join()
        process.close()
