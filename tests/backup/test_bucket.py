"""A backup of an installation whose files lie in a bucket: whole in itself, and the way in and out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.s3 import Bucket, serving

from stakazo.core import storage


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as bucket:
        yield bucket


async def test_a_backup_moves_an_installation_into_a_bucket_and_out_again(
    installation: Any, empty: Callable[[], Any], bucket: Bucket, tmp_path: Path
) -> None:
    files = installation.files()
    installation.take(tmp_path / "disk.zip")
    moved = empty()
    changes = {"storage_url": "s3://media/main", "storage_endpoint": bucket.url, "storage_copies_bytes": 0}
    moved.settings = moved.settings.model_copy(update=changes)
    assert [finding.says for finding in await moved.restore(tmp_path / "disk.zip") if not finding.ok] == []
    assert {key.removeprefix("main/"): thing.data for key, thing in bucket.things.items()} == files
    assert moved.files() == {}

    gone, lost, *_ = sorted(files)
    elsewhere = storage.of(moved.settings)

    def remove(name: str, *_: int) -> None:
        if name == "ad_metrics":  # the first table: its rows are there, and files are held
            asyncio.run(elsewhere.delete(gone))

    taken = await asyncio.to_thread(moved.take, tmp_path / "bucket.zip", told=remove)
    assert (taken.manifest.lost, taken.changed) == ((), ())
    await elsewhere.delete(gone)
    del bucket.things[f"main/{lost}"]
    taken = await asyncio.to_thread(moved.take, tmp_path / "later.zip")
    assert taken.manifest.lost == (gone, lost)

    back = empty()
    back.fill(tmp_path / "bucket.zip")
    assert back.files() == files
