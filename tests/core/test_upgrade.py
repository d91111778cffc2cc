"""Files that an older PostgreSQL wrote, with real servers of both versions."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stakazo.core import cluster, migrate, postgres
from stakazo.core.cluster import DONE, MAJOR, SUPERUSER, Cluster
from stakazo.core.errors import Conflict, Unavailable
from stakazo.core.upgrade import Upgraded, upgrade

OLD = 16
QUICK = {"fsync": "off", "shared_buffers": "16MB"}


@pytest.fixture
def old(data_dir: Path) -> Iterator[Cluster]:
    """An installation on the PostgreSQL of long ago, up and with rows."""
    if OLD not in cluster.installed():
        if os.environ.get("CI"):
            pytest.fail(f"there are no programs of PostgreSQL {OLD} to test with")
        pytest.skip(f"the wheel here has no programs of PostgreSQL {OLD}")
    home = cluster.place(data_dir, data_dir / "elsewhere")
    server = postgres.server_in(home, data_dir / "elsewhere", OLD)
    password = postgres._password(home / postgres.SUPERUSER_PASSWORD)
    half = home / "new"
    half.mkdir()
    server.user.own(half, 0o700)
    (half / "password").write_text(password)
    server.user.own(half / "password", 0o600)
    argv: list[str | Path] = [
        server.programs / "initdb",
        "-D",
        half / "data",
        "-U",
        SUPERUSER,
        "-E",
        "UTF8",
        "--locale=C",
        "-A",
        "scram-sha-256",
    ]
    code, said = server.user.run([*argv, f"--pwfile={half / 'password'}"])
    assert code == 0, said
    (half / "data").rename(server.data)
    shutil.rmtree(half)
    port = server.up(QUICK)
    passwords = {
        role: postgres._password(home / f"{name}.password")
        for role, name in (("stakazo", "owner"), ("stakazo_app", "app"))
    }
    postgres._prepare(port, passwords, home / postgres.SUPERUSER_PASSWORD)
    url = postgres._url("stakazo", passwords["stakazo"], port)
    migrate.upgrade(url)
    with psycopg.connect(postgres.conninfo(url)) as owner:
        owner.execute("set role stakazo_system")
        owner.execute(
            "insert into workspaces (id, name) select gen_random_uuid(), 'Label ' || n from generate_series(1, 500) n"
        )
        owner.execute("reset role")
    yield server
    server.down()


def rows(url: str) -> list[Any]:
    with psycopg.connect(postgres.conninfo(url)) as owner:
        owner.execute("set role stakazo_system")
        return owner.execute("select name from workspaces order by name").fetchall()


def postmaster(server: Cluster) -> int:
    return int((server.data / "postmaster.pid").read_text().split("\n")[0])


def test_the_files_are_brought_over_even_after_a_crash(old: Cluster, data_dir: Path):
    os.kill(postmaster(old), signal.SIGKILL)
    while cluster.is_held(old.home):
        time.sleep(0.02)
    with pytest.raises(Unavailable, match=f"written by PostgreSQL {OLD}.*`stakazo upgrade` brings it over"):
        postgres.ensure(data_dir)

    done = upgrade(data_dir)
    assert done == Upgraded(OLD, old.home / f"data-{OLD}")
    urls = postgres.ensure(data_dir)
    assert len(rows(urls.owner)) == 500
    with psycopg.connect(postgres.conninfo(urls.owner)) as owner:
        assert owner.info.server_version // 10000 == MAJOR
        assert owner.execute("show data_checksums").fetchone() == ("on",)
    migrate.differences(urls.owner)
    assert sorted(path.name for path in old.home.iterdir() if path.is_dir()) == ["data", f"data-{OLD}", "log"]
    assert upgrade(data_dir) is None
    postgres.stop(data_dir)

    # The old ones are as they were: whoever changes their mind puts them back.
    shutil.rmtree(old.data)
    (old.home / f"data-{OLD}").rename(old.data)
    port = old.up(QUICK)
    assert len(rows(postgres._url("stakazo", postgres._password(old.home / "owner.password"), port))) == 500


def test_nobody_is_thrown_out_and_a_killed_one_is_begun_again(old: Cluster, data_dir: Path):
    url = postgres._url("stakazo", postgres._password(old.home / "owner.password"), old.up({}))
    script = (
        "import sys\nfrom pathlib import Path\nfrom stakazo.core.upgrade import upgrade\nupgrade(Path(sys.argv[1]))"
    )
    with psycopg.connect(postgres.conninfo(url)), pytest.raises(Conflict, match="Stop all of Stakazo"):
        upgrade(data_dir)
    with subprocess.Popen([sys.executable, "-c", script, str(data_dir)]) as child:
        while not (old.home / "upgrade" / "data" / "pg_upgrade_output.d").exists():
            assert child.poll() is None
            time.sleep(0.01)
        child.kill()
    assert not (old.home / "upgrade" / DONE).exists()
    assert (old.data / "PG_VERSION").read_text().strip() == str(OLD)
    assert upgrade(data_dir) is not None
    assert len(rows(postgres.ensure(data_dir).owner)) == 500


@pytest.mark.parametrize("moved", [False, True])
def test_one_that_was_killed_in_its_last_steps_is_finished(tmp_path: Path, *, moved: bool):
    for name, version in (("data-16" if moved else "data", "16"), ("upgrade/data", "18")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "PG_VERSION").write_text(f"{version}\n")
    cluster.finish_upgrade(tmp_path)  # not done: nothing is touched
    assert (tmp_path / "upgrade").exists()
    (tmp_path / "upgrade" / DONE).touch()
    cluster.finish_upgrade(tmp_path)
    cluster.finish_upgrade(tmp_path)
    found = {path.name: (path / "PG_VERSION").read_text().strip() for path in tmp_path.iterdir()}
    assert found == {"data": "18", "data-16": "16"}
