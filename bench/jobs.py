"""How fast and how safe jobs are: start latency, throughput, cancelling, recovery from kill -9.

    python bench/jobs.py            writes bench/reports/jobs.md and jobs.json

Everything is real: an embedded PostgreSQL with its durable defaults, a worker process with the default settings, jobs
with ledger events. Beside it, in the same run: the engine alone (a bare Procrastinate task), a durable commit and a
round trip on the same server, so that the figures can be compared between machines and moments.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
from procrastinate import App, PsycopgConnector

from stakazo.core import migrate, postgres
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.postgres import Urls
from stakazo.core.settings import Settings
from stakazo.core.workspaces import Workspace
from stakazo.jobs import service
from stakazo.jobs.engine import job
from stakazo.jobs.run import Run
from stakazo.worker.process import run_worker

REPORTS = Path(__file__).parent / "reports"
BAR_MS = 20.0

bare = App(connector=PsycopgConnector())


def told(folder: str, what: str) -> None:
    """Append when something began; one line is written whole."""
    handle = os.open(Path(folder) / "began", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{what} {time.time():.6f} {os.getpid()}\n".encode())
    os.close(handle)


def began(folder: str) -> dict[str, tuple[float, int]]:
    file = Path(folder) / "began"
    lines = file.read_text().splitlines() if file.exists() else []
    return {what: (float(at), int(pid)) for what, at, pid in (line.split() for line in lines)}


@bare.task(name="bench.bare", queue="bare")
async def bare_start(folder: str, what: str) -> None:
    told(folder, what)


@job()
async def bench_start(run: Run, folder: str, what: str) -> None:  # noqa: ARG001 (a handler has one)
    told(folder, what)


@job(queue="media", max_attempts=20)
async def bench_sleep(run: Run, folder: str, what: str, seconds: float) -> None:
    child = await asyncio.create_subprocess_exec("sleep", str(seconds))
    told(folder, f"{what}:{run.attempt}:{child.pid}")
    try:
        await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


class Bench:
    def __init__(self, folder: str, urls: Urls, environment: dict[str, str]) -> None:
        self.folder, self.urls, self.environment = folder, urls, environment
        self.db = Database(urls.app)
        self.actor = Actor(new_id(), "user", "bench")
        self.workers: list[subprocess.Popen[bytes]] = []

    async def open(self) -> None:
        async with self.db.system_transaction() as session:
            session.add(Workspace(id=self.actor.workspace_id, name="bench"))

    def worker(self, kind: str = "worker") -> subprocess.Popen[bytes]:
        with (Path(self.folder) / f"{kind}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, __file__, "--as", kind], env=self.environment, stdout=log, stderr=log
            )
        self.workers.append(process)
        return process

    async def start(self, handler: Any, *arguments: Any) -> Any:
        async with self.db.transaction(self.actor) as session:
            return await handler.start(session, *arguments)

    async def until(self, happens: Callable[[], Awaitable[object]], every: float = 0.03) -> None:
        async with asyncio.timeout(120):
            while not await happens():  # noqa: ASYNC110 (it happens in another process)
                await asyncio.sleep(every)

    async def until_begun(self, what: str) -> float:
        async def there() -> bool:
            return what in began(self.folder)

        await self.until(there)
        return began(self.folder)[what][0]


def spread(samples: list[float]) -> dict[str, float]:
    ordered = sorted(samples)
    return {
        "n": len(ordered),
        "p50": round(statistics.median(ordered), 2),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 2),
        "max": round(ordered[-1], 2),
    }


async def baseline(bench: Bench, count: int) -> dict[str, Any]:
    """A round trip and a durable commit, in milliseconds."""
    trips, commits = [], []
    async with await psycopg.AsyncConnection.connect(
        postgres.conninfo(bench.urls.owner), autocommit=True
    ) as connection:
        await connection.execute("create table if not exists bench_commits (at timestamptz default now())")
        for _ in range(count):
            before = time.perf_counter()
            await connection.execute("select 1")
            trips.append(1000 * (time.perf_counter() - before))
            before = time.perf_counter()
            await connection.execute("insert into bench_commits default values")
            commits.append(1000 * (time.perf_counter() - before))
    return {"round_trip_ms": spread(trips), "durable_commit_ms": spread(commits)}


async def latency(bench: Bench, count: int) -> dict[str, Any]:
    """Milliseconds from the commit that starts a job to the handler's first line, with an idle worker."""
    from_commit, from_start, engine = [], [], []
    await bench.start(bench_start, bench.folder, "warm")
    await bench.until_begun("warm")
    with bare.replace_connector(PsycopgConnector(conninfo=postgres.conninfo(bench.urls.app))):
        async with bare.open_async():
            await bare_start.defer_async(folder=bench.folder, what="warm-bare")
            await bench.until_begun("warm-bare")
            for i in range(count):
                await asyncio.sleep(0.05 + 0.013 * (i % 7))  # idle, and not in step with the polls
                async with bench.db.transaction(bench.actor) as session:
                    before = time.time()
                    await bench_start.start(session, bench.folder, f"s{i}")
                committed = time.time()
                at = await bench.until_begun(f"s{i}")
                from_commit.append(1000 * (at - committed))
                from_start.append(1000 * (at - before))
                await asyncio.sleep(0.05)
                before = time.time()
                await bare_start.defer_async(folder=bench.folder, what=f"b{i}")
                engine.append(1000 * (await bench.until_begun(f"b{i}") - before))
    return {
        "commit_to_handler_ms": spread(from_commit),
        "start_call_to_handler_ms": spread(from_start),
        "engine_alone_ms": spread(engine),
    }


async def throughput(bench: Bench, count: int) -> dict[str, Any]:
    """Jobs per second of one worker, from the first commit to the last completion."""
    before = time.perf_counter()
    async with bench.db.transaction(bench.actor) as session:
        for i in range(count):
            await bench_start.start(session, bench.folder, f"t{i}")
    started = time.perf_counter() - before

    async def all_done() -> bool:
        async with bench.db.transaction(bench.actor) as session:
            states = (await service.summary(session))["types"]["bench_start"]
        return set(states) == {"COMPLETED"}

    await bench.until(all_done)
    took = time.perf_counter() - before
    return {"jobs": count, "started_per_s": round(count / started), "done_per_s": round(count / took)}


async def cancelling(bench: Bench, count: int) -> dict[str, Any]:
    """Milliseconds from asking to the child process being gone."""
    samples = []
    for i in range(count):
        row = await bench.start(bench_sleep, bench.folder, f"c{i}", 60.0)
        pid = await child_of(bench, f"c{i}", 1)
        before = time.time()
        async with bench.db.transaction(bench.actor) as session:
            await service.cancel(session, row.id)

        async def gone(pid: int = pid) -> bool:
            return not psutil.pid_exists(pid)

        await bench.until(gone, every=0.002)
        samples.append(1000 * (time.time() - before))
    return {"cancel_to_child_gone_ms": spread(samples)}


async def child_of(bench: Bench, what: str, attempt: int) -> int:
    found: list[int] = []

    async def there() -> bool:
        found[:] = [int(line.split(":")[2]) for line in began(bench.folder) if line.startswith(f"{what}:{attempt}:")]
        return bool(found)

    await bench.until(there)
    return found[0]


async def recovery(bench: Bench, count: int) -> dict[str, Any]:
    """Seconds from kill -9 of a worker to its job's start on another one, with the default settings."""
    samples = []
    for i in range(count):
        spare = bench.worker()
        row = await bench.start(bench_sleep, bench.folder, f"k{i}", 120.0)
        await child_of(bench, f"k{i}", 1)
        victims = [worker for worker in bench.workers if worker.poll() is None]
        async with bench.db.transaction(bench.actor) as session:
            pid = int(str((await service.get(session, row.id)).worker).rsplit(":", 1)[1])
        await asyncio.sleep(0.7 * i)  # at different moments between two heartbeats
        before = time.time()
        os.kill(pid, signal.SIGKILL)
        next(victim for victim in victims if victim.pid == pid).wait()
        await child_of(bench, f"k{i}", 2)
        samples.append(time.time() - before)
        async with bench.db.transaction(bench.actor) as session:
            await service.cancel(session, row.id)
        del spare
    return {"kill_to_restart_s": spread(samples)}


async def main(*, quick: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="stakazo-bench-") as folder:
        os.chmod(folder, 0o711)  # noqa: PTH101 (one call; for the server's user)
        urls = await asyncio.to_thread(postgres.ensure, Path(folder))
        await asyncio.to_thread(migrate.upgrade, urls.owner)
        environment = os.environ | {
            "STAKAZO_DATABASE_URL": urls.owner,
            "STAKAZO_APP_DATABASE_URL": urls.app,
            "STAKAZO_DATA_DIR": folder,
            "STAKAZO_LOG_LEVEL": "WARNING",
            "BENCH_DATABASE": postgres.conninfo(urls.app),
        }
        bench = Bench(folder, urls, environment)
        try:
            await bench.open()
            bench.worker()
            engine = bench.worker("bare")
            settings = Settings()
            result: dict[str, Any] = {
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "cores": os.cpu_count(),
                "realtime": os.sched_getscheduler(0) != os.SCHED_OTHER,
                "load_before": [round(load, 1) for load in os.getloadavg()],
                "settings": {
                    name: getattr(settings, name) for name in ("heartbeat_interval", "stalled_after", "sweep_interval")
                },
            }
            result |= await baseline(bench, 50 if quick else 300)
            result |= await latency(bench, 30 if quick else 200)
            engine.terminate()
            result |= await throughput(bench, 50 if quick else 300)
            result |= await cancelling(bench, 5 if quick else 20)
            result |= await recovery(bench, 1 if quick else 4)
            result["load_after"] = [round(load, 1) for load in os.getloadavg()]
        finally:
            for worker in bench.workers:
                worker.kill()
                worker.wait()
            await bench.db.close()
            await asyncio.to_thread(postgres.stop, Path(folder), force=True)
    text = report(result)
    print(text)
    if not quick:
        (REPORTS / "jobs.json").write_text(json.dumps(result, indent=2) + "\n")
        (REPORTS / "jobs.md").write_text(text)
    return 0 if result["commit_to_handler_ms"]["p95"] < BAR_MS else 1


def report(result: dict[str, Any]) -> str:
    rows = [
        ("Start: commit to the handler's first line, idle worker", "commit_to_handler_ms", "ms"),
        ("The same from the call of `start()`, with the caller's own commit", "start_call_to_handler_ms", "ms"),
        ("The engine alone: a bare task, from its defer", "engine_alone_ms", "ms"),
        ("Cancel: from asking to the child process being gone", "cancel_to_child_gone_ms", "ms"),
        ("kill -9 of a worker to its job's start elsewhere", "kill_to_restart_s", "s"),
        ("For comparison: one durable commit", "durable_commit_ms", "ms"),
        ("For comparison: one round trip", "round_trip_ms", "ms"),
    ]
    lines = [
        "# Jobs: latency and recovery",
        "",
        (
            f"`python bench/jobs.py`, {result['at']}, {result['cores']} cores, "
            f"load {result['load_before'][0]} before and {result['load_after'][0]} after"
            f"{' (of others: this ran at real-time priority)' if result['realtime'] else ''}, "
            "embedded PostgreSQL with durable commits, default settings "
            f"(heartbeat {result['settings']['heartbeat_interval']:g} s, stalled after "
            f"{result['settings']['stalled_after']:g} s, sweep {result['settings']['sweep_interval']:g} s)."
        ),
        "",
        "| what | n | p50 | p95 | max |",
        "|---|---|---|---|---|",
    ]
    for what, name, unit in rows:
        one = result[name]
        lines.append(f"| {what} | {one['n']} | {one['p50']} {unit} | {one['p95']} {unit} | {one['max']} {unit} |")
    p95, rate = result["commit_to_handler_ms"]["p95"], result
    lines += [
        "",
        (
            f"Bar: start p95 under {BAR_MS:g} ms: {'kept' if p95 < BAR_MS else 'MISSED'} ({p95} ms). "
            f"One worker process starts {rate['started_per_s']} jobs/s in one transaction and completes "
            f"{rate['done_per_s']} jobs/s with a ledger event for each step."
        ),
        "",
    ]
    return "\n".join(lines)


async def be_a_worker(kind: str) -> None:
    if kind == "bare":
        with bare.replace_connector(PsycopgConnector(conninfo=os.environ["BENCH_DATABASE"])):
            async with bare.open_async():
                await bare.run_worker_async(queues=["bare"], concurrency=4, delete_jobs="always")
    else:
        settings = Settings()
        await run_worker(settings, await postgres.resolve(settings))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few samples, no report")
    parser.add_argument("--as", dest="kind", choices=["worker", "bare"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.kind:
        asyncio.run(be_a_worker(arguments.kind))
        sys.exit(0)
    sys.exit(asyncio.run(main(quick=arguments.quick)))
