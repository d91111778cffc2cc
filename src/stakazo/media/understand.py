"""The musical sense of what was heard: rhythm, form, energy, drops and hooks. Pure."""

from __future__ import annotations

import numpy as np

from stakazo.media.energy import ENERGY_RATE, find_drops, find_levels
from stakazo.media.form import find_form, make_grid
from stakazo.media.hooks import find_hooks, name_sections
from stakazo.media.loudness import find_silences
from stakazo.media.music import find_rhythm
from stakazo.media.rhythm import onset_strength
from stakazo.media.spectrum import FINE_RATE, Features
from stakazo.media.speech import speech_share
from stakazo.media.types import Curve, Loudness, Sound, Span


def understand(features: Features, loudness: Loudness, duration: float) -> Sound:
    """All of it, of a file that lasts `duration` seconds."""
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
