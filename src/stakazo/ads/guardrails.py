"""What may be spent at most, in any case. Pure.

A campaign that may run is a `Commitment`: what it can cost at worst on a day, and altogether. A workspace's `Limits`
hold if they hold for the sum of the worst cases, so no pace of the platform's, no late report and no two requests at
once can break them, as long as what is wanted is checked in the transaction that writes it down, under one lock.

The worst case of a daily budget is 7/4 of it: that is how far Meta may go on one day. A budget for the whole time may
be spent on any one day of it. A campaign that has been paused keeps counting for the days on which it ran.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from stakazo.platforms.ads import major_units

HORIZON = timedelta(days=732)
"""How far ahead a campaign without an end is looked at; after that nothing changes any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a workspace allows in one currency, in minor units; None: no limit of this kind."""

    campaign: int | None = None
    """One campaign, for its whole time."""
    at_once: int | None = None
    """All campaigns together that may still spend, each for its whole time."""
    day: int | None = None
    """All campaigns, on one day of their account's."""
    month: int | None = None
    """All campaigns, in one calendar month of their account's."""
    second_person_above: int | None = None
    """A campaign that may cost more is let run by another person than who planned it."""
    step_percent: int = 50
    """How much more a budget may become at once."""
    stop_loss: int | None = None
    """A campaign that has cost this much and brought no click is paused."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """What a campaign may cost, while it could run."""

    campaign: str
    per_day: int
    """Minor units, at worst."""
    total: int
    """Minor units; all that it may ever come to."""
    first: date
    last: date | None
    """The last day on which it may run; None: until its total is spent."""

    def runs_on(self, day: date) -> bool:
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that would not hold."""

    limit: str
    allowed: int
    would_be: int
    when: date | None

    def sentence(self, currency: str) -> str:
        """For people: what it would come to at worst, and what is allowed."""
        what, of = {
            "campaign": ("This campaign", "one campaign"),
            "at_once": ("All campaigns that may still spend", "all at once"),
            "day": (f"All campaigns together on {self.when}", "a day"),
            "month": (f"All campaigns together in {self.when:%B %Y}" if self.when else "", "a month"),
        }[self.limit]
        could, allowed = major_units(self.would_be, currency), major_units(self.allowed, currency)
        return f"{what} could cost {could}, and the limit for {of} is {allowed}."


def remedy(found: Sequence[Breach]) -> str:
    """What to do about limits that would not hold."""
    alone = all(one.limit == "campaign" for one in found)
    others = "" if alone else ", pause another campaign (what it could cost on days on which it ran stays counted)"
    return f"Lower its budget{others}, or have the limit raised (PUT /ads/policy)."


def worst_day(daily: int | None, total: int) -> int:
    """What a budget can cost on one day: 7/4 of a daily one, rounded up; all of one for the whole time."""
    return total if daily is None else min(total, -(-daily * 7 // 4))


def breaches(
    limits: Limits, held: Sequence[Commitment], wanted: Commitment, *, open_campaigns: frozenset[str]
) -> list[Breach]:
    """The limits that would not hold if this were let run beside what is held; none: it may.

    Args:
        held: All commitments of the currency, also of campaigns that are paused by now, and this campaign's own earlier
            ones.
        open_campaigns: Those that may still spend.
    """
    everything = [*held, wanted]
    found: list[Breach] = []

    def require(limit: str, allowed: int | None, would_be: int, when: date | None = None) -> None:
        if allowed is not None and would_be > allowed:
            found.append(Breach(limit, allowed, would_be, when))

    require("campaign", limits.campaign, wanted.total)
    require("at_once", limits.at_once, _outstanding(everything, open_campaigns | {wanted.campaign}))
    if limits.day is not None:
        day, cost = max(((day, on_day(everything, day)) for day in _days(everything, wanted)), key=lambda one: one[1])
        require("day", limits.day, cost, day)
    if limits.month is not None:
        for first, last in _months(everything, wanted):
            if (cost := within(everything, first, last)) > limits.month:
                require("month", limits.month, cost, first)
                break
    return found


def on_day(held: Sequence[Commitment], day: date) -> int:
    """What a day can cost: of each campaign the most that it could on that day."""
    worst: dict[str, int] = defaultdict(int)
    for one in held:
        if one.runs_on(day):
            worst[one.campaign] = max(worst[one.campaign], one.per_day)
    return sum(worst.values())


def within(held: Sequence[Commitment], first: date, last: date) -> int:
    """What the days from the first to the last can cost: of each campaign never more than its total."""
    parts: dict[str, list[Commitment]] = defaultdict(list)
    for one in held:
        parts[one.campaign].append(one)
    return sum(_share(campaign, first, last) for campaign in parts.values())


def _share(parts: Sequence[Commitment], first: date, last: date) -> int:
    """One campaign's; its commitments may follow one another on the same day, and each day counts once."""
    edges = {first, last + timedelta(days=1)}
    for one in parts:
        edges.add(max(first, one.first))
        if one.last is not None:
            edges.add(min(last, one.last) + timedelta(days=1))
    points = sorted(edge for edge in edges if first <= edge <= last + timedelta(days=1))
    cost = sum(
        (until - since).days * max((one.per_day for one in parts if one.runs_on(since)), default=0)
        for since, until in pairwise(points)
    )
    return min(cost, max(one.total for one in parts))


def _outstanding(held: Sequence[Commitment], open_campaigns: frozenset[str]) -> int:
    totals: dict[str, int] = defaultdict(int)
    for one in held:
        if one.campaign in open_campaigns:
            totals[one.campaign] = max(totals[one.campaign], one.total)
    return sum(totals.values())


def _days(held: Sequence[Commitment], wanted: Commitment) -> Iterator[date]:
    """Where the sum of a day can be largest: where something begins, while this could run."""
    for day in {wanted.first, *(one.first for one in held)}:
        if wanted.runs_on(day):
            yield day


def _months(held: Sequence[Commitment], wanted: Commitment) -> Iterator[tuple[date, date]]:
    ends = [one.last for one in (*held, wanted) if one.last is not None]
    until = wanted.last or max([wanted.first, *ends]) + timedelta(days=62)
    until = min(until, wanted.first + HORIZON)
    first = wanted.first.replace(day=1)
    while first <= until:
        after = (first + timedelta(days=32)).replace(day=1)
        yield first, after - timedelta(days=1)
        first = after


def why_not_step(limits: Limits, before: int, after: int, currency: str) -> str | None:
    """Why a budget may not be raised this much at once; None where it may. Less is always allowed."""
    most = before + before * limits.step_percent // 100
    if after <= most:
        return None
    most_said, before_said = major_units(most, currency), major_units(before, currency)
    return f"At once a budget may become {limits.step_percent} % more: {most_said} at most, from {before_said}."
