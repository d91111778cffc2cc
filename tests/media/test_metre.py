"""The single rules by which bars, beats and tempi are told, each on its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stakazo.media.metre import evidence, find_metre, place_evidence, repetition
from stakazo.media.rhythm import (
    from_first_to_last,
    octave_score,
    tempo_path,
)
from stakazo.media.spectrum import COARSE, FINE_RATE, MEL_BANDS, Features
from stakazo.media.types import FloatArray

PERIOD = 0.5
"""Seconds from beat to beat."""


def flat(seconds: float = 40.0) -> Features:
    """A piece in which nothing changes."""
    fine = int(seconds * FINE_RATE)
    ones = np.ones((fine // COARSE, 12), np.float32)
    none = np.zeros((fine, 4), np.float32)
    return Features(none, none, np.zeros(fine, np.float32), np.ones((len(ones), MEL_BANDS), np.float32), ones, ones)


def beats(features: Features) -> np.ndarray:
    return np.arange(0.25, features.duration - PERIOD, PERIOD)


def struck(features: Features, times: np.ndarray, band: int) -> FloatArray:
    """Accents at these times in one band alone."""
    accents = np.zeros_like(features.accents)
    accents[np.round(times * FINE_RATE).astype(int), band] = 1.0
    return accents


def test_a_bar_begins_where_the_bass_moves():
    piece = flat()
    pulse = beats(piece)
    notes = np.zeros_like(piece.bass)
    for i in range(len(notes)):
        beat = (i * COARSE / FINE_RATE - pulse[0]) / PERIOD
        notes[i, int((beat - 2) // 4) * 5 % 12] = 1.0  # another note on the third beat, the seventh ..
    metre = find_metre(replace(piece, bass=notes), pulse)
    assert metre.beats_per_bar == 4
    assert np.allclose(metre.beats, pulse)
    assert set((metre.downbeats % 4).tolist()) == {2}


def test_an_answer_is_a_snare_without_a_kick():
    piece = flat()
    pulse = beats(piece)
    halves = np.arange(pulse[0], pulse[-1], PERIOD / 2)
    kick = struck(piece, pulse[0::2], 0)
    snare = struck(piece, pulse[1::2], 2)
    _, _, answer = evidence(replace(piece, accents=kick + snare), halves)
    assert answer[2::4].min() > 0.3
    assert answer[0::4].max() < -0.3


def test_answers_belong_on_two_and_four_and_beats_between_off_beats():
    none, some = np.zeros(1, np.float32), np.ones(1, np.float32)
    four = place_evidence(none, none, some, 4)[0]
    assert list(np.flatnonzero(four > 0)) == [2, 6]
    assert not place_evidence(none, none, some, 3).any()
    on = place_evidence(none, some, none, 4)[0]
    assert on[0::2].min() > 0 > on[1::2].max()


@pytest.mark.parametrize("size", [3, 4])
def test_what_repeats_after_a_bar_tells_its_size(size: int):
    piece = flat()
    pulse = beats(piece)
    piece = replace(piece, onsets=struck(piece, pulse[::size], 0))
    assert repetition(piece, pulse, size) > repetition(piece, pulse, 7 - size) + 0.5


def test_where_nothing_tells_a_bar_has_four_beats():
    assert find_metre(flat(), beats(flat())).beats_per_bar == 4


# --- tempo --------------------------------------------------------------------------------------------------


def test_of_two_levels_alike_the_one_people_tap_is_the_beat():
    frames = np.arange(0, 2000, 40)
    strength = np.zeros(2000, np.float32)
    strength[frames] = 1.0
    usual, slow, fast = (octave_score(strength, strength, frames, tempo) for tempo in (118.0, 60.0, 200.0))
    assert usual > 1.5 * slow
    assert usual > 1.3 * fast


def test_a_pulse_whose_every_other_beat_is_light_is_twice_too_fast():
    frames = np.arange(0, 2000, 40)
    strength, limping = np.zeros(2000, np.float32), np.zeros(2000, np.float32)
    strength[frames], limping[frames[::2]] = 1.0, 1.0
    assert octave_score(strength, limping, frames, 118.0) < 0.6 * octave_score(strength, strength, frames, 118.0)


def test_beats_go_from_the_first_clear_onset_to_the_last():
    strength = np.zeros(2000, np.float32)
    strength[200:1601:40] = 1.0
    found = from_first_to_last(strength, np.arange(320, 1921, 40))
    assert list(found) == list(range(200, 1601, 40))


def test_one_odd_second_does_not_bend_the_tempo():
    tempi = np.geomspace(100, 140, 41).astype(np.float32)
    gram = np.zeros((20, 41), np.float32)
    gram[:, 20] = 1.0
    gram[10, 20], gram[10, 28] = 0.0, 1.0
    assert set(tempo_path(gram, tempi, float(tempi[20]))) == {20}
