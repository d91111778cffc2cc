from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from stakazo.media.choice import WEIGHTS, ClipRules, Score, Window
from stakazo.media.score import SIGNALS, Scores, weigh
from stakazo.media.timeline import Timeline
from stakazo.media.types import Analysis, Box, Face, Span

Film = Callable[..., Analysis]


def score(analysis: Analysis, *spans: tuple[float, float], rules: ClipRules | None = None) -> list[Score]:
    scores = weighed(analysis, *spans, rules=rules)
    return [scores.score(index) for index in range(len(spans))]


def weighed(analysis: Analysis, *spans: tuple[float, float], rules: ClipRules | None = None) -> Scores:
    windows = tuple(Window(start, end, "shot", "shot") for start, end in spans)
    return weigh(Timeline(analysis), windows, rules or ClipRules())


def part(given: Score, name: str) -> tuple[float, str]:
    return next((part.value, part.reason) for part in given.parts if part.name == name)


def test_the_total_is_the_weighted_mean_of_the_parts_that_are_shown(song: Analysis):
    scores = weighed(song, (0.0, 20.0), (22.0, 42.0), (60.0, 80.0))
    for index in range(3):
        given = scores.score(index)
        assert given.total == pytest.approx(scores.totals[index])
        assert given.total == pytest.approx(
            100 * sum(p.value * p.weight for p in given.parts) / sum(p.weight for p in given.parts)
        )
        assert all(0 <= p.value <= 1 and p.reason for p in given.parts)


def test_every_signal_judges_a_music_video_with_a_face(film: Film, song: Analysis):
    everything = weighed(film(90.0, cuts=[30.0, 60.0], faces=[face(t) for t in np.arange(0, 50, 0.4)]), (5.0, 25.0))
    named = {p.name for p in everything.score(0).parts} | {p.name for p in score(song, (5.0, 25.0))[0].parts}
    assert named | {"subject"} == set(SIGNALS)


def face(time: float, height: float = 0.4) -> Face:
    return Face(float(time), Box(0.4, 0.2, 0.2, height), 0.9, 1)


def test_the_hook_counts_when_it_is_whole_and_near_the_start(song: Analysis):
    whole, late, part_of_it, none = score(song, (62.0, 82.0), (50.0, 80.0), (74.0, 90.0), (0.0, 20.0))
    values = [part(given, "hook")[0] for given in (whole, late, part_of_it, none)]
    assert values[0] > values[1] > values[2] > values[3] == 0.0
    assert part(whole, "hook")[1] == "the hook from 1:04 to 1:20, 2 s in: returns most and loudest"


def test_choruses_stand_in_where_no_hook_was_found(song: Analysis, film: Film):
    without = film(90.0, bpm=120.0, sections=song.sound.sections if song.sound else ())
    chorus, verse = score(without, (24.0, 40.0), (40.0, 56.0))
    assert part(chorus, "hook")[0] > 0.8 > part(verse, "hook")[0]


def test_without_a_beat_there_is_no_song_to_judge(film: Film, song: Analysis):
    assert song.sound
    speech = film(90.0, sections=song.sound.sections, hooks=song.sound.hooks, drops=song.sound.drops)
    assert {"hook", "form", "drop"} <= set(weighed(speech, (24.0, 40.0)).unjudged)


def test_the_form_is_named(song: Analysis):
    chorus, second_verse, middle = score(song, (24.0, 40.0), (40.0, 56.0), (30.0, 44.0))
    assert part(chorus, "form")[1] == "starts with the chorus at 0:24 and ends with a part"
    assert part(second_verse, "form")[1].startswith("starts with the second verse at 0:40")
    assert part(middle, "form")[1] == "lies in the chorus from 0:24"
    assert part(chorus, "form")[0] > part(second_verse, "form")[0]


def test_a_drop_is_best_a_few_seconds_in(song: Analysis):
    waited, at_once, too_late, over, gone = score(
        song, (60.0, 80.0), (64.0, 84.0), (45.0, 66.0), (66.0, 86.0), (0.0, 20.0)
    )
    values = [part(given, "drop")[0] for given in (waited, at_once, too_late, over, gone)]
    assert values[0] == 1.0
    assert values[0] > values[1] > values[2] > values[3] == values[4] == 0.0
    assert part(waited, "drop")[1] == "the drop at 1:04 falls 4.0 s in"


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("energy", {"energy": [(30.0, 50.0, 1.0)]}),
        ("motion", {"motion": [(30.0, 50.0, 0.08)]}),
        ("peak", {"motion": [(35.0, 45.0, 0.08)], "energy": [(35.0, 45.0, 1.0)]}),
        ("people", {"faces": [face(t) for t in np.arange(30.0, 50.0, 0.4)]}),
        ("clarity", {"sharpness": [(30.0, 50.0, 1.0)], "brightness": [(0.0, 30.0, 0.07), (50.0, 90.0, 0.07)]}),
        ("rhythm", {"cuts": [*range(30, 50)]}),
        ("variety", {"cuts": [*range(30, 50)]}),
        ("opening", {"motion": [(30.0, 32.0, 0.08)], "faces": [face(t) for t in np.arange(30.0, 32.0, 0.4)]}),
        ("alive", {"motion": [(0.0, 20.0, 0.0)], "silences": [Span(60.0, 75.0)]}),
    ],
)
def test_a_signal_prefers_the_window_that_has_it(film: Film, name: str, given: dict[str, object]):
    low, high, other = score(film(90.0, **given), (0.0, 20.0), (30.0, 50.0), (60.0, 80.0))
    assert part(high, name)[0] > max(part(low, name)[0], part(other, name)[0]) + 0.05
    assert part(high, name)[1] != part(low, name)[1]


def test_the_reasons_carry_numbers_that_are_true(film: Film):
    cuts = [31.0, 33.0, 35.0, 37.0, 39.0, 60.0, 80.0]
    (given,) = score(film(90.0, cuts=cuts, faces=[face(t, 0.2) for t in np.arange(30.0, 40.0, 0.4)]), (30.0, 50.0))
    assert part(given, "rhythm")[1] == "5 cuts: faster than this film's usual"
    share = int(part(given, "people")[1].removeprefix("a face is on screen ").split("%")[0])
    assert share == pytest.approx(51, abs=2)


def test_cuts_on_beats_are_worth_more(film: Film):
    on, off = (
        score(film(60.0, bpm=120.0, cuts=[t + shift for t in range(2, 58, 2)]), (8.0, 28.0))[0] for shift in (0.0, 0.25)
    )
    assert part(on, "rhythm")[0] > part(off, "rhythm")[0] + 0.2
    assert "100% of them on a beat" in part(on, "rhythm")[1]


def test_whole_bars_loop(film: Film):
    bars, odd = score(film(60.0, bpm=120.0, looks=lambda _: 1), (8.0, 24.0), (8.0, 24.7))
    assert part(bars, "loop") == (1.0, "8 whole bars and the end looks like the start")
    assert part(odd, "loop")[0] < 0.6


def test_edges_on_bars_beat_edges_anywhere(song: Analysis):
    windows = (Window(24.0, 40.0, "bar", "bar"), Window(25.1, 40.4, "calm", "calm"))
    scores = weigh(Timeline(song), windows, ClipRules())
    good, bad = (part(scores.score(index), "edges") for index in (0, 1))
    assert good[0] > 0.8
    assert bad[0] < 0.3
    assert good[1] == "starts on the first beat of a bar and a cut and ends on the first beat of a bar and a cut"


def test_what_cannot_be_judged_is_left_out_and_named(film: Film):
    scores = weighed(film(60.0, sound=False), (0.0, 20.0))
    named = {p.name for p in scores.score(0).parts}
    assert not named & {"hook", "form", "drop", "energy", "people", "rhythm"}
    assert scores.unjudged["energy"] == "no sound"
    assert scores.unjudged["people"] == "no faces were found"
    assert scores.unjudged["rhythm"] == "no cuts"
    assert named | set(scores.unjudged) == set(SIGNALS)


def test_every_part_of_the_sum_has_a_weight_and_a_judge():
    assert set(SIGNALS) == set(WEIGHTS)


def test_a_rule_changes_weights_and_leaves_signals_out(song: Analysis):
    rules = ClipRules(weights={"energy": 9.0, "motion": 0.0})
    (given,) = score(song, (24.0, 44.0), rules=rules)
    weights = {p.name: p.weight for p in given.parts}
    assert weights["energy"] == 9.0
    assert "motion" not in weights
    assert weights["hook"] == WEIGHTS["hook"]


def test_a_song_alone_is_judged_by_its_sound(song: Analysis):
    only = Analysis(song.info, None, song.sound)
    chorus, intro = score(only, (24.0, 40.0), (0.0, 16.0))
    assert chorus.total > intro.total + 20
    assert {"hook", "form", "energy", "edges"} <= {p.name for p in chorus.parts}
    assert "motion" not in {p.name for p in chorus.parts}
