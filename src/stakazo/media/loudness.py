"""Loudness after ITU-R BS.1770-4 and EBU R 128, from the meter's readings, and the silences between. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stakazo.media.types import Curve, Loudness, Span

METER_RATE = 10.0
"""Readings per second."""
SILENCE = -70.0
"""LUFS: the absolute gate; nothing is quieter than this."""
AHEAD = 1
"""A momentary value covers the 400 ms before it; as many readings earlier stands its middle, rounded down."""
FULL = 3
"""Readings before the first 400 ms are complete: they say what the first complete one says."""
FLOOR, CEILING, BELOW = -60.0, -40.0, 30.0
"""Silence is this many LU under the whole, but never over CEILING or under FLOOR (LUFS)."""
LEAST = 0.4
"""Seconds of the shortest silence."""

FLOATS = ("pcm_f", "wavpack", "als")
"""How the names of codecs begin that carry numbers as they are: also those that are none, and infinite ones."""
FINITE = "exprs='if(isnan(val(ch)),0,clip(val(ch),-16,16))':c=same"
"""The options of FFmpeg's filter `aeval` that leave only what can be measured and encoded: up to 24 dB over full
scale."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The loudness meter after a tenth of a second."""

    momentary: float
    """LUFS of the last 400 ms."""
    integrated: float
    """LUFS from the beginning to here."""
    range: float
    """LU from the beginning to here."""
    true_peak: float
    """The highest so far, linear: 1 is full scale."""


def sum_up(readings: list[Reading]) -> Loudness:
    """The loudness of the whole, from a reading every tenth of a second."""
    if not readings:
        return Loudness(SILENCE, 0.0, SILENCE, Curve(METER_RATE, np.zeros(0, np.float32)))
    last = readings[-1]
    momentary = np.fmax(np.array([reading.momentary for reading in readings], np.float32), SILENCE)
    momentary[:FULL] = momentary[min(FULL, len(momentary) - 1)]
    centred = np.append(momentary[AHEAD:], np.repeat(momentary[-1:], AHEAD)).astype(np.float32)
    peak = 20 * float(np.log10(last.true_peak)) if last.true_peak > 0 else 2 * SILENCE
    return Loudness(max(last.integrated, SILENCE), last.range, peak, Curve(METER_RATE, centred))


def find_silences(loudness: Loudness, duration: float) -> tuple[Span, ...]:
    """Where nothing is heard, for at least 0.4 s."""
    values = loudness.momentary.values
    threshold = float(np.clip(loudness.integrated - BELOW, FLOOR, CEILING))
    quiet = np.concatenate([[False], values < threshold, [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    spans = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        start = 0.0 if first == 0 else first / METER_RATE - 0.2
        end = duration if last == len(values) else (last - 1) / METER_RATE + 0.2
        if end - start >= LEAST:
            spans.append(Span(max(start, 0.0), min(end, duration)))
    return tuple(spans)
