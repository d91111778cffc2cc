"""When a post is looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from stakazo.insights.looks import PACE, next_look

OUT = datetime(2026, 11, 22, 18, 7, 31, tzinfo=UTC)


def looks(*, story: bool = False) -> list[timedelta]:
    """The ages at which it is looked at, all of them."""
    found, after = [], OUT
    while (moment := next_look(OUT, after, story=story)) is not None:
        found.append(moment - OUT)
        after = moment
    return found


def test_it_is_looked_at_often_while_it_is_young_and_for_ninety_days() -> None:
    ages = looks()
    assert ages[:7] == [timedelta(minutes=10 * n) for n in range(1, 7)] + [timedelta(minutes=90)]
    assert (ages[-1], len(ages)) == (timedelta(days=84), 6 + 10 + 9 + 24 + 21 + 8)
    gaps = [after - before for before, after in pairwise(ages)]
    assert gaps == sorted(gaps)
    for end, apart in PACE:
        assert max(gap for age, gap in zip(ages[1:], gaps, strict=True) if age <= end) <= apart


@pytest.mark.parametrize("late", [timedelta(seconds=1), timedelta(hours=2, minutes=13), timedelta(days=3, hours=1)])
def test_whoever_asks_at_whatever_time_gets_the_same_moments(late: timedelta) -> None:
    moment = next_look(OUT, OUT + late)
    assert moment is not None
    assert moment - OUT == min(age for age in looks() if age > late)


def test_what_is_public_later_is_looked_at_then() -> None:
    assert next_look(OUT, OUT - timedelta(days=5)) == OUT + timedelta(minutes=10)


def test_a_story_is_looked_at_until_it_is_gone() -> None:
    assert looks(story=True)[-1] == timedelta(hours=22)


def test_what_is_old_is_let_alone() -> None:
    assert next_look(OUT, OUT + timedelta(days=90)) is None
