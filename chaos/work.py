"""What the installation under test has to do: jobs of every kind of effect, and the endpoint that starts them."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Any, Literal

import httpx
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.roles import Permission
from stakazo.api.deps import DB, may
from stakazo.api.jobs import JobOut
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.errors import StakazoError
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.models import Job
from stakazo.jobs.run import Run

TABLES = """
    create schema if not exists chaos;
    grant usage on schema chaos to stakazo_app;
    create table if not exists chaos.starts (
        job_id uuid, attempt int, pid int, at timestamptz default clock_timestamp());
    create table if not exists chaos.effects (
        what text, kind text, job_id uuid, attempt int, file text, at timestamptz default clock_timestamp());
    create table if not exists chaos.intents (what text primary key, asked_at timestamptz, handle text);
    grant select, insert, update on chaos.starts, chaos.effects, chaos.intents to stakazo_app;
"""
OUTSIDE = "CHAOS_OUTSIDE"
"""Environment: the address of the platform outside."""
TIMEOUT = 0.8
"""Seconds that a call of the platform may take."""
QUIET = 1.2
"""Seconds after a call of unknown outcome from which on it can't take effect any more."""


class Refused(StakazoError):
    """The platform didn't do it, or didn't say that it did."""

    status, code, retryable = 502, "platform_unavailable", True


async def began(run: Run) -> None:
    """Written outside the fence, on purpose: what really ran, and where."""
    async with run.db.transaction(run.actor) as session:
        await session.execute(
            text("insert into chaos.starts values (:job, :attempt, :pid)"),
            {"job": run.job_id, "attempt": run.attempt, "pid": os.getpid()},
        )


async def effect(session: AsyncSession, run: Run, kind: str, what: str, file: str | None = None) -> None:
    await session.execute(
        text("insert into chaos.effects values (:what, :kind, :job, :attempt, :file)"),
        {"what": what, "kind": kind, "job": run.job_id, "attempt": run.attempt, "file": file},
    )


@job(max_attempts=1000, first_delay=0.05, timeout=120)
async def chaos_write(run: Run, what: str, seconds: float) -> None:
    """A row, and a file that it names."""
    await began(run)
    key = f"{run.actor.workspace_id}/chaos/{run.job_id}.txt"
    half = run.storage.temporary(".txt")
    try:
        half.write_text(what)
        await asyncio.sleep(seconds)
        await run.storage.adopt(half, key)
    finally:
        half.unlink(missing_ok=True)
    async with run.completion() as session:
        await effect(session, run, "write", what, key)


@job(max_attempts=1000, first_delay=0.05, timeout=120)
async def chaos_publish(run: Run, what: str, seconds: float) -> None:
    """An effect outside: intended first, created inert and marked, then switched on, which may be said twice."""
    await began(run)
    intent = text("""
        insert into chaos.intents (what) values (:what) on conflict (what) do update set what = excluded.what
        returning handle, extract(epoch from clock_timestamp() - asked_at) as asked_ago
    """)
    async with run.transaction() as session:
        found = (await session.execute(intent, {"what": what})).one()
    handle = found.handle
    async with httpx.AsyncClient(base_url=os.environ[OUTSIDE], timeout=TIMEOUT, trust_env=False) as platform:
        if handle is None and found.asked_ago is not None:
            await asyncio.sleep(max(0.0, QUIET - float(found.asked_ago)))
            handle = (await _call(platform, "GET", "/things", what)).get("id")
        if handle is None:
            async with run.transaction() as session:
                await session.execute(
                    text("update chaos.intents set asked_at = clock_timestamp() where what = :what"), {"what": what}
                )
            handle = (await _call(platform, "POST", "/things", what))["id"]
        async with run.transaction() as session:
            await session.execute(
                text("update chaos.intents set handle = :handle where what = :what"), {"what": what, "handle": handle}
            )
        await asyncio.sleep(seconds)
        await _call(platform, "POST", f"/things/{handle}/activate", what)
    async with run.completion() as session:
        await effect(session, run, "publish", what)


async def _call(platform: httpx.AsyncClient, method: str, path: str, marker: str) -> dict[str, Any]:
    try:
        answer = await platform.request(method, path, params={"marker": marker})
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise Refused(f"{method} {path}: {error!r}") from error
    found: dict[str, Any] = answer.json()
    return found


@job(max_attempts=1000, first_delay=0.05, timeout=120)
async def chaos_family(run: Run, what: str, seconds: float) -> None:
    """Three jobs, and what follows when all of them have ended."""
    await began(run)
    async with run.completion() as session:
        for child in range(3):
            options = JobOptions(parent_id=run.job_id)
            await chaos_write.using(options).start(session, f"{what}/{child}", seconds)


@chaos_family.finally_
async def _family_done(run: Run, what: str, seconds: float) -> None:  # noqa: ARG001 (it has the job's arguments)
    await began(run)
    async with run.completion() as session:
        await effect(session, run, "family", what)


@job(max_attempts=1000, first_delay=0.2, timeout=120)
async def chaos_again(run: Run, what: str, seconds: float) -> None:
    """Fails the first time, and is tried again a moment later."""
    await began(run)
    if run.attempt == 1:
        raise Refused("The first time never works.")
    await asyncio.sleep(seconds)
    async with run.completion() as session:
        await effect(session, run, "again", what)


KINDS = {"write": chaos_write, "publish": chaos_publish, "family": chaos_family, "again": chaos_again}
Kind = Literal["write", "publish", "family", "again"]

router = Router(prefix="/chaos", tags=["chaos"])


class Wanted(BaseModel):
    kind: Kind
    what: str
    seconds: float = 0.2


@router.post("/jobs", status_code=202, response_model=JobOut)
async def start(_: Annotated[Actor, may(Permission.JOBS_WRITE)], db: DB, wanted: Wanted) -> Job:
    """Start a job, as the product's own endpoints do."""
    return await KINDS[wanted.kind].start(db, wanted.what, wanted.seconds)
