"""Parts of campaigns that the platform makes when nobody waits for them any more: adopted or removed, never two."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.ads.stand import Stand

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
