"""An analysis laid out for judging: all signals on one clock, so that many windows are weighed at once. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stakazo.media.types import Analysis, Curve, Span, Transition

RATE = 10.0
"""Ticks per second of the common clock."""

BLACK = 0.018
"""Mean luma (0 is black) at or below which nothing can be made out."""
DARK = 0.05
"""Mean luma up to which a frame without any detail is black too: a fade."""
STILL = 0.0004
"""Mean change between frames below which nobody would say that something moves."""
STILL_FOR = 2.0
"""Seconds without movement that count as a still."""
CREDITS_FROM = 0.72
"""The share of a film before which no end credits start."""
CREDITS_LEAST = 12.0
"""Seconds."""
CREDITS_PACE = 4.0
"""How many times longer than the film's median shot those of the credits are."""
STEADY = 0.35
"""Confidence in the tempo from which bars may lead where clips start."""

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Track:
    """One signal on the timeline's clock; `values[i]` holds from tick i to tick i + 1."""

    values: Floats

    @cached_property
    def _sums(self) -> Floats:
        return np.concatenate(([0.0], np.cumsum(self.values, dtype=np.float64)))

    def mean(self, starts: Floats, ends: Floats) -> Floats:
        """The mean of the signal in each window."""
        ticks = np.arange(len(self._sums))
        sums = np.interp(ends * RATE, ticks, self._sums) - np.interp(starts * RATE, ticks, self._sums)
        return sums / np.maximum((ends - starts) * RATE, 1e-9)

    def at(self, times: Floats) -> Floats:
        """The value at each time, held at both ends."""
        return self.values[np.clip((times * RATE).astype(np.intp), 0, len(self.values) - 1)]

    @cached_property
    def usual(self) -> tuple[float, float]:
        """The 5th and 95th percentile of the signal's mean over stretches of some seconds of this film."""
        width = min(int(6 * RATE), max(1, len(self.values) // 4))
        means = (self._sums[width:] - self._sums[:-width]) / width
        low, high = np.percentile(means, (5, 95))
        return float(low), float(high)

    def relative(self, means: Floats, least: float) -> Floats:
        """Where each mean lies between what is little and what is much in this film: 0 to 1.

        `least` is the difference that counts as one: below it a film is even, and all lies around the middle.
        """
        low, high = self.usual
        middle, reach = (low + high) / 2, max(high - low, least)
        return np.clip((means - middle) / reach + 0.5, 0.0, 1.0)


def smooth(values: Floats, seconds: float) -> Floats:
    """The signal's moving mean over some seconds."""
    width = max(1, min(round(seconds * RATE), len(values)))
    padded = np.pad(values, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.full(width, 1.0 / width), mode="valid")


def distance(times: Floats, marks: Floats) -> Floats:
    """How far each time is from the nearest of the marks, which are in order; infinite where there are none."""
    around = np.concatenate(([-np.inf], marks, [np.inf]))
    right = np.searchsorted(around, times)
    return np.minimum(around[right] - times, times - around[right - 1])


def runs(mask: Mask) -> list[Span]:
    """The stretches in which the mask holds."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [Span(float(a) / RATE, float(b) / RATE) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _unless_usual(mask: Mask) -> Mask:
    """The mask, or nothing where it holds for half of the film: then that is how this film is."""
    return mask if mask.mean() < 0.5 else np.zeros(len(mask), np.bool_)


@dataclass(frozen=True)
class Timeline:
    """One film on a clock of ten ticks a second."""

    analysis: Analysis

    @cached_property
    def duration(self) -> float:
        """Seconds that a clip may use: what is seen, where there is something to see."""
        pictures = self.analysis.pictures
        if pictures and pictures.shots:
            return pictures.shots[-1].end
        return self.analysis.duration

    @cached_property
    def ticks(self) -> int:
        return max(1, int(np.ceil(self.duration * RATE)))

    def _track(self, curve: Curve) -> Track:
        """The curve on this clock: the mean of its samples inside each tick, or the one in force."""
        values = np.nan_to_num(curve.values.astype(np.float64))
        if not len(values):
            return Track(np.zeros(self.ticks))
        sums = np.concatenate(([0.0], np.cumsum(values)))
        edges = np.arange(self.ticks + 1) * (curve.rate / RATE)
        if edges[1] >= 1:
            means = np.diff(np.interp(edges, np.arange(len(sums)), sums)) / edges[1]
            return Track(np.where(edges[:-1] >= len(values), values[-1], means))
        return Track(values[np.clip(edges[:-1].astype(np.intp), 0, len(values) - 1)])

    # --- what is seen ---------------------------------------------------------------------------------------

    @cached_property
    def motion(self) -> Track | None:
        return self._track(self.analysis.pictures.motion) if self.analysis.pictures else None

    @cached_property
    def sharpness(self) -> Track | None:
        return self._track(self.analysis.pictures.sharpness) if self.analysis.pictures else None

    @cached_property
    def brightness(self) -> Track | None:
        return self._track(self.analysis.pictures.brightness) if self.analysis.pictures else None

    @cached_property
    def colour(self) -> Track | None:
        return self._track(self.analysis.pictures.colour) if self.analysis.pictures else None

    @cached_property
    def cuts(self) -> Floats:
        """Times at which one shot gives way to the next."""
        shots = self.analysis.pictures.shots if self.analysis.pictures else ()
        return np.array([shot.start for shot in shots[1:]], dtype=np.float64)

    @cached_property
    def dissolves(self) -> Floats:
        """The middles of dissolves: there two pictures lie over each other."""
        shots = self.analysis.pictures.shots if self.analysis.pictures else ()
        return np.array([shot.start for shot in shots[1:] if shot.transition is Transition.DISSOLVE], dtype=np.float64)

    @cached_property
    def hard_cuts(self) -> Floats:
        """The cuts that are none."""
        return np.setdiff1d(self.cuts, self.dissolves)

    @cached_property
    def faces(self) -> tuple[Track, Track] | None:
        """The share of time with a face, and the size of the biggest (its height by the frame's), or None: no face."""
        pictures = self.analysis.pictures
        if not pictures or not pictures.faces:
            return None
        present, size = np.zeros(self.ticks), np.zeros(self.ticks)
        hold = self._face_interval()
        for face in pictures.faces:
            if face.confidence < 0.6:
                continue
            first = int(face.time * RATE)
            last = min(max(int(np.ceil((face.time + hold) * RATE)), first + 1), self.ticks)
            present[first:last] = 1.0
            size[first:last] = np.maximum(size[first:last], face.box.height)
        return (Track(present), Track(size)) if present.any() else None

    def _face_interval(self) -> float:
        """Seconds between two looks for faces: the smallest usual distance of times with one, at most 1 s."""
        pictures = self.analysis.pictures
        times = np.unique([face.time for face in pictures.faces]) if pictures else np.zeros(0)
        gaps = np.diff(times)
        return float(min(np.percentile(gaps, 25), 1.0)) if len(gaps) else 0.5

    @cached_property
    def subject(self) -> Track | None:
        """How clearly something stands out from the rest of the frame."""
        pictures = self.analysis.pictures
        if not pictures or not pictures.focus:
            return None
        times = np.array([focus.time for focus in pictures.focus])
        weights = np.array([focus.weight for focus in pictures.focus])
        return Track(np.interp(np.arange(self.ticks) / RATE, times, weights))

    @cached_property
    def prints(self) -> Floats | None:
        """[seconds, features]: one picture per second, of length 1: look-alikes have a product near 1."""
        pictures = self.analysis.pictures
        if not pictures or not len(pictures.fingerprints):
            return None
        prints = pictures.fingerprints.reshape(len(pictures.fingerprints), -1).astype(np.float64)
        lengths = np.linalg.norm(prints, axis=1, keepdims=True)
        return np.asarray(np.divide(prints, lengths, out=np.zeros_like(prints), where=lengths > 1e-6))

    # --- what is heard --------------------------------------------------------------------------------------

    @cached_property
    def energy(self) -> Track | None:
        return self._track(self.analysis.sound.energy) if self.audible and self.analysis.sound else None

    @cached_property
    def onsets(self) -> Track | None:
        return self._track(self.analysis.sound.onsets) if self.audible and self.analysis.sound else None

    @cached_property
    def audible(self) -> bool:
        """Whether there is sound that is more than silence."""
        sound = self.analysis.sound
        return sound is not None and sound.loudness.integrated > -60

    @cached_property
    def musical(self) -> float:
        """0 to 1: how far beats and bars may lead: 0 without a steady beat or with mostly speech."""
        sound = self.analysis.sound
        if not sound or not self.audible or sound.tempo is None or len(sound.downbeats) < 4:
            return 0.0
        if sound.tempo_confidence < STEADY:
            return 0.0
        return float(sound.tempo_confidence * (1 - 0.7 * sound.speech))

    @cached_property
    def beats(self) -> Floats:
        return self._times(self.analysis.sound.beats if self.analysis.sound and self.musical else ())

    @cached_property
    def downbeats(self) -> Floats:
        return self._times(self.analysis.sound.downbeats if self.analysis.sound and self.musical else ())

    def _times(self, times: tuple[float, ...]) -> Floats:
        found = np.array(times, dtype=np.float64)
        return found[(found >= 0) & (found < self.duration)]

    @cached_property
    def bar(self) -> float | None:
        """Seconds of one bar."""
        return float(np.median(np.diff(self.downbeats))) if len(self.downbeats) > 1 else None

    # --- what nobody would miss -----------------------------------------------------------------------------

    @cached_property
    def black(self) -> Mask:
        """Black, and the dark part of fades; none where half of the film is that dark."""
        if self.brightness is None or self.sharpness is None:
            return np.zeros(self.ticks, np.bool_)
        light, detail = self.brightness.values, self.sharpness.values
        return _unless_usual((light <= BLACK) | ((light <= DARK) & (detail <= 0.05)))

    @cached_property
    def still(self) -> Mask:
        """Pictures that don't move for a while; none where the whole film is like that."""
        if not self.motion:
            return np.zeros(self.ticks, np.bool_)
        mask = np.zeros(self.ticks, np.bool_)
        for run in runs(self.motion.values < STILL):
            if run.duration >= STILL_FOR:
                mask[int(run.start * RATE) : int(run.end * RATE)] = True
        return _unless_usual(mask)

    @cached_property
    def silent(self) -> Mask:
        mask = np.zeros(self.ticks, np.bool_)
        if self.audible and self.analysis.sound:
            for span in self.analysis.sound.silences:
                mask[int(span.start * RATE) : int(span.end * RATE)] = True
        return mask

    @cached_property
    def titles(self) -> Mask:
        """End credits, as far as cuts, light and colour can tell: a long stretch near the end, hardly cut.

        It starts after black, or is dark and grey beside the film before it.
        """
        mask = np.zeros(self.ticks, np.bool_)
        black = runs(self.black)
        borders = sorted({*(run.end for run in black), *self.cuts.tolist()})
        for start in borders:
            if start < CREDITS_FROM * self.duration or mask[min(int(start * RATE), self.ticks - 1)]:
                continue
            before = np.diff(np.concatenate(([0.0], self.cuts[self.cuts < start + 0.1])))
            if len(before) < 8:
                continue
            end = min((run.start for run in black if run.start > start), default=self.duration)
            inside = int(((self.cuts > start + 0.5) & (self.cuts < end - 0.5)).sum())
            pace = CREDITS_PACE * float(np.median(before))
            first = min((cut for cut in self.cuts.tolist() if cut > start + 0.1), default=end) - start
            if end - start < CREDITS_LEAST or (end - start) / (inside + 1) < pace or first < min(pace, 5.0):
                continue
            if any(abs(run.end - start) < 0.5 for run in black) or self._dim(start, end):
                mask[int(start * RATE) : int(np.ceil(end * RATE))] = True
        return mask

    def _dim(self, start: float, end: float) -> bool:
        """Whether a stretch is dark, and greyer than what came before."""
        if self.brightness is None or self.colour is None:
            return False
        first, last, zero = np.array([start]), np.array([end]), np.array([0.0])
        grey = self.colour.mean(first, last)[0] < 0.5 * self.colour.mean(zero, first)[0]
        return bool(grey and self.brightness.mean(first, last)[0] < 0.3)

    @cached_property
    def dead(self) -> Track:
        """1 where there is nothing to watch: black, a still, titles."""
        return Track((self.black | self.still | self.titles).astype(np.float64))
