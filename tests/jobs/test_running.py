"""What becomes of jobs in a worker."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import text

from stakazo.core.errors import Conflict, Invalid, NotFound
from stakazo.jobs import lifecycle, service
from stakazo.jobs.attempt import Executor
from stakazo.jobs.engine import JobOptions
from stakazo.jobs.run import Lost
from stakazo.jobs.states import JobState
from stakazo.worker.process import slots

# --- starting -------------------------------------------------------------------------------------------------


async def test_a_job_runs_and_completes(house: Any, program: ModuleType) -> None:
    row = await house.start(program.note, "hello")
    assert row.state is JobState.PENDING
    async with house.worker():
        (done,) = await house.ended(row.id)
    assert (done.state, done.progress, done.attempt, done.error) == (JobState.COMPLETED, 1.0, 1, None)
    assert await house.rows("select what, attempt from effects") == [("hello", 1)]
    assert await house.events(row.id) == ["job_created", "job_processing_started", "job_processing_completed"]
    assert await house.rows("select 1 from procrastinate_jobs") == []


async def test_a_rollback_starts_nothing(house: Any, program: ModuleType) -> None:
    started = []
    with suppress(RuntimeError):
        async with house.db.transaction(house.actor) as session:
            started.append((await program.note.start(session, "never")).id)
            raise RuntimeError
    kept = await house.start(program.note, "kept")
    async with house.worker():
        await house.ended(kept.id)
    with pytest.raises(NotFound):
        await house.job(started[0])
    assert await house.rows("select what from starts") == [("kept",)]


async def test_a_savepoint_that_is_undone_starts_nothing(house: Any, program: ModuleType) -> None:
    async with house.db.transaction(house.actor) as session:
        with suppress(RuntimeError):
            async with session.begin_nested():
                await program.note.start(session, "never")
                raise RuntimeError
        kept = await program.note.start(session, "kept")
    assert await house.rows("select args->>'job_id' from procrastinate_jobs") == [(str(kept.id),)]


async def test_the_engine_only_learns_the_id(house: Any, program: ModuleType) -> None:
    row = await house.start(program.about, uuid4())
    assert await house.rows("select args, queue_name from procrastinate_jobs") == [({"job_id": str(row.id)}, "default")]


async def test_arguments_are_checked_and_keep_their_types(house: Any, program: ModuleType) -> None:
    with pytest.raises(Invalid, match="video_id"):
        await house.start(program.about, "no uuid")
    with pytest.raises(Invalid, match="missing a required argument"):
        await house.start(program.about)
    async with house.db.transaction(house.actor) as session:
        with pytest.raises(Invalid, match="colour"):
            await program.note.start_with(session, {"what": "x", "colour": "red"})
    video_id = uuid4()
    row = await house.start(program.about, video_id=video_id)
    assert program.about.given(row) == {"video_id": video_id}
    assert await house.rows("select count(*) from jobs") == [(1,)]


async def test_equal_jobs_are_one_while_active(house: Any, program: ModuleType) -> None:
    same = program.note.using(JobOptions(dedup_key="k"))
    rows = await asyncio.gather(*(house.start(same, f"racer {i}") for i in range(12)))
    assert len({row.id for row in rows}) == 1
    async with house.worker():
        await house.ended(rows[0].id)
    again = await house.start(same, "again")
    assert again.id != rows[0].id
    assert (await house.start(program.about.using(JobOptions(dedup_key="k")), uuid4())).id != again.id


async def test_higher_priority_goes_first(house: Any, program: ModuleType) -> None:
    async with house.db.transaction(house.actor) as session:
        low = await program.note.start(session, "low")
        high = await program.note.using(JobOptions(priority=5)).start(session, "high")
    async with house.worker(default_workers=1):
        await house.ended(low.id, high.id)
    assert [what for (what,) in await house.rows("select what from starts order by at")] == ["high", "low"]


async def test_a_job_waits_for_its_time(house: Any, program: ModuleType) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    row = await house.start(program.note.using(JobOptions(run_at=soon)), "later")
    async with house.worker():
        (done,) = await house.ended(row.id)
    assert done.started_at >= soon


# --- errors ---------------------------------------------------------------------------------------------------


async def test_an_unforeseen_error_is_tried_again(house: Any, program: ModuleType) -> None:
    row = await house.start(program.breaks, 2)
    async with house.worker():
        (done,) = await house.ended(row.id)
    assert (done.state, done.attempt, done.failures, done.error) == (JobState.COMPLETED, 3, 2, None)
    assert (await house.events(row.id)).count("job_retried") == 2


async def test_too_many_errors_are_the_end(house: Any, program: ModuleType) -> None:
    row = await house.start(program.breaks, 99)
    async with house.worker():
        (done,) = await house.ended(row.id)
    assert (done.state, done.attempt) == (JobState.FAILED, 3)
    assert done.error["code"] == "internal"
    assert "ZeroDivisionError: no" in done.error["traceback"]
    assert (await house.events(row.id))[-1] == "job_processing_failed"


async def test_a_refusal_is_final_and_says_why(house: Any, program: ModuleType) -> None:
    row = await house.start(program.refuses)
    async with house.worker():
        (done,) = await house.ended(row.id)
    assert (done.state, done.attempt) == (JobState.FAILED, 1)
    assert done.error == {"code": "conflict", "detail": "This can never work.", "retryable": False}


async def test_try_later_is_honoured_and_is_no_failure(house: Any, program: ModuleType) -> None:
    row = await house.start(program.later, 0.8)
    async with house.worker():
        (done,) = await house.ended(row.id)
    assert (done.state, done.attempt, done.failures) == (JobState.COMPLETED, 2, 0)
    first, second = [at for (at,) in await house.rows("select at from starts order by at")]
    assert (second - first).total_seconds() >= 0.8


async def test_a_connection_that_fails_is_no_database_that_is_away(house: Any, program: ModuleType) -> None:
    row = await house.start(program.lonely)
    async with house.worker():
        (done,) = await house.ended(row.id)
    assert (done.state, done.attempt, done.error["code"]) == (JobState.FAILED, 2, "internal")
    assert "ConnectionRefusedError" in done.error["detail"]


async def test_an_attempt_has_its_time(house: Any, program: ModuleType) -> None:
    row = await house.start(program.slow)
    async with house.worker():
        (done,) = await house.ended(row.id)
    assert (done.state, done.attempt, done.error["code"]) == (JobState.FAILED, 2, "timeout")


async def test_a_failed_job_can_be_started_again(house: Any, program: ModuleType) -> None:
    row = await house.start(program.breaks, 3)
    async with house.worker():
        await house.ended(row.id)
        with pytest.raises(NotFound):
            await house.retry(uuid4())
        again = await house.retry(row.id)
        assert (again.state, again.error, again.failures) == (JobState.PENDING, None, 0)
        (done,) = await house.ended(row.id)
        assert (done.state, done.attempt) == (JobState.COMPLETED, 4)
        with pytest.raises(Conflict):
            await house.retry(row.id)


# --- cancelling -----------------------------------------------------------------------------------------------


async def test_a_running_job_is_cancelled_and_its_child_is_gone(house: Any, program: ModuleType) -> None:
    row = await house.start(program.sleeper, 60.0)
    async with house.worker(heartbeat_interval=60.0):  # neither a heartbeat nor progress will tell it
        await house.until(lambda: house.rows("select 1 from starts, jobs where progress > 0"))
        ((pid,),) = await house.rows("select what::int from starts")
        assert psutil.pid_exists(pid)
        asked = time.monotonic()
        await house.cancel(row.id)
        (done,) = await house.ended(row.id)
        took = time.monotonic() - asked
        assert not psutil.pid_exists(pid)
    assert (done.state, done.attempt, done.error["code"]) == (JobState.CANCELLED, 1, "cancelled")
    assert took < 2
    assert (await house.cancel(row.id)).state is JobState.CANCELLED


async def test_cancelling_needs_no_notification(house: Any, program: ModuleType) -> None:
    row = await house.start(program.sleeper, 60.0)
    async with house.worker():
        await house.until(lambda: house.rows("select 1 from starts, jobs where progress > 0"))
        await house.rows("update jobs set cancel_requested = true where id = :id returning 1", id=row.id)
        (done,) = await house.ended(row.id)
    assert done.state is JobState.CANCELLED


async def test_a_job_that_is_being_stopped_is_not_the_same_as_one_started_now(house: Any, program: ModuleType) -> None:
    same = program.sleeper.using(JobOptions(dedup_key="k"))
    first = await house.start(same, 60.0)
    async with house.worker(media_workers=2):
        await house.until(lambda: house.rows("select 1 from starts"))
        async with house.db.transaction(house.actor) as session:
            await service.cancel(session, first.id)
            second = await same.start(session, 60.0)
            assert second.id != first.id
            assert (await same.start(session, 60.0)).id == second.id
        await house.cancel(second.id)
        await house.ended(first.id, second.id)


async def test_a_waiting_job_is_cancelled_at_once(house: Any, program: ModuleType) -> None:
    row = await house.start(program.note, "never")
    assert (await house.cancel(row.id)).state is JobState.CANCELLED
    assert await house.rows("select 1 from procrastinate_jobs") == []
    kept = await house.start(program.note, "kept")
    async with house.worker():
        await house.ended(kept.id)
    assert await house.rows("select what from starts") == [("kept",)]
    with pytest.raises(Conflict):
        await house.cancel(kept.id)


# --- progress -------------------------------------------------------------------------------------------------


async def test_progress_is_written_twice_a_second_with_an_estimate(house: Any, program: ModuleType) -> None:
    seen: list[tuple[float, Any]] = []
    row = await house.start(program.steps, 60, 0.03)
    async with house.worker():

        async def look() -> bool:
            now = await house.job(row.id)
            if now.state is JobState.PROCESSING and (not seen or seen[-1][0] != now.progress):
                seen.append((now.progress, now.expected_at))
            return not now.state.active

        await house.until(look)
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert 2 <= len(fractions) <= 8
    assert any(expected is not None for _, expected in seen)


# --- fencing --------------------------------------------------------------------------------------------------


async def test_what_a_stale_worker_writes_is_void(house: Any, program: ModuleType, storage: Any) -> None:
    row = await house.start(program.note, "x")
    runs = []
    for name in ("first", "second"):
        async with house.db.system_transaction() as session:
            claimed = await lifecycle.claim(session, row.id, row.engine_job_id, name)
        assert claimed is not None
        executor = Executor(house.db, storage, house.settings, name)
        runs.append(executor.run_for(claimed, lambda _: None))
        if name == "first":  # its worker is taken for dead
            async with house.db.transaction(house.actor) as session:
                line = await lifecycle.lineage(session, row.id)
                await lifecycle.crash(session, line)
                row = line[-1]
    stale, owner = runs
    assert (stale.attempt, owner.attempt) == (1, 2)
    with pytest.raises(Lost):
        async with stale.transaction() as session:
            await program.effect(session, stale, "stale")
    with pytest.raises(Lost):
        async with stale.completion() as session:
            await program.effect(session, stale, "stale")
    async with owner.completion() as session:
        await program.effect(session, owner, "owner")
    with pytest.raises(Lost):
        async with owner.transaction():
            pass
    assert await house.rows("select what from effects") == [("owner",)]
    assert (await house.job(row.id)).state is JobState.COMPLETED


async def test_a_worker_hears_that_its_job_is_anothers(house: Any, program: ModuleType) -> None:
    """Also while it writes nothing: the heartbeat tells it, and what it began for that job is ended."""
    row = await house.start(program.sleeper, 600.0)
    async with house.worker(sweep_interval=600.0):
        await house.until(lambda: house.rows("select 1 from starts, jobs where progress > 0"))
        ((pid,),) = await house.rows("select what::int from starts")
        await house.rows("update jobs set attempt = attempt + 1, worker = 'b:2' where id = :id returning 1", id=row.id)

        async def ended() -> bool:
            return not psutil.pid_exists(pid)

        await house.until(ended)
    left = await house.job(row.id)
    assert (left.state, left.attempt, left.worker) == (JobState.PROCESSING, 2, "b:2")


async def test_a_delivery_is_good_for_one_claim(house: Any, program: ModuleType) -> None:
    row = await house.start(program.note, "x")

    async def claim(name: str) -> Any:
        async with house.db.system_transaction() as session:
            return await lifecycle.claim(session, row.id, row.engine_job_id, name)

    assert [await claim("a") is not None, await claim("b") is not None] == [True, False]
    async with house.db.transaction(house.actor) as session:
        await lifecycle.give_back(session, await lifecycle.lineage(session, row.id))
    assert await claim("c") is None  # by the old delivery
    row = await house.job(row.id)
    assert await claim("c") is not None


async def test_a_failed_completion_undoes_what_was_written_with_it(house: Any, program: ModuleType) -> None:
    """`steady` has its effect in its completion; here the completion finds that the job was given away meanwhile."""
    row = await house.start(program.steady, "x", 0.5)
    async with house.worker(sweep_interval=600.0):
        await house.until(lambda: house.rows("select 1 from starts"))
        await house.rows("update jobs set attempt = attempt + 1 where id = :id returning 1", id=row.id)
        await asyncio.sleep(1.0)
        assert await house.rows("select 1 from effects") == []
        assert (await house.job(row.id)).state is JobState.PROCESSING


# --- stopping -------------------------------------------------------------------------------------------------


async def test_a_worker_that_has_to_go_hands_its_jobs_back(house: Any, program: ModuleType) -> None:
    row = await house.start(program.sleeper, 60.0)
    async with house.worker():
        await house.until(lambda: house.rows("select 1 from starts"))
        ((pid,),) = await house.rows("select what::int from starts")
    back = await house.job(row.id)
    assert (back.state, back.attempt, back.failures, back.crashes) == (JobState.RETRY, 1, 0, 0)
    assert not psutil.pid_exists(pid)
    assert await house.rows("select name from workers") == []
    assert await house.rows("select 1 from procrastinate_workers") == []
    async with house.worker():
        await house.until(lambda: house.rows("select 1 from starts where attempt = 2"))
        await house.cancel(row.id)
        await house.ended(row.id)


async def test_a_short_job_may_finish_before_the_worker_goes(house: Any, program: ModuleType) -> None:
    row = await house.start(program.steady, "x", 0.3)
    async with house.worker(shutdown_grace=10.0):
        await house.until(lambda: house.rows("select 1 from starts"))
    assert (await house.job(row.id)).state is JobState.COMPLETED


# --- in this process ------------------------------------------------------------------------------------------


async def test_one_job_is_processed_here_and_now(house: Any, program: ModuleType, storage: Any) -> None:
    async def process(job_id: Any = None) -> Any:
        return await service.process_one(house.db, house.settings, storage, house.actor, job_id)

    assert await process() is None
    first, second = [await house.start(program.note, what) for what in ("first", "second")]
    later = await house.start(
        program.note.using(JobOptions(run_at=datetime.now(UTC) + timedelta(hours=1), priority=9)), "later"
    )
    assert (await process(second.id)).state is JobState.COMPLETED
    assert (await process()).id == first.id
    assert await process() is None
    assert (await process(later.id)).state is JobState.COMPLETED
    with pytest.raises(Conflict):
        await process(second.id)
    assert await house.rows("select what from effects order by at") == [("second",), ("first",), ("later",)]
    assert await house.rows("select 1 from procrastinate_jobs union all select 1 from procrastinate_workers") == []


async def test_jobs_of_others_are_neither_seen_nor_run(
    house: Any, program: ModuleType, storage: Any, other_actor: Any
) -> None:
    row = await house.start(program.note, "mine")
    assert await service.process_one(house.db, house.settings, storage, other_actor) is None
    async with house.db.transaction(other_actor) as session:
        assert (await service.find(session)).items == []
        for verb in (service.get, service.cancel, service.retry):
            with pytest.raises(NotFound):
                await verb(session, row.id)
        with pytest.raises(NotFound):
            await program.note.using(JobOptions(parent_id=row.id)).start(session, "child")


# --- finding --------------------------------------------------------------------------------------------------


async def test_jobs_are_found_and_counted(house: Any, program: ModuleType) -> None:
    video_id = uuid4()
    about = await house.start(program.about, video_id)
    notes = [await house.start(program.note, str(i)) for i in range(5)]
    await house.cancel(notes[0].id)
    async with house.db.transaction(house.actor) as session:
        assert [row.id for row in (await service.find(session, video_id=video_id)).items] == [about.id]
        assert (await service.find(session, clip_id=video_id)).items == []
        cancelled = await service.find(session, states=[JobState.CANCELLED], type="note")
        assert [row.id for row in cancelled.items] == [notes[0].id]
        first = await service.find(session, type="note", limit=3)
        rest = await service.find(session, type="note", limit=3, cursor=first.next_cursor)
        assert [row.id for row in first.items + rest.items] == [row.id for row in reversed(notes)]
        assert rest.next_cursor is None
        counted = await service.summary(session)
    assert counted["states"]["PENDING"] == 5
    assert counted["types"] == {"about": {"PENDING": 1}, "note": {"PENDING": 4, "CANCELLED": 1}}
    assert counted["oldest_pending_seconds"] > 0


async def test_living_workers_are_seen(house: Any) -> None:
    async def workers() -> list[Any]:
        async with house.db.transaction(house.actor) as session:
            return await service.workers(session, house.settings)

    assert await workers() == []
    async with house.worker():
        await house.until(workers)
        (seen,) = await workers()
        assert set(seen.queues) == set(slots(house.settings)) >= {"media", "default"}
        async with house.db.system_transaction() as session:
            await session.execute(text("update workers set heartbeat_at = now() - interval '1 hour'"))
    assert await workers() == []


async def test_a_worker_seals_what_its_jobs_have_said(house: Any, program: ModuleType) -> None:
    """The sealer's own tests are in tests/ledger; this is that a worker runs one."""
    async with house.worker(ledger_interval=0.1):
        job = await house.start(program.note, "sealed")
        await house.ended(job.id)

        async def sealed() -> bool:
            [(waiting,)] = await house.rows(
                "select count(*) from ledger_events e left join ledger_seals s on s.id = e.id where s.id is null"
            )
            return bool(waiting == 0)

        await house.until(sealed)
    log = house.settings.checkpoint_dir / f"{house.actor.workspace_id}.log"
    assert f"stakazo/{house.actor.workspace_id}" in log.read_text()
