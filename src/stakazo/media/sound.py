"""Hearing a file: its loudness, its rhythm, its form, and what in it a listener would remember."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from stakazo.media import audio
from stakazo.media.energy import ENERGY_RATE, find_drops, find_levels
from stakazo.media.form import find_form, make_grid
from stakazo.media.hooks import find_hooks, name_sections
from stakazo.media.loudness import find_silences, sum_up
from stakazo.media.music import find_rhythm
from stakazo.media.rhythm import onset_strength
from stakazo.media.spectrum import FINE_RATE, Features, Spectrum
from stakazo.media.speech import speech_share
from stakazo.media.types import Curve, Loudness, MediaInfo, Sound, Span

Progress = Callable[[float], None]
QUIET = 0.05
"""Linear peak under which the meter's three decimals are too coarse: the file is then measured once more, amplified."""
NOTHING = -120.0
"""LUFS under which the meter has heard nothing at all."""


def hear(path: Path | str, info: MediaInfo | None = None, *, progress: Progress | None = None) -> Sound:
    """What can be heard in a file, in one pass over its sound.

    `info` is what probing found (which stream, where the presentation starts); `progress` is called with 0 to 1.
    Raises NothingToHear when no sound decodes, Unreadable when the file doesn't open.
    """
    path = Path(path)
    tell = progress or (lambda _: None)
    expected = info.duration if info is not None else 0.0
    spectrum, readings, samples, told = Spectrum(), [], 0, 0.0
    for block in audio.blocks(path, info):
        spectrum.feed(block.samples)
        samples += len(block.samples)
        if block.reading is not None:
            readings.append(block.reading)
        if expected and samples / audio.RATE / expected > told + 0.02:
            told = min(samples / audio.RATE / expected, 1.0)
            tell(0.9 * told)
    features = spectrum.finish()
    loudness = sum_up(readings)
    if readings and readings[-1].true_peak < QUIET and any(one.momentary > NOTHING for one in readings):
        loudness = _quiet_peak(path, info, loudness)
    sound = understand(features, loudness, samples / audio.RATE)
    tell(1.0)
    return sound


def _quiet_peak(path: Path, info: MediaInfo | None, loudness: Loudness) -> Loudness:
    boost = 60.0
    last = [block.reading for block in audio.blocks(path, info, gain=boost) if block.reading is not None][-1]
    peak = 20 * float(np.log10(max(last.true_peak, 1e-9))) - boost
    return Loudness(loudness.integrated, loudness.range, peak, loudness.momentary)


def understand(features: Features, loudness: Loudness, duration: float) -> Sound:
    """The musical sense of what was heard: pure."""
    duration = max(duration, 1 / FINE_RATE)
    rhythm = find_rhythm(features)
    silences = find_silences(loudness, duration)
    grid = make_grid(_sounding(silences, duration), rhythm.beats, rhythm.downbeats, rhythm.beats_per_bar)
    form = find_form(features, grid)
    levels = find_levels(features, loudness.momentary)
    drops = find_drops(levels, form)
    sections = name_sections(form, levels, drops)
    strength = onset_strength(features.onsets)
    return Sound(
        loudness=loudness,
        silences=silences,
        onsets=Curve(FINE_RATE, np.clip(strength, 0.0, 1.0)),
        energy=Curve(ENERGY_RATE, levels.energy),
        tempo=rhythm.tempo,
        tempo_confidence=rhythm.confidence,
        beats=tuple(float(beat) for beat in rhythm.beats),
        downbeats=tuple(float(beat) for beat in rhythm.beats[rhythm.downbeats]),
        beats_per_bar=rhythm.beats_per_bar,
        sections=sections,
        hooks=find_hooks(form, sections, levels, drops),
        drops=drops,
        speech=speech_share(features.voice) * (1.0 - rhythm.confidence),
    )


def _sounding(silences: tuple[Span, ...], duration: float) -> Span:
    """From the first sound to the last; the whole where there is none."""
    start = silences[0].end if silences and silences[0].start == 0.0 else 0.0
    end = silences[-1].start if silences and silences[-1].end >= duration else duration
    return Span(start, end) if start < end else Span(0.0, duration)
