"""What lets a campaign spend, was told to the platform, and was never answered: it may have its effect yet. Pure.

A request whose answer was lost can come late: after a person has paused the campaign, and another has taken its room.
So the room is kept (`policy`) until the request can't come any more: the platform has answered it, a look has shown
its effect, or `LATE` has passed. What is archived at the platform can't be let run again, so that ends it, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from stakazo.ads.comparing import Difference, told_of
from stakazo.ads.states import LATE, Part
from stakazo.platforms.ads import Live, Run

MONEY = frozenset({"budget", "spend_cap", "end"})
"""What decides how much a campaign may cost; beside it, whether it runs at all."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """One request that the platform has not answered."""

    part: Part
    what: str
    value: Any
    """What was assigned, as JSON."""
    at: datetime
    again: bool = False
    """The same was told more than once: a look that shows its effect doesn't say whose it is."""

    @property
    def until(self) -> datetime:
        """From then on it doesn't come any more."""
        return self.at + timedelta(seconds=LATE)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"at": self.at.isoformat()}


def read(stored: Sequence[Mapping[str, Any]]) -> tuple[Unanswered, ...]:
    """What a campaign keeps of them, oldest first."""
    return tuple(
        Unanswered(**{**one, "part": Part(one["part"]), "at": datetime.fromisoformat(one["at"])}) for one in stored
    )


def lets_spend(told: Difference) -> bool:
    """Whether this assignment could cost money. Its ad set and ad may be let run: they wait for the campaign."""
    if told.what == "status":
        return told.part is Part.CAMPAIGN and told.approved == Run.ACTIVE
    return told.what in MONEY


def tell(known: Sequence[Unanswered], told: Difference, moment: datetime) -> tuple[Unanswered, ...]:
    """What is unanswered from the moment on at which this is about to be told."""
    known = [one for one in known if one.until > moment]
    if not lets_spend(told):
        return tuple(known)
    again = any(_same(one, told) for one in known)
    earlier = (replace(one, again=True) if _same(one, told) else one for one in known)
    return (*earlier, Unanswered(told.part, told.what, told.approved, moment, again))


def answered(known: Sequence[Unanswered], told: Difference) -> tuple[Unanswered, ...]:
    """Without what was told last of this: the platform has taken or refused it. Earlier ones may come yet."""
    last = next((one for one in reversed(known) if _same(one, told)), None)
    return tuple(one for one in known if one is not last)


def unseen(known: Sequence[Unanswered], live: Mapping[Part, Live]) -> tuple[Unanswered, ...]:
    """Without what a look shows to have had its effect."""
    return tuple(one for one in known if one.again or told_of(one.part, one.what, live) != one.value)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a campaign may cost, and how long: minor units."""

    daily: int | None
    total: int
    ends_at: datetime | None


def worst(known: Sequence[Unanswered], said: Cost, moment: datetime) -> Cost:
    """What it may cost at most, if of what may come the most expensive comes: a budget that was lowered again since."""
    coming = [one for one in known if one.until > moment]
    budgets = [one.value for one in coming if one.what == "budget"]
    totals = [one["lifetime_budget"] for one in budgets] + [one.value for one in coming if one.what == "spend_cap"]
    days = [said.daily, *(one["daily_budget"] for one in budgets)]
    ends = [datetime.fromisoformat(one.value) for one in coming if one.what == "end"]
    return Cost(
        daily=max(filter(None, days), default=None),
        total=max([said.total, *filter(None, totals)]),
        ends_at=max([said.ends_at, *ends]) if said.ends_at is not None else None,
    )


def until(stored: Sequence[Mapping[str, Any]]) -> datetime | None:
    """Until when something of what a campaign keeps may come; None: nothing does."""
    return max((one.until for one in read(stored)), default=None)


def _same(one: Unanswered, told: Difference) -> bool:
    return (one.part, one.what) == (told.part, told.what)
