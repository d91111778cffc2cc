from __future__ import annotations

import pytest

from stakazo.notifications import schedule
from stakazo.notifications.schedule import DAY, GIVE_UP, GIVE_UP_AFTER, HOUR, Answered, Condition

FINE, AWAY, ERROR = Answered(204, ""), Answered(None, "nobody"), Answered(500, "oops")


def test_ten_attempts_over_three_days_then_none() -> None:
    pauses = [schedule.again(attempts, 0.5) for attempts in range(1, 10)]
    assert pauses[0] == pytest.approx(5.0)
    total = sum(pause for pause in pauses if pause is not None)
    assert 3 * DAY < total < 4 * DAY
    assert schedule.again(10, 0.5) is None


def test_what_failed_together_does_not_come_back_together() -> None:
    assert schedule.again(2, 0.0) == pytest.approx(270.0)
    assert schedule.again(2, 1.0) == pytest.approx(330.0)


def test_one_that_is_taken_ends_the_trouble() -> None:
    assert schedule.after([ERROR, FINE], 9, 2 * DAY) == Condition(0, 0.0)


def test_who_takes_nothing_is_left_alone_longer_and_longer() -> None:
    rests = [schedule.after([ERROR], rounds, 60.0).rest for rounds in range(8)]
    assert rests == sorted(rests)
    assert (rests[0], rests[-1]) == (5.0, HOUR)
    assert schedule.after([ERROR], 3, 60.0).rounds == 4


@pytest.mark.parametrize(("asked", "rest"), [(120.0, 120.0), (1.0, 5.0), (400 * DAY, DAY)])
def test_a_wish_to_wait_is_heeded(asked: float, rest: float) -> None:
    assert schedule.after([Answered(429, "", asked)], 0, 0.0).rest == rest
    assert schedule.after([FINE, Answered(429, "", asked)], 0, 0.0).rest == min(asked, DAY)


def test_who_is_gone_gets_nothing_more() -> None:
    assert "410" in (schedule.after([FINE, Answered(410, "")], 0, 0.0).off or "")


def test_after_five_days_in_vain_it_is_switched_off() -> None:
    assert schedule.after([AWAY], GIVE_UP_AFTER - 1, GIVE_UP).off == "It took nothing for 5 days. nobody"
    assert schedule.after([AWAY], GIVE_UP_AFTER - 1, GIVE_UP - 1).off is None
    assert schedule.after([AWAY], GIVE_UP_AFTER - 2, 2 * GIVE_UP).off is None
