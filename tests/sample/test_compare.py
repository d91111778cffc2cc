from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from stakazo.media.framing import CropKey, CropPath, CropShot, Framing
from stakazo.media.types import (
    Analysis,
    Box,
    Curve,
    Hook,
    Loudness,
    MediaInfo,
    Pictures,
    Section,
    Shot,
    Sound,
    Span,
    Transition,
)
from stakazo.sample import Spec, Truth, compare
from stakazo.sample.compare import kept, matched
from stakazo.sample.plan import plan
from stakazo.sample.truth import SubjectAt

NOTHING = Curve(1.0, np.zeros(0, dtype=np.float32))


@pytest.fixture
def truth() -> Truth:
    made = plan(Spec())
    return Truth(
        Spec(), 122.0, made.beats, made.downbeats, made.sections, made.hooks, made.drop,
        tuple(shot.truth for shot in made.shots), made.flashes, (), -11.0, -1.8,
    )  # fmt: skip


def heard(truth: Truth) -> Sound:
    """A sound analysis that found everything."""
    return Sound(
        loudness=Loudness(-11, 7, -1, NOTHING),
        silences=(),
        onsets=NOTHING,
        energy=NOTHING,
        tempo=122.0,
        tempo_confidence=1.0,
        beats=truth.beats,
        downbeats=truth.downbeats,
        beats_per_bar=4,
        sections=tuple(Section(one.start, one.end, one.label, "A", 0.5) for one in truth.sections),
        hooks=tuple(Hook(one.start, one.end, 1.0, "") for one in truth.hooks),
        drops=(truth.drop,) if truth.drop is not None else (),
        speech=0.0,
    )


def seen(starts: list[float], end: float = 90.0) -> Pictures:
    edges = [*starts, end]
    shots = tuple(Shot(a, b, 0, 0, Transition.CUT) for a, b in zip(starts, edges[1:], strict=True))
    return Pictures(shots, NOTHING, NOTHING, NOTHING, NOTHING, (), (), np.zeros((0, 0), dtype=np.float32))


def analysis(sound: Sound | None, pictures: Pictures | None) -> Analysis:
    return Analysis(MediaInfo("mp4", 1, 90.0, None, None, (), ()), pictures, sound)


def test_the_truth_itself_is_perfect(truth: Truth):
    starts = [shot.start for shot in truth.shots]
    got = compare(truth, analysis(heard(truth), seen(starts)), truth.hooks)
    for match in (got.beats, got.downbeats, got.sections, got.cuts, got.transitions):
        assert match is not None
        assert match.f1 == 1.0
    assert (got.tempo_error, got.hook, got.drop_error, got.flashes) == (0.0, 1.0, 0.0, 0)
    assert (got.clips, got.clips_on_hook) == (2, 2)
    words = "\n".join(got.lines())
    assert "Cuts: 29 of 29 found to the frame" in words
    assert "Parts of the song: 7 of 7 boundaries found (F1 1.00)" in words
    assert "Drop: found exactly" in words
    assert "Clips with the hook: 2 of 2" in words


def test_beats_a_little_late_count_and_beats_on_the_off_beat_do_not(truth: Truth):
    sound = heard(truth)
    late = compare(truth, analysis(replace(sound, beats=tuple(one + 0.05 for one in truth.beats)), None))
    assert late.beats is not None
    assert late.beats.f1 == 1.0
    assert late.beat_offset == pytest.approx(0.05)
    off = compare(truth, analysis(replace(sound, beats=tuple(one + 0.24 for one in truth.beats)), None))
    assert off.beats is not None
    assert off.beats.f1 == 0.0


def test_every_second_beat_is_half_the_tempo_and_half_the_recall(truth: Truth):
    got = compare(truth, analysis(replace(heard(truth), tempo=61.2, beats=truth.beats[::2]), None))
    assert got.tempo_octave == 0.5
    assert got.tempo_error == pytest.approx(100 * 0.4 / 122)
    assert got.beats is not None
    assert (got.beats.precision, got.beats.recall) == (1.0, pytest.approx(0.5, abs=0.01))
    assert "at half the tempo" in got.lines()[0]


def test_a_cut_one_frame_off_is_missed_and_wrong(truth: Truth):
    starts = [shot.start for shot in truth.shots]
    cut = next(index for index, shot in enumerate(truth.shots) if shot.transition is Transition.CUT)
    starts[cut] += 1 / 30
    got = compare(truth, analysis(None, seen(starts)))
    assert got.cuts is not None
    assert (got.cuts.missed, got.cuts.wrong) == (1, 1)


def test_a_boundary_anywhere_inside_a_dissolve_finds_it_but_only_once(truth: Truth):
    starts = [shot.start for shot in truth.shots]
    index, soft = next((index, shot) for index, shot in enumerate(truth.shots) if shot.gradual is not None)
    assert soft.gradual is not None
    starts[index] = soft.gradual.start
    starts.insert(index + 1, soft.gradual.end)
    got = compare(truth, analysis(None, seen(starts)))
    assert got.transitions is not None
    assert got.cuts is not None
    assert (got.transitions.missed, got.cuts.wrong) == (0, 1)


def test_a_flash_taken_for_a_cut_is_counted(truth: Truth):
    starts = sorted([*(shot.start for shot in truth.shots), truth.flashes[0].start])
    got = compare(truth, analysis(None, seen(starts)))
    assert got.flashes == 1
    assert "Flashes taken for cuts: 1 of 4" in got.lines()


def test_nothing_found_is_said_and_not_hidden(truth: Truth):
    got = compare(truth, analysis(None, None), (Span(0, 8),))
    assert (got.tempo_error, got.hook, got.drop_error, got.clips_on_hook) == (None, 0.0, None, 0)
    words = got.lines()
    assert words[0] == "Tempo: none found"
    assert "Drop: not found" in words
    assert "Beats: 0 of 177 found within 70 ms (F1 0.00)" in words


def test_a_silent_or_a_blind_truth_leaves_its_lines_out(truth: Truth):
    mute = replace(truth, beats=(), downbeats=(), sections=(), hooks=(), drop=None)
    lines = compare(mute, analysis(None, seen([0.0]))).lines()
    assert [line.split(":")[0] for line in lines] == ["Cuts", "Dissolves and fades", "Flashes taken for cuts"]
    blind = replace(truth, shots=(), flashes=())
    lines = compare(blind, analysis(heard(truth), None)).lines()
    assert not [line for line in lines if line.startswith(("Cuts", "Dissolves", "Flashes"))]


def test_each_found_time_serves_one_true_time():
    match, pairs = matched([1.0, 1.05, 2.0], [1.02, 2.5], 0.1)
    assert (match.found, match.missed, match.wrong) == (1, 2, 1)
    assert pairs == ((1.0, 1.02),)
    assert matched([], [], 0.1)[0].f1 == 1.0


def test_a_short_clip_counts_when_half_of_it_has_the_hook(truth: Truth):
    hook = truth.hooks[0]
    windows = (
        Span(hook.start - 3, hook.start + 3),
        Span(hook.start - 4, hook.start + 2),
        Span(hook.start - 26, hook.start + 4),
    )
    assert compare(truth, analysis(heard(truth), None), windows).clips_on_hook == 2


def test_a_subject_is_kept_while_its_middle_is_in_the_window(truth: Truth):
    boxes = tuple(SubjectAt(time / 10, Box(0.1 + 0.006 * time, 0.2, 0.2, 0.6)) for time in range(100))
    walking = replace(truth, subject=boxes)
    first, last = CropKey(0.0, Box(0.1, 0.0, 0.3, 1.0)), CropKey(10.0, Box(0.7, 0.0, 0.3, 1.0))
    follows = CropPath(Fraction(9, 16), (CropShot(0.0, 10.0, Framing.CROP, (first, last), ""),))
    assert kept(walking, follows) == 1.0
    holds = CropPath(Fraction(9, 16), (CropShot(0.0, 10.0, Framing.CROP, (first,), ""),))
    assert kept(walking, holds) == pytest.approx(0.34, abs=0.01)
    assert kept(replace(truth, subject=()), follows) is None


def test_fractions_of_the_tempo_are_of_the_nearest_octave(truth: Truth):
    got = compare(truth, analysis(replace(heard(truth), tempo=float(Fraction(244))), None))
    assert (got.tempo_octave, got.tempo_error) == (2.0, 0.0)
