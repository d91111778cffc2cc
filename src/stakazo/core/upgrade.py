"""Bringing the embedded database's files to the PostgreSQL that this Stakazo has: `pg_upgrade`, on a copy.

    <data_dir>/postgres/data          as the older PostgreSQL wrote it -> data-16, kept until somebody removes it
                        upgrade/data  the new files; `upgrade/done` says that they are whole
                                      -> data

Nothing of the old files is changed. Killed before `done`, all is as it was; after it, whoever starts the server next
puts the new files in their place.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg

from stakazo.core import cluster, postgres
from stakazo.core.cluster import DONE, MAJOR, SUPERUSER, Cluster
from stakazo.core.errors import Conflict, NoSpace, Unavailable


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What was brought over."""

    before: int
    """The major version of PostgreSQL that had written the files."""
    kept: Path
    """Those files."""


def upgrade(data_dir: Path, *, elsewhere: Path = postgres.ELSEWHERE) -> Upgraded | None:
    """Bring the files over; None where there is nothing to do.

    Raises Conflict while somebody uses the database, NoSpace without room for a copy, and Unavailable with what
    `pg_upgrade` said where it can't be done.
    """
    home = (data_dir.absolute() / "postgres").resolve()
    with cluster.locked(postgres.lock_of(home)):
        cluster.finish_upgrade(home)
        before = int((home / "data" / "PG_VERSION").read_text())
        if before == MAJOR:
            return None
        if before not in cluster.installed():
            raise Unavailable(
                f"The files in {home / 'data'} are of PostgreSQL {before}, of which there are no programs here. Take "
                "a `stakazo backup` with the version of Stakazo that wrote them, and `stakazo restore` that with this "
                "one into an empty STAKAZO_DATA_DIR."
            )
        kept = home / f"data-{before}"
        if kept.exists():
            raise Conflict(f"{kept} is there already, from an upgrade before this one. Take it away first.")
        old = postgres.server_in(home, elsewhere, before)
        password = (home / postgres.SUPERUSER_PASSWORD).read_text().strip()
        _require_room(home)
        _shut_down(old, password)
        _upgrade(old, password, elsewhere)
        cluster.finish_upgrade(home)
    with psycopg.connect(postgres.conninfo(postgres.ensure(data_dir, elsewhere=elsewhere).owner)) as owner:
        owner.execute("analyze")
    return Upgraded(before, kept)


def _require_room(home: Path) -> None:
    wanted = sum(path.lstat().st_size for path in (home / "data").rglob("*"))
    if (free := shutil.disk_usage(home).free) < wanted:
        raise NoSpace(f"A copy of the database needs {wanted / 1e9:.2f} GB, and {home} has {free / 1e9:.2f} GB free.")


def _shut_down(old: Cluster, password: str) -> None:
    """Have the old server recover from whatever ended it, see that nobody works on it, and stop it in order."""
    if not cluster.is_held(old.home):
        old.down()  # what an attempt that was killed has left running
    port = old.up({})
    url = f"host=127.0.0.1 port={port} user={SUPERUSER} dbname=postgres connect_timeout=10"
    with psycopg.connect(url, password=password) as superuser:
        others = superuser.execute(
            "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
        ).fetchone()
    old.down()
    if others and others[0]:
        raise Conflict("Somebody was still working on the database. Stop all of Stakazo, then do this again.")


def _upgrade(old: Cluster, password: str, elsewhere: Path) -> None:
    work = old.home / "upgrade"
    new = Cluster(work, cluster.programs(old.user, elsewhere), old.user)
    new.down()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    old.user.own(work, 0o700)
    code, said = old.user.run([old.programs / "pg_controldata", old.data])
    sums = re.search(r"Data page checksum version: +(\d+)", said)
    bare = code == 0 and sums is not None and sums[1] == "0"
    new.create(password, "--no-data-checksums" if bare else "--data-checksums")
    with tempfile.TemporaryDirectory(prefix="stakazo-") as sockets:  # their paths must be short
        old.user.own(Path(sockets), 0o700)
        argv: list[str | Path] = [new.programs / "pg_upgrade", "-b", old.programs, "-B", new.programs]
        argv += ["-d", old.data, "-D", new.data, "-U", SUPERUSER, "-s", sockets]
        code, said = old.user.run(argv, within=work, password=password)
    if code:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        raise Unavailable(
            f"The database can't be brought over; it is as it was. pg_upgrade said: {' '.join(lines[-6:])} Its logs "
            f"are in {new.data / 'pg_upgrade_output.d'}."
        )
    if bare:
        code, said = old.user.run([new.programs / "pg_checksums", "--enable", "-D", new.data])
        if code:
            raise Unavailable(f"The database can't be brought over; it is as it was. pg_checksums said: {said.strip()}")
    (work / DONE).touch()
