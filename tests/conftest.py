"""What the tests share: one real PostgreSQL for the whole run, a migrated database per test, the reference videos."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import structlog
from hypothesis import settings as properties
from psycopg import sql
from sqlalchemy import URL, make_url

from stakazo.core import migrate, postgres
from stakazo.core.actor import Actor, new_id
from stakazo.core.cluster import SUPERUSER
from stakazo.core.db import Database
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.core.storage import DiskStorage
from stakazo.core.workspaces import Workspace

PREFIX = "stakazo-run-"
MEMORY = Path("/dev/shm")
MEDIA = Path(__file__).resolve().parents[2] / "shared" / "media"

# The tests' server may forget everything in a power cut and have its passwords guessed; in return a database of one's
# own and each connection to it cost little.
QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
    "scram_iterations": "1",
}

_shared: dict[str, Path] = {}

# A property holds or doesn't; how long an example takes says something about the machine alone.
properties.register_profile("untimed", deadline=None)
properties.load_profile("untimed")

# As in the program: the pretty kind takes seconds, and a minute on a busy machine.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_configure(config: pytest.Config) -> None:
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # as in a shell's background; the tests' programs would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()
    worker = getattr(config, "workerinput", None)
    if worker is None:  # the one who started the run
        _sweep()
        _shared["folder"] = _shared["ours"] = _make_folder()
    else:
        _shared["folder"] = Path(worker["stakazo_folder"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["stakazo_folder"] = str(_shared["folder"])


def pytest_collection_finish() -> None:
    """What was imported stays: looked through for garbage again and again it would take every tenth second."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    if folder := _shared.get("ours"):
        _remove(folder)


def _make_folder() -> Path:
    """A folder of this run, locked for as long as its process lives, under its final name only when it is."""
    folder = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=_places()[0]))
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
    folder.chmod(0o711)  # the server's user must pass through
    return folder.rename(folder.with_name(folder.name.removeprefix(".")))


def _places() -> list[Path]:
    """Where runs have their folders, the best first: a database is 700 files, which memory makes ten times as fast."""
    places = [Path(tempfile.gettempdir())]
    with contextlib.suppress(OSError):
        memory = os.statvfs(MEMORY)
        roomy = memory.f_bavail * memory.f_frsize > 2 << 30
        if (
            roomy and os.access(MEMORY, os.W_OK) and not memory.f_flag & os.ST_NOEXEC
        ):  # some tests copy the server there
            places.insert(0, MEMORY)
    return places


def _sweep() -> None:
    """Remove what runs that were killed have left, with their servers."""
    for folder in itertools.chain.from_iterable(place.glob(f"{PREFIX}*") for place in _places()):
        with contextlib.suppress(OSError):  # alive, another user's, or gone by now
            handle = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
            finally:
                os.close(handle)


def _remove(folder: Path) -> None:
    for data in folder.glob("**/postgres/data"):
        postgres.stop(data.parents[1], force=True)
    shutil.rmtree(folder, ignore_errors=True)


# --- the database -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """The run's PostgreSQL; `template` is a migrated database without rows."""

    urls: postgres.Urls
    template: str

    def superuser(self, name: str) -> str:
        """The way in for who may do everything, which Stakazo itself never uses."""
        password = (_shared["folder"] / "server/postgres" / postgres.SUPERUSER_PASSWORD).read_text()
        return _named(make_url(self.urls.owner).set(username=SUPERUSER, password=password), name)

    def create(self, name: str, template: str | None = None) -> postgres.Urls:
        make = "create database {} template {} strategy file_copy"  # from memory to memory, without a word in the log
        _execute(self.urls.owner, make, name, template or self.template)
        return postgres.Urls(_named(self.urls.owner, name), _named(self.urls.app, name))

    def drop(self, name: str) -> None:
        # As the superuser: the owner may not end what else is at work there, an autovacuum for one.
        _execute(self.superuser("postgres"), "drop database {} with (force)", name)


def _execute(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(postgres.conninfo(url), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _named(url: str | URL, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def server() -> Server:
    """One embedded PostgreSQL for all processes of this run; who comes first starts and migrates it."""
    folder = _shared["folder"]
    with (folder / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = Server(postgres.ensure(folder / "server", options=QUICK), "template_stakazo")
        if not (folder / "template.done").exists():
            urls = server.create(server.template, "template0")
            migrate.upgrade(urls.owner)
            (folder / "template.done").touch()
    return server


@pytest.fixture
def urls(server: Server) -> Iterator[postgres.Urls]:
    """The two ways into a migrated database of the test's own, without rows."""
    name = f"t_{uuid4().hex}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture
def keyring(app_settings: Settings) -> Keyring:
    """What seals in this installation."""
    return Keyring(app_settings)


@pytest.fixture
async def database(urls: postgres.Urls, keyring: Keyring) -> AsyncIterator[Database]:
    """A migrated database of the test's own, as the app's role: under row-level security."""
    db = Database(urls.app, keyring=keyring)
    yield db
    await db.close()


@pytest.fixture
async def workspace(database: Database) -> UUID:
    """A workspace."""
    return await _make_workspace(database, "Blue Note")


@pytest.fixture
async def actor(workspace: UUID) -> Actor:
    """A person in `workspace`."""
    return Actor(workspace, "user", "ann")


@pytest.fixture
async def other_actor(database: Database) -> Actor:
    """A person in another workspace."""
    return Actor(await _make_workspace(database, "Verve"), "user", "bob")


async def _make_workspace(database: Database, name: str) -> UUID:
    workspace = Workspace(id=new_id(), name=name)
    async with database.system_transaction() as session:
        session.add(workspace)
    return workspace.id


# --- the rest -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """A folder of this run that every user can reach, unlike `tmp_path`; removed at its end."""
    return _shared["folder"]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder for an embedded PostgreSQL of the test's own, which is stopped and removed after it.

    `tmp_path` would not do: it is closed to other users, and as root the server must run as one.
    """
    folder = _shared["folder"] / uuid4().hex
    folder.mkdir()
    yield folder
    postgres.stop(folder, force=True)
    shutil.rmtree(folder)


@pytest.fixture
def quiet() -> Iterator[None]:
    """The house is in this process: what it logs isn't what the program says."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def uncounted() -> dict[str, Any]:
    """Settings of tests that ask more often than people do, all from one address."""
    return dict.fromkeys(("limit_stranger", "limit_login", "limit_read", "limit_write"), "1000000/minute")


@pytest.fixture
def app_settings(urls: postgres.Urls, tmp_path: Path, uncounted: dict[str, Any]) -> Settings:
    """Settings of an installation of the test's own: its database, a data folder under `tmp_path`."""
    return Settings(
        _env_file=None,
        data_dir=tmp_path / "data",
        database_url=urls.owner,
        app_database_url=urls.app,
        database_pool_size=4,
        password_memory_kib=8,
        password_passes=1,
        DEBUG_ENDPOINTS_ENABLED=True,
        min_free_bytes=1,
        **uncounted,
        media_workers=1,
    )


@pytest.fixture
def storage(app_settings: Settings) -> DiskStorage:
    return DiskStorage(app_settings.storage_dir)


@pytest.fixture(scope="session")
def reference_media() -> Path:
    """The folder of the reference videos."""
    if not (MEDIA / "bbb_1min_720p30.mp4").exists():
        if os.environ.get("CI"):
            pytest.fail(f"the reference videos are not in {MEDIA}")
        pytest.skip("the reference videos (../shared/media) are not on this machine")
    return MEDIA
