"""What of a sound's spectrum is worth keeping: onset strength in bands, timbre and harmony, chunk by chunk. Pure.

Two grids of time: fine frames (86 per second) for rhythm, coarse ones (10.8 per second) for timbre and harmony.
Frame i is centred on i / rate seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from stakazo.media.types import FloatArray

RATE = 22050
"""Samples per second of the mono sound that is analysed: up to 11 kHz, where rhythm and harmony live."""
HOP = 256
WINDOW = 1024
COARSE = 8
"""Fine frames to a coarse one."""
LONG_WINDOW = 4096
FINE_RATE = RATE / HOP
COARSE_RATE = FINE_RATE / COARSE
MEL_BANDS = 40
MEL_RANGE = (30.0, 10000.0)
"""Hz."""
ONSET_EDGES = (30.0, 160.0, 600.0, 3000.0, 10000.0)
"""Hz: kick and bass | body of snare and chords | voice and snare | cymbals."""
LOW_EDGE = 160.0
COMPRESSION = 1000.0
"""Loudness grows about with the logarithm of 1 + this many times the amplitude."""
BATCH = 32
"""Coarse frames worked on at a time: about three seconds."""


@dataclass(frozen=True, slots=True)
class Features:
    """What the musical ear works on."""

    onsets: FloatArray
    """[fine frames, 4]: how much louder each band has just become."""
    accents: FloatArray
    """[fine frames, 4]: the same by amplitude, where `onsets` goes by loudness: a kick stands out from a bass line."""
    voice: FloatArray
    """[fine frames]: power between 200 and 4000 Hz."""
    mel: FloatArray
    """[coarse frames, 40]: mean power in mel bands."""
    chroma: FloatArray
    """[coarse frames, 12]: strength of each pitch class, C first, 130 to 2000 Hz."""
    bass: FloatArray
    """[coarse frames, 12]: the same, 60 to 260 Hz."""

    @property
    def duration(self) -> float:
        return len(self.onsets) / FINE_RATE


class Spectrum:
    """Takes mono samples as they come and keeps only features."""

    def __init__(self) -> None:
        self._buffer = np.zeros(LONG_WINDOW // 2, np.float32)
        self._waiting: list[FloatArray] = []
        self._samples = 0
        self._before: FloatArray = np.zeros((2, MEL_BANDS), np.float32)
        self._parts: list[tuple[FloatArray, ...]] = []
        self._fine_window = np.hanning(WINDOW + 1)[:-1].astype(np.float32) * np.float32(2 / WINDOW)
        self._long_window = np.hanning(LONG_WINDOW + 1)[:-1].astype(np.float32) * np.float32(2 / LONG_WINDOW)
        frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE)
        self._bands = np.searchsorted(frequencies, mel_edges())
        self._groups = np.searchsorted(mel_centres(), ONSET_EDGES)
        self._voice = slice(*np.searchsorted(frequencies, (200.0, 4000.0)))
        pitch = np.concatenate([chroma_filters(130.0, 2000.0), chroma_filters(60.0, 260.0)], axis=1)
        self._pitch = np.ascontiguousarray(pitch[: int(np.flatnonzero(pitch.any(axis=1))[-1]) + 1])

    def feed(self, samples: FloatArray) -> None:
        self._samples += len(samples)
        self._waiting.append(samples)
        step = BATCH * COARSE * HOP
        if len(self._buffer) + sum(map(len, self._waiting)) < step + LONG_WINDOW:
            return
        self._gather()
        while len(self._buffer) >= step + LONG_WINDOW:
            self._work(BATCH)
            self._buffer = self._buffer[step:]

    def finish(self) -> Features:
        """The features of everything that was fed: never empty, one frame of silence when that was nothing."""
        self._gather()
        fine = self._samples // HOP + 1
        left = -(-fine // COARSE) - BATCH * len(self._parts)
        if left > 0:
            needed = left * COARSE * HOP + LONG_WINDOW
            self._buffer = np.concatenate([self._buffer, np.zeros(max(needed - len(self._buffer), 0), np.float32)])
            self._work(left)
        onsets, accents, voice, mel, chroma, bass = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        return Features(onsets[:fine], accents[:fine], voice[:fine], mel, chroma, bass)

    def _gather(self) -> None:
        self._buffer = np.concatenate([self._buffer, *self._waiting])
        self._waiting = []

    def _work(self, coarse: int) -> None:
        first = LONG_WINDOW // 2 - WINDOW // 2
        stretch = self._buffer[first : first + (coarse * COARSE - 1) * HOP + WINDOW]
        power = _power(stretch, WINDOW, HOP, self._fine_window)
        mel = _means(power, self._bands)
        amplitude = np.sqrt(mel)
        history = np.concatenate([self._before, amplitude])
        self._before = amplitude[-2:]
        widest = history[:-2].copy()
        np.maximum(widest[:, 1:], history[:-2, :-1], out=widest[:, 1:])
        np.maximum(widest[:, :-1], history[:-2, 1:], out=widest[:, :-1])
        loudness = np.log1p(COMPRESSION * amplitude)
        flux = np.maximum(loudness - np.log1p(COMPRESSION * widest), 0.0)
        jump = np.maximum(amplitude - widest, 0.0)
        long = _power(
            self._buffer[: (coarse - 1) * COARSE * HOP + LONG_WINDOW], LONG_WINDOW, COARSE * HOP, self._long_window
        )
        pitch = np.log1p(COMPRESSION * np.sqrt(long[:, : len(self._pitch)])) @ self._pitch
        self._parts.append(
            (
                _means(flux, self._groups),
                _means(jump, self._groups),
                power[:, self._voice].sum(axis=1),
                mel.reshape(coarse, COARSE, MEL_BANDS).mean(axis=1),
                pitch[:, :12],
                pitch[:, 12:],
            )
        )


def _power(samples: FloatArray, window: int, hop: int, shape: FloatArray) -> FloatArray:
    frames = sliding_window_view(samples, window)[::hop] * shape
    spectrum = np.fft.rfft(frames, axis=1)
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)


def mel_edges() -> NDArray[np.float64]:
    """[bands + 1]: Hz of the edges of the mel bands."""
    low, high = (2595 * np.log10(1 + edge / 700) for edge in MEL_RANGE)
    return np.asarray(700 * (10 ** (np.linspace(low, high, MEL_BANDS + 1) / 2595) - 1))


def mel_centres() -> NDArray[np.float64]:
    """Hz of the middle of each mel band."""
    edges = mel_edges()
    return (edges[1:] + edges[:-1]) / 2


def chroma_filters(low: float, high: float) -> FloatArray:
    """[bins, 12]: which pitch class each bin of the long spectrum belongs to, softly, within a range of Hz."""
    frequencies = np.fft.rfftfreq(LONG_WINDOW, 1 / RATE)
    inside = (frequencies >= low) & (frequencies <= high)
    pitch = np.zeros(len(frequencies))
    pitch[inside] = 69 + 12 * np.log2(frequencies[inside] / 440)
    distance = (pitch[:, None] - np.arange(12) + 6) % 12 - 6
    weights = np.exp(-0.5 * (distance / 0.4) ** 2) * inside[:, None]
    per_octave = np.maximum(frequencies, low)[:, None] / low
    return np.asarray(weights / per_octave, np.float32)


def _means(values: FloatArray, starts: NDArray[np.int64]) -> FloatArray:
    """[rows, groups]: the mean of each group of columns; `starts` ends with one past the last column.

    (Sums, not a matrix product: BLAS would wake all cores for it and burn more time than it saves.)
    """
    sums = np.add.reduceat(values[:, : starts[-1]], starts[:-1], axis=1)
    return np.asarray(sums / np.diff(starts), np.float32)
