"""Where one shot ends and the next begins. Pure decisions over the numbers of `compare.py`.

A cut is a jump that stays: every frame after it is far from every frame before it, while a flash, a strobe or
something passing close to the lens comes back to where it was. What counts as far is relative to how much the
neighbouring frames change, so hand-held cameras and whip pans don't look like cuts. A dissolve is a stretch whose
frames are mixtures of its two ends. A fade goes through one flat colour.

The thresholds were set on film put together for it and judged on other film: see `bench/shots.py`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stakazo.media.compare import COLOUR_WEIGHT, LAGS, THUMB, Changes
from stakazo.media.types import Shot, Transition

Floats = NDArray[np.float32]

MIN_SHOT = 0.3
"""Seconds: of two boundaries closer than this the weaker one is dropped."""
CUT = 0.2
"""Strength from which a jump is a cut: distance x structure x how many times the usual change it is."""
NEAR = 6
"""Among how many frames before the nearest is sought, to know how much a frame usually changes."""
FLAT = 4.0
"""Contrast below which a picture is one flat colour."""
LONGEST_RAMP = 2.5
"""Seconds: a fade's way out or in."""
DISSOLVE = 1.0
"""Strength from which a blend is a dissolve."""
PICTURE = 6.0
"""The least contrast of a picture that a dissolve can lead from or to; below it is a fade's matter."""
SPREAD = 0.4
"""The least share of the picture that a dissolve changes."""
KEPT = 0.95
"""The most of the ends' contrast and edges that may be left in the middle of a dissolve."""
HALVES = (3, 5, 8, 12, 18, 26, 38)
"""Half lengths of blends that are tried, in thumbs (25 per second)."""
OUTSIDE = 10
"""How many thumbs before and after a blend must be still."""
BLOCK = 1500
"""How many thumbs are looked at in one go."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """The first frame of a shot."""

    frame: int
    transition: Transition
    strength: float


def find_shots(changes: Changes) -> tuple[Shot, ...]:
    """The shots of a film, without gaps, from its first frame to its end."""
    if not len(changes.times):
        return ()
    found = [Boundary(0, Transition.START, np.inf), *boundaries(changes)]
    ends = [boundary.frame for boundary in found[1:]]
    return tuple(
        Shot(
            start=float(changes.times[boundary.frame]),
            end=changes.end if end is None else float(changes.times[end]),
            start_pts=int(changes.pts[boundary.frame]),
            end_pts=changes.end_pts if end is None else int(changes.pts[end]),
            transition=boundary.transition,
        )
        for boundary, end in zip(found, [*ends, None], strict=True)
    )


def boundaries(changes: Changes) -> list[Boundary]:
    """All boundaries between shots in order, at least MIN_SHOT apart and after the start."""
    hard = cuts(changes)
    fading, covered = fades(changes, hard)
    hard = [cut for cut in hard if not any(first <= cut.frame <= last for first, last in covered)]
    soft = [
        blend
        for blend in dissolves(changes, [boundary.frame for boundary in (*hard, *fading)])
        if not any(first <= blend.frame <= last for first, last in covered)
    ]
    return _apart(changes, [*hard, *fading, *soft])


def _apart(changes: Changes, found: list[Boundary]) -> list[Boundary]:
    """The strongest boundaries that keep their distance from each other, from the start and from the end."""
    rank = {Transition.FADE: 2, Transition.CUT: 1}
    chosen: list[Boundary] = []
    for boundary in sorted(found, key=lambda b: (-rank.get(b.transition, 0), -b.strength)):
        time = changes.times[boundary.frame]
        others = [0.0, changes.end + MIN_SHOT / 2, *(float(changes.times[other.frame]) for other in chosen)]
        if min(abs(time - other) for other in others) >= MIN_SHOT - 1e-6:
            chosen.append(boundary)
    return sorted(chosen, key=lambda boundary: boundary.frame)


# --- cuts ---------------------------------------------------------------------------------------------------


def cuts(changes: Changes) -> list[Boundary]:
    """Hard cuts, frame-exact: the strongest of those closer than MIN_SHOT."""
    strength = cut_strength(changes.distance, changes.structure)
    found = [Boundary(int(i), Transition.CUT, float(strength[i])) for i in np.flatnonzero(strength > CUT)]
    return _apart(changes, found)


def cut_strength(distance: Floats, structure: Floats) -> Floats:
    """[frames]: how clearly a cut lies just before each frame; 0 where none can be."""
    if len(distance) < 2:
        return np.zeros(len(distance), np.float32)
    far, strange = across(distance), across(structure)
    # The nearest of the frames just before: in a strobe it is the last one with the same light.
    step = distance[:, :NEAR].min(axis=1)
    step[0] = step[1]
    reach = 5
    padded = np.pad(step, reach, mode="edge")
    sides = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    before, after = sides[:, :reach], sides[:, reach + 1 :]
    usual = np.maximum(np.median(before, axis=1), np.median(after, axis=1))
    # A jump that is spread over two frames is more often a whip pan than a cut.
    usual = np.maximum(usual, 0.5 * np.maximum(before[:, -1], after[:, 0]))
    times_usual = far / (usual + 0.005)
    strength = far * strange * np.minimum(times_usual, 10)
    possible = (far > 0.05) & (strange > 0.28) & (times_usual > 1.2) & np.isfinite(far)
    return np.where(possible, strength, 0).astype(np.float32)


def across(distance: Floats) -> Floats:
    """[frames]: the least distance between any frame before and any frame from this one on, as far as LAGS reach."""
    count = len(distance)
    least = np.full(count, np.inf, np.float32)
    for after in range(LAGS - 1):
        for before in range(LAGS - 1 - after + 1):
            lag = before + after
            if lag < LAGS and after < count:
                least[: count - after] = np.minimum(least[: count - after], distance[after:, lag])
    least[0] = np.inf
    return least


# --- fades --------------------------------------------------------------------------------------------------


def fades(changes: Changes, hard: list[Boundary]) -> tuple[list[Boundary], list[tuple[int, int]]]:
    """Fades through a flat colour, and the frames [first, last] that each covers.

    The shot begins in the middle of the flat frames, or where the picture comes back with a cut. A fade at the very
    start or end of the film is covered but no boundary. So is a short dip that comes back to the same picture.
    """
    flat = changes.contrast < FLAT
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [False]]).astype(np.int8)))
    found: list[Boundary] = []
    covered: list[tuple[int, int]] = []
    cut_frames = {cut.frame for cut in hard}
    for first, last in zip(edges[::2].tolist(), (edges[1::2] - 1).tolist(), strict=True):
        start, end = _ramp(changes, first, -1), _ramp(changes, last, 1)
        slow_out, slow_in = first - start >= 3, end - last >= 3
        if not slow_out and not slow_in:
            continue
        covered.append((start, end))
        if first == 0 or last == len(flat) - 1:
            continue
        held = float(changes.times[last] - changes.times[first])
        if held < 0.5 and _alike(changes, start, end):
            continue
        frame = last + 1 if last + 1 in cut_frames and not slow_in else (first + last + 1) // 2
        found.append(Boundary(frame, Transition.FADE, 1.0))
    return found, covered


def _ramp(changes: Changes, edge: int, step: int) -> int:
    """The frame where the way out of (or into) flat colour ends: contrast grows no more, or jumps."""
    contrast, times = changes.contrast, changes.times
    place = edge
    while True:
        # A frame or two without growth is a doubled frame, not the end of the way.
        ahead = [place + step * count for count in (1, 2, 3) if 0 <= place + step * count < len(contrast)]
        pace = float(contrast[place] - contrast[edge]) / max(abs(place - edge), 1)
        following = next((frame for frame in ahead if contrast[frame] - contrast[place] > max(0.15, 0.3 * pace)), None)
        if following is None or abs(times[following] - times[edge]) > LONGEST_RAMP:
            return place
        if contrast[following] - contrast[place] > 22:
            return place
        place = following


def _alike(changes: Changes, one: int, other: int) -> bool:
    """Whether two frames show the same picture."""
    nearest = np.clip(np.searchsorted(changes.thumb_frames, [one, other]), 0, len(changes.thumb_frames) - 1)
    first, second = _light(changes.thumbs[nearest])
    return bool(_strangeness(first, second) < 0.2)


# --- dissolves ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Series:
    """The thumbs of a film, ready to be mixed."""

    whole: Floats
    """[thumbs, features]: light and colour, weighed."""
    light: Floats
    """[thumbs, features]: light without mean and contrast."""
    variance: Floats
    """[thumbs]."""
    edges: Floats
    """[thumbs]: mean of the frames around."""


def dissolves(changes: Changes, others: list[int]) -> list[Boundary]:
    """Stretches between `others` (frames of harder boundaries) whose frames are mixtures of their two ends."""
    at = changes.thumb_frames
    limits = [0, *np.searchsorted(at, sorted(others)).tolist(), len(at)]
    reach = HALVES[-1] + OUTSIDE
    found: list[tuple[float, int, int]] = []
    for first, last in itertools.pairwise(limits):
        # Block by block, so that an hour without a cut needs no more memory than a minute.
        for start in range(first, last, BLOCK):
            low, high = max(first, start - reach), min(last, start + BLOCK + reach)
            series = _series(changes, low, high)
            found += [
                (strength, low + middle, half)
                for half in HALVES
                for middle in _promising(series, half)
                if start <= low + middle < start + BLOCK and (strength := blend(series, middle, half)) > DISSOLVE
            ]
    chosen: list[tuple[float, int, int]] = []
    for strength, middle, half in sorted(found, reverse=True):
        if all(abs(middle - other) > max(15, half, length) for _, other, length in chosen):
            chosen.append((strength, middle, half))
    return [Boundary(int(at[middle]), Transition.DISSOLVE, strength) for strength, middle, _ in chosen]


def _series(changes: Changes, first: int, last: int) -> _Series:
    """The thumbs from `first` up to `last`."""
    thumbs, at = changes.thumbs[first:last], changes.thumb_frames[first:last]
    around = np.clip(at[:, None] + np.array([-1, 0, 1]), 0, len(changes.edges) - 1)
    return _Series(
        whole=_weighed(thumbs),
        light=_light(thumbs),
        variance=changes.contrast[at] ** 2,
        edges=changes.edges[around].mean(1),
    )


def _promising(series: _Series, half: int) -> list[int]:
    """Middles of stretches whose ends are far apart and whose middle lies between them."""
    whole, light = series.whole, series.light
    if len(whole) < 2 * half + 1:
        return []
    apart = whole[2 * half :] - whole[: -2 * half]
    energy = np.einsum("ij,ij->i", apart, apart)
    share = np.einsum("ij,ij->i", whole[half:-half] - whole[: -2 * half], apart) / np.maximum(energy, 1e-9)
    strange = _strangeness(light[: -2 * half], light[2 * half :])
    hits = (energy > 0.004 * apart.shape[1]) & (share > 0.25) & (share < 0.75) & (strange > 0.35)
    return (np.flatnonzero(hits) + half).tolist()


def blend(series: _Series, middle: int, half: int) -> float:
    """How clearly the stretch around `middle` is a mixture of its ends: strangeness x purity x stillness x dip."""
    start, end = middle - half, middle + half
    one, other = series.whole[start], series.whole[end]
    apart = other - one
    size = len(apart)
    energy = float(apart @ apart)
    if min(series.variance[start], series.variance[end]) < PICTURE**2:
        return 0.0
    # Something that appears in one place (a title) leaves most of the picture as it was.
    if float(np.abs(apart).sum()) ** 2 < SPREAD * size * energy:
        return 0.0
    inside = series.whole[start : end + 1] - one
    share = inside @ apart / energy
    if float(np.abs(np.diff(share)).sum()) > 1.35:
        return 0.0
    rest = inside - share[:, None] * apart
    impurity = float(np.einsum("ij,ij->", rest, rest) / len(inside) / energy)
    wide = min(2 * half, OUTSIDE)
    before = series.whole[max(0, start - wide)] - one
    after = series.whole[min(len(series.whole) - 1, end + wide)] - other
    outside = max(float(before @ before), float(after @ after)) / size
    stillness = float(np.sqrt(energy / size / (outside + 0.0005)))
    strange = float(_strangeness(series.light[start], series.light[end]))
    left = max(_kept(values, start, middle, end, float(share[half])) for values in (series.variance, series.edges))
    return strange * max(0.0, 1 - impurity / 0.3) * min(stillness, 4.0) * min(max((KEPT - left) / 0.2, 0.0), 1.0)


def _kept(values: Floats, start: int, middle: int, end: int, share: float) -> float:
    """How much of what both ends have is left in the middle: about 1 when things move, about a half when they mix."""
    one, other = float(values[start]), float(values[end])
    return float(values[middle]) / ((1 - share) * one + share * other + 0.5)


def _weighed(thumbs: NDArray[np.uint8]) -> Floats:
    weights = np.full(thumbs.shape[1], COLOUR_WEIGHT / 255, np.float32)
    weights[: THUMB[0] * THUMB[1]] = 1 / 255
    return thumbs.astype(np.float32) * weights


def _light(thumbs: NDArray[np.uint8]) -> Floats:
    """[thumbs, features]: light alone, without its mean and contrast."""
    light = thumbs[:, : THUMB[0] * THUMB[1]].astype(np.float32)
    light -= light.mean(1, keepdims=True)
    light /= np.sqrt((light * light).mean(1, keepdims=True)) + 2.0
    return light


def _strangeness(one: Floats, other: Floats) -> Floats:
    """1 minus the correlation, over the last axis."""
    return np.asarray(1 - (one * other).mean(-1), np.float32)
