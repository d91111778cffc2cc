"""The form of a piece: where its sections begin, and which of them are the same music again. Pure.

The piece is looked at bar by bar (or in even steps where there are no bars). Three views of a bar are compared with all
others: timbre and texture, the harmony of its phrase, and where else in the piece it returns (Serra et al. 2014). The
boundaries minimise the variance inside sections plus a price per boundary that is lower for phrases of 4 and 8 bars.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stakazo.media.metre import per_interval, turn
from stakazo.media.rhythm import smooth
from stakazo.media.spectrum import COARSE_RATE, FINE_RATE, Features
from stakazo.media.types import FloatArray, Span

STEP = 2.0
"""Seconds of a step where there are no bars."""
MOST_UNITS = 1200
"""More bars or steps than this are taken two, three .. at a time, so that memory stays flat."""
LONGEST = 40
"""Units of the longest section that is considered."""
BOUNDARY = 2.7
"""Price of a boundary, in units of one bar's mean variance."""
NEW = 1.5
"""What novelty takes off it."""
ODD = (0.0, 0.2, 0.5, 0.9)
"""What a length adds to that price: a multiple of 8, of 4, of 2, any other."""
VIEWS = (1.0, 0.5, 1.2)
"""Weights of timbre, of harmony, of what returns where."""
LEAST_VARIANCE = (2.0, 0.01, 0.02)
"""Of each view: a piece that varies less doesn't vary."""
SAME = 0.55
"""Similarity from which two sections are the same music."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The units that the form is made of."""

    edges: NDArray[np.float64]
    """[units + 1]: seconds; unit i is from edges[i] to edges[i + 1]."""
    parts: int
    """Into how many a unit is divided for its harmony: the beats of a bar."""
    metric: bool
    """Whether units are bars."""

    @property
    def units(self) -> int:
        return len(self.edges) - 1


@dataclass(frozen=True, slots=True)
class Form:
    """Sections as ranges of units, and how alike all units are."""

    grid: Grid
    bounds: tuple[int, ...]
    """Unit numbers where sections begin, and the number of units at the end."""
    letters: tuple[str, ...]
    """One per section; the same letter is the same music again."""
    likeness: FloatArray
    """[units, units]: -1 to 1, harmony and timbre together."""

    @property
    def spans(self) -> list[tuple[float, float]]:
        edges = self.grid.edges
        return [(float(edges[a]), float(edges[b])) for a, b in zip(self.bounds, self.bounds[1:], strict=False)]


def make_grid(sounding: Span, beats: NDArray[np.float64], downbeats: NDArray[np.int64], beats_per_bar: int) -> Grid:
    """Bars where there are any, else even steps, from the first sound to the last."""
    start, end = sounding.start, sounding.end
    bars = beats[downbeats]
    bars = bars[(bars >= start) & (bars < end)]
    if len(bars) < 4:
        count = max(int(min((end - start) / STEP, MOST_UNITS)), 1)
        return Grid(np.linspace(start, end, count + 1), 2, metric=False)
    first, last = float(np.median(np.diff(bars[:8]))), float(np.median(np.diff(bars[-8:])))
    before = bars[0] - first * np.arange(int((bars[0] - start) / first), 0, -1)
    after = bars[-1] + last * np.arange(1, int((end - bars[-1]) / last) + 1)
    edges = np.concatenate([before, bars, after])[:: -(-len(bars) // MOST_UNITS)]
    inner = edges[(edges > start + 0.5 * first) & (edges < end - 0.5 * last)]
    return Grid(np.concatenate([[start], inner, [end]]), beats_per_bar, metric=True)


def find_form(features: Features, grid: Grid) -> Form:
    """The sections of a piece on this grid."""
    harmony, timbre = unit_features(features, grid)
    alike_harmony, alike_timbre = cosine(harmony), cosine(timbre)
    likeness = (0.5 * alike_harmony + 0.5 * alike_timbre).astype(np.float32)
    if grid.units < 4:
        return Form(grid, (0, grid.units), ("A",), likeness)
    phrase = 4 if grid.metric else 3
    views = (
        timbre,
        smooth(harmony.reshape(grid.units, grid.parts, 12).mean(axis=1), phrase),
        returns(alike_harmony, phrase),
    )
    gram = np.zeros((grid.units, grid.units))
    for view, weight, least in zip(views, VIEWS, LEAST_VARIANCE, strict=True):
        centred = view - view.mean(axis=0)
        product = centred @ centred.T
        gram += weight / sum(VIEWS) * product / max(float(np.trace(product)) / grid.units, least)
    bounds = segment(gram, novelty(timbre), metric=grid.metric)
    letters = same_music(bounds, alike_harmony, alike_timbre)
    if not grid.metric:  # without phrases, the same music going on is one section
        new = [i for i, one in enumerate(letters) if i == 0 or one != letters[i - 1]]
        bounds, letters = (*(bounds[i] for i in new), bounds[-1]), tuple(letters[i] for i in new)
    return Form(grid, bounds, letters, likeness)


def unit_features(features: Features, grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Harmony [units, parts * 12], in the order of the beats, and timbre with texture [units, 24], each centred."""
    steps = np.arange(grid.units * grid.parts) / grid.parts
    chroma = per_interval(features.chroma, COARSE_RATE, np.interp(steps, np.arange(grid.units + 1), grid.edges))
    chroma = chroma / (np.linalg.norm(chroma, axis=1, keepdims=True) + 1e-6)
    chroma = chroma - chroma.mean(axis=0)
    level = 10 * np.log10(per_interval(features.mel, COARSE_RATE, grid.edges[:-1]) + 1e-8)
    pairs = level.reshape(grid.units, -1, 2).mean(axis=2)
    texture = np.log1p(20 * per_interval(features.onsets, FINE_RATE, grid.edges[:-1]))
    spread = pairs - pairs.mean(axis=0)
    busy = texture - texture.mean(axis=0)
    spread = spread / max(float(spread.std()), 1.0)
    busy = 1.5 * busy / max(float(busy.std()), 0.05)
    return chroma.reshape(grid.units, -1), np.concatenate([spread, busy], axis=1).astype(np.float32)


def cosine(vectors: FloatArray) -> FloatArray:
    unit = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-6)
    return np.asarray(unit @ unit.T, np.float32)


def returns(alike: FloatArray, phrase: int) -> FloatArray:
    """[units, lags]: how surely the phrase around each unit is heard again so many units earlier or later."""
    count = len(alike)
    lagged = np.zeros((count, 2 * count - 1), np.float32)
    rows = np.arange(count)
    for lag in range(-count + 1, count):
        inside = rows[(rows + lag >= 0) & (rows + lag < count)]
        lagged[inside, lag + count - 1] = alike[inside, inside + lag]
    steady = smooth(lagged, phrase)
    steady[:, count - 1] = 0.0
    sure = np.maximum(steady - 0.5, 0.0)
    return smooth(sure, 3)


def novelty(timbre: FloatArray) -> FloatArray:
    """[units]: 0 to 1, how much the sound turns where each unit begins: two units on compared with two before."""
    step = turn(timbre, 2) + turn(timbre, 1)
    return np.asarray(np.clip(step / max(float(np.percentile(step, 95)), 1.0), 0.0, 1.0), np.float32)


def segment(gram: NDArray[np.float64], new: FloatArray, *, metric: bool) -> tuple[int, ...]:
    """Boundaries that leave the least variance inside sections, each at its price (dynamic programming).

    The price falls with the novelty at the boundary, `new`.
    """
    count = len(gram)
    corner = np.zeros((count + 1, count + 1))
    corner[1:, 1:] = gram.cumsum(axis=0).cumsum(axis=1)
    diagonal = np.concatenate([[0.0], np.cumsum(np.diag(gram))])
    lengths = np.arange(1, min(LONGEST, count) + 1)
    price = BOUNDARY * np.ones(len(lengths))
    if metric:
        odd = np.select([lengths % 8 == 0, lengths % 4 == 0, lengths % 2 == 0], ODD[:3], ODD[3])
        price += odd
    price += np.where(lengths < 4, 1.5, 0.0)
    best = np.zeros(count + 1)
    back = np.zeros(count + 1, np.int64)
    for end in range(1, count + 1):
        size = lengths[: min(end, len(lengths))]
        start = end - size
        block = corner[end, end] - corner[start, end] - corner[end, start] + corner[start, start]
        cost = best[start] + diagonal[end] - diagonal[start] - block / size + price[: len(size)]
        cost -= NEW * new[start]
        choice = int(cost.argmin())
        best[end], back[end] = cost[choice], start[choice]
    bounds = [count]
    while bounds[-1] > 0:
        bounds.append(int(back[bounds[-1]]))
    return tuple(bounds[::-1])


def same_music(bounds: tuple[int, ...], harmony: FloatArray, timbre: FloatArray) -> tuple[str, ...]:
    """A letter per section: A for the first and all that are like it, B for the first that isn't ..."""
    sections = list(itertools.pairwise(bounds))
    alike = np.array([[_alike(one, other, harmony, timbre) for other in sections] for one in sections])
    groups = [[i] for i in range(len(sections))]
    while len(groups) > 1:
        pairs = [
            (float(np.mean([alike[i, j] for i in one for j in other])), a, b + a + 1)
            for a, one in enumerate(groups)
            for b, other in enumerate(groups[a + 1 :])
        ]
        similarity, a, b = max(pairs)
        if similarity < SAME:
            break
        groups[a] += groups.pop(b)
    letters = [""] * len(sections)
    for number, group in enumerate(sorted(groups, key=min)):
        for i in group:
            letters[i] = letter(number)
    return tuple(letters)


def _alike(one: tuple[int, int], other: tuple[int, int], harmony: FloatArray, timbre: FloatArray) -> float:
    """Similarity of two sections where they fit best: the shorter moved along the longer."""
    short, long = sorted((one, other), key=lambda section: section[1] - section[0])
    size, room = short[1] - short[0], (long[1] - long[0]) - (short[1] - short[0])
    rows = np.arange(short[0], short[1])
    fit = max(float(harmony[rows, rows - short[0] + long[0] + shift].mean()) for shift in range(min(room, 16) + 1))
    colour = float(timbre[short[0] : short[1], long[0] : long[1]].mean())
    scarce = 0.1 if size < 3 else 0.0
    return 0.6 * fit + 0.4 * colour - scarce


def letter(number: int) -> str:
    """A, B .. Z, then A2, B2 .."""
    return chr(ord("A") + number % 26) + (str(number // 26 + 1) if number >= 26 else "")
