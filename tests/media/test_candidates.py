from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np
import pytest

from stakazo.media.candidates import FLASH_AFTER, FLASH_BEFORE, points, whole, windows
from stakazo.media.choice import ClipRules, Window
from stakazo.media.errors import NothingToSee, TooShort
from stakazo.media.timeline import Timeline, runs
from stakazo.media.types import Analysis, Span

Film = Callable[..., Analysis]
RULES = ClipRules()


def found(analysis: Analysis, rules: ClipRules = RULES) -> tuple[Window, ...]:
    return windows(Timeline(analysis), rules)


def test_in_music_windows_start_and_end_on_bars_and_cuts(song: Analysis):
    starts = {window.starts_on for window in found(song)}
    assert "bar" in starts
    on_bars = [window for window in found(song) if window.starts_on == window.ends_on == "bar"]
    assert len(on_bars) > 20
    assert song.sound
    downbeats = np.array(song.sound.downbeats)
    for window in on_bars:
        assert np.abs(downbeats - window.start).min() < 0.2
        assert round(window.span.duration / 2.0, 3) % 1 == pytest.approx(0, abs=0.01)


def test_a_bar_and_a_cut_that_fall_together_are_cut_at_the_frame_of_the_cut(film: Film):
    cuts = [round(8.08 + 8 * index, 2) for index in range(7)]  # 80 ms after every fourth bar
    starts = {window.start for window in found(film(64.0, cuts=cuts, bpm=120.0)) if window.starts_on == "bar"}
    assert set(cuts[:-1]) & starts
    assert not {8.0, 16.0, 24.0} & starts  # there the shot before would flash up


def test_without_music_windows_follow_the_shots(film: Film):
    cuts = [5.0, 11.3, 18.2, 26.0, 33.7, 41.1, 52.0]
    both = [window for window in found(film(60.0, cuts=cuts)) if window.starts_on == window.ends_on == "shot"]
    assert both
    assert all(window.start in cuts and window.end in cuts for window in both)


def test_no_window_shows_a_sliver_of_another_shot(film: Film):
    # Every cut lies 0.3 s after or before a bar of 2 s.
    analysis = film(80.0, cuts=[t + (0.3 if t % 8 else -0.3) for t in range(4, 76, 4)], bpm=120.0)
    cuts = Timeline(analysis).cuts
    for window in found(analysis):
        ahead, behind = cuts - window.start, window.end - cuts
        assert not ((ahead > 0.01) & (ahead < FLASH_BEFORE)).any()
        assert not ((behind > 0.01) & (behind < FLASH_AFTER)).any()


@pytest.mark.parametrize("missing", ["sound", "cuts", "everything"])
def test_it_works_with_what_there_is(film: Film, missing: str):
    cuts = [] if missing in {"cuts", "everything"} else [10.0, 22.0, 37.0, 48.0]
    some = found(film(60.0, cuts=cuts, sound=missing == "cuts"))
    assert len(some) >= 5
    assert all(RULES.min_duration - 1e-6 <= window.span.duration <= RULES.max_duration + 1e-6 for window in some)


def test_a_song_without_pictures_has_windows(song: Analysis):
    only = dataclasses.replace(song, pictures=None)
    assert any(window.starts_on == "bar" for window in found(only))


def test_lengths_keep_to_the_rule(song: Analysis):
    rules = ClipRules(min_duration=10.0, max_duration=14.0, target_duration=12.0)
    lengths = {round(window.span.duration, 3) for window in found(song, rules)}
    assert lengths
    assert min(lengths) >= 10.0
    assert max(lengths) <= 14.0


def test_what_is_shorter_than_a_clip_is_taken_whole(film: Film):
    (window,) = found(film(3.0))
    assert (window.start, window.end, window.starts_on, window.ends_on) == (0.0, 3.0, "start", "end")


def test_black_at_the_ends_is_left_out_of_the_whole(film: Film):
    window = whole(Timeline(film(5.0, brightness=[(0.0, 0.7, 0.01), (4.5, 5.0, 0.01)])))
    assert (window.start, window.end) == pytest.approx((0.7, 4.5))


def test_a_file_of_black_alone_still_has_a_window(film: Film):
    (window,) = found(film(4.0, brightness=[(0.0, 4.0, 0.0)]))
    assert window.span == Span(0.0, 4.0)


@pytest.mark.parametrize(("duration", "words"), [(0.3, "0.3 s"), (0.96, "0.96 s")])
def test_too_short_is_said_with_its_length(film: Film, duration: float, words: str):
    with pytest.raises(TooShort, match=rf"lasts {words}.*at least 1 s"):
        found(film(duration))


def test_neither_pictures_nor_sound_is_refused(film: Film):
    with pytest.raises(NothingToSee):
        found(film(30.0, pictures=False, sound=False))


def test_no_window_starts_or_ends_in_black_or_lasts_through_it(film: Film):
    black = [Span(0.0, 2.0), Span(30.0, 33.0), Span(58.0, 60.0)]
    some = found(film(60.0, cuts=[10.0, 20.0, 30.0, 33.0, 45.0], brightness=[(s.start, s.end, 0.0) for s in black]))
    assert some
    for window in some:
        assert sum(window.span.overlap(span) for span in black) <= 0.15 * window.span.duration
        assert not any(span.start < window.start < span.end - 0.11 for span in black)
        assert not any(span.start + 0.11 < window.end < span.end for span in black)


def test_end_credits_are_left_out(film: Film):
    # A film of two-second shots; after black, one long text without a cut.
    cuts = [float(t) for t in range(2, 100, 2)] + [101.0]
    analysis = film(140.0, cuts=cuts, brightness=[(100.0, 101.0, 0.01)], colour=[(101, 140, 0.01)])
    assert [(span.start, span.end) for span in runs(Timeline(analysis).titles)] == [(101.0, 140.0)]
    assert all(window.end <= 101.1 for window in found(analysis))


def test_credits_without_black_before_them_are_known_by_their_look(film: Film):
    cuts = [float(t) for t in range(2, 102, 2)]
    dark = film(130.0, cuts=cuts, brightness=[(100, 130, 0.12)], colour=[(100, 130, 0.01)])
    assert [span.start for span in runs(Timeline(dark).titles)] == [100.0]
    assert all(window.end <= 100.1 for window in found(dark))
    # A last shot that is long but looks like the film is part of it.
    assert max(window.end for window in found(film(130.0, cuts=cuts))) > 110.0


def test_stills_in_a_moving_film_are_dead_but_a_film_of_stills_is_not(film: Film):
    assert Timeline(film(60.0, motion=[(20, 30, 0.0)])).still.sum() == 100
    assert not Timeline(film(60.0, motion=[(0, 60, 0.0)])).still.any()
    assert found(film(60.0, motion=[(0, 60, 0.0)]))


def test_speech_is_cut_at_pauses(film: Film):
    pauses = [Span(t, t + 0.6) for t in (9.0, 19.0, 31.0, 44.0, 52.0)]
    some = found(film(60.0, silences=pauses))
    at_pauses = [window for window in some if window.starts_on == window.ends_on == "silence"]
    assert at_pauses
    for window in at_pauses:
        assert any(pause.contains(window.start) for pause in pauses)
        assert any(pause.contains(window.end) for pause in pauses)


def test_no_clip_starts_or_ends_within_a_dissolve(film: Film):
    dissolves = [12.0, 30.0, 44.0]
    marks = points(Timeline(film(60.0, cuts=dissolves, soft=dissolves, bpm=120.0)))  # each falls on a bar
    for moment, start, end in zip(marks.times, marks.starting, marks.ending, strict=True):
        assert (start == end == 0.0) or min(abs(moment - middle) for middle in dissolves) > 0.45
    assert {12.5, 30.5, 44.5} <= set(marks.times[marks.starting > 0].tolist())
    assert {11.5, 29.5, 43.5} <= set(marks.times[marks.ending > 0].tolist())


def test_ten_minutes_of_fast_cut_music_take_little_time(film: Film):
    rng = np.random.default_rng(3)
    cuts = np.unique(np.round(np.cumsum(rng.uniform(0.5, 3.0, 400)), 2)).tolist()
    analysis = film(600.0, cuts=[cut for cut in cuts if cut < 599], bpm=174.0)
    before = time.process_time()
    assert len(found(analysis)) > 1000
    assert time.process_time() - before < 5.0  # measured: 0.15 s
