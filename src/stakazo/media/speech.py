"""How much of a sound is like speech, by the rhythm of its energy alone. Pure.

Speech comes in syllables, three to six a second, with pauses between words; music goes on, and repeats itself evenly.
(Scheirer and Slaney 1997: 4 Hz modulation, share of low-energy frames.)
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from stakazo.media.spectrum import FINE_RATE
from stakazo.media.types import FloatArray

WINDOW = 2.0
"""Seconds that are judged at a time."""
SILENT = 1e-7
"""Mean power under which nothing is said."""


def speech_share(voice: FloatArray) -> float:
    """0 to 1: the share of what sounds that is like speech. `voice` is the power of the voice band, per fine frame."""
    size = round(WINDOW * FINE_RATE)
    if len(voice) < size:
        return 0.0
    windows = sliding_window_view(voice, size)[:: size // 2]
    power = windows.mean(axis=1)
    loud = power > max(SILENT, float(np.median(power)) * 0.01)
    if not loud.any():
        return 0.0
    return float(speechlike(windows[loud]).mean())


def speechlike(windows: FloatArray) -> FloatArray:
    """[windows]: 0 to 1 for each stretch of voice-band power."""
    level = 10 * np.log10(windows + 1e-9)
    level = np.maximum(level, level.max(axis=1, keepdims=True) - 40)
    low = (windows < 0.25 * windows.mean(axis=1, keepdims=True)).mean(axis=1)
    depth = np.percentile(level, 90, axis=1) - np.percentile(level, 10, axis=1)
    shape = np.hanning(windows.shape[1])
    spectrum = np.abs(np.fft.rfft((level - level.mean(axis=1, keepdims=True)) * shape, axis=1)) ** 2
    rates = np.fft.rfftfreq(windows.shape[1], 1 / FINE_RATE)
    all_rates = spectrum[:, (rates > 0.4) & (rates < 30)].sum(axis=1)
    syllables = spectrum[:, (rates >= 2.0) & (rates <= 8.0)].sum(axis=1) / (all_rates + 1e-9)
    score = 6.0 * (low - 0.35) + 0.12 * (depth - 18.0) + 3.0 * (syllables - 0.5)
    return np.asarray(1 / (1 + np.exp(-2.0 * score)), np.float32)
