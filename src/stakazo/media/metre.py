"""Bars: which beats are the first of a bar, and whether a bar has three or four.

A bar begins where the harmony and the bass move, where the kick is, where the texture changes, and seldom where
the snare answers. The place in the bar is followed through the piece (Viterbi), so that one lost beat moves the bars
after it and not the whole piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stakazo.media.spectrum import COARSE_RATE, FINE_RATE, Features
from stakazo.media.types import FloatArray

SLIP = 6.0
"""What it costs to lose count, in standard deviations of the evidence."""
FOUR = 1.15
"""How much better three must explain the piece than four."""


@dataclass(frozen=True, slots=True)
class Metre:
    beats_per_bar: int
    downbeats: NDArray[np.int64]
    """Indices of beats."""


def find_metre(features: Features, beats: NDArray[np.float64]) -> Metre:
    """The bars of a piece with these beats."""
    if len(beats) < 8:
        return Metre(4, np.arange(0, len(beats), 4))
    evidence = bar_evidence(features, beats)
    best: tuple[float, int, NDArray[np.int64]] | None = None
    for size in (4, 3):
        downbeats = follow(evidence, size)
        fit = float(evidence[downbeats].mean()) * (FOUR if size == 4 else 1.0) + repetition(features, beats, size)
        if best is None or fit > best[0]:
            best = (fit, size, downbeats)
    assert best is not None
    return Metre(best[1], best[2])


def bar_evidence(features: Features, beats: NDArray[np.float64]) -> FloatArray:
    """[beats]: how much each beat is like the first of a bar, in standard deviations."""
    harmony = per_interval(features.chroma, COARSE_RATE, beats)
    bass = per_interval(features.bass, COARSE_RATE, beats)
    timbre = np.log10(per_interval(features.mel, COARSE_RATE, beats) + 1e-7)
    hits = at_beats(features.onsets, beats)
    return (
        1.0 * standard(change(harmony, 1) + change(harmony, 2))
        + 0.8 * standard(change(bass, 1) + change(bass, 2))
        + 0.6 * standard(hits[:, 0])
        - 0.4 * standard(hits[:, 2])
        + 0.3 * standard(hits[:, 3])
        + 0.5 * standard(turn(timbre, 4))
    ).astype(np.float32)


def per_interval(values: FloatArray, rate: float, times: NDArray[np.float64]) -> FloatArray:
    """[times, ...]: the mean of a signal between each time and the next (the last is as long as the one before)."""
    if len(times) < 2:
        return values[:1].repeat(len(times), axis=0)
    edges = np.append(times, 2 * times[-1] - times[-2]) * rate
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0, dtype=np.float64)])
    spots = np.clip(np.round(edges).astype(int), 0, len(values))
    first, last = np.minimum(spots[:-1], len(values) - 1), np.maximum(spots[1:], np.minimum(spots[:-1], len(values) - 1) + 1)
    return ((total[last] - total[first]) / (last - first)[:, None]).astype(np.float32)


def at_beats(onsets: FloatArray, beats: NDArray[np.float64]) -> FloatArray:
    """[beats, bands]: onset strength at each beat, forgiving 35 ms."""
    frames = np.round(beats * FINE_RATE).astype(int)[:, None] + np.arange(-3, 4)
    return onsets[np.clip(frames, 0, len(onsets) - 1)].max(axis=1)


def standard(values: FloatArray) -> FloatArray:
    """Zero mean, unit deviation, outliers held at three."""
    return np.clip((values - values.mean()) / (values.std() + 1e-6), -3.0, 3.0)


def change(vectors: FloatArray, width: int) -> FloatArray:
    """[n]: how different the `width` vectors from each place on are from the `width` before, 0 to 2."""
    before, after = _sides(vectors, width)
    norm = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    return (1.0 - (before * after).sum(axis=1) / (norm + 1e-9)).astype(np.float32)


def turn(vectors: FloatArray, width: int) -> FloatArray:
    """[n]: the distance between the `width` vectors from each place on and the `width` before."""
    before, after = _sides(vectors, width)
    return np.linalg.norm(after - before, axis=1).astype(np.float32)


def _sides(vectors: FloatArray, width: int) -> tuple[FloatArray, FloatArray]:
    """The mean over the `width` vectors before each place and over those from it on, held at both ends."""
    padded = np.pad(vectors, ((width, width), (0, 0)), mode="edge")
    total = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(padded, axis=0, dtype=np.float64)])
    means = (total[width:] - total[:-width]) / width
    return means[: len(vectors)], means[width : width + len(vectors)]


def follow(evidence: FloatArray, size: int) -> NDArray[np.int64]:
    """Indices of the downbeats: the count 1, 2, .. size through all beats that finds most evidence on the ones."""
    best = np.zeros(size)
    best[0] = evidence[0]
    back = np.zeros((len(evidence), size), np.int64)
    for i in range(1, len(evidence)):
        counted = np.roll(best, 1)
        lost = int(best.argmax())
        slip = counted < best[lost] - SLIP
        back[i] = np.where(slip, lost, (np.arange(size) - 1) % size)
        best = np.where(slip, best[lost] - SLIP, counted)
        best[0] += evidence[i]
    place = int(best.argmax())
    ones = []
    for i in range(len(evidence) - 1, -1, -1):
        if place == 0:
            ones.append(i)
        place = int(back[i, place])
    return np.array(ones[::-1], np.int64)


def repetition(features: Features, beats: NDArray[np.float64], size: int) -> float:
    """How much more alike beats are one bar apart than one beat more or less: high for the true size of a bar."""
    hits = np.sqrt(at_beats(features.onsets, beats))
    signal = (hits - hits.mean(axis=0)) / (hits.std(axis=0) + 1e-6)

    def alike(lag: int) -> float:
        return float((signal[lag:] * signal[:-lag]).mean()) if len(signal) > lag else 0.0

    return alike(size) + 0.5 * alike(2 * size) - 0.5 * (alike(size - 1) + alike(size + 1))
