"""What a listener would remember: the energy of a piece, its drops, the names of its sections, its hooks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stakazo.media.form import Form
from stakazo.media.rhythm import smooth
from stakazo.media.spectrum import COARSE_RATE, FINE_RATE, LOW_EDGE, Features, mel_centres
from stakazo.media.types import Curve, FloatArray, Hook, Section

ENERGY_RATE = 4.0
"""Values of the energy curve per second."""
MOST_HOOKS = 5
HOOK = (6.0, 20.0)
"""Seconds of the shortest and the longest hook."""


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
    smoothed = (
        smooth(10 ** (momentary.values / 10), round(1.0 * momentary.rate)) if len(momentary.values) else np.zeros(1)
    )
    loud = 10 * np.log10(np.interp(times * momentary.rate, np.arange(len(smoothed)), smoothed) + 1e-7)
    sone = 2 ** ((loud - np.percentile(loud, 99)) / 10)
    activity = smooth(features.onsets.mean(axis=1), round(2 * FINE_RATE)) if len(features.onsets) else np.zeros(1)
    busy = np.interp(times * FINE_RATE, np.arange(len(activity)), activity)
    busy = np.minimum(busy / (np.percentile(busy, 98) + 1e-9), 1.0)
    energy = np.where(loud > -60, 0.75 * sone + 0.25 * busy, 0.0)
    low_power = features.mel[:, mel_centres() < LOW_EDGE].sum(axis=1) if len(features.mel) else np.zeros(1)
    low = 10 * np.log10(
        np.interp(times * COARSE_RATE, np.arange(len(low_power)), smooth(low_power, round(COARSE_RATE))) + 1e-8
    )
    top = energy.max()
    return Levels(
        (energy / top if top > 0 else energy).astype(np.float32), low.astype(np.float32), busy.astype(np.float32)
    )


def find_drops(levels: Levels, form: Form) -> tuple[float, ...]:
    """Bars where bass and energy come in at once after a break or a build-up, stay, and are as strong as it gets."""
    if not form.grid.metric:
        return ()
    found: list[tuple[float, float]] = []
    low_ceiling, ceiling = float(np.percentile(levels.low, 90)), float(np.percentile(levels.energy, 90))
    for time in form.grid.edges[1:-1]:
        before, after = _around(levels.low, time, -6.0, -0.4), _around(levels.low, time, 0.4, 6.0)
        calm, full = _around(levels.energy, time, -6.0, -0.4), _around(levels.energy, time, 0.4, 6.0)
        if len(before) < 16 or len(after) < 16:
            continue
        bass = float(np.percentile(after, 25) - np.percentile(before, 75))
        rise = float(np.median(full) / (np.median(calm) + 0.05))
        if bass < 4.0 or rise < 1.15 or np.median(after) < low_ceiling - 6.0 or np.median(full) < 0.8 * ceiling:
            continue
        if _was_full(levels.low, time, low_ceiling) or _builds_up(levels.busy, time):
            step = _around(levels.energy, time, 0.0, 1.5).mean() - _around(levels.energy, time, -1.5, 0.0).mean()
            found.append((float(step), float(time)))
    kept: list[float] = []
    for _, time in sorted(found, reverse=True):
        if all(abs(time - other) > 8.0 for other in kept):
            kept.append(time)
    return tuple(sorted(kept))


def _was_full(low: FloatArray, time: float, ceiling: float) -> bool:
    """Whether the bass had been there before it went away: then this was a break."""
    earlier = _around(low, time, -time, -6.0)
    return len(earlier) > 16 and float(np.percentile(earlier, 80)) > ceiling - 8.0


def _builds_up(busy: FloatArray, time: float) -> bool:
    """Whether more and more happened in the eight seconds before."""
    early, late = _around(busy, time, -8.0, -5.0), _around(busy, time, -3.0, 0.0)
    return len(early) > 8 and float(late.mean()) > 1.3 * float(early.mean()) + 0.02


def _around(values: FloatArray, time: float, first: float, last: float) -> FloatArray:
    """The values from `first` to `last` seconds after a time (before it when negative)."""
    return values[max(int((time + first) * ENERGY_RATE), 0) : max(int((time + last) * ENERGY_RATE), 0)]


def name_sections(form: Form, levels: Levels, drops: tuple[float, ...]) -> tuple[Section, ...]:
    """What each section is, as far as sound alone can tell."""
    spans, letters = form.spans, form.letters
    energy = np.array([_mean(levels.energy, start, end) for start, end in spans])
    low = np.array([_mean(levels.low, start, end) for start, end in spans])
    lengths = np.array([end - start for start, end in spans])
    typical = float(np.average(energy, weights=lengths))
    full = float(np.percentile(low, 80)) if len(low) else 0.0
    groups = {one: [i for i, other in enumerate(letters) if other == one] for one in letters}
    repeated = {
        one: float(np.average(energy[who], weights=lengths[who])) for one, who in groups.items() if _comes_back(who)
    }
    chorus = max(repeated, key=lambda one: repeated[one]) if repeated else None
    if chorus is not None and repeated[chorus] < 0.97 * typical:
        chorus = None
    labels = []
    for i, (start, _) in enumerate(spans):
        dropped = any(abs(start - drop) < 1.5 for drop in drops)
        quiet = energy[i] < 0.8 * typical or low[i] < full - 9.0
        if len(spans) == 1:
            labels.append("part")
        elif dropped and i > 0 and energy[i] >= typical:
            labels.append("drop")
        elif chorus is not None and letters[i] == chorus:
            labels.append("chorus")
        elif i == 0 and (quiet or energy[i] < typical):
            labels.append("intro")
        elif i == len(spans) - 1 and (quiet or energy[i] < typical):
            labels.append("outro")
        elif quiet and form.grid.metric:
            labels.append("break")
        elif chorus is not None and letters[i] in repeated:
            labels.append("verse")
        else:
            labels.append("part")
    return tuple(
        Section(start, end, label, one, float(np.clip(value, 0, 1)))
        for (start, end), label, one, value in zip(spans, labels, letters, energy, strict=True)
    )


def _comes_back(places: list[int]) -> bool:
    """Whether a letter is heard again after something else."""
    return len(places) > 1 and places[-1] - places[0] >= len(places)


def _mean(values: FloatArray, start: float, end: float) -> float:
    first = min(int(start * ENERGY_RATE), max(len(values) - 1, 0))
    return float(values[first : max(int(end * ENERGY_RATE), first + 1)].mean()) if len(values) else 0.0


def find_hooks(form: Form, sections: tuple[Section, ...], levels: Levels, drops: tuple[float, ...]) -> tuple[Hook, ...]:
    """Passages that return, are full of energy and start where a section starts; or that follow a drop. Best first."""
    edges = form.grid.edges
    candidates = []
    strongest = max((section.energy for section in sections), default=0.0) + 1e-6
    for section, first, last in zip(sections, form.bounds, form.bounds[1:], strict=False):
        if section.energy < 0.25 * strongest:
            continue
        size = _hook_units(edges, first, last)
        start, end = float(edges[first]), float(edges[first + size])
        again, times = returned(form.likeness, first, size)
        energy = _mean(levels.energy, start, end) / strongest
        after_drop = any(abs(start - drop) < 1.5 for drop in drops)
        score = (
            0.42 * again + 0.40 * min(energy, 1.0) + 0.10 * (section.label in {"chorus", "drop"}) + 0.08 * after_drop
        )
        candidates.append((score, start, end, _reason(section, times, energy, after_drop=after_drop)))
    candidates.sort(key=lambda one: -one[0])
    return tuple(
        Hook(start, end, float(np.clip(score, 0, 1)), reason) for score, start, end, reason in candidates[:MOST_HOOKS]
    )


def _hook_units(edges: NDArray[np.float64], first: int, last: int) -> int:
    """How many units a hook that starts here takes: 8, 4, 2 .. bars, whatever fits the ear's memory, else the whole section."""
    for size in (8, 4, 2, 1):
        if first + size <= last and edges[first + size] - edges[first] <= HOOK[1]:
            grown = size
            while edges[first + grown] - edges[first] < HOOK[0] and first + grown < min(last, len(edges) - 1):
                grown += 1
            return grown
    return max(last - first, 1)


def returned(likeness: FloatArray, first: int, size: int) -> tuple[float, int]:
    """How surely a passage is heard again elsewhere (0 to 1), and how many times."""
    count = len(likeness)
    rows = np.arange(first, first + size)
    fits = [
        float(likeness[rows, np.arange(other, other + size)].mean()) if abs(other - first) >= size else -1.0
        for other in range(count - size + 1)
    ]
    if not fits:
        return 0.0, 0
    best = max(fits)
    times, last = 0, -size
    for place, fit in enumerate(fits):
        if fit > max(0.6, best - 0.15) and place - last >= size:
            times, last = times + 1, place
    return float(np.clip((best - 0.2) / 0.6, 0, 1)) * (1.0 if times > 1 else 0.85), times


def _reason(section: Section, times: int, energy: float, *, after_drop: bool) -> str:
    said = []
    if after_drop:
        said.append("the drop: bass and drums come in at once")
    if times:
        said.append(f"comes back {times} time{'s' if times > 1 else ''}")
    if energy > 0.95:
        said.append("the most energetic passage")
    elif energy > 0.8:
        said.append("full of energy")
    said.append(f"starts with the {section.label}" if section.label != "part" else "starts with a section")
    return ", ".join(said)
