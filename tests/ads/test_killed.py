"""Workers that are killed in the middle of advertising, while the platform loses replies."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.ads.stand import RESTS, Stand
from tests.api.serving import House, running
from tests.publishing.press import a_sandbox
from tests.publishing.test_killed import Workers, _crashes

from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.world import World

CAMPAIGNS, KILLS, AT_ONCE = 12, 6, 5


class Ledger(World):
    """A world that notes the most that could be spent at once, and what ran of which nobody had said so."""

    def __init__(self, seed: int) -> None:
        self.most, self.unapproved, self.approved = 0, set[str](), set[str]()
        super().__init__(seed=seed)

    def change(self, thing: dict[str, Any], **fields: Any) -> dict[str, Any]:
        made = super().change(thing, **fields)
        runs = [one for one in self.of("Campaign") if one["status"] == "ACTIVE"]
        self.most = max(self.most, len(runs))
        marks = {one["name"][-32:] for one in runs}
        self.unapproved |= marks - self.approved
        return made


@pytest.fixture
def world() -> Ledger:
    made = Ledger(seed=7)
    made.processing = 0.3
    return made


@pytest.fixture
def house_and_workers(urls: Any, app_settings: Any, world: Ledger, tmp_path: Path) -> Iterator[tuple[House, Workers]]:
    with a_sandbox(world) as url:
        settings = app_settings.model_copy(update={"sandbox_url": url, "limit_spend": "1000000/minute"})
        with running(settings, urls) as house:
            workers = Workers(settings, house, tmp_path)
            workers.environment["STAKAZO_ADS_WATCH_INTERVAL"] = "2"
            yield house, workers
            workers.end()
    assert world.violations == []


def test_nothing_is_made_or_run_twice_nor_beyond_the_limit_whenever_workers_are_killed(
    house_and_workers: tuple[House, Workers], world: Ledger
) -> None:
    house, workers = house_and_workers
    site, dice = house.site(), random.Random(5)
    for what in ("lost_reply", "never_arrived"):
        world.faults.add(Fault(what, "POST AdAccount/*", chance=0.12))
        for kind in ("Campaign", "AdSet", "Ad"):
            world.faults.add(Fault(what, f"POST {kind}", chance=0.1))
    with site.client() as http:
        stand = Stand(site, world, http)
        stand.limit(at_once=AT_ONCE * 100_00)
        alive = workers.start()
        wanted = [stand.campaign(name=f"n{number}", variant_id=variant)
                  for number, variant in enumerate(stand.variants("instagram_reel", count=CAMPAIGNS))]  # fmt: skip
        found, asked, kills, refused = list[dict[str, Any]](), set[str](), 0, 0
        deadline, next_kill = time.monotonic() + 120, time.monotonic() + 0.5
        while True:
            assert time.monotonic() < deadline, Counter(one["state"] for one in found)
            if kills < KILLS and time.monotonic() > next_kill and workers.at_work():
                os.kill(alive.pid or 0, signal.SIGKILL)
                alive, kills, next_kill = workers.start(), kills + 1, time.monotonic() + dice.uniform(0.4, 1.5)
            found = http.get("/campaigns", params={"limit": 200}).json()["items"]
            for one in found:
                if one["state"] == "PAUSED" and one["id"] not in asked and one["name"] not in {"n0", "n1"}:
                    asked.add(one["id"])
                    world.approved.add(UUID(one["id"]).hex)  # before it could be told
                    refused += http.post(f"/campaigns/{one['id']}/activate").status_code == 422
            done = {one["state"] for one in found} <= RESTS and len(asked) == CAMPAIGNS - 2
            if done and kills == KILLS:
                break
            time.sleep(0.1)
        made = [stand.there(kind, one) for one in wanted for kind in ("Campaign", "AdSet", "Ad")]
    states = Counter(one["state"] for one in found)
    assert states == {"ACTIVE": AT_ONCE, "PAUSED": CAMPAIGNS - AT_ONCE}, [one["error"] for one in found]
    assert refused == CAMPAIGNS - 2 - AT_ONCE
    assert [len(parts) for parts in made] == [1] * len(made)
    assert (world.most, world.unapproved) == (AT_ONCE, set())
    assert sum(_crashes(site)) >= KILLS / 2
