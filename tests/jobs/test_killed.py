"""Workers and databases that are killed in the middle of it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import psycopg
import pytest

from stakazo.cli.checkup import leftovers
from stakazo.core import migrate, postgres
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.settings import Settings
from stakazo.core.storage import DiskStorage
from stakazo.core.workspaces import Workspace
from stakazo.jobs.pulse import name_of
from stakazo.jobs.states import JobState
from stakazo.jobs.supervisor import Supervisor
from stakazo.jobs.sweeper import Swept, mourn
from stakazo.jobs.watchdog import EXIT
from stakazo.orphans import missing


async def test_ten_workers_are_killed_and_every_job_is_done_once(
    house: Any, program: ModuleType, processes: Any
) -> None:
    rows = [await house.start(program.steady, f"job {i}", 1.0) for i in range(24)]
    active = "select 1 from jobs where state in ('PENDING', 'PROCESSING', 'RETRY') limit 1"
    alive = [processes.start() for _ in range(3)]
    kills: list[tuple[float, list[Any]]] = []
    running = """
        select s.job_id, s.pid from starts s join jobs j on j.id = s.job_id
        where j.state = 'PROCESSING' and j.attempt = s.attempt and s.pid = any(:pids)
    """
    while len(kills) < 10:
        found: list[Any] = []

        async def somebody_works(found: list[Any] = found) -> bool:
            found[:] = await house.rows(running, pids=[process.pid for process in alive])
            if not await house.rows(active):  # they were quicker than we look: one more for who is still to be killed
                rows.append(await house.start(program.steady, f"job {len(rows)}", 1.0))
            return bool(found)

        await house.until(somebody_works)
        victim = next(process for process in alive if process.pid == found[0].pid)
        os.kill(victim.pid, signal.SIGKILL)
        kills.append((time.time(), [job for job, pid in found if pid == victim.pid]))
        alive.remove(victim)
        alive.append(processes.start())
    done = await house.ended(*(row.id for row in rows))
    assert {row.state for row in done} == {JobState.COMPLETED}
    effects = [what for (what,) in await house.rows("select what from effects")]
    assert sorted(effects) == sorted(f"job {i}" for i in range(len(rows)))
    crashed = [job for _, jobs in kills for job in jobs]
    assert len(crashed) >= 10
    for killed_at, jobs in kills:
        for job in jobs:
            starts = await house.rows("select extract(epoch from at) from starts where job_id = :id", id=job)
            again = [float(at) - killed_at for (at,) in starts if float(at) > killed_at]
            assert again or job not in {row.id for row in done if row.attempt > 1}


async def test_a_worker_that_was_taken_for_dead_changes_nothing(
    house: Any, program: ModuleType, processes: Any
) -> None:
    row = await house.start(program.stale)
    first = processes.start()
    await house.until(lambda: house.rows("select 1 from starts"))
    os.kill(first.pid, signal.SIGSTOP)
    processes.start()
    await house.until(lambda: house.rows("select 1 from starts where attempt = 2"))
    os.kill(first.pid, signal.SIGCONT)
    (done,) = await house.ended(row.id)
    assert (done.state, done.attempt, done.crashes) == (JobState.COMPLETED, 2, 1)
    assert await house.rows("select what, attempt from effects") == [("stale", 2)]


async def test_the_watchdog_ends_a_worker_that_hangs_and_its_children(
    house: Any, program: ModuleType, processes: Any
) -> None:
    row = await house.start(program.blocks, 60.0)
    hung = processes.start()
    await house.until(lambda: house.rows("select 1 from starts"))
    (child,) = psutil.Process(hung.pid).children()
    await asyncio.to_thread(hung.join, 20)
    assert hung.exitcode == EXIT
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert "no heartbeat" in processes.log(hung)
    processes.start()
    (done,) = await house.ended(row.id)
    assert (done.state, done.attempt) == (JobState.COMPLETED, 2)


async def test_a_worker_that_is_asked_to_stop_hands_back_and_leaves_nothing(
    house: Any, program: ModuleType, processes: Any
) -> None:
    row = await house.start(program.sleeper, 60.0)
    worker = processes.start()
    await house.until(lambda: house.rows("select 1 from starts"))
    (child,) = psutil.Process(worker.pid).children()
    worker.terminate()
    await asyncio.to_thread(worker.join, 20)
    assert worker.exitcode == 0
    assert not child.is_running()
    back = await house.job(row.id)
    assert (back.state, back.failures, back.crashes) == (JobState.RETRY, 0, 0)


async def test_the_supervisor_outlives_a_job_that_kills_its_workers(
    house: Any, program: ModuleType, processes: Any
) -> None:
    poison = await house.start(program.poison)
    argv = (processes.python, str(processes.program))
    async with Supervisor(house.settings, argv=argv, environment=processes.environment) as supervisor:
        (failed,) = await house.ended(poison.id)
        after = await house.start(program.note, "after")
        (done,) = await house.ended(after.id)
        (worker,) = [psutil.Process(process.pid) for process in supervisor.processes.values()]
    assert (failed.state, failed.error["code"]) == (JobState.FAILED, "poison")
    assert done.state is JobState.COMPLETED
    assert not worker.is_running()


async def test_what_a_dead_worker_had_is_begun_again_although_nobody_has_missed_it_yet(
    house: Any, program: ModuleType, processes: Any
) -> None:
    patient = {"STAKAZO_HEARTBEAT_INTERVAL": "100", "STAKAZO_STALLED_AFTER": "600"}
    row = await house.start(program.sleeper, 60.0)
    argv, told = (processes.python, str(processes.program)), []

    async def ended(worker: str) -> None:
        told.append((worker, await mourn(house.db, worker, 600.0, 0.1)))

    async with Supervisor(house.settings, argv=argv, environment=processes.environment | patient, ended=ended):
        (begun,) = await until_begun(house, 1)
        os.kill(psutil.Process(int(begun.what)).ppid(), signal.SIGKILL)
        await until_begun(house, 2)
        await house.cancel(row.id)
        (done,) = await house.ended(row.id)
    assert told == [(name_of(begun.pid), Swept(recovered=1))]
    assert (done.attempt, done.crashes) == (2, 1)


async def until_begun(house: Any, times: int) -> list[Any]:
    """The attempts that were begun, once there are so many."""
    found: list[Any] = []

    async def so_often() -> bool:
        found[:] = await house.rows("select what, pid from starts order by at")
        return len(found) == times

    await house.until(so_often)
    return found


async def test_workers_go_when_their_supervisor_is_killed(house: Any, program: ModuleType, processes: Any) -> None:
    row = await house.start(program.sleeper, 60.0)
    supervisor = processes.start("supervise")
    await house.until(lambda: house.rows("select 1 from starts"))
    (worker,) = psutil.Process(supervisor.pid).children()
    supervisor.kill()
    await house.until(lambda: gone(worker))
    assert (await house.job(row.id)).state is JobState.RETRY


async def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


async def test_what_a_killed_worker_leaves_goes_and_what_a_row_names_stays(
    house: Any, program: ModuleType, processes: Any
) -> None:
    """Killed between a file's key and the commit of its row."""
    row = await house.start(program.receives)
    processes.start()
    processes.start()
    await house.ended(row.id)
    storage = DiskStorage(processes.folder / "data" / "storage")
    left, named = (f"{house.actor.workspace_id}/videos/{row.id}-{attempt}.mp4" for attempt in (1, 2))
    assert set(await storage.list(str(house.actor.workspace_id))) == {left, named}

    async def swept() -> bool:  # by the worker that lives: the unfinished work of the one that doesn't
        return len(list((storage.root / "tmp").glob("[!.]*"))) == 1

    await house.until(swept)
    assert await missing(house.db, storage) == []
    assert (await leftovers(house.db, storage, repair=False)).ok  # too young to be nobody's
    found = await leftovers(house.db, storage, repair=False, older_than=0.0)
    assert (found.ok, left in found.detail, await storage.exists(left)) == (False, True, True)
    assert (await leftovers(house.db, storage, repair=True, older_than=0.0)).ok
    assert set(await storage.list(str(house.actor.workspace_id))) == {named}
    await storage.delete(named)
    assert await missing(house.db, storage) == [named]


@pytest.mark.parametrize("embedded", [True, False], ids=["and start it again", "that others start again"])
async def test_workers_outlive_a_database_that_is_killed(
    program: ModuleType, data_dir: Path, processes: Any, house_of: Any, *, embedded: bool
) -> None:
    urls = await asyncio.to_thread(postgres.ensure, data_dir)
    await asyncio.to_thread(migrate.upgrade, urls.owner)
    with psycopg.connect(postgres.conninfo(urls.owner), autocommit=True) as connection:
        connection.execute(program.TABLES)
    db = Database(urls.app, pool_size=4)
    workspace = Workspace(id=new_id(), name="x")
    async with db.system_transaction() as session:
        session.add(workspace)
    house = house_of(db, Actor(workspace.id, "user", "ann"), Settings(), urls)
    del processes.environment["STAKAZO_DATABASE_URL"], processes.environment["STAKAZO_APP_DATABASE_URL"]
    processes.environment |= {"STAKAZO_DATA_DIR": str(data_dir), "STAKAZO_STALLED_AFTER": "10"}
    if not embedded:
        processes.environment["STAKAZO_DATABASE_URL"] = urls.owner
        processes.environment["STAKAZO_APP_DATABASE_URL"] = urls.app
    workers = [processes.start() for _ in range(2)]
    rows = [await house.start(program.steady, f"job {i}", 1.0) for i in range(12)]
    await house.until(lambda: house.rows("select 1 from effects"))
    server = int((data_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(server, signal.SIGKILL)
    if not embedded:
        await asyncio.sleep(8.5)  # longer than the watchdogs' patience with a worker that hangs
        assert await asyncio.to_thread(postgres.ensure, data_dir) == urls
    done = await house.ended(*(row.id for row in rows))
    await db.close()
    assert {row.state for row in done} == {JobState.COMPLETED}
    assert await effects_of(urls) == sorted(f"job {i}" for i in range(12))
    assert [worker.exitcode for worker in workers] == [None, None]
    if not embedded:  # nobody who is asked to stop waits for a database that is gone
        assert await asyncio.to_thread(postgres.stop, data_dir, force=True)
        for worker in workers:
            os.kill(worker.pid, signal.SIGTERM)
        await asyncio.gather(*(asyncio.to_thread(worker.join, 30) for worker in workers))
        assert [worker.exitcode for worker in workers] == [0, 0]
        assert all("worker_stopped_without_its_database" in processes.log(worker) for worker in workers)


async def effects_of(urls: postgres.Urls) -> list[str]:
    async with await psycopg.AsyncConnection.connect(postgres.conninfo(urls.owner)) as connection:
        found = await connection.execute("select what from effects")
        return sorted(what for (what,) in await found.fetchall())
