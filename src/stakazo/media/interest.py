"""Who or what a shot is about, along one axis of the frame: faces first, else what moves and stands out. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stakazo.media.types import Box, Face, Focus, Pictures, Span

Values = NDArray[np.float64]

PRESENT = 0.35
"""The share of a shot during which a face must be near for the shot to be about faces."""
NEAR = 1.2
"""Seconds before and after a face was seen during which it is still thought to be there."""
BESIDE_FACES = 0.3
"""What other samples count for in a shot where a face was seen at another time."""
COUNTS = 0.4
"""A face is part of the subject if it is at least this prominent beside the most prominent one."""
AROUND_FACE = 0.35
"""A head and its hair reach beyond the box of the face by this share of its size."""
STILL = 0.001
"""Mean change between frames (of full scale) below which nothing moves at all: a title, a slide, a still."""
TITLE = "A wide, still picture such as a title: the whole frame."
EYE_LINE = 1 / 3
"""How far from the top of the window the eyes are best."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Where it is, sample by sample, in fractions of the frame along one axis."""

    name: str
    """In words, at the beginning of a sentence."""
    faces: bool
    times: Values
    centres: Values
    """Where the window's centre should be."""
    extents: Values
    """How much of the axis the subject takes."""
    weights: Values
    """How sure each sample is, 0 to 1."""
    clarity: float
    """0 to 1: how clearly it stands out over the shot."""
    spread: float
    """How much of the axis everything takes that matters at the same time."""
    too_wide_reason: str = ""
    """Not empty when there is more to see at once than one window may hold."""

    def centres_at(self, times: Values) -> Values:
        return np.interp(times, self.times, _median(self.centres))

    def extents_at(self, times: Values) -> Values:
        return np.interp(times, self.times, _median(self.extents))

    def weights_at(self, times: Values) -> Values:
        return np.interp(times, self.times, self.weights)

    def too_wide(self, size: float, aggressiveness: float) -> bool:
        """Whether a window of a size would lose too much."""
        if not self.too_wide_reason:
            return False
        # At the default of 0.5: what matters is more than 1.25 times as wide as the window.
        return self.spread > size * (0.75 + aggressiveness) and aggressiveness < 0.95


def subject_of(pictures: Pictures, span: Span, axis: int, size: float) -> Subject | None:
    """What a stretch within one shot is about, for a window of a size along an axis; None when nothing stands out."""
    focus = [seen for seen in pictures.focus if span.start - 1e-6 <= seen.time < span.end]
    tracks = _tracks([face for face in pictures.faces if span.start - 1e-6 <= face.time < span.end])
    motion = pictures.motion.within(span)
    still = len(motion) > 0 and float(motion.max()) < STILL
    other = _about_focus(focus, axis, size, still=still) if focus else None
    if not tracks:
        return other
    samples = len({seen.time for seen in focus} | {face.time for faces in tracks for face in faces})
    person = _about_faces(tracks, samples, axis, size)
    far = np.array([np.abs(person.times - seen.time).min() > NEAR for seen in focus], dtype=bool)
    if other is None or float(far.mean()) < 0.05:
        return person
    return _mixed(person, other, far)


def _mixed(person: Subject, other: Subject, far: NDArray[np.bool_]) -> Subject:
    """A shot in which a face is seen for a while: the face then, what stands out at other times."""
    times = np.concatenate([person.times, other.times[far]])
    mostly = 1.0 - float(far.mean()) >= PRESENT and len(person.times) > 1
    order = np.argsort(times, kind="stable")
    return replace(
        other,
        name=person.name if mostly else "Now a face, now what stands out,",
        faces=mostly,
        times=times[order],
        centres=np.concatenate([person.centres, other.centres[far]])[order],
        extents=np.concatenate([person.extents, other.extents[far]])[order],
        weights=np.concatenate([person.weights, other.weights[far] * BESIDE_FACES])[order],
        too_wide_reason="",
    )


# --- faces --------------------------------------------------------------------------------------------------


def _tracks(faces: Sequence[Face]) -> list[list[Face]]:
    """Faces by track, the most prominent track first."""
    found: dict[int, list[Face]] = defaultdict(list)
    for face in faces:
        found[face.track].append(face)
    return sorted(found.values(), key=_prominence, reverse=True)


def _prominence(track: Sequence[Face]) -> float:
    """How long, how big and how surely a face is seen."""
    return sum((face.confidence * float(np.sqrt(face.box.area)) for face in track), 0.0)


def _about_faces(tracks: Sequence[Sequence[Face]], samples: int, axis: int, size: float) -> Subject:
    main = [track for track in tracks if _prominence(track) >= COUNTS * _prominence(tracks[0])]
    spread = _spread(main, axis)
    reason = ""
    if len(main) > 1 and spread > size:
        equal = _prominence(main[1]) >= 0.6 * _prominence(main[0])
        together = len({face.time for face in main[0]} & {face.time for face in main[1]})
        if equal and together >= 0.5 * samples:
            reason = "Two faces too far apart for one window: the whole frame."
        main = main[:1]
    times = sorted({face.time for track in main for face in track})
    rows = []
    for time in times:
        boxes = [face.box for track in main for face in track if face.time == time]
        low, high = _extent(boxes, axis)
        rows.append((low, high, _wanted(boxes, axis, low, high, size), max(face.confidence for face in main[0])))
    lows, highs, centres, weights = np.array(rows, dtype=np.float64).T
    return Subject(
        name="A face" if len(main) == 1 else f"A group of {len(main)} faces",
        faces=True,
        times=np.array(times),
        centres=centres,
        extents=highs - lows,
        weights=weights,
        clarity=1.0,
        spread=spread,
        too_wide_reason=reason,
    )


def _extent(boxes: Sequence[Box], axis: int) -> tuple[float, float]:
    """From where to where heads reach on the axis."""
    if axis == 0:
        lows = [box.x - AROUND_FACE * box.width for box in boxes]
        highs = [box.x + (1 + AROUND_FACE) * box.width for box in boxes]
    else:
        lows = [box.y - AROUND_FACE * box.height for box in boxes]
        highs = [box.y + (1 + AROUND_FACE) * box.height for box in boxes]
    return max(0.0, min(lows)), min(1.0, max(highs))


def _wanted(boxes: Sequence[Box], axis: int, low: float, high: float, size: float) -> float:
    """The window's best centre: heads in the middle of its width; eyes a third down its height."""
    if axis == 0:
        return (low + high) / 2
    eyes = float(np.mean([box.y + 0.4 * box.height for box in boxes]))
    return eyes + (0.5 - EYE_LINE) * size


def _spread(tracks: Sequence[Sequence[Face]], axis: int) -> float:
    """How much of the axis all these faces take together, typically."""
    boxes: dict[float, list[Box]] = defaultdict(list)
    for track in tracks:
        for face in track:
            boxes[face.time].append(face.box)
    widths = [high - low for low, high in (_extent(found, axis) for found in boxes.values())]
    return float(np.percentile(widths, 75))


# --- focus --------------------------------------------------------------------------------------------------


def _about_focus(focus: Sequence[Focus], axis: int, size: float, *, still: bool) -> Subject | None:
    centres = np.array([seen.box.centre[axis] for seen in focus])
    extents = np.array([seen.box.width if axis == 0 else seen.box.height for seen in focus])
    clear = np.clip(np.array([seen.weight for seen in focus]), 0.0, 1.0)
    if float(clear.max()) < 0.03:
        return None
    # What is spread over more than the window says little about where the window should be.
    weights = clear * np.minimum(1.0, size / np.maximum(extents, 1e-6)) ** 1.5
    return Subject(
        name="What moves and stands out",
        faces=False,
        times=np.array([seen.time for seen in focus]),
        centres=centres,
        extents=extents,
        weights=weights + 1e-3,
        clarity=float(weights.mean()),
        spread=float(np.average(extents, weights=clear + 1e-6)),
        too_wide_reason=TITLE if still and float(clear.mean()) > 0.4 else "",
    )


def _median(values: Values, reach: int = 2) -> Values:
    """Each value replaced by the median of its neighbourhood: one false sample doesn't count."""
    if len(values) < 3:
        return values
    padded = np.pad(values, reach, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1)
