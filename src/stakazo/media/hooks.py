"""What a listener would remember: the names of a piece's sections, and its hooks. Pure."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from stakazo.media.energy import Levels, mean_within
from stakazo.media.form import Form
from stakazo.media.types import FloatArray, Hook, Section

MOST_HOOKS = 5
HOOK = (6.0, 20.0)
"""Seconds of the shortest and the longest hook."""
PEAK = 12.0
"""Seconds of a hook where there are no bars."""


def name_sections(form: Form, levels: Levels, drops: tuple[float, ...]) -> tuple[Section, ...]:
    """What each section is, as far as sound alone can tell; verse and chorus only where there are bars."""
    spans, letters = form.spans, form.letters
    energy = np.array([mean_within(levels.energy, start, end) for start, end in spans])
    low = np.array([mean_within(levels.low, start, end) for start, end in spans])
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
        elif not first and (
            (labels[-1] == "drop" and letters[i] == letters[i - 1])
            or (energy[i] >= typical and any(abs(start - drop) < 1.5 for drop in drops))
        ):
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


def find_hooks(form: Form, sections: tuple[Section, ...], levels: Levels, drops: tuple[float, ...]) -> tuple[Hook, ...]:
    """Passages a listener would remember, best first.

    With bars: what starts a section, returns and is full of energy, or follows a drop. Without: the strongest passages.
    """
    passages = _openings(form, sections) if form.grid.metric else _peaks(form, sections, levels)
    strongest = max((mean_within(levels.energy, start, end) for start, end, _, _ in passages), default=0.0) + 1e-6
    found = []
    for start, end, units, section in passages:
        energy = mean_within(levels.energy, start, end) / strongest
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
    """The first bars of every section; of intro, break and outro only where there is nothing else."""
    edges = form.grid.edges
    openings = []
    between = {"intro", "break", "outro"}
    all_between = all(section.label in between for section in sections)
    for section, (first, last) in zip(sections, itertools.pairwise(form.bounds), strict=True):
        if section.label in between and not all_between:
            continue
        size = _hook_units(edges, first, last)
        openings.append((float(edges[first]), float(edges[first + size]), (first, size), section))
    return openings


def _peaks(form: Form, sections: tuple[Section, ...], levels: Levels) -> list[Passage]:
    """The stretches of most energy, not overlapping, on the steps of the form."""
    edges = form.grid.edges
    size = max(1, min(round(PEAK / float(edges[1] - edges[0])), form.grid.units))
    windows = [(float(edges[i]), float(edges[i + size]), i) for i in range(form.grid.units - size + 1)]
    windows.sort(key=lambda window: -mean_within(levels.energy, window[0], window[1]))
    peaks: list[Passage] = []
    for start, end, first in windows:
        if len(peaks) < MOST_HOOKS and all(end <= other[0] or start >= other[1] for other in peaks):
            inside = next((section for section in sections if section.start <= start < section.end), sections[-1])
            peaks.append((start, end, (first, size), inside))
    return peaks


def _hook_units(edges: NDArray[np.float64], first: int, last: int) -> int:
    """How many units a hook that starts here takes: 8, 4, 2 .. bars, whatever fits the memory of an ear."""
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
