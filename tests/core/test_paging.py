from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.errors import Invalid
from stakazo.core.paging import Key, Page, _column, _decode, page
from stakazo.jobs.models import Job

NEWEST: list[Key] = [Job.created_at.desc(), Job.id.desc()]
MIXED: list[Key] = [Job.priority.desc(), Job.type, Job.id.desc()]


@pytest.fixture
async def jobs(database: Database, actor: Actor) -> None:
    async with database.transaction(actor) as session:
        session.add_all(
            Job(type=f"type_{i % 3}", queue="q", priority=i % 2, correlation_id=new_id(), timeout=1 + i / 7)
            for i in range(23)
        )


async def walk(database: Database, actor: Actor, keys: list[Key], limit: int) -> list[Job]:
    """Every page, each in a transaction of its own."""
    seen, cursor = [], None
    while True:
        async with database.transaction(actor) as session:
            one: Page[Job] = await page(session, select(Job), keys, cursor, limit)
        assert len(one.items) <= limit
        seen += one.items
        cursor = one.next_cursor
        if cursor is None:
            return seen


@pytest.mark.parametrize("limit", [1, 7, 23, 100])
@pytest.mark.parametrize(
    "keys",
    [NEWEST, [Job.id], MIXED, [Job.timeout, Job.id], [Job.state, Job.id.desc()], [Job.cancel_requested, Job.id]],
    ids=["newest", "oldest", "mixed", "float", "enum", "bool"],
)
@pytest.mark.usefixtures("jobs")
async def test_pages_are_the_whole_list_in_order(database: Database, actor: Actor, keys: list[Key], limit: int):
    async with database.transaction(actor) as session:
        whole = (await session.scalars(select(Job).order_by(*keys))).all()
    assert [job.id for job in await walk(database, actor, keys, limit)] == [job.id for job in whole]
    assert len(whole) == 23


@pytest.mark.usefixtures("jobs")
async def test_what_is_added_meanwhile_repeats_nothing(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        first = await page(session, select(Job), NEWEST, None, 10)
    async with database.transaction(actor) as session:
        session.add(Job(type="late", queue="q", correlation_id=new_id()))
        await session.delete(await session.get_one(Job, first.items[-1].id))
    async with database.transaction(actor) as session:
        second = await page(session, select(Job), NEWEST, first.next_cursor, 100)
    assert {job.id for job in first.items}.isdisjoint(job.id for job in second.items)
    assert len(second.items) == 13


@pytest.mark.usefixtures("jobs")
async def test_a_cursor_of_another_list_is_refused(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        cursor = (await page(session, select(Job), NEWEST, None, 3)).next_cursor
        others: tuple[list[Key], ...] = (MIXED, [Job.created_at, Job.id], [Job.id])
        for other in others:
            with pytest.raises(Invalid, match="cursor"):
                await page(session, select(Job), other, cursor, 3)


@settings(deadline=None, max_examples=50)
@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_a_made_up_cursor_is_refused(cursor: str):
    with pytest.raises(Invalid):
        _decode(cursor, "order", [_column(key) for key in NEWEST])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just([1])), max_size=4))
def test_a_forged_cursor_is_refused(values: list):
    cursor = base64.urlsafe_b64encode(json.dumps(["order", *values]).encode()).decode()
    with pytest.raises(Invalid):
        _decode(cursor, "order", [_column(key) for key in (Job.created_at, Job.id, Job.state)])
