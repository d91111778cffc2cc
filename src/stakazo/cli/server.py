"""`stakazo serve`: database, API and workers, up and down together; and `stakazo migrate`."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import structlog
import uvicorn

from stakazo.accounts import first as accounts
from stakazo.cli.client import note_file
from stakazo.cli.output import DATA, Failure, made, say
from stakazo.core import cluster, isolation, postgres, revisions, storage
from stakazo.core import upgrade as upgrades
from stakazo.core.db import Database
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.core.telemetry import setup_logging
from stakazo.jobs.supervisor import Supervisor
from stakazo.jobs.sweeper import mourn
from stakazo.main import create_app

log = structlog.get_logger("stakazo.serve")

DRAIN = 5
"""Seconds that open requests get to finish after Ctrl-C."""


MAX_HEAD = 32 * 1024
"""Bytes that a request's first line and headers may have together."""


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to us, and ends live streams before it waits for them."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)


def serve(settings: Settings, *, workers: int, parent: int | None = None) -> None:
    """Everything, until Ctrl-C or SIGTERM; what was acknowledged is there at the next start.

    Args:
        workers: How many worker processes; 0 leaves them to `stakazo worker`.
        parent: End when this process ends: for a server that belongs to one command.
    """
    if parent is not None:
        _end_with(parent)
    setup_logging(settings)
    made(settings.data_dir, DATA)
    storage.of(settings)  # refused before a database is started for nothing
    with (
        contextlib.suppress(asyncio.CancelledError),  # asked to stop before it was up
        alone(settings),
        listening(settings.host, settings.port) as listener,
    ):
        asyncio.run(_serve(settings, listener, workers, parent))
    say("Stopped; everything is kept.")


async def _serve(settings: Settings, listener: socket.socket, workers: int, parent: int | None) -> None:
    loop, me = asyncio.get_running_loop(), asyncio.current_task()
    assert me is not None
    loop.add_signal_handler(signal.SIGTERM, me.cancel)
    urls = await postgres.resolve(settings)
    try:
        await prepare(settings, urls)
        url = _url(settings.host, listener.getsockname()[1])
        served = settings if settings.public_url else settings.model_copy(update={"public_url": url})
        app = create_app(served)
        link = await _owner_link(served, urls) if parent is None else None  # a passing server owns nothing
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            h11_max_incomplete_event_size=MAX_HEAD,
            timeout_graceful_shutdown=DRAIN,
            lifespan="on",
        )
        server = _Server(config, app.state.stopping, lambda: _announce(settings, url, workers, link))
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _ask_to_stop, server)
        async with _workers(settings, urls, workers, served.base_url):
            keeping = asyncio.create_task(_keep_database(settings, urls, server))
            await server.serve(sockets=[listener])
            keeping.cancel()
    finally:
        note_file(settings).unlink(missing_ok=True)
        if settings.database_url is None:
            await asyncio.to_thread(postgres.stop, settings.data_dir)


@contextlib.asynccontextmanager
async def _workers(settings: Settings, urls: postgres.Urls, count: int, public_url: str) -> AsyncIterator[None]:
    """So many worker processes. The jobs of one that dies go to others at once."""
    machinery = Database(urls.app, pool_size=2, keyring=Keyring(settings))

    async def ended(worker: str) -> None:
        await mourn(machinery, worker, settings.stalled_after, settings.silent_after)

    try:
        async with Supervisor(settings, count=count, environment={"STAKAZO_PUBLIC_URL": public_url}, ended=ended):
            yield
    finally:
        await machinery.close()


async def _keep_database(settings: Settings, urls: postgres.Urls, server: _Server) -> None:
    await postgres.keep_up(settings, urls)
    server.should_exit = True


def _ask_to_stop(server: _Server) -> None:
    if server.should_exit:
        server.force_exit = True  # the second Ctrl-C doesn't wait for open requests
    else:
        say("Stopping ... (once more to be impatient)")
        server.should_exit = True


async def prepare(settings: Settings, urls: postgres.Urls) -> accounts.FirstStart:
    """Bring the tables up to date, see that they keep workspaces apart, and make sure of a workspace and a key."""
    _ = Keyring(settings).keys  # one that is none is told before anything begins
    db = Database(urls.app, pool_size=1)
    try:
        await revisions.require_whole(db)
        if await revisions.current(db) != revisions.head():
            from stakazo.core import migrate  # Alembic and the whole history, which most starts can do without

            await asyncio.to_thread(migrate.upgrade, urls.owner)
        await isolation.require(db)
        first = await accounts.ensure_first(db, settings)
    finally:
        await db.close()
    if first.note:
        say(first.note)
    return first


async def _owner_link(settings: Settings, urls: postgres.Urls) -> str | None:
    """The address where whoever opens it becomes the owner, where there is none yet."""
    db = Database(urls.app, pool_size=1)
    try:
        return await accounts.owner_link(db, settings)
    finally:
        await db.close()


def _announce(settings: Settings, url: str, workers: int, link: str | None) -> None:
    note = note_file(settings)
    half = note.with_name(f".{note.name}.{os.getpid()}")
    half.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    half.replace(note)
    database = "embedded PostgreSQL" if settings.database_url is None else "your PostgreSQL"
    say(
        f"Stakazo is at {url}  (API: {url}/docs)\n"
        f"  key      {settings.key_file.absolute()}\n"
        f"  data     {settings.data_dir.absolute()}  ({database})\n"
        f"  workers  {workers}\n"
        f"  try      stakazo process VIDEO\n"
        + (f"  owner    nobody yet. Open this to be it; it works once:\n           {link}\n" if link else "")
        + "Ctrl-C stops it."
    )


def _url(host: str, port: int) -> str:
    reach = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{reach}:{port}"


@contextlib.contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Only one server, or restore, per data directory: the lock is the kernel's, so it never outlives its holder."""
    handle = os.open(settings.data_dir / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(_taken(settings)) from None
        yield
    finally:
        os.close(handle)


def _taken(settings: Settings) -> str:
    try:
        note: dict[str, Any] = json.loads(note_file(settings).read_text())
        where = f"at {note['url']} (process {note['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        where = "and is still starting"
    return (
        f"Stakazo already runs on {settings.data_dir.absolute()} {where}. Use that one; `stakazo worker` adds "
        "workers to it; STAKAZO_DATA_DIR makes a second, separate installation."
    )


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket at this address for the server to listen on. Raises Failure for one that can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it. Without, an answer's body waits 40 ms for the receiver to acknowledge its head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Failure(
                    f"Port {port} on {host} is taken by another program. Choose one with --port, or --port 0."
                ) from None
            raise Failure(f"Can't listen on {host}:{port}: {error.strerror}.") from None
        yield listener


def _end_with(parent: int) -> None:
    """Have the kernel ask us to stop when the process that started us ends, however it ends (Linux)."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGTERM)
    if os.getppid() != parent:
        raise Failure("The command that wanted this server is gone.")


async def bring_up_to_date(settings: Settings) -> str:
    """What `stakazo migrate` does: the database, at the revision this version needs."""
    urls = await postgres.resolve(settings)
    try:
        await prepare(settings, urls)
    finally:
        if settings.database_url is None:
            await asyncio.to_thread(postgres.stop, settings.data_dir)
    return revisions.head()


def upgrade(settings: Settings) -> None:
    """What `stakazo upgrade` does: the embedded database's files, as this version's PostgreSQL has them."""
    if settings.database_url is not None:
        raise Failure("The database is yours (STAKAZO_DATABASE_URL): upgrade its server as its maker says.")
    if not (settings.data_dir / "postgres").exists():
        raise Failure(f"There is no database in {settings.data_dir.absolute()}: STAKAZO_DATA_DIR says where.")
    with alone(settings):
        try:
            done = upgrades.upgrade(settings.data_dir)
        finally:
            postgres.stop(settings.data_dir)
    if done is None:
        say("The database is of this version's PostgreSQL already.")
        return
    say(
        f"The database was brought from PostgreSQL {done.before} to {cluster.MAJOR}. The old files are in {done.kept}: "
        "remove them when you have seen that all is well."
    )
