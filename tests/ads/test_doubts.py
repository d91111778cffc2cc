"""Ways in which a campaign could spend more than was agreed to, or by nobody's leave, or get lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from tests.ads.stand import Stand
from tests.ads.test_watching import running, told
from tests.api.conftest import People

from stakazo.ads import jobs, progress, ruling, service
from stakazo.ads.models import AdCommitment, Campaign
from stakazo.platforms.sandbox.faults import Fault
from stakazo.publishing.states import Trouble


def write(stand: Stand, campaign: dict[str, Any], **columns: Any) -> None:
    """Let the row say what a job or a rule would have written."""

    async def change(session: AsyncSession) -> None:
        await session.execute(update(Campaign).where(Campaign.id == UUID(campaign["id"])).values(**columns))

    stand.site.within(change)


def row(stand: Stand, state: str = "PAUSED", **columns: Any) -> dict[str, Any]:
    """A campaign that no platform has ever seen."""
    made = {"id": str(stand.launched())}
    write(stand, made, state=state, **columns)
    return made


def committed(stand: Stand, campaign: dict[str, Any]) -> int:
    """How many promises about its cost hold now."""

    async def count(session: AsyncSession) -> int:
        found = select(func.count()).where(
            AdCommitment.campaign_id == UUID(campaign["id"]), AdCommitment.ended_at.is_(None)
        )
        return (await session.execute(found)).scalar_one()

    return stand.site.within(count)


def strikes(stand: Stand, fault: Fault, count: int = 1) -> Callable[[], bool]:
    """Let this go wrong; says whether it has, so many times."""
    before = stand.world.faults.struck[fault.what]
    stand.world.faults.add(fault)
    return lambda: stand.world.faults.struck[fault.what] >= before + count


# --- nobody's leave -----------------------------------------------------------------------------------------


def test_one_person_alone_does_not_raise_what_runs_above_the_limit(stand: Stand, people: People) -> None:
    """Bob isn't who planned the hundred, but he is who plans the hundred and fifty."""
    bob = people.join("MANAGER")
    made = row(stand, "ACTIVE")
    stand.limit(campaign=200_00, second_person_above=100_00)
    raised = bob.http.patch(f"/campaigns/{made['id']}", json={"total_budget": 150_00})
    assert (raised.status_code, raised.json()["code"]) == (403, "forbidden")
    assert "paused first" in raised.json()["detail"]
    assert stand.look(made)["total_budget"] == 100_00


@pytest.mark.parametrize(("since", "revived"), [(-1, True), (1, False)])
def test_no_rule_revives_what_was_let_run_since_the_rule_paused_it(stand: Stand, since: int, *, revived: bool) -> None:
    """Whoever has paused it then has paused it for a reason of their own."""
    moment = datetime.now(UTC)
    said = {"action": "pause", "rule": "a", "day": "2026-11-22", "at": moment.isoformat(), "undone": False}
    made = row(stand, decision=said | {"refused": None}, activated_at=moment + timedelta(minutes=since))

    async def look(session: AsyncSession) -> bool:
        return (await ruling.subject(session, await service.get(session, UUID(made["id"])))).paused_by_rule

    assert stand.site.within(look) is revived
    assert stand.http.post(f"/campaigns/{made['id']}/undo").status_code == (200 if revived else 409)


def test_no_rule_lets_run_what_a_person_has_paused_until_they_let_it_run(stand: Stand) -> None:
    """Also where a rule had paused it before they came: then they have meant it all the same."""
    revive = {"name": "again", "action": "revive", "metric": "cost_per_click", "below": 50}
    away = {"name": "old", "action": "sunset", "metric": "cost_per_click", "below": 50}
    stand.http.put("/ads/rules", json={"rules": [revive, away]}).raise_for_status()
    moment = datetime.now(UTC)
    said = {"action": "pause", "rule": "a", "day": "2026-11-01", "at": moment.isoformat(), "undone": False}
    made = row(stand, decision=said | {"refused": None}, activated_at=moment - timedelta(days=1))
    stand.measured(made, clicks=10, spend=100, impressions=1000)

    def ruled() -> str:
        async def rule(session: AsyncSession) -> str:
            return (await ruling.apply(session, UUID(made["id"]))).state.value

        return stand.site.within(rule)

    assert stand.act(made, "pause")["held_by"]
    assert ruled() == "PAUSED"
    assert [one["event"] for one in stand.told(made)] == ["campaign_held"]
    stand.act(made, "pause")  # twice is once
    assert len(stand.told(made)) == 1
    assert stand.act(made, "activate")["held_by"] is None
    write(stand, made, state="PAUSED", job_id=None, activated_at=moment - timedelta(days=1))
    assert ruled() == "ACTIVATING"


def test_a_budget_that_a_person_has_changed_since_is_not_what_undoing_restores(stand: Stand) -> None:
    before, after = ({"daily_budget": None, "total_budget": total} for total in (100_00, 120_00))
    said = {"action": "scale", "rule": "a", "day": "2026-11-22", "undone": False, "refused": None, "before": before}
    made = row(stand, total_budget=60_00, decision=said | {"after": after})
    refused = stand.act(made, "undo", status=409)
    assert (refused["code"], stand.look(made)["total_budget"]) == ("conflict", 60_00)


def test_what_somebody_pauses_below_a_campaign_is_not_let_run_again(stand: Stand) -> None:
    made = running(stand)
    stand.world.change(stand.there("AdSet", made)[0], status="PAUSED")
    stopped = stand.rests(made, "PAUSED")
    assert stopped["error"]["code"] == "paused_outside"
    assert [stand.there(kind, made)[0]["status"] for kind in ("Campaign", "AdSet")] == ["PAUSED", "PAUSED"]


def test_what_runs_otherwise_than_approved_is_never_called_paused_before_it_is(stand: Stand) -> None:
    """The change of its budget is what finds the drift, not the watcher."""
    made = running(stand)
    (ad_set,) = stand.there("AdSet", made)
    widened = ad_set["targeting"] | {"targeting_automation": {"advantage_audience": 1}}
    stand.world.change(ad_set, targeting=widened)
    assert stand.http.patch(f"/campaigns/{made['id']}", json={"total_budget": 90_00}).status_code == 200
    stand.rests(made, "PAUSED")
    assert stand.there("Campaign", made)[0]["status"] == "PAUSED"


# --- more than was agreed to ----------------------------------------------------------------------------------


def test_a_budget_counts_until_the_platform_has_the_lower_one(stand: Stand) -> None:
    made = running(stand)
    fault = Fault("error", "POST AdSet", times=1, detail={"code": 613, "subcode": 1487632})  # four an hour: later
    struck = strikes(stand, fault)
    assert stand.http.patch(f"/campaigns/{made['id']}", json={"total_budget": 60_00}).status_code == 200
    stand.eventually(struck)
    assert (stand.look(made)["state"], committed(stand, made)) == ("ACTIVATING", 2)
    stand.act(made, "pause")
    stand.rests(made, "PAUSED")
    assert committed(stand, made) == 0


def test_less_is_always_allowed_and_a_day_is_never_more_than_all_days(stand: Stand) -> None:
    made = row(stand, "ACTIVE", daily_budget=20_00)
    stand.http.put("/ads/policy", json={"limits": {}}).raise_for_status()
    refused = stand.http.patch(f"/campaigns/{made['id']}", json={"total_budget": 10_00})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    less = stand.http.patch(f"/campaigns/{made['id']}", json={"total_budget": 60_00})
    assert (less.status_code, less.json()["state"]) == (200, "ACTIVATING")


def test_a_stop_is_not_the_stop_that_is_under_way(stand: Stand) -> None:
    """That one may have passed by already what was let run since."""

    async def twice(session: AsyncSession) -> set[UUID]:
        return {(await jobs.stop_everything(session)).id for _ in range(2)}

    assert len(stand.site.within(twice)) == 2


def test_what_is_paused_is_told_so_whatever_the_platform_says(stand: Stand) -> None:
    """A request to let it run may be on its way."""
    made = stand.campaign()
    stand.rests(made)
    stand.http.patch(f"/campaigns/{made['id']}", json={"total_budget": 90_00}).raise_for_status()
    stand.rests(made, "PAUSED")
    said = [event["data"] for event in stand.told(made) if event["event"] == "campaign_told"]
    assert [(one["part"], one["what"]) for one in said] == [("ad_set", "budget"), ("campaign", "status")]


def test_a_lost_reply_to_an_assignment_costs_one_more_look(stand: Stand) -> None:
    stand.limit(campaign=100_00)
    made = stand.campaign()
    stand.rests(made)
    faults = {"Campaign": "lost_reply", "AdSet": "never_arrived", "Ad": "error_after"}
    struck = [strikes(stand, Fault(what, f"POST {kind}", times=1)) for kind, what in faults.items()]
    stand.act(made, "activate")
    stand.rests(made, "ACTIVE")
    struck.append(strikes(stand, Fault("lost_reply", "POST AdSet", times=1)))
    stand.http.patch(f"/campaigns/{made['id']}", json={"total_budget": 60_00}).raise_for_status()
    stand.rests(made, "ACTIVE")
    assert [one() for one in struck] == [True] * 4
    assert [stand.there(kind, made)[0]["status"] for kind in faults] == ["ACTIVE"] * 3
    assert (stand.there("AdSet", made)[0]["lifetime_budget"], committed(stand, made)) == (60_00, 1)


# --- lost -----------------------------------------------------------------------------------------------------


def test_what_cannot_be_loaded_just_now_is_not_gone(stand: Stand) -> None:
    made = running(stand)
    stand.world.faults.add(Fault("error", "GET Campaign", detail={"code": 100, "subcode": 33}))
    stand.watched(made)
    assert (stand.look(made)["state"], committed(stand, made)) == ("ACTIVE", 1)


def test_an_account_that_comes_back_is_the_account_it_was_and_is_watched(stand: Stand) -> None:
    made = stand.campaign()
    stand.rests(made)
    stand.http.delete(f"/ad-accounts/{made['ad_account_id']}").raise_for_status()
    stand.world.change(stand.there("Campaign", made)[0], status="ACTIVE")
    assert stand.account() == made["ad_account_id"]
    told(stand, made, "campaign_drifted")
    stand.eventually(lambda: stand.there("Campaign", made)[0]["status"] == "PAUSED")


@pytest.mark.parametrize(("part", "made_there"), [("campaigns", 0), ("adsets", 1)])
def test_what_failed_half_made_can_be_put_away(stand: Stand, part: str, made_there: int) -> None:
    stand.world.faults.add(Fault("error", f"POST AdAccount/{part}", times=1, detail={"code": 100}))
    made = stand.campaign()
    assert stand.rests(made)["state"] == "FAILED"
    assert stand.act(made, "pause", status=409)["code"] == "conflict"
    stand.act(made, "archive")
    stand.rests(made, "ARCHIVED", patience=20)
    assert [one["status"] for one in stand.there("Campaign", made)] == ["ARCHIVED"] * made_there


def test_what_failed_wholly_made_can_be_retried(stand: Stand) -> None:
    stand.world.faults.add(Fault("error", "GET AdAccount/ads", detail={"code": 100}))
    made = stand.campaign()
    failed = stand.rests(made)
    assert (failed["state"], failed["ad_id"] is not None) == ("FAILED", True)
    stand.world.faults.play("calm")
    stand.act(made, "retry")
    assert stand.rests(made)["state"] == "PAUSED"


@pytest.mark.parametrize(("making", "state"), [("CAMPAIGN", "NEEDS_HUMAN"), (None, "FAILED")])
def test_a_launch_that_ends_in_doubt_needs_a_person(stand: Stand, making: str | None, state: str) -> None:
    made = stand.campaign()
    stand.rests(made)
    nothing = dict.fromkeys(("external_id", "ad_set_id", "creative_id", "ad_id"))
    write(stand, made, state="LAUNCHING", making=making, job_id=UUID(made["job_id"]), **nothing)

    async def give_up(session: AsyncSession) -> None:
        trouble = Trouble("too_slow", "It took too long.", "Retry.")
        await progress.not_launched(session, UUID(made["id"]), UUID(made["job_id"]), trouble)

    stand.site.within(give_up)
    assert stand.look(made)["state"] == state
