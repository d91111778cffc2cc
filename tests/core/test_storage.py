from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from stakazo.core.errors import FileMissing, NoSpace
from stakazo.core.storage import DiskStorage
from stakazo.core.workplace import enough_space

KEY = "0b8e/videos/blue.mp4"


@pytest.fixture
def disk(tmp_path: Path) -> DiskStorage:
    return DiskStorage(tmp_path / "storage")


async def test_a_file_is_there_when_it_is_adopted(disk: DiskStorage):
    work = disk.temporary(".mp4")
    work.write_bytes(b"video")
    assert not await disk.exists(KEY)
    await disk.adopt(work, KEY)
    assert await disk.exists(KEY)
    assert disk.path(KEY).read_bytes() == b"video"
    assert not work.exists()
    async with disk.fetched(KEY) as path:
        assert path == disk.path(KEY)  # no copy of what is here
    found = await disk.stored(KEY)
    assert [piece async for piece in found.read(1, 4)] == [b"ide"]
    await disk.delete(KEY)
    await disk.delete(KEY)
    assert not await disk.exists(KEY)


async def test_a_file_that_is_missed_is_told_with_its_folder(disk: DiskStorage):
    with pytest.raises(FileMissing, match=f"blue.mp4 is not in {disk.root}.*STAKAZO_DATA_DIR") as missed:
        await disk.stored(KEY)
    assert missed.value.retryable
    with pytest.raises(FileMissing, match="blue"):
        async with disk.fetched(KEY):
            pass


def test_temporaries_are_one_each_and_on_the_same_disk(disk: DiskStorage):
    some = {disk.temporary(".ts") for _ in range(50)}
    assert len(some) == 50
    assert {path.suffix for path in some} == {".ts"}
    assert some.pop().parent.stat().st_dev == disk.root.stat().st_dev


@pytest.mark.parametrize(
    "key", ["../secret", "/etc/passwd", "a/../b", "a//b", "a", "", "a/b\0", "a/.hidden", "a/b\n", "é/b"]
)
def test_a_key_stays_inside(disk: DiskStorage, key: str):
    with pytest.raises(ValueError, match="not a storage key"):
        disk.path(key)


def test_work_that_nobody_touches_is_swept(disk: DiskStorage):
    old, new, folder = disk.temporary(), disk.temporary(), disk.temporary()
    for file in (old, new):
        file.touch()
    folder.mkdir()
    (folder / "part").touch()
    for path in (old, folder / "part", folder):
        os.utime(path, (0, 0))
    os.utime(disk.workshop() / "alive", (0, 0))
    assert disk.sweep(older_than=3600) == 0  # mine lives, however old what lies in it is
    strangers = [path.rename(disk.root / "tmp" / path.name) for path in (old, new, folder)]
    old, new, folder = strangers
    for path in (old, folder / "part", folder):
        os.utime(path, (0, 0))
    assert disk.sweep(older_than=3600) == 2
    assert [path.exists() for path in (old, new, folder)] == [False, True, False]
    assert DiskStorage(disk.root / "unused").sweep(0) == 0


def test_the_workshop_of_a_dead_process_is_swept_at_once(disk: DiskStorage):
    mine = disk.temporary(".mp4")
    mine.touch()
    program = (
        "import sys; from pathlib import Path; from stakazo.core.storage import DiskStorage\n"
        "half = DiskStorage(Path(sys.argv[1])).temporary('.upload'); half.touch(); print(half, flush=True)\n"
        "sys.stdin.read()"
    )
    argv = [sys.executable, "-c", program, str(disk.root)]
    other = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout
    theirs = Path(other.stdout.readline().strip())
    assert theirs.exists()
    assert disk.sweep() == 0
    other.kill()
    other.communicate()
    assert disk.sweep() == 1
    assert not theirs.parent.exists()
    assert mine.exists()


def test_the_workshop_of_another_machine_has_its_time(disk: DiskStorage):
    theirs = disk.workshop().parent / "elsewhere.7.abcd"
    theirs.mkdir()
    (theirs / "alive").touch()
    assert disk.sweep(older_than=3600) == 0
    for path in (theirs / "alive", theirs):
        os.utime(path, (0, 0))
    assert disk.sweep(older_than=3600) == 1


def test_a_workshop_that_was_taken_away_is_made_again(disk: DiskStorage):
    shutil.rmtree(disk.workshop())
    disk.temporary().touch()


async def test_files_are_listed_with_their_times(disk: DiskStorage):
    workspace = str(uuid4())
    for name in ("a.mp4", "b.mp4"):
        work = disk.temporary()
        work.touch()
        os.utime(work, (0, 0))  # as old as it may be, it has its key since now
        await disk.adopt(work, f"{workspace}/videos/{name}")
    assert [str(found) for found in await disk.workspaces()] == [workspace]
    listed = await disk.list(f"{workspace}/videos")
    assert set(listed) == {f"{workspace}/videos/a.mp4", f"{workspace}/videos/b.mp4"}
    assert all(disk.path(key).stat().st_ctime_ns == file.changed for key, file in listed.items())
    assert await disk.list(f"{workspace}/variants") == {}


def test_too_little_room_is_said_before_the_work(disk: DiskStorage):
    disk.require_room(0, 1)
    with pytest.raises(NoSpace) as refusal:
        disk.require_room(0, 2**62)
    assert refusal.value.after  # a job waits for it, and that is no failure


def test_free_bytes_are_those_of_the_disk(disk: DiskStorage):
    stat = os.statvfs(disk.root.parent)
    assert disk.free_bytes() == pytest.approx(stat.f_bavail * stat.f_frsize, rel=0.2)


def test_a_full_disk_is_said_so():
    with pytest.raises(NoSpace, match="disk is full"), enough_space():
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PermissionError), enough_space():
        raise PermissionError(errno.EACCES, "no")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_really_full_disk_is_said_so():
    with pytest.raises(NoSpace), enough_space(), Path("/dev/full").open("wb") as full:
        full.write(b"x" * 100_000)
