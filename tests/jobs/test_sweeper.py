"""Jobs that nobody would run again are found, each once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from stakazo.core.db import Database
from stakazo.core.security import Keyring
from stakazo.jobs import lifecycle
from stakazo.jobs.pulse import LOCKS, Pulse
from stakazo.jobs.states import JobState
from stakazo.jobs.sweeper import LOCK, Swept, mourn, sweep


async def taken(house: Any, row: Any, *, begun: bool = True) -> None:
    """A worker that has died since has fetched the job, and begun it."""
    async with house.db.system_transaction() as session:
        await session.execute(
            text("""
                with dead as (insert into procrastinate_workers (last_heartbeat)
                    values (now() - interval '1 hour') returning id)
                update procrastinate_jobs set status = 'doing', worker_id = dead.id from dead
                where procrastinate_jobs.id = :id
            """),
            {"id": row.engine_job_id},
        )
        if begun:
            assert await lifecycle.claim(session, row.id, row.engine_job_id, "dead:1") is not None


@pytest.fixture(autouse=True)
async def _up_for_a_while(house: Any) -> None:
    """Right after its start the server takes nobody for dead."""
    async with house.db.system_transaction() as session:
        up = "extract(epoch from clock_timestamp() - pg_postmaster_start_time())"
        await session.execute(text(f"select pg_sleep(greatest(0, 2.5 - {up}))"))


async def test_a_dead_workers_job_is_recovered(house: Any, program: ModuleType) -> None:
    row = await house.start(program.note, "x")
    await taken(house, row)
    assert await sweep(house.db, 1.0) == Swept(recovered=1)
    found = await house.job(row.id)
    assert (found.state, found.crashes, found.error["code"]) == (JobState.RETRY, 1, "worker_lost")
    assert found.engine_job_id != row.engine_job_id
    assert await house.rows("select status::text from procrastinate_jobs") == [("todo",)]
    assert await sweep(house.db, 1.0) == Swept()
    async with house.worker():
        (done,) = await house.ended(row.id)
    assert (done.state, done.attempt) == (JobState.COMPLETED, 2)


async def silent_for(house: Any, row: Any, seconds: float) -> int:
    """The engine worker that has begun the job, and was last heard of so many seconds ago."""
    await taken(house, row)
    (found,) = await house.rows(
        """
        update procrastinate_workers w set last_heartbeat = clock_timestamp() - make_interval(secs => :seconds)
        from procrastinate_jobs e where e.id = :delivery and w.id = e.worker_id returning w.id
        """,
        seconds=seconds,
        delivery=row.engine_job_id,
    )
    return int(found.id)


async def test_a_worker_that_somebody_saw_die_is_not_waited_for_unless_it_lives(
    house: Any, program: ModuleType
) -> None:
    row = await house.start(program.note, "x")
    worker = await silent_for(house, row, -100.0)  # however long this takes, it is not silent by itself
    async with house.db.engine.connect() as connection:
        held = {"locks": LOCKS, "number": worker}
        await connection.execute(text("select pg_advisory_lock(:locks, :number)"), held)
        with pytest.raises(OperationalError, match="lock timeout"):  # another's name is like its
            await mourn(house.db, "dead:1", 1000.0, 1.0)
        await connection.execute(text("select pg_advisory_unlock(:locks, :number)"), held)
    assert await sweep(house.db, 1000.0, 1.0) == Swept()
    assert await mourn(house.db, "dead:2", 1000.0, 1.0) == Swept()
    assert await mourn(house.db, "dead:1", 1000.0, 1.0) == Swept(recovered=1)


async def test_a_silent_worker_whose_lock_is_held_is_waited_for(house: Any, program: ModuleType) -> None:
    row = await house.start(program.note, "x")
    worker = await silent_for(house, row, 100.0)
    async with house.db.engine.connect() as connection:
        held = {"locks": LOCKS, "number": worker}
        await connection.execute(text("select pg_advisory_lock(:locks, :number)"), held)
        assert await sweep(house.db, 1000.0, 1.0) == Swept()
        assert await sweep(house.db, 50.0, 1.0) == Swept(recovered=1)  # but not for ever
        await connection.execute(text("select pg_advisory_unlock(:locks, :number)"), held)


async def test_a_silent_worker_that_the_database_has_lost_is_dead_sooner(house: Any, program: ModuleType) -> None:
    row = await house.start(program.note, "x")
    await silent_for(house, row, 100.0)
    assert await sweep(house.db, 1000.0, 1000.0) == Swept()
    assert await sweep(house.db, 1000.0, 1.0) == Swept(recovered=1)


async def test_a_pulse_holds_its_workers_locks_and_a_lost_connection_drops_them(house: Any, urls: Any) -> None:
    locks = text(
        """
        select count(*) from pg_locks where locktype = 'advisory' and classid = cast(:locks as bigint)
        and database = (select oid from pg_database where datname = current_database())
        """
    )
    pulse = Pulse(urls.app)

    async def held() -> int:
        async with house.db.system_transaction() as session:
            return int((await session.execute(locks, {"locks": LOCKS})).scalar_one())

    try:
        for _ in range(2):
            async with pulse.beat([7, 8]):
                pass
        assert await held() == 2
        with pytest.raises(ZeroDivisionError):
            async with pulse.beat([7, 8]):
                raise ZeroDivisionError
        await house.until(lambda: _is(held, 0))
        async with pulse.beat([8]):
            pass
        assert await held() == 1
    finally:
        await pulse.close()
    await house.until(lambda: _is(held, 0))


async def _is(count: Callable[[], Awaitable[int]], wanted: int) -> bool:
    return await count() == wanted


async def test_a_job_that_was_fetched_but_never_begun_is_delivered_anew(house: Any, program: ModuleType) -> None:
    row = await house.start(program.note, "x")
    await taken(house, row, begun=False)
    assert await sweep(house.db, 1.0) == Swept(redelivered=1)
    assert (await house.job(row.id)).crashes == 0


async def test_a_job_without_a_delivery_gets_one(house: Any, program: ModuleType) -> None:
    rows = [await house.start(program.note, str(i)) for i in range(3)]
    await house.rows("delete from procrastinate_jobs where id = :id returning 1", id=rows[0].engine_job_id)
    await house.rows(
        "update procrastinate_jobs set status = 'succeeded' where id = :id returning 1", id=rows[1].engine_job_id
    )
    assert await sweep(house.db, 1.0) == Swept(redelivered=2)
    assert (await house.job(rows[2].id)).engine_job_id == rows[2].engine_job_id


async def test_a_job_fetched_by_a_living_worker_but_lost_on_the_way(house: Any, program: ModuleType) -> None:
    row = await house.start(program.note, "x")
    await taken(house, row, begun=False)
    await house.rows("update procrastinate_workers set last_heartbeat = now() + interval '1 hour' returning 1")
    assert await sweep(house.db, 1.0) == Swept()
    await house.rows(
        "update procrastinate_events set at = now() - interval '1 hour' where type = 'started' returning 1"
    )
    assert await sweep(house.db, 1.0) == Swept(redelivered=1)


async def test_a_job_that_costs_too_many_workers_fails(house: Any, program: ModuleType) -> None:
    row = await house.start(program.poison)
    for _ in range(2):
        await taken(house, await house.job(row.id))
        await sweep(house.db, 1.0)
    failed = await house.job(row.id)
    assert (failed.state, failed.crashes, failed.error["code"]) == (JobState.FAILED, 2, "poison")
    assert "died 2 times" in failed.error["detail"]
    assert await house.rows("select what from effects") == [("ended: poison",)]
    assert (await house.events(row.id))[-1] == "job_processing_failed"


async def test_many_sweepers_at_once_recover_each_job_once(house: Any, program: ModuleType, keyring: Keyring) -> None:
    rows = [await house.start(program.note, str(i)) for i in range(8)]
    for row in rows:
        await taken(house, row)
    databases = [Database(house.db.url, pool_size=2, keyring=keyring) for _ in range(4)]
    try:
        found = await asyncio.gather(*(sweep(db, 1.0) for db in databases for _ in range(3)))
    finally:
        for db in databases:
            await db.close()
    assert sum(swept.recovered for swept in found) == 8
    assert await house.rows("select distinct crashes from jobs") == [(1,)]
    assert await house.rows("select count(*) from procrastinate_jobs") == [(8,)]


async def test_one_sweeper_at_a_time(house: Any, program: ModuleType) -> None:
    await taken(house, await house.start(program.note, "x"))
    async with house.db.system_transaction() as session:
        await session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": LOCK})
        assert await sweep(house.db, 1.0) == Swept()
    assert await sweep(house.db, 1.0) == Swept(recovered=1)


async def test_a_parent_whose_children_ended_unnoticed_goes_on(house: Any, program: ModuleType) -> None:
    row = await house.start(program.waits_for_sleepers, 1)
    async with house.worker():
        await house.until(lambda: house.rows("select 1 from jobs where phase = 'children' and state = 'PROCESSING'"))
    await house.rows(
        "update jobs set state = 'COMPLETED', finished_at = now() where parent_id = :id returning 1", id=row.id
    )
    assert await sweep(house.db, 1.0) == Swept(settled=1)
    assert (await house.job(row.id)).state is JobState.COMPLETED
