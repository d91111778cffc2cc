"""What was told and never answered, as values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stakazo.ads import lateness
from stakazo.ads.comparing import Difference
from stakazo.ads.lateness import Cost, Unanswered
from stakazo.ads.states import LATE, Part
from stakazo.platforms.ads import Live, Run

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LET_RUN = Difference(Part.CAMPAIGN, "status", Run.ACTIVE.value, Run.PAUSED.value)
MORE = Difference(Part.AD_SET, "budget", {"daily_budget": 20_00, "lifetime_budget": None}, {})


def live(status: str = "PAUSED", daily: int | None = 10_00, **raw: Any) -> dict[Part, Live]:
    ends = datetime.fromisoformat("2026-12-01T13:00:00+0100")
    return {
        Part.CAMPAIGN: Live("1", "a", status, status, raw=raw),
        Part.AD_SET: Live("2", "a", "ACTIVE", status, daily_budget=daily, ends_at=ends),
    }


def test_only_what_costs_money_is_kept() -> None:
    rest = Difference(Part.CAMPAIGN, "status", Run.PAUSED.value, Run.ACTIVE.value)
    below = Difference(Part.AD, "status", Run.ACTIVE.value, Run.PAUSED.value)
    people = Difference(Part.AD_SET, "targeting", {}, {})
    assert [lateness.lets_spend(one) for one in (LET_RUN, MORE, rest, below, people)] == [True, True, *[False] * 3]
    assert lateness.tell((), rest, NOON) == ()


def test_an_answer_or_a_look_ends_it() -> None:
    (one,) = known = lateness.tell((), LET_RUN, NOON)
    assert lateness.read([one.as_json()]) == known
    assert lateness.until([one.as_json()]) == NOON + timedelta(seconds=LATE)
    assert lateness.answered(known, LET_RUN) == ()
    assert lateness.unseen(known, live("PAUSED")) == known
    assert lateness.unseen(known, live("ACTIVE")) == ()
    assert lateness.until([]) is None


def test_what_was_told_twice_may_come_though_one_of_them_was_answered() -> None:
    """A look that shows the effect doesn't say whose it is."""
    once = lateness.tell((), LET_RUN, NOON)
    twice = lateness.tell(once, LET_RUN, NOON + timedelta(minutes=1))
    assert [one.again for one in twice] == [True, True]
    assert lateness.unseen(twice, live("ACTIVE")) == twice
    (left,) = lateness.answered(twice, LET_RUN)
    assert left.at == NOON
    assert lateness.unseen((left,), live("ACTIVE")) == (left,)


def test_what_is_too_old_to_come_is_forgotten() -> None:
    known = lateness.tell((), LET_RUN, NOON)
    (one,) = lateness.tell(known, LET_RUN, NOON + timedelta(seconds=LATE))
    assert not one.again


def test_the_most_expensive_of_what_may_come_counts() -> None:
    """A budget that was raised without an answer, and lowered again."""
    end = Difference(Part.AD_SET, "end", "2026-12-24T12:00:00+00:00", None)
    cap = Difference(Part.CAMPAIGN, "spend_cap", 300_00, 100_00)
    said, known = Cost(10_00, 100_00, NOON), lateness.tell((), LET_RUN, NOON)
    assert lateness.worst(known, said, NOON) == said
    for told in (MORE, cap, end):
        known = lateness.tell(known, told, NOON)
    assert lateness.worst(known, said, NOON) == Cost(20_00, 300_00, datetime(2026, 12, 24, 12, tzinfo=UTC))
    assert lateness.worst(known, said, NOON + timedelta(seconds=LATE)) == said
    assert lateness.worst(known, Cost(None, 500_00, None), NOON).ends_at is None


def test_each_thing_is_kept_for_itself() -> None:
    known = lateness.tell(lateness.tell((), MORE, NOON), LET_RUN, NOON)
    assert [one.again for one in known] == [False, False]
    assert [one.what for one in lateness.answered(known, LET_RUN)] == ["budget"]
    assert [one.what for one in lateness.unseen(known, live("PAUSED", 20_00))] == ["status"]


@pytest.mark.parametrize(
    ("part", "what", "value"),
    [(Part.CAMPAIGN, "spend_cap", 50_00), (Part.AD_SET, "end", "2026-12-01T12:00:00+00:00")],
)
def test_a_cap_and_an_end_are_seen_as_the_platform_says_them(part: Part, what: str, value: Any) -> None:
    known = (Unanswered(part, what, value, NOON),)
    assert lateness.unseen(known, live(spend_cap="5000")) == ()
    other = (Unanswered(part, what, "another", NOON),)
    assert lateness.unseen(other, live(spend_cap="5000")) == other
