"""The object store over real HTTP, and the copies that a machine keeps of it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.s3 import Bucket, serving

from stakazo.core import storage
from stakazo.core.copies import Copies
from stakazo.core.errors import FileMissing, NoSpace, StorageAway, Unavailable
from stakazo.core.objects import PART, PIECE, ObjectStorage
from stakazo.core.settings import Settings

WORKSPACE = str(uuid4())
KEY = f"{WORKSPACE}/videos/blue.mp4"


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as bucket:
        yield bucket


def machine(bucket: Bucket, folder: Path, **more: Any) -> ObjectStorage:
    """One machine's way to the bucket."""
    said: dict[str, Any] = {"storage_url": "s3://media/main", "storage_endpoint": bucket.url, "data_dir": folder} | more
    opened = storage.of(Settings(_env_file=None, **said))
    assert isinstance(opened, ObjectStorage)
    return opened


@pytest.fixture
def here(bucket: Bucket, tmp_path: Path) -> ObjectStorage:
    return machine(bucket, tmp_path / "here")


@pytest.fixture
def there(bucket: Bucket, tmp_path: Path) -> ObjectStorage:
    """Another machine."""
    return machine(bucket, tmp_path / "there")


async def keep(files: ObjectStorage, key: str, data: bytes) -> bytes:
    work = files.temporary(".mp4")
    await asyncio.to_thread(work.write_bytes, data)
    await files.adopt(work, key)
    assert not await asyncio.to_thread(work.exists)
    return data


def copies(files: ObjectStorage) -> list[Path]:
    return sorted((files.root / "copies").glob("*"))


async def test_what_one_machine_adopts_another_reads(here: ObjectStorage, there: ObjectStorage, bucket: Bucket):
    data = await keep(here, KEY, b"video" * 1000)
    assert list(bucket.things) == [f"main/{KEY}"]
    found = await there.stored(KEY)
    assert found.size == len(data)
    assert b"".join([piece async for piece in found.read(7, 4000)]) == data[7:4000]
    assert b"".join(found.blocks()) == data
    assert abs(found.changed / 1e9 - time.time()) < 60
    assert copies(there) == []  # what is read in ranges leaves nothing
    assert await there.exists(KEY)
    await there.delete(KEY)
    await there.delete(KEY)
    assert not await here.exists(KEY)
    with pytest.raises(FileMissing, match=r"blue.mp4 is not in s3://media/main.*STAKAZO_STORAGE_URL"):
        await here.stored(KEY)
    with pytest.raises(ValueError, match="not a storage key"):
        await here.stored("../secret")


async def test_a_large_file_goes_up_in_parts_and_comes_down_in_ranges(
    here: ObjectStorage, there: ObjectStorage, bucket: Bucket
):
    data = await keep(here, KEY, os.urandom(2 * PART + 12345))
    async with there.fetched(KEY) as path:
        assert await asyncio.to_thread(path.read_bytes) == data
        assert path.suffix == ".mp4"
    sizes = [size for _, asked, size in bucket.asked if "partNumber" in asked]
    assert sorted(sizes) == [12345, PART, PART]
    assert max(size for method, _, size in bucket.asked if method == "GET") == PIECE


async def test_a_copy_is_made_once_by_however_many_and_is_never_out_of_date(
    here: ObjectStorage, there: ObjectStorage, bucket: Bucket
):
    async def fetched() -> bytes:
        async with there.fetched(KEY) as path:
            return await asyncio.to_thread(path.read_bytes)

    await keep(here, KEY, b"old")
    bucket.asked.clear()
    assert set(await asyncio.gather(*(fetched() for _ in range(4)))) == {b"old"}
    assert [method for method, _, _ in bucket.asked].count("GET") == 1
    stale = await there.stored(KEY)
    await keep(here, KEY, b"new")
    assert await fetched() == b"new"
    with pytest.raises(FileMissing, match="written anew"):
        [piece async for piece in stale.read(0, 3)]
    async with here.fetched(KEY) as path:  # who brought it has it already
        assert path.read_bytes() == b"new"
    assert [method for method, _, _ in bucket.asked].count("GET") == 3


async def test_copies_stay_within_bounds_and_what_is_used_stays(bucket: Bucket, tmp_path: Path):
    files = machine(bucket, tmp_path, storage_copies_bytes=250_000)
    keys = [f"{WORKSPACE}/videos/{number}.mp4" for number in range(4)]
    await keep(files, keys[0], b"0" * 100_000)
    async with files.fetched(keys[0]) as used:
        for number in (1, 2, 3):
            await keep(files, keys[number], str(number).encode() * 100_000)
        assert used.read_bytes() == b"0" * 100_000
        assert len(copies(files)) == 2
    assert sum(path.stat().st_size for path in copies(files)) <= 250_000
    async with files.fetched(keys[1]) as again:  # what had to go is fetched again
        assert again.read_bytes() == b"1" * 100_000
    assert len(copies(files)) == 2
    await keep(files, KEY, b"4" * 300_000)  # larger than all of it may be
    async with files.fetched(KEY) as large:
        assert copies(files) == [large]
    assert copies(files) == []


async def test_a_copy_that_breaks_off_is_no_copy(here: ObjectStorage, there: ObjectStorage, bucket: Bucket):
    await keep(here, KEY, b"x" * (PIECE + 1))
    found = await there.stored(KEY)
    bucket.put(f"main/{KEY}", b"other")
    with pytest.raises(FileMissing):
        await there._fetch(found, there._copies.path(KEY, found.tag))
    assert copies(there) == []


def test_only_one_makes_a_copy_and_nobody_takes_it_from_him(tmp_path: Path):
    copies = Copies(tmp_path, 1000)
    copy = copies.path(KEY, "tag")
    with copies.making(copy) as mine, copies.making(copy) as other:
        assert mine is not None
        assert other is None
        assert copies.use(copy, 4) is None
        mine.write(b"blue")
        handle = copies.made(mine, copy)
        copies.make_room(2000)
        assert copy.exists()
    assert handle is not None
    copies.make_room(2000)
    assert copy.exists()
    finished = tmp_path.parent / "finished"
    finished.write_bytes(b"blue")
    copies.adopt(finished, copy, keep=False)  # the same bytes: what is used stays what it is
    assert os.path.samestat(os.fstat(handle), copy.stat())
    assert not finished.exists()
    os.close(handle)
    copies.make_room(2000)
    assert not copy.exists()


async def test_a_copy_that_a_power_cut_has_emptied_is_fetched_again(here: ObjectStorage, there: ObjectStorage):
    data = await keep(here, KEY, b"video" * 1000)
    async with there.fetched(KEY) as path:
        pass
    path.write_bytes(b"")
    async with there.fetched(KEY) as path:
        assert path.read_bytes() == data


async def test_what_is_deleted_leaves_no_copy(here: ObjectStorage, there: ObjectStorage):
    other = f"{WORKSPACE}/videos/red.mp4"
    await keep(here, KEY, b"video")
    await keep(here, other, b"other")
    async with there.fetched(KEY) as elsewhere:
        pass
    await here.delete(KEY)
    assert [one.read_bytes() for one in copies(here)] == [b"other"]
    await here.delete_workspace((await here.workspaces())[0])
    assert copies(here) == []
    there.sweep()
    assert elsewhere.exists()
    os.utime(elsewhere, (0, time.time() - 25 * 3600))
    assert there.sweep() == 1
    assert copies(there) == []


async def test_copies_give_way_to_what_comes(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """On a disk of a megabyte: to an upload, and to another copy."""
    here, there = (machine(bucket, tmp_path / name, min_free_bytes=1) for name in ("here", "there"))
    monkeypatch.setattr(there, "free_bytes", lambda: 1_000_000 - sum(one.stat().st_size for one in copies(there)))
    for key in (KEY, f"{WORKSPACE}/videos/red.mp4"):
        await keep(here, key, key.encode() * 15_000)
        async with there.fetched(key) as path:
            assert copies(there) == [path]
    there.require_room(100_000, 0)
    assert len(copies(there)) == 1
    there.require_room(500_000, 0)
    assert copies(there) == []
    with pytest.raises(NoSpace):
        there.require_room(2_000_000, 0)


async def test_files_are_listed_by_the_page(here: ObjectStorage):
    keys = {f"{WORKSPACE}/{kind}/{number}.mp4" for kind in ("videos", "variants") for number in range(4)}
    for key in keys:
        await keep(here, key, key.encode())
    assert set(await here.list(WORKSPACE)) == keys
    listed = await here.list(f"{WORKSPACE}/videos")
    assert {key: file.size for key, file in listed.items()} == {key: len(key) for key in keys if "/videos/" in key}
    assert storage.total(listed) == 4 * len(f"{WORKSPACE}/videos/0.mp4")
    await keep(here, "probe/of-nobody", b"1")
    assert [str(one) for one in await here.workspaces()] == [WORKSPACE]
    await here.delete_workspace((await here.workspaces())[0])
    assert await here.workspaces() == []


async def test_nothing_is_deleted_while_a_backup_reads(here: ObjectStorage, there: ObjectStorage, bucket: Bucket):
    await keep(here, KEY, b"video")

    def back_up(deleted: asyncio.Future[None], loop: asyncio.AbstractEventLoop) -> tuple[set[str], bytes]:
        with here.holding() as hold:
            held = hold([KEY, f"{WORKSPACE}/videos/gone.mp4"])
            asyncio.run_coroutine_threadsafe(there.delete(KEY), loop).result()
            return set(held), b"".join(held[KEY].blocks())

    loop = asyncio.get_running_loop()
    assert await asyncio.to_thread(back_up, loop.create_future(), loop) == ({KEY}, b"video")
    assert await here.exists(KEY)  # for who looks for orphans
    assert list(bucket.things) == [f"main/{KEY}"]
    await there.delete(KEY)
    assert not await here.exists(KEY)


async def test_what_a_job_writes_anew_breaks_no_backup(here: ObjectStorage, bucket: Bucket):
    """Unless half of what was there is in it already."""
    await keep(here, KEY, b"first")
    with here.holding() as hold:
        held = hold([KEY])[KEY]
        bucket.put(f"main/{KEY}", b"2" * (PIECE + 1))
        blocks = held.blocks()
        assert next(blocks) == b"2" * PIECE
        bucket.put(f"main/{KEY}", b"3" * (PIECE + 1))
        with pytest.raises(FileMissing, match="written anew"):
            next(blocks)


async def test_a_hold_of_a_backup_that_was_killed_ends(here: ObjectStorage, bucket: Bucket):
    await keep(here, KEY, b"video")
    held = bucket.put("main/holds/dead", b"")
    assert not await here.delete(KEY)
    assert await here.exists(KEY)
    bucket.things["main/holds/dead"] = type(held)(b"", held.etag, time.time() - 25 * 3600)
    assert await here.delete(KEY)
    assert not await here.exists(KEY)


async def test_many_files_go_at_once(here: ObjectStorage, bucket: Bucket):
    for number in range(5):
        bucket.put(f"main/{WORKSPACE}/videos/{number}.mp4", b"video")
    bucket.asked.clear()
    assert await here.delete(*(f"{WORKSPACE}/videos/{number}.mp4" for number in range(1, 7)))
    assert list(bucket.things) == [f"main/{WORKSPACE}/videos/0.mp4"]
    assert [method for method, _, _ in bucket.asked] == ["GET", "POST"]
    assert await here.delete()
    assert len(bucket.asked) == 2


async def test_a_store_that_is_away_is_waited_for(here: ObjectStorage, bucket: Bucket, monkeypatch: pytest.MonkeyPatch):
    await here.probe()
    assert not bucket.things
    work = here.temporary()
    work.write_bytes(b"video")
    bucket.away = True
    with pytest.raises(StorageAway, match="Nothing was lost") as away:
        await here.adopt(work, KEY)
    assert re.search(r"s3://media/main can't be reached.*stakazo doctor", away.value.said)
    assert not re.search(r"s3|127\.0", str(away.value))
    assert (away.value.status, away.value.retryable, away.value.after) == (503, True, 15.0)
    assert work.exists()
    bucket.away = False
    elsewhere = machine(bucket, here.root, storage_url="s3://nowhere/main")
    with pytest.raises(StorageAway) as away:
        await elsewhere.adopt(work, KEY)
    assert "s3://nowhere/main is not there" in away.value.said
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(StorageAway) as refused:
        await machine(bucket, here.root).probe()
    assert "doesn't let us in" in refused.value.said
    assert "another" not in refused.value.said
    with pytest.raises(Unavailable, match="STAKAZO_STORAGE_URL is ftp://x"):
        machine(bucket, here.root, storage_url="ftp://x/y")


async def test_the_tag_names_the_bytes(here: ObjectStorage):
    await keep(here, KEY, b"video")
    assert (await here.stored(KEY)).tag == hashlib.md5(b"video").hexdigest()
