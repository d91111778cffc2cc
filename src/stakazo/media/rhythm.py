"""The beat: how fast, how sure, and where each beat falls. Pure.

Tempo from the autocorrelation of onset strength in windows of eight seconds, with a check of its octave; a path of
local tempo through the piece (Viterbi), and beats along it by dynamic programming (Ellis 2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from stakazo.media.spectrum import FINE_RATE
from stakazo.media.types import FloatArray

SLOWEST, FASTEST = 55.0, 200.0
"""Beats per minute that are looked for at all."""
USUAL, SPREAD = 118.0, 0.55
"""Where people tap: the middle and the octaves of one standard deviation (van Noorden and Moelants 1999)."""
UNEVEN = 0.4
"""What is left of a pulse whose every other beat is empty."""
TEMPOGRAM_WINDOW = 8.0
TEMPOGRAM_HOP = 1.0
TIGHTNESS = 400.0
"""Price of a beat off the local tempo, per squared octave, in clear onsets: 0.3 for 2 %, 140 for an off-beat."""
STEADY = 0.25
"""Confidence under which nobody would tap along."""
CLEAR = (0.2, 0.8)
"""Tempogram values of chance and of a plain beat: speech and noise stay under 0.3, songs are over 0.5."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """One level of the metre that could be the beat."""

    tempo: float
    """Beats per minute."""
    frames: NDArray[np.int64]
    """Fine frames of its beats."""
    salience: float
    """How readily people would tap it."""
    steadiness: float
    """0 to 1: how even it is, and how much more starts on it than beside it."""
    confidence: float
    """0 to 1: the same, if the sound also repeats itself at this tempo."""


def onset_strength(onsets: FloatArray) -> FloatArray:
    """One curve from the bands, each counted alike: 0 where nothing starts, about 1 at a clear onset."""
    spread = np.sqrt(smooth(onsets**2, round(10 * FINE_RATE))) + 0.02 * onsets.max() + 1e-6
    even = (onsets / spread).mean(axis=1)
    even = np.maximum(even - smooth(even, round(0.6 * FINE_RATE)), 0.0)
    return np.asarray(even / (np.sqrt(smooth(even**2, round(6 * FINE_RATE))) * 3 + 1e-6), np.float32)


def smooth(values: NDArray[np.floating[Any]], width: int) -> FloatArray:
    """The moving mean over `width` frames along the first axis, held at both ends."""
    width = max(width | 1, 1)
    half = width // 2
    padding = [(half + 1, half)] + [(0, 0)] * (values.ndim - 1)
    total = np.cumsum(np.pad(values.astype(np.float64), padding, mode="edge"), axis=0)
    return ((total[width:] - total[:-width]) / width).astype(np.float32)


def find_pulses(strength: FloatArray, accents: FloatArray) -> list[Pulse]:
    """The levels of the metre that could be the beat, most salient first; none where nothing recurs."""
    if len(strength) < 4 * FINE_RATE or not strength.any():
        return []
    gram, tempi = tempogram(strength)
    weight = (accents / (accents.mean(axis=0) + 1e-9)).mean(axis=1)
    pulses = []
    for tempo in likely_tempi(gram, tempi):
        path = tempo_path(gram, tempi, tempo)
        frames = from_first_to_last(strength, track(strength, tempi[path]))
        if len(frames) >= 4:
            steady = steadiness(strength, frames)
            clarity = float(gram[np.arange(len(path)), path].mean())
            sure = float(np.clip((clarity - CLEAR[0]) / (CLEAR[1] - CLEAR[0]), 0.0, 1.0))
            salience = octave_score(strength, weight, frames, tempo) * (0.1 + steady**2)
            pulses.append(Pulse(tempo, frames, salience, steady, steady * sure))
    return sorted(pulses, key=lambda pulse: -pulse.salience)


def tempogram(strength: FloatArray) -> tuple[FloatArray, FloatArray]:
    """[windows, tempi]: how strongly each tempo is felt around each second, and the tempi in beats per minute."""
    size, hop = round(TEMPOGRAM_WINDOW * FINE_RATE), round(TEMPOGRAM_HOP * FINE_RATE)
    padded = np.pad(strength, (size // 2, size // 2 + hop))
    frames = sliding_window_view(padded, size)[::hop] * np.hanning(size).astype(np.float32)
    length = 1 << (2 * size - 1).bit_length()
    spectrum = np.fft.rfft(frames - frames.mean(axis=1, keepdims=True), length, axis=1)
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, length, axis=1)[:, : size // 2]
    shape = np.hanning(size)
    overlap = np.fft.irfft(np.abs(np.fft.rfft(shape, length)) ** 2, length)[: size // 2]
    correlation = correlation / (correlation[:, :1] + 1e-9) * (overlap[0] / overlap)
    tempi = np.geomspace(SLOWEST, FASTEST, 150)
    periods = 60 * FINE_RATE / tempi
    gram = np.zeros((len(correlation), len(tempi)))
    lags = np.arange(correlation.shape[1])
    for multiple, weight in ((1, 1.0), (2, 0.6), (4, 0.4)):
        gram += weight * np.stack([np.interp(periods * multiple, lags, row, right=0.0) for row in correlation])
    return np.maximum(gram, 0.0).astype(np.float32), tempi.astype(np.float32)


def prior(tempo: FloatArray | float) -> FloatArray:
    """How readily people take a tempo as the beat."""
    return np.exp(-0.5 * (np.log2(np.asarray(tempo) / USUAL) / SPREAD) ** 2).astype(np.float32)


def likely_tempi(gram: FloatArray, tempi: FloatArray) -> list[float]:
    """The strongest tempo and its metrical relatives (half, double, two thirds, one and a half) within range."""
    overall = gram.mean(axis=0) * prior(tempi)
    if overall.max() <= 0:
        return []
    best = float(tempi[int(overall.argmax())])
    relatives = [best * ratio for ratio in (1.0, 0.5, 2.0, 2 / 3, 1.5) if SLOWEST <= best * ratio <= FASTEST]
    return [refine(overall, tempi, tempo) for tempo in relatives]


def refine(overall: FloatArray, tempi: FloatArray, tempo: float) -> float:
    """The strongest tempo within 4 % of this one."""
    near = np.abs(tempi / tempo - 1) < 0.04
    return float(tempi[near][int(overall[near].argmax())]) if near.any() else tempo


def tempo_path(gram: FloatArray, tempi: FloatArray, tempo: float) -> NDArray[np.int64]:
    """The number of the local tempo around each second: near the tempo of the whole, following slow changes."""
    near = np.flatnonzero(np.abs(np.log2(tempi / tempo)) < 0.25)
    local = np.log2(tempi[near])
    reward = gram[:, near] - 30.0 * (local - np.log2(tempo)) ** 2
    cost = 400.0 * (local[:, None] - local[None, :]) ** 2
    best = reward[0]
    back = np.zeros(reward.shape, np.int64)
    for i in range(1, len(reward)):
        options = best[:, None] - cost
        back[i] = options.argmax(axis=0)
        best = options.max(axis=0) + reward[i]
    state = int(best.argmax())
    path = np.zeros(len(reward), np.int64)
    for i in range(len(reward) - 1, -1, -1):
        path[i] = state
        state = int(back[i, state])
    return near[path]


def track(strength: FloatArray, tempi: FloatArray) -> NDArray[np.int64]:
    """Frames of the beats: strong onsets at distances near the local tempo, by dynamic programming.

    `tempi` is the local tempo around each second, in beats per minute. A beat's predecessor lies at least half a
    period back, so a whole stretch of that length is worked at once.
    """
    count = len(strength)
    seconds = np.arange(count) / FINE_RATE
    period = 60 * FINE_RATE / np.interp(seconds, np.arange(len(tempi)) * TEMPOGRAM_HOP, tempi)
    blurred = np.convolve(strength, np.array([0.25, 0.5, 0.25], np.float32), "same")
    shortest, longest = int(period.min() * 0.6), int(period.max() * 1.6)
    lags = np.arange(shortest, longest + 1)
    total = np.concatenate([np.zeros(longest), blurred]).astype(np.float64)
    back = np.full(count, -1, np.int64)
    for first in range(0, count, shortest):
        here = np.arange(first, min(first + shortest, count))
        penalty = TIGHTNESS * np.log2(lags / period[here, None]) ** 2
        options = total[here[:, None] + longest - lags] - penalty
        choice = options.argmax(axis=1)
        gain = options[np.arange(len(here)), choice]
        reachable = here - lags[choice] >= 0
        take = reachable & (gain > 0)
        total[here + longest] += np.where(take, gain, 0.0)
        back[here] = np.where(take, here - lags[choice], -1)
    tail = int(period[-1] * 1.5)
    end = (
        count - tail + int(total[longest + count - tail :].argmax()) if count > tail else int(total[longest:].argmax())
    )
    frames = []
    while end >= 0:
        frames.append(end)
        end = int(back[end])
    return np.array(frames[::-1], np.int64)


def from_first_to_last(strength: FloatArray, frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """The beats from the first clear onset to the last: counted back where they are faint, not on into an echo."""
    if len(frames) < 4:
        return frames
    clear = np.flatnonzero(strength > 0.3 * np.median(_peak_at(strength, frames)))
    if not len(clear):
        return frames
    period = float(np.median(np.diff(frames[:9])))
    room = max(int((frames[0] - clear[0]) / period + 0.3), 0)
    before = np.round(frames[0] - period * np.arange(room, 0, -1)).astype(np.int64)
    counted = np.concatenate([before, frames])
    inside = (counted >= max(clear[0] - period / 4, 0)) & (counted <= clear[-1] + period / 4)
    return np.asarray(counted[inside], np.int64)


def _peak_at(strength: FloatArray, frames: NDArray[np.int64]) -> FloatArray:
    """Onset strength at frames, forgiving two frames either way."""
    reach = np.clip(frames[:, None] + np.arange(-2, 3), 0, len(strength) - 1)
    return np.asarray(strength[reach].max(axis=1), np.float32)


def octave_score(strength: FloatArray, weight: FloatArray, frames: NDArray[np.int64], tempo: float) -> float:
    """How right a level of the metre feels as the beat: accents on it, less between, at a speed people tap."""
    on = _peak_at(strength, frames)
    gaps = np.diff(frames)
    between = _peak_at(strength, frames[:-1] + gaps // 2)
    contrast = float(on.mean() - 0.5 * between.mean())
    heavy = _peak_at(weight, frames)
    light, strong = sorted((float(heavy[::2].mean()), float(heavy[1::2].mean())))
    evenness = light / (strong + 1e-6)
    return float(prior(tempo)) * (0.2 + max(contrast, 0.0)) * (UNEVEN + (1.0 - UNEVEN) * evenness)


def steadiness(strength: FloatArray, frames: NDArray[np.int64]) -> float:
    """0 to 1: how much more starts on the beats than elsewhere, and how even they are."""
    on = _peak_at(strength, frames)
    gaps = np.diff(frames)
    elsewhere = np.concatenate(
        [_peak_at(strength, frames[:-1] + (gaps * part).astype(int)) for part in (0.2, 0.35, 0.65, 0.8)]
    )
    contrast = float((on.mean() - elsewhere.mean()) / (on.mean() + elsewhere.mean() + 1e-6))
    ratio = np.log2(gaps[1:] / gaps[:-1]) if len(gaps) > 1 else np.zeros(1)
    even = float(np.exp(-np.median(np.abs(ratio)) * 8) * np.exp(-ratio.std() * 2))
    return float(np.clip(1.4 * contrast * even, 0.0, 1.0))
