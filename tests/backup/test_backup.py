"""Everything is taken along, of one moment, and is what comes back; what came back damaged is found."""

from __future__ import annotations

import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stakazo.core import revisions
from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.errors import Conflict, Invalid, NoSpace, Unavailable
from stakazo.core.security import Keyring, new_key
from stakazo.core.storage import DiskStorage


async def test_every_row_and_file_and_key_comes_back(
    installation: Any, empty: Callable[[], Any], tmp_path: Path
) -> None:
    before = installation.everything()
    assert sum(map(bool, before.values())) >= 25  # of every kind: of workspaces, of people, of nobody
    taken = installation.take(tmp_path / "a.zip")
    assert {rows.table: rows.count for rows in taken.manifest.rows} == {name: len(r) for name, r in before.items()}
    assert (taken.manifest.lost, taken.changed) == ((), ())

    there = empty()
    there.fill(tmp_path / "a.zip")
    assert there.everything() == before
    assert there.files() == installation.files()
    assert len(there.files()) == 8
    signing = installation.settings.ledger_key_dir
    for name in ("master_keys", "api_key", *(f"ledger/keys/{file.name}" for file in signing.iterdir())):
        old, new = (one.settings.data_dir / name for one in (installation, there))
        assert old.read_bytes() == new.read_bytes()
        assert new.stat().st_mode & 0o777 == 0o600
    # The tables are guarded as before: the same policies, constraints and triggers.
    guards = (
        "select tablename, policyname, roles::text, cmd, qual, with_check from pg_policies order by 1, 2",
        "select conname, pg_get_constraintdef(oid) from pg_constraint where contype <> 'n' order by 1, 2",
        "select tgrelid::regclass::text, tgname, tgenabled::text from pg_trigger where not tgisinternal order by 1, 2",
        "select relname, relrowsecurity, relforcerowsecurity from pg_class where relname = any(%s) order by 1",
    )
    for guard in guards:
        values = [list(before)] if "%s" in guard else []
        assert there.rows(guard, *values) == installation.rows(guard, *values)


async def test_a_restored_installation_is_verified_and_believes_nothing_stale(
    installation: Any, empty: Callable[[], Any], tmp_path: Path, notes: Any
) -> None:
    installation.take(tmp_path / "a.zip")
    there = empty()
    found = await there.restore(tmp_path / "a.zip", notes(installation))
    assert not [finding for finding in found if not finding.ok], found
    assert len([finding for finding in found if "events are as they were signed" in finding.says]) == 2

    assert there.rows("select end_reason from sessions") == [("backup_restored",)]
    assert there.rows("select from links") == []
    assert there.rows("select state, engine_job_id from jobs") == [("PROCESSING", None)] * 2  # the sweeper's to recover
    held = "select platform, state, error ->> 'code' from publications order by platform, state"
    assert there.rows(held) == [("instagram", "NEEDS_HUMAN", "restored")] * 2 + [("tiktok", "PUBLISHED", None)] * 2
    assert there.rows("select state from campaigns") == [("NEEDS_HUMAN",)] * 2
    told = there.rows(
        "select workspace_id, data -> 'held_publications' from ledger_events where event = 'backup_restored'"
    )
    assert [len(ids) for _, ids in told] == [1, 1]
    assert there.rows("select to_regclass('stakazo_restore')") == [(None,)]

    await there.seal()  # the ledgers go on from there
    [(last,)] = there.rows("select max(size) from ledger_checkpoints group by workspace_id order by 1 limit 1")
    assert last == 6


async def test_nothing_has_to_wait_for_a_backup_and_it_is_of_one_moment(
    installation: Any, empty: Callable[[], Any], tmp_path: Path, actor: Actor
) -> None:
    before = installation.everything()
    written: list[str] = []

    def write(name: str, *_: int) -> None:
        if name == "clips" and not written:  # some tables are copied, others are not
            written.append(name)
            installation.change("insert into workspaces (id, name) values (gen_random_uuid(), 'New')")
            installation.change("delete from clip_variants")
            installation.change("update video_assets set title = 'Other'")

    taken = installation.take(tmp_path / "a.zip", told=write)
    assert written
    assert installation.everything() != before
    assert len(taken.manifest.workspaces) == 2
    there = empty()
    there.fill(tmp_path / "a.zip")
    assert there.everything() == before


async def test_files_that_go_while_they_are_copied_are_kept(
    installation: Any, empty: Callable[[], Any], tmp_path: Path
) -> None:
    storage, files = DiskStorage(installation.settings.storage_dir), installation.files()

    def remove(name: str, *_: int) -> None:
        if name == "ad_metrics":  # the first table: its rows and the files' second names are there
            for key in files:
                storage.path(key).unlink()

    taken = installation.take(tmp_path / "a.zip", told=remove)
    assert not installation.files()
    assert taken.manifest.lost == ()
    there = empty()
    there.fill(tmp_path / "a.zip")
    assert there.files() == files
    assert not [path for path in storage.workshop().iterdir() if path.name != "alive"]  # no second name is left


async def test_what_was_lost_or_damaged_before_is_said(
    installation: Any, empty: Callable[[], Any], tmp_path: Path
) -> None:
    storage = DiskStorage(installation.settings.storage_dir)
    lost, changed = [key for key in sorted(installation.files()) if "/variants/" in key]
    storage.path(lost).unlink()
    storage.path(changed).write_bytes(b"another film")
    taken = installation.take(tmp_path / "a.zip")
    assert (taken.manifest.lost, taken.changed) == ((lost,), (changed,))
    found = await empty().restore(tmp_path / "a.zip")
    [bad] = [finding.says for finding in found if not finding.ok]
    assert changed in bad


async def test_a_rotation_meanwhile_loses_no_key(installation: Any, empty: Callable[[], Any], tmp_path: Path) -> None:
    keyring = Keyring(installation.settings)
    [old] = keyring.keys

    def rotate(name: str, *_: int) -> None:
        if name == "clips":
            keyring.keep([new_key()])

    installation.take(tmp_path / "a.zip", told=rotate)
    there = empty()
    found = await there.restore(tmp_path / "a.zip")
    assert not [finding for finding in found if not finding.ok], found
    assert old in Keyring(there.settings).keys


# --- the ledger tells -----------------------------------------------------------------------------------------


async def test_a_ledger_that_was_tampered_with_is_named(
    installation: Any, empty: Callable[[], Any], tmp_path: Path, actor: Actor
) -> None:
    installation.change(
        "update ledger_events set data = '{\"score\": 99}' where workspace_id = %s and event = 'clip_created'",
        actor.workspace_id,
    )
    installation.take(tmp_path / "a.zip")
    found = await empty().restore(tmp_path / "a.zip")
    [bad] = [finding.says for finding in found if not finding.ok]
    assert bad.startswith(f"The ledger of {actor.workspace_id} is NOT as it was signed: position")


async def test_an_old_backup_is_told_from_the_newer_truth(
    installation: Any, empty: Callable[[], Any], tmp_path: Path, actor: Actor, notes: Any
) -> None:
    installation.take(tmp_path / "a.zip")
    await installation.act(actor, 3)
    there = empty()
    found = await there.restore(tmp_path / "a.zip", notes(installation))
    [bad] = [finding.says for finding in found if not finding.ok]
    assert f"The ledger of {actor.workspace_id} is OLDER than what was handed out" in bad
    assert "lost here: 3 events" in bad

    elsewhere = empty()  # the same, where the checkpoints lie on another disk that is still there
    elsewhere.settings = elsewhere.settings.model_copy(
        update={"ledger_checkpoint_dir": installation.settings.checkpoint_dir}
    )
    found = await elsewhere.restore(tmp_path / "a.zip")
    assert [finding.says for finding in found if not finding.ok] == [bad]


async def test_another_history_than_the_one_that_was_handed_out_is_seen(
    installation: Any, empty: Callable[[], Any], tmp_path: Path, actor: Actor, notes: Any
) -> None:
    """A backup of one of two branches, held against checkpoints of the other."""
    installation.take(tmp_path / "a.zip")
    other = empty()
    await other.restore(tmp_path / "a.zip")
    await installation.act(actor, 5)
    await other.seal()
    await other.act(actor, 5)
    other.take(tmp_path / "b.zip")
    found = await empty().restore(tmp_path / "b.zip", notes(installation))
    bad = [finding.says for finding in found if not finding.ok]
    assert len(bad) == 1
    assert "NOT as it was signed" in bad[0]
    assert "the ledger was forked" in bad[0]


# --- where it may go ------------------------------------------------------------------------------------------


async def test_only_an_empty_place_is_filled(
    installation: Any, empty: Callable[[], Any], tmp_path: Path, urls: Any
) -> None:
    backup = installation.take(tmp_path / "a.zip").target
    before, files = installation.everything(), installation.files()
    with pytest.raises(Conflict, match="none of this backup's"):
        installation.fill(backup)
    away = installation.settings.model_copy(update={"data_dir": tmp_path / "away"})
    with pytest.raises(Conflict, match="not empty: it has the table"):
        replace(installation, settings=away).fill(backup)
    assert (installation.everything(), installation.files()) == (before, files)

    there = empty()
    (there.settings.data_dir / "photos").mkdir(parents=True)
    with pytest.raises(Conflict, match="it has photos"):
        there.fill(backup)

    there = empty()
    Keyring(there.settings).keep([new_key()])
    with pytest.raises(Conflict, match="doesn't have"):
        there.fill(backup)


async def test_keys_may_stay_elsewhere(installation: Any, empty: Callable[[], Any], tmp_path: Path) -> None:
    backup = installation.take(tmp_path / "a.zip", with_keys=False).target
    with zipfile.ZipFile(backup) as file:
        assert not [name for name in file.namelist() if name.startswith("keys/")]
        everything = b"".join(file.read(name) for name in file.namelist())
    for secret in ("master_keys", "api_key"):
        assert (installation.settings.data_dir / secret).read_bytes().strip() not in everything

    there = empty()
    with pytest.raises(Conflict, match="no keys"):
        there.fill(backup)
    Keyring(there.settings).keep(Keyring(installation.settings).keys)
    assert not [finding for finding in await there.restore(backup) if not finding.ok]


def test_a_place_that_can_not_be_is_refused_before_anything_is_done(installation: Any, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    with pytest.raises(Conflict, match="--force"):
        installation.take(tmp_path / "there")
    with pytest.raises(Conflict, match="is a folder"):
        installation.take(tmp_path)
    with pytest.raises(Invalid, match="no folder"):
        installation.take(tmp_path / "nowhere" / "a.zip")
    with pytest.raises(Invalid, match="among the files"):
        installation.take(installation.settings.storage_dir / "a.zip")
    assert installation.take(tmp_path / "there", replace=True).bytes == (tmp_path / "there").stat().st_size


def test_room_is_looked_for_before(installation: Any, tmp_path: Path) -> None:
    key = next(key for key in installation.files() if "/videos/" in key)
    with DiskStorage(installation.settings.storage_dir).path(key).open("r+b") as film:
        film.truncate(1 << 43)  # of holes
    with pytest.raises(NoSpace, match=r"8796\.[0-9]+ GB"):
        installation.take(tmp_path / "a.zip")
    assert not list(tmp_path.glob("a.zip*"))


def test_a_database_of_another_program_is_not_backed_up(installation: Any, empty: Callable[[], Any], tmp_path: Path):
    with pytest.raises(Unavailable, match="nothing to back up"):
        empty().take(tmp_path / "a.zip")
    installation.change("update alembic_version set version_num = '9999'")
    with pytest.raises(Unavailable, match="revision 9999"):
        installation.take(tmp_path / "a.zip")
    assert not list(tmp_path.glob("a.zip*"))


# --- killed ---------------------------------------------------------------------------------------------------

# A program that dies when it is told so, and so at the same place every time.
DYING = """
import json, os, signal, sys
from pathlib import Path
from stakazo.backup import archive, restoring, taking
from stakazo.core.settings import Settings
verb, at, target, settings = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Settings(**json.loads(sys.argv[4]))
def told(name, *_):
    if at in name:
        os.kill(os.getpid(), signal.SIGKILL)
if verb == "take":
    taking.take(settings, settings.database_url, target, told=told)
else:
    with archive.reading(target, None) as reader:
        restoring.fill(settings, settings.database_url, reader, without_keys=False, told=told)
"""


def killed(of: Any, verb: str, at: str, target: Path) -> None:
    said = of.settings.model_dump_json(
        include={"data_dir", "database_url", "app_database_url", "min_free_bytes"}, exclude_none=True
    )
    done = subprocess.run(
        [sys.executable, "-c", DYING, verb, at, str(target), said], check=False, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


async def test_a_backup_that_is_killed_leaves_nothing_broken(
    installation: Any, empty: Callable[[], Any], tmp_path: Path
) -> None:
    storage, target = DiskStorage(installation.settings.storage_dir), tmp_path / "a.zip"
    before, files = installation.everything(), installation.files()
    killed(installation, "take", "/variants/", target)
    assert not target.exists()
    assert (installation.everything(), installation.files()) == (before, files)
    assert storage.sweep() == 1  # their second names are nobody's any more
    assert installation.files() == files
    installation.take(target)
    assert not target.with_name("a.zip.part").exists()
    there = empty()
    there.fill(target)
    assert there.everything() == before


async def test_a_restore_that_is_killed_is_gone_on_with(
    installation: Any, empty: Callable[[], Any], tmp_path: Path, server: Any
) -> None:
    backup, before = installation.take(tmp_path / "a.zip").target, installation.everything()
    there = empty()
    for at in ("/variants/", "rows", "migration"):
        killed(there, "restore", at, backup)
        db = Database(there.urls.app, pool_size=1)
        with pytest.raises(Unavailable, match="restore of this database is not done"):
            await revisions.require_whole(db)
        await db.close()
        if at != "migration":
            assert not any(there.everything().values())
    other = installation.take(tmp_path / "b.zip").target
    with pytest.raises(Conflict, match="another backup"):
        there.fill(other)
    with pytest.raises(Unavailable, match="being restored"):
        there.take(tmp_path / "c.zip")
    found = await there.restore(backup)
    assert not [finding for finding in found if not finding.ok], found
    kept = set(before) - {"sessions", "links", "jobs", "publications", "campaigns", "ledger_events"}
    assert {name: rows for name, rows in there.everything().items() if name in kept} == {n: before[n] for n in kept}
    assert there.files() == installation.files()
