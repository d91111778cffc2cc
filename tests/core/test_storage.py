from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from stakazo.core.errors import FileMissing, NoSpace
from stakazo.core.storage import DiskStorage, enough_space

KEY = "0b8e/videos/blue.mp4"


@pytest.fixture
def disk(tmp_path: Path) -> DiskStorage:
    return DiskStorage(tmp_path / "storage")


def test_a_file_is_there_when_it_is_adopted(disk: DiskStorage):
    work = disk.temporary(".mp4")
    work.write_bytes(b"video")
    assert not disk.exists(KEY)
    disk.adopt(work, KEY)
    assert disk.exists(KEY)
    assert disk.path(KEY).read_bytes() == b"video"
    assert not work.exists()
    disk.delete(KEY)
    disk.delete(KEY)
    assert not disk.exists(KEY)


def test_a_file_that_is_missed_is_told_with_its_folder(disk: DiskStorage):
    with pytest.raises(FileMissing, match=f"blue.mp4 is not in {disk.root}.*STAKAZO_DATA_DIR") as missed:
        disk.found(KEY)
    assert missed.value.retryable
    disk.path(KEY).parent.mkdir(parents=True)
    disk.path(KEY).touch()
    assert disk.found(KEY) == disk.path(KEY)


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
    assert disk.sweep(older_than=3600) == 2
    assert [path.exists() for path in (old, new, folder)] == [False, True, False]
    assert DiskStorage(disk.root / "unused").sweep(0) == 0


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
