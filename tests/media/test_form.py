"""The single rules by which sections, hooks and drops are told, each on its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stakazo.media.energy import ENERGY_RATE, Levels, find_drops
from stakazo.media.form import Form, Grid, find_form, make_grid, same_music, segment
from stakazo.media.hooks import find_hooks, name_sections
from stakazo.media.spectrum import COARSE, FINE_RATE, MEL_BANDS, Features
from stakazo.media.types import FloatArray, Span

BAR = 2.0


def bars(kinds: list[int]) -> Form:
    """A piece of two-second bars, one letter per run of the same kind; bars of one kind are alike."""
    ends = [i for i in range(1, len(kinds)) if kinds[i] != kinds[i - 1]]
    bounds = (0, *ends, len(kinds))
    letters = tuple("ABCDEFG"[kinds[first]] for first in bounds[:-1])
    row = np.array(kinds)
    likeness = np.where(row[:, None] == row, 0.9, -0.2).astype(np.float32)
    return Form(Grid(BAR * np.arange(len(kinds) + 1, dtype=np.float64), 4, metric=True), bounds, letters, likeness)


def levels(energy: list[float], *, low: list[float] | None = None, busy: list[float] | None = None) -> Levels:
    """One value per bar."""

    def curve(values: list[float]) -> FloatArray:
        return np.repeat(np.array(values, np.float32), int(BAR * ENERGY_RATE))

    return Levels(curve(energy), curve(low or [-10.0] * len(energy)), curve(busy or energy))


# --- form ---------------------------------------------------------------------------------------------------


def sounding(kinds: list[int]) -> Features:
    """Bars that differ in timbre alone: each kind sounds in other bands."""
    fine = int(len(kinds) * BAR * FINE_RATE) + 2 * COARSE
    count = fine // COARSE
    ones, none = np.ones((count, 12), np.float32), np.zeros((fine, 4), np.float32)
    mel = np.full((count, MEL_BANDS), 1e-6, np.float32)
    for i in range(count):
        kind = kinds[min(int(i * COARSE / FINE_RATE / BAR), len(kinds) - 1)]
        mel[i, 10 * kind : 10 * kind + 10] = 1.0
    return Features(none, none, np.zeros(fine, np.float32), mel, ones, ones)


def test_a_section_begins_where_the_timbre_changes():
    kinds = [0] * 8 + [1] * 8 + [0] * 8
    grid = make_grid(Span(0, 48), np.arange(0, 48, BAR / 4), np.arange(0, 96, 4), 4)
    assert find_form(sounding(kinds), grid).bounds == (0, 8, 16, 24)


def playing(chords: list[int]) -> Features:
    """Bars that differ in their harmony alone: one note each."""
    piece = sounding([0] * len(chords))
    bar = (np.arange(len(piece.chroma)) * COARSE / FINE_RATE / BAR).astype(int)
    return replace(piece, chroma=np.eye(12, dtype=np.float32)[np.array(chords)[np.minimum(bar, len(chords) - 1)]])


def test_a_phrase_that_returns_parts_a_piece_whose_sound_never_changes():
    grid = make_grid(Span(0, 64), np.arange(0, 64, BAR / 4), np.arange(0, 128, 4), 4)
    theme, *others = (np.random.default_rng(seed).permutation(8).tolist() for seed in range(4))
    assert 8 in find_form(playing(theme + others[0] + theme + others[1]), grid).bounds
    assert find_form(playing(theme + others[0] + others[1] + others[2]), grid).bounds == (0, 32)


def test_a_section_heard_again_in_part_is_the_same_music_wherever_the_part_lies():
    chords = [0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7]  # the second section is the second half of the first
    row = np.array(chords)
    harmony = np.where(row[:, None] == row, 1.0, 0.0).astype(np.float32)
    timbre = np.full((12, 12), 0.5, np.float32)
    assert same_music((0, 8, 12), harmony, timbre) == ("A", "A")
    assert same_music((0, 8, 12), np.roll(harmony, 1, axis=1), timbre) == ("A", "B")


def test_what_is_short_must_be_more_alike_to_be_the_same_music():
    alike = np.full((12, 12), 0.6, np.float32)
    assert same_music((0, 8, 12), alike, alike) == ("A", "A")
    assert same_music((0, 8, 10), alike, alike) == ("A", "B")


@pytest.mark.parametrize(("size", "bounds"), [(2, (0, 22)), (5, (0, 10, 15, 25))])
def test_a_bar_or_two_that_differ_a_little_are_no_section(size: int, bounds: tuple[int, ...]):
    kinds = np.repeat([0, 1, 0], [10, size, 10])
    vectors = np.eye(2)[kinds] - np.eye(2)[kinds].mean(axis=0)
    gram = vectors @ vectors.T
    little = 6.2 * gram / np.trace(gram)  # just over the price of two boundaries
    assert segment(little, np.zeros(len(gram), np.float32), metric=False) == bounds


# --- hooks --------------------------------------------------------------------------------------------------

VERSES = [0] * 8 + [1] * 8 + [0] * 8 + [1] * 8


@pytest.mark.parametrize("loud", [0, 1])
def test_of_two_passages_that_return_the_louder_is_the_hook_and_the_chorus(loud: int):
    form = bars(VERSES)
    swell = levels([1.0 if kind == loud else 0.6 for kind in VERSES])
    sections = name_sections(form, swell, ())
    assert {section.letter for section in sections if section.label == "chorus"} == {"AB"[loud]}
    plain = tuple(replace(section, label="part") for section in sections)
    best = find_hooks(form, plain, swell, ())[0]
    assert VERSES[int(best.start / BAR)] == loud


def test_what_returns_but_is_weaker_than_the_rest_is_no_chorus():
    kinds = [0] * 8 + [1] * 8 + [0] * 8 + [2] * 8
    swell = levels([0.5 if kind == 0 else 1.0 for kind in kinds])
    assert "chorus" not in {section.label for section in name_sections(bars(kinds), swell, ())}


def test_of_two_passages_alike_the_one_at_the_drop_is_the_hook():
    form, swell = bars(VERSES), levels([0.8] * 32)
    plain = tuple(replace(section, label="part") for section in name_sections(form, swell, ()))
    for start in (16.0, 32.0):
        best = find_hooks(form, plain, swell, (start,))[0]
        assert best.start == start
        assert best.reason.startswith("the drop")


# --- drops --------------------------------------------------------------------------------------------------


def test_bass_that_comes_back_at_full_strength_is_a_drop_and_at_half_strength_is_none():
    form = bars([0] * 8 + [1] * 8 + [2] * 8 + [3] * 8)
    low = [-10.0] * 8 + [-40.0] * 8 + [-10.0] * 16
    full = levels([1.0] * 8 + [0.4] * 8 + [1.0] * 16, low=low)
    assert find_drops(full, form) == (32.0,)
    half = levels([1.0] * 8 + [0.4] * 8 + [0.7] * 8 + [1.0] * 8, low=low)
    assert 32.0 not in find_drops(half, form)


def test_a_crowded_build_up_that_ends_in_fewer_heavier_events_is_a_drop():
    form = bars([0] * 8 + [1] * 8 + [2] * 8)
    calm, crowd, after = [0.3] * 8, [0.5] * 4 + [1.0] * 4, [0.5] * 8
    energy = [0.5] * 8 + [0.8] * 8 + [1.0] * 8
    low = [-14.0] * 16 + [-10.5] * 8
    assert find_drops(levels(energy, low=low, busy=calm + crowd + after), form) == (32.0,)
    assert find_drops(levels(energy, low=low, busy=[0.5] * 24), form) == ()
