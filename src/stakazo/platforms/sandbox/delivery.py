"""When the sandbox's ads run and what that costs: budgets are spent evenly, results follow from the spending."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from stakazo.platforms.sandbox import audience
from stakazo.platforms.sandbox.world import Thing, World

DAY = 86400.0
MATURE_AFTER = 28
"""Days after which what a day brought is said for good."""


def settle(world: World, changed: Thing) -> None:
    """After a change: ads of its campaign that now run begin to, those that don't any more end, and all share anew."""
    campaign = changed["id"] if changed["kind"] == "Campaign" else changed.get("campaign_id")
    for ad in list(world.of("Ad", campaign_id=campaign)):
        _settle_ad(world, ad)


def _settle_ad(world: World, ad: Thing) -> None:
    """A span is `[start, end or None, minor units a day]`; another budget is another span."""
    now, spans = world.now(), [list(span) for span in ad["active"]]
    if spans and spans[-1][1] is None:
        spans[-1][1] = max(now, spans[-1][0])
    if _runs(world, ad):
        spans.append([max(now, ad["made"] + world.processing), None, _per_day(world, ad)])
    world.change(ad, active=[span for span in spans if span[1] is None or span[1] > span[0]])


def _runs(world: World, ad: Thing) -> bool:
    above = (world.things[ad["adset_id"]], world.things[ad["campaign_id"]])
    return not ad["disapproved"] and all(thing["status"] == "ACTIVE" for thing in (ad, *above))


def _per_day(world: World, ad: Thing) -> float:
    """An ad's share of its budget, in minor units."""
    ad_set, campaign = world.things[ad["adset_id"]], world.things[ad["campaign_id"]]
    owner = ad_set if ad_set.get("daily_budget") or ad_set.get("lifetime_budget") else campaign
    key = "adset_id" if owner is ad_set else "campaign_id"
    sharing = sum(_runs(world, other) for other in world.of("Ad", **{key: owner["id"]})) or 1
    if owner.get("daily_budget"):
        return float(owner["daily_budget"]) / sharing
    end = moment(ad_set.get("end_time")) or world.now() + 30 * DAY
    days = max(1, math.ceil((end - float(ad_set["made"])) / DAY))
    return float(owner.get("lifetime_budget") or 0) / days / sharing


def spent(world: World, ad: Thing, day: date) -> int:
    """Minor units that an ad has spent on a day of its account's up to now; never more than its budget."""
    zone = ZoneInfo(world.things[ad["account"]]["timezone_name"])
    begin = datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
    end = min(begin + DAY, world.now(), moment(world.things[ad["adset_id"]].get("end_time")) or math.inf)
    total = 0.0
    for start, stop, per_day in ad["active"]:
        seconds = min(end, stop if stop is not None else math.inf) - max(begin, start)
        total += max(0.0, seconds) / DAY * per_day
    pace = audience.appeal(f"{ad['id']}/{day}").uniform(0.9, 1.0)
    return int(total * pace)


def results(world: World, ad: Thing, day: date) -> dict[str, Any] | None:
    """What a day brought, as numbers; None where nothing was delivered."""
    cost = spent(world, ad, day)
    if cost <= 0:
        return None
    dice = audience.appeal(f"{ad['id']}/ad")
    cpm, rate = dice.uniform(350, 900), dice.uniform(0.006, 0.021)
    impressions = max(1, int(cost / cpm * 1000))
    plays = int(impressions * dice.uniform(0.5, 0.7))
    clicks = int(impressions * rate)
    age = (datetime.fromtimestamp(world.now(), ZoneInfo("UTC")).date() - day).days
    seen_by_now = min(1.0, 0.75 + 0.25 * age / MATURE_AFTER)
    return {
        "spend": cost, "impressions": impressions, "reach": int(impressions * 0.82), "clicks": int(clicks * 1.3),
        "inline_link_clicks": clicks, "plays": plays, "thruplays": int(plays * dice.uniform(0.12, 0.3)),
        "watched": [int(plays * share) for share in (0.55, 0.34, 0.22, 0.13)],
        "average_watch": round(dice.uniform(2.5, 8.0), 1),
        "landing_page_view": int(clicks * 0.7), "omni_purchase": int(clicks * 0.02 * seen_by_now),
    }  # fmt: skip


def days(since: date, until: date) -> Iterator[date]:
    for number in range((until - since).days + 1):
        yield since + timedelta(days=number)


def today(world: World, account: Thing) -> date:
    """The account's."""
    return datetime.fromtimestamp(world.now(), ZoneInfo(account["timezone_name"])).date()


def moment(text: Any) -> float | None:
    if not text:
        return None
    return float(text) if str(text).isdigit() else datetime.fromisoformat(str(text)).timestamp()
