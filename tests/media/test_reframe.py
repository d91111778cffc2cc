from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stakazo.media.camera import SPEED, least_movement
from stakazo.media.errors import NothingToSee
from stakazo.media.framing import CropPath, Framing, path_from_dict, path_to_dict
from stakazo.media.reframe import reframe, window
from stakazo.media.types import Analysis, Box, Face, Focus, Span

VERTICAL, SQUARE, WIDE = Fraction(9, 16), Fraction(1), Fraction(16, 9)
Film = Callable[..., Analysis]
EVERY = 0.4
"""Seconds between two looks of the analysis."""


def times(start: float, end: float) -> list[float]:
    return [float(time) for time in np.arange(start, end, EVERY)]


def face(time: float, x: float, *, y: float = 0.4, size: float = 0.12, track: int = 0) -> Face:
    return Face(time, Box(x - size / 2, y - size / 2, size, size), 0.9, track)


def focus(time: float, x: float, weight: float = 0.5, width: float = 0.2) -> Focus:
    return Focus(time, Box(x - width / 2, 0.2, width, 0.6), weight)


def shaped(analysis: Analysis, width: int, height: int) -> Analysis:
    assert analysis.info.video
    video = replace(analysis.info.video, width=width, height=height, display_width=width, display_height=height)
    return replace(analysis, info=replace(analysis.info, video=video))


def box_at(path: CropPath, time: float) -> Box:
    """Where the window is at a time, straight from key to key."""
    shot = next(shot for shot in reversed(path.shots) if shot.start <= time + 1e-9)
    at = [key.time for key in shot.keys]
    first = shot.keys[0].box
    x = float(np.interp(time, at, [key.box.x for key in shot.keys]))
    y = float(np.interp(time, at, [key.box.y for key in shot.keys]))
    return Box(x, y, first.width, first.height)


def holds(path: CropPath) -> list[bool]:
    return [len(shot.keys) == 1 for shot in path.shots]


# --- what is always so --------------------------------------------------------------------------------------


@st.composite
def films(draw: st.DrawFn) -> tuple[dict[str, Any], tuple[int, int], Span, Fraction, float]:
    """Any film of one to three shots with any faces and focus, any shape, any target."""
    duration = draw(st.floats(2.0, 12.0))
    cuts = sorted(draw(st.lists(st.floats(0.5, duration - 0.4), max_size=2, unique_by=lambda cut: round(cut, 1))))
    soft = [cut for cut in cuts if draw(st.booleans())]
    places = st.tuples(st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.floats(0.02, 0.5))
    faces = []
    for track in range(draw(st.integers(0, 3))):
        x, y, size = draw(places)
        drift = draw(st.floats(-0.4, 0.4))
        for time in times(draw(st.floats(0, duration)), duration):
            at = min(max(x + drift * time, 0.05), 0.95)
            faces.append(Face(time, Box(max(0.0, at - size / 2), max(0.0, y - size / 2), size, size), 0.8, track))
    focuses = [
        Focus(time, Box(draw(st.floats(0, 0.8)), draw(st.floats(0, 0.8)), 0.2, 0.2), draw(st.floats(0, 1)))
        for time in (times(0, duration) if draw(st.booleans()) else [])
    ]
    shape = draw(st.sampled_from([(1280, 720), (720, 1280), (1000, 1000), (1920, 800), (10, 12), (640, 480)]))
    faces.sort(key=lambda one: one.time)
    film = {"duration": duration, "cuts": cuts, "soft": soft, "faces": faces, "focus": focuses}
    start = draw(st.floats(0, duration / 2))
    span = Span(start, draw(st.floats(start + 0.5, duration)))
    aspect = draw(st.sampled_from([VERTICAL, SQUARE, WIDE, Fraction(4, 5)]))
    return film, shape, span, aspect, draw(st.sampled_from([0.0, 0.5, 1.0]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=films())
def test_a_path_covers_its_span_with_windows_of_the_right_shape_inside_the_frame(
    film: Film, made: tuple[dict[str, Any], tuple[int, int], Span, Fraction, float]
):
    says, size, span, aspect, aggressiveness = made
    analysis = shaped(film(**says), *size)
    assert analysis.info.video
    shape = analysis.info.video.display_width / analysis.info.video.display_height
    path = reframe(analysis, span, aspect, aggressiveness=aggressiveness)
    assert path.shots[0].start == span.start
    assert path.shots[-1].end == span.end
    assert all(one.end == other.start for one, other in zip(path.shots, path.shots[1:], strict=False))
    for shot in path.shots:
        assert shot.reason.endswith(".")
        assert [key.time for key in shot.keys] == sorted({key.time for key in shot.keys})
        for key in shot.keys:
            assert shot.start - 1e-6 <= key.time <= shot.end + 1e-6
            box = key.box
            assert box.x >= -1e-9
            assert box.y >= -1e-9
            assert box.x + box.width <= 1 + 1e-9
            assert box.y + box.height <= 1 + 1e-9
            if shot.framing is Framing.FIT:
                assert (box.width, box.height) == (1.0, 1.0)
            else:
                assert box.width / box.height * shape == pytest.approx(float(aspect), rel=0.021)
    written = path_to_dict(path)
    assert path_to_dict(path_from_dict(json.loads(json.dumps(written)))) == written


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.2, 0.8), min_size=2, max_size=12), st.floats(0.02, 0.1))
def test_a_camera_never_passes_its_speed_and_stays_in_a_tube_it_can_follow(places: list[float], reach: float):
    centre = np.interp(np.arange(0, 10, 0.1), np.linspace(0, 10, len(places)), places)
    path = least_movement(centre - reach, centre + reach)
    assert np.abs(np.diff(path)).max() <= SPEED * 0.1 + 1e-6
    if np.abs(np.diff(centre)).max() <= 0.9 * SPEED * 0.1:
        assert np.abs(path - centre).max() <= reach + 1e-6


# --- hold ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [0.2, 0.5, 0.75])
def test_the_window_holds_still_on_a_face_that_stays(film: Film, x: float):
    noise = np.random.default_rng(3).normal(0, 0.01, 100)
    made = film(10, faces=[face(time, x + noise[n]) for n, time in enumerate(times(0, 10))])
    path = reframe(made, Span(0, 10), VERTICAL)
    assert holds(path) == [True]
    box = path.shots[0].keys[0].box
    assert abs(box.centre[0] - x) < 0.03


def test_one_false_face_moves_nothing(film: Film):
    faces = [face(time, 0.3) for time in times(0, 10)]
    faces[10] = face(faces[10].time, 0.9)
    path = reframe(film(10, faces=faces), Span(0, 10), VERTICAL)
    assert holds(path) == [True]
    assert path.shots[0].keys[0].box.centre[0] == pytest.approx(0.3, abs=0.03)


def test_where_nothing_stands_out_it_is_the_middle(film: Film):
    path = reframe(film(6), Span(1, 5), VERTICAL)
    assert holds(path) == [True]
    assert path.shots[0].keys[0].box.centre[0] == pytest.approx(0.5)


def test_a_focus_that_is_hardly_one_pulls_only_a_little(film: Film):
    sure = reframe(film(6, focus=[focus(t, 0.75, 0.6) for t in times(0, 6)]), Span(0, 6), VERTICAL)
    unsure = reframe(film(6, focus=[focus(t, 0.75, 0.1) for t in times(0, 6)]), Span(0, 6), VERTICAL)
    assert sure.shots[0].keys[0].box.centre[0] == pytest.approx(0.75, abs=0.02)
    assert 0.5 < unsure.shots[0].keys[0].box.centre[0] < 0.65


def test_a_restless_focus_does_not_make_the_window_restless(film: Film):
    noise = np.random.default_rng(5).normal(0.5, 0.06, 100)
    made = film(12, focus=[focus(time, float(noise[n])) for n, time in enumerate(times(0, 12))])
    assert holds(reframe(made, Span(0, 12), VERTICAL)) == [True]


# --- follow -------------------------------------------------------------------------------------------------


def inside(path: CropPath, where: Callable[[float], float], span: Span) -> float:
    """The share of the span in which the subject's centre is in the window."""
    at = np.arange(span.start, span.end, 0.04)
    found = [box_at(path, float(time)) for time in at]
    return float(
        np.mean([box.x <= where(float(time)) <= box.x + box.width for box, time in zip(found, at, strict=True)])
    )


@pytest.mark.parametrize("seconds", [3.0, 5.0, 12.0])
@pytest.mark.parametrize("maker", [face, focus])
def test_who_crosses_the_frame_is_followed(film: Film, seconds: float, maker: Callable[[float, float], Face | Focus]):
    def where(time: float) -> float:
        return 0.15 + 0.7 * min(time / seconds, 1.0)

    seen: Sequence[Face | Focus] = [maker(time, where(time)) for time in times(0, seconds)]
    made = film(
        seconds,
        faces=[one for one in seen if isinstance(one, Face)],
        focus=[one for one in seen if isinstance(one, Focus)],
    )
    path = reframe(made, Span(0, seconds), VERTICAL)
    assert holds(path) == [False]
    assert inside(path, where, Span(0, seconds)) >= 0.95


def test_who_stays_then_walks_then_stays_is_held_followed_and_held(film: Film):
    def where(time: float) -> float:
        return float(np.interp(time, [0, 5, 7, 12], [0.25, 0.25, 0.7, 0.7]))

    made = film(12, faces=[face(time, where(time)) for time in times(0, 12)])
    path = reframe(made, Span(0, 12), VERTICAL)
    assert inside(path, where, Span(0, 12)) >= 0.98
    moves = [abs(box_at(path, t + 0.1).x - box_at(path, t).x) for t in np.arange(0, 11.9, 0.1)]
    assert np.mean([move < 1e-4 for move in moves]) > 0.65
    assert max(moves) <= SPEED * 0.1 + 1e-6


def test_one_false_face_does_not_draw_a_moving_window_away(film: Film):
    def where(time: float) -> float:
        return 0.2 + 0.05 * time

    faces = [face(time, where(time)) for time in times(0, 12)]
    clean = reframe(film(12, faces=faces), Span(0, 12), VERTICAL)
    faces[15] = face(faces[15].time, 0.95)
    path = reframe(film(12, faces=faces), Span(0, 12), VERTICAL)
    assert holds(path) == [False]
    off = [abs(box_at(path, t).x - box_at(clean, t).x) for t in np.arange(0, 12, 0.1)]
    assert max(off) < 0.02


def test_movement_starts_and_ends_softly(film: Film):
    made = film(12, faces=[face(t, float(np.interp(t, [0, 5, 7, 12], [0.25, 0.25, 0.7, 0.7]))) for t in times(0, 12)])
    path = reframe(made, Span(0, 12), VERTICAL)
    places = np.array([box_at(path, float(time)).x for time in np.arange(0, 12, 0.1)])
    assert np.abs(np.diff(places, n=2)).max() < 0.5 * np.abs(np.diff(places)).max()


# --- shots --------------------------------------------------------------------------------------------------


def test_the_window_cuts_with_the_shots(film: Film):
    faces = [face(t, 0.25, track=0) for t in times(0, 4)] + [face(t, 0.75, track=1) for t in times(4.001, 8)]
    path = reframe(film(8, cuts=[4.0], faces=faces), Span(1, 7), VERTICAL)
    assert [(shot.start, shot.end) for shot in path.shots] == [(1, 4.0), (4.0, 7)]
    assert holds(path) == [True, True]
    assert [round(shot.keys[0].box.centre[0], 2) for shot in path.shots] == [0.25, 0.75]


def test_a_hardly_different_place_after_a_cut_is_the_same_place(film: Film):
    faces = [face(t, 0.40, track=0) for t in times(0, 4)] + [face(t, 0.41, track=1) for t in times(4.001, 8)]
    first, second = reframe(film(8, cuts=[4.0], faces=faces), Span(0, 8), VERTICAL).shots
    assert first.keys[0].box == second.keys[0].box


def test_in_a_dissolve_the_window_moves_on_instead_of_jumping(film: Film):
    faces = [face(t, 0.25, track=0) for t in times(0, 4)] + [face(t, 0.75, track=1) for t in times(4.001, 8)]
    path = reframe(film(8, cuts=[4.0], soft=[4.0], faces=faces), Span(0, 8), VERTICAL)
    places = [box_at(path, t).x for t in np.arange(3.5, 4.5, 0.02)]
    assert max(np.abs(np.diff(places))) < 0.05
    assert places[0] == pytest.approx(0.25 - 0.158, abs=0.02)
    assert places[-1] == pytest.approx(0.75 - 0.158, abs=0.02)


# --- shapes -------------------------------------------------------------------------------------------------


def test_a_source_of_the_right_shape_is_left_alone(film: Film):
    upright = shaped(film(5, faces=[face(t, 0.2) for t in times(0, 5)]), 1080, 1920)
    (shot,) = reframe(upright, Span(0, 5), VERTICAL).shots
    assert shot.framing is Framing.CROP
    assert shot.keys[0].box == Box(0, 0, 1, 1)


def test_an_upright_source_in_a_wide_shape_is_shown_whole(film: Film):
    upright = shaped(film(5), 1080, 1920)
    (shot,) = reframe(upright, Span(0, 5), WIDE).shots
    assert shot.framing is Framing.FIT
    assert "upright" in shot.reason
    assert reframe(upright, Span(0, 5), WIDE, aggressiveness=1.0).shots[0].framing is Framing.CROP


def test_eyes_are_a_third_down_the_window(film: Film):
    upright = shaped(film(5, faces=[face(t, 0.5, y=0.4, size=0.1) for t in times(0, 5)]), 1080, 1920)
    (shot,) = reframe(upright, Span(0, 5), SQUARE).shots
    box = shot.keys[0].box
    eyes = 0.4 - 0.01
    assert (eyes - box.y) / box.height == pytest.approx(1 / 3, abs=0.03)


def test_window_is_the_largest_of_its_shape():
    wide = window(16 / 9, 9 / 16)
    assert (wide.width, wide.height, wide.axis) == (pytest.approx(81 / 256), 1.0, 0)
    tall = window(9 / 16, 1.0)
    assert (tall.width, tall.height, tall.axis) == (1.0, pytest.approx(9 / 16), 1)


# --- more than fits -----------------------------------------------------------------------------------------


def test_two_equal_faces_far_apart_are_shown_whole(film: Film):
    faces = [face(t, x, track=track) for t in times(0, 5) for track, x in enumerate((0.2, 0.8))]
    (shot,) = reframe(film(5, faces=faces), Span(0, 5), VERTICAL).shots
    assert shot.framing is Framing.FIT
    assert "Two faces" in shot.reason
    (forced,) = reframe(film(5, faces=faces), Span(0, 5), VERTICAL, aggressiveness=1.0).shots
    assert forced.framing is Framing.CROP


def test_two_faces_side_by_side_share_the_window(film: Film):
    faces = [face(t, x, size=0.08, track=track) for t in times(0, 5) for track, x in enumerate((0.30, 0.42))]
    (shot,) = reframe(film(5, faces=faces), Span(0, 5), VERTICAL).shots
    assert shot.framing is Framing.CROP
    assert shot.keys[0].box.centre[0] == pytest.approx(0.36, abs=0.02)


def test_a_small_face_in_the_back_does_not_count(film: Film):
    faces = [
        face(t, x, size=size, track=track)
        for t in times(0, 5)
        for track, (x, size) in enumerate([(0.25, 0.3), (0.9, 0.04)])
    ]
    (shot,) = reframe(film(5, faces=faces), Span(0, 5), VERTICAL).shots
    assert shot.framing is Framing.CROP
    assert shot.keys[0].box.centre[0] == pytest.approx(0.25, abs=0.03)


def test_a_still_title_as_wide_as_the_frame_is_shown_whole_but_moving_pictures_are_not(film: Film):
    title = film(5, focus=[focus(t, 0.5, 0.6, 0.9) for t in times(0, 5)], motion=[(0, 5, 0.0)])
    scene = film(5, focus=[focus(t, 0.5, 0.6, 0.9) for t in times(0, 5)])
    assert reframe(title, Span(0, 5), VERTICAL).shots[0].framing is Framing.FIT
    assert reframe(scene, Span(0, 5), VERTICAL).shots[0].framing is Framing.CROP


def test_a_sound_file_has_nothing_to_frame(film: Film):
    with pytest.raises(NothingToSee):
        reframe(film(5, pictures=False), Span(0, 5), VERTICAL)
