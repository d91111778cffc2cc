"""A new master key for everything that is sealed, in tables of every kind, on the real tables of the application."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.rotation import Resealed, every_table, left, reseal, sealed_columns
from stakazo.core.security import Keyring, Unreadable, key_id, new_key
from stakazo.core.settings import Settings
from stakazo.videos import imports
from stakazo.videos.models import VideoImport

URL = "https://a.example/b.mp4?key="


@pytest.fixture
def keys(app_settings: Settings) -> Keyring:
    return Keyring(app_settings)


async def request(db: Database, actor: Actor, keys: Keyring, count: int) -> list[UUID]:
    """So many imports. Two things of each are sealed: its URL, and the key of what the ledger says of it."""
    async with db.transaction(actor) as session:
        return [(await imports.request(session, keys, f"{URL}{number}")).id for number in range(count)]


async def urls(db: Database, actor: Actor, keys: Keyring, rows: list[UUID]) -> list[str]:
    async with db.transaction(actor) as session:
        return [imports.url_of(await imports.get(session, row), keys) for row in rows]


class Told:
    """What was written down of the rotation, by workspace."""

    def __init__(self) -> None:
        self.counts: dict[UUID, list[int]] = {}

    async def __call__(self, _session: AsyncSession, workspace_id: UUID, count: int) -> None:
        self.counts.setdefault(workspace_id, []).append(count)


def test_every_sealed_column_is_found():
    found = {f"{column.table.name}.{column.name}" for column in sealed_columns(every_table())}
    assert found >= {
        "video_imports.url",
        "idempotency_keys.body",
        "personal_idempotency_keys.body",
        "ledger_persons.key",
    }


async def test_everything_is_sealed_anew(database: Database, actor: Actor, other_actor: Actor, keys: Keyring):
    mine = await request(database, actor, keys, 5)
    others = await request(database, other_actor, keys, 2)
    [old] = keys.keys
    keys.keep([new_key(), old])
    assert await left(database, keys, every_table()) == 14
    told = Told()
    assert await reseal(database, keys, every_table(), told, batch=2) == Resealed(14, ())
    assert told.counts == {actor.workspace_id: 2 * [2, 2, 1], other_actor.workspace_id: [2, 2]}
    assert await left(database, keys, every_table()) == 0
    keys.keep(keys.keys[:1])
    assert await urls(database, actor, keys, mine) == [f"{URL}{number}" for number in range(5)]
    assert await urls(database, other_actor, keys, others) == [f"{URL}{number}" for number in range(2)]
    assert await reseal(database, keys, every_table(), told) == Resealed(0, ())


async def test_one_that_was_stopped_goes_on(database: Database, actor: Actor, keys: Keyring):
    rows = await request(database, actor, keys, 5)
    keys.keep([new_key(), *keys.keys])

    class Stopped(Exception):
        pass

    async def stopping(session: AsyncSession, workspace_id: UUID, count: int) -> None:
        if await left(database, keys, every_table()) < 5:  # the second batch: the first has committed
            raise Stopped

    with pytest.raises(Stopped):
        await reseal(database, keys, every_table(), stopping, batch=2)
    assert await left(database, keys, every_table()) == 3  # half a batch is never kept
    assert len(await urls(database, actor, keys, rows)) == 5  # meanwhile both keys are of use
    assert await reseal(database, keys, every_table(), Told()) == Resealed(3, ())


async def test_what_no_key_opens_is_left_and_named(database: Database, actor: Actor, keys: Keyring):
    lost, kept = await request(database, actor, keys, 2)
    async with database.transaction(actor) as session:
        await session.execute(text("update video_imports set url = 'x' || url where id = :id"), {"id": lost})
    keys.keep([new_key(), *keys.keys])
    assert await reseal(database, keys, every_table(), Told(), batch=1) == Resealed(
        3, (f"video_imports.url of {lost}",)
    )
    assert await left(database, keys, every_table()) == 1
    assert await urls(database, actor, keys, [kept])
    with pytest.raises(Unreadable):
        await urls(database, actor, keys, [lost])


async def test_what_comes_while_it_goes_on_has_the_new_key(database: Database, actor: Actor, keys: Keyring):
    await request(database, actor, keys, 1)
    running = Keyring(Settings(_env_file=None, data_dir=keys.file.parent))  # type: ignore[union-attr]
    assert running.keys
    keys.keep([new_key(), *keys.keys])
    [row] = await request(database, actor, running, 1)
    async with database.transaction(actor) as session:
        found = await session.get_one(VideoImport, row)
        assert found.url.startswith(keys.header)
    assert key_id(running.keys[0]) in keys.header
