"""What the platform does when nobody waits for it any more: parts that it makes, and campaigns that it lets run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.ads.stand import Stand
from tests.ads.test_doubts import committed, write

from stakazo.ads.lateness import Unanswered
from stakazo.ads.states import LATE, Part
from stakazo.platforms.sandbox.faults import Fault

PARTS = {"campaigns": "Campaign", "adsets": "AdSet", "adcreatives": "AdCreative", "ads": "Ad"}
LONG = 3600.0


def every(stand: Stand, kind: str, campaign: dict[str, Any]) -> int:
    """How many there ever were."""
    return sum(UUID(campaign["id"]).hex in one["name"] for one in stand.world.of(kind))


def test_what_came_late_but_in_time_is_adopted(stand: Stand) -> None:
    """It is there at the first look, or made anew before: whatever the order, one is left of each."""
    for part in PARTS:
        stand.world.faults.add(Fault("late_effect", f"POST AdAccount/{part}", times=1, detail={"looks": 0}))
    made = stand.campaign()
    assert stand.rests(made)["state"] == "PAUSED"
    for kind in PARTS.values():
        assert (len(stand.there(kind, made)), every(stand, kind, made)) == (1, 1), kind


def test_what_comes_after_all_is_done_is_swept_and_never_runs(stand: Stand) -> None:
    for part in PARTS:
        stand.world.faults.add(Fault("late_effect", f"POST AdAccount/{part}", times=1, detail={"seconds": LONG}))
    made = stand.campaign()
    assert stand.rests(made)["state"] == "PAUSED"
    kept = {kind: [one["id"] for one in stand.there(kind, made)] for kind in PARTS.values()}
    assert all(len(ids) == 1 for ids in kept.values()), kept
    stand.limit(campaign=100_00)
    stand.act(made, "activate")
    stand.rests(made, "ACTIVE")
    stand.world.move_on(LONG)
    stand.eventually(lambda: all(every(stand, kind, made) == 2 for kind in PARTS.values()))
    stand.eventually(lambda: all(len(stand.there(kind, made)) == 1 for kind in PARTS.values()))
    assert {kind: [one["id"] for one in stand.there(kind, made)] for kind in PARTS.values()} == kept
    late = [one for kind in ("Campaign", "AdSet", "Ad") for one in stand.world.of(kind) if one["status"] == "DELETED"]
    assert [one["active"] for one in late if UUID(made["id"]).hex in one["name"]] == [[]] * 3
    assert stand.look(made)["state"] == "ACTIVE"


def test_what_comes_after_a_launch_has_failed_is_swept_and_what_it_kept_serves_the_retry(stand: Stand) -> None:
    """The last part is refused for good: nobody waits for the first two any more when they come."""
    for part in ("campaigns", "adsets"):
        stand.world.faults.add(Fault("late_effect", f"POST AdAccount/{part}", times=1, detail={"seconds": LONG}))
    stand.world.faults.add(Fault("error", "POST AdAccount/ads", times=1, detail={"code": 100}))
    made = stand.campaign()
    assert stand.rests(made)["state"] == "FAILED"
    kept = {kind: [one["id"] for one in stand.there(kind, made)] for kind in ("Campaign", "AdSet", "AdCreative")}
    stand.watched(made)
    stand.world.move_on(LONG)
    stand.eventually(lambda: [every(stand, kind, made) for kind in ("Campaign", "AdSet")] == [2, 2])
    stand.eventually(lambda: {kind: [one["id"] for one in stand.there(kind, made)] for kind in kept} == kept)
    stand.act(made, "retry")
    assert stand.rests(made)["state"] == "PAUSED"
    assert {kind: [one["id"] for one in stand.there(kind, made)] for kind in kept} == kept


def test_the_room_of_what_may_yet_be_let_run_is_given_to_nobody(stand: Stand) -> None:
    """Its first request to run comes when it is paused again: until then, and then, the limit holds."""
    stand.limit(campaign=100_00, at_once=100_00)
    first, second = stand.campaign(), stand.campaign()
    stand.rests(first), stand.rests(second)
    stand.world.faults.add(Fault("late_effect", "POST Campaign", times=1, detail={"seconds": LONG}))
    stand.act(first, "activate")
    assert stand.rests(first, "ACTIVE")["room_until"] is not None
    stand.act(first, "pause")
    stand.rests(first, "PAUSED")
    refused = stand.act(second, "activate", status=422)
    assert (refused["code"], "never answered and may come late: Blue." in refused["detail"]) == ("over_limit", True)
    stand.world.move_on(LONG)
    stand.eventually(lambda: "campaign_drifted" in [one["event"] for one in stand.told(first)])
    assert stand.rests(first, "PAUSED")["error"]["code"] == "drifted"
    stand.act(first, "archive")
    assert stand.rests(first, "ARCHIVED")["room_until"] is None
    stand.act(second, "activate")
    stand.rests(second, "ACTIVE")


def test_what_a_look_shows_to_have_come_keeps_no_room(stand: Stand) -> None:
    stand.limit(campaign=100_00, at_once=100_00)
    made = stand.campaign()
    stand.rests(made)
    stand.world.faults.add(Fault("lost_reply", "POST Campaign", times=1))
    stand.act(made, "activate")
    assert stand.rests(made, "ACTIVE")["room_until"] is None
    stand.act(made, "pause")
    stand.rests(made, "PAUSED")
    assert committed(stand, made) == 0


def test_a_room_is_kept_no_longer_than_anything_can_come(stand: Stand) -> None:
    stand.limit(campaign=100_00, at_once=100_00)
    made = stand.campaign()
    stand.rests(made)
    stand.world.faults.add(Fault("late_effect", "POST Campaign", times=1, detail={"seconds": LONG}))
    stand.act(made, "activate")
    stand.rests(made, "ACTIVE")
    stand.act(made, "pause")
    stand.rests(made, "PAUSED")
    assert committed(stand, made) == 1
    refused = stand.http.delete(f"/ad-accounts/{made['ad_account_id']}")
    assert (refused.status_code, "may come late" in refused.json()["detail"]) == (409, True)
    other = stand.campaign()
    stand.rests(other)
    stand.act(other, "activate", status=422)
    long_ago = datetime.now(UTC) - timedelta(seconds=LATE)
    write(stand, made, unanswered=[Unanswered(Part.CAMPAIGN, "status", "ACTIVE", long_ago).as_json()])
    stand.act(other, "activate")
    assert committed(stand, made) == 0
    assert stand.look(made)["room_until"] is None
