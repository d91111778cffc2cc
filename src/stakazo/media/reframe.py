"""Where to cut a window of another shape out of each shot. Pure decisions over what the analysis saw.

Hold first: in RetargetVid a good static window per shot comes nearer to people's choice than any published moving
method, so the window moves only in shots where no static one keeps the subject, and then by the path with the
least movement, change of speed and jerk that keeps it (an L1-optimal camera path: Grundmann, CVPR 2011). It cuts
with the shots. Where subjects can't fit, the whole frame is shown over a blurred copy of itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from stakazo.media.camera import STEP, eased, least_movement, simplified
from stakazo.media.errors import NothingToSee
from stakazo.media.framing import CropKey, CropPath, CropShot, Framing
from stakazo.media.interest import Subject, subject_of
from stakazo.media.types import Analysis, Box, Pictures, Shot, Span, Transition

SAME_SHAPE = 0.02
"""Shapes that differ by less than this are the same: nothing to decide."""
INSIDE_FACE, INSIDE_FOCUS = 0.9, 0.65
"""The share of a shot during which a static window must keep the subject, else it moves."""
CLEAR = 0.3
"""How clearly (0 to 1) what moves and stands out must do so to be followed without a face."""
STICKY = 0.08
"""Windows of neighbouring shots nearer than this (in window sizes) stand at the same place."""
EASE = 0.25
"""Seconds to each side of a dissolve's middle during which the window moves on."""
WHOLE = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of the window in fractions of the frame; one of both is 1, the window moves along the other axis."""

    width: float
    height: float

    @property
    def axis(self) -> int:
        """0: it moves left and right. 1: up and down."""
        return 0 if self.width < self.height else 1

    @property
    def size(self) -> float:
        """Along the axis."""
        return min(self.width, self.height)

    def at(self, centre: float) -> Box:
        """The window around a centre on its axis, inside the frame."""
        corner = min(max(centre - self.size / 2, 0.0), 1.0 - self.size)
        return Box(corner, 0.0, self.width, 1.0) if self.axis == 0 else Box(0.0, corner, 1.0, self.height)


def window(shape: float, aspect: float) -> Frame:
    """The largest window of an aspect that fits into a frame of a shape (both width by height)."""
    return Frame(min(1.0, aspect / shape), min(1.0, shape / aspect))


def reframe(analysis: Analysis, span: Span, aspect: Fraction, *, aggressiveness: float = 0.5) -> CropPath:
    """The crop window's way through a span of the source.

    `aggressiveness` is 0 for the whole frame wherever a window would lose something, 1 for a window always.
    Raises NothingToSee for a sound file.
    """
    video, pictures = analysis.info.video, analysis.pictures
    if video is None or pictures is None:
        raise NothingToSee("There are no pictures to frame.")
    shape = video.display_width / video.display_height
    frame = window(shape, float(aspect))
    if frame.size > 1.0 - SAME_SHAPE:
        key = CropKey(span.start, frame.at(0.5))
        return CropPath(aspect, (CropShot(span.start, span.end, Framing.CROP, (key,), "The source has this shape."),))
    wholly = _whole_frame(shape, float(aspect), frame, aggressiveness)
    if wholly:
        return CropPath(aspect, (_fit(span, wholly),))
    shots = _shots_in(pictures, span)
    framed = [_framed(pictures, shot.span, frame, aggressiveness) for shot in shots]
    return CropPath(aspect, tuple(_eased(_settled(framed, frame), shots)))


def _shots_in(pictures: Pictures, span: Span) -> list[Shot]:
    """The shots that the span touches, stretched to its ends; the whole span where none is known."""
    found = [shot for shot in pictures.shots if span.overlap(shot.span) > 1e-3]
    if not found:
        return [Shot(span.start, span.end, 0, 0, Transition.START)]
    found[0] = replace(found[0], start=span.start)
    found[-1] = replace(found[-1], end=span.end)
    return found


def _whole_frame(shape: float, aspect: float, frame: Frame, aggressiveness: float) -> str | None:
    """Why the shapes alone ask for the whole frame, or None."""
    if shape < 0.8 and aspect > 1.2 and aggressiveness < 0.9:
        return "An upright picture in a wide shape: a window would keep only a stripe of it."
    if aggressiveness < 0.1 and frame.size < 0.8:
        return "The rule prefers the whole frame."
    return None


def _fit(span: Span, reason: str) -> CropShot:
    return CropShot(span.start, span.end, Framing.FIT, (CropKey(span.start, WHOLE),), reason)


def _hold(span: Span, box: Box, reason: str) -> CropShot:
    return CropShot(span.start, span.end, Framing.CROP, (CropKey(span.start, box),), reason)


def _framed(pictures: Pictures, span: Span, frame: Frame, aggressiveness: float) -> CropShot:
    """One shot: fit, hold or move."""
    subject = subject_of(pictures, span, frame.axis, frame.size)
    if subject is None:
        return _hold(span, frame.at(0.5), "Nothing stands out: the middle.")
    if subject.too_wide(frame.size, aggressiveness):
        return _fit(span, subject.too_wide_reason)
    times, centre, reach = _tube(subject, span, frame)
    best, inside = steadiest(centre, reach, subject.weights_at(times))
    if inside >= (INSIDE_FACE if subject.faces else INSIDE_FOCUS):
        return _hold(span, frame.at(_trusted(best, subject)), f"{subject.name} stays here: the window holds still.")
    if not subject.faces and (subject.clarity < CLEAR or span.duration < 1.0):
        return _hold(span, frame.at(_trusted(best, subject)), f"{subject.name} is not clear enough to follow.")
    low, high = frame.size / 2, 1.0 - frame.size / 2
    path = eased(least_movement(np.clip(centre - reach, low, high), np.clip(centre + reach, low, high)))
    keys = simplified(times, np.clip(path, low, high))
    if len(keys) == 1:
        return _hold(span, frame.at(keys[0][1]), f"{subject.name} stays here: the window holds still.")
    boxes = tuple(CropKey(time, frame.at(value)) for time, value in keys)
    return CropShot(span.start, span.end, Framing.CROP, boxes, f"{subject.name} moves: the window follows.")


def _tube(
    subject: Subject, span: Span, frame: Frame
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Times in the shot, where the window's centre should be, and how far it may be off."""
    count = max(2, round(span.duration / STEP) + 1)
    times = np.linspace(span.start, span.end, count)
    centre = np.clip(subject.centres_at(times), frame.size / 2, 1.0 - frame.size / 2)
    slack = (frame.size - subject.extents_at(times)) / 2
    least, most = (0.12, 0.3) if subject.faces else (0.2, 0.38)
    return times, centre, np.clip(slack, least * frame.size, most * frame.size)


def steadiest(
    centre: NDArray[np.float64], reach: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, float]:
    """The static centre that is within reach for the most of the weight, and for which share it is."""
    total = float(weight.sum()) or 1.0
    places = np.unique(np.concatenate([centre, np.linspace(centre.min(), centre.max(), 61)]))
    off = np.abs(places[:, None] - centre[None, :])
    inside = ((off <= reach[None, :] + 1e-9) * weight[None, :]).sum(axis=1) / total
    distance = (off * weight[None, :]).sum(axis=1) / total
    best = int(np.argmax(inside - 0.5 * distance))
    return float(places[best]), float(inside[best])


def _trusted(centre: float, subject: Subject) -> float:
    """A place that is not sure is drawn towards the middle."""
    trust = 1.0 if subject.faces else min(1.0, subject.clarity / CLEAR)
    return 0.5 + (centre - 0.5) * trust


def _settled(shots: Sequence[CropShot], frame: Frame) -> list[CropShot]:
    """The same shots, a held window where the one before it stood if that is near."""
    found: list[CropShot] = []
    for shot in shots:
        before = found[-1] if found else None
        if (
            before
            and before.framing is shot.framing is Framing.CROP
            and len(shot.keys) == 1
            and _apart(before.keys[-1].box, shot.keys[0].box) < STICKY * frame.size
        ):
            found.append(replace(shot, keys=(replace(shot.keys[0], box=before.keys[-1].box),)))
        else:
            found.append(shot)
    return found


def _apart(one: Box, other: Box) -> float:
    return max(abs(one.x - other.x), abs(one.y - other.y))


def _eased(framed: Sequence[CropShot], shots: Sequence[Shot]) -> list[CropShot]:
    """The same, without jumps in the middle of dissolves: there the window moves on while both shots are seen."""
    found = list(framed)
    for number, shot in enumerate(shots[1:], 1):
        before, after = found[number - 1], found[number]
        if shot.transition is not Transition.DISSOLVE or Framing.FIT in {before.framing, after.framing}:
            continue
        if _apart(before.keys[-1].box, after.keys[0].box) < 1e-6:
            continue
        leaves = max(after.start - EASE, (before.start + before.end) / 2)
        arrives = min(after.start + EASE, (after.start + after.end) / 2)
        leave, arrive = CropKey(leaves, before.at(leaves)), CropKey(arrives, after.at(arrives))
        old, new = leave.box, arrive.box
        middle = CropKey(after.start, Box((old.x + new.x) / 2, (old.y + new.y) / 2, old.width, old.height))
        earlier = tuple(key for key in before.keys if key.time < leave.time - 1e-6)
        later = tuple(key for key in after.keys if key.time > arrive.time + 1e-6)
        found[number - 1] = replace(before, keys=(*earlier, leave, middle))
        found[number] = replace(after, keys=(middle, arrive, *later))
    return found
