"""How a piece swells: energy as it is felt, and the drops where it all comes in. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stakazo.media.form import Form
from stakazo.media.rhythm import smooth
from stakazo.media.spectrum import COARSE_RATE, FINE_RATE, LOW_EDGE, Features, mel_centres
from stakazo.media.types import Curve, FloatArray

ENERGY_RATE = 4.0
"""Values of the energy curve per second."""
QUIETEST = -60.0
"""LUFS under which there is no energy at all."""
AT_FULL_STRENGTH = 0.92
"""Share of the loudest passages' energy that a drop reaches."""


@dataclass(frozen=True, slots=True)
class Levels:
    """How a piece swells, in steps of a quarter of a second."""

    energy: FloatArray
    """0 to 1."""
    low: FloatArray
    """dB of kick and bass."""
    busy: FloatArray
    """Onset strength, relative to the busiest passage."""


def find_levels(features: Features, momentary: Curve) -> Levels:
    """Energy as people feel it: mostly loudness (twice as loud every 10 LU), partly how much happens."""
    count = max(int(np.ceil(features.duration * ENERGY_RATE)), 1)
    times = (np.arange(count) + 0.5) / ENERGY_RATE
    loud = decibels(_sampled(10 ** (momentary.values / 10), momentary.rate, times, blur=1.0))
    busy = _sampled(features.onsets.mean(axis=1), FINE_RATE, times, blur=2.0)
    busy = np.minimum(busy / (np.percentile(busy, 98) + 1e-9), 1.0)
    sone = 2 ** ((loud - np.percentile(loud, 99)) / 10)
    energy = np.where(loud > QUIETEST, 0.75 * sone + 0.25 * busy, 0.0)
    low = decibels(_sampled(features.mel[:, mel_centres() < LOW_EDGE].sum(axis=1), COARSE_RATE, times, blur=1.0))
    parts = (energy / (energy.max() + 1e-9), low, busy)
    return Levels(*(part.astype(np.float32) for part in parts))


def _sampled(
    values: NDArray[np.floating[Any]], rate: float, times: NDArray[np.floating[Any]], *, blur: float
) -> NDArray[np.float64]:
    """A signal at these times, each the mean over `blur` seconds."""
    if not len(values):
        return np.zeros(len(times))
    return np.asarray(np.interp(times * rate, np.arange(len(values)), smooth(values, round(blur * rate))))


def decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(10 * np.log10(power + 1e-8))


def find_drops(levels: Levels, form: Form) -> tuple[float, ...]:
    """Bars where the piece comes in at full strength: with bass that was away, or out of a build-up that lets go."""
    if not form.grid.metric:
        return ()
    found: list[tuple[float, float]] = []
    loudest = float(np.percentile(levels.energy, 90))
    for time in form.grid.edges[1:-1]:
        calm, full = _around(levels.energy, time, -6.0, -0.4), _around(levels.energy, time, 0.4, 6.0)
        if len(calm) < 16 or len(full) < 16 or np.median(full) < AT_FULL_STRENGTH * loudest:
            continue
        rise = float(np.median(full) / (np.median(calm) + 0.05))
        if (rise > 1.15 and _bass_returns(levels, time)) or (rise > 1.0 and _lets_go(levels, time)):
            found.append((_step(levels, time), float(time)))
    kept: list[float] = []
    for _, time in sorted(found, reverse=True):
        if all(abs(time - other) > 8.0 for other in kept):
            kept.append(time)
    return tuple(sorted(kept))


def _step(levels: Levels, time: float) -> float:
    """How sharply bass and energy rise at this very place: tells the bar from its neighbours."""
    low = _around(levels.low, time, 0.3, 1.6).mean() - _around(levels.low, time, -1.6, -0.3).mean()
    energy = _around(levels.energy, time, 0.0, 1.5).mean() - _around(levels.energy, time, -1.5, 0.0).mean()
    return float(min(low, 12.0) / 12.0 + 2.0 * energy)


def _bass_returns(levels: Levels, time: float) -> bool:
    """Whether kick and bass come in here after a break (they had been there) or a build-up (more and more happened)."""
    before, after = _around(levels.low, time, -6.0, -0.4), _around(levels.low, time, 0.4, 6.0)
    ceiling = float(np.percentile(levels.low, 90))
    if np.percentile(after, 25) < np.percentile(before, 75) + 4.0 or np.median(after) < ceiling - 6.0:
        return False
    earlier = _around(levels.low, time, -time, -6.0)
    was_there = len(earlier) > 16 and float(np.percentile(earlier, 80)) > ceiling - 8.0
    first, last = _around(levels.busy, time, -8.0, -5.0), _around(levels.busy, time, -3.5, -1.5)
    return was_there or (len(first) > 8 and float(last.mean()) > 1.3 * float(first.mean()) + 0.05)


def _lets_go(levels: Levels, time: float) -> bool:
    """Whether a crowded build-up ends here in fewer, heavier events."""
    crowd, after = _around(levels.busy, time, -5.0, -1.5), _around(levels.busy, time, 1.5, 6.0)
    earlier = _around(levels.busy, time, -20.0, -10.0)
    light, heavy = _around(levels.low, time, -6.0, -0.4), _around(levels.low, time, 0.4, 6.0)
    if len(earlier) < 16 or crowd.mean() < 1.3 * earlier.mean() or crowd.mean() < 1.25 * after.mean():
        return False
    return bool(crowd.mean() > 0.7 and np.median(heavy) > np.median(light) + 2.0)


def _around(values: FloatArray, time: float, first: float, last: float) -> FloatArray:
    """The values from `first` to `last` seconds after a time (before it when negative)."""
    return values[max(int((time + first) * ENERGY_RATE), 0) : max(int((time + last) * ENERGY_RATE), 0)]


def mean_within(values: FloatArray, start: float, end: float) -> float:
    """The mean between two times, of a curve with ENERGY_RATE values per second."""
    if not len(values):
        return 0.0
    first = min(int(start * ENERGY_RATE), len(values) - 1)
    return float(values[first : max(int(end * ENERGY_RATE), first + 1)].mean())
