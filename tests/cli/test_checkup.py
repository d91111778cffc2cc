"""What the doctor and who looks for orphans find in a bucket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.s3 import Bucket, serving

from stakazo.cli import checkup
from stakazo.core import storage
from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.settings import Settings
from stakazo.orphans import Orphans


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as bucket:
        yield bucket


async def test_the_doctor_tries_the_store_and_finds_what_nobody_names(
    database: Database, actor: Actor, app_settings: Settings, bucket: Bucket
) -> None:
    changes = {"storage_url": "s3://media/main", "storage_endpoint": bucket.url}
    settings = app_settings.model_copy(update=changes)
    files = storage.of(settings)
    [found] = await checkup.objects(settings)
    assert (found.ok, found.detail) == (True, "s3://media/main takes, gives and removes files")
    assert not bucket.things
    left = f"main/{actor.workspace_id}/videos/left.mp4"
    old = bucket.put(left, b"nobody's")
    bucket.things[left] = type(old)(old.data, old.etag, old.modified - 7 * 3600)
    new = bucket.put(f"main/{actor.workspace_id}/videos/new.mp4", b"just come")
    found = await checkup.leftovers(database, files, repair=False)
    assert (found.ok, "1 files" in found.detail) == (False, True)
    bucket.put("main/holds/backup", b"")
    held = await checkup.leftovers(database, files, repair=True)
    assert (held.ok, "kept by a backup" in held.detail) == (False, True)
    del bucket.things["main/holds/backup"]
    assert (await checkup.leftovers(database, files, repair=True)).ok
    assert list(bucket.things.values()) == [new]

    orphans = Orphans(database, files, patience=0.0)
    bucket.put("main/holds/backup", b"")
    assert await orphans.remove() == []  # what stays isn't said to have gone
    del bucket.things["main/holds/backup"]
    assert await orphans.remove() == [f"{actor.workspace_id}/videos/new.mp4"]
    assert not bucket.things

    bucket.away = True
    [found] = await checkup.objects(settings)
    assert (found.ok, "s3://media/main can't be reached" in found.detail) == (False, True)
    assert await checkup.objects(app_settings) == []  # on disk there is none
