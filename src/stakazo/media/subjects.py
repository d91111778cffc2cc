"""Who and what is in the picture: faces by a small network, and the place that moves or stands out.

Everything is given in fractions of the frame as a person sees it. Faces need the model `yunet`
(see `models.py`); focus needs nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from stakazo.media.types import Box, Face, Focus, Shot

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

CONFIDENCE = 0.7
"""Faces below this are left out."""
SMALLEST_FACE = 0.025
"""Fraction of the frame's height below which a box isn't trusted to be a face."""


class FaceFinder:
    """YuNet on pictures of one size."""

    def __init__(self, model: Path) -> None:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        self._size = (0, 0)
        self._detector = cv2.FaceDetectorYN.create(str(model), "", (320, 320), CONFIDENCE, 0.3, 50)

    def find(self, picture: Bytes, time: float) -> list[Face]:
        """Faces in an upright BGR picture, largest first."""
        rows, columns = picture.shape[:2]
        if (columns, rows) != self._size:
            self._size = (columns, rows)
            self._detector.setInputSize(self._size)
        _, found = self._detector.detect(picture)
        faces = []
        # OpenCV gives None where there is no face.
        rows_found: list[list[float]] = np.asarray(found).tolist() if np.ndim(found) else []
        for x, y, width, height, *_, confidence in rows_found:
            left, top = max(0.0, x / columns), max(0.0, y / rows)
            right, bottom = min(1.0, (x + width) / columns), min(1.0, (y + height) / rows)
            if right <= left or bottom - top < SMALLEST_FACE:
                continue
            faces.append(Face(time, Box(left, top, right - left, bottom - top), float(confidence), track=0))
        return sorted(faces, key=lambda face: -face.box.area)


def follow(faces: Sequence[Face], shots: Sequence[Shot], gap: float = 1.3) -> tuple[Face, ...]:
    """The same faces, numbered: one number for one face from sample to sample within a shot.

    A face continues the nearest one that was seen at most `gap` seconds ago in the same shot, when it moved less
    than about its own size and its size changed by less than half.
    """
    starts = [shot.start for shot in shots]
    numbered: list[Face] = []
    open_tracks: dict[int, Face] = {}
    current = -1
    following = 0
    by_time: dict[float, list[Face]] = {}
    for face in faces:
        by_time.setdefault(face.time, []).append(face)
    for time in sorted(by_time):
        shot = bisect_right(starts, time + 1e-9)
        if shot != current:
            open_tracks, current = {}, shot
        open_tracks = {number: face for number, face in open_tracks.items() if time - face.time <= gap}
        pairs = sorted(
            (
                (_distance(face.box, last.box), position, number)
                for position, face in enumerate(by_time[time])
                for number, last in open_tracks.items()
            ),
            key=lambda pair: pair[0],
        )
        taken: dict[int, int] = {}
        used: set[int] = set()
        for distance, position, number in pairs:
            if distance < 1.0 and position not in taken and number not in used:
                taken[position] = number
                used.add(number)
        for position, face in enumerate(by_time[time]):
            if position not in taken:
                taken[position] = following
                following += 1
            known = replace(face, track=taken[position])
            open_tracks[known.track] = known
            numbered.append(known)
    return tuple(numbered)


def _distance(one: Box, other: Box) -> float:
    """How unlikely two boxes are the same face: 1 is a move of its own size, or twice or half the size."""
    size = (one.width + one.height + other.width + other.height) / 4
    (x, y), (u, v) = one.centre, other.centre
    moved = ((x - u) ** 2 + (y - v) ** 2) ** 0.5 / max(size, 1e-6)
    grown = abs(np.log2(max(one.area, 1e-9) / max(other.area, 1e-9))) / 2
    return float(max(moved, grown))


# --- focus --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """How a picture is turned before a person sees it."""

    rotation: int = 0

    def box(self, box: Box) -> Box:
        """A box in the coded frame as a box in the displayed one."""
        x, y, width, height = box.x, box.y, box.width, box.height
        match self.rotation:
            case 90:
                return Box(1 - y - height, x, height, width)
            case 180:
                return Box(1 - x - width, 1 - y - height, width, height)
            case 270:
                return Box(y, 1 - x - width, height, width)
            case _:
                return box


class FocusFinder:
    """Where the eye goes, from small pictures as coded."""

    MEMORY = 0.35
    """The share of the last sample's map that stays, so that a subject that rests for a moment isn't lost."""

    def __init__(self) -> None:
        self._map: Floats | None = None

    def find(self, luma: Bytes, before: Bytes | None, chroma: Bytes, time: float, *, fresh: bool) -> Focus:
        """The focus of one frame; `before` is a frame about 0.1 s before it, `fresh` starts a new shot."""
        rows, columns = chroma.shape[1:]
        half = _to(luma, columns, rows)
        attention = contrast(half, chroma)
        if before is not None and not fresh:
            moving = motion(half, _to(before, columns, rows))
            peak = float(moving.max())
            # A change of a tenth of full scale beside the camera's own movement is a subject that clearly moves.
            share = 0.8 * min(1.0, peak / 0.1)
            attention = (1 - share) * attention + share * (moving / max(peak, 1e-6))
        if self._map is not None and not fresh and self._map.shape == attention.shape:
            attention = self.MEMORY * self._map + (1 - self.MEMORY) * attention
        self._map = attention
        box, weight = gather(attention)
        return Focus(time, box, weight)


def _to(picture: Bytes, columns: int, rows: int) -> Bytes:
    return cast(Bytes, cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA))


def contrast(luma: Bytes, chroma: Bytes) -> Floats:
    """[rows, columns], 0 to 1: how much each place differs from its surroundings and from the frame's border."""
    rows, columns = luma.shape
    parts = [luma.astype(np.float32), *(plane.astype(np.float32) * 2 for plane in chroma)]
    near, far = max(3, columns // 16) | 1, max(5, columns // 3) | 1
    edge = max(1, min(rows, columns) // 12)
    inside = np.zeros((rows, columns), np.uint8)
    inside[edge : rows - edge, edge : columns - edge] = 1
    border = inside == 0
    apart = np.zeros((rows, columns), np.float32)
    strange = np.zeros((rows, columns), np.float32)
    for part in parts:
        smooth = cv2.blur(part, (near, near))
        apart += cv2.absdiff(smooth, cv2.blur(part, (far, far)))
        edges = smooth[border]
        strange += np.maximum(cv2.absdiff(smooth, np.full_like(smooth, edges.mean())) - edges.std(), 0)
    seen = apart / max(float(apart.max()), 24.0) + strange / max(float(strange.max()), 24.0)
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    seen *= np.exp(-(x * x + y * y) / 2.5)
    return cast(Floats, seen / max(float(seen.max()), 1e-6))


def motion(luma: Bytes, before: Bytes) -> Floats:
    """[rows, columns], 0 to 1 of full scale: what changed beside the camera's own movement."""
    old, new = before.astype(np.float32), luma.astype(np.float32)
    rows, columns = luma.shape
    changed = cast(Floats, cv2.absdiff(old, new))
    # Fine texture of limited strength: the whole background shall outvote one bright subject.
    (dx, dy), _ = cv2.phaseCorrelate(_texture(old), _texture(new), cv2.createHanningWindow((columns, rows), cv2.CV_32F))
    if max(abs(dx), abs(dy)) > 0.3 and abs(dx) < columns / 4 and abs(dy) < rows / 4:
        shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        followed = cv2.warpAffine(old, shift, (columns, rows), borderMode=cv2.BORDER_REPLICATE)
        still = cast(Floats, cv2.absdiff(followed, new))
        if np.median(still) < np.median(changed):
            changed = still
    spread = cast(Floats, cv2.blur(changed, (5, 5)))
    return cast(Floats, np.maximum(spread - np.median(spread), 0) / np.float32(255))


def _texture(picture: Floats) -> Floats:
    return cast(Floats, np.clip(picture - cv2.blur(picture, (7, 7)), -6, 6))


def gather(attention: Floats, share: float = 0.8) -> tuple[Box, float]:
    """The box that holds `share` of the attention in each direction, and how clearly it stands out (0 to 1)."""
    floor = float(attention.mean() + attention.std())
    mass = np.maximum(attention - floor, 0)
    total = float(mass.sum())
    if total <= 1e-6:
        return Box(0.0, 0.0, 1.0, 1.0), 0.0
    left, right = _middle(mass.sum(0) / total, share)
    top, bottom = _middle(mass.sum(1) / total, share)
    box = Box(left, top, right - left, bottom - top)
    rows, columns = mass.shape
    inside = mass[int(top * rows) : round(bottom * rows), int(left * columns) : round(right * columns)].sum() / total
    return box, float(np.clip(inside - box.area, 0.0, 1.0))


def _middle(profile: Floats, share: float) -> tuple[float, float]:
    """Fractions between which the middle `share` of a profile lies."""
    heaped = np.concatenate([[0.0], np.cumsum(profile)])
    places = np.linspace(0, 1, len(heaped))
    low, high = np.interp([(1 - share) / 2, (1 + share) / 2], heaped, places)
    least = 1 / len(profile)
    return float(low), float(min(1.0, max(high, low + least)))
