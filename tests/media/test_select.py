from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from stakazo.media.candidates import windows
from stakazo.media.choice import ClipRules, Window
from stakazo.media.errors import TooShort
from stakazo.media.score import Scores
from stakazo.media.select import _diverse, choose, how_many
from stakazo.media.timeline import Timeline
from stakazo.media.types import Analysis, Box, Face, Hook, Section, Span

Film = Callable[..., Analysis]


@pytest.mark.parametrize(
    ("duration", "clips"), [(3, 1), (12, 1), (20, 2), (30, 3), (60, 3), (120, 6), (240, 8), (300, 9), (7200, 9)]
)
def test_the_number_of_clips_follows_the_length(duration: float, clips: int):
    assert how_many(duration, ClipRules()) == clips


def test_the_hooks_of_a_song_are_chosen(song: Analysis):
    picks = choose(song, ClipRules())
    assert len(picks) >= 3
    first, second = (pick.window.span for pick in picks[:2])
    assert first.overlap(Span(64.0, 80.0)) >= 14.0
    assert second.overlap(Span(24.0, 40.0)) >= 10.0
    assert any("hook" in reason for reason in picks[0].reasons)


def test_best_first_without_overlap_within_the_rule(song: Analysis):
    rules = ClipRules(min_duration=8.0, max_duration=20.0, target_duration=14.0)
    picks = choose(song, rules, count=5)
    totals = [pick.score.total for pick in picks]
    assert totals == sorted(totals, reverse=True)
    for index, pick in enumerate(picks):
        assert 8.0 <= pick.window.span.duration <= 20.0
        assert pick.window.span.contains(pick.thumbnail)
        assert all(pick.window.span.overlap(other.window.span) == 0 for other in picks[:index])


def test_the_same_film_gives_the_same_clips(song: Analysis):
    assert choose(song, ClipRules()) == choose(dataclasses.replace(song), ClipRules())


def test_the_count_that_is_asked_for_is_kept_where_it_fits(song: Analysis):
    assert [len(choose(song, ClipRules(), count=count)) for count in (1, 2, 4, 6)] == [1, 2, 4, 6]


def test_clips_are_spread_over_a_film_whose_first_part_is_a_little_better(film: Film):
    cuts = [float(t) for t in range(10, 600, 10)]
    picks = choose(film(600.0, cuts=cuts, colour=[(0, 300, 0.16)]), ClipRules())
    starts = sorted(pick.window.start for pick in picks)
    assert len(picks) == 9
    assert {int(start // 200) for start in starts} == {0, 1, 2}
    assert picks[0].window.start < 300


def test_room_is_left_for_the_clips_still_to_come(film: Film):
    # The best window lies across the middle of 36 s: taken first and long, it would leave no room for two more.
    analysis = film(36.0, cuts=[4.0, 10.0, 12.0, 18.0, 24.0, 28.0], motion=[(4.0, 28.0, 0.08)], sound=False)
    assert len(choose(analysis, ClipRules(target_duration=20.0), count=3)) == 3


def test_the_same_pictures_are_not_chosen_twice(film: Film):
    # The best scene runs twice: at 40 and, frame by frame again, at 140.
    cuts = [float(t) for t in range(4, 200, 4)]
    analysis = film(
        200.0,
        cuts=cuts,
        looks=lambda time: int(time // 4) - 25 if 140 <= time < 160 else int(time // 4),
        motion=[(40, 60, 0.08), (140, 160, 0.08)],
        energy=[(40, 60, 1.0), (140, 160, 1.0)],
    )
    spans = [pick.window.span for pick in choose(analysis, ClipRules(), count=4)]
    halves = [sum(span.overlap(Span(start, start + 20)) > 10 for span in spans) for start in (40.0, 140.0)]
    assert sorted(halves) == [0, 1]


def test_the_same_pictures_to_other_music_are_another_clip(film: Film):
    sections = [Section(t, t + 30, "part", letter, 0.5) for t, letter in zip(range(0, 120, 30), "ABCD", strict=True)]
    one_camera = film(120.0, bpm=120.0, looks=lambda _: 1, sections=sections)
    assert len(choose(one_camera, ClipRules(min_count=1), count=4)) == 4
    the_same_part = film(120.0, bpm=120.0, looks=lambda _: 1)
    assert len(choose(the_same_part, ClipRules(min_count=1), count=4)) == 1


def test_the_less_it_resembles_what_was_chosen_the_sooner_a_window_is_next(film: Film):
    # One camera all through, so only the music differs: the second window is half in the part of the first.
    sections = [Section(a, b, "part", letter, 0.5) for a, b, letter in ((0, 70, "B"), (70, 115, "A"), (115, 200, "C"))]
    timeline = Timeline(film(200.0, bpm=120.0, looks=lambda _: 1, sections=sections))
    windows = tuple(Window(start, start + 20.0, "bar", "bar") for start in (90.0, 60.0, 120.0))
    scores = Scores(windows, np.array([80.0, 72.0, 70.0]), {}, ())
    assert _diverse(timeline, scores, ClipRules(), 2) == ([0, 2], set())


def test_what_is_worth_the_same_comes_in_the_order_of_the_film(film: Film):
    picks = choose(film(300.0, cuts=[float(t) for t in range(20, 300, 20)], sound=False), ClipRules(), count=6)
    points = [(pick.score.total, -pick.window.start) for pick in picks]
    assert len({total for total, _ in points}) < len(points)
    assert points == sorted(points, reverse=True)


def test_short_films_get_shorter_clips_rather_than_fewer(film: Film):
    cuts = [float(t) for t in range(2, 30, 2)]
    picks = choose(film(30.0, cuts=cuts), ClipRules())
    assert len(picks) == 3
    assert all(8 <= pick.window.span.duration <= 12 for pick in picks)
    (said,) = [part for part in picks[0].score.parts if part.name == "length"]
    assert (said.value, said.reason) == (1.0, "10.0 s long; aimed at: 10 s")


@pytest.mark.parametrize(("duration", "clips"), [(30.0, 1), (80.0, 2), (600.0, 3)])
def test_a_film_that_looks_alike_all_through_gives_few_clips_and_says_so(film: Film, duration: float, clips: int):
    picks = choose(film(duration, looks=lambda _: 1, sound=False), ClipRules())
    assert len(picks) == clips
    assert sum("looks much like another" in pick.reasons[-1] for pick in picks) == clips - 1


def test_a_short_source_is_one_clip_and_says_why(film: Film):
    (pick,) = choose(film(3.0), ClipRules())
    assert pick.window.span == Span(0.0, 3.0)
    assert any("shorter than the 8 s" in reason for reason in pick.reasons)


def test_nothing_is_too_dull_for_a_clip(film: Film):
    dull = film(60.0, sound=False, motion=[(0, 60, 0.0)], brightness=[(0, 60, 0.0)], colour=[(0, 60, 0.0)])
    assert choose(dull, ClipRules())


def test_less_than_a_second_is_refused_in_words(film: Film):
    with pytest.raises(TooShort, match=r"This video lasts 0\.3 s; a clip needs at least 1 s"):
        choose(film(0.3), ClipRules())


def test_what_was_not_judged_is_said(film: Film):
    (pick, *_) = choose(film(60.0, sound=False), ClipRules())
    assert "no sound" in pick.reasons[-1]
    assert "energy" in pick.reasons[-1]


def test_weights_drive_the_choice(film: Film):
    faces = [Face(float(t), Box(0.4, 0.2, 0.2, 0.4), 0.9, 1) for t in np.arange(20, 40, 0.4)]
    cuts = [float(t) for t in range(5, 120, 5)]
    analysis = film(120.0, cuts=cuts, faces=faces, energy=[(80, 100, 1.0)])
    for weights, wanted in (({"people": 10.0}, Span(20, 40)), ({"energy": 10.0, "people": 0.0}, Span(80, 100))):
        (pick,) = choose(analysis, ClipRules(weights=weights), count=1)
        assert pick.window.span.overlap(wanted) > 0.7 * pick.window.span.duration


def test_lengths_of_the_rule_drive_the_choice(song: Analysis):
    short = choose(song, ClipRules(min_duration=6, target_duration=7, max_duration=9))
    long = choose(song, ClipRules(min_duration=20, target_duration=28, max_duration=30))
    assert all(pick.window.span.duration <= 9 for pick in short)
    assert all(pick.window.span.duration >= 20 for pick in long)


def test_ten_minutes_give_no_more_windows_than_can_be_judged_quickly(film: Film):
    rng = np.random.default_rng(5)
    cuts = [float(t) for t in np.round(np.cumsum(rng.uniform(0.6, 6.0, 180)), 2) if t < 598]
    sections = [Section(t, t + 30, "chorus" if t % 60 else "verse", "AB"[t // 30 % 2], 0.5) for t in range(0, 600, 30)]
    analysis = film(600.0, cuts=cuts, bpm=128.0, sections=sections, hooks=[Hook(90, 110, 0.9, "it returns")])
    assert len(windows(Timeline(analysis), ClipRules())) < 6_000
    assert len(choose(analysis, ClipRules())) == 9


def test_hours_of_music_stay_within_bounds(film: Film):
    cuts = np.round(np.cumsum(np.random.default_rng(5).uniform(0.6, 6.0, 3000)), 2)
    analysis = film(7200.0, cuts=[float(t) for t in cuts if t < 7190], bpm=128.0)
    assert len(windows(Timeline(analysis), ClipRules())) < 15_000
    picks = choose(analysis, ClipRules(), count=4)
    assert len(picks) == 4
    assert max(pick.window.start for pick in picks) - min(pick.window.start for pick in picks) > 3600


@pytest.mark.media
def test_the_titles_of_a_real_film_are_not_chosen(analysed: Callable[[str], Analysis]):
    picks = choose(analysed("bbb_1min_720p30.mp4"), ClipRules())
    assert len(picks) == 3
    assert picks[0].window.span.overlap(Span(14.0, 25.0)) > 9.0  # the bird and the acorn: the one thing that happens
    assert all(pick.window.start >= 3.5 for pick in picks)  # before that: black and a title card
