"""The PostgreSQL that Stakazo works on: one that it keeps itself, or yours.

The embedded server lives in `<data_dir>/postgres`, listens on 127.0.0.1 only, asks for passwords (scram), and belongs
to no process: it outlives whoever started it, and the next one finds it again.

    <data_dir>/postgres/    lock         held by whoever looks at, starts or stops the server
                            in_use       held, shared, by every process that uses it; so the last one may stop it
                            running      held by the server itself while any part of it lives
                            *.password   of the superuser, the owner and the app; readable by their owner only
                            data/        its files; `postgresql.conf` is written at every start
                            data-16/     what an upgrade has left of an older server
                            log/         one file per weekday, and `start.log`
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import structlog
from psycopg import sql
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from stakazo.core import cluster
from stakazo.core.cluster import SUPERUSER, Cluster
from stakazo.core.errors import Unavailable
from stakazo.core.server_user import server_user
from stakazo.core.settings import Settings

log = structlog.get_logger(__name__)

MINIMUM = 15
"""The oldest PostgreSQL that Stakazo works on."""
OWNER, APP, SYSTEM = "stakazo", "stakazo_app", "stakazo_system"
"""The roles: who migrates and owns the tables, who works on them, and what the machinery becomes for a transaction."""
DATABASE = "stakazo"
ELSEWHERE = Path("/var/lib/stakazo")
"""Where root's server lives when its user can't reach the data folder."""


@dataclass(frozen=True, slots=True)
class Urls:
    """Two ways into one database, both as `postgresql+psycopg://`."""

    owner: str
    """Migrates and owns the tables."""
    app: str
    """Works on the rows, under row-level security."""


async def resolve(settings: Settings) -> Urls:
    """The database of these settings, up and of a usable version; starts the embedded server where it must."""
    if settings.database_url is None:
        return await asyncio.to_thread(ensure, settings.data_dir)
    return await asyncio.to_thread(configured, settings.database_url, settings.app_database_url)


def conninfo(url: str) -> str:
    """The same URL for psycopg itself, which knows nothing of SQLAlchemy's drivers."""
    address, question, query = url.replace("postgresql+psycopg://", "postgresql://", 1).partition("?")
    return address + question + query.replace("+", "%20")  # SQLAlchemy writes a space as +, which libpq doesn't read


# --- yours --------------------------------------------------------------------------------------------------


def configured(owner: str, app: str | None) -> Urls:
    """The database that these URLs name, if it answers and is new enough.

    Without a URL for the app, the owner's connection becomes the app's role as soon as it is made.
    """
    by_owner, by_app = _parsed(owner), _parsed(app) if app else None
    if by_app is None:
        by_app = by_owner.update_query_dict({"options": f"-c role={APP}"}, append=True)
    urls = Urls(*(url.render_as_string(hide_password=False) for url in (by_owner, by_app)))
    try:
        with psycopg.connect(conninfo(urls.owner), connect_timeout=10) as connection:
            version = connection.info.server_version // 10000
            encoding = connection.info.parameter_status("server_encoding")
    except psycopg.Error as error:
        raise Unavailable(f"The database {by_owner} can't be reached: {_sentence(error)}") from error
    if version < MINIMUM:
        raise Unavailable(f"The database {by_owner} is PostgreSQL {version}. Stakazo needs {MINIMUM} or newer.")
    if encoding != "UTF8":
        raise Unavailable(f"The database {by_owner} is in {encoding}. Stakazo needs one made with `encoding 'UTF8'`.")
    return urls


def _parsed(url: str) -> URL:
    with contextlib.suppress(ArgumentError):
        parsed = make_url(url)
        if parsed.get_backend_name() in {"postgresql", "postgres"}:
            return parsed.set(drivername="postgresql+psycopg")
    raise Unavailable(
        "STAKAZO_DATABASE_URL or STAKAZO_APP_DATABASE_URL is no URL of a PostgreSQL; they look like "
        "postgresql://user:password@host:5432/database."
    )


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


# --- ours ---------------------------------------------------------------------------------------------------

LOOK = 0.5
"""Seconds between two looks whether the server lives."""
_uses: dict[Path, int] = {}
"""By folder: the descriptor through which this process says that it uses the server."""
SUPERUSER_PASSWORD = "superuser.password"  # noqa: S105 (a file's name)


def ensure(data_dir: Path, *, options: Mapping[str, str] | None = None, elsewhere: Path = ELSEWHERE) -> Urls:
    """Find the embedded server of this folder running, or start it, and use it until `stop` or our own end.

    Any number of processes may do so at once: one starts it, the others wait and join. `options` are PostgreSQL's own
    settings, and count for whoever starts it.
    """
    home = cluster.place(data_dir, elsewhere)
    with cluster.locked(lock_of(home)):
        cluster.finish_upgrade(home)
        server = server_in(home, elsewhere)
        if not (server.data / "PG_VERSION").exists():
            server.create(_password(home / SUPERUSER_PASSWORD))
        port = server.up(options or {})
        passwords = {OWNER: _password(home / "owner.password"), APP: _password(home / "app.password")}
        if not _takes(port, passwords):
            _prepare(port, passwords, home / SUPERUSER_PASSWORD)
        if home not in _uses:
            _uses[home] = os.open(home / "in_use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(_uses[home], fcntl.LOCK_SH)
    return Urls(_url(OWNER, passwords[OWNER], port), _url(APP, passwords[APP], port))


async def keep_up(settings: Settings, urls: Urls) -> None:
    """Start the embedded server again whenever it has died; returns when it came back at another address.

    It belongs to nobody, so everybody who uses it does this. With a database of yours it only waits.
    """
    if settings.database_url is not None:
        await asyncio.Event().wait()
    home = (settings.data_dir.absolute() / "postgres").resolve()
    while True:
        await asyncio.sleep(LOOK)
        if await asyncio.to_thread(cluster.is_held, home):
            continue
        try:
            now = await asyncio.to_thread(ensure, settings.data_dir)
        except Unavailable as error:
            log.warning("database_not_revived", error=str(error))
            continue
        log.warning("database_revived")
        if now != urls:
            log.error("database_moved")  # somebody took its port; whoever starts us again finds the new one
            return


def stop(data_dir: Path, *, force: bool = False) -> bool:
    """Use the embedded server no more, and stop it unless other processes still use it; says whether it is down.

    With `force` it is stopped whoever uses it.
    """
    home = (data_dir.absolute() / "postgres").resolve()
    if not (home / "data" / "PG_VERSION").exists():
        return True
    with cluster.locked(lock_of(home)):
        if (ours := _uses.pop(home, None)) is not None:
            os.close(ours)
        handle = os.open(home / "in_use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not force:
                return False
        finally:
            os.close(handle)
        server_in(home, ELSEWHERE).down()
    return True


def lock_of(home: Path) -> Path:
    """What is held by whoever looks at, starts, stops or upgrades the server in this folder."""
    lock = home / "lock"
    try:
        lock.touch(mode=0o600)
    except PermissionError as error:
        raise Unavailable(
            f"{home} belongs to another user. Run Stakazo as the user who ran it first, or set STAKAZO_DATA_DIR to a "
            "folder of your own."
        ) from error
    return lock


def server_in(home: Path, elsewhere: Path, major: int = cluster.MAJOR) -> Cluster:
    """The server in a folder, with the programs of a version. Raises Unavailable where it can't run there."""
    user = server_user(home / "data")
    if not user.reaches(home):
        raise Unavailable(
            f"The embedded PostgreSQL runs as the user {user.name}, who can't reach {home}: a folder above it is "
            "closed. Set STAKAZO_DATA_DIR to a folder that this user can reach, or STAKAZO_DATABASE_URL."
        )
    return Cluster(home, cluster.programs(user, elsewhere, major), user)


def _url(role: str, password: str, port: int, database: str = DATABASE) -> str:
    # This build has no TLS, and never leaves the machine: asking for it would only cost a round trip.
    return f"postgresql+psycopg://{role}:{quote(password)}@127.0.0.1:{port}/{database}?sslmode=disable"


def _password(file: Path) -> str:
    """The password in a file, made at first use; readable by its owner only, and never half written."""
    if not file.exists():
        half = file.with_suffix(".half")
        half.unlink(missing_ok=True)
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as out:
            out.write(secrets.token_urlsafe(24))
            out.flush()
            os.fsync(handle)
        half.rename(file)
    return file.read_text().strip()


def _takes(port: int, passwords: Mapping[str, str]) -> bool:
    """Whether the database is there, and its roles with these passwords."""
    try:
        for role, password in passwords.items():
            psycopg.connect(conninfo(_url(role, password, port)), connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def _prepare(port: int, passwords: Mapping[str, str], key: Path) -> None:
    """Make the roles and the database where they are missing, and give the roles these passwords."""
    lost = f"The embedded PostgreSQL can only be mended with the password in {key}, as it was when the data was made"
    if not key.exists():
        raise Unavailable(f"{lost}; that file is missing. Put it back.")
    try:
        superuser = psycopg.connect(
            conninfo(_url(SUPERUSER, _password(key), port, "postgres")), connect_timeout=10, autocommit=True
        )
    except psycopg.OperationalError as error:
        raise Unavailable(f"{lost}; it isn't taken. Put that file back. ({_sentence(error)})") from error
    kinds = {OWNER: "login createrole createdb noinherit", APP: "login noinherit", SYSTEM: "nologin"}
    with superuser:
        there = {name for (name,) in superuser.execute("select rolname from pg_roles")}
        for role, kind in kinds.items():
            verb = "alter" if role in there else "create"
            superuser.execute(sql.SQL(f"{verb} role {{}} {kind}").format(sql.Identifier(role)))
        for role, password in passwords.items():
            statement = sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(password))
            superuser.execute(statement)
        superuser.execute(f"grant {SYSTEM} to {APP}")
        superuser.execute(f"grant {APP}, {SYSTEM} to {OWNER} with admin option")
        if not superuser.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
            superuser.execute(sql.SQL("create database {} owner {}").format(*map(sql.Identifier, (DATABASE, OWNER))))
