"""`python -m chaos.world`: posts and campaigns by the hundred, while whatever can break does. Exit code 0: once each.

Workers, API and database are killed again and again, and the platforms (the sandbox, which alone is left standing,
since it is the truth that is counted) lose replies, answer late, fail and lie. At the end every wish that was
acknowledged is held against what the sandbox shows to anybody.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import httpx

from chaos import advertising, posting, world_report
from chaos.house import House, be_worker, free_port, live_through
from chaos.phases import workspace_of

REPORT = Path(__file__).with_name("world.md")
LATER = 8.0
"""Seconds after which a late effect comes: whoever wanted it has looked, and gone on."""
FAULTS: tuple[tuple[str, str, float], ...] = (
    ("late_effect", "POST *", 0.03),
    ("late_effect", "PUT *", 0.03),
    ("late_effect", "DELETE *", 0.03),
    ("lost_reply", "POST *", 0.06),
    ("late_reply", "POST *", 0.03),
    ("never_arrived", "*", 0.02),
    ("error_after", "*", 0.02),
    ("not_ready_after_finished", "*", 0.05),
    ("container_error", "*", 0.02),
    ("processing_failed_error", "*", 0.05),
    ("upload_cut", "*", 0.05),
    ("chunk_error", "*", 0.05),
    ("moderation", "*", 0.1),
    ("session_gone", "*", 0.02),
    ("no_permalink", "*", 0.02),
    ("empty_page", "*", 0.05),
)
"""What goes wrong at the platforms, where, and how often."""
HURRY = {
    "STAKAZO_DEFAULT_WORKERS": "8",
    "STAKAZO_HEARTBEAT_INTERVAL": "0.5",
    "STAKAZO_STALLED_AFTER": "5",
    "STAKAZO_ADS_WATCH_INTERVAL": "15",
}
"""What shortens the time in which a dead worker is missed and an ad account is looked at again."""

GROWN = 8.0
"""Seconds that a process lives before it is killed: in less it has begun nothing that could be broken."""


def be_sandbox(port: int, seed: int) -> None:
    """The platforms."""
    from stakazo.platforms.sandbox.server import running
    from stakazo.platforms.sandbox.world import World

    async def serve() -> None:
        world = World(seed=seed)
        world.processing, world.late = 0.3, 1.0
        world.limits |= dict.fromkeys(world.limits, 1_000_000)
        async with running(world, port=port):
            await asyncio.Event().wait()

    asyncio.run(serve())


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


class Sandbox:
    """The platforms, as their controls show them."""

    def __init__(self, url: str) -> None:
        self.http = httpx.AsyncClient(base_url=url, timeout=30, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def things(self, kind: str) -> list[dict[str, Any]]:
        return list((await self.http.get(f"/sandbox/things/{kind}")).raise_for_status().json())

    async def account(self, platform: str) -> dict[str, str]:
        """One more account to connect."""
        made = await self.http.post("/sandbox/accounts", json={"platform": platform})
        return dict(made.raise_for_status().json())

    async def begin(self) -> None:
        """From now on things go wrong."""
        for what, where, chance in FAULTS:
            detail = {"seconds": LATER} if what == "late_effect" else {}
            fault = {"what": what, "where": where, "chance": chance, "detail": detail}
            (await self.http.post("/sandbox/faults", json=fault)).raise_for_status()

    async def calm(self) -> Counter[str]:
        """From now on nothing goes wrong; says what did."""
        struck = (await self.http.get("/sandbox")).json()["struck"]
        (await self.http.post("/sandbox/scenario", json={"scenario": "calm"})).raise_for_status()
        return Counter(struck)


class Wishes:
    """Requests that are sent until they are answered, each time with the same key."""

    def __init__(self) -> None:
        self.odd: list[str] = []
        """Answers that nobody should have got."""

    async def ask(self, client: httpx.AsyncClient, path: str, body: dict[str, Any] | None, good: int = 201) -> Any:
        """The answer's body; None where it is refused for a reason (409, 422)."""
        key = {"Idempotency-Key": uuid4().hex}
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = await client.post(path, json=body, headers=key)
                if answer.status_code == good:
                    return answer.json()
                code = answer.json().get("code") if answer.content else None
                if answer.status_code in {409, 412, 422} and code != "idempotency_key_in_flight":
                    return None
                if answer.status_code not in {409, 429, 502, 503, 504, 507}:
                    self.odd.append(f"POST {path}: {answer.status_code} {answer.text[:300]}")
                    return None
            await asyncio.sleep(0.1)

    async def get(self, client: httpx.AsyncClient, path: str, **query: Any) -> Any:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = await client.get(path, params=query)
                if answer.is_success:
                    return answer.json()
                if answer.status_code < 500:
                    raise RuntimeError(f"GET {path}: {answer.status_code} {answer.text[:300]}")
            await asyncio.sleep(0.1)

    async def every(self, client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self.get(client, path, limit=200, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items


async def killing(house: House, chance: random.Random, every: float, killed: Counter[str]) -> None:
    """Kill something, again and again: mostly a worker, now and then the API or the whole database."""
    last_stop = time.monotonic()
    while True:
        await asyncio.sleep(chance.uniform(0.4, 1.6) * every)
        dice = chance.random()
        if dice < 0.04 and time.monotonic() - last_stop > 15:
            if house.database_ready() and house.stop_database():
                killed["database"] += 1
                last_stop = time.monotonic()
        elif dice < 0.14:
            if house.age("api") > GROWN and house.kill("api"):
                killed["API"] += 1
        else:
            grown = [place for place in house.living if place.startswith("worker") and house.age(place) > GROWN]
            if grown and house.kill(chance.choice(grown)):
                killed["worker"] += 1


async def run(options: argparse.Namespace, folder: Path) -> world_report.Found:
    folder.chmod(0o711)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {"STAKAZO_SANDBOX_URL": url, "STAKAZO_LIMIT_SPEND": "1000000/minute", **HURRY}
    async with House(folder / "house", seed=options.seed, environment=environment) as house, Sandbox(url) as sandbox:
        house.start("platform", be_sandbox, port, options.seed)
        await house.open(workers=0, platform=False)
        for number in range(options.workers):
            house.keep(f"worker {number}", be_worker, ["publish"])
        async with house.client() as client:
            return await lived_through(house, sandbox, client, options)


async def lived_through(
    house: House, sandbox: Sandbox, client: httpx.AsyncClient, options: argparse.Namespace
) -> world_report.Found:
    """Everything is wished, and brought about while things break; then it is counted."""
    since, killed, wishes = time.monotonic(), Counter[str](), Wishes()
    posts = posting.Posts(house, sandbox, wishes, UUID(await workspace_of(house)), options.publications)
    campaigns = advertising.Campaigns(sandbox, wishes, options.campaigns)
    await posts.prepare(client)
    await campaigns.prepare(client, posts.variants["instagram"])
    await sandbox.begin()
    killer = asyncio.create_task(killing(house, random.Random(options.seed), options.every, killed))
    await asyncio.gather(posts.want(client), campaigns.want(client))
    say(f"{len(posts.wanted)} posts and {len(campaigns.wanted)} campaigns are acknowledged")
    await campaigns.settled(client, say)
    await posts.settled(client, say)
    killer.cancel()
    await asyncio.gather(killer, return_exceptions=True)
    struck = await sandbox.calm()
    await campaigns.swept(client)
    return world_report.Found(
        seed=options.seed,
        seconds=time.monotonic() - since,
        killed=killed,
        struck=struck,
        posts=await posts.counted(client),
        campaigns=await campaigns.counted(client),
        odd=wishes.odd,
        violations=len((await sandbox.http.get("/sandbox/violations")).json()),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--publications", type=int, default=1000)
    parser.add_argument("--campaigns", type=int, default=300)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--every", type=float, default=6.0, help="seconds between two kills")
    parser.add_argument("--keep", action="store_true", help="leave the folder with the logs")
    parser.add_argument("--report", type=Path, help="where to write the report")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="stakazo-world-"))
    try:
        found = live_through(run(options, folder))
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("ended before its end: nothing was counted")
        return 130
    finally:
        if options.keep:
            say(f"left in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    text = world_report.written(found)
    print(text)
    whole = options.publications >= 1000 and options.campaigns >= 300
    where = options.report or (REPORT if whole else None)
    if where is not None:
        where.write_text(text)
    return 0 if found.kept else 1


if __name__ == "__main__":
    os.environ.pop("STAKAZO_DATABASE_URL", None)
    sys.exit(main())
