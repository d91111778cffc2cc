"""The launcher of the embedded server, with real servers and processes that die in every way."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from stakazo.core import cluster, postgres
from stakazo.core.errors import Unavailable
from stakazo.core.postgres import Urls, conninfo
from stakazo.core.server_user import ServerUser, server_user
from stakazo.core.settings import Settings

# For servers that need not survive a power cut.
QUICK = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "20"}
ROOT = os.geteuid() == 0
NOBODY = 65534

# A program of its own that uses the server: what it says is what it did.
PREAMBLE = """
import os, sys, time, psycopg
from pathlib import Path
from stakazo.core import postgres
from stakazo.core.errors import StakazoError
data_dir = Path(sys.argv[1])
def use(**options):
    return psycopg.connect(postgres.conninfo(postgres.ensure(data_dir, **options).owner), autocommit=True)
def say(*words):
    print(*words, flush=True)
"""


@pytest.fixture(scope="module")
def made(shared_folder: Path) -> Iterator[Path]:
    """The data folder of an installation that was started once."""
    folder = shared_folder / uuid4().hex
    postgres.ensure(folder, options=QUICK)
    key = (folder / "postgres/superuser.password").read_text()
    with connect(postgres.ensure(folder), user="postgres", password=key) as superuser:
        for name, value in QUICK.items():
            superuser.execute(f"alter system set {name} = '{value}'")
    postgres.stop(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def used_dir(made: Path, data_dir: Path) -> Path:
    """A copy of it, which costs less than making one."""
    subprocess.run(["cp", "-a", f"{made}/.", data_dir], check=True)
    return data_dir


def start(data_dir: Path, program: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + program, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out.strip()


def connect(urls: Urls, **other: Any) -> psycopg.Connection:
    return psycopg.connect(conninfo(urls.owner), autocommit=True, **other)


def server_pid(data_dir: Path) -> int:
    return int((data_dir / "postgres/data/postmaster.pid").read_text().split("\n")[0])


def test_a_server_outlives_its_starter_and_is_found_again(used_dir: Path):
    end(start(used_dir, "use().execute('create table kept as select 1 as one')"))
    before = server_pid(used_dir)
    with connect(postgres.ensure(used_dir)) as connection:
        assert connection.execute("select * from kept").fetchone() == (1,)
        assert connection.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
    assert server_pid(used_dir) == before


def test_only_the_last_user_stops_it(used_dir: Path):
    urls = postgres.ensure(used_dir)
    other = start(used_dir, "use(); say('uses it'); sys.stdin.read(); say(postgres.stop(data_dir))")
    assert said(other) == "uses it"
    assert postgres.stop(used_dir) is False
    connect(urls).close()
    assert end(other) == "True"
    with pytest.raises(psycopg.OperationalError):
        connect(urls)
    assert postgres.stop(used_dir) is True


def test_a_killed_user_counts_no_longer(used_dir: Path):
    other = start(used_dir, "use(); say('uses it'); sys.stdin.read()")
    assert said(other) == "uses it"
    other.kill()
    other.communicate()
    postgres.ensure(used_dir)
    assert postgres.stop(used_dir) is True


def test_starters_at_once_start_one_server(data_dir: Path):
    show = "say(use().execute('select pg_postmaster_start_time(), inet_server_port()').fetchone())"
    starters = [start(data_dir, show) for _ in range(4)]
    assert len({end(starter) for starter in starters}) == 1


def test_what_was_acknowledged_survives_kill_9_of_everyone(used_dir: Path):
    writer = start(
        used_dir,
        "connection = use()\n"
        "connection.execute('create table acknowledged (i int)')\n"
        "for i in range(1_000_000):\n"
        "    connection.execute('insert into acknowledged values (%s)', [i])\n"
        "    say(i)\n",
    )
    while said(writer) != "200":
        pass
    os.kill(server_pid(used_dir), signal.SIGKILL)
    rest, _ = writer.communicate()
    last = int(rest.split()[-1]) if rest else 200
    with connect(postgres.ensure(used_dir)) as connection:
        kept = {i for (i,) in connection.execute("select i from acknowledged")}
    assert kept >= set(range(last + 1))
    assert len(kept) <= last + 2  # and at most the one whose acknowledgement was lost


def test_a_server_says_itself_that_it_lives(used_dir: Path):
    """By a lock that its starter has long let go of; and that ends with it, however it ends."""
    end(start(used_dir, "use()"))
    with (used_dir / "postgres/running").open() as running:
        with pytest.raises(BlockingIOError):
            fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.kill(server_pid(used_dir), signal.SIGKILL)
        fcntl.flock(running, fcntl.LOCK_EX)  # waits for its last child


@pytest.mark.parametrize("whose", ["ours", "a zombie's", "nobody's"])
def test_a_pid_file_that_lies_is_not_believed(used_dir: Path, whose: str):
    postgres.ensure(used_dir)
    pid_file = used_dir / "postgres/data/postmaster.pid"
    lines = pid_file.read_text().split("\n")
    postgres.stop(used_dir)
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet reaped
    pid_file.write_text(
        "\n".join([str({"ours": os.getpid(), "a zombie's": child.pid}.get(whose, 2**22 - 3)), *lines[1:]])
    )
    connect(postgres.ensure(used_dir)).close()
    child.wait()


def test_a_server_started_by_hand_is_joined(used_dir: Path):
    postgres.ensure(used_dir)
    postgres.stop(used_dir)
    user = server_user(used_dir / "postgres/data")
    programs = cluster.programs(user, postgres.ELSEWHERE)
    code, _ = user.run([programs / "pg_ctl", "-D", used_dir / "postgres/data", "-w", "start"], quiet=True)
    assert code == 0
    by_hand = server_pid(used_dir)
    connect(postgres.ensure(used_dir)).close()
    assert server_pid(used_dir) == by_hand
    assert postgres.stop(used_dir) is True


def test_a_server_that_was_stopped_at_once_starts_on_another_port_when_its_own_is_taken(used_dir: Path):
    with connect(postgres.ensure(used_dir)) as connection:
        connection.execute("create table kept as select 1 as one")
        before = connection.info.port
    postgres.stop(used_dir)
    with socket.create_server(("127.0.0.1", before)), connect(postgres.ensure(used_dir)) as connection:
        assert connection.info.port != before
        assert connection.execute("select * from kept").fetchone() == (1,)


def test_a_start_that_was_cut_short_is_done_again(data_dir: Path):
    home = data_dir / "postgres"
    for half in (home / "new/data", home / "log"):
        half.mkdir(parents=True)
    (home / "new/data/PG_VERSION").write_text("18")
    (home / "app.half").write_text("hal")
    connect(postgres.ensure(data_dir)).close()
    assert not (home / "new").exists()


def test_passwords_are_private_and_those_of_the_roles_can_be_lost(used_dir: Path):
    urls = postgres.ensure(used_dir)
    home = used_dir / "postgres"
    files = sorted(home.glob("*.password"))
    assert [file.name for file in files] == ["app.password", "owner.password", "superuser.password"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(conninfo(urls.app).replace(files[0].read_text(), "guess"))

    files[0].unlink()
    psycopg.connect(conninfo(postgres.ensure(used_dir).app)).close()
    files[2].unlink()
    connect(postgres.ensure(used_dir)).close()  # it isn't needed
    files[1].unlink()
    with pytest.raises(Unavailable, match=r"superuser\.password.*missing"):
        postgres.ensure(used_dir)


def test_data_of_another_postgresql_is_refused_with_what_to_do(used_dir: Path):
    postgres.ensure(used_dir)
    postgres.stop(used_dir)
    version = used_dir / "postgres/data/PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(Unavailable, match=r"PostgreSQL 17.*stakazo backup"):
        postgres.ensure(used_dir)


def test_a_server_that_cannot_start_says_why(used_dir: Path):
    with pytest.raises(Unavailable, match="no_such_setting"):
        postgres.ensure(used_dir, options={"no_such_setting": "1"})
    connect(postgres.ensure(used_dir)).close()


def test_the_server_of_another_container_is_not_started_a_second_time(used_dir: Path, monkeypatch: pytest.MonkeyPatch):
    """There its lock is held, as seen from here, and its port is closed."""
    with connect(postgres.ensure(used_dir)) as connection:
        port = connection.info.port
    postgres.stop(used_dir)
    home = used_dir / "postgres"
    with (home / "running").open("w") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        pid_file = [str(NOBODY), str(home / "data"), "0", str(port), "", "127.0.0.1", "", "ready   ", ""]
        (home / "data/postmaster.pid").write_text("\n".join(pid_file))
        monkeypatch.setattr(cluster, "PATIENCE", 0.2)
        with pytest.raises(Unavailable, match="another container"):
            postgres.ensure(used_dir)


# --- who runs it --------------------------------------------------------------------------------------------

BECOME_NOBODY = f"""
import psycopg_binary, encodings.idna, multiprocessing, stakazo.core.migrate
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
"""


@pytest.mark.skipif(not ROOT, reason="only root can become a plain user; a plain user's run tests it anyway")
def test_it_works_as_a_plain_user(data_dir: Path):
    os.chown(data_dir, NOBODY, NOBODY)
    program = "say(use().execute('select current_user').fetchone()[0])\npostgres.stop(data_dir)"
    assert end(start(data_dir, BECOME_NOBODY + program)) == "stakazo"
    assert (data_dir / "postgres/data").stat().st_uid == NOBODY
    connect(postgres.ensure(data_dir)).close()  # and root may go on with it


@pytest.mark.skipif(not ROOT, reason="takes two users")
def test_another_users_server_is_refused_with_what_to_do(used_dir: Path):
    postgres.ensure(used_dir)
    program = BECOME_NOBODY + "try: use()\nexcept StakazoError as error: say(error)"
    assert "Run Stakazo as the user who ran it first" in end(start(used_dir, program))


@pytest.mark.skipif(not ROOT, reason="only root's server runs as another user")
def test_root_with_a_closed_folder_gets_a_server_elsewhere(data_dir: Path):
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    mine, elsewhere = closed / "data", data_dir / "elsewhere"
    try:
        connect(postgres.ensure(mine, elsewhere=elsewhere)).close()
        home = (mine / "postgres").resolve()
        assert home.parent == elsewhere
        assert (home / "belongs-to").read_text().strip() == str(mine / "postgres")
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        connect(postgres.ensure(mine, elsewhere=elsewhere)).close()
        assert list(elsewhere.iterdir()) == [home]
    finally:
        assert postgres.stop(mine)


class Outsider(ServerUser):
    """Whoever can't reach anything outside the given folder."""

    def reaches(self, folder: Path) -> bool:
        return "elsewhere" in folder.parts


def test_programs_out_of_reach_are_copied_once(data_dir: Path):
    user = Outsider(os.geteuid(), os.getegid(), "outsider")
    programs = cluster.programs(user, data_dir / "elsewhere")
    assert programs.parents[3] == data_dir / "elsewhere"
    made = programs.stat().st_ino
    assert cluster.programs(user, data_dir / "elsewhere").stat().st_ino == made
    for name in ("postgres", "initdb", "pg_upgrade"):  # with the libraries that they need
        code, version = user.run([programs / name, "--version"])
        assert (code, version.startswith(f"{name} (PostgreSQL) 18")) == (0, True), version


def test_there_must_be_a_place(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="STAKAZO_DATA_DIR"):
        postgres.ensure(tmp_path / "file" / "data")


# --- yours --------------------------------------------------------------------------------------------------


async def test_a_configured_database_is_used_as_the_role_of_the_app(app_settings: Settings):
    settings = app_settings.model_copy(update={"app_database_url": None})
    urls = await postgres.resolve(settings)
    with psycopg.connect(conninfo(urls.app)) as connection:
        assert connection.execute("select current_user, session_user").fetchone() == ("stakazo_app", "stakazo")
        connection.execute("reset role")
        assert connection.execute("select current_user").fetchone() == ("stakazo_app",)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://user@host/name", "no URL of a PostgreSQL"),
        ("what is this", "no URL of a PostgreSQL"),
        ("postgresql://user:secret@127.0.0.1:1/name", "can't be reached"),
    ],
)
async def test_a_database_that_is_none_is_refused_without_its_password(tmp_path: Path, url: str, why: str):
    settings = Settings(_env_file=None, data_dir=tmp_path, database_url=url)
    with pytest.raises(Unavailable, match=why) as caught:
        await postgres.resolve(settings)
    assert "secret" not in str(caught.value)


@contextlib.contextmanager
def _pretender(parameters: Mapping[str, str]) -> Iterator[int]:
    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("!i", len(body) + 4) + body

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            told = [message(b"S", f"{name}\0{value}\0".encode()) for name, value in parameters.items()]
            connection.sendall(message(b"R", struct.pack("!i", 0)) + b"".join(told) + message(b"Z", b"I"))
            connection.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


async def test_an_old_or_odd_database_is_refused(tmp_path: Path):
    """Told by a server that speaks just enough of the protocol to say which version it is."""
    for parameters, why in (
        ({"server_version": "14.9", "server_encoding": "UTF8"}, "PostgreSQL 14"),
        ({"server_version": "16.1", "server_encoding": "SQL_ASCII"}, "SQL_ASCII"),
    ):
        with _pretender(parameters) as port:
            settings = Settings(
                _env_file=None, data_dir=tmp_path, database_url=f"postgresql://u@127.0.0.1:{port}/d?sslmode=disable"
            )
            with pytest.raises(Unavailable, match=why):
                await postgres.resolve(settings)
