"""When something that was not taken is sent again, and when to give up. Pure.

Each delivery has ten attempts over three days. An endpoint that takes nothing at all is given a rest, so that a
thousand deliveries for it don't each find out for themselves; one that took nothing for five days is switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0

PAUSES = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""Seconds after each attempt that came to nothing: those that the Standard Webhooks suggest."""
RESTS = (5.0, 30.0, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR)
"""Seconds for which nothing is sent to an endpoint that took nothing of the last few; the last one from then on."""
GIVE_UP = 5 * DAY
"""Without one that was taken, and after so many rounds:"""
GIVE_UP_AFTER = len(RESTS) + 4
LONGEST_WISH = DAY
"""A Retry-After beyond this is this."""
GONE = 410


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one attempt."""

    status: int | None
    """Null where nobody answered."""
    words: str
    """The beginning of the answer, or why there was none."""
    retry_after: float | None = None
    """Seconds, where the receiver said so."""

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def again(attempts: int, jitter: float) -> float | None:
    """Seconds until the next attempt after so many; None where there is none.

    `jitter`, 0 to 1, moves it by up to a tenth, so that what failed together doesn't come back together.
    """
    return PAUSES[attempts - 1] * (0.9 + jitter / 5) if attempts <= len(PAUSES) else None


@dataclass(frozen=True, slots=True)
class Condition:
    """How an endpoint is after a round of attempts."""

    rounds: int
    """In which it took nothing, one after the other."""
    rest: float
    """Seconds in which it is left alone."""
    off: str | None = None
    """Why it gets nothing any more, as a sentence."""


def after(answers: Sequence[Answered], rounds: int, failing_for: float) -> Condition:
    """What an endpoint's answers say of it.

    Args:
        answers: Of one round, at least one.
        rounds: In which it took nothing before this one.
        failing_for: Seconds since the first of these.
    """
    wish = max((answer.retry_after or 0.0 for answer in answers if not answer.taken), default=0.0)
    wish = min(wish, LONGEST_WISH)
    if any(answer.status == GONE for answer in answers):
        return Condition(rounds + 1, 0.0, "It answered 410: it is gone, and wants nothing any more.")
    if any(answer.taken for answer in answers):
        return Condition(0, wish)
    rounds += 1
    if failing_for >= GIVE_UP and rounds >= GIVE_UP_AFTER:
        return Condition(rounds, 0.0, f"It took nothing for {failing_for / DAY:.0f} days. {answers[-1].words}".strip())
    return Condition(rounds, max(wish, RESTS[min(rounds, len(RESTS)) - 1]))
