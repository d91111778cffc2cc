"""Bars: which beats are the first of a bar, whether it has three or four, and whether the pulse is on the off-beat.

A bar begins where the harmony and the bass move, where the kick is, where the texture changes, and seldom where
the snare answers. All half beats are counted through (Viterbi), so that a pulse that was followed on its off-beats is
put right, and one lost beat moves the bars after it and not the whole piece. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stakazo.media.spectrum import COARSE_RATE, FINE_RATE, Features
from stakazo.media.types import FloatArray

SLIP = 18.0
"""What it costs to lose count, in standard deviations of the evidence."""
FOUR = 0.12
"""How much better three must explain a bar than four, likewise."""


@dataclass(frozen=True, slots=True)
class Metre:
    beats: NDArray[np.float64]
    """Seconds: the pulse that was given, or its off-beats."""
    downbeats: NDArray[np.int64]
    """Indices of beats."""
    beats_per_bar: int
    fit: float
    """How well bars of this size explain the piece: standard deviations of evidence per beat."""


def find_metre(features: Features, pulse: NDArray[np.float64]) -> Metre:
    """The bars of a piece with this pulse (seconds)."""
    if len(pulse) < 8:
        return Metre(pulse, np.arange(0, len(pulse), 4), 4, 0.0)
    halves = np.empty(2 * len(pulse) - 1)
    halves[::2] = pulse
    halves[1::2] = pulse[:-1] + off_beat(features.onsets, pulse) * np.diff(pulse)
    one, beat, answer = evidence(features, halves)
    best: tuple[float, int, NDArray[np.int64]] | None = None
    for size in (4, 3):
        places = place_evidence(one, beat, answer, size)
        count, total = follow(places)
        fit = 2 * total / len(halves) + (FOUR if size == 4 else 0.0) + 0.3 * repetition(features, pulse, size)
        if best is None or fit > best[0]:
            best = (fit, size, count)
    assert best is not None
    fit, size, count = best
    beats, downbeats = halves[count % 2 == 0], np.flatnonzero(count[count % 2 == 0] == 0)
    return Metre(beats, downbeats, size, fit)


def off_beat(onsets: FloatArray, pulse: NDArray[np.float64]) -> float:
    """Where between two beats most starts, as a share of a beat: a half, or what swing or a swung pulse makes of it."""
    places = np.linspace(0.3, 0.7, 17)
    starts = [float(at_times(onsets, pulse[:-1] + place * np.diff(pulse), 1).sum(axis=1).mean()) for place in places]
    middle = starts[len(places) // 2]
    best = int(np.argmax(starts))
    return float(places[best]) if starts[best] > 1.3 * middle else 0.5


def evidence(features: Features, times: NDArray[np.float64]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """[times] each, in standard deviations: how like the first of a bar, how like a beat, how like a backbeat.

    `times` are half beats.
    """
    harmony = per_interval(features.chroma, COARSE_RATE, times)
    bass = per_interval(features.bass, COARSE_RATE, times)
    timbre = np.log10(per_interval(features.mel, COARSE_RATE, times) + 1e-7)
    hits = standard(at_times(features.onsets, times))
    accents = standard(at_times(features.accents, times))
    one = (
        1.0 * standard(change(harmony, 2) + change(harmony, 4))
        + 0.8 * standard(change(bass, 2) + change(bass, 4))
        + 0.5 * accents[:, 0]
        + 0.2 * hits[:, 3]
        + 0.5 * standard(turn(timbre, 8))
    )
    beat = 0.8 * accents[:, 0] + 0.3 * accents[:, 1] + 0.3 * accents[:, 2] + 0.1 * hits[:, 3]
    answer = 0.4 * accents[:, 2] - 0.4 * accents[:, 0]
    return one, beat, answer


def place_evidence(one: FloatArray, beat: FloatArray, answer: FloatArray, size: int) -> FloatArray:
    """[times, places]: evidence for each place of a bar of `size` beats, counted in half beats."""
    places = np.zeros((len(one), 2 * size), np.float32)
    places[:, ::2] += 0.5 * beat[:, None]
    places[:, 1::2] -= 0.5 * beat[:, None]
    places[:, 0] += one
    places[:, 2::2] -= 0.15 * one[:, None]
    places[:, 1::2] -= 0.15 * one[:, None]
    if size == 4:
        places[:, 2] += 0.5 * answer
        places[:, 6] += 0.5 * answer
    return places


def follow(places: FloatArray) -> tuple[NDArray[np.int64], float]:
    """The place in the bar of each half beat, counted through with few slips, and the evidence it collects."""
    count, size = places.shape
    before = (np.arange(size) - 1) % size
    best = places[0].astype(np.float64)
    back = np.zeros((count, size), np.int64)
    for i in range(1, count):
        counted = best[before]
        lost = int(best.argmax())
        slip = counted < best[lost] - SLIP
        back[i] = np.where(slip, lost, before)
        best = np.where(slip, best[lost] - SLIP, counted) + places[i]
    place = int(best.argmax())
    total = float(best[place])
    path = np.zeros(count, np.int64)
    for i in range(count - 1, -1, -1):
        path[i] = place
        place = int(back[i, place])
    return path, total


def per_interval(values: FloatArray, rate: float, times: NDArray[np.float64]) -> FloatArray:
    """[times, ...]: the mean of a signal between each time and the next (the last is as long as the one before)."""
    if len(times) < 2:
        return values[:1].repeat(len(times), axis=0)
    edges = np.append(times, 2 * times[-1] - times[-2]) * rate
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0, dtype=np.float64)])
    first = np.clip(np.round(edges[:-1]).astype(int), 0, len(values) - 1)
    last = np.clip(np.round(edges[1:]).astype(int), first + 1, len(values))
    return np.asarray((total[last] - total[first]) / (last - first)[:, None], np.float32)


def at_times(onsets: FloatArray, times: NDArray[np.float64], reach: int = 3) -> FloatArray:
    """[times, bands]: onset strength at each time, forgiving `reach` frames of 12 ms either way."""
    frames = np.round(times * FINE_RATE).astype(int)[:, None] + np.arange(-reach, reach + 1)
    return np.asarray(onsets[np.clip(frames, 0, len(onsets) - 1)].max(axis=1), np.float32)


def standard(values: FloatArray) -> FloatArray:
    """Zero mean, unit deviation along the first axis, outliers held at three."""
    scaled = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6)
    return np.asarray(np.clip(scaled, -3.0, 3.0), np.float32)


def change(vectors: FloatArray, width: int) -> FloatArray:
    """[n]: how different the `width` vectors from each place on are from the `width` before, 0 to 2."""
    before, after = _sides(vectors, width)
    norm = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    return np.asarray(1.0 - (before * after).sum(axis=1) / (norm + 1e-9), np.float32)


def turn(vectors: FloatArray, width: int) -> FloatArray:
    """[n]: the distance between the `width` vectors from each place on and the `width` before."""
    before, after = _sides(vectors, width)
    return np.asarray(np.linalg.norm(after - before, axis=1), np.float32)


def _sides(vectors: FloatArray, width: int) -> tuple[FloatArray, FloatArray]:
    """The mean over the `width` vectors before each place and over those from it on, held at both ends."""
    padded = np.pad(vectors, ((width, width), (0, 0)), mode="edge")
    total = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(padded, axis=0, dtype=np.float64)])
    means = (total[width:] - total[:-width]) / width
    return means[: len(vectors)], means[width : width + len(vectors)]


def repetition(features: Features, beats: NDArray[np.float64], size: int) -> float:
    """How much more alike beats are one bar apart than one beat more or less: high for the true size of a bar."""
    signal = standard(np.sqrt(at_times(features.onsets, beats)))

    def alike(lag: int) -> float:
        return float((signal[lag:] * signal[:-lag]).mean()) if len(signal) > lag else 0.0

    return alike(size) + 0.5 * alike(2 * size) - 0.5 * (alike(size - 1) + alike(size + 1))
