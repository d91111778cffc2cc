"""Campaigns from the wish to the archive, over HTTP, with a worker and the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.ads.stand import Stand

from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.world import PIXEL


def test_a_campaign_is_made_paused_let_run_changed_paused_and_archived(stand: Stand) -> None:
    made = stand.campaign(daily_budget=10_00, total_budget=100_00)
    assert (made["state"], made["currency"], made["external_id"]) == ("LAUNCHING", "EUR", None)
    rests = stand.rests(made)
    assert (rests["state"], rests["error"]) == ("PAUSED", None)
    (campaign,), (ad_set,), (ad,) = (stand.there(kind, made) for kind in ("Campaign", "AdSet", "Ad"))
    assert [one["status"] for one in (campaign, ad_set, ad)] == ["PAUSED"] * 3
    assert (int(campaign["spend_cap"]), ad_set["daily_budget"]) == (100_00, 10_00)
    assert ad_set["targeting"]["targeting_automation"] == {"advantage_audience": 0}
    assert stand.there("AdCreative", made)[0]["url_tags"] == "utm_source=ig"

    refused = stand.act(made, "activate", status=422)
    assert refused["code"] == "over_limit"
    stand.limit(campaign=100_00, day=17_50)
    stand.act(made, "activate")
    runs = stand.rests(made, "ACTIVE")
    assert all(stand.there(kind, made)[0]["status"] == "ACTIVE" for kind in ("Campaign", "AdSet", "Ad"))
    stand.eventually(lambda: stand.look(made)["review"]["says"] == "ACTIVE")

    answer = stand.http.patch(f"/campaigns/{made['id']}", json={"daily_budget": 5_00, "name": "Green"})
    assert answer.status_code == 200, answer.text
    changed = stand.rests(made, "ACTIVE")
    assert (changed["daily_budget"], changed["name"]) == (5_00, "Green")
    assert stand.there("AdSet", made)[0]["daily_budget"] == 5_00

    stand.act(made, "pause")
    assert stand.rests(made, "PAUSED")["activated_at"] == runs["activated_at"]
    assert stand.there("Campaign", made)[0]["status"] == "PAUSED"
    stand.act(made, "archive")
    stand.rests(made, "ARCHIVED")
    assert stand.there("Campaign", made)[0]["status"] == "ARCHIVED"
    told = [event["event"] for event in stand.told(made)]
    assert told[0] == "campaign_created"
    assert told[-1] == "campaign_archived"
    assert {"campaign_launched", "campaign_approved", "campaign_activated", "campaign_paused"} <= set(told)


def test_a_post_that_is_out_is_boosted(stand: Stand) -> None:
    (variant,) = stand.variants("instagram_reel")
    (publication,) = stand.want([variant], [stand.channel("instagram")])
    post = stand.until(publication, "PUBLISHED")
    made = stand.campaign(publication_id=post["id"])
    assert stand.rests(made)["state"] == "PAUSED"
    (creative,) = stand.there("AdCreative", made)
    assert creative["source_instagram_media_id"] == post["external_id"]
    copy = stand.act(made, "duplicate", {"name": "Again"}, status=201)
    assert stand.rests(copy)["publication_id"] == post["id"]
    assert len(stand.there("Campaign", copy)) == 1


def test_conversions_are_counted_by_the_accounts_pixel(stand: Stand) -> None:
    made = stand.campaign(objective="OUTCOME_SALES", goal="OFFSITE_CONVERSIONS", event="PURCHASE")
    assert made["plan"]["pixel_id"] == PIXEL
    stand.rests(made, "PAUSED")
    assert stand.there("AdSet", made)[0]["promoted_object"] == {"pixel_id": PIXEL, "custom_event_type": "PURCHASE"}


@pytest.mark.parametrize("what", ["lost_reply", "never_arrived"])
@pytest.mark.parametrize("part", ["campaigns", "adsets", "adcreatives", "ads"])
def test_after_a_lost_reply_nothing_is_made_twice(stand: Stand, what: str, part: str) -> None:
    stand.world.faults.add(Fault(what, f"POST AdAccount/{part}", times=1))
    made = stand.campaign()
    assert stand.rests(made)["state"] == "PAUSED"
    mark = UUID(made["id"]).hex
    for kind in ("Campaign", "AdSet", "AdCreative", "Ad"):
        assert len([one for one in stand.world.of(kind) if mark in one["name"]]) == 1, kind  # none that was removed


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"countries": []}, "campaign_refused"),
        ({"dsa_payor": None}, "campaign_refused"),
        ({"goal": "OFFSITE_CONVERSIONS"}, "campaign_refused"),
        ({"ends_at": None}, "campaign_refused"),
        ({"special_categories": ["HOUSING"]}, "campaign_refused"),
        ({"bid": "COST_CAP"}, "campaign_refused"),
        ({"daily_budget": 5_00, "total_budget": 50_00}, "campaign_refused"),
        ({"publication_id": "00000000-0000-0000-0000-000000000000", "variant_id": None}, "not_found"),
        ({"total_budget": 0}, "invalid"),
    ],
)
def test_what_the_platform_would_refuse_is_refused_before_it_is_asked(
    stand: Stand, said: dict[str, Any], code: str
) -> None:
    answer = stand.http.post("/campaigns", json=stand.wish(**said))
    assert answer.status_code in {404, 422}
    assert answer.json()["code"] == code, answer.text


def test_a_dry_run_says_what_it_could_cost_and_reach_and_makes_nothing(stand: Stand) -> None:
    stand.limit(campaign=50_00, second_person_above=1)
    wish = stand.wish(total_budget=60_00)
    before = len(stand.there("Campaign"))
    answer = stand.http.post("/campaigns?dry_run=true", json=wish)
    assert answer.status_code == 200, answer.text
    preview = answer.json()["preview"]
    assert (preview["worst_day"], preview["at_most"], preview["needs_second_person"]) == (60_00, 60_00, True)
    assert preview["refused"] == []
    assert preview["over_limits"] == [
        "This campaign could cost 60.00 EUR, and the limit for one campaign is 50.00 EUR."
    ]
    assert 0 < preview["lowest_reach"] < preview["highest_reach"]
    assert stand.http.get("/campaigns").json()["items"] == []
    assert len(stand.there("Campaign")) == before
    low = stand.http.post("/campaigns?dry_run=true", json=stand.wish(total_budget=5, budget_on="campaign")).json()
    assert len(low["preview"]["refused"]) == 1


def test_what_the_platform_refuses_fails_with_its_words_and_can_be_retried(stand: Stand) -> None:
    stand.world.faults.add(Fault("error", "POST AdAccount/ads", times=1, detail={"code": 100, "subcode": 1487194}))
    made = stand.campaign()
    failed = stand.rests(made)
    assert failed["state"] == "FAILED"
    assert failed["error"]["said"]["subcode"] == 1487194
    stand.act(made, "retry")
    assert stand.rests(made)["state"] == "PAUSED"
    assert [len(stand.there(kind, made)) for kind in ("Campaign", "AdSet", "Ad")] == [1, 1, 1]


def test_a_campaign_whose_time_is_over_is_completed(stand: Stand) -> None:
    stand.limit(campaign=100_00)
    made = stand.campaign(ends_at=(datetime.now(UTC) + timedelta(hours=2)).isoformat())
    stand.rests(made)
    stand.act(made, "activate")
    stand.rests(made, "ACTIVE")
    stand.expire(made)
    stand.rests(made, "COMPLETED")
