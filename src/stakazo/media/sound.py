"""Hearing a file: its loudness, its rhythm, its form, and what in it a listener would remember."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from stakazo.media import audio
from stakazo.media.loudness import sum_up
from stakazo.media.spectrum import RATE, Spectrum
from stakazo.media.types import Loudness, MediaInfo, Sound
from stakazo.media.understand import understand

Progress = Callable[[float], None]
QUIET = 0.05
"""Linear peak under which the meter's three decimals are too coarse: the file is then measured once more, amplified."""
NOTHING = -120.0
"""LUFS under which the meter has heard nothing at all."""


def hear(path: Path, info: MediaInfo, *, progress: Progress | None = None) -> Sound:
    """What can be heard in a file, in one pass over its sound.

    `info` is what probing found (which stream, where the presentation starts); `progress` is called with 0 to 1.
    Raises NothingToHear when no sound decodes, Unreadable when the file doesn't open.
    """
    tell = progress or (lambda _: None)
    expected = info.duration
    spectrum, readings, samples, told = Spectrum(), [], 0, 0.0
    for block in audio.blocks(path, info):
        spectrum.feed(block.samples)
        samples += len(block.samples)
        if block.reading is not None:
            readings.append(block.reading)
        if expected and samples / RATE / expected > told + 0.02:
            told = min(samples / RATE / expected, 1.0)
            tell(0.9 * told)
    features = spectrum.finish()
    loudness = sum_up(readings)
    if readings and readings[-1].true_peak < QUIET and any(one.momentary > NOTHING for one in readings):
        loudness = _quiet_peak(path, info, loudness)
    sound = understand(features, loudness, samples / RATE)
    tell(1.0)
    return sound


def _quiet_peak(path: Path, info: MediaInfo, loudness: Loudness) -> Loudness:
    boost = 60.0
    last = [block.reading for block in audio.blocks(path, info, gain=boost) if block.reading is not None][-1]
    peak = 20 * float(np.log10(max(last.true_peak, 1e-9))) - boost
    return Loudness(loudness.integrated, loudness.range, peak, loudness.momentary)
