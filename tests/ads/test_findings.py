"""What is refused of a plan before anybody is asked, and what of it the platform is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.ads.stand import PLAN, Stand

from stakazo.ads import changing, findings, plan
from stakazo.ads.plan import Around, Money, Plan
from stakazo.cli.output import Failure
from stakazo.cli.wishes import closer
from stakazo.platforms.ads import Bid, Goal, Objective
from stakazo.platforms.sandbox.world import FORM, PAGE
from stakazo.platforms.targeting import Hours

NOW = datetime(2026, 12, 1, tzinfo=UTC)
MONEY = Money(currency="USD", daily=None, total=500_00, starts_at=None, ends_at=datetime(2026, 12, 24, tzinfo=UTC))
EVENINGS = Hours(days=(0, 4, 6), begin=18, end=23)
PORTLAND = ("2514815", "Portland, Oregon, US", "US")
SOLD = Plan(
    objective=Objective.SALES, goal=Goal.VALUE, cities=(PORTLAND,), pixel_id="1", event="PURCHASE",
    link="https://example.com", bid=Bid.MIN_ROAS, min_roas=1.5, hours=(EVENINGS,),
    zips=(("US:90012", "90012, California, US", "US"),),
    around=(Around(km=2.5, latitude=45.5, longitude=-122.6, country="US"),
            Around(km=30, city=("777934", "Paris, FR", "FR"))),
    dsa_beneficiary="Blue Note", dsa_payor="Blue Note",
)  # fmt: skip


def circle(**said: Any) -> tuple[Around, ...]:
    return (replace(SOLD.around[0], **said),)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"min_roas": None}, "A least return"),
        ({"bid": None}, "A least return"),
        ({"goal": Goal.CONVERSIONS}, "needs the goal VALUE"),
        ({"pixel_id": None}, "need a pixel"),
        ({"countries": ("US",), "cities": (), "zips": ()}, "2.5 km around 45.5, -122.6 lies in a country"),
        ({"countries": ("US",), "cities": (), "around": ()}, "90012, California, US lies in a country"),
        ({"around": (Around(km=30, city=PORTLAND),)}, "is named without its surroundings"),
        ({"cities": (), "around": (Around(km=16, city=PORTLAND),)}, "takes 17 to 80 km"),
        ({"cities": (), "around": (Around(km=20.5, city=PORTLAND),)}, "whole kilometres"),
        ({"around": circle(km=81)}, "takes 1 to 80 km"),
        ({"around": circle(country="")}, "say its country"),
        ({"dsa_payor": None}, "In the EU"),  # Paris, by its surroundings
        ({"hours": (EVENINGS, Hours(days=(6,), begin=22, end=24))}, "may not overlap"),
        ({"hours": (EVENINGS, Hours(days=(6,), begin=23, end=24))}, ""),
        ({"hours": (Hours(days=(6,), begin=23, end=2),)}, "in two parts"),
        ({"hours": (EVENINGS, Hours(days=(1,), begin=1, end=2, of_viewer=False))}, "all by the clock"),
        ({"lead_form_id": "1"}, "A form"),
        ({"enhancements": ("audio", "sparkles")}, "no enhancement sparkles"),
        ({"objective": Objective.LEADS, "goal": Goal.LEADS, "bid": None, "min_roas": None}, "A form"),
        ({"special_categories": ("HOUSING",)}, "by postal code"),
    ],
)
def test_what_would_be_refused_is_said_before_anybody_is_asked(changes: dict[str, Any], words: str) -> None:
    said = " ".join(findings.found(replace(SOLD, **changes), MONEY, NOW))
    assert (words in said) if words else not said, said


def test_hours_need_a_budget_for_the_whole_time() -> None:
    assert "whole time" in " ".join(findings.found(SOLD, replace(MONEY, daily=10_00), NOW))


def test_a_plan_is_kept_as_it_was_said() -> None:
    kept = Plan.of(json.loads(json.dumps(SOLD.as_json())))
    assert kept == SOLD
    assert kept.lands == {"US", "FR"}


def test_another_way_of_bidding_leaves_behind_what_went_with_the_last() -> None:
    after = changing.Change(plan={"bid": "COST_CAP", "bid_amount": 70}).plan_after(SOLD)
    assert (after.min_roas, after.bid_amount) == (None, 70)
    assert changing.Change(plan={"min_roas": 2.0}).plan_after(SOLD).bid is Bid.MIN_ROAS
    assert changing.Change(plan={"hours": []}).terms == {"hours"}


def test_places_hours_and_return_are_told_as_the_platform_counts_them() -> None:
    told = plan.ad_set(SOLD, MONEY, "x", "1", "2").params()
    assert told["bid_constraints"] == {"roas_average_floor": 15_000}
    assert told["adset_schedule"] == [
        {"start_minute": 1080, "end_minute": 1380, "days": [0, 1, 5], "timezone_type": "USER"}
    ]
    assert told["pacing_type"] == ["day_parting"]
    assert told["targeting"]["geo_locations"] == {
        "cities": [{"key": "2514815"}, {"key": "777934", "radius": 30, "distance_unit": "kilometer"}],
        "zips": [{"key": "US:90012"}],
        "custom_locations": [{"latitude": 45.5, "longitude": -122.6, "radius": 2.5, "distance_unit": "kilometer"}],
    }


def test_what_is_written_in_the_terminal_is_what_the_api_takes() -> None:
    said = closer(["US:97204"], ["Portland, Oregon:30", "45.5,-122.6,US:5"], ["mon-fri:18-23", "sun:0-24"], 1.5)
    assert said["around"] == [
        {"km": 30.0, "city": "Portland, Oregon"},
        {"km": 5.0, "latitude": 45.5, "longitude": -122.6, "country": "US"},
    ]
    assert said["hours"] == [{"days": [0, 1, 2, 3, 4], "begin": 18, "end": 23}, {"days": [6], "begin": 0, "end": 24}]
    for circles, week in ((["Portland"], None), ([":5"], None), (None, ["fri-mon:1-2"]), (None, ["mon"])):
        with pytest.raises(Failure):
            closer(None, circles, week, None)


def test_a_return_hours_and_places_reach_the_platform_and_are_kept_there(stand: Stand) -> None:
    """Made, changed, and set right where somebody else changes the hours."""
    said: dict[str, Any] = {
        "objective": "OUTCOME_SALES", "goal": "VALUE", "event": "PURCHASE", "pixel_id": "1000000000000050",
        "bid": "LOWEST_COST_WITH_MIN_ROAS", "min_roas": 1.5, "countries": [], "zips": ["97204, US"],
        "around": [{"km": 20, "city": "Paris"}, {"km": 5, "latitude": 34.0, "longitude": -118.2, "country": "US"}],
        "hours": [{"days": [5, 6], "begin": 18, "end": 24}],
    }  # fmt: skip
    tried = stand.http.post("/campaigns?dry_run=true", json=stand.wish(**said))
    assert tried.json()["preview"]["refused"] == [], tried.text
    made = stand.campaign(**said)
    assert stand.rests(made)["state"] == "PAUSED", stand.look(made)
    (ad_set,) = stand.there("AdSet", made)
    assert ad_set["bid_constraints"] == {"roas_average_floor": 15_000}
    assert ad_set["targeting"]["geo_locations"]["zips"] == [{"key": "US:97204"}]
    assert ad_set["adset_schedule"][0]["days"] == [0, 6]
    stand.limit(campaign=100_00)
    stand.act(made, "activate")
    stand.rests(made, "ACTIVE")
    stand.world.change(stand.there("AdSet", made)[0], adset_schedule=[], pacing_type=["standard"])
    stand.eventually(lambda: stand.there("AdSet", made)[0]["pacing_type"] == ["day_parting"])
    stand.rests(made, "ACTIVE")
    changed = {"hours": [], "min_roas": 2, "zips": [], "around": []} | {"cities": ["Portland, Oregon"]}
    answer = stand.http.patch(f"/campaigns/{made['id']}", json=changed)
    assert answer.status_code == 200, answer.text
    stand.rests(made, "ACTIVE")
    (ad_set,) = stand.there("AdSet", made)
    assert (ad_set["adset_schedule"], ad_set["pacing_type"]) == ([], ["standard"])
    assert ad_set["bid_constraints"] == {"roas_average_floor": 20_000}
    assert ad_set["targeting"]["geo_locations"] == {"cities": [{"key": "2514815"}]}


def test_a_form_is_of_the_page_and_open(stand: Stand) -> None:
    said: dict[str, Any] = {
        "objective": "OUTCOME_LEADS", "goal": "LEAD_GENERATION", "lead_form_id": FORM, "button": "SIGN_UP", "utm": {},
        "link": None,
    }  # fmt: skip
    theirs = stand.world.new("LeadgenForm", name="Theirs", page_id="9", status="ACTIVE")
    closed = stand.world.new("LeadgenForm", name="Old", page_id=PAGE, status="ARCHIVED")
    for form, words in ((theirs["id"], "another Page"), (closed["id"], "was closed"), ("404", "There is no form")):
        answer = stand.http.post("/campaigns", json=stand.wish(**said | {"lead_form_id": form}))
        assert (answer.status_code, words in answer.text) == (422, True), answer.text
    made = stand.campaign(**said)
    assert stand.rests(made)["state"] == "PAUSED", stand.look(made)
    (creative,) = stand.there("AdCreative", made)
    button = creative["object_story_spec"]["video_data"]["call_to_action"]
    assert (button["type"], button["value"]["lead_gen_form_id"]) == ("SIGN_UP", FORM)
    assert stand.act(made, "duplicate", {"goal": "LINK_CLICKS", "link": PLAN["link"]}, status=201)
