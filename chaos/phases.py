"""One fault after another, each on an installation that works at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import make_url

from chaos.house import House, be_app, be_worker, free_port
from chaos.people import Film, People
from chaos.proxy import Proxy
from stakazo.core.settings import Settings

FAKETIME = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
)


PATIENCE = 120.0
"""Seconds after which something will never be well again; the bar is in the report."""


@dataclass
class Tally:
    """What was done to an installation, and how soon it was well again."""

    kills: Counter[str] = field(default_factory=Counter)
    """SIGKILLs by what they hit: worker (with the ledger's sealer in it), media worker, API."""
    killed: list[tuple[float, int]] = field(default_factory=list)
    """When (seconds since the epoch) and which process."""
    stops: int = 0
    """Immediate stops of PostgreSQL."""
    healthy: dict[str, list[float]] = field(default_factory=dict)
    """By fault: seconds until something that was wished after it was done."""
    notes: list[str] = field(default_factory=list)
    """What else was seen, in sentences."""
    failed: list[str] = field(default_factory=list)
    """What should have been otherwise."""

    def well_after(self, fault: str, seconds: float | None) -> None:
        if seconds is None:
            self.failed.append(f"{fault}: not well again")
        else:
            self.healthy.setdefault(fault, []).append(seconds)

    def expect(self, good: object, what: str) -> None:
        if not good:
            self.failed.append(what)


class Chaos:
    """The faults, on one installation and its people."""

    def __init__(self, house: House, people: People, seed: int) -> None:
        self.house, self.people, self.tally = house, people, Tally()
        self.chance = random.Random(seed)
        self.settings = Settings()

    def kill(self, place: str) -> bool:
        pid = self.house.kill(place)
        if pid is not None:
            self.tally.killed.append((time.time(), pid))
            kind = place.partition(" ")[0]
            self.tally.kills[{"worker": "worker with sealer", "api": "API", "media": "media worker"}[kind]] += 1
        return pid is not None

    async def kills(self, count: int, jobs: int, films: list[Film], recipes: list[str], every: float) -> None:
        """Kill processes at random until so many are dead and so many jobs were acknowledged."""
        asking = asyncio.create_task(self.people.keep_asking(jobs))
        travels = [asyncio.create_task(film.travel(recipes)) for film in films]
        if films:
            self.house.keep_media()
        faults: list[tuple[str, float]] = []
        done = 0
        next_media = time.monotonic() + 20.0
        while done < count:
            await asyncio.sleep(self.chance.uniform(0.4, 1.6) * every)
            place = self._victim()
            if films and time.monotonic() > next_media:
                place, next_media = "media 0", time.monotonic() + self.chance.uniform(15, 25)
            if place is not None and self.kill(place):
                faults.append((f"kill -9 of {'the API' if place == 'api' else 'a worker'}", time.monotonic()))
                done += 1
            if asking.done() and done < count:
                asking = asyncio.create_task(self.people.keep_asking(100))
        await asking
        async with asyncio.timeout(300):
            for film, end in zip(films, await asyncio.gather(*travels, return_exceptions=True), strict=True):
                self.tally.expect(not isinstance(end, BaseException), f"{film.title}: {end!r}")
        await self._well(time.monotonic(), PATIENCE)  # so that every fault has something that was wished after it
        for fault, at in faults:
            self.tally.well_after(fault, self.people.healthy_after(at))

    def _victim(self) -> str | None:
        """Mostly a worker that has signed on: before, it has begun nothing that could be broken, and on a slow machine
        there would soon be no other. The API when it has been up for a moment, or nobody would ever be acknowledged.
        """
        if self.chance.random() < 0.12:
            born = self.house.born.get("api", 0.0)
            return "api" if time.monotonic() - born > 6.0 else None
        workers = [place for place in self.house.living if place.startswith("worker") and self.house.works(place)]
        return self.chance.choice(workers) if workers else None

    async def stops(self, count: int) -> None:
        """Stop PostgreSQL at once, again and again, under load, with a worker killed now and then."""
        asking = asyncio.create_task(self.people.keep_asking(10_000))
        try:
            for number in range(count):
                await asyncio.sleep(self.chance.uniform(0.5, 1.5))
                at = time.monotonic()
                self.tally.expect(self.house.stop_database(), f"stop {number}: there was no server to stop")
                self.tally.stops += 1
                if number % 4 == 3 and (place := self._victim()):
                    self.kill(place)
                self.tally.well_after("immediate stop of PostgreSQL", await self._well(at, PATIENCE))
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _well(self, since: float, patience: float) -> float | None:
        """Seconds from then until something that was wished after it is done."""
        async with self.house.client(timeout=30.0) as client:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    while (found := self.people.healthy_after(since)) is None:
                        await self.people.probe(client)
                    return found
        return None

    async def frozen(self) -> None:
        """Stop workers in the middle of their work, wait until others have it, and wake them."""
        async with self.house.client() as client:
            wishes = asyncio.gather(*(self._long(client, kind, i) for i in range(6) for kind in ("write", "publish")))
            acts = await wishes
        await asyncio.sleep(1.0)
        places = [place for place in self.house.living if place.startswith("worker")][:2]
        at = time.monotonic()
        pids = [self.house.kill(place, signal.SIGSTOP) for place in places]
        self.tally.well_after("a frozen worker (for what is new)", await self._well(at, PATIENCE))
        taken = await self._taken([pid for pid in pids if pid], at)
        self.tally.well_after("a frozen worker (until others have its jobs)", taken)
        await asyncio.sleep(2.0)
        for place in places:
            self.house.kill(place, signal.SIGCONT)
        self.tally.notes.append(
            f"{len(places)} workers were frozen for {time.monotonic() - at:.1f} s in the middle of {len(acts)} jobs, "
            "and woken when others had their jobs."
        )

    async def _long(self, client: httpx.AsyncClient, kind: str, number: int) -> Any:
        from chaos.people import Act

        act = Act(kind, f"frozen-{kind}-{number}-{random.getrandbits(24):x}")
        self.people.acts.append(act)
        return await self.people.ask(client, act, 3.0)

    async def _taken(self, pids: list[int], since: float) -> float | None:
        """Seconds until no job of these is in these processes' hands."""
        names = [f"%:{pid}" for pid in pids]
        while time.monotonic() - since < 40:
            async with self.house.connection(await workspace_of(self.house)) as connection:
                held = await connection.execute(
                    "select count(*) from jobs where state = 'PROCESSING' and worker like any(%s)", [names]
                )
                (count,) = (await held.fetchone()) or (0,)
            if count == 0:
                return time.monotonic() - since
            await asyncio.sleep(0.1)
        return None

    async def network(self) -> None:
        """Workers and an API behind a line that fails in every way."""
        urls = self.house.urls()
        port = make_url(urls.app).port
        assert port is not None
        proxy = Proxy(port)
        through = await proxy.open()
        behind = {
            "STAKAZO_DATABASE_URL": urls.owner.replace(f":{port}/", f":{through}/"),
            "STAKAZO_APP_DATABASE_URL": urls.app.replace(f":{port}/", f":{through}/"),
        }
        direct = [place for place in self.house.living if place.startswith("worker")]
        await self.house.end(direct[1:])  # one is left that nothing happens to
        for number in range(2):
            self.house.keep(f"worker behind {number}", be_worker, ["default"], **behind)
        api = free_port()
        self.house.keep("api behind", be_app, api, **behind)
        there = f"http://127.0.0.1:{api}"
        await self.house.answers(there)
        faults: list[tuple[str, Callable[[], object], Callable[[], object], float]] = [
            ("a half-open connection", proxy.half_open, lambda: None, 0.0),
            ("a cut connection", proxy.cut, lambda: None, 0.0),
            ("a line that is late by 0.3 s", lambda: proxy.be_late(0.3), lambda: proxy.be_late(0.0), 4.0),
            ("a blackhole of 4 s", lambda: proxy.blackhole(on=True), lambda: proxy.blackhole(on=False), 4.0),
            ("a blackhole of 15 s", lambda: proxy.blackhole(on=True), lambda: proxy.blackhole(on=False), 15.0),
        ]
        try:
            for fault, strike, mend, lasting in faults:
                async with self.house.client() as client:
                    await asyncio.gather(*(self._long(client, kind, 0) for kind in ("write", "publish", "write")))
                await asyncio.sleep(0.5)
                strike()
                await asyncio.sleep(lasting)
                mend()
                at = time.monotonic()
                self.tally.well_after(f"{fault}: the API behind it", await self._answers_again(there, at))
                self.tally.well_after(f"{fault}: workers", await self._well(at, PATIENCE))
        finally:
            await self.house.end([place for place in self.house.living if "behind" in place])
            await proxy.close()

    async def _answers_again(self, url: str, since: float) -> float | None:
        """Seconds until this API reads from the database three times in a row."""
        good = 0
        async with self.house.client(url, timeout=20.0) as client:
            while time.monotonic() - since < 60:
                with contextlib.suppress(httpx.HTTPError):
                    good = good + 1 if (await client.get("/jobs", params={"limit": 1})).status_code == 200 else 0
                    if good == 3:
                        return time.monotonic() - since
                await asyncio.sleep(0.1)
        return None

    async def clocks(self) -> None:
        """A worker whose clock jumps an hour ahead, then a day back, while it works beside others."""
        library = next((path for path in FAKETIME if Path(path).exists()), None)
        if library is None:
            self.tally.notes.append("Clock jumps were NOT tried: libfaketime is not installed.")
            return
        told = self.house.folder / "clock"
        told.write_text("+0")
        import subprocess
        import sys

        environment = (
            os.environ
            | self.house.environment
            | {
                "LD_PRELOAD": library,
                "FAKETIME_TIMESTAMP_FILE": str(told),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        )
        with (self.house.logs / "worker-with-a-wrong-clock.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-c", "from chaos.house import be_worker; be_worker(['default'])"],
                env=environment,
                stdout=log,
                stderr=log,
            )
        others = [place for place in self.house.living if place.startswith("worker")]
        await self.house.end(others[1:])
        try:
            await asyncio.sleep(4.0)
            for jump in ("+3600", "-86400", "+0"):
                told.write_text(jump)
                at = time.monotonic()
                await self.people.keep_asking(30)
                self.tally.well_after(f"a clock that jumps to {jump} s", await self._well(at, PATIENCE))
            await asyncio.sleep(2.0)
            self.tally.expect(worker.poll() is None, "the worker with the wrong clock has ended")
        finally:
            worker.terminate()
            await asyncio.to_thread(worker.wait, 30)
        async with self.house.connection(await workspace_of(self.house)) as connection:
            late = await connection.execute(
                "select count(*) from jobs where run_at > now() + interval '10 min' or started_at > now() + interval "
                "'1 min' or finished_at > now() + interval '1 min'"
            )
            (count,) = (await late.fetchone()) or (0,)
        self.tally.expect(count == 0, f"{count} jobs have times of the wrong clock")

    async def same_key(self, count: int) -> None:
        """So many at once with the same Idempotency-Key: a job, and an upload."""
        self.house.keep_media()
        key, what = os.urandom(8).hex(), f"same-{os.urandom(4).hex()}"
        film = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + os.urandom(4000)
        async with self.house.client(timeout=60.0) as client:

            async def wish() -> str:
                while True:
                    answer = await client.post(
                        "/chaos/jobs", json={"kind": "write", "what": what}, headers={"Idempotency-Key": key}
                    )
                    if answer.status_code < 500 and answer.status_code != 409:  # in flight, or no connection is free
                        return str(answer.json().get("id", answer.text))
                    await asyncio.sleep(0.2)

            async def upload() -> str:
                while True:
                    answer = await client.post(
                        "/upload", files={"file": ("a.mp4", film)}, headers={"Idempotency-Key": key}
                    )
                    if answer.status_code < 500 and answer.status_code != 429:  # more at once than a workspace may
                        return str(answer.json().get("video", answer.json()).get("id", answer.text))
                    await asyncio.sleep(0.2)

            wishes = set(await asyncio.gather(*(wish() for _ in range(count))))
            uploads = set(await asyncio.gather(*(upload() for _ in range(count))))
        self.tally.expect(len(wishes) == 1, f"{count} identical wishes were answered with {len(wishes)} jobs")
        self.tally.expect(len(uploads) == 1, f"{count} identical uploads were answered with {uploads}")
        async with self.house.connection(await workspace_of(self.house)) as connection:
            for name, query, value in (
                ("jobs", "select count(*) from jobs where payload->>'what' = %s", what),
                ("videos", "select count(*) from video_assets where dedup_key = %s", key),
                (
                    "analyses",
                    "select count(*) from jobs where type = 'cut_analysis' and payload->>'video_id' = %s",
                    next(iter(uploads)),
                ),
            ):
                (there,) = (await (await connection.execute(query, [value])).fetchone()) or (0,)
                self.tally.expect(there == 1, f"{count} identical requests made {there} {name}")
        self.tally.notes.append(f"{count} identical wishes and {count} identical uploads at once: one job, one video.")


async def workspace_of(house: House) -> str:
    """The installation's workspace, as its first key knows it."""
    from stakazo.core.db import Database

    db = Database(house.urls().app, pool_size=1)
    try:
        async with db.system_transaction() as session:
            from sqlalchemy import text

            found = await session.execute(text("select workspace_id::text from api_keys order by id limit 1"))
            return str(found.scalar_one())
    finally:
        await db.close()
