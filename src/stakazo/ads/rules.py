"""Rules by which campaigns are paused, scaled, revived and put away, from what they brought. Pure.

A rule looks at the last days of a campaign and decides at most one thing. What it decides still needs what a person's
act needs: limits, steps, a second person above the limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

NOTHING = 1e15
"""A cost that only what brought nothing exceeds."""
EVER = 3650
"""Days."""
REST = 7
"""Days for which no rule touches a campaign of which a person has undone a decision."""


class Metric(StrEnum):
    """What a rule looks at; money is in minor units."""

    SPEND = "spend"
    COST_PER_CLICK = "cost_per_click"
    COST_PER_VIEW = "cost_per_view"
    COST_PER_CONVERSION = "cost_per_conversion"
    CLICK_RATE = "click_rate"
    """Clicks per impression, 0 to 1."""
    ROAS = "roas"
    """What purchases were worth for each unit spent: 1.5 is one and a half times what it cost; 0 without any."""
    HOLD_RATE = "hold_rate"
    """ThruPlays per play, 0 to 1: watched to the end, or for fifteen seconds."""


class Action(StrEnum):
    PAUSE = "pause"
    """Of what runs: a loser."""
    SCALE = "scale"
    """More money for what runs: a winner."""
    REVIVE = "revive"
    """Let run again what a rule has paused: its figures have been corrected since."""
    SUNSET = "sunset"
    """Put away what has had its time."""


STOPS = frozenset({Action.PAUSE, Action.SUNSET})
"""What keeps money from being spent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    name: str
    action: Action
    metric: Metric
    above: float | None = None
    below: float | None = None
    """It applies where the metric is above the one and below the other."""
    days: int = 3
    """How many it looks back, today included."""
    least_spend: int = 0
    """Minor units in these days; with less nothing is known yet."""
    percent: int = 20
    """How much more money, of SCALE."""
    least_age: int = 0
    """Days since the first spending, of SUNSET."""
    pause_between: int = 1
    """Days between two decisions about the same campaign; what stops money doesn't wait for a refused raise."""


@dataclass(frozen=True, slots=True)
class Figures:
    spend: int = 0
    impressions: int = 0
    clicks: int = 0
    views: int = 0
    conversions: int = 0
    worth: int | None = 0
    """What the purchases were worth, minor units; None where there were some and nobody says."""
    thruplays: int | None = 0
    """None where nobody says."""

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.spend + other.spend,
            self.impressions + other.impressions,
            self.clicks + other.clicks,
            self.views + other.views,
            self.conversions + other.conversions,
            _both(self.worth, other.worth),
            _both(self.thruplays, other.thruplays),
        )

    def value(self, metric: Metric) -> float | None:
        """None where nothing is known; infinite where money was spent for nothing."""
        results = {
            Metric.COST_PER_CLICK: self.clicks,
            Metric.COST_PER_VIEW: self.views,
            Metric.COST_PER_CONVERSION: self.conversions,
        }
        shares = {
            Metric.SPEND: (self.spend, 1),
            Metric.CLICK_RATE: (self.clicks, self.impressions),
            Metric.ROAS: (self.worth, self.spend),
            Metric.HOLD_RATE: (self.thruplays, self.views),
        }
        return _cost(self.spend, results[metric]) if metric in results else _share(*shares[metric])


def _both(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _share(part: int | None, whole: int) -> float | None:
    return part / whole if part is not None and whole else None


def _cost(spend: int, count: int) -> float | None:
    if count:
        return spend / count
    return math.inf if spend else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A campaign, as rules see it."""

    running: bool
    paused_by_rule: bool = False
    daily: int | None
    total: int
    by_day: dict[date, Figures] = field(default_factory=dict)
    decided_on: date | None = None
    refused: Action | None = None
    """What was decided then, where it was refused: nothing has changed."""
    undone: bool = False
    """Whether a person has undone what was decided then."""
    held: bool = False
    """Whether a person has paused it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule decides, with the numbers it saw."""

    rule: str
    action: Action
    daily: int | None
    total: int
    numbers: dict[str, Any]


def decide(rules: Iterable[Rule], subject: Subject, today: date) -> Decision | None:
    """What the first rule that applies decides; nothing about what a person has paused, or undone lately."""
    if subject.held:
        return None
    if subject.decided_on is not None and subject.undone and (today - subject.decided_on).days < REST:
        return None
    return next((found for rule in rules if (found := _decide(rule, subject, today)) is not None), None)


def _decide(rule: Rule, subject: Subject, today: date) -> Decision | None:
    if not _fits(rule, subject, today):
        return None
    first = today - timedelta(days=rule.days - 1)
    seen = sum((one for day, one in subject.by_day.items() if first <= day <= today), Figures())
    value = seen.value(rule.metric)
    if value is None or seen.spend < rule.least_spend:
        return None
    if (rule.above is not None and value <= rule.above) or (rule.below is not None and value >= rule.below):
        return None
    grown = subject.daily, subject.total
    if rule.action is Action.SCALE:
        grown = (
            subject.daily + subject.daily * rule.percent // 100 if subject.daily is not None else None,
            subject.total + subject.total * rule.percent // 100,
        )
    numbers = {
        "metric": rule.metric.value,
        "value": value if math.isfinite(value) else None,
        "above": rule.above,
        "below": rule.below,
        "from": first.isoformat(),
        "to": today.isoformat(),
        "spend": seen.spend,
        "impressions": seen.impressions,
        "clicks": seen.clicks,
        "views": seen.views,
        "conversions": seen.conversions,
        "purchase_value": seen.worth,
        "thruplays": seen.thruplays,
    }
    return Decision(rule.name, rule.action, *grown, numbers)


def _fits(rule: Rule, subject: Subject, today: date) -> bool:
    """Whether the rule is about a campaign in this state, on this day."""
    if subject.decided_on is not None and (today - subject.decided_on).days < rule.pause_between:
        raise_refused = subject.refused is not None and subject.refused not in STOPS
        if not (raise_refused and rule.action in STOPS):
            return False
    match rule.action:
        case Action.PAUSE | Action.SCALE:
            return subject.running
        case Action.REVIVE:
            return not subject.running and subject.paused_by_rule
        case Action.SUNSET:
            spent = [day for day, one in subject.by_day.items() if one.spend]
            return bool(spent) and (today - min(spent)).days >= rule.least_age


def stop_loss(limit: int | None) -> list[Rule]:
    """The rule of a workspace's limit: what has cost this much without one click is paused."""
    if limit is None:
        return []
    return [
        Rule(
            name="stop loss", action=Action.PAUSE, metric=Metric.COST_PER_CLICK, above=NOTHING, days=EVER,
            least_spend=limit,
        )
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Simulated:
    """What rules would have done on one day, and what that would have kept from being spent later."""

    day: date
    decision: Decision


def simulate(rules: Sequence[Rule], subject: Subject) -> tuple[list[Simulated], int]:
    """What the rules would have decided day by day on what has happened, and how much would not have been spent.

    A day's figures are as they are known now, not as they were known then; what a scaled campaign would have brought
    more is not known.
    """
    told, saved = list[Simulated](), 0
    now = replace(subject, by_day={}, running=True, decided_on=None, refused=None, undone=False, held=False)
    for day in sorted(subject.by_day):
        if not now.running:
            saved += subject.by_day[day].spend
        now = replace(now, by_day={**now.by_day, day: subject.by_day[day]})
        found = decide(rules, now, day)
        if found is None:
            continue
        told.append(Simulated(day, found))
        runs = found.action in {Action.SCALE, Action.REVIVE}
        now = replace(
            now, running=runs, paused_by_rule=found.action is Action.PAUSE, daily=found.daily, total=found.total,
            decided_on=day,
        )  # fmt: skip
        if found.action is Action.SUNSET:
            saved += sum(one.spend for later, one in subject.by_day.items() if later > day)
            break
    return told, saved
