"""How frames differ from one another: a few numbers per frame, gathered while the film goes by. Pure.

Frames are compared as tiny pictures. Every frame is measured against the few before it; besides, a still smaller
picture is kept about 25 times a second, to see what is being blended into what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

GRID = (32, 18)
"""Columns and rows of the tiny picture in which neighbouring frames are compared."""
LAGS = 8
"""How many frames back each frame is compared."""
THUMB = (16, 9)
THUMB_COLOUR = (8, 4)
THUMB_RATE = 25.5
"""Thumbs per second at most."""
COLOUR_WEIGHT = 1.5
"""What a step of colour counts for against a step of light."""


@dataclass(frozen=True, slots=True)
class Changes:
    """How the frames of a film differ."""

    times: NDArray[np.float64]
    """[frames] seconds."""
    pts: NDArray[np.int64]
    """[frames]."""
    end: float
    """Seconds: end of the last frame."""
    end_pts: int
    distance: Floats
    """[frames, LAGS]: mean absolute difference of light and colour to the frame 1, 2, ... before, 0 to about 1."""
    structure: Floats
    """[frames, LAGS]: 1 minus the correlation with the frame 1, 2, ... before: blind to brightness and contrast."""
    contrast: Floats
    """[frames]: standard deviation of light, 0 to 255. Near 0 the picture is one flat colour."""
    edges: Floats
    """[frames]: mean squared step from pixel to pixel: half as much where two pictures are mixed."""
    thumbs: Bytes
    """[thumbs, features]: light (16x9), then colour (8x4, twice)."""
    thumb_frames: NDArray[np.int64]
    """[thumbs]: the index of the frame each one shows."""


class Comparer:
    """Takes frames one by one and keeps only their numbers."""

    CHUNK = 256

    def __init__(self) -> None:
        self._times: list[float] = []
        self._pts: list[int] = []
        self._tiny: list[Bytes] = []
        self._distance: list[Floats] = []
        self._structure: list[Floats] = []
        self._contrast: list[Floats] = []
        self._edges: list[float] = []
        self._thumbs: list[Bytes] = []
        self._thumb_frames: list[int] = []
        self._next_thumb = -1.0

    def add(self, time: float, pts: int, luma: Bytes, chroma: Bytes) -> None:
        """One frame: luma [rows, columns], chroma [2, 9, 16]."""
        light = cast(Bytes, cv2.resize(luma, GRID, interpolation=cv2.INTER_AREA))
        if time >= self._next_thumb:
            self._next_thumb = max(time, self._next_thumb + 1 / THUMB_RATE)
            self._thumbs.append(thumb(light, chroma))
            self._thumb_frames.append(len(self._times))
        self._times.append(time)
        self._pts.append(pts)
        self._edges.append(cv2.norm(luma[:, 1:], luma[:, :-1], cv2.NORM_L2SQR) / luma.size)
        self._tiny.append(np.concatenate([light.ravel(), chroma.ravel()]))
        if len(self._tiny) >= self.CHUNK + LAGS:
            self._compare()

    def _compare(self) -> None:
        """Measures the frames since the last call; the last LAGS frames stay for the next one."""
        measured = compare(np.stack(self._tiny))
        fresh = LAGS if self._distance else 0
        for kept, values in zip((self._distance, self._structure, self._contrast), measured, strict=True):
            kept.append(values[fresh:])
        self._tiny = self._tiny[-LAGS:]

    def changes(self, end: float, end_pts: int) -> Changes:
        """Everything so far; `end` is the end of the last frame."""
        if sum(map(len, self._distance)) < len(self._times):
            self._compare()
        features = THUMB[0] * THUMB[1] + 2 * THUMB_COLOUR[0] * THUMB_COLOUR[1]
        return Changes(
            times=np.array(self._times, np.float64),
            pts=np.array(self._pts, np.int64),
            end=end,
            end_pts=end_pts,
            distance=np.concatenate([np.zeros((0, LAGS), np.float32), *self._distance]),
            structure=np.concatenate([np.zeros((0, LAGS), np.float32), *self._structure]),
            contrast=np.concatenate([np.zeros(0, np.float32), *self._contrast]),
            edges=np.array(self._edges, np.float32),
            thumbs=np.stack(self._thumbs) if self._thumbs else np.zeros((0, features), np.uint8),
            thumb_frames=np.array(self._thumb_frames, np.int64),
        )


def thumb(light: Bytes, chroma: Bytes) -> Bytes:
    """[features]: a picture small enough to keep many."""
    small = cv2.resize(light, THUMB, interpolation=cv2.INTER_AREA)
    colour = [cv2.resize(plane, THUMB_COLOUR, interpolation=cv2.INTER_AREA) for plane in chroma]
    return np.concatenate([part.ravel() for part in (small, *colour)])


def compare(pictures: Bytes) -> tuple[Floats, Floats, Floats]:
    """Tiny pictures [frames, features] against those before: distance and structure [frames, LAGS], contrast [frames].

    Where there is no frame so far before, the distances are infinite.
    """
    split = GRID[0] * GRID[1]
    light, colour = pictures[:, :split].astype(np.int16), pictures[:, split:].astype(np.int16)
    normal = pictures[:, :split].astype(np.float32)
    normal -= normal.mean(1, keepdims=True)
    contrast = np.sqrt((normal * normal).mean(1))
    # A picture without contrast is nothing but noise: it shall be like no other.
    normal /= contrast[:, None] + 2.0
    distance = np.full((len(pictures), LAGS), np.inf, np.float32)
    structure = np.full((len(pictures), LAGS), np.inf, np.float32)
    for lag in range(1, min(LAGS, len(pictures) - 1) + 1):
        lighter = np.abs(light[lag:] - light[:-lag]).mean(1)
        hue = np.abs(colour[lag:] - colour[:-lag]).mean(1)
        distance[lag:, lag - 1] = (lighter + COLOUR_WEIGHT * hue) / 255
        structure[lag:, lag - 1] = 1 - np.einsum("ij,ij->i", normal[lag:], normal[:-lag]) / split
    return distance, structure, contrast
