"""When something goes out: a channel's weekly slots in its own time zone, and how far apart posts lie. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY = timedelta(days=1)
FURTHEST = timedelta(days=365)
"""How far ahead a place is looked for."""


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A moment of the week at which a channel posts."""

    weekday: int
    """0 is Monday."""
    at: time
    """Of the channel's time zone."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How densely an account may post."""

    gap: timedelta = timedelta()
    """At least, between two posts."""
    per_day: int | None = None
    """At most, in any 24 hours."""


def zone(name: str) -> ZoneInfo | None:
    """The time zone of this name; None where there is no such."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def moments(slots: Collection[Slot], where: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """The slots' next moments in UTC, in order, for ever.

    Where the clock is put forward over a slot it comes as much later; where it is put back, only once.
    """
    if not slots:
        return
    day: date = after.astimezone(where).date()
    while True:
        for slot in sorted(slots):
            if slot.weekday == day.weekday():
                moment = datetime.combine(day, slot.at, where).astimezone(UTC)
                if moment > after:
                    yield moment
        day += DAY


def why_not(at: datetime, taken: Sequence[datetime], pace: Pace) -> str | None:
    """Why a post at this moment would be too close to the others (sorted); None where it isn't."""
    index = bisect_left(taken, at)
    for other in taken[max(0, index - 1) : index + 1]:
        if abs(other - at) < pace.gap:
            return f"There is a post at {other:%Y-%m-%d %H:%M} UTC, closer than {_minutes(pace.gap)}."
    if pace.per_day is not None:
        for start in (at, *(other for other in taken if at - DAY < other <= at)):
            count = bisect_left(taken, start + DAY) - bisect_left(taken, start) + 1
            if count > pace.per_day:
                return f"This would be post {count} within 24 hours; the account may make {pace.per_day}."
    return None


def place(wanted: datetime, taken: Collection[datetime], pace: Pace) -> datetime | None:
    """The first moment from `wanted` on that keeps the pace; None where there is none within a year."""
    others = sorted(taken)
    candidates = {wanted}
    for other in others:
        candidates |= {other + pace.gap, other + DAY}
    for moment in sorted(candidates):
        if wanted <= moment <= wanted + FURTHEST and why_not(moment, others, pace) is None:
            return moment
    return None


def next_slot(
    slots: Collection[Slot], where: ZoneInfo, after: datetime, taken: Collection[datetime], pace: Pace
) -> datetime | None:
    """The next slot that nobody has and that keeps the pace; None where there is none within a year."""
    others = sorted(taken)
    for moment in moments(slots, where, after):
        if moment > after + FURTHEST:
            return None
        if moment not in others and why_not(moment, others, pace) is None:
            return moment
    return None


def _minutes(gap: timedelta) -> str:
    return f"{gap.total_seconds() / 60:g} minutes"
