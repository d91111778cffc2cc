"""What speaks for a stretch as a clip: one function per signal, each judging all windows at once and saying why. Pure.

A signal gets the timeline and the windows, and gives a value of 0 to 1 for each window with a sentence on demand,
or `Unjudged` with the reason when this file doesn't have what it needs. A new one is a function in `song`,
`pictures` or `clip`, a line in `score.SIGNALS` and a weight in
`choice.WEIGHTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stakazo.media.choice import ClipRules, Window
from stakazo.media.timeline import Floats, Timeline


@dataclass(frozen=True)
class Batch:
    """The windows to judge, as columns too."""

    windows: tuple[Window, ...]
    rules: ClipRules

    @cached_property
    def starts(self) -> Floats:
        return np.array([window.start for window in self.windows])

    @cached_property
    def ends(self) -> Floats:
        return np.array([window.end for window in self.windows])

    @cached_property
    def lengths(self) -> Floats:
        return self.ends - self.starts


@dataclass(frozen=True)
class Judged:
    """Every window's value, 0 to 1, and what to say of the window at an index."""

    values: Floats
    why: Callable[[int], str]


@dataclass(frozen=True)
class Unjudged:
    """This file can't be judged so."""

    reason: str


Signal = Callable[[Timeline, Batch], Judged | Unjudged]

SILENT = Unjudged("no sound")
FREE = Unjudged("no steady beat, so no song form to go by")
BLIND = Unjudged("no pictures")


def clock(seconds: float) -> str:
    """A time as a person writes it: 1:02."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def step(value: float, words: tuple[str, str, str]) -> str:
    """The word for little, some or much of something."""
    return words[0] if value < 0.35 else words[1] if value < 0.6 else words[2]


def compared(what: str, values: Floats, words: tuple[str, str, str]) -> Callable[[int], str]:
    """A sentence on demand: what it is, and the word for how much of it there is."""
    return lambda index: f"{what}: {step(values[index], words)}"


def listed(parts: list[str]) -> str:
    """a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
