"""Files that no row names go after a while; every file that one names stays."""

from __future__ import annotations

import asyncio
import hashlib
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.errors import StorageAway
from stakazo.core.storage import DiskStorage
from stakazo.orphans import NAMED, Orphans
from stakazo.videos import service as videos
from stakazo.worker.process import _again


async def stored(storage: DiskStorage, key: str) -> str:
    work = storage.temporary()
    work.write_text(key)
    await storage.adopt(work, key)
    return key


async def received(database: Database, actor: Actor, storage: DiskStorage) -> UUID:
    """A video whose every file is there."""
    video_id = new_id()
    key = await stored(storage, f"{actor.workspace_id}/videos/{video_id}.mp4")
    sha256 = hashlib.sha256(key.encode()).hexdigest()
    what = videos.Received("A", "a.mp4", key, len(key), sha256, "video/mp4", None)
    async with database.transaction(actor) as session:
        await videos.receive(session, video_id, what)
        await session.execute(
            text("update video_assets set analysis_key = :key where id = :id"),
            {"key": await stored(storage, f"{actor.workspace_id}/analyses/{video_id}.json"), "id": video_id},
        )
    return video_id


async def test_what_no_row_names_goes_and_all_else_stays(
    database: Database, actor: Actor, other_actor: Actor, storage: DiskStorage
) -> None:
    await received(database, actor, storage)
    await received(database, other_actor, storage)
    await stored(storage, f"{actor.workspace_id}/letters/of-another-kind")
    unnamed = {await stored(storage, f"{actor.workspace_id}/{kind}/nobodys") for kind in NAMED}
    working = storage.temporary()
    working.touch()
    kept = {key for one in (actor, other_actor) for key in await storage.list(str(one.workspace_id))} - unnamed
    orphans = Orphans(database, storage, patience=0.0)
    assert set(await orphans.remove()) == unnamed
    assert {key for one in (actor, other_actor) for key in await storage.list(str(one.workspace_id))} == kept
    assert len(kept) == 5
    assert working.exists()


async def test_it_has_its_time_to_be_named(database: Database, actor: Actor, storage: DiskStorage) -> None:
    key = await stored(storage, f"{actor.workspace_id}/variants/new.mp4")
    orphans = Orphans(database, storage, patience=0.05)
    assert await orphans.remove() == []
    await asyncio.sleep(0.1)
    await stored(storage, key)  # written anew: its time begins again
    assert await orphans.remove() == []
    assert await storage.exists(key)
    await asyncio.sleep(0.1)
    assert await orphans.remove() == [key]


async def test_time_in_which_nobody_could_ask_does_not_count(
    database: Database, actor: Actor, storage: DiskStorage
) -> None:
    """Whoever gave a file its key may have waited for the database as long."""
    key = await stored(storage, f"{actor.workspace_id}/variants/new.mp4")
    orphans = Orphans(database, storage, patience=0.05)
    assert await orphans.remove() == []
    orphans.db = Database("postgresql+psycopg://nobody@127.0.0.1:9/nowhere")
    with pytest.raises(OperationalError):
        await orphans.remove()
    await orphans.db.close()
    await asyncio.sleep(0.1)
    orphans.db = database
    assert await orphans.remove() == []
    await asyncio.sleep(0.1)
    assert await orphans.remove() == [key]


async def test_a_storage_that_is_away_ends_no_chore() -> None:
    looks: asyncio.Queue[int] = asyncio.Queue()

    async def look() -> None:
        looks.put_nowait(1)
        raise StorageAway("s3://media can't be reached.")

    chore = asyncio.create_task(_again("orphans", 0.0, look))
    await asyncio.wait_for(asyncio.gather(looks.get(), looks.get()), 10)
    chore.cancel()
