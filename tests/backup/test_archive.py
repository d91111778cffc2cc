"""The file of a backup: whole or not at all, and never taken for what it is not."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stakazo.backup import archive
from stakazo.backup.archive import Damaged
from stakazo.backup.manifest import Manifest, Member, Rows, disagreements, dump, load
from stakazo.backup.sealing import MAGIC, PIECE
from stakazo.core import revisions
from stakazo.core.errors import Conflict, NoSpace, StakazoError, Unavailable

KNOWN = revisions.known()
MOMENT = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
NOISE = random.Random(7).randbytes(2 * PIECE + 1000)
PARTS = {"database/clips": b"1\tA\n" * 1000, "files/w/videos/a.mp4": NOISE, "keys/master_keys": b"secret"}


def saying(members: dict[str, Member], revision: str | None = None) -> Manifest:
    rows = (Rows("clips", ("id", "name"), 1000),)
    return Manifest(
        id="id",
        taken_at="2026-11-22T10:15:00Z",
        stakazo="0.1.0",
        revision=revision or KNOWN[-1],
        postgres=18,
        with_keys=True,
        rows=rows,
        members=members,
        lost=(),
        ledgers={},
        workspaces=(),
    )


def written(target: Path, passphrase: str | None = None) -> Path:
    with archive.writing(target, MOMENT, passphrase, cost=4) as out:
        for name, data in PARTS.items():
            out.add(name, [data], compressed=name.startswith("database"))
        out.finish(saying(out.members))
    return target


def check(source: Path, passphrase: str | None = None) -> dict[str, bytes]:
    with archive.reading(source, passphrase) as reader:
        if wrong := disagreements(reader.manifest, reader.sizes, KNOWN):
            raise Damaged(wrong[0])
        return {name: b"".join(reader.blocks(name)) for name in reader.manifest.members}


@pytest.mark.parametrize("passphrase", [None, "a long sentence that nobody knows"])
def test_what_was_written_is_read(tmp_path: Path, passphrase: str | None):
    target = written(tmp_path / "a.zip", passphrase)
    assert check(target, passphrase) == PARTS
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
    assert zipfile.is_zipfile(target) == (passphrase is None)
    assert (b"secret" in target.read_bytes()) == (passphrase is None)


def test_a_flipped_bit_anywhere_is_found(tmp_path: Path):
    """What is restored is what was backed up, or nothing is: in the parts, their names, the manifest, the directory."""
    target = written(tmp_path / "a.zip")
    whole, flipped, harmless = target.read_bytes(), tmp_path / "b.zip", 0
    step = len(whole) // 40
    places = {*range(0, 200, 2), *range(len(whole) - 1300, len(whole), 7), *range(0, len(whole), step)}
    for place in sorted(places):
        data = bytearray(whole)
        data[place] ^= 1 << (place % 8)
        flipped.write_bytes(data)
        try:
            assert check(flipped) == PARTS
        except Damaged:
            continue
        harmless += 1  # in a date, a mode
    assert harmless < len(places) // 3


@pytest.mark.parametrize("passphrase", [None, "a long sentence that nobody knows"])
def test_a_file_that_was_cut_is_refused(tmp_path: Path, passphrase: str | None):
    whole = written(tmp_path / "a.zip", passphrase).read_bytes()
    cut = tmp_path / "b.zip"
    for length in (0, 10, 100, len(whole) // 2, len(MAGIC) + 17 + PIECE + 16, len(whole) - 1):
        cut.write_bytes(whole[:length])
        with pytest.raises(StakazoError, match=r"cut off|no backup|damaged"):
            check(cut, passphrase)


def test_a_sealed_backup_opens_with_its_passphrase_alone(tmp_path: Path):
    target = written(tmp_path / "a.zip", "one")
    with pytest.raises(Unavailable, match="passphrase is not the one"):
        check(target, "two")
    with pytest.raises(Unavailable, match="--passphrase-file"):
        check(target)
    whole = target.read_bytes()
    for place in (len(whole) // 2, len(whole) - 1, 30, 50):
        changed = bytearray(whole)
        changed[place] ^= 1
        target.write_bytes(changed)
        with pytest.raises(Unavailable):
            check(target, "one")
    head, size = len(MAGIC) + 17, PIECE + 16
    target.write_bytes(
        whole[:head] + whole[head + size : head + 2 * size] + whole[head : head + size] + whole[head + 2 * size :]
    )
    with pytest.raises(Unavailable):
        check(target, "one")


def test_parts_that_were_exchanged_are_refused(tmp_path: Path):
    """Whoever writes another manifest can write anything; without that nothing can be added, left out or swapped."""
    source, target = written(tmp_path / "a.zip"), tmp_path / "b.zip"

    def rewritten(change: dict[str, bytes | None]) -> None:
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
            for name in old.namelist():
                data = change.get(name, old.read(name))
                if data is not None:
                    new.writestr(name, data)
            for name in change.keys() - set(old.namelist()):
                new.writestr(name, change[name] or b"")

    changes: list[tuple[dict[str, bytes | None], str]] = [
        ({"keys/master_keys": b"SECRET"}, "keys/master_keys is not what was backed up"),
        ({"keys/master_keys": None}, "keys/master_keys is missing"),
        ({"keys/ledger/x.pem": b"x"}, "keys/ledger/x.pem doesn't belong to it"),
        ({"keys/master_keys": b"secret and more"}, "keys/master_keys has 15 bytes and should have 6"),
        ({"manifest.json": b"{}"}, "can't be read"),
        ({"manifest.json": None}, "it has no manifest.json"),
    ]
    for change, why in changes:
        rewritten(change)
        with pytest.raises(Damaged, match=why):
            check(target)


def test_a_backup_of_a_newer_program_is_refused(tmp_path: Path):
    said = saying({"database/clips": Member(1, "0")}, revision="9999")
    [why] = disagreements(said, {"database/clips": 1}, KNOWN)
    assert "newer than this program" in why
    assert load(dump(said)) == said
    with pytest.raises(ValueError, match="format 2"):
        load(dump(said).replace(b'"stakazo backup": 1', b'"stakazo backup": 2'))


def test_rows_and_their_tables_belong_together():
    said = saying({"database/jobs": Member(1, "0")})
    assert disagreements(said, {"database/jobs": 1}, KNOWN) == [
        "database/jobs is of no table",
        "the rows of clips are missing",
    ]


def test_nothing_is_left_of_one_that_failed(tmp_path: Path):
    (tmp_path / "a.zip").write_text("the one before")

    def broken() -> None:
        with archive.writing(tmp_path / "a.zip", MOMENT, None) as out:
            out.add("files/a", [b"a"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
    assert (tmp_path / "a.zip").read_text() == "the one before"


def test_two_do_not_write_the_same_and_one_that_was_killed_is_taken_over(tmp_path: Path):
    part, target = tmp_path / "a.zip.part", tmp_path / "a.zip"
    script = (
        "import sys, datetime, pathlib\nfrom stakazo.backup import archive\n"
        "with archive.writing(pathlib.Path(sys.argv[1]), datetime.datetime(2026, 1, 1), None) as out:\n"
        "    out.add('files/a', [b'half'])\n    print('begun', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == b"begun\n"
        with pytest.raises(Conflict, match="at this moment"):
            written(target)
        child.send_signal(signal.SIGKILL)
    assert part.exists()
    assert not target.exists()
    assert check(written(target)) == PARTS
    assert not part.exists()


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path):
    def full() -> None:
        with archive.writing(tmp_path / "a.zip", MOMENT, None) as out:
            out.add("files/a", [b"a"])
            with Path("/dev/full").open("wb", buffering=0) as device:
                device.write(b"a")

    with pytest.raises(NoSpace):
        full()
    assert not list(tmp_path.iterdir())
