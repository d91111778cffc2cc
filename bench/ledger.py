"""How safe and how fast the ledger is: an attack matrix on a real database, and the sealer beside writers.

    python bench/ledger.py            writes bench/reports/ledger.md and ledger.json

Attacks are made by a superuser with every guard rail off, at 100 random positions each; every one is undone before the
next. Writers are eight, in processes of their own, each transaction a business row and its event; the sealer is a
process too. With and without it alternate in one run, so that a busy machine is busy for both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import make_url, text

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.ledger.attacks import ATTACKS, GUARDS_OFF

from stakazo.core import migrate, postgres
from stakazo.core.actor import Actor, new_id
from stakazo.core.cluster import SUPERUSER
from stakazo.core.db import Database
from stakazo.core.postgres import Urls, conninfo
from stakazo.core.settings import Settings
from stakazo.core.workspaces import Workspace
from stakazo.ledger import checkpoint, proofs
from stakazo.ledger import service as ledger
from stakazo.ledger.checkpoint import Checkpoint, Note, VerifierKey, public_key
from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.merkle import Frontier, leaf_hash
from stakazo.ledger.outlets import CheckpointFile
from stakazo.ledger.sealer import LOCK, Sealer, keep_sealing
from stakazo.ledger.verify import Report, verify

REPORTS = Path(__file__).parent / "reports"
WRITERS, PROCESSES = 8, 4
EVENTS_BAR, LAG_BAR, SLOWER_BAR = 500, 5.0, 0.15


# --- attacks ------------------------------------------------------------------------------------------------


class Stage:
    """A database with a sealed ledger, and somebody with every right in it."""

    def __init__(self, urls: Urls, superuser: str, folder: Path) -> None:
        self.urls, self.superuser = urls, superuser
        self.keys, self.file = KeyFolder(folder / "keys"), CheckpointFile(folder / "checkpoints")
        self.db, self.root = Database(urls.app), Database(superuser)
        self.actor, self.other = Actor(new_id(), "user", "ann"), Actor(new_id(), "user", "bob")

    async def fill(self, events: int, every: int) -> None:
        for who in (self.actor, self.other):
            async with self.db.system_transaction() as session:
                session.add(Workspace(id=who.workspace_id, name="bench"))
        async with Sealer(self.urls.app, name="bench", keys=self.keys, file=self.file).open() as sealer:
            for start in range(0, events, every):
                for number in range(start, start + every):
                    async with self.db.transaction(self.actor) as session:
                        await ledger.record(session, "clip_accepted", subject=("clip", new_id()), number=number)
                async with self.db.transaction(self.other) as session:
                    await ledger.record(session, "clip_rejected", subject=("clip", new_id()))
                while not (await sealer.round()).events:  # noqa: ASYNC110 (it happens elsewhere)
                    await asyncio.sleep(0.01)

    @property
    def key(self) -> VerifierKey:
        private = self.keys.newest()
        assert private is not None
        return VerifierKey(f"bench/{self.actor.workspace_id}", public_key(private))

    @property
    def kept(self) -> list[Note]:
        return list(self.file.all(self.actor.workspace_id))

    async def after(self, attack: Callable[[Any], None], *, outside: bool) -> Report:
        """What the verifier says of the export of a database in which this was done; nothing of it is kept."""
        async with self.root.transaction(self.actor) as session:
            for statement in GUARDS_OFF:
                await session.execute(text(statement))
            raw = await (await session.connection()).get_raw_connection()
            await asyncio.to_thread(attack, _Cursor(raw.driver_connection, asyncio.get_running_loop()))
            await session.execute(text("set local role stakazo_app"))
            lines = [line async for line in proofs.export(session)]
            await session.rollback()
        return verify(lines, [self.key], self.kept if outside else [])


class _Cursor:
    """A connection whose loop is elsewhere, for attacks that are written without one."""

    def __init__(self, connection: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.connection, self.loop = connection, loop

    def execute(self, statement: str, values: Any = None) -> _Cursor:
        self.rows = asyncio.run_coroutine_threadsafe(self._execute(statement, values), self.loop).result()
        return self

    async def _execute(self, statement: str, values: Any) -> list[Any]:
        cursor = await self.connection.execute(statement, values)
        return await cursor.fetchall() if cursor.description else []

    def fetchall(self) -> list[Any]:
        return self.rows


async def matrix(stage: Stage, count: int, chance: random.Random) -> list[dict[str, Any]]:
    """Each attack at so many random positions: how often it was found, and its place named."""
    with psycopg.connect(conninfo(stage.superuser), row_factory=psycopg.rows.namedtuple_row) as connection:
        rows = connection.execute(
            "select e.id, e.canonical, s.position from ledger_events e join ledger_seals s on s.id = e.id"
            " where e.workspace_id = %s order by s.position",
            [stage.actor.workspace_id],
        ).fetchall()
    assert (await stage.after(lambda _: None, outside=True)).fault is None
    found = []
    for name, attack in ATTACKS.items():
        detected = named = exact = 0
        widest = 0
        for position in chance.sample(range(len(rows)), count):
            other = chance.choice([n for n in range(len(rows)) if n != position])
            report = await stage.after(lambda c, a=attack, p=position, o=other: a(c, rows[p], rows[o]), outside=False)  # type: ignore[misc]
            first = other if name.startswith("duplicate") else min(position, other) if "swap" in name else position
            if report.fault is not None:
                detected += 1
                named += report.fault.first <= first <= report.fault.last
                exact += report.fault.first == report.fault.last == first
                widest = max(widest, report.fault.last - report.fault.first + 1)
        found.append(
            {"attack": name, "n": count, "detected": detected, "named": named, "exact": exact, "widest": widest}
        )
    return found


async def against_outside(stage: Stage) -> list[dict[str, Any]]:
    """What only a checkpoint that was kept elsewhere shows."""
    workspace = stage.actor.workspace_id
    own = stage.keys.newest()
    assert own is not None

    def cut(c: Any, keep: int = 300) -> None:
        c.execute("delete from ledger_checkpoints where workspace_id = %s and size > %s", [workspace, keep])
        c.execute("delete from ledger_seals where workspace_id = %s and position >= %s", [workspace, keep])
        c.execute(
            "delete from ledger_events e where workspace_id = %s"
            " and not exists (select from ledger_seals s where s.id = e.id)",
            [workspace],
        )

    def anew(c: Any, private: Ed25519PrivateKey, start: int) -> None:
        """Written anew from a position on, every hash made again, every checkpoint signed again."""
        rows = c.execute(
            "select e.id, e.canonical, s.position from ledger_events e join ledger_seals s on s.id = e.id"
            " where e.workspace_id = %s order by s.position",
            [workspace],
        ).fetchall()
        signed = {
            size
            for (size,) in c.execute(
                "select size from ledger_checkpoints where workspace_id = %s", [workspace]
            ).fetchall()
        }
        tree = Frontier()
        for event_id, data, position in rows:
            said = bytes(data)
            if position == start:
                said = said.replace(b"clip_accepted", b"clip_rejected")
                c.execute(
                    "update ledger_events set canonical = %s, event = 'clip_rejected' where id = %s", [said, event_id]
                )
            tree, hashes = tree.append(leaf_hash(said))
            if position >= start:
                c.execute("update ledger_seals set hashes = %s where id = %s", [b"".join(hashes), event_id])
                if tree.size in signed:
                    note = checkpoint.sign(Checkpoint(stage.key.name, tree.size, tree.root), private)
                    c.execute(
                        "update ledger_checkpoints set note = %s, root = %s where workspace_id = %s and size = %s",
                        [note, tree.root, workspace, tree.size],
                    )

    stranger = Ed25519PrivateKey.generate()
    cases: list[tuple[str, Callable[[Any], None]]] = [
        ("tail cut off", cut),
        ("an old backup restored (the tail, and nothing else, is gone)", lambda c: cut(c, 120)),
        ("written anew with another key", lambda c: anew(c, stranger, 0)),
        ("written anew with the stolen key", lambda c: anew(c, own, 0)),
        ("forked in the middle with the stolen key", lambda c: anew(c, own, 250)),
    ]
    found = []
    for name, attack in cases:
        alone, beside = await stage.after(attack, outside=False), await stage.after(attack, outside=True)
        found.append(
            {"attack": name, "alone": str(alone.fault or "nothing"), "outside": str(beside.fault or "NOTHING")}
        )
    return found


async def unsealed(stage: Stage, count: int) -> dict[str, int]:
    """Events removed before the sealer came: how many are missed by another event of the same process."""
    before = len((await stage.after(lambda _: None, outside=False)).gaps)
    subjects = [new_id() for _ in range(count)]
    for subject in subjects:
        async with stage.db.transaction(stage.actor) as session:
            await ledger.record(session, "clip_accepted", subject=("clip", subject))
    gone = [subjects[n] for n in range(0, count, 2)]
    with psycopg.connect(conninfo(stage.superuser)) as connection:
        connection.execute("alter table ledger_events disable trigger all")
        connection.execute("delete from ledger_events where subject_id = any(%s)", [gone])
        connection.execute("alter table ledger_events enable trigger all")
        connection.execute("alter table ledger_events enable always trigger append_only")
    async with Sealer(stage.urls.app, name="bench", keys=stage.keys, file=stage.file).open() as sealer:
        while not (await sealer.round()).events:  # noqa: ASYNC110 (it happens elsewhere)
            await asyncio.sleep(0.01)
    after = len((await stage.after(lambda _: None, outside=False)).gaps)
    return {"removed": len(gone), "missed": after - before}


# --- speed --------------------------------------------------------------------------------------------------


_BUSINESS = text("insert into bench_rows (id, workspace_id, note) values (:id, :workspace, 'a business row')")


def write(url: str, workspaces: list[UUID], writers: int, seconds: float, results: Any) -> None:
    """A process with some writers, each in a workspace; its transactions a second and their times."""

    async def one(db: Database, workspace: UUID, end: float, took: list[float]) -> None:
        actor = Actor(workspace, "user", "bench")
        while (began := time.perf_counter()) < end:
            async with db.transaction(actor) as session:
                row = new_id()
                await session.execute(_BUSINESS, {"id": row, "workspace": workspace})
                await ledger.record(session, "clip_accepted", subject=("clip", row), start=12.5, end=21.0)
            took.append(time.perf_counter() - began)

    async def every() -> None:
        db = Database(url, pool_size=writers)
        took: list[float] = []
        end = time.perf_counter() + seconds
        await asyncio.gather(*(one(db, workspaces[n % len(workspaces)], end, took) for n in range(writers)))
        await db.close()
        results.put(took)

    asyncio.run(every())


def seal(settings: Settings, url: str) -> None:
    asyncio.run(keep_sealing(settings, url))


def measure(url: str, workspaces: list[UUID], seconds: float) -> dict[str, float]:
    """Eight writers for so long."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    each = WRITERS // PROCESSES
    parts = [
        context.Process(target=write, args=(url, workspaces[n * each :] + workspaces, each, seconds, results))
        for n in range(PROCESSES)
    ]
    for part in parts:
        part.start()
    took = sorted(one for _ in parts for one in results.get())
    for part in parts:
        part.join()
    return {
        "per_s": round(len(took) / seconds, 1),
        "p50_ms": round(1000 * statistics.median(took), 2),
        "p99_ms": round(1000 * took[int(0.99 * len(took))], 2),
    }


async def speed(urls: Urls, settings: Settings, rounds: int, seconds: float) -> dict[str, Any]:
    """With the sealer and without, in turn; then what the sealer did."""
    with psycopg.connect(conninfo(urls.owner), autocommit=True) as owner:
        owner.execute("create table bench_rows (id uuid primary key, workspace_id uuid not null, note text)")
        owner.execute("grant select, insert on bench_rows to stakazo_app")
    db = Database(urls.app, pool_size=2)
    workspaces = [new_id() for _ in range(4)]
    async with db.system_transaction() as session:
        session.add_all([Workspace(id=one, name="bench") for one in workspaces])
    await db.close()
    context = multiprocessing.get_context("spawn")
    pairs = []
    measure(urls.app, workspaces, 3)  # warm
    for number in range(rounds):
        pair: dict[str, Any] = {}
        for kind in ("with", "without") if number % 2 else ("without", "with"):
            sealer = context.Process(target=seal, args=(settings, urls.app))
            before, processes = 0.0, list[int]()
            if kind == "with":
                sealer.start()
                # Neither its start nor the rows of the round without it are part of the measurement.
                processes = [sealer.pid or 0, await leading(urls)]
                await caught_up(urls)
                before = cpu(processes)
            pair[kind] = measure(urls.app, workspaces, seconds)
            if kind == "with":
                began = datetime.now(UTC)
                await caught_up(urls)
                pair["caught_up_s"] = round((datetime.now(UTC) - began).total_seconds(), 2)
                pair["lag_s"] = lag(urls, seconds)
                pair["cpu_ms"] = round(1000 * (cpu(processes) - before) / (pair["with"]["per_s"] * seconds), 3)
                sealer.terminate()
                sealer.join()
        pairs.append(pair)
    slower = [1 - pair["with"]["per_s"] / pair["without"]["per_s"] for pair in pairs]
    return {
        "pairs": pairs,
        "slower": round(statistics.median(slower), 3),
        "slower_half": [round(one, 3) for one in statistics.quantiles(slower, n=4)[::2]] if rounds > 1 else None,
        "per_s": round(statistics.median(pair["with"]["per_s"] for pair in pairs), 1),
        "cpu_ms": round(statistics.median(pair["cpu_ms"] for pair in pairs), 3),
        "lag_p99_s": max(pair["lag_s"]["p99"] for pair in pairs),
        "lag_max_s": max(pair["lag_s"]["max"] for pair in pairs),
    }


async def leading(urls: Urls) -> int:
    """Wait until a sealer leads; the process of its connection."""
    with psycopg.connect(conninfo(urls.app), autocommit=True) as connection:
        while True:
            found = connection.execute(
                "select pid from pg_locks where locktype = 'advisory' and objid = %s and granted", [LOCK]
            ).fetchone()
            if found:
                return int(found[0])
            await asyncio.sleep(0.1)


def cpu(processes: list[int]) -> float:
    """Seconds of processor that they have used."""
    ticks = 0
    for pid in processes:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def caught_up(urls: Urls) -> None:
    with psycopg.connect(conninfo(urls.app), autocommit=True) as connection:
        connection.execute("set role stakazo_system")
        while connection.execute(_WAITING).fetchone():  # noqa: ASYNC110 (it happens elsewhere)
            await asyncio.sleep(0.1)


def lag(urls: Urls, seconds: float) -> dict[str, float]:
    """From an event to its place, of the last so many seconds."""
    with psycopg.connect(conninfo(urls.app), autocommit=True) as connection:
        connection.execute("set role stakazo_system")
        rows = connection.execute(
            "select extract(epoch from s.created_at - e.created_at)::float from ledger_events e"
            " join ledger_seals s on s.id = e.id"
            " where e.created_at > (select max(created_at) from ledger_events) - make_interval(secs => %s)",
            [0.9 * seconds],
        ).fetchall()
    found = sorted(row[0] for row in rows)
    return {
        "p50": round(statistics.median(found), 2),
        "p99": round(found[int(0.99 * len(found))], 2),
        "max": round(found[-1], 2),
    }


_WAITING = """
    select from ledger_events e where not exists (select from ledger_seals s where s.id = e.id) limit 1
"""


# --- report -------------------------------------------------------------------------------------------------


async def main(*, quick: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="stakazo-bench-") as name:
        folder = Path(name)
        os.chmod(folder, 0o711)  # noqa: PTH101 (the server's user must pass through)
        settings = Settings(_env_file=None, data_dir=folder)
        urls = postgres.ensure(folder)
        try:
            result = await run(settings, urls, folder, quick=quick)
        finally:
            postgres.stop(folder, force=True)
    if not quick:
        REPORTS.mkdir(exist_ok=True)
        (REPORTS / "ledger.json").write_text(json.dumps(result, indent=1) + "\n")
        (REPORTS / "ledger.md").write_text(report(result))
    print(report(result))
    return 0


async def run(settings: Settings, urls: Urls, folder: Path, *, quick: bool) -> dict[str, Any]:
    migrate.upgrade(urls.owner)
    password = (folder / "postgres" / postgres.SUPERUSER_PASSWORD).read_text()
    superuser = make_url(urls.owner).set(username=SUPERUSER, password=password).render_as_string(hide_password=False)
    result: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load_before": [round(one, 1) for one in os.getloadavg()],
    }
    chance = random.Random(20261122)
    result["speed"] = await speed(urls, settings, 1 if quick else 12, 4)
    stage = Stage(urls, superuser, folder / "stage")
    await with_its_own_database(stage, urls, superuser)
    await stage.fill(500, 20)
    result["matrix"] = await matrix(stage, 4 if quick else 100, chance)
    result["outside"] = await against_outside(stage)
    result["unsealed"] = await unsealed(stage, 60)
    result["load_after"] = [round(one, 1) for one in os.getloadavg()]
    return result


async def with_its_own_database(stage: Stage, urls: Urls, superuser: str) -> None:
    """The attacks have a database in which nobody else writes."""
    with psycopg.connect(conninfo(urls.owner), autocommit=True) as owner:
        owner.execute("create database attacked")

    def there(url: str) -> str:
        return make_url(url).set(database="attacked").render_as_string(hide_password=False)

    stage.urls, stage.superuser = Urls(there(urls.owner), there(urls.app)), there(superuser)
    stage.db, stage.root = Database(stage.urls.app), Database(stage.superuser)
    await asyncio.to_thread(migrate.upgrade, stage.urls.owner)


def _half(fast: dict[str, Any]) -> str:
    """Between what half of the pairs lie: on a busy machine far apart, and then the median says little."""
    between = fast["slower_half"]
    return f", half of them between {between[0]:.1%} and {between[1]:.1%}" if between else ""


def report(result: dict[str, Any]) -> str:
    fast = result["speed"]

    def kept(ok: object) -> str:
        return "kept" if ok else "MISSED"

    lines = [
        "# The ledger: what is detected, and what it costs",
        "",
        (
            f"`python bench/ledger.py`, {result['at']}, {result['cores']} cores, load "
            f"{result['load_before'][0]} before and {result['load_after'][0]} after, embedded PostgreSQL with "
            "durable commits, default settings."
        ),
        "",
        "## Attacks on the database",
        "",
        (
            "By a superuser with triggers and constraints off, at random positions of 500 sealed events with a "
            "checkpoint every 20; then the export is verified with nothing but the public key. *Named*: the first bad "
            "position is in the range that the verifier gives; *exact*: that range is one position; *widest*: the "
            "longest range."
        ),
        "",
        "| attack | n | detected | named | exact | widest range |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one['attack']} | {one['n']} | {one['detected']} | {one['named']} | {one['exact']} | {one['widest']} |"
            for one in result["matrix"]
        ),
        "",
        (
            f"Bar: all detected, and the first bad position named: "
            f"{kept(all(one['n'] == one['detected'] == one['named'] for one in result['matrix']))}."
        ),
        "",
        "## What only a checkpoint kept elsewhere shows",
        "",
        "| attack | by the export alone | with the checkpoints that were handed out |",
        "|---|---|---|",
        *(f"| {one['attack']} | {one['alone']} | {one['outside']} |" for one in result["outside"]),
        "",
        f"Bar: every one is caught: {kept(all(one['outside'] != 'NOTHING' for one in result['outside']))}.",
        "",
        "## Removed before it was sealed",
        "",
        (
            f"{result['unsealed']['removed']} events were removed between their commit and the sealer's round; "
            f"the next event of the same process missed {result['unsealed']['missed']} of them. What isn't missed is "
            "what a process wrote last, together with everything after it; the rows of the business are looked at for "
            "that (`stakazo ledger check`)."
        ),
        "",
        "## Speed",
        "",
        (
            f"{WRITERS} writers in {PROCESSES} processes and 4 workspaces, a business row and its event in each "
            "transaction; with the sealer and without it in turn."
        ),
        "",
        "| round | with: per s | p50 | p99 | without: per s | p50 | p99 | lag p50 | lag p99 | lag max |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for number, pair in enumerate(fast["pairs"], 1):
        on, off, late = pair["with"], pair["without"], pair["lag_s"]
        lines.append(
            f"| {number} | {on['per_s']} | {on['p50_ms']} ms | {on['p99_ms']} ms | {off['per_s']} | {off['p50_ms']} ms "
            f"| {off['p99_ms']} ms | {late['p50']} s | {late['p99']} s | {late['max']} s |"
        )
    lines += [
        "",
        (
            f"Bars: at least {EVENTS_BAR} events a second: {kept(fast['per_s'] >= EVENTS_BAR)} ({fast['per_s']}). "
            f"Lag of the seal at most {LAG_BAR:g} s: {kept(fast['lag_max_s'] <= LAG_BAR)} ({fast['lag_max_s']} s). "
            f"Transactions slower by at most {SLOWER_BAR:.0%}: {kept(fast['slower'] <= SLOWER_BAR)} "
            f"({fast['slower']:.1%}, median of {len(fast['pairs'])} pairs{_half(fast)}). The sealer and its "
            f"connection used {fast['cpu_ms']} ms of processor for each event, whatever else the machine did: "
            f"{fast['cpu_ms'] * EVENTS_BAR / 10:.0f} % of one core at {EVENTS_BAR} events a second."
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few samples, no report")
    sys.exit(asyncio.run(main(quick=parser.parse_args().quick)))
