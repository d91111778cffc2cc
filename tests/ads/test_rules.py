"""What rules decide from what a campaign has brought."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from stakazo.ads.rules import Action, Figures, Metric, Rule, Subject, decide, simulate, stop_loss

TODAY = date(2026, 11, 22)
PAUSE = Rule(name="loser", action=Action.PAUSE, metric=Metric.COST_PER_CLICK, above=50, least_spend=1000)
SCALE = Rule(name="winner", action=Action.SCALE, metric=Metric.COST_PER_CLICK, below=20, percent=25)
REVIVE = Rule(name="second chance", action=Action.REVIVE, metric=Metric.COST_PER_CLICK, below=40)
SUNSET = Rule(name="old", action=Action.SUNSET, metric=Metric.CLICK_RATE, below=0.01, least_age=2)


def days(*figures: tuple[int, int]) -> dict[date, Figures]:
    """Of spend and clicks, the last of them today."""
    first = TODAY - timedelta(days=len(figures) - 1)
    return {
        first + timedelta(days=number): Figures(spend, 1000, clicks) for number, (spend, clicks) in enumerate(figures)
    }


def subject(*figures: tuple[int, int], **changes: Any) -> Subject:
    return replace(Subject(running=True, daily=1000, total=9000, by_day=days(*figures)), **changes)


@pytest.mark.parametrize(
    ("rule", "seen", "action"),
    [
        (PAUSE, subject((1020, 20)), Action.PAUSE),
        (PAUSE, subject((1000, 20)), None),  # 50 is not above 50
        (PAUSE, subject((999, 1)), None),  # too little is known
        (PAUSE, subject((1000, 0)), Action.PAUSE),  # spent for nothing
        (PAUSE, subject((9000, 1), (1, 1), (1, 1), (1, 1)), None),  # too long ago
        (PAUSE, subject((1020, 20), running=False), None),
        (SCALE, subject((190, 10)), Action.SCALE),
        (SCALE, subject((200, 10)), None),
        (SCALE, subject((0, 0)), None),
        (REVIVE, subject((390, 10), running=False, paused_by_rule=True), Action.REVIVE),
        (REVIVE, subject((390, 10), running=False), None),  # a person has paused it
        (SUNSET, subject((5, 5), (5, 5), (5, 5)), Action.SUNSET),
        (SUNSET, subject((5, 5), (5, 5)), None),
        (SUNSET, subject((5, 5), (5, 5), (5, 5), running=False, held=True), None),
        (REVIVE, subject((390, 10), running=False, paused_by_rule=True, held=True), None),
        (PAUSE, subject((1020, 20), decided_on=TODAY), None),
        (PAUSE, subject((1020, 20), decided_on=TODAY - timedelta(days=1)), Action.PAUSE),
        (PAUSE, subject((1020, 20), decided_on=TODAY - timedelta(days=6), undone=True), None),
        (PAUSE, subject((1020, 20), decided_on=TODAY, refused=Action.SCALE), Action.PAUSE),  # nothing was raised
        (PAUSE, subject((1020, 20), decided_on=TODAY, refused=Action.PAUSE), None),
        (SCALE, subject((190, 10), decided_on=TODAY, refused=Action.SCALE), None),  # once a day is enough
    ],
)
def test_a_rule_decides(rule: Rule, seen: Subject, action: Action | None) -> None:
    found = decide([rule], seen, TODAY)
    assert (found and found.action) == action


def test_a_decision_says_its_numbers_and_what_it_makes_of_the_budget() -> None:
    found = decide([PAUSE, SCALE], subject((100, 5), (90, 5)), TODAY)
    assert found is not None
    assert (found.rule, found.daily, found.total) == ("winner", 1250, 11250)
    assert found.numbers["value"] == 19
    assert (found.numbers["spend"], found.numbers["clicks"], found.numbers["from"]) == (190, 10, "2026-11-20")


def brought(*figures: Figures) -> Subject:
    return subject(by_day={TODAY - timedelta(days=number): one for number, one in enumerate(figures)})


@pytest.mark.parametrize(
    ("metric", "seen", "value"),
    [
        (Metric.ROAS, [Figures(spend=1000, conversions=2, worth=3000), Figures(spend=1000)], 1.5),
        (Metric.ROAS, [Figures(spend=1000)], 0.0),  # nobody has bought anything
        (Metric.ROAS, [Figures(spend=1000, conversions=2, worth=None), Figures(spend=1, worth=9)], None),
        (Metric.ROAS, [Figures()], None),
        (Metric.HOLD_RATE, [Figures(views=300, thruplays=60), Figures(views=100, thruplays=40)], 0.25),
        (Metric.HOLD_RATE, [Figures(views=300, thruplays=None)], None),
        (Metric.HOLD_RATE, [Figures(spend=5)], None),
    ],
)
def test_what_came_back_and_who_stayed_decide_too(metric: Metric, seen: list[Figures], value: float | None) -> None:
    rule = Rule(name="little", action=Action.PAUSE, metric=metric, below=2)
    found = decide([rule], brought(*seen), TODAY)
    assert (found and found.numbers["value"]) == value
    told, _ = simulate([rule], brought(*seen))
    assert bool(told) is (value is not None)


def test_what_brings_nothing_is_stopped_at_the_limit() -> None:
    (rule,) = stop_loss(500)
    assert decide([rule], subject((250, 0), (249, 0)), TODAY) is None
    assert decide([rule], subject((250, 0), (250, 0)), TODAY) is not None
    assert decide([rule], subject((900, 1)), TODAY) is None
    assert stop_loss(None) == []


def test_a_simulation_says_what_would_have_been_saved() -> None:
    told, saved = simulate([PAUSE], subject((500, 20), (600, 1), (700, 1), (800, 1)))
    assert [(one.day, one.decision.action) for one in told] == [(TODAY - timedelta(days=2), Action.PAUSE)]
    assert saved == 1500
    assert simulate([], subject((500, 20))) == ([], 0)
