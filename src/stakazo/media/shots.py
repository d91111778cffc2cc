"""Where one shot ends and the next begins. Pure decisions over a few numbers per frame.

A cut is a jump that stays: every frame after it is far from every frame before it, while a flash, a strobe or
something passing close to the lens comes back to where it was. What counts as far is relative to how much the
neighbouring frames change, so that hand-held cameras and whip pans don't look like cuts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from stakazo.media.types import Shot, Transition

Floats = NDArray[np.float32]

GRID = (32, 18)
"""Columns and rows of the tiny picture in which frames are compared."""
LAGS = 8
"""How many frames back each frame is compared."""
MIN_SHOT = 0.3
"""Seconds: of two cuts closer than this the weaker one is dropped."""


@dataclass(frozen=True, slots=True)
class Changes:
    """How much each frame differs from those before it."""

    times: NDArray[np.float64]
    """[frames] seconds."""
    pts: NDArray[np.int64]
    """[frames]."""
    end: float
    """Seconds: end of the last frame."""
    end_pts: int
    distance: Floats
    """[frames, LAGS]: mean absolute difference of luma and colour to the frame 1, 2, ... before, 0 to 1."""
    structure: Floats
    """[frames, LAGS]: 1 minus the correlation with the frame 1, 2, ... before: blind to brightness and contrast."""


class Comparer:
    """Takes frames one by one and keeps only their distances."""

    CHUNK = 256

    def __init__(self) -> None:
        self._times: list[float] = []
        self._pts: list[int] = []
        self._tiny: list[NDArray[np.uint8]] = []
        self._distance: list[Floats] = []
        self._structure: list[Floats] = []

    def add(self, time: float, pts: int, luma: NDArray[np.uint8], chroma: NDArray[np.uint8]) -> None:
        """One frame: luma [rows, columns], chroma [2, 9, 16]."""
        tiny = np.concatenate([cv2.resize(luma, GRID, interpolation=cv2.INTER_AREA).ravel(), chroma.ravel()])
        self._times.append(time)
        self._pts.append(pts)
        self._tiny.append(tiny)
        if len(self._tiny) >= self.CHUNK + LAGS:
            self._compare()

    def _compare(self) -> None:
        """Distances of the frames since the last call; the last LAGS frames are kept for the next."""
        done = len(self._tiny) if not self._distance else LAGS
        first = 0 if not self._distance else LAGS
        del done
        pictures = np.stack(self._tiny)
        distance, structure = compare(pictures)
        self._distance.append(distance[first:])
        self._structure.append(structure[first:])
        self._tiny = self._tiny[-LAGS:]

    def changes(self, end: float, end_pts: int) -> Changes:
        """Everything so far, with the end of the last frame."""
        if len(self._tiny) > (LAGS if self._distance else 0):
            self._compare()
        none = np.zeros((0, LAGS), np.float32)
        return Changes(
            times=np.array(self._times),
            pts=np.array(self._pts, np.int64),
            end=end,
            end_pts=end_pts,
            distance=np.concatenate([none, *self._distance]),
            structure=np.concatenate([none, *self._structure]),
        )


def compare(pictures: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Distances of tiny pictures [frames, features] to those 1 to LAGS before: [frames, LAGS] twice."""
    split = GRID[0] * GRID[1]
    luma, chroma = pictures[:, :split], pictures[:, split:]
    deep, deep_chroma = luma.astype(np.int16), chroma.astype(np.int16)
    normal = luma.astype(np.float32)
    normal -= normal.mean(1, keepdims=True)
    normal /= np.sqrt((normal * normal).mean(1, keepdims=True)) + 2.0
    distance = np.zeros((len(pictures), LAGS), np.float32)
    structure = np.zeros((len(pictures), LAGS), np.float32)
    for lag in range(1, min(LAGS, len(pictures) - 1) + 1):
        grey = np.abs(deep[lag:] - deep[:-lag]).mean(1)
        hue = np.abs(deep_chroma[lag:] - deep_chroma[:-lag]).mean(1)
        distance[lag:, lag - 1] = (grey + 1.5 * hue) / 255
        structure[lag:, lag - 1] = 1 - np.einsum("ij,ij->i", normal[lag:], normal[:-lag]) / split
    return distance, structure


def find_shots(changes: Changes) -> tuple[Shot, ...]:
    """The shots of a film, without gaps, from its first frame to its end."""
    if not len(changes.times):
        return ()
    starts = [(0, Transition.START), *((index, Transition.CUT) for index in cuts(changes))]
    ends = [index for index, _ in starts[1:]]
    return tuple(
        Shot(
            start=float(changes.times[first]),
            end=float(changes.times[last]) if last is not None else changes.end,
            start_pts=int(changes.pts[first]),
            end_pts=int(changes.pts[last]) if last is not None else changes.end_pts,
            transition=transition,
        )
        for (first, transition), last in zip(starts, [*ends, None], strict=True)
    )


def cuts(changes: Changes) -> list[int]:
    """Indexes of the first frames after hard cuts."""
    d = changes.distance[:, 0]
    n = len(d)
    reach = 5
    padded = np.pad(d, reach, mode="edge")
    around = np.stack([padded[i : i + n] for i in range(2 * reach + 1) if i != reach])
    usual = np.sort(around, axis=0)[: 2 * reach - 2].mean(0)
    strength = d / (usual + 0.008)
    hits = np.flatnonzero((d > 0.06) & (strength > 3.0) & (changes.structure[:, 0] > 0.15))
    chosen: list[int] = []
    for index in sorted(hits, key=lambda i: -d[i]):
        if all(abs(changes.times[index] - changes.times[other]) >= MIN_SHOT for other in [0, *chosen]):
            chosen.append(int(index))
    return sorted(chosen)
