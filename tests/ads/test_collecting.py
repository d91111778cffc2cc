"""What campaigns brought and cost: in one unit, for the account's days, added to and never changed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from tests.ads.stand import Stand

from stakazo.ads import collecting
from stakazo.ads.models import AdMetric
from stakazo.platforms.ads import Budget
from stakazo.platforms.meta_reports import Wanted, row

DAY = 86400.0
SAID = {"campaign_id": "7", "account_currency": "EUR", "date_start": "2026-11-22", "date_stop": "2026-11-22"}


@pytest.mark.parametrize(
    ("currency", "spend", "minor"),
    [("EUR", "12.34", 12_34), ("EUR", "12", 12_00), ("EUR", "0.29", 29), ("JPY", "1234", 1234), ("COP", "5000", 5000),
     ("TND", "1.5", 1_50)],
)  # fmt: skip
def test_budgets_and_reports_are_counted_alike(currency: str, spend: str, minor: int) -> None:
    """Meta says budgets in minor units and reports in major ones: a factor of a hundred, or of one."""
    purchases = [{"action_type": "omni_purchase", "value": spend}]
    said = collecting.figures(
        row(SAID | {"account_currency": currency, "spend": spend, "action_values": purchases}, "campaign")
    )
    assert (said["spend"], said["value"]) == (minor, minor)
    assert Budget(daily=minor).params()["daily_budget"] == said["spend"]


def test_the_same_purchases_under_several_names_are_counted_once() -> None:
    names = ("purchase", "omni_purchase", "offsite_conversion.fb_pixel_purchase")
    actions = [{"action_type": name, "value": "3", "7d_click": "2", "1d_view": "1"} for name in names]
    said = collecting.figures(row(SAID | {"actions": actions}, "campaign"))
    assert (said["conversions"], said["value"]) == (3, None)


def test_a_range_that_is_too_much_is_halved_without_gap_or_overlap() -> None:
    whole = Wanted(since=date(2026, 11, 1), until=date(2026, 11, 8), level="campaign", only=("7",))
    earlier, later = collecting.halves(whole)
    assert (earlier.since, later.until) == (whole.since, whole.until)
    assert later.since - earlier.until == timedelta(days=1)
    assert (earlier.only, later.level) == (("7",), "campaign")
    first, second = collecting.halves(Wanted(since=date(2026, 11, 1), until=date(2026, 11, 2)))
    assert first.since == first.until < second.since == second.until


def collected(stand: Stand, campaign: dict[str, Any]) -> dict[str, Any]:
    job = stand.http.post(f"/campaigns/{campaign['id']}/metrics")
    assert job.status_code == 202, job.text
    stand.eventually(lambda: stand.http.get(f"/jobs/{job.json()['id']}").json()["state"] == "COMPLETED")
    return dict(stand.http.get(f"/campaigns/{campaign['id']}/metrics").json())


def rows(stand: Stand) -> int:
    async def count(session: AsyncSession) -> int:
        return await session.scalar(select(func.count()).select_from(AdMetric)) or 0

    return int(stand.site.within(count))


def test_what_a_campaign_cost_is_kept_as_it_was_said_and_said_anew(stand: Stand) -> None:
    stand.limit(campaign=100_00, day=17_50)
    made = stand.campaign(daily_budget=10_00)
    stand.rests(made)
    stand.act(made, "activate")
    stand.rests(made, "ACTIVE")
    waiting = stand.http.get("/jobs", params={"type": "collect_ad_metrics"}).json()["items"]
    assert [job["state"] for job in waiting] == ["PENDING"]
    (ad,) = stand.there("Ad", made)
    ran = stand.world.now() - 4 * DAY
    stand.world.change(ad, active=[[ran, None, 1000.0]])

    found = collected(stand, made)
    full = found["days"][1:4]
    assert found["time_zone"] == "Europe/Berlin"
    assert all(9_00 <= day["paid"]["spend"] <= 10_00 for day in full)  # a budget's unit, not a hundredth of it
    assert all(day["paid"]["currency"] == "EUR" and day["thruplays"] <= day["paid"]["views"] for day in full)
    assert found["total"]["spend"] == sum(day["paid"]["spend"] for day in found["days"])
    assert found["total"]["cost_per_view"] == pytest.approx(found["total"]["spend"] / found["total"]["views"])
    before = rows(stand)
    assert before == len(found["days"])

    stand.world.change(ad, active=[[ran, None, 700.0]])  # Meta corrects itself
    corrected = collected(stand, made)
    assert all(day["paid"]["spend"] <= 7_00 for day in corrected["days"][1:4])
    assert rows(stand) > before
    (series,) = stand.http.get(f"/clips/{clip_of(stand, made)}/series").json()["paid"]
    assert series["spend"] == corrected["total"]["spend"]
    last = corrected["days"][2]["day"]
    assert [day["day"] for day in stand.http.get(f"/campaigns/{made['id']}/metrics?since={last}").json()["days"]] == [
        day["day"] for day in corrected["days"][2:]
    ]


def clip_of(stand: Stand, campaign: dict[str, Any]) -> str:
    return str(stand.http.get(f"/variants/{campaign['variant_id']}").json()["clip_id"])
