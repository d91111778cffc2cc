"""What is left when all is over: counted in the database, in the ledger, on the disk and outside, not remembered."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, LiteralString

import httpx
import psutil

from chaos.house import House
from chaos.people import Act, Film, People
from chaos.phases import workspace_of
from stakazo.core.db import Database
from stakazo.core.storage import DiskStorage
from stakazo.orphans import Orphans

ACTIVE = ("PENDING", "PROCESSING", "RETRY")


@dataclass
class Reckoning:
    """One installation's count. Every list names what went wrong; all of them should be empty."""

    jobs: int = 0
    acknowledged: int = 0
    asked: int = 0
    """Requests that it took."""
    lost: list[str] = field(default_factory=list)
    """Acknowledged, and not there, not completed, without its effect, or not in the ledger."""
    twice: list[str] = field(default_factory=list)
    """Effects that happened more than once: in the database, in the ledger, outside."""
    orphans: list[str] = field(default_factory=list)
    """Processes and files that belong to nobody."""
    odd: list[str] = field(default_factory=list)
    """Answers that nobody should have got."""
    attempts: int = 0
    inert_twice: int = 0
    """Things outside that were created a second time and never switched on: harmless, but counted."""
    recoveries: list[float] = field(default_factory=list)
    """Seconds from a kill until a job that it hit was begun again."""

    def add(self, other: Reckoning) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


async def settled(house: House, workspace: str, patience: float) -> list[str]:
    """Wait until no job is active; the ones that still are, in words."""
    deadline = time.monotonic() + patience
    query = "select id::text, type, state::text from jobs where state in ('PENDING', 'PROCESSING', 'RETRY')"
    while True:
        async with house.connection(workspace) as connection:
            found = await (await connection.execute(query)).fetchall()
        if not found or time.monotonic() > deadline:
            return [f"job {job} ({kind}) is still {state}" for job, kind, state in found]
        await asyncio.sleep(0.5)


async def tidied(house: House, patience: float) -> list[str]:
    """Wait until the workers have swept away what dead processes left unfinished; what they haven't, in words."""
    deadline = time.monotonic() + patience
    while left := _unfinished(house):
        if time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.5)
    return []


async def remove_orphans(house: House) -> list[str]:
    """Have the product look for stored files that no row names, without the hour that it gives them otherwise."""
    db = Database(house.urls().app, pool_size=1)
    try:
        return await Orphans(db, DiskStorage(house.data / "storage"), patience=0.0).remove()
    finally:
        await db.close()


async def check_ledger(house: House, *, sealed_within: float) -> tuple[str, list[str]]:
    """Have the product's own verifier look at the ledger, once everything is sealed: a sentence, and what is wrong."""
    unsealed, since = 1, time.monotonic()
    query = "select count(*) from ledger_events e left join ledger_seals s using (workspace_id, id) where s.id is null"
    while unsealed and time.monotonic() - since < sealed_within:
        async with house.connection(await workspace_of(house)) as connection:
            (unsealed,) = (await (await connection.execute(query)).fetchone()) or (0,)
        await asyncio.sleep(0.5)
    argv = [sys.executable, "-m", "stakazo.cli", "ledger", "check", "--json"]
    environment = os.environ | house.environment
    ran = await asyncio.to_thread(subprocess.run, argv, env=environment, capture_output=True, text=True, check=False)
    said = f"`stakazo ledger check` on all of it: exit {ran.returncode}."
    wrong = [f"{unsealed} events were not sealed in {sealed_within:g} s"] if unsealed else []
    return said, wrong + ([f"ledger check: {ran.stdout} {ran.stderr}"] if ran.returncode else [])


async def reckon(
    house: House, people: People, workspace: str, *, films: Sequence[Film] = (), kills: Sequence[tuple[float, int]] = ()
) -> Reckoning:
    """Count. All jobs have had their time to end; the database is up, the workers may be gone."""
    found = Reckoning(odd=list(people.odd))
    seen = await _look(house, workspace)
    found.jobs, found.attempts = len(seen.jobs), sum(attempt for _, _, attempt in seen.jobs.values())
    _jobs(seen, found)
    _acts(seen, [*people.acts, *people.probes], found)
    for what, file in seen.files:
        path = house.data / "storage" / file
        if not path.exists() or path.read_text() != what:
            found.lost.append(f"{what}: its file {file} is not whole")
    await _outside(house, seen.effects, found)
    _films(house, films, found)
    found.orphans += _left_behind(house, seen.named)
    found.recoveries = _recoveries(seen.starts, kills)
    return found


@dataclass
class _Seen:
    """What stands in the database."""

    jobs: dict[str, tuple[str, str, int]]
    """By id: type, state, attempts."""
    wishes: Counter[str]
    """Jobs by what they are for."""
    effects: Counter[tuple[str, str]]
    files: list[tuple[str, str]]
    created: Counter[str]
    completed: Counter[str]
    """Events in the ledger by job."""
    starts: list[tuple[str, int, float]]
    """Job, process, and when (seconds since the epoch), in order."""
    named: set[str]
    """Every file that a row names."""


async def _look(house: House, workspace: str) -> _Seen:
    async with house.connection(workspace) as connection:

        async def rows(query: LiteralString) -> list[Any]:
            return await (await connection.execute(query)).fetchall()

        event = "select subject_id::text from ledger_events where event = "
        jobs = await rows("select id::text, type, state::text, attempt from jobs")
        return _Seen(
            jobs={job: (kind, state, attempt) for job, kind, state, attempt in jobs},
            wishes=Counter(what for (what,) in await rows("select payload->>'what' from jobs where payload ? 'what'")),
            effects=Counter((kind, what) for kind, what in await rows("select kind, what from chaos.effects")),
            files=await rows("select what, file from chaos.effects where file is not null"),
            created=Counter(job for (job,) in await rows(event + "'job_created'")),
            completed=Counter(job for (job,) in await rows(event + "'job_processing_completed'")),
            starts=await rows("select job_id::text, pid, extract(epoch from at)::float8 from chaos.starts order by at"),
            named=await _named(rows),
        )


def _jobs(seen: _Seen, found: Reckoning) -> None:
    """Every job has ended well, and the ledger says so once."""
    for job, (kind, state, _) in seen.jobs.items():
        if state in ACTIVE or (state != "COMPLETED" and kind.startswith("chaos")):
            found.lost.append(f"job {job} ({kind}) ended as {state}")
        events = [("job_created", seen.created)]
        events += [("job_processing_completed", seen.completed)] if state == "COMPLETED" else []
        for event, counted in events:
            if counted[job] != 1:
                wrong = found.twice if counted[job] else found.lost
                wrong.append(f"job {job}: {counted[job]} {event} in the ledger")


def _acts(seen: _Seen, acts: Sequence[Act], found: Reckoning) -> None:
    """Whatever was acknowledged is there, and has had its effect, once."""
    found.acknowledged = sum(act.job_id is not None for act in acts)
    found.asked = sum(act.asked for act in acts)
    for act in acts:
        if act.job_id is not None and act.job_id not in seen.jobs:
            found.lost.append(f"{act.what}: its job {act.job_id} was acknowledged and is not there")
        if act.job_id is not None and seen.effects[act.kind, act.what] == 0:
            found.lost.append(f"{act.what}: acknowledged, without its effect")
        if seen.wishes[act.what] > 1:
            found.twice.append(f"{act.what}: {seen.wishes[act.what]} jobs for one wish")
    found.twice += [f"{kind} {what}: {n} effects" for (kind, what), n in seen.effects.items() if n > 1]


async def _named(rows: Any) -> set[str]:
    """Every file that a row names."""
    named: set[str] = set()
    columns = await rows("""
        select table_schema, table_name, column_name from information_schema.columns
        where ((table_schema = 'public' and column_name like '%\\_key')
            or (table_schema = 'chaos' and column_name = 'file'))
          and data_type in ('text', 'character varying')
    """)
    for schema, table, column in columns:
        query = f'select "{column}" from "{schema}"."{table}" where "{column}" is not null'
        named |= {key for (key,) in await rows(query)}
    return named


async def _outside(house: House, effects: Counter[tuple[str, str]], found: Reckoning) -> None:
    """Ask the platform what it has been made to do."""
    if "platform" not in house.living:
        return
    async with httpx.AsyncClient(trust_env=False) as client:
        there = (await client.get(f"http://127.0.0.1:{house.outside_port}/all")).json()
    found.twice += [f"outside: {what} is active {n} times" for what, n in there["active"].items() if n > 1]
    found.inert_twice = sum(n - 1 for n in there["created"].values() if n > 1)
    for (kind, what), n in effects.items():
        if kind == "publish" and n and not there["active"].get(what):
            found.lost.append(f"outside: {what} was completed and is not active")


def _films(house: House, films: Sequence[Film], found: Reckoning) -> None:
    for film in films:
        if not film.variants:
            found.lost.append(f"{film.title}: no variants")
        for variant in film.variants:
            if variant["state"] != "READY":
                found.lost.append(f"{film.title}: variant {variant['recipe']} is {variant['state']}")
                continue
            kept = list((house.data / "storage").glob(f"*/variants/{variant['id']}*"))
            sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in kept]
            if variant["sha256"] not in sums:
                found.lost.append(f"{film.title}: the file of {variant['recipe']} is not the one that was verified")


def _left_behind(house: House, named: set[str]) -> list[str]:
    """Temporary files, objects that no row names, and processes whose parent is gone."""
    storage = house.data / "storage"
    left = _unfinished(house)
    for path in storage.rglob("*"):
        key = str(path.relative_to(storage))
        if path.is_file() and not key.startswith("tmp/") and key not in named:
            left.append(f"object {key}")
    return left + [f"process {p.pid} {' '.join(p.cmdline())[:120]}" for p in strays(house)]


def _unfinished(house: House) -> list[str]:
    """Work that nobody does any more, while no job is active."""
    tmp = house.data / "storage" / "tmp"
    return [f"temporary file {path.name}" for path in tmp.rglob("*") if path.is_file() and path.name != "alive"]


def strays(house: House) -> list[psutil.Process]:
    """Processes that work for this installation though what started them is dead; the database's own are none."""
    ours = {process.pid for process in house.living.values()}
    mark, found = str(house.data), []
    for process in psutil.process_iter():
        try:
            if process.pid in ours or process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            told = process.environ().get("STAKAZO_DATA_DIR") == mark or mark in " ".join(process.cmdline())
            if not told or "postgres" in process.name():
                continue
            if not {parent.pid for parent in process.parents()} & ours:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _recoveries(starts: list[tuple[str, int, float]], kills: Sequence[tuple[float, int]]) -> list[float]:
    """For each kill: seconds until each job that ran there was begun elsewhere, where this was its first crash."""
    by_job: dict[str, list[tuple[int, float]]] = {}
    for job, pid, at in starts:
        by_job.setdefault(job, []).append((pid, at))
    died = {pid: at for at, pid in kills}
    gaps = []
    for begun in by_job.values():
        for (pid, at), (_, again) in pairwise(begun):
            if pid in died and at <= died[pid] <= again:
                gaps.append(again - died[pid])
                break
    return gaps
