"""The beat of a piece with its bars: the level of the metre that rhythm and harmony agree on. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stakazo.media.metre import find_metre
from stakazo.media.rhythm import STEADY, find_pulses, onset_strength
from stakazo.media.spectrum import FINE_RATE, Features

WORTH_A_LOOK = 0.4
"""Twice or half the most salient tempo is considered from this share of its salience on."""
HARMONY_WEIGHT = 1.5
"""How much the fit of the bars counts against the salience of the pulse."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Beats and bars, or none: then tempo is None."""

    tempo: float | None
    confidence: float
    beats: NDArray[np.float64]
    """Seconds."""
    downbeats: NDArray[np.int64]
    """Indices of beats."""
    beats_per_bar: int


def find_rhythm(features: Features) -> Rhythm:
    """The beat and the bars of a piece."""
    pulses = find_pulses(onset_strength(features.onsets), features.accents)
    steady = max((pulse.confidence for pulse in pulses), default=0.0)
    if steady < STEADY:
        return Rhythm(None, steady, np.zeros(0), np.zeros(0, np.int64), 4)
    readings = []
    for pulse in pulses:
        octaves = float(np.log2(pulse.tempo / pulses[0].tempo))
        if pulse.salience >= WORTH_A_LOOK * pulses[0].salience and abs(octaves - round(octaves)) < 0.1:
            metre = find_metre(features, pulse.frames / FINE_RATE)
            readings.append((pulse.salience * float(np.exp(HARMONY_WEIGHT * metre.fit)), pulse, metre))
    _, pulse, metre = max(readings, key=lambda reading: reading[0])
    return Rhythm(tempo_of(metre.beats), pulse.confidence, metre.beats, metre.downbeats, metre.beats_per_bar)


def tempo_of(beats: NDArray[np.float64]) -> float:
    """Beats per minute, finer than the grid of frames: the usual distance over eight beats, or over half of a few."""
    far = 8 if len(beats) > 24 else max(len(beats) // 2, 1)
    return 60 * far / float(np.median(beats[far:] - beats[:-far]))
