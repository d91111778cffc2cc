from __future__ import annotations

import asyncio

import pytest
from chaos.proxy import Proxy
from sqlalchemy import make_url, select, text

from stakazo.core import isolation
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database, actor_of, raw_connection
from stakazo.core.errors import Unavailable
from stakazo.core.postgres import Urls
from stakazo.rules.models import PlatformRule


def rule(version: int = 1) -> PlatformRule:
    return PlatformRule(platform="tiktok", version=version, rule={}, proposed_by="ann")


async def versions(database: Database, actor: Actor) -> list[int]:
    async with database.transaction(actor) as session:
        assert actor_of(session) is actor
        return list(await session.scalars(select(PlatformRule.version).order_by(PlatformRule.version)))


async def test_a_transaction_commits_at_its_end(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        session.add(rule())
        assert await versions(database, actor) == []
    assert await versions(database, actor) == [1]


async def test_an_error_undoes_all_of_it(database: Database, actor: Actor):
    async def fail() -> None:
        async with database.transaction(actor) as session:
            session.add(rule())
            await session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await versions(database, actor) == []


async def test_the_raw_connection_is_in_the_same_transaction(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        session.add(rule(1))
        await session.flush()
        raw = await raw_connection(session)
        cursor = await raw.execute("select version from platform_rules")
        assert await cursor.fetchall() == [(1,)]
        async with session.begin_nested() as savepoint:
            raw = await raw_connection(session)
            await raw.execute("update platform_rules set state = 'RETIRED'")
            await savepoint.rollback()
        assert await session.scalar(text("select state from platform_rules")) == "PROPOSED"


async def test_rows_say_when_they_were_made_and_changed(database: Database, actor: Actor):
    made = rule()
    async with database.transaction(actor) as session:
        session.add(made)
    before = made.updated_at
    assert made.created_at <= before
    async with database.transaction(actor) as session:
        (await session.get_one(PlatformRule, made.id)).proposed_by = "bob"
    async with database.transaction(actor) as session:
        assert (await session.get_one(PlatformRule, made.id)).updated_at > before


async def test_keys_are_in_the_order_of_making():
    keys = [new_id() for _ in range(1000)]
    assert keys == sorted(keys)
    assert {key.version for key in keys} == {7}


async def test_a_role_that_is_above_the_rules_is_refused(urls: Urls, superuser_url: str, database: Database):
    await isolation.require(database)
    for url, why in ((urls.owner, "owns"), (superuser_url, "superuser")):
        above = Database(url)
        with pytest.raises(Unavailable, match=why):
            await isolation.require(above)
        await above.close()


async def test_a_connection_that_went_silent_is_replaced_before_it_is_used(urls: Urls):
    port = make_url(urls.app).port
    assert port is not None
    line = Proxy(port)
    through = await line.open()
    database = Database(urls.app.replace(f":{port}/", f":{through}/"), patience=0.3)

    async def ask() -> int:
        async with database.system_transaction() as session:
            return int((await session.execute(text("select pg_backend_pid()"))).scalar_one())

    try:
        before = {await ask() for _ in range(3)} | set(await asyncio.gather(*(ask() for _ in range(3))))
        assert line.half_open() == 3  # neither end hears of it: without patience this would wait for ever
        async with asyncio.timeout(20):
            assert not {await ask(), *await asyncio.gather(*(ask() for _ in range(3)))} & before
    finally:
        await line.close()
        await database.close()
