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
PEAK = 12.0
"""Seconds of a hook where there are no bars."""


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
    early, late = _around(busy, time, -8.0, -5.0), _around(busy, time, -3.5, -1.5)
    return len(early) > 8 and float(late.mean()) > 1.3 * float(early.mean()) + 0.05


def _around(values: FloatArray, time: float, first: float, last: float) -> FloatArray:
    """The values from `first` to `last` seconds after a time (before it when negative)."""
    return values[max(int((time + first) * ENERGY_RATE), 0) : max(int((time + last) * ENERGY_RATE), 0)]


def name_sections(form: Form, levels: Levels, drops: tuple[float, ...]) -> tuple[Section, ...]:
    """What each section is, as far as sound alone can tell; verse and chorus only where there are bars."""
    spans, letters = form.spans, form.letters
    energy = np.array([_mean(levels.energy, start, end) for start, end in spans])
    low = np.array([_mean(levels.low, start, end) for start, end in spans])
    lengths = np.array([end - start for start, end in spans])
    typical = float(np.average(energy, weights=lengths))
    quiet = (energy < 0.8 * typical) | (low < np.percentile(low, 80) - 9.0)
    groups = {one: [i for i, other in enumerate(letters) if other == one] for one in letters}
    repeated = {
        one: float(np.average(energy[who], weights=lengths[who]))
        for one, who in groups.items()
        if form.grid.metric and _comes_back(who)
    }
    chorus = max(repeated, key=lambda one: repeated[one], default=None)
    if chorus is not None and repeated[chorus] < 0.97 * typical:
        chorus = None
    labels: list[str] = []
    for i, (start, _) in enumerate(spans):
        first, last = i == 0, i == len(spans) - 1
        if first and last:
            label = "part"
        elif not first and letters[i] == letters[i - 1] and labels[-1] == "drop":
            label = "drop"
        elif not first and energy[i] >= typical and any(abs(start - drop) < 1.5 for drop in drops):
            label = "drop"
        elif letters[i] == chorus:
            label = "chorus"
        elif (first or last) and energy[i] < typical:
            label = "intro" if first else "outro"
        elif quiet[i] and form.grid.metric:
            label = "break"
        else:
            label = "verse" if chorus is not None and letters[i] in repeated else "part"
        labels.append(label)
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


def find_hooks(
    form: Form, sections: tuple[Section, ...], levels: Levels, drops: tuple[float, ...]
) -> tuple[Hook, ...]:
    """Passages a listener would remember, best first.

    With bars: what starts a section, returns, and is full of energy, or follows a drop. Without: the strongest passages.
    """
    passages = _openings(form, sections) if form.grid.metric else _peaks(form, sections, levels)
    strongest = max((_mean(levels.energy, start, end) for start, end, _, _ in passages), default=0.0) + 1e-6
    found = []
    for start, end, units, section in passages:
        energy = _mean(levels.energy, start, end) / strongest
        if energy < 0.35:
            continue
        again, times = returned(form.likeness, *units) if form.grid.metric else (0.0, 0)
        dropped = any(abs(start - drop) < 1.5 for drop in drops)
        score = 0.42 * again + 0.40 * energy + 0.10 * (section.label in {"chorus", "drop"}) + 0.08 * dropped
        found.append(Hook(start, end, min(score, 1.0), _reason(section, times, energy, dropped=dropped)))
    return tuple(sorted(found, key=lambda hook: -hook.score)[:MOST_HOOKS])


Passage = tuple[float, float, tuple[int, int], Section]
"""Start, end, first unit and how many, and the section it is in."""


def _openings(form: Form, sections: tuple[Section, ...]) -> list[Passage]:
    """The first bars of every section."""
    edges = form.grid.edges
    openings = []
    for section, first, last in zip(sections, form.bounds, form.bounds[1:], strict=False):
        size = _hook_units(edges, first, last)
        openings.append((float(edges[first]), float(edges[first + size]), (first, size), section))
    return openings


def _peaks(form: Form, sections: tuple[Section, ...], levels: Levels) -> list[Passage]:
    """The stretches of most energy, not overlapping, on the steps of the form."""
    edges = form.grid.edges
    size = max(1, min(round(PEAK / float(edges[1] - edges[0])), form.grid.units))
    windows = [(float(edges[i]), float(edges[i + size]), i) for i in range(form.grid.units - size + 1)]
    windows.sort(key=lambda window: -_mean(levels.energy, window[0], window[1]))
    peaks: list[Passage] = []
    for start, end, first in windows:
        if len(peaks) < MOST_HOOKS and all(end <= other[0] or start >= other[1] for other in peaks):
            inside = next((section for section in sections if section.start <= start < section.end), sections[-1])
            peaks.append((start, end, (first, size), inside))
    return peaks


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


def _reason(section: Section, times: int, energy: float, *, dropped: bool) -> str:
    said = []
    if dropped:
        said.append("the drop: bass and drums come in at once")
    if times:
        said.append(f"comes back {times} time{'s' if times > 1 else ''}")
    if energy > 0.999:
        said.append("the most energetic passage")
    elif energy > 0.8:
        said.append("full of energy")
    if section.label not in {"part", "drop"}:
        said.append(f"the {section.label}")
    return ", ".join(said) or "one of the livelier passages"
