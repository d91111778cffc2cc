"""Insights of ads as the sandbox plays them: at once and as jobs, with Meta's strings and gaps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from stakazo.platforms.sandbox import delivery
from stakazo.platforms.sandbox.calls import Answer, Call, Edges, invalid, page
from stakazo.platforms.sandbox.world import Thing, World

MOST_ROWS = 20_000
RESTATED = 0.93
WORTH = 1990
"""Of one purchase, minor units."""
MAJOR = {"JPY", "KRW", "CLP", "ISK", "VND"}
"""Currencies without cents."""
SPLITS: dict[str, dict[str, float]] = {
    "publisher_platform": {"instagram": 0.62, "facebook": 0.35, "audience_network": 0.03},
    "gender": {"female": 0.48, "male": 0.5, "unknown": 0.02},
    "age": {"18-24": 0.31, "25-34": 0.34, "35-44": 0.19, "45-54": 0.1, "55-64": 0.04, "65+": 0.02},
    "country": {"DE": 0.7, "AT": 0.2, "CH": 0.1},
}
OWNER = {"campaign": "campaign_id", "adset": "adset_id", "ad": "id"}


def insights(call: Call) -> Answer:
    found = _rows(call.world, call.node, dict(call.params), restated=call.struck("restated_insights") is not None)
    if len(found) > MOST_ROWS:
        raise invalid("Please reduce the amount of data you're asking for, then retry your request", 1487534)
    return page(call, found)


def start(call: Call) -> Answer:
    run = call.world.new(
        "AdReportRun", about=call.node["id"], params=dict(call.params), failed=call.struck("report_failed") is not None
    )
    return {"report_run_id": run["id"]}


def show(call: Call) -> Answer:
    """A job says that it is complete a moment before it is."""
    run, elapsed = call.node, call.now - call.node["made"]
    part = min(1.0, elapsed / call.world.processing) if call.world.processing else 1.0
    status = "Job Not Started" if part < 0.2 else "Job Running" if part < 0.9 else "Job Completed"
    found: Answer = {
        "id": run["id"], "account_id": run["about"].removeprefix("act_"), "async_status": status,
        "async_percent_completion": int(100 * part),
    }  # fmt: skip
    if run["failed"] and part >= 0.5:
        found |= {"async_status": "Job Failed", "error_code": -2, "error_subcode": 2490547, "error_message": "Failed"}
    wanted = call.fields()
    return {name: value for name, value in found.items() if not wanted or name in {"id", *wanted}}


def results(call: Call) -> Answer:
    about = call.world.things[call.node["about"]]
    return page(call, _rows(call.world, about, call.node["params"]))


def _rows(world: World, about: Thing, said: dict[str, str], *, restated: bool = False) -> list[Answer]:
    account = about if about["kind"] == "AdAccount" else world.things[about["account"]]
    level = said.get("level") or {"Campaign": "campaign", "AdSet": "adset", "Ad": "ad"}.get(about["kind"], "account")
    since, until = _range(world, account, said)
    daily = said.get("time_increment") == "1"
    ads = [ad for ad in world.of("Ad", account=account["id"]) if _within(ad, about) and _asked_for(ad, said)]
    spans = [(day, day) for day in delivery.days(since, until)] if daily else [(since, until)]
    names = _list(said.get("breakdowns", ""))
    rows = []
    for first, last in spans:
        for owner, together in _grouped(ads, level).items():
            sums = _sums(world, together, first, last)
            for split, share in _splits(names) if sums["spend"] else ():
                row = _row(world, account, together[0], level, owner, sums, share * (RESTATED if restated else 1.0))
                rows.append(_chosen({**row, **split, "date_start": str(first), "date_stop": str(last)}, said, names))
    return rows


def _range(world: World, account: Thing, said: dict[str, str]) -> tuple[date, date]:
    today = delivery.today(world, account)
    if "time_range" in said:
        asked = json.loads(said["time_range"])
        return date.fromisoformat(asked["since"]), min(today, date.fromisoformat(asked["until"]))
    back = {"today": (0, 0), "yesterday": (1, 1), "last_7d": (7, 1), "last_14d": (14, 1), "last_30d": (30, 1)}
    first, last = back.get(said.get("date_preset", "last_30d"), (37 * 30, 0))
    return today - timedelta(days=first), today - timedelta(days=last)


def _within(ad: Thing, about: Thing) -> bool:
    return about["id"] in {ad["account"], ad["campaign_id"], ad["adset_id"], ad["id"]}


def _asked_for(ad: Thing, said: dict[str, str]) -> bool:
    for rule in json.loads(said.get("filtering") or "[]"):
        field = {"campaign.id": "campaign_id", "adset.id": "adset_id", "ad.id": "id"}.get(rule["field"])
        if field and ad[field] not in rule["value"]:
            return False
    return True


def _grouped(ads: Iterable[Thing], level: str) -> dict[str, list[Thing]]:
    found: dict[str, list[Thing]] = {}
    for ad in ads:
        found.setdefault(ad[OWNER[level]] if level in OWNER else ad["account"], []).append(ad)
    return found


def _sums(world: World, ads: list[Thing], first: date, last: date) -> dict[str, Any]:
    total: dict[str, Any] = {"spend": 0, "watched": [0, 0, 0, 0], "average_watch": 0.0}
    for ad in ads:
        for day in delivery.days(first, last):
            for name, value in (delivery.results(world, ad, day) or {}).items():
                if name == "watched":
                    total[name] = [a + b for a, b in zip(total[name], value, strict=True)]
                elif name == "average_watch":
                    total[name] = value
                else:
                    total[name] = total.get(name, 0) + value
    return total


def _splits(names: list[str]) -> list[tuple[dict[str, str], float]]:
    found: list[tuple[dict[str, str], float]] = [({}, 1.0)]
    for name in names:
        found = [
            ({**split, name: key}, share * part) for split, share in found for key, part in SPLITS.get(name, {}).items()
        ]
    return found


def _row(world: World, account: Thing, ad: Thing, level: str, owner: str, sums: dict[str, Any], share: float) -> Answer:
    def count(name: str) -> str:
        return str(int(sums.get(name, 0) * share))

    def actions(value: float) -> list[Answer]:
        return [{"action_type": "video_view", "value": str(int(value * share))}]

    spend, bought = int(sums["spend"] * share), int(count("omni_purchase"))
    found: Answer = {
        "account_id": account["id"].removeprefix("act_"), "account_currency": account["currency"],
        "spend": _major(spend, account),
        "impressions": count("impressions"), "reach": count("reach"), "clicks": count("clicks"),
        "inline_link_clicks": count("inline_link_clicks"),
        "actions": [{"action_type": kind, "value": count(name)} for kind, name in (
            ("link_click", "inline_link_clicks"), ("landing_page_view", "landing_page_view"),
            ("omni_purchase", "omni_purchase")) if int(count(name))],
        "action_values": [{"action_type": "omni_purchase", "value": _major(bought * WORTH, account)}] if bought else [],
        "video_play_actions": actions(sums["plays"]), "video_thruplay_watched_actions": actions(sums["thruplays"]),
        "video_avg_time_watched_actions": [{"action_type": "video_view", "value": str(sums["average_watch"])}],
        **{f"video_p{percent}_watched_actions": actions(value)
           for percent, value in zip((25, 50, 75, 100), sums["watched"], strict=True)},
    }  # fmt: skip
    chain = {"campaign": ad["campaign_id"], "adset": ad["adset_id"], "ad": ad["id"]}
    for name in {"account": [], "campaign": ["campaign"], "adset": ["campaign", "adset"]}.get(level, list(chain)):
        found |= {f"{name}_id": chain[name], f"{name}_name": world.things[chain[name]]["name"]}
    return found | ({f"{level}_id": owner} if level in chain else {})


def _major(amount: int, account: Thing) -> str:
    """Money as reports say it: `12.34` euros, but `1234` yen."""
    return str(amount) if account["currency"] in MAJOR else f"{amount // 100}.{amount % 100:02}"


def _chosen(row: Answer, said: dict[str, str], split: list[str]) -> Answer:
    wanted = _list(said.get("fields", ""))
    always = {"date_start", "date_stop", *split}
    return {name: value for name, value in row.items() if not wanted or name in {*wanted, *always}}


def _list(text: str) -> list[str]:
    """A JSON list or words with commas."""
    return [word.strip(' "') for word in text.strip("[] ").split(",") if word.strip(' "')]


EDGES: Edges = {
    **{("GET", kind, "insights"): insights for kind in ("AdAccount", "Campaign", "AdSet", "Ad")},
    **{("POST", kind, "insights"): start for kind in ("AdAccount", "Campaign", "AdSet", "Ad")},
    ("GET", "AdReportRun", ""): show,
    ("GET", "AdReportRun", "insights"): results,
}
