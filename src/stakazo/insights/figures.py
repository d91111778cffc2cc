"""What numbers say together: who stayed, what a result cost, what came back of the money. Pure.

None is what nobody has said, and never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

HOLD = 3.0
"""Seconds after which a viewer counts as held."""


def hold_rate(skip_rate: float | None, retention: Sequence[float], duration: float | None) -> float | None:
    """The share of plays that went on after three seconds, 0 to 1: as said, or read off the curve of who is left."""
    if skip_rate is not None:
        return 1.0 - skip_rate
    if duration is None or duration <= 0:
        return None
    return left_at(retention, HOLD / duration)


def left_at(retention: Sequence[float], share: float) -> float | None:
    """How many are left at this share (0 to 1) of a video, between the points of the curve."""
    if len(retention) < 2 or not 0.0 <= share <= 1.0:
        return None
    place = share * (len(retention) - 1)
    before = min(int(place), len(retention) - 2)
    return retention[before] + (place - before) * (retention[before + 1] - retention[before])


def completion(retention: Sequence[float]) -> float | None:
    """The share of viewers that is left at the end."""
    return retention[-1] if retention else None


def watched_share(average_watch: float | None, duration: float | None) -> float | None:
    """How much of the video the average viewer saw; more than 1 where it is watched again and again."""
    return average_watch / duration if average_watch is not None and duration else None


def total(numbers: Iterable[float | None]) -> float | None:
    """The sum of what is known; None where nothing is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def cost_per(spend: int | None, results: float | None) -> float | None:
    """Minor units for one result; None where there was none."""
    return spend / results if spend is not None and results else None


def returned(value: int | None, spend: int | None) -> float | None:
    """ROAS: what purchases were worth for each unit spent. Both in minor units of the same currency."""
    return float(Fraction(value, spend)) if value is not None and spend else None
