"""Reports of ads against the sandbox: money, gaps, corrections, jobs."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.platforms.conftest import There
from tests.platforms.test_ads import whole

from stakazo.platforms.ads import Run
from stakazo.platforms.base import Media
from stakazo.platforms.errors import Reason, Rejected, TryLater
from stakazo.platforms.meta_ads import Level
from stakazo.platforms.meta_reports import MetaReports, Progress, Row, Wanted
from stakazo.platforms.sandbox.faults import Fault


def today(there: There) -> date:
    return there.connection.now().date()


async def running(there: There, film: Media, days: int) -> tuple[MetaReports, dict[Level, str], Wanted]:
    """A campaign of 20 euros a day that has run so many days."""
    meta, ids = await whole(there, film)
    for level in (Level.CAMPAIGN, Level.AD_SET, Level.AD):
        await meta.set_status(ids[level], Run.ACTIVE)
    since = today(there)
    there.world.move_on(days * 86400)
    return (
        MetaReports(there.connection, there.advertiser),
        ids,
        Wanted(since=since, until=today(there), level="campaign"),
    )


async def read(reports: MetaReports, wanted: Wanted) -> list[Row]:
    return [row async for row in reports.rows(wanted)]


async def test_a_day_costs_what_its_budget_says_at_most(there: There, film: Media):
    reports, ids, wanted = await running(there, film, 5)
    rows = await read(reports, wanted)
    assert [row.day for row in rows] == [wanted.since + timedelta(days=n) for n in range(6)]
    assert {row.id for row in rows} == {ids[Level.CAMPAIGN]}
    full = rows[1:-1]
    assert all(1800 <= row.spend <= 2000 for row in full), "twenty euros in cents: budgets and reports speak alike"
    assert all(row.raw["spend"] == f"{row.spend // 100}.{row.spend % 100:02}" for row in rows)
    row = full[0]
    assert row.impressions > row.plays > row.thruplays > 0
    assert list(row.watched) == sorted(row.watched, reverse=True)
    assert row.actions["link_click"] == row.link_clicks


async def test_what_did_not_run_is_not_there(there: There, film: Media):
    reports, _, wanted = await running(there, film, 3)
    meta, ids = await whole(there, film)
    del meta
    assert ids[Level.CAMPAIGN] not in {row.id for row in await read(reports, wanted)}
    before = Wanted(since=wanted.since - timedelta(days=9), until=wanted.since - timedelta(days=2), level="campaign")
    assert await read(reports, before) == []


async def test_breakdowns_and_levels_add_up(there: There, film: Media):
    reports, ids, wanted = await running(there, film, 3)
    [total] = await read(reports, Wanted(since=wanted.since, until=wanted.until, level="account", by_day=False))
    ads = await read(reports, Wanted(since=wanted.since, until=wanted.until, level="ad", only=(ids[Level.CAMPAIGN],)))
    assert sum(row.spend for row in ads) == total.spend
    split = Wanted(since=wanted.since, until=wanted.until, breakdowns=("age", "gender"), by_day=False)
    rows = await read(reports, split)
    assert len(rows) == 18
    assert total.spend - 18 <= sum(row.spend for row in rows) <= total.spend
    none = Wanted(since=wanted.since, until=wanted.until, only=("1",))
    assert await read(reports, none) == []


async def test_numbers_that_were_given_change(there: There, film: Media):
    reports, _, wanted = await running(there, film, 3)
    before = await read(reports, wanted)
    there.world.faults.add(Fault("restated_insights", times=1))
    after = await read(reports, wanted)
    assert [row.day for row in after] == [row.day for row in before]
    assert after[1].spend < before[1].spend


async def test_a_job_is_done_when_it_says_so_and_is_whole(there: There, film: Media):
    reports, _, wanted = await running(there, film, 3)
    there.world.processing = 100.0
    run = await reports.start(wanted)
    seen = []
    for _ in range(13):
        seen.append((there.world.things[run]["made"] + 90 <= there.world.now(), await reports.look(run)))
        there.world.move_on(9)
    assert (True, Progress.RUNNING) in seen, "Meta says completed before it is"
    assert seen[-1][1] is Progress.DONE
    found = [row async for row in reports.results(run, "campaign")]
    assert found == await read(reports, wanted)


async def test_a_job_that_failed_is_started_again(there: There, film: Media):
    reports, _, wanted = await running(there, film, 1)
    there.world.faults.add(Fault("report_failed", times=1))
    run = await reports.start(wanted)
    there.world.move_on(60)
    with pytest.raises(TryLater) as failed:
        await reports.look(run)
    assert failed.value.said.subcode == 2490547
    again = await reports.start(wanted)
    there.world.move_on(60)
    assert await reports.look(again) is Progress.DONE


async def test_too_much_at_once_is_to_be_asked_for_as_a_job(there: There, film: Media):
    reports, _, wanted = await running(there, film, 1)
    there.world.faults.add(Fault("error", "GET AdAccount/insights", times=1, detail={"code": 1, "subcode": 99}))
    with pytest.raises(Rejected) as much:
        await read(reports, wanted)
    assert much.value.reason is Reason.TOO_MUCH_DATA


async def test_pages_that_are_empty_lose_nothing(there: There, film: Media):
    reports, _, wanted = await running(there, film, 20)
    there.world.faults.add(Fault("empty_page", times=3))
    params = wanted.params()
    rows = [row async for row in reports.graph.pages(f"{reports.act}/insights", params, size=4)]
    assert len(rows) == 21
    assert there.world.faults.struck["empty_page"] == 3
