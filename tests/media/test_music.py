"""The musical ear on songs whose truth is known, and on sounds that are no music."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from stakazo.media.energy import Levels
from stakazo.media.form import Form, Grid, find_form, make_grid, same_music, segment
from stakazo.media.hooks import find_hooks, name_sections, returned
from stakazo.media.loudness import METER_RATE
from stakazo.media.metre import find_metre, follow
from stakazo.media.music import find_rhythm, tempo_of
from stakazo.media.spectrum import FINE_RATE, RATE, Features, Spectrum
from stakazo.media.speech import speech_share
from stakazo.media.types import Curve, Loudness, Sound, Span
from stakazo.media.understand import understand

Samples = NDArray[np.float64]


@cache
def songs() -> ModuleType:
    """The bench's songs: bench is no package, so it is loaded by its path."""
    path = Path(__file__).resolve().parents[2] / "bench" / "songs.py"
    spec = importlib.util.spec_from_file_location("bench_songs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_songs"] = module
    spec.loader.exec_module(module)
    return module


def features(samples: Samples) -> Features:
    spectrum = Spectrum()
    for first in range(0, len(samples), 2205):
        spectrum.feed(samples[first : first + 2205].astype(np.float32))
    return spectrum.finish()


def understood(samples: Samples) -> Sound:
    """As `hear` would, with a loudness curve by plain power (the real meter has its own tests)."""
    block = int(RATE / METER_RATE)
    power = (samples[: len(samples) // block * block].reshape(-1, block) ** 2).mean(axis=1)
    momentary = np.maximum(10 * np.log10(power + 1e-9), -70).astype(np.float32)
    loudness = Loudness(float(np.median(np.append(momentary, -70.0))), 5.0, -1.0, Curve(METER_RATE, momentary))
    return understand(features(samples), loudness, len(samples) / RATE)


@cache
def song(style: str, tempo: float, metre: int, form: str, swing: float = 0.0, drift: float = 0.0):
    bench = songs()
    plan = {
        "club": (("intro", 4), ("break", 4), ("build", 4), ("drop", 8), ("break", 4), ("build", 4), ("drop", 8)),
        "pop": (("intro", 4), ("verse", 8), ("chorus", 8), ("verse", 8), ("chorus", 8), ("outro", 4)),
        "short": (("verse", 8), ("chorus", 8)),
    }[form]
    samples, truth = bench.render(bench.Song("test", 5, tempo, metre, style, swing, drift, plan))
    return samples, truth, understood(samples)


def agreement(found: Iterable[float], truth: Iterable[float], tolerance: float) -> float:
    """F-measure: each truth is found at most once."""
    left, hits = list(truth), 0
    count = len(left)
    for one in found:
        count += 1
        near = [other for other in left if abs(other - one) <= tolerance]
        if near:
            left.remove(min(near, key=lambda other: abs(other - one)))
            hits += 1
    return 2 * hits / max(count, 1)


def clicks(times: Iterable[float], seconds: float) -> Samples:
    samples = np.zeros(int(seconds * RATE))
    click = np.sin(2 * np.pi * 1000 * np.arange(400) / RATE) * np.exp(-np.arange(400) / 80)
    for time in times:
        first = int(time * RATE)
        samples[first : first + 400] += click[: len(samples) - first]
    return samples


# --- beats --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tempo", [75, 100, 120, 133.3, 150, 170])
def test_clicks_are_heard_at_their_tempo_and_on_their_times(tempo: float):
    times = np.arange(0.3, 29.5, 60 / tempo)
    rhythm = find_rhythm(features(clicks(times, 30)))
    assert rhythm.tempo == pytest.approx(tempo, rel=0.005)
    assert agreement(rhythm.beats, times, 0.03) > 0.97
    assert rhythm.confidence > 0.7


def test_beats_follow_a_tempo_that_drifts():
    periods = 0.5 * (1 + 0.06 * np.sin(np.arange(80) / 12))
    times = 0.4 + np.concatenate([[0], np.cumsum(periods)])
    rhythm = find_rhythm(features(clicks(times, times[-1] + 1)))
    assert agreement(rhythm.beats, times, 0.05) > 0.95


@pytest.mark.parametrize(
    ("style", "tempo", "metre", "swing", "drift"),
    [
        ("rock", 118, 4, 0.0, 0.015),
        ("house", 126, 4, 0.0, 0.0),
        ("waltz", 140, 3, 0.0, 0.0),
        ("breaks", 92, 4, 0.25, 0.0),
    ],
)
def test_beats_and_bars_of_a_band(style: str, tempo: float, metre: int, swing: float, drift: float):
    _, truth, sound = song(style, tempo, metre, "short", swing, drift)
    assert sound.tempo == pytest.approx(truth.tempo, rel=0.02)
    assert sound.beats_per_bar == metre
    assert agreement(sound.beats, truth.beats, 0.07) > 0.9
    assert agreement(sound.downbeats, truth.downbeats, 0.07) > 0.85
    assert set(sound.downbeats) <= set(sound.beats)
    assert list(sound.beats) == sorted(sound.beats)


def test_a_pulse_caught_on_the_off_beat_is_put_right():
    samples, truth, _ = song("rock", 118, 4, "short", 0.0, 0.015)
    off = truth.beats[:-1] + np.diff(truth.beats) / 2
    metre = find_metre(features(samples), off)
    assert agreement(metre.beats, truth.beats, 0.07) > 0.9


def test_counting_goes_on_after_a_lost_beat():
    places = np.full((80, 8), -1.0, np.float32)
    for i in range(80):
        places[i, (i if i < 41 else i + 2) % 8] = 4.0  # at 41, one beat is missing
    count, _ = follow(places)
    assert list(count[:41]) == [i % 8 for i in range(41)]
    assert list(count[41:]) == [(i + 2) % 8 for i in range(41, 80)]


def test_the_tempo_is_finer_than_the_grid_of_frames():
    beats = np.round(np.arange(60) * 60 / 123.4 * FINE_RATE) / FINE_RATE
    assert tempo_of(beats) == pytest.approx(123.4, abs=0.3)


# --- what is no music ---------------------------------------------------------------------------------------


def noise() -> Samples:
    return np.random.default_rng(3).normal(0, 0.1, 20 * RATE)


def talk() -> Samples:
    """Syllables of uneven length and loudness with pauses: the rhythm of speech."""
    rng = np.random.default_rng(4)
    samples, time = np.zeros(20 * RATE), 0.2
    while time < 19:
        for _ in range(int(rng.integers(3, 9))):
            length = float(rng.uniform(0.09, 0.2))
            t = np.arange(int(length * RATE)) / RATE
            voice = sum(np.sin(2 * np.pi * 130 * rng.uniform(0.97, 1.03) * k * t) / k for k in range(2, 15))
            first = int(time * RATE)
            part = samples[first : first + len(t)]
            part += (rng.uniform(0.3, 1) * voice * np.sin(np.pi * t / length) ** 2)[: len(part)]
            time += length + float(rng.uniform(0.01, 0.09))
        time += float(rng.uniform(0.25, 0.8))
    return 0.1 * samples


def swell() -> Samples:
    """An organ note that comes and goes: no beat at all, loudest between 10 and 15 s."""
    t = np.arange(20 * RATE) / RATE
    loud = 0.05 + 0.5 * np.exp(-0.5 * ((t - 12.5) / 2) ** 2)
    return loud * sum(np.sin(2 * np.pi * 110 * k * t) / k for k in (1, 2, 3))


@pytest.mark.parametrize("sound", [noise, talk, swell])
def test_without_a_steady_beat_there_is_no_tempo_but_still_form_and_hooks(sound: Callable[[], Samples]):
    heard = understood(sound())
    assert heard.tempo is None
    assert heard.beats == ()
    assert heard.downbeats == ()
    assert heard.drops == ()
    assert heard.sections[0].start < 1
    assert heard.sections[-1].end == pytest.approx(20, abs=1.0)
    assert {section.label for section in heard.sections} <= {"intro", "outro", "part"}
    assert heard.hooks


def test_without_a_beat_the_hook_is_the_strongest_passage():
    best = understood(swell()).hooks[0]
    assert best.span.overlap(Span(10, 15)) > 4


def test_silence_is_understood_as_nothing():
    heard = understood(np.zeros(10 * RATE))
    assert heard.tempo is None
    assert heard.hooks == ()
    assert heard.energy.values.max() == 0
    assert heard.speech == 0


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.3, 1.0, 2.5])
def test_a_moment_of_sound_is_enough_to_be_understood(seconds: float):
    heard = understood(0.1 * np.random.default_rng(1).normal(0, 1, int(seconds * RATE)))
    assert heard.tempo is None
    assert len(heard.sections) == 1


def test_talk_is_like_speech_and_music_is_not():
    assert speech_share(features(talk()).voice) > 0.6
    assert speech_share(features(noise()).voice) < 0.1
    assert song("rock", 118, 4, "short", 0.0, 0.015)[2].speech < 0.1


# --- form ---------------------------------------------------------------------------------------------------


def test_sections_begin_where_the_song_changes():
    _, truth, sound = song("rock", 118, 4, "pop")
    found = [section.start for section in sound.sections[1:]]
    assert agreement(found, [start for start, _, _ in truth.sections[1:]], 0.5) > 0.75
    for one, other in zip(sound.sections, sound.sections[1:], strict=False):
        assert one.end == other.start
    assert all(min(abs(start - down) for down in sound.downbeats) < 0.1 for start in found)


def test_what_returns_has_the_same_letter_and_the_chorus_is_named():
    _, truth, sound = song("rock", 118, 4, "pop")
    choruses = [Span(start, end) for start, end, label in truth.sections if label == "chorus"]
    named = [max(sound.sections, key=lambda section: section.span.overlap(chorus)) for chorus in choruses]
    assert [section.label for section in named] == ["chorus", "chorus"]
    assert named[0].letter == named[1].letter


def test_the_best_hook_is_a_chorus_and_starts_with_it():
    _, truth, sound = song("rock", 118, 4, "pop")
    best = sound.hooks[0]
    assert min(abs(best.start - start) for start, _ in truth.hooks) < 0.5
    assert 6 <= best.span.duration <= 20
    assert "comes back" in best.reason
    assert [hook.score for hook in sound.hooks] == sorted((hook.score for hook in sound.hooks), reverse=True)


def test_a_passage_that_returns_is_known_from_one_that_does_not():
    kinds = np.repeat([0, 1, 0, 2, 0], 4)
    likeness = np.where(kinds[:, None] == kinds, 0.9, -0.2).astype(np.float32)
    assert returned(likeness, 0, 4) == (pytest.approx(1.0), 2)
    assert returned(likeness, 4, 4)[0] < 0.1
    assert returned(likeness, 4, 4)[1] == 0


def test_of_two_loud_passages_the_one_that_returns_is_the_hook():
    edges = np.arange(0, 81, 2.0)
    kinds = np.repeat([0, 1, 2, 1, 3], 8)
    likeness = np.where(kinds[:, None] == kinds, 0.9, -0.2).astype(np.float32)
    form = Form(Grid(edges, 4, metric=True), (0, 8, 16, 24, 32, 40), ("A", "B", "C", "B", "D"), likeness)
    loud = np.repeat([0.5, 0.9, 1.0, 0.9, 0.5], 64).astype(np.float32)
    levels = Levels(loud, np.full(320, -10.0, np.float32), loud)
    sections = name_sections(form, levels, ())
    best = find_hooks(form, sections, levels, ())[0]
    assert best.start in {16.0, 48.0}
    assert [section.label for section in sections] == ["intro", "chorus", "part", "chorus", "outro"]


def test_drops_are_found_after_build_ups():
    _, truth, sound = song("house", 126, 4, "club")
    assert agreement(sound.drops, truth.drops, 0.5) == 1.0
    assert any(hook.reason.startswith("the drop") for hook in sound.hooks[:2])
    assert {"drop", "break"} <= {section.label for section in sound.sections}


def test_energy_is_highest_in_the_drop_and_low_in_the_break():
    _, truth, sound = song("house", 126, 4, "club")
    level = {label: float(sound.energy.within(Span(start + 1, end - 1)).mean()) for start, end, label in truth.sections}
    assert level["drop"] > 1.5 * level["break"]
    assert float(sound.energy.values.max()) == pytest.approx(1.0)
    assert float(sound.energy.values.min()) >= 0.0


def test_a_long_piece_is_looked_at_in_coarser_units():
    beats = np.arange(0, 7200, 0.45)
    grid = make_grid(Span(0, 7200), beats, np.arange(0, len(beats), 4), 4)
    assert grid.units <= 1300
    assert np.all(np.diff(grid.edges) > 0)


def test_boundaries_fall_between_blocks_and_rather_on_phrases():
    kinds = np.repeat([0, 1, 0], [8, 8, 16])
    vectors = np.eye(2)[kinds] - np.eye(2)[kinds].mean(axis=0)
    gram = vectors @ vectors.T
    gram = gram / np.trace(gram) * len(gram)
    assert segment(gram, np.zeros(len(gram), np.float32), metric=True) == (0, 8, 16, 32)


def test_letters_tell_same_music_from_other_music():
    kinds = np.repeat([0, 1, 0], [8, 8, 8])
    alike = np.where(kinds[:, None] == kinds, 1.0, -0.5).astype(np.float32)
    assert same_music((0, 8, 16, 24), alike, alike) == ("A", "B", "A")


def test_the_form_of_a_tone_that_never_changes_is_one_part():
    tone = 0.2 * np.sin(2 * np.pi * 220 * np.arange(30 * RATE) / RATE)
    form: Form = find_form(features(tone), make_grid(Span(0, 30), np.zeros(0), np.zeros(0, np.int64), 4))
    assert len(form.letters) <= 2  # its abrupt beginning may count
