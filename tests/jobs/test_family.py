"""Jobs with children: they aren't done before these are."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from stakazo.core.errors import Conflict
from stakazo.jobs import service
from stakazo.jobs.engine import JobOptions
from stakazo.jobs.states import JobState, Phase


async def children(house: Any, parent: UUID) -> list[Any]:
    async with house.db.transaction(house.actor) as session:
        return (await service.find(session, parent_id=parent, limit=100)).items


async def test_the_finisher_runs_once_after_all_children(house: Any, program: ModuleType) -> None:
    row = await house.start(program.family, [f"child {i}" for i in range(25)])
    async with house.worker():
        (done,) = await house.ended(row.id)
    assert (done.state, done.progress, done.attempt) == (JobState.COMPLETED, 1.0, 2)
    effects = [what for (what,) in await house.rows("select what from effects order by at")]
    assert effects[-1] == "finisher of 25"
    assert sorted(effects[:-1]) == sorted(f"child {i}" for i in range(25))
    assert (await house.events(row.id)).count("job_processing_completed") == 1


async def test_a_family_without_children_goes_on_at_once(house: Any, program: ModuleType) -> None:
    row = await house.start(program.family, [])
    async with house.worker():
        (done,) = await house.ended(row.id)
    assert done.state is JobState.COMPLETED
    assert await house.rows("select what from effects") == [("finisher of 0",)]


async def test_a_parent_fails_with_its_child_and_is_repaired_with_it(house: Any, program: ModuleType) -> None:
    row = await house.start(program.family, ["good", "fail"])
    async with house.worker():
        (failed,) = await house.ended(row.id)
        assert (failed.state, failed.error["code"]) == (JobState.FAILED, "child_failed")
        assert "1 of its 2 jobs" in failed.error["detail"]
        again = await house.retry(row.id)
        assert (again.state, again.phase) == (JobState.PROCESSING, Phase.CHILDREN)
        (failed,) = await house.ended(row.id)
        assert failed.state is JobState.FAILED
        (child,) = [child for child in await children(house, row.id) if child.state is JobState.FAILED]
        assert child.attempt == 2
        await house.retry(child.id)
        assert (await house.job(row.id)).state is JobState.PROCESSING
        await house.ended(row.id)
    assert [what for (what,) in await house.rows("select what from effects")] == ["good"]


async def test_a_child_of_a_worker_whose_clock_is_slow_is_its_parents_child_all_the_same(
    house: Any, program: ModuleType
) -> None:
    """Its id is the smaller one."""
    row = await house.start(program.family, [])
    async with house.db.transaction(house.actor) as session:
        child = await program.note.using(JobOptions(parent_id=row.id)).start(session, "early")
        early = UUID(int=row.id.int - 2**80)
        told = {"id": child.id, "early": early, "words": json.dumps({"job_id": str(early)})}
        await session.execute(text("update jobs set id = :early where id = :id"), told)
        await session.execute(
            text("update procrastinate_jobs set args = :words where args->>'job_id' = cast(:id as text)"), told
        )
    async with house.worker():
        done = await house.ended(early, row.id)
    assert [one.state for one in done] == [JobState.COMPLETED] * 2
    assert [what for (what,) in await house.rows("select what from effects")] == ["early", "finisher of 0"]


async def test_a_tolerant_parent_completes_although_a_child_failed(house: Any, program: ModuleType) -> None:
    row = await house.start(program.tolerant_family, ["good", "fail"])
    async with house.worker():
        (done,) = await house.ended(row.id)
    assert done.state is JobState.COMPLETED


async def test_cancelling_a_parent_cancels_its_children(house: Any, program: ModuleType) -> None:
    row = await house.start(program.waits_for_sleepers, 3)
    async with house.worker():
        await house.until(lambda: house.rows("select 1 from starts"))  # one of three: `media` has one place
        await house.until(lambda: house.rows("select 1 from jobs where phase = 'children' and state = 'PROCESSING'"))
        assert (await house.cancel(row.id)).cancel_requested
        (done,) = await house.ended(row.id)
        states = [child.state for child in await children(house, row.id)]
    assert done.state is JobState.CANCELLED
    assert states == [JobState.CANCELLED] * 3
    assert await house.rows("select 1 from procrastinate_jobs") == []


async def test_a_parent_shows_how_many_children_have_ended(house: Any, program: ModuleType) -> None:
    row = await house.start(program.waits_for_sleepers, 4)
    async with house.worker():
        await house.until(lambda: house.rows("select 1 from jobs where phase = 'children' and state = 'PROCESSING'"))
        for child in (await children(house, row.id))[:3]:  # newest first, so the running one stays
            await house.cancel(child.id)
        seen = await house.job(row.id)
        await house.cancel(row.id)
        await house.ended(row.id)
    assert (seen.progress, seen.message) == (0.75, "3 of 4 jobs have ended")


async def test_a_finished_parent_takes_no_children(house: Any, program: ModuleType) -> None:
    row = await house.start(program.note, "x")
    await house.cancel(row.id)
    with pytest.raises(Conflict):
        await house.start(program.note.using(JobOptions(parent_id=row.id)), "late")
