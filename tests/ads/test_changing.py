"""What is changed of a campaign that is at the platform already: agreed to first, then told, then the truth."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from tests.ads.stand import Stand
from tests.ads.test_comparing import APPROVED, END, TARGETING, live
from tests.ads.test_doubts import committed, row
from tests.ads.test_watching import running, told
from tests.api.conftest import People

from stakazo.ads.changing import Change, costs_less
from stakazo.ads.comparing import differences
from stakazo.ads.models import AdCommitment
from stakazo.ads.plan import Money, Plan
from stakazo.platforms.ads import Bid, Goal, Objective, Terms
from stakazo.platforms.sandbox.faults import Fault

MONEY = Money(currency="EUR", daily=1000, total=9000, starts_at=None, ends_at=END)
PLAN = Plan(objective=Objective.TRAFFIC, goal=Goal.REACH, countries=("US",), interests=(("1", "Jazz"),))


def later(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("after", "less"),
    [
        ({}, True),
        ({"total": 8000}, True),
        ({"daily": 1001}, False),
        ({"total": 9001, "daily": 500}, False),
        ({"ends_at": END - timedelta(days=1)}, True),
        ({"ends_at": END + timedelta(days=1)}, False),
    ],
)
def test_less_and_shorter_is_less(after: dict[str, Any], *, less: bool) -> None:
    assert costs_less(MONEY, replace(MONEY, **after)) is less


def test_what_is_not_said_stays_and_what_is_emptied_goes() -> None:
    changed = Change(plan={"interests": [], "age_max": 30}).plan_after(PLAN)
    assert (changed.interests, changed.age_max, changed.countries) == ((), 30, ("US",))
    capped = Change(plan={"bid": "COST_CAP", "bid_amount": 50}).plan_after(PLAN)
    assert (capped.bid, capped.bid_amount) == (Bid.COST_CAP, 50)
    free = Change(plan={"bid": "LOWEST_COST_WITHOUT_CAP"}).plan_after(capped)
    assert (free.bid, free.bid_amount) == (Bid.LOWEST_COST, None)
    assert Change(plan={"age_max": 30, "bid_amount": 5}, ends_at=END).terms == {"targeting", "bid", "end"}


@pytest.mark.parametrize(
    ("changing", "there", "what"),
    [
        ("targeting", {"targeting": TARGETING | {"genders": [1]}}, ["targeting"]),
        (None, {"targeting": TARGETING | {"genders": [1]}}, []),  # somebody's caution
        (None, {"targeting": TARGETING | {"geo_locations": {"countries": ["DE", "US"], "cities": [{"key": "1"}]}}},
         ["targeting"]),
        ("end", {"ends_at": END - timedelta(days=1)}, ["end"]),
        ("end", {"ends_at": END}, []),
        ("start", {"starts_at": END - timedelta(days=9)}, ["start"]),
        (None, {"starts_at": END - timedelta(days=9)}, []),
        ("dsa", {"raw": {"dsa_payor": "Another"}}, ["dsa"]),
        (None, {"raw": {"bid_strategy": "COST_CAP", "bid_amount": 90}}, ["bid"]),
        (None, {"raw": {"bid_strategy": "LOWEST_COST_WITHOUT_CAP"}}, []),
    ],
)  # fmt: skip
def test_what_is_changed_here_is_assigned_and_what_is_changed_there_is_seen(
    changing: str | None, there: dict[str, Any], what: list[str]
) -> None:
    terms = Terms(
        targeting=TARGETING, ends_at=END + timedelta(microseconds=5), starts_at=END - timedelta(days=5),
        bid=Bid.LOWEST_COST, dsa_payor="Blue Note",
        dsa_beneficiary="Blue Note",
    )  # fmt: skip
    approved = replace(APPROVED, terms=terms, changing=frozenset({changing} if changing else ()))
    found = live(**{f"ad_set__{name}": value for name, value in there.items()})
    assert [one.what for one in differences(approved, found)] == what
    assert not {changing} & approved.fixed


def test_people_end_and_bid_of_what_runs_are_changed_and_are_the_truth_from_then_on(stand: Stand) -> None:
    made = running(stand)
    ends = later(20)
    said = {
        "audiences": ["Blue Note followers"], "interests": [], "cities": ["Paris"], "countries": [], "age_max": 30,
        "ends_at": ends, "bid": "COST_CAP", "bid_amount": 70, "dsa_payor": "Red Note",
    }  # fmt: skip
    answer = stand.http.patch(f"/campaigns/{made['id']}", json=said)
    assert (answer.status_code, answer.json()["state"]) == (200, "ACTIVATING"), answer.text
    stand.rests(made, "ACTIVE")
    (ad_set,) = stand.there("AdSet", made)
    assert ad_set["targeting"]["geo_locations"] == {"cities": [{"key": "777934"}]}
    assert "flexible_spec" not in ad_set["targeting"]
    assert datetime.fromisoformat(ad_set["end_time"]) == datetime.fromisoformat(ends).replace(microsecond=0)
    assert (ad_set["bid_strategy"], ad_set["bid_amount"], ad_set["dsa_payor"]) == ("COST_CAP", "70", "Red Note")
    (changed,) = [one["data"] for one in stand.told(made) if one["event"] == "campaign_changed"]
    assert (changed["before"]["age_max"], changed["changed"]["age_max"]) == (40, 30)
    assert committed(stand, made) == 1
    stand.watched(made)
    assert stand.look(made)["state"] == "ACTIVE"
    assert "campaign_drifted" not in {one["event"] for one in stand.told(made)}

    older = ad_set["targeting"] | {"age_max": 40}
    stand.world.change(stand.there("AdSet", made)[0], targeting=older)
    told(stand, made, "campaign_drifted")
    assert "PATCH" in stand.rests(made, "PAUSED")["error"]["todo"]
    assert stand.there("AdSet", made)[0]["targeting"]["age_max"] == 40  # nobody here has said so
    stand.http.patch(f"/campaigns/{made['id']}", json={"age_max": 30}).raise_for_status()  # said anew
    stand.rests(made, "PAUSED")
    assert stand.there("AdSet", made)[0]["targeting"]["age_max"] == 30
    stand.act(made, "activate")
    stand.rests(made, "ACTIVE")


def test_what_cannot_be_changed_is_refused_with_what_to_do(stand: Stand) -> None:
    made = row(stand)
    for said, words in (
        ({"link": "https://example.com/m"}, "duplicate makes another"),
        ({"utm": {"source": "x"}, "objective": "OUTCOME_SALES"}, "objective, utm"),
        ({"starts_at": later(1)}, "It has begun"),
        ({"ends_at": later(-1)}, "pause it instead"),
        ({"age_min": 50, "age_max": 20}, "older than the oldest"),
        ({"bid": "COST_CAP"}, "A bid amount"),
        ({"cities": ["Portland"]}, "Which city"),
        ({"cities": ["Berlin"]}, "In the EU"),
        ({"daily_budget": 5_00}, "no daily one"),
        ({"age_max": 40}, "The platform would refuse it"),  # it doesn't know the ad set of this row
    ):
        answer = stand.http.patch(f"/campaigns/{made['id']}", json=said)
        assert answer.status_code == 422, answer.text
        assert words in answer.text, answer.text
    assert stand.told(made) == []
    stand.settled(made, "ARCHIVED")
    assert stand.http.patch(f"/campaigns/{made['id']}", json={"age_max": 40}).status_code == 409


def test_others_for_longer_need_what_letting_run_needs(stand: Stand, people: People) -> None:
    ann, bob = people.join("MANAGER"), people.join("MANAGER")
    made = running(stand)
    stand.limit(campaign=100_00, second_person_above=50_00)
    for said in ({"age_max": 30}, {"ends_at": later(12)}, {"bid": "COST_CAP", "bid_amount": 40}):
        refused = ann.http.patch(f"/campaigns/{made['id']}", json=said)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), said
    stand.limit(campaign=100_00, month=1_00)
    refused = ann.http.patch(f"/campaigns/{made['id']}", json={"ends_at": later(12)})
    assert (refused.status_code, refused.json()["code"]) == (422, "over_limit")
    sooner = ann.http.patch(f"/campaigns/{made['id']}", json={"ends_at": later(2)})
    assert (sooner.status_code, sooner.json()["planned_by"]) == (200, made["planned_by"])
    stand.rests(made, "ACTIVE")
    stand.limit(campaign=100_00, second_person_above=50_00)
    stand.act(made, "pause")
    stand.rests(made, "PAUSED")
    changed = ann.http.patch(f"/campaigns/{made['id']}", json={"age_max": 30})
    assert changed.status_code == 200, changed.text
    stand.rests(made, "PAUSED")
    assert ann.http.post(f"/campaigns/{made['id']}/activate").status_code == 403
    assert bob.http.post(f"/campaigns/{made['id']}/activate").status_code == 200
    stand.rests(made, "ACTIVE")


def test_a_platform_that_does_not_say_whether_it_would_take_it_changes_nothing(stand: Stand) -> None:
    made = stand.campaign()
    stand.rests(made, "PAUSED")
    stand.world.faults.add(Fault("busy_text", "POST AdSet"))
    answer = stand.http.patch(f"/campaigns/{made['id']}", json={"age_max": 33})
    assert (answer.status_code, answer.json()["retryable"]) == (503, True)
    assert stand.http.patch(f"/campaigns/{made['id']}", json={"name": "Green"}).json()["name"] == "Green"
    changes = [one["data"]["changed"] for one in stand.told(made) if one["event"] == "campaign_changed"]
    assert changes == [{}]


REFUSES = {"code": 100, "subcode": 1885272}


def test_a_change_that_the_platform_refuses_after_all_is_taken_back_and_what_runs_runs_on(stand: Stand) -> None:
    """The end is refused when the people were taken already: they are assigned back, and the old end stands."""
    made = running(stand)
    stand.world.faults.add(Fault("late_reply", "POST AdSet", times=1, detail={"seconds": 0}))  # the dry run's
    stand.world.faults.add(Fault("lost_reply", "POST AdSet", times=1, after="late_reply"))  # the people's
    stand.world.faults.add(Fault("error", "POST AdSet", times=1, after="lost_reply", detail=REFUSES))
    said = {"age_max": 30, "ends_at": later(20)}
    stand.http.patch(f"/campaigns/{made['id']}", json=said).raise_for_status()
    refused = told(stand, made, "campaign_change_refused")
    found = stand.rests(made, "ACTIVE")
    assert (found["error"]["code"], found["plan"], found["ends_at"]) == (
        "change_refused",
        made["plan"],
        made["ends_at"],
    )
    assert "taken back" in found["error"]["detail"]
    assert refused["data"]["wanted"]["plan"]["age_max"] == 30
    (ad_set,) = stand.there("AdSet", made)
    assert (ad_set["targeting"]["age_max"], stand.there("Campaign", made)[0]["status"]) == (40, "ACTIVE")
    assert committed(stand, made) == 1
    assert "PAUSED" not in [one["data"]["approved"] for one in stand.told(made) if one["event"] == "campaign_told"]


@pytest.mark.parametrize("paused", [False, True])
def test_money_that_is_refused_is_not_counted_on(stand: Stand, *, paused: bool) -> None:
    made = running(stand, total_budget=50_00)
    if paused:
        stand.act(made, "pause")
        stand.rests(made, "PAUSED")
    stand.world.faults.add(Fault("error", "POST AdSet", times=1, detail=REFUSES))
    stand.http.patch(f"/campaigns/{made['id']}", json={"total_budget": 60_00}).raise_for_status()
    told(stand, made, "campaign_change_refused")
    found = stand.rests(made, "PAUSED" if paused else "ACTIVE")
    assert (found["total_budget"], stand.there("AdSet", made)[0]["lifetime_budget"]) == (50_00, 50_00)
    assert found["error"]["code"] == "change_refused"

    async def promised(session: AsyncSession) -> list[int]:
        held = select(AdCommitment.total).where(
            AdCommitment.campaign_id == UUID(made["id"]), AdCommitment.ended_at.is_(None)
        )
        return list(await session.scalars(held))

    assert stand.site.within(promised) == ([] if paused else [50_00])


def test_where_what_was_approved_is_refused_too_it_is_stopped_and_a_person_knows(stand: Stand) -> None:
    """The change had its effect although it was refused, and can't be assigned back."""
    made = running(stand, total_budget=50_00)
    stand.world.faults.add(Fault("error_after", "POST AdSet", times=1, detail=REFUSES))
    stand.world.faults.add(Fault("error", "POST AdSet", times=1, after="error_after", detail=REFUSES))
    stand.http.patch(f"/campaigns/{made['id']}", json={"total_budget": 60_00}).raise_for_status()
    told(stand, made, "campaign_change_refused")
    told(stand, made, "campaign_needs_human")
    stand.eventually(lambda: stand.there("Campaign", made)[0]["status"] == "PAUSED")


def test_a_copy_may_differ_in_what_can_not_be_changed(stand: Stand) -> None:
    made = stand.campaign()
    stand.rests(made, "PAUSED")
    said = {"link": "https://example.com/m", "utm": {"medium": "reel"}, "cities": ["Paris"], "countries": []}
    copy = stand.act(made, "duplicate", said, status=201)
    stand.rests(copy, "PAUSED")
    assert (copy["plan"]["link"], copy["plan"]["text"]) == ("https://example.com/m", made["plan"]["text"])
    assert stand.there("AdCreative", copy)[0]["url_tags"] == "utm_medium=reel"
    assert stand.there("AdSet", copy)[0]["targeting"]["geo_locations"] == {"cities": [{"key": "777934"}]}
