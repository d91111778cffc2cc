from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import uuid4

from sqlalchemy import text

from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.live import EVERYTHING, QUEUE_LIMIT, Change, LiveFeed, Subscription, publish
from stakazo.core.postgres import Urls


async def told(changes: Subscription) -> Change:
    return await asyncio.wait_for(anext(changes), 20)


async def test_a_change_is_told_at_commit_to_its_workspace_only(
    database: Database, urls: Urls, actor: Actor, other_actor: Actor
):
    ours, theirs, never = uuid4(), uuid4(), uuid4()
    async with LiveFeed(urls.app) as feed:
        await feed.listening()
        with feed.subscribe(actor.workspace_id) as mine, feed.subscribe(other_actor.workspace_id) as others:
            with suppress(LookupError):
                async with database.transaction(actor) as session:
                    await publish(session, "job", never)
                    raise LookupError
            async with database.transaction(other_actor) as session:
                await publish(session, "clip", theirs)
            async with database.transaction(actor) as session:
                await publish(session, "job", ours)
            assert await told(mine) == Change("job", ours)
            assert await told(others) == Change("clip", theirs)


async def test_what_waits_is_told_once_and_a_slow_reader_is_told_to_read_all(urls: Urls):
    same, other = Change("job", uuid4()), Change("clip", uuid4())
    changes = LiveFeed(urls.app).subscribe(uuid4())
    for change in (same, other, same):
        changes.put(change)
    assert [await told(changes), await told(changes)] == [same, other]
    for _ in range(QUEUE_LIMIT + 50):
        changes.put(Change("clip", uuid4()))
    assert await told(changes) == Change(EVERYTHING)
    changes.put(same)
    assert await told(changes) == same


async def test_after_a_lost_connection_everything_may_have_changed(database: Database, urls: Urls, actor: Actor):
    row = uuid4()
    async with LiveFeed(urls.app) as feed:
        await feed.listening()
        with feed.subscribe(actor.workspace_id) as changes:
            async with database.transaction(actor) as session:
                killed = await session.execute(
                    text(
                        "select pg_terminate_backend(pid) from pg_stat_activity "
                        "where query like 'listen %' and datname = current_database()"
                    )
                )
                assert killed.all() == [(True,)]
            assert await told(changes) == Change(EVERYTHING)
            async with database.transaction(actor) as session:
                await publish(session, "job", row)
            assert await told(changes) == Change("job", row)


async def test_a_closed_subscription_ends(urls: Urls):
    async with LiveFeed(urls.app) as feed:
        changes = feed.subscribe(uuid4())
        reading = asyncio.create_task(anext(changes, None))
        await asyncio.sleep(0)
        changes.close()
        assert await asyncio.wait_for(reading, 20) is None
    other = feed.subscribe(uuid4())
    other.close()
    assert [change async for change in other] == []
