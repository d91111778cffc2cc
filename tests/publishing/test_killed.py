"""Workers that are killed in the middle of publishing, while the platform loses replies."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.serving import House, running
from tests.forks import FORKS
from tests.publishing.press import OVER, Desk, a_sandbox, public
from tests.publishing.program import forked

from stakazo.core.settings import Settings
from stakazo.jobs.models import Job
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.world import World

PUBLICATIONS, KILLS = 32, 12


class Workers:
    """Worker processes that can be killed; each is replaced at once."""

    def __init__(self, settings: Settings, house: House, folder: Path, *, queue: str = "publish") -> None:
        self.folder, self.queue = folder, queue
        self.all: list[BaseProcess] = []
        self.environment = {
            "STAKAZO_DATABASE_URL": house.urls.owner,
            "STAKAZO_APP_DATABASE_URL": house.urls.app,
            "STAKAZO_DATA_DIR": str(settings.data_dir),
            "STAKAZO_SANDBOX_URL": settings.sandbox_url,
            "STAKAZO_DEFAULT_WORKERS": "6",
            "STAKAZO_HEARTBEAT_INTERVAL": "0.5",
            "STAKAZO_STALLED_AFTER": "4",
            "STAKAZO_SWEEP_INTERVAL": "0.5",
        }

    def at_work(self) -> bool:
        """Whether the newest worker has taken something up."""
        log = self.folder / f"worker-{len(self.all) - 1}.log"
        return log.exists() and "job_started" in log.read_text()

    def start(self) -> BaseProcess:
        log = str(self.folder / f"worker-{len(self.all)}.log")
        process = FORKS.Process(target=forked, args=(self.environment, log, self.queue), daemon=False)
        process.start()
        self.all.append(process)
        return process

    def end(self) -> None:
        for process in self.all:
            process.kill()
            process.join()
            process.close()


@pytest.fixture
def world() -> World:
    made = World(seed=7)
    made.processing = 0.5
    return made


@pytest.fixture
def house_and_workers(urls: Any, app_settings: Settings, world: World, tmp_path: Path) -> Iterator[tuple[House, Any]]:
    with a_sandbox(world) as url:
        settings = app_settings.model_copy(update={"sandbox_url": url, "limit_spend": "1000000/minute"})
        with running(settings, urls) as house:
            workers = Workers(settings, house, tmp_path)
            yield house, workers
            workers.end()
    assert world.violations == []


def test_nothing_is_published_twice_or_lost_whenever_workers_are_killed(
    house_and_workers: tuple[House, Workers], world: World
) -> None:
    house, workers = house_and_workers
    site, dice = house.site(), random.Random(11)
    for what, where in (
        ("lost_reply", "POST IGUser/media_publish"),
        ("error_after", "POST IGUser/media_publish"),
        ("lost_reply", "POST IGUser/media"),
        ("lost_reply", "POST Page/videos"),
        ("not_ready_after_finished", "POST IGUser/media_publish"),
        ("upload_cut", "*"),
    ):
        world.faults.add(Fault(what, where, chance=0.15))
    with site.client() as http:
        desk = Desk(site, world, http)
        variants = desk.variants("instagram_reel", "facebook_feed", "tiktok", "youtube_short", count=PUBLICATIONS // 4)
        channels = [desk.channel(platform) for platform in ("instagram", "facebook", "tiktok", "youtube")]
        wanted = []
        for number, variant in enumerate(variants):
            wanted += desk.want([variant], [channels[number % 4]], caption=f"n{number}", details={"title": "t"})
        alive, kills = workers.start(), 0
        while kills < KILLS and not _over(http):
            if workers.at_work():
                time.sleep(dice.uniform(0.0, 0.8))
                os.kill(alive.pid or 0, signal.SIGKILL)
                alive, kills = workers.start(), kills + 1
            time.sleep(0.05)
        deadline = time.monotonic() + 150
        while not _over(http):
            assert time.monotonic() < deadline, Counter(one["state"] for one in _found(http))
            time.sleep(0.5)
        found = _found(http)
    seen = public(world)
    assert len(found) == PUBLICATIONS
    assert {caption: count for caption, count in seen.items() if count > 1} == {}
    published = {one["caption"] for one in found if one["state"] == "PUBLISHED"}
    assert published <= set(seen)
    assert {one["caption"]: one["error"] for one in found if one["caption"] not in published} == {}
    assert sum(_crashes(site)) >= KILLS / 2, kills


def _found(http: httpx.Client) -> list[dict[str, Any]]:
    return list(http.get("/publications", params={"limit": 200}).json()["items"])


def _over(http: httpx.Client) -> bool:
    return {one["state"] for one in _found(http)} <= OVER


def _crashes(site: Any) -> list[int]:
    async def read(session: AsyncSession) -> list[int]:
        return list(await session.scalars(select(Job.crashes)))

    return list(site.within(read))
