from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.ledger import service as ledger


async def test_walks(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        await ledger.record(session, "thing_done", subject=("thing", new_id()), a=1)
    async with database.transaction(actor) as session:
        [event] = await ledger.recent(session)
    assert event.data == {"a": 1}


async def test_walks2(database: Database, actor: Actor): ...
async def test_walks3(database: Database, actor: Actor): ...
async def test_walks4(database: Database, actor: Actor): ...
