"""Limits hold for any spender, whatever was let run, paused and raised before."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stakazo.ads.guardrails import Commitment, Limits, breaches, on_day, remedy, why_not_step, within, worst_day

START = date(2026, 1, 20)
DAYS = 75


@dataclass
class Running:
    daily: int | None
    total: int
    last: date | None
    spent: int = 0


@dataclass
class Workspace:
    """What a workspace does with its campaigns, and a platform that spends as much as it ever may."""

    limits: Limits
    held: list[Commitment] = field(default_factory=list)
    running: dict[str, Running] = field(default_factory=dict)
    by_day: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    by_campaign: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def let_run(self, name: str, daily: int | None, total: int, today: date, days: int | None) -> bool:
        self.pause(name, today)
        last = None if days is None else today + timedelta(days=days)
        wanted = Commitment(name, worst_day(daily, total), total, today, last)
        if breaches(self.limits, self.held, wanted, open_campaigns=frozenset(self.running)):
            return False
        self.held.append(wanted)
        self.running[name] = Running(daily, total, last)
        return True

    def pause(self, name: str, today: date) -> None:
        if self.running.pop(name, None) is not None:
            self.held = [
                replace(one, last=min(one.last or today, today)) if one.campaign == name else one for one in self.held
            ]

    def spend(self, today: date, spent_today: dict[str, int]) -> None:
        """All that a platform could spend on a day: 7/4 of a daily budget, or all that is left of a total."""
        for name, one in self.running.items():
            if one.last is not None and today > one.last:
                continue
            most = one.total if one.daily is None else -(-one.daily * 7 // 4)
            cost = max(0, min(most - spent_today[name], one.total - self.by_campaign[name]))
            spent_today[name] += cost
            self.by_day[today] += cost
            self.by_campaign[name] += cost


MONEY = st.integers(1, 400)
ACTS = st.lists(
    st.tuples(
        st.integers(0, DAYS - 1),
        st.sampled_from("abcd"),
        st.sampled_from(["run", "run", "pause"]),
        st.none() | MONEY,
        MONEY,
        st.none() | st.integers(0, 40),
    ),
    max_size=25,
)


@given(
    ACTS,
    st.builds(
        Limits,
        campaign=st.none() | MONEY,
        at_once=st.none() | MONEY,
        day=st.none() | MONEY,
        month=st.none() | MONEY,
    ),
)
def test_no_spender_breaks_a_limit_by_one_unit(
    acts: list[tuple[int, str, str, int | None, int, int | None]], limits: Limits
) -> None:
    workspace = Workspace(limits)
    for number in range(DAYS):
        today, spent = START + timedelta(days=number), defaultdict[str, int](int)
        for day, name, what, daily, total, days in acts:
            if day != number:
                continue
            if what == "pause":
                workspace.pause(name, today)
            else:
                workspace.let_run(name, daily, max(total, daily or 0), today, days)
            workspace.spend(today, spent)
            outstanding = sum(one.total for one in workspace.running.values())
            assert limits.at_once is None or outstanding <= limits.at_once
        workspace.spend(today, spent)
    by_month: dict[tuple[int, int], int] = defaultdict(int)
    for moment, cost in workspace.by_day.items():
        by_month[moment.year, moment.month] += cost
    assert limits.day is None or max(workspace.by_day.values(), default=0) <= limits.day
    assert limits.month is None or max(by_month.values(), default=0) <= limits.month
    assert limits.campaign is None or max(workspace.by_campaign.values(), default=0) <= limits.campaign


@pytest.mark.parametrize(
    ("limits", "breach"),
    [
        (Limits(campaign=99), "campaign"),
        (Limits(at_once=149), "at_once"),
        (Limits(day=59), "day"),
        (Limits(month=149), "month"),
        (Limits(campaign=100, at_once=150, day=60, month=150), None),
    ],
)
def test_each_limit_holds_to_the_unit(limits: Limits, breach: str | None) -> None:
    held = [Commitment("a", 50, 50, START, START)]
    wanted = Commitment("b", 10, 100, START, START + timedelta(days=11))
    found = breaches(limits, held, wanted, open_campaigns=frozenset({"a"}))
    assert [one.limit for one in found] == ([breach] if breach else [])


def test_what_would_not_hold_is_said_in_money_with_what_to_do() -> None:
    def said(limits: Limits, currency: str = "EUR") -> list[str]:
        held = [Commitment("a", 50_00, 50_00, START, START)]
        wanted = Commitment("b", 30_00, 99_00, START, START + timedelta(days=11))
        found = breaches(limits, held, wanted, open_campaigns=frozenset({"a"}))
        return [*(one.sentence(currency) for one in found), remedy(found)]

    sentence, todo = said(Limits(day=50_00))
    assert sentence == f"All campaigns together on {START} could cost 80.00 EUR, and the limit for a day is 50.00 EUR."
    assert all(words in todo for words in ("Lower its budget", "pause another campaign", "PUT /ads/policy"))
    assert "9900 JPY, and the limit for one campaign is 1 JPY" in said(Limits(campaign=1), "JPY")[0]
    assert "pause another" not in said(Limits(campaign=1))[-1]
    step = why_not_step(Limits(step_percent=20), 10_00, 15_00, "EUR")
    assert step == "At once a budget may become 20 % more: 12.00 EUR at most, from 10.00 EUR."


def test_what_was_paused_counts_for_the_days_on_which_it_ran() -> None:
    held = [Commitment("a", 50, 300, START, START + timedelta(days=2)), Commitment("a", 80, 300, START, None)]
    assert on_day(held, START) == 80
    assert within(held[:1], START, START + timedelta(days=1)) == 100
    assert within(held, START, START + timedelta(days=30)) == 300
    assert within(held, START - timedelta(days=9), START - timedelta(days=1)) == 0


def test_a_daily_budget_may_cost_seven_quarters_of_itself_and_a_total_all_of_it() -> None:
    assert [worst_day(daily, 1000) for daily in (100, 101, 999, None)] == [175, 177, 1000, 1000]


def test_a_step_may_be_small_or_down() -> None:
    limits = Limits(step_percent=20)
    assert [why_not_step(limits, 100, after, "EUR") is None for after in (1, 100, 120, 121)] == [
        True,
        True,
        True,
        False,
    ]
