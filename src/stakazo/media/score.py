"""A named sum: the signals, what each is worth, and the sum of a window with its reasons. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from stakazo.media.choice import WEIGHTS, ClipRules, Part, Score, Window
from stakazo.media.signals import Batch, Judged, Signal, Unjudged, clip, pictures, song
from stakazo.media.timeline import Floats, Timeline

SIGNALS: dict[str, Signal] = {
    "hook": song.hook,
    "form": song.form,
    "drop": song.drop,
    "energy": song.energy,
    "motion": pictures.motion,
    "peak": pictures.peak,
    "rhythm": pictures.rhythm,
    "people": pictures.people,
    "subject": pictures.subject,
    "clarity": pictures.clarity,
    "variety": pictures.variety,
    "opening": clip.opening,
    "edges": clip.edges,
    "alive": clip.alive,
    "loop": clip.loop,
    "length": clip.length,
}
"""Who judges each part of the sum that has a weight in `choice.WEIGHTS`, in the order in which reasons are told."""


@dataclass(frozen=True)
class Scores:
    """The windows of one film, weighed."""

    windows: tuple[Window, ...]
    totals: Floats
    """0 to 100: the same numbers as `score(i).total`."""
    unjudged: dict[str, str]
    """The signals that this file can't be judged by, and why; their weight is spread over the others."""
    _judged: tuple[tuple[str, float, Judged], ...]

    def score(self, index: int) -> Score:
        """The sum of one window, taken apart."""
        return Score(
            tuple(
                Part(name, float(np.clip(judged.values[index], 0.0, 1.0)), weight, judged.why(index))
                for name, weight, judged in self._judged
            )
        )


def weigh(timeline: Timeline, windows: tuple[Window, ...], rules: ClipRules) -> Scores:
    """Judge every window by every signal that has a weight and something to go by."""
    batch = Batch(windows, rules)
    judged: list[tuple[str, float, Judged]] = []
    unjudged: dict[str, str] = {}
    for name, weight, signal in _weights(rules):
        verdict = signal(timeline, batch)
        if isinstance(verdict, Unjudged):
            unjudged[name] = verdict.reason
        else:
            judged.append((name, weight, replace(verdict, values=np.clip(verdict.values, 0.0, 1.0))))
    whole = sum(weight for _, weight, _ in judged)
    totals = sum((weight * verdict.values for _, weight, verdict in judged), np.zeros(len(windows)))
    return Scores(windows, 100 * totals / whole if whole else totals, unjudged, tuple(judged))


def _weights(rules: ClipRules) -> Iterator[tuple[str, float, Signal]]:
    for name, judge in SIGNALS.items():
        weight = rules.weights.get(name, WEIGHTS[name])
        if weight > 0:
            yield name, weight, judge
