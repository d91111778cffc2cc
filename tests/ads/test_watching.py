"""What somebody else does to a campaign at the platform, and what the watcher does about it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.ads.stand import Stand

from stakazo.platforms.sandbox.faults import Fault


def running(stand: Stand, **said: Any) -> dict[str, Any]:
    stand.limit(campaign=100_00)
    made = stand.campaign(**said)
    stand.rests(made)
    stand.act(made, "activate")
    return stand.rests(made, "ACTIVE")


def told(stand: Stand, campaign: dict[str, Any], event: str) -> dict[str, Any]:
    """The first event of this name, once it is there."""

    def found() -> list[dict[str, Any]]:
        return [one for one in stand.told(campaign) if one["event"] == event]

    stand.eventually(found)
    return found()[0]


def test_another_budget_is_set_right_and_told(stand: Stand) -> None:
    made = running(stand, daily_budget=10_00)
    (ad_set,) = stand.there("AdSet", made)
    stand.world.change(ad_set, daily_budget=99_00)
    drifted = told(stand, made, "campaign_drifted")["personal"]["values"]
    assert "99.00 EUR a day, approved: 10.00 EUR a day. It is being set right." in drifted["detail"]
    stand.eventually(lambda: stand.there("AdSet", made)[0]["daily_budget"] == 10_00)
    error = stand.rests(made, "ACTIVE")["error"]
    assert (error["code"], error["detail"].endswith("a day. It was set right.")) == ("drifted", True)


def test_an_option_that_was_switched_on_again_stops_it(stand: Stand) -> None:
    made = running(stand)
    (ad_set,) = stand.there("AdSet", made)
    widened = ad_set["targeting"] | {"targeting_automation": {"advantage_audience": 1}}
    stand.world.change(ad_set, targeting=widened)
    stopped = stand.rests(made, "PAUSED")
    assert "advantage_audience 1" in stopped["error"]["detail"]
    assert stopped["error"]["detail"].endswith("It was stopped.")
    stand.act(made, "activate")  # not before somebody has set it right
    stand.eventually(lambda: stand.look(made)["state"] == "PAUSED")
    assert stand.there("Campaign", made)[0]["status"] == "PAUSED"


def test_an_enhancement_that_was_switched_on_again_stops_it(stand: Stand) -> None:
    """All but the one that was allowed were forbidden when it was made; nobody is told when one comes back."""
    made = running(stand, enhancements=["inline_comment"])
    features = stand.there("AdCreative", made)[0]["degrees_of_freedom_spec"]["creative_features_spec"]
    on = {name for name, about in features.items() if about["enroll_status"] != "OPT_OUT"}
    assert (on, len(features) > 30) == ({"inline_comment"}, True)
    stand.watched(made)
    assert stand.look(made)["state"] == "ACTIVE"
    stand.world.faults.add(Fault("enhanced"))
    stopped = stand.rests(made, "PAUSED")
    stand.world.faults.play("calm")
    assert (stopped["error"]["code"], "text_optimizations" in stopped["error"]["detail"]) == ("drifted", True)
    assert "Duplicate it" in stopped["error"]["todo"]
    assert stand.there("Campaign", made)[0]["status"] == "PAUSED"
    stand.act(made, "activate")  # not with it
    stand.eventually(lambda: stand.look(made)["state"] == "PAUSED")
    copy = stand.act(made, "duplicate", status=201)
    stand.rests(copy, "PAUSED")
    stand.act(copy, "activate")
    assert stand.rests(copy, "ACTIVE")["plan"]["enhancements"] == ["inline_comment"]


@pytest.mark.parametrize("what", ["creative", "ads"])
def test_what_shows_something_else_is_stopped(stand: Stand, what: str) -> None:
    made = running(stand)
    (ad,) = stand.there("Ad", made)
    if what == "creative":
        stand.world.change(ad, creative={"id": "17800000000099999"})
    else:
        stand.world.new("Ad", **{name: value for name, value in ad.items() if name not in {"id", "kind", "made"}})
    stopped = stand.rests(made, "PAUSED")
    assert (stopped["error"]["code"], stopped["error"]["said"]["found"][0]["what"]) == ("drifted", what)
    assert stand.there("Campaign", made)[0]["status"] == "PAUSED"


def test_what_was_never_approved_is_stopped_and_what_was_stopped_there_is_stopped_here(stand: Stand) -> None:
    stand.limit(campaign=100_00)
    resting = stand.campaign()
    stand.rests(resting)
    made = running(stand)
    stand.world.change(stand.there("Campaign", resting)[0], status="ACTIVE")
    stand.world.change(stand.there("Campaign", made)[0], status="PAUSED")
    told(stand, resting, "campaign_drifted")
    stand.eventually(lambda: stand.there("Campaign", resting)[0]["status"] == "PAUSED")
    followed = stand.rests(made, "PAUSED")
    assert (followed["error"]["code"], followed["held_by"]) == ("paused_outside", "platform/somebody")
    stand.world.change(stand.there("Campaign", made)[0], status="ARCHIVED")
    stand.rests(made, "ARCHIVED")


def test_a_review_that_refuses_is_shown_with_its_reasons(stand: Stand) -> None:
    stand.world.faults.add(Fault("disapproved", "POST AdAccount/ads", times=1))
    made = running(stand)
    refused = told(stand, made, "campaign_disapproved")["personal"]["values"]
    assert "personal attributes" in refused["detail"]
    shown = stand.look(made)
    assert (shown["review"]["says"], shown["error"]["code"]) == ("DISAPPROVED", "disapproved")


def test_what_a_late_request_made_is_removed_and_what_is_not_ours_is_left(stand: Stand) -> None:
    made = stand.campaign()
    stand.rests(made)
    (campaign,) = stand.there("Campaign", made)
    same = {name: campaign[name] for name in ("account", "name", "status", "objective")}
    twin = stand.world.new("Campaign", **same)
    other = stand.world.new("Campaign", account=campaign["account"], name="theirs", status="PAUSED")
    stand.eventually(lambda: stand.world.things[twin["id"]]["status"] == "DELETED")
    assert stand.world.things[campaign["id"]]["status"] == stand.world.things[other["id"]]["status"] == "PAUSED"
    query: dict[str, str | int] = {"subject": f"ad_account/{made['ad_account_id']}", "limit": 200}
    stand.eventually(lambda: "ad_orphans_removed" in stand.http.get("/ledger/events", params=query).text)
