"""A worker that is killed in the middle of reading what a platform has told."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.serving import running
from tests.insights.test_news import comment, counted, inbox, send, unread
from tests.publishing.press import Desk
from tests.publishing.test_killed import Workers

from stakazo.core.settings import Settings
from stakazo.insights.models import InboxItem
from stakazo.insights.news import BATCH
from stakazo.jobs.models import Job
from stakazo.ledger.models import LedgerEvent

KILLS, EACH = 2, 1000


@pytest.fixture
def desk_and_workers(urls: Any, app_settings: Settings, tmp_path: Path) -> Iterator[tuple[Desk, Workers]]:
    with running(app_settings, urls) as house:
        workers = Workers(house.settings, house, tmp_path, queue="measure")
        site = house.site()
        with site.client() as http:
            yield Desk(site, None, http), workers
        workers.end()


def test_each_effect_is_there_once_whenever_the_reader_is_killed(desk_and_workers: tuple[Desk, Workers]) -> None:
    desk, workers = desk_and_workers
    desk.unseen("instagram", "178", "sandbox-nobody")
    everything = [comment(number) for number in range(EACH)]
    for _ in range(2):  # the second delivery says the same once more
        assert send(desk, everything, account="178").status_code == 200
    for kill in range(KILLS):
        alive = workers.start()
        done = kill * BATCH
        desk.eventually(lambda: counted(desk, InboxItem)[0] > done or unread(desk) == 0)  # noqa: B023 - called here
        os.kill(alive.pid or 0, signal.SIGKILL)
    before = counted(desk, InboxItem)
    workers.start()
    desk.eventually(lambda: unread(desk) == 0, 120)
    assert before[0] % BATCH == 0  # a part is there whole, or not at all
    assert {item["external_id"] for item in inbox(desk)} == {f"c{number}" for number in range(EACH)}
    assert counted(desk, InboxItem) == [EACH]

    async def read(session: AsyncSession) -> tuple[int, int]:
        heard = select(func.count()).where(LedgerEvent.event == "comment_received")
        crashes = select(func.sum(Job.crashes)).where(Job.type == "read_news")
        return await session.scalar(heard) or 0, await session.scalar(crashes) or 0

    heard, crashes = desk.site.within(read)
    assert heard == EACH
    assert crashes >= 1
