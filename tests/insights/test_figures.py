"""What numbers say together; and what they don't."""

from __future__ import annotations

import pytest

from stakazo.insights import figures


def test_who_is_held_is_as_said_or_read_off_the_curve() -> None:
    assert figures.hold_rate(0.25, (), None) == 0.75
    assert figures.hold_rate(None, (1.0, 0.5, 0.0), 6.0) == 0.5
    assert figures.hold_rate(None, (1.0, 0.8, 0.6, 0.4, 0.2), 8.0) == pytest.approx(0.7)  # between two points
    assert figures.hold_rate(None, (1.0, 0.8), None) is None
    assert figures.hold_rate(None, (1.0, 0.8), 2.0) is None  # it is over before
    assert figures.hold_rate(None, (), 8.0) is None


def test_nothing_said_is_not_zero() -> None:
    assert figures.total([None, None]) is None
    assert figures.total([]) is None
    assert figures.total([None, 0]) == 0
    assert figures.total([3, None, 4]) == 7
    assert figures.completion(()) is None
    assert figures.completion((1.0, 0.0)) == 0.0
    assert figures.watched_share(None, 8.0) is None
    assert figures.watched_share(4.0, 8.0) == 0.5


def test_what_a_result_cost_and_what_came_back() -> None:
    assert figures.cost_per(1234, 2) == 617
    assert figures.cost_per(1234, 0) is None  # no result has no price
    assert figures.cost_per(0, 5) == 0
    assert figures.returned(3000, 1000) == 3.0
    assert figures.returned(0, 1000) == 0.0
    assert figures.returned(None, 1000) is None
    assert figures.returned(3000, 0) is None
