"""The jobs that the tests run, and the worker process that runs them: `python program.py [QUEUE ...]`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core import postgres
from stakazo.core.errors import Conflict, StakazoError
from stakazo.core.settings import Settings
from stakazo.core.telemetry import setup_logging
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.models import Job
from stakazo.jobs.run import Run
from stakazo.jobs.supervisor import Supervisor
from stakazo.videos import service as videos
from stakazo.worker.process import run_worker

TABLES = """
    create table effects (what text, job_id uuid, attempt int, at timestamptz default clock_timestamp());
    create table starts (what text, job_id uuid, attempt int, pid int, at timestamptz default clock_timestamp());
    grant select, insert on effects, starts to stakazo_app;
"""


async def began(run: Run, what: str) -> None:
    """Written outside the fence, on purpose: what really ran."""
    async with run.db.transaction(run.actor) as session:
        await session.execute(
            text("insert into starts values (:what, :job, :attempt, :pid)"),
            {"what": what, "job": run.job_id, "attempt": run.attempt, "pid": os.getpid()},
        )


async def effect(session: AsyncSession, run: Run, what: str) -> None:
    await session.execute(
        text("insert into effects values (:what, :job, :attempt)"),
        {"what": what, "job": run.job_id, "attempt": run.attempt},
    )


@job()
async def note(run: Run, what: str) -> None:
    await began(run, what)
    async with run.transaction() as session:
        await effect(session, run, what)


@job(max_attempts=50, first_delay=0.1)
async def steady(run: Run, what: str, seconds: float) -> None:
    """Works in a child process, and has its effect with its completion."""
    await began(run, what)
    child = await asyncio.create_subprocess_exec("sleep", str(seconds))
    try:
        await child.wait()
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    async with run.completion() as session:
        await effect(session, run, what)


@job(queue="media", max_attempts=5)
async def sleeper(run: Run, seconds: float) -> None:
    """Sleeps in a child process whose number it reports."""
    child = await asyncio.create_subprocess_exec("sleep", str(seconds))
    run.report(0.5, "sleep", str(child.pid))
    await began(run, str(child.pid))
    try:
        await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


@job(max_attempts=3, first_delay=0.05)
async def breaks(run: Run, times: int) -> None:
    """Ends in an error nobody foresaw, so many times."""
    await began(run, "breaks")
    if run.attempt <= times:
        raise ZeroDivisionError("no")


@job(max_attempts=3, first_delay=0.05)
async def refuses(run: Run) -> None:
    await began(run, "refuses")
    raise Conflict("This can never work.")


@job(max_attempts=2, first_delay=0.05)
async def lonely(run: Run) -> None:
    """Reaches for something outside that does not answer."""
    await began(run, "lonely")
    await asyncio.open_connection("127.0.0.1", 9)


@job(max_attempts=5, first_delay=0.05)
async def receives(run: Run) -> None:
    """Gives a video its key, with more work begun, and is killed before it has said so, the first time."""
    video_id, key = run.job_id, f"{run.actor.workspace_id}/videos/{run.job_id}-{run.attempt}.mp4"
    for file in (run.storage.temporary(), run.storage.temporary()):
        file.write_text(key)
    await run.storage.adopt(file, key)
    if run.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    received = videos.Received("A", "a.mp4", key, len(key), "0" * 64, "video/mp4")
    async with run.completion() as session:
        await videos.receive(session, video_id, received)


class TryLater(StakazoError):
    code, retryable = "try_later", True

    def __init__(self, after: float) -> None:
        super().__init__("Not now.")
        self.after = after


@job(max_attempts=1)
async def later(run: Run, after: float) -> None:
    await began(run, "later")
    if run.attempt == 1:
        raise TryLater(after)


@job(timeout=0.3, max_attempts=2, first_delay=0.05)
async def slow(run: Run) -> None:
    await began(run, "slow")
    await asyncio.sleep(60)


@job()
async def steps(run: Run, count: int, pause: float) -> None:
    for i in range(count):
        run.report(i / count, f"step {i}", "so far")
        await asyncio.sleep(pause)


@job()
async def family(run: Run, children: list[str]) -> None:
    async with run.completion() as session:
        for what in children:
            options = JobOptions(parent_id=run.job_id)
            if what == "fail":
                await refuses.using(options).start(session)
            else:
                await note.using(options).start(session, what)


@family.finally_
async def family_done(run: Run, children: list[str]) -> None:
    async with run.completion() as session:
        await effect(session, run, f"finisher of {len(children)}")


@job(tolerant=True)
async def tolerant_family(run: Run, children: list[str]) -> None:
    await family.work(run, children)


@job()
async def waits_for_sleepers(run: Run, count: int) -> None:
    async with run.transaction() as session:
        for _ in range(count):
            await sleeper.using(JobOptions(parent_id=run.job_id)).start(session, 60.0)


@job(max_attempts=2, first_delay=0.05)
async def poison(run: Run) -> None:
    await began(run, "poison")
    os.kill(os.getpid(), signal.SIGKILL)


@poison.on_end
async def poison_ended(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    await session.execute(
        text("insert into effects values (:what, :job)"), {"what": f"ended: {error['code']}", "job": row.id}
    )


@job(max_attempts=5, first_delay=0.05)
async def stale(run: Run) -> None:
    """Sleeps through its worker's being stopped, then tries to have its effect."""
    await began(run, "stale")
    await asyncio.sleep(1.0 if run.attempt == 1 else 5.0)
    async with run.completion() as session:
        await effect(session, run, "stale")


@job(max_attempts=5, first_delay=0.05)
async def blocks(run: Run, seconds: float) -> None:
    """Holds up the whole event loop, the first time."""
    await asyncio.create_subprocess_exec("sleep", "60")
    await began(run, "blocks")
    if run.attempt == 1:
        time.sleep(seconds)  # noqa: ASYNC251 (this is the mistake)


@job()
async def about(run: Run, video_id: UUID) -> None:
    await began(run, str(video_id))


async def _main(arguments: list[str]) -> None:
    settings = Settings()
    setup_logging(settings)
    if arguments == ["supervise"]:
        async with Supervisor(settings, argv=(sys.executable, __file__)):
            await asyncio.Event().wait()
    await run_worker(settings, await postgres.resolve(settings), arguments or None)


if __name__ == "__main__":
    if "ENVIRONMENT" in globals():  # forked by the tests
        os.environ |= globals()["ENVIRONMENT"]
        sys.argv[1:] = globals()["ARGUMENTS"]
        log = os.open(globals()["LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
    asyncio.run(_main(sys.argv[1:]))
