"""The installation under test, and the processes of it: kept alive as a process manager would, and killed."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import psycopg
from sqlalchemy.exc import SQLAlchemyError

from chaos import outside
from stakazo.core import postgres
from stakazo.core.db import Database
from stakazo.core.postgres import conninfo
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.jobs.pulse import name_of
from stakazo.jobs.supervisor import EARLY, pause
from stakazo.jobs.sweeper import mourn

Told = TypeVar("Told")

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["chaos.work", "stakazo.cli.server", "stakazo.worker.process", "stakazo.pipeline"])


def _be(what: Callable[..., object], arguments: tuple[Any, ...], environment: Mapping[str, str], log: str) -> None:
    """In the new process: take what the environment and the log are, and be it."""
    os.environ.update(environment)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    what(*arguments)


def _end_with_parent() -> None:
    """Nobody is left to end this process where the one that started it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)


def live_through(story: Coroutine[Any, Any, Told]) -> Told:
    """Run it. Asked to end, by SIGTERM as by SIGINT, it is cancelled, and ends what it has started."""

    async def interruptible() -> Told:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await story

    return asyncio.run(interruptible())


def be_worker(queues: list[str]) -> None:
    """`stakazo worker`, which knows our jobs too."""
    from chaos import work  # noqa: F401
    from stakazo.worker import process

    raise SystemExit(process.main(queues))


def be_api(port: int) -> None:
    """`stakazo serve --workers 0`, with our endpoint beside the others."""
    from chaos import work
    from stakazo import main
    from stakazo.api import ROUTERS
    from stakazo.cli import server
    from stakazo.core.settings import Settings

    main.ROUTERS = (*ROUTERS, work.router)  # type: ignore[attr-defined]  # where `create_app` looks
    server.serve(Settings().model_copy(update={"port": port}), workers=0)


def be_app(port: int) -> None:
    """The API alone, as it runs behind somebody else's server."""
    import uvicorn

    from chaos import work
    from stakazo import main
    from stakazo.api import ROUTERS

    main.ROUTERS = (*ROUTERS, work.router)  # type: ignore[attr-defined]  # where `create_app` looks
    uvicorn.run(main.create_app(), host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class House:
    """One installation: a data folder, an embedded PostgreSQL in it, an API, workers, a platform outside."""

    def __init__(self, folder: Path, *, seed: int, environment: Mapping[str, str] | None = None) -> None:
        self.folder, self.seed = folder, seed
        self.data = folder / "data"
        self.logs = folder / "logs"
        for path in (folder, self.data):
            path.mkdir(exist_ok=True)
            path.chmod(0o711)  # the database's user passes through
        self.logs.mkdir(exist_ok=True)
        self.port, self.outside_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "STAKAZO_DATA_DIR": str(self.data),
            "STAKAZO_MIN_FREE_BYTES": "1",
            "STAKAZO_MEDIA_WORKERS": "1",
            "STAKAZO_DATABASE_POOL_SIZE": "5",
            "STAKAZO_LOG_FORMAT": "json",
            "DEBUG_ENDPOINTS_ENABLED": "true",
            **{f"STAKAZO_LIMIT_{kind}": "1000000/minute" for kind in ("STRANGER", "UPLOAD", "READ", "WRITE")},
            "CHAOS_OUTSIDE": f"http://127.0.0.1:{self.outside_port}",
            **(environment or {}),
        }
        self.living: dict[str, BaseProcess] = {}
        """What runs now, by its place: `api`, `worker 0`."""
        self.born: dict[str, float] = {}
        self.started = 0
        self.backlog = 0
        """Active jobs, as they were counted last."""
        self.signed_on: set[str] = set()
        """Names of the workers that have come as far as their first heartbeat, as they were read last."""
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._mourning: set[asyncio.Task[None]] = set()
        self._urls: postgres.Urls | None = None

    def settings(self) -> Settings:
        """As its processes read them."""
        told = self.environment.items()
        ours = {name.removeprefix("STAKAZO_").lower(): value for name, value in told if name.startswith("STAKAZO_")}
        return Settings(_env_file=None, **ours)  # type: ignore[arg-type]  # as words, like the environment's

    # --- processes ----------------------------------------------------------------------------------------

    def start(self, place: str, what: Callable[..., object], *arguments: Any, **changed: str) -> BaseProcess:
        log = str(self.logs / f"{place.replace(' ', '-')}.log")
        told = (what, arguments, self.environment | changed, log)
        process = _forks.Process(target=_be, args=told, daemon=False, name=place)
        process.start()
        self.living[place], self.born[place] = process, time.monotonic()
        self.started += 1
        return process

    def keep(self, place: str, what: Callable[..., object], *arguments: Any, **changed: str) -> None:
        """Run it, and run it again whenever it has ended: workers by the rules of `stakazo serve`."""

        async def always() -> None:
            early = 0
            while True:
                process = self.start(place, what, *arguments, **changed)
                while process.is_alive():
                    await asyncio.sleep(0.05)
                process.join()
                del self.living[place]
                wait, lived = 0.1, self.age(place)
                if what is be_worker and process.pid is not None:
                    early = early + 1 if lived < EARLY else 0
                    wait = max(wait, pause(process.exitcode or 0, lived, early))
                    mourning = asyncio.create_task(self._mourn(name_of(process.pid)))
                    self._mourning.add(mourning)
                    mourning.add_done_callback(self._mourning.discard)
                await asyncio.sleep(wait)

        self._keepers[place] = asyncio.create_task(always(), name=f"keep {place}")

    async def _mourn(self, worker: str) -> None:
        """What `stakazo serve` does when one of its workers has ended."""
        from chaos import work  # noqa: F401 (a dead worker's job may be one of ours)

        settings = self.settings()
        assert self._urls is not None
        db = Database(self._urls.app, pool_size=2, keyring=Keyring(settings))
        try:
            await mourn(db, worker, settings.stalled_after, settings.silent_after)
        except (SQLAlchemyError, OSError):
            pass  # it has just been stopped: the missing heartbeats say the same, later
        finally:
            await db.close()

    def kill(self, place: str, number: int = signal.SIGKILL) -> int | None:
        """Send a signal to what runs there; its process id."""
        process = self.living.get(place)
        if process is None or process.pid is None or not process.is_alive():
            return None
        os.kill(process.pid, number)
        return process.pid

    def age(self, place: str) -> float:
        """Seconds since what runs there was started."""
        return time.monotonic() - self.born.get(place, time.monotonic())

    def works(self, place: str) -> bool:
        """Whether a worker that runs there takes jobs by now."""
        process = self.living.get(place)
        return process is not None and process.pid is not None and name_of(process.pid) in self.signed_on

    def keep_workers(self, count: int) -> None:
        """See that there are so many workers of the light jobs."""
        for number in range(count):
            if f"worker {number}" not in self._keepers:
                self.keep(f"worker {number}", be_worker, ["default"])

    def keep_media(self) -> None:
        """See that there is a worker of the heavy jobs."""
        if "media 0" not in self._keepers:
            self.keep("media 0", be_worker, ["media"])

    async def end(self, places: Collection[str], *, patience: float = 20.0) -> list[str]:
        """Ask these to end, and keep them alive no longer; says who had to be killed."""
        keepers = [self._keepers.pop(place) for place in places if place in self._keepers]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for place in places:
            self.kill(place, signal.SIGTERM)
        stubborn, deadline = [], time.monotonic() + patience
        for place in places:
            process = self.living.pop(place, None)
            if process is None:
                continue
            await asyncio.to_thread(process.join, max(0.1, deadline - time.monotonic()))
            if process.is_alive():
                stubborn.append(place)
                process.kill()
                process.join()
        return stubborn

    # --- the database -------------------------------------------------------------------------------------

    def urls(self) -> postgres.Urls:
        """How to reach the database; starts it if it has to."""
        return postgres.ensure(self.data)

    def postmaster(self) -> int | None:
        try:
            return int((self.data / "postgres" / "data" / "postmaster.pid").read_text().split("\n")[0])
        except (OSError, ValueError):
            return None

    def database_ready(self) -> bool:
        """Whether the server says that it has started."""
        try:
            said = (self.data / "postgres" / "data" / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        return len(said) > 7 and said[7].strip() == "ready"

    def stop_database(self, number: int = signal.SIGQUIT) -> bool:
        """End the server at once, as `pg_ctl stop -m immediate` does."""
        pid = self.postmaster()
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False

    @asynccontextmanager
    async def connection(self, workspace: str | None = None) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """The owner's connection, to look at one workspace's rows."""
        urls = await asyncio.to_thread(self.urls)
        async with await psycopg.AsyncConnection.connect(conninfo(urls.owner), autocommit=True) as connection:
            if workspace is not None:
                await connection.execute("select set_config('stakazo.workspace', %s, false)", [workspace])
            yield connection

    # --- the API ------------------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        return (self.data / "api_key").read_text().strip()

    def client(self, url: str | None = None, **options: Any) -> httpx.AsyncClient:
        timeout = options.pop("timeout", 30.0)
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=0)
        return httpx.AsyncClient(
            base_url=url or self.url,
            headers={"X-API-Key": self.key},
            timeout=timeout,
            limits=limits,
            trust_env=False,
            **options,
        )

    async def answers(self, url: str | None = None, patience: float = 90.0) -> float:
        """Wait until the API answers; the seconds it took."""
        since = time.monotonic()
        async with httpx.AsyncClient(base_url=url or self.url, timeout=2.0, trust_env=False) as client:
            while time.monotonic() - since < patience:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get("/health")).status_code == 200:
                        return time.monotonic() - since
                await asyncio.sleep(0.05)
        raise TimeoutError(f"The API of {self.folder} does not answer; see {self.logs}.")

    async def count(self) -> None:
        """Keep `backlog` and `signed_on` up to date; never starts the database."""
        urls = await asyncio.to_thread(self.urls)
        query = "select count(*) from jobs where state in ('PENDING', 'PROCESSING', 'RETRY')"
        while True:
            with contextlib.suppress(psycopg.Error):
                async with await psycopg.AsyncConnection.connect(conninfo(urls.app), autocommit=True) as connection:
                    await connection.execute("set role stakazo_system")
                    while True:
                        found = await connection.execute(query)
                        (self.backlog,) = (await found.fetchone()) or (0,)
                        names = await (await connection.execute("select name from workers")).fetchall()
                        self.signed_on = {name for (name,) in names}
                        await asyncio.sleep(0.25)
            await asyncio.sleep(0.25)

    async def open(self, *, workers: int, platform: bool = True) -> None:
        """Bring it up."""
        from chaos.work import TABLES

        if platform:
            self.start("platform", outside.serve, self.outside_port, self.seed)
        self.keep("api", be_api, self.port)
        await self.answers()
        self._urls = await asyncio.to_thread(self.urls)
        async with self.connection() as connection:
            await connection.execute(TABLES)
        self.keep_workers(workers)
        self._keepers["count"] = asyncio.create_task(self.count())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> list[str]:
        """End everything, the platform last; says who had to be killed. Twice is once."""
        stubborn = await self.end({*self._keepers, *self.living} - {"platform"})
        await asyncio.gather(*self._mourning)
        await self.end(["platform"])
        await asyncio.to_thread(postgres.stop, self.data, force=True)
        return stubborn
