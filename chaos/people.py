"""Those who ask: they send until they are answered, and remember what was acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from chaos.house import House

PAUSE = 0.1
"""Seconds before something is asked again; what became of a wish, less and less often, up to `GLANCE`."""
GLANCE = 0.5
PROBES = 12
"""Small jobs that are waited for at once."""
THOUGHT = (0.5, 3.0)
"""Seconds that somebody thinks before the next wish. Without, the API would always be as busy as it can be: what is
measured is recovery, not a queue."""
MOST = 40
"""Jobs under way at which nobody wishes for more."""
ENDED = {"COMPLETED", "FAILED", "CANCELLED"}


@dataclass(slots=True)
class Act:
    """One thing that somebody wants done, and what was said to it."""

    kind: str
    what: str
    key: str = field(default_factory=lambda: uuid4().hex)
    begun: float = field(default_factory=time.monotonic)
    asked: int = 0
    """How often it was sent until it was answered."""
    job_id: str | None = None
    """Of the job that was acknowledged."""
    acknowledged: float | None = None
    done: float | None = None


@dataclass
class People:
    """Everybody who asks this installation for something."""

    house: House
    seed: int
    acts: list[Act] = field(default_factory=list)
    probes: list[Act] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    """Answers that nobody should have got."""

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    async def ask(self, client: httpx.AsyncClient, act: Act, seconds: float) -> Act:
        """Send it until it is acknowledged, each time with the same key."""
        body = {"kind": act.kind, "what": act.what, "seconds": seconds}
        while act.job_id is None:
            act.asked += 1
            with contextlib.suppress(httpx.HTTPError):
                answer = await client.post("/chaos/jobs", json=body, headers={"Idempotency-Key": act.key})
                if answer.status_code == 202:
                    act.job_id, act.acknowledged = answer.json()["id"], time.monotonic()
                    break
                if answer.status_code not in {409, 500, 502, 503, 504, 507}:
                    self.odd.append(f"POST /chaos/jobs: {answer.status_code} {answer.text[:200]}")
                    break
                if answer.status_code == 500:
                    self.odd.append(f"POST /chaos/jobs: 500 {answer.text[:300]}")
            await asyncio.sleep(PAUSE)
        return act

    async def keep_asking(self, count: int, *, at_once: int = 12, seconds: tuple[float, float] = (0.05, 0.5)) -> None:
        """Have so many jobs acknowledged; never more at once than the workers keep up with."""
        async with self.house.client() as client:
            left = iter(range(count))
            async with asyncio.TaskGroup() as askers:
                for _ in range(at_once):
                    askers.create_task(self._ask_on(client, left, seconds))

    async def _ask_on(self, client: httpx.AsyncClient, left: Iterator[int], seconds: tuple[float, float]) -> None:
        """One asker: one wish after another, until none is left."""
        for _ in left:
            await asyncio.sleep(self._chance.uniform(*THOUGHT))
            while self.house.backlog > MOST:
                await asyncio.sleep(0.1)
            kind = self._chance.choices(["write", "publish", "family", "again"], [50, 30, 8, 12])[0]
            act = Act(kind, f"{kind}-{len(self.acts)}-{uuid4().hex[:6]}")
            self.acts.append(act)
            await self.ask(client, act, self._chance.uniform(*seconds))

    async def keep_probing(self, every: float = 0.5) -> None:
        """Ask for a small job again and again, and see how long each takes from the wish to the effect."""
        under_way: set[asyncio.Task[None]] = set()
        async with self.house.client(timeout=30.0) as client:
            try:
                while True:
                    under_way = {task for task in under_way if not task.done()}
                    if len(under_way) < PROBES:
                        under_way.add(asyncio.create_task(self.probe(client)))
                    await asyncio.sleep(every)
            finally:
                if under_way:
                    await asyncio.wait(under_way, timeout=60)

    async def probe(self, client: httpx.AsyncClient) -> None:
        act = Act("write", f"probe-{len(self.probes)}-{uuid4().hex[:6]}")
        self.probes.append(act)
        await self.ask(client, act, 0.0)
        pause = PAUSE
        while act.done is None:
            with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
                if (await client.get(f"/jobs/{act.job_id}")).json()["state"] in ENDED:
                    act.done = time.monotonic()
                    return
            await asyncio.sleep(pause)
            pause = min(GLANCE, 2 * pause)

    def healthy_after(self, fault: float) -> float | None:
        """Seconds from a fault until something that was wished after it was done."""
        done = [probe.done for probe in self.probes if probe.begun >= fault and probe.done is not None]
        return min(done) - fault if done else None


@dataclass
class Film:
    """A real video on its whole way: upload, analysis, clips, variants."""

    people: People
    file: Path
    title: str
    video_id: str | None = None
    revived: int = 0
    """How often a person started a job again that had cost three workers."""
    variants: list[dict[str, Any]] = field(default_factory=list)
    jobs: set[str] = field(default_factory=set)

    async def travel(self, recipes: list[str]) -> None:
        """The whole way, as a patient person goes it."""
        async with self.people.house.client(timeout=30.0) as client:
            key = uuid4().hex
            sent = await self._until(
                lambda: client.post(
                    "/upload",
                    data={"title": self.title},
                    files={"file": (self.file.name, self.file.read_bytes())},
                    headers={"Idempotency-Key": key},
                )
            )
            self.video_id = sent["video"]["id"]
            for kind in ("cut_analysis", "propose_clips"):
                await self._ended(client, {"video_id": self.video_id, "type": kind})
            clips = await self._until(lambda: client.get("/clips", params={"video_id": self.video_id}))
            clip = clips["items"][0]["id"]
            order = uuid4().hex
            await self._until(
                lambda: client.post(
                    f"/clips/{clip}/variants", json={"recipes": recipes}, headers={"Idempotency-Key": order}
                )
            )
            await self._ended(client, {"clip_id": clip, "type": "generate_variants"})
            found = await self._until(lambda: client.get("/variants", params={"clip_id": clip}))
            self.variants = found["items"]

    async def _ended(self, client: httpx.AsyncClient, query: dict[str, str]) -> None:
        """Wait for the newest job of this kind; one that has cost too many workers is started again."""
        while True:
            found = await self._until(lambda: client.get("/jobs", params=query))
            row = found["items"][0] if found["items"] else None
            if row is not None:
                self.jobs.add(row["id"])
            if row is not None and row["state"] == "COMPLETED":
                return
            if row is not None and row["state"] == "FAILED":
                if row["error"]["code"] != "poison":
                    raise RuntimeError(f"{self.title}: {row['type']} failed: {row['error']}")
                self.revived += 1
                await self._until(
                    lambda job=row["id"]: client.post(f"/jobs/{job}/retry", headers={"Idempotency-Key": uuid4().hex}),
                    also={409},
                )
            await asyncio.sleep(0.3)

    async def _until(self, ask: Any, also: frozenset[int] | set[int] = frozenset()) -> dict[str, Any]:
        """Ask until there is an answer."""
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = await ask()
                if answer.is_success or answer.status_code in also:
                    found: dict[str, Any] = answer.json()
                    return found
                if answer.status_code < 500 and answer.status_code != 409:
                    raise RuntimeError(f"{answer.request.method} {answer.request.url}: {answer.text[:300]}")
                if answer.status_code == 500:
                    self.people.odd.append(f"{answer.request.method} {answer.request.url}: 500 {answer.text[:300]}")
            await asyncio.sleep(0.3)
