"""What is at the platform beside what was approved, and who may let it run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stakazo.ads import comparing
from stakazo.ads.comparing import Answer, Approved, differences
from stakazo.ads.states import CampaignState as S
from stakazo.ads.states import Part, approved_run, why_not_activate
from stakazo.platforms import enhancing
from stakazo.platforms.ads import Budget, Live, Run, Terms
from stakazo.platforms.targeting import Circle, Targeting

TARGETING = Targeting(countries=("DE", "US"), age_max=40, instagram_positions=("reels",)).params()
IDS = {Part.CAMPAIGN: "1", Part.AD_SET: "2", Part.CREATIVE: "3", Part.AD: "4"}
END = datetime(2026, 12, 24, tzinfo=UTC)
TERMS = Terms(targeting=TARGETING, ends_at=END)
APPROVED = Approved(
    Run.ACTIVE, IDS, Budget(daily=1000), Part.AD_SET, 10_000, "3", TERMS, enhancements=frozenset({"show_summary"})
)  # fmt: skip


def live(status: str = "ACTIVE", **changes: Any) -> dict[Part, Live]:
    enhanced = {"degrees_of_freedom_spec": enhancing.spec({"show_summary"})}
    found = {
        Part.CAMPAIGN: Live("1", "c", status, status, raw={"spend_cap": "10000"}),
        Part.AD_SET: Live("2", "s", status, status, daily_budget=1000, targeting=TARGETING, ends_at=END),
        Part.CREATIVE: Live("3", "k", "ACTIVE", "ACTIVE", raw=enhanced),
        Part.AD: Live("4", "a", status, status),
    }
    for name, value in changes.items():
        part, _, field = name.partition("__")
        found[Part(part)] = replace(found[Part(part)], **{field: value})
    return found


def test_what_is_as_approved_differs_in_nothing() -> None:
    theirs = TARGETING | {"geo_locations": {"countries": ["US", "DE"], "location_types": ["home"]}, "age_max": "40"}
    assert differences(APPROVED, live(ad_set__targeting=theirs)) == ()


def test_a_place_may_be_told_back_rounded() -> None:
    spot = Targeting(countries=(), circles=(Circle(km=5.0, latitude=34.05223, longitude=-118.0),)).params()
    approved = replace(APPROVED, terms=Terms(targeting=spot, ends_at=END))
    back = {"latitude": "34.0522", "longitude": -118, "radius": 5, "distance_unit": "kilometer", "country": "US"}
    for found, what in ((back, []), (back | {"radius": 6}, ["targeting"]), (back | {"latitude": 34.1}, ["targeting"])):
        there = spot | {"geo_locations": {"custom_locations": [found]}}
        assert [one.what for one in differences(approved, live(ad_set__targeting=there))] == what


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"campaign__status": "PAUSED"}, "status"),
        ({"ad_set__daily_budget": 2000}, "budget"),
        ({"ad_set__lifetime_budget": 2000}, "budget"),
        ({"campaign__raw": {}}, "spend_cap"),
        ({"ad_set__targeting": TARGETING | {"age_max": 65}}, "targeting"),
        ({"ad_set__targeting": TARGETING | {"geo_locations": {"countries": ["DE", "US", "FR"]}}}, "targeting"),
        ({"ad_set__targeting": TARGETING | {"targeting_automation": {"advantage_audience": 1}}}, "targeting"),
        ({"ad_set__targeting": TARGETING | {"targeting_relaxation_types": {"lookalike": 1}}}, "targeting"),
        ({"ad_set__ends_at": END + timedelta(seconds=1)}, "end"),
        ({"ad_set__ends_at": None}, "end"),
        ({"creative__raw": {"degrees_of_freedom_spec": enhancing.spec({"audio"})}}, "enhancements"),
        (
            {
                "campaign__raw": {
                    "spend_cap": "10000",
                    "ads": {
                        "data": [
                            {"id": "4", "status": "ACTIVE"},
                            {"id": "5", "status": "PAUSED"},
                            {"id": "6", "status": "ACTIVE"},
                        ]
                    },
                }
            },
            "ads",
        ),
        ({"ad__raw": {"creative": {"id": "9"}}}, "creative"),
    ],
)
def test_whatever_is_not_as_approved_is_found(changes: dict[str, Any], what: str) -> None:
    assert [one.what for one in differences(APPROVED, live(**changes))] == [what]


def test_what_lets_run_comes_last_and_what_stops_first() -> None:
    found = differences(APPROVED, live("PAUSED", ad_set__daily_budget=2000))
    assert [(one.part, one.what) for one in found] == [
        ("ad_set", "budget"), ("ad", "status"), ("ad_set", "status"), ("campaign", "status"),
    ]  # fmt: skip
    stop = differences(replace(APPROVED, run=Run.PAUSED), live(ad_set__daily_budget=2000))
    assert [(one.part, one.what) for one in stop] == [("campaign", "status"), ("ad_set", "budget")]


@pytest.mark.parametrize(
    ("state", "there", "answer"),
    [
        (S.ACTIVE, live(), Answer.NOTHING),
        (S.ACTIVE, live(ad_set__daily_budget=2000), Answer.REVERT),
        (S.ACTIVE, live(ad_set__targeting={}), Answer.STOP),
        (S.ACTIVE, live("PAUSED"), Answer.FOLLOW),
        (S.ACTIVE, live(ad__status="PAUSED"), Answer.FOLLOW),
        (S.ACTIVE, live(ad_set__ends_at=None), Answer.STOP),
        (S.ACTIVE, live(ad_set__ends_at=END - timedelta(days=1)), Answer.NOTHING),
        (S.COMPLETED, live(ad_set__ends_at=None), Answer.REVERT),
        (S.ACTIVE, live("DELETED"), Answer.GONE),
        (S.PAUSED, live("PAUSED"), Answer.NOTHING),
        (S.PAUSED, live("PAUSED", ad_set__daily_budget=1), Answer.NOTHING),
        (S.PAUSED, live(), Answer.REVERT),
        (S.NEEDS_HUMAN, live(), Answer.REVERT),
        (S.NEEDS_HUMAN, live("PAUSED"), Answer.NOTHING),
        (S.COMPLETED, live(), Answer.NOTHING),
        (S.PAUSED, live("ARCHIVED"), Answer.GONE),
    ],
)
def test_what_is_done_about_it(state: S, there: dict[Part, Live], answer: Answer) -> None:
    approved = replace(APPROVED, run=approved_run(state))
    assert comparing.answer(state, differences(approved, there), there) is answer


def test_of_what_is_put_away_only_that_it_is_away_matters() -> None:
    gone = replace(APPROVED, run=Run.ARCHIVED)
    half = {Part.CAMPAIGN: live()[Part.CAMPAIGN]}  # it failed before its ad set was made
    assert [(one.part, one.what) for one in differences(gone, half)] == [("campaign", "status")]


def test_a_refused_ad_is_what_the_whole_campaign_says() -> None:
    ad = Live("4", "a", "ACTIVE", "DISAPPROVED", issues=("Personal Attributes: no.",))
    said = comparing.review(live() | {Part.AD: ad})
    assert (said["says"], said["issues"]) == ("DISAPPROVED", ["Personal Attributes: no."])


def test_above_the_limit_another_person_lets_it_run() -> None:
    assert why_not_activate(100, 100, "user/ann", "user/ann") is None
    assert why_not_activate(101, None, "user/ann", "api_key/1") is None
    assert why_not_activate(101, 100, "user/ann", "user/ann")
    assert why_not_activate(101, 100, "user/ann", "api_key/1")
    assert why_not_activate(101, 100, "user/ann", "user/bob") is None
