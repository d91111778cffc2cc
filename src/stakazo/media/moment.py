"""The moment that shows a clip best: its thumbnail. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stakazo.media.timeline import RATE, Timeline, distance
from stakazo.media.types import Span

FLASH = 0.08
"""Change of mean luma against the second around it from which a frame belongs to a flash."""


def best_time(timeline: Timeline, span: Span) -> float:
    """The moment that shows the stretch best: sharp, well lit, a face where there is one, not in a transition."""
    start = min(span.start + 0.2, (span.start + span.end) / 2)
    count = max(int((span.end - 0.2 - start) * RATE), 1)
    offset = 0.5 if count > 1 else 0.0
    times = start + (np.arange(count, dtype=np.float64) + offset) / RATE
    worth = np.zeros(count)
    if timeline.sharpness is not None and timeline.brightness is not None and timeline.colour is not None:
        sharp = timeline.sharpness.at(times)
        light = timeline.brightness.at(times)
        colour = timeline.colour.at(times)
        worth += 1.0 * _within(sharp) + 0.4 * _within(colour)
        worth += 0.8 * np.clip(1.0 - np.abs(light - 0.48) / 0.4, 0.0, 1.0) - 2.0 * (light <= 0.1) - (light >= 0.92)
        worth -= 2.0 * _flashing(timeline.brightness.values)[(times * RATE).astype(np.intp).clip(0, timeline.ticks - 1)]
    if timeline.motion is not None:
        worth -= 0.4 * _within(timeline.motion.at(times))  # what moves fast is blurred
    if timeline.faces is not None:
        present, size = timeline.faces
        worth += present.at(times) * (0.6 + 0.8 * np.clip(size.at(times) / 0.35, 0.0, 1.0))
    if timeline.subject is not None:
        worth += 0.4 * timeline.subject.at(times)
    worth -= 1.5 * (distance(times, timeline.cuts) < 0.25)
    worth -= 1.5 * (distance(times, timeline.dissolves) < 0.7)
    worth -= 3.0 * timeline.dead.at(times)
    return float(times[int(np.argmax(worth))])


def _flashing(light: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The ticks in or beside a flash: far from what is usual around them."""
    padded = np.pad(light, 5, mode="edge")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 11), axis=1)
    flash = np.abs(light - usual) > FLASH
    return np.convolve(flash, np.ones(3), mode="same") > 0


def _within(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values between the lowest (0) and the highest (1) of the stretch."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high - low > 1e-6 else np.full(len(values), 0.5)
