from __future__ import annotations

from itertools import pairwise

import pytest

from stakazo.media.types import Transition
from stakazo.sample import FormPart, Spec
from stakazo.sample.arrangement import Drum, Voice, arrange
from stakazo.sample.plan import plan

SPECS = [Spec(), Spec(duration=12, width=320, height=180), Spec(duration=40, tempo=90, seed=3, fps=25)]


@pytest.mark.parametrize("spec", SPECS)
def test_sections_and_shots_cover_everything_without_gaps(spec: Spec):
    timetable = plan(spec)
    for one, other in pairwise(timetable.sections):
        assert one.end == other.start
    assert (timetable.sections[0].start, timetable.sections[-1].end) == (0.0, spec.length)
    shots = [shot.truth for shot in timetable.shots]
    for shot, following in pairwise(shots):
        assert shot.end == following.start
        assert shot.frame < following.frame
    assert (shots[0].frame, shots[0].transition, shots[-1].end) == (0, Transition.START, spec.length)


@pytest.mark.parametrize("spec", SPECS)
def test_every_frame_belongs_to_one_shot_or_to_the_two_of_a_gradual_transition(spec: Spec):
    shots = plan(spec).shots
    for number in range(spec.frames):
        seen = [shot for shot in shots if shot.first <= number < shot.last]
        assert 1 <= len(seen) <= 2
        if len(seen) == 2:
            gradual = seen[1].truth.gradual
            assert gradual is not None
            assert gradual.start <= number / spec.fps < gradual.end


def test_beats_are_steady_and_bars_have_four():
    timetable = plan(Spec(tempo=128))
    for one, other in pairwise(timetable.beats):
        assert other - one == pytest.approx(60 / 128)
    assert timetable.beats[0] == 0.5
    assert timetable.downbeats == timetable.beats[::4]


def test_hard_cuts_of_whole_bars_are_on_beats_to_the_frame():
    spec = Spec()
    timetable = plan(spec)
    for shot in timetable.shots[1:]:
        assert min(abs(shot.truth.start - beat) for beat in timetable.beats) <= 0.5 / spec.fps + 1e-9


def test_the_film_has_cuts_dissolves_a_fade_and_flashes_that_are_no_cuts():
    timetable = plan(Spec())
    kinds = {kind: sum(shot.truth.transition is kind for shot in timetable.shots) for kind in Transition}
    assert kinds[Transition.CUT] > 20
    assert kinds[Transition.DISSOLVE] >= 4
    assert kinds[Transition.FADE] == 1
    assert len(timetable.flashes) == 4
    for flash in timetable.flashes:
        assert min(abs(flash.frame - shot.truth.frame) for shot in timetable.shots) >= 6


def test_the_hook_is_where_the_lead_plays_and_nowhere_else():
    spec = Spec()
    timetable = plan(spec)
    lead = [note.time for note in arrange(timetable).notes if note.voice is Voice.LEAD]
    assert len(timetable.hooks) == 2
    assert all(any(hook.start - 1e-9 <= time < hook.end for hook in timetable.hooks) for time in lead)
    for hook in timetable.hooks:
        assert min(time for time in lead if time > hook.start - 1e-6) == pytest.approx(hook.start)
    assert timetable.drop is not None
    assert any(hook.start == timetable.drop for hook in timetable.hooks)


def test_there_is_a_breath_before_the_drop():
    timetable = plan(Spec())
    hits = [hit.time for hit in arrange(timetable).hits]
    assert timetable.drop is not None
    assert not [time for time in hits if timetable.drop - 0.9 * Spec().beat < time < timetable.drop - 0.01]
    assert timetable.drop in arrange(timetable).times(Drum.KICK)


def test_another_seed_is_another_film_of_the_same_form():
    one, other = plan(Spec(seed=1)), plan(Spec(seed=2))
    assert one.sections == other.sections
    assert [shot.variant for shot in one.shots] != [shot.variant for shot in other.shots]
    assert plan(Spec(seed=1)) == one


def test_a_song_without_drop_or_chorus_has_no_hook():
    timetable = plan(Spec(duration=20, form=(FormPart("verse", 4), FormPart("outro", 2))))
    assert timetable.hooks == ()
    assert timetable.drop is None
    assert timetable.flashes == ()
