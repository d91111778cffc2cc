from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stakazo import media
from stakazo.media import ffmpeg
from stakazo.media.compare import Changes, Comparer
from stakazo.media.shots import MIN_SHOT, boundaries, find_shots
from stakazo.media.types import Analysis, Transition

RATE = 25
ROWS, COLUMNS = 90, 160
Film = list[NDArray[np.float32]]
"""RGB pictures [rows, columns, 3], 0 to 255."""


def place(number: int, seconds: float, *, speed: float = 0.6) -> Film:
    """A place of its own with something that moves through it while the camera drifts."""
    random = np.random.default_rng(number)
    size = (3 * COLUMNS, 2 * ROWS)
    rough = cv2.resize(random.uniform(0, 255, (7, 14, 3)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    wide = np.add(rough, cv2.resize(random.uniform(-60, 60, (40, 80, 3)).astype(np.float32), size))
    frames = []
    for index in range(round(seconds * RATE)):
        x, y = 20 + speed * index, 10 + 0.2 * speed * index
        frame = cv2.getRectSubPix(np.clip(wide, 0, 255), (COLUMNS, ROWS), (x + COLUMNS / 2, y + ROWS / 2))
        cv2.circle(frame, (int(20 + 2.5 * index) % COLUMNS, ROWS // 2), 14, random.uniform(0, 255, 3).tolist(), -1)
        frames.append(np.asarray(frame, np.float32))
    return frames


def dissolve(one: Film, other: Film, frames: int) -> Film:
    shares = [(index + 1) / (frames + 1) for index in range(frames)]
    mixed = [a * (1 - s) + b * s for a, b, s in zip(one[-frames:], other[:frames], shares, strict=True)]
    return [*one[:-frames], *mixed, *other[frames:]]


def fade(one: Film, other: Film, frames: int, hold: int, colour: float = 0.0) -> Film:
    shares = np.linspace(1, 0, frames + 1)[1:]
    out = [a * s + colour * (1 - s) for a, s in zip(one[-frames:], shares, strict=True)]
    back = [b * s + colour * (1 - s) for b, s in zip(other[:frames], shares[::-1], strict=True)]
    return [*one[:-frames], *out, *[np.full_like(one[0], colour)] * hold, *back, *other[frames:]]


def changes(film: Film, rate: float = RATE) -> Changes:
    comparer = Comparer()
    for index, frame in enumerate(film):
        yuv = cv2.cvtColor(np.clip(frame, 0, 255).astype(np.uint8), cv2.COLOR_RGB2YCrCb)
        luma, red, blue = cv2.split(yuv)
        chroma = np.stack([cv2.resize(plane, (16, 9), interpolation=cv2.INTER_AREA) for plane in (blue, red)])
        comparer.add(index / rate, index * 512, np.asarray(luma, np.uint8), np.asarray(chroma, np.uint8))
    return comparer.changes(len(film) / rate, len(film) * 512)


def found(film: Film) -> list[tuple[int, str]]:
    return [(boundary.frame, boundary.transition.value) for boundary in boundaries(changes(film))]


def test_a_film_without_cuts_is_one_shot():
    film = place(1, 6)
    (shot,) = find_shots(changes(film))
    assert (shot.start, shot.end, shot.start_pts, shot.end_pts) == (0, 6, 0, 6 * RATE * 512)
    assert shot.transition is Transition.START


def test_cuts_are_found_to_the_frame():
    lengths = [2.0, 1.0, 0.6, 0.4, 0.4, 3.0]
    film = [frame for number, seconds in enumerate(lengths) for frame in place(number, seconds)]
    starts = (np.cumsum(lengths)[:-1] * RATE).round().astype(int).tolist()
    assert found(film) == [(start, "cut") for start in starts]


def test_shots_follow_each_other_without_gaps():
    film = dissolve([*place(1, 2), *place(2, 3)], place(3, 3), 20)
    shots = find_shots(changes(film))
    assert shots[0].start == 0
    assert shots[-1].end == len(film) / RATE
    for one, other in pairwise(shots):
        assert (one.end, one.end_pts) == (other.start, other.start_pts)


@pytest.mark.parametrize("frames", [8, 15, 25, 45])
def test_a_dissolve_is_found_in_its_middle(frames: int):
    film = dissolve(place(1, 4), place(2, 4), frames)
    middle = 4 * RATE - frames / 2
    ((frame, kind),) = found(film)
    assert kind == "dissolve"
    assert abs(frame - middle) <= max(4, frames / 4)


@pytest.mark.parametrize("colour", [0.0, 255.0])
@pytest.mark.parametrize(("frames", "hold"), [(8, 0), (12, 6), (20, 25)])
def test_a_fade_is_one_boundary_in_the_middle_of_the_flat_frames(frames: int, hold: int, colour: float):
    film = fade(place(1, 3), place(2, 3), frames, hold, colour)
    ((frame, kind),) = found(film)
    assert kind == "fade"
    assert abs(frame - (3 * RATE + hold / 2)) <= 2


def test_fades_at_the_ends_are_no_boundaries():
    film = place(1, 4)
    ramp = np.linspace(0, 1, 25)
    film[:25] = [frame * share for frame, share in zip(film[:25], ramp, strict=True)]
    film[-25:] = [frame * share for frame, share in zip(film[-25:], ramp[::-1], strict=True)]
    assert found(film) == []


@pytest.mark.parametrize("share", [0.8, 1.0])
@pytest.mark.parametrize("length", [1, 2, 4])
def test_flashes_are_no_cuts(length: int, share: float):
    film = place(1, 4)
    for start in (20, 50, 70):
        for index in range(start, start + length):
            film[index] = film[index] * (1 - share) + 255 * share
    assert found(film) == []


def test_something_that_passes_the_lens_is_no_cut():
    film = place(1, 4)
    film[50:53] = place(9, 1)[:3]
    assert found(film) == []


def test_a_blink_of_the_light_is_no_fade():
    film = place(1, 4, speed=0.1)
    still = film[60:]
    assert found(fade(film[:60], still, 5, 2)) == []


@pytest.mark.parametrize("period", [1, 2, 3])
def test_a_strobe_is_no_cut_and_hides_none(period: int):
    film = [*place(1, 3), *place(2, 3)]
    for index in range(40, 110):
        if index // period % 2:
            film[index] = np.clip(film[index] * 1.8 + 40, 0, 255)
    assert found(film) == [(75, "cut")]


def test_light_that_changes_at_once_is_no_cut():
    film = place(1, 4)
    film[50:] = [frame * 0.4 for frame in film[50:]]
    assert found(film) == []


def test_a_whip_pan_is_no_cut():
    film = place(1, 1, speed=0.5)
    start = len(film)
    whip = place(1, 3, speed=9.0)[:30]
    assert all(frame < start - 1 or frame > start + 31 for frame, _ in found([*film, *whip]))


def test_a_title_that_appears_is_no_dissolve():
    film = place(1, 5, speed=0.1)
    for index, frame in enumerate(film[50:], start=50):
        share = min(1.0, (index - 50) / 20)
        frame[35:60, 40:110] = frame[35:60, 40:110] * (1 - share) + 255 * share
    assert found(film) == []


def test_boundaries_keep_their_distance():
    film = [frame for number in range(30) for frame in place(number, 0.12)]
    times = [0.0, *(frame / RATE for frame, _ in found(film)), len(film) / RATE]
    assert min(np.diff(times)) >= MIN_SHOT / 2
    assert min(np.diff(times[:-1])) >= MIN_SHOT - 1e-6


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_very_short_films(count: int):
    shots = find_shots(changes(place(1, 1)[:count]))
    assert len(shots) == min(count, 1)


def test_a_real_encode_with_all_kinds_of_transitions(tmp_path: Path):
    """Encoded and decoded again: cut, dissolve, flash, fade, cut; times are those of the frames in the file."""
    film = dissolve([*place(1, 2), *place(2, 3)], place(3, 3), 20)
    film[30] = film[30] * 0.2 + 204
    film = [*fade(film, place(4, 3), 10, 5), *place(5, 1)]
    path = tmp_path / "film.mp4"
    write(film, path)
    stream = media.probe(path).video
    assert stream
    pictures = media.see(path, stream)
    kinds = [shot.transition.value for shot in pictures.shots]
    assert kinds == ["start", "cut", "dissolve", "fade", "cut"]
    truth = [0, 50, 115, 182, 260]
    for shot, frame in zip(pictures.shots, truth, strict=True):
        slack = 0 if shot.transition in {Transition.START, Transition.CUT} else 6
        assert abs(round(shot.start * RATE) - frame) <= slack
        assert shot.start == pytest.approx(float(shot.start_pts * stream.time_base) - stream.start, abs=1e-6)


def write(film: Sequence[NDArray[np.float32]], path: Path) -> None:
    pixels = b"".join(np.clip(frame, 0, 255).astype(np.uint8).tobytes() for frame in film)
    head = [ffmpeg.executable(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    size = ["-s", f"{COLUMNS}x{ROWS}", "-r", str(Fraction(RATE)), "-i", "-"]
    tail = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", str(path)]
    subprocess.run([*head, *size, *tail], input=pixels, check=True, timeout=60)


@pytest.mark.media
@pytest.mark.parametrize(
    ("name", "cuts", "soft"),
    [
        ("bikes.mp4", [30, 76, 137, 187, 242], []),
        ("nasa_13013.mp4", [240], [158]),
        ("gradio-world.mp4", [], []),
        ("mpy-chaplin.mp4", [], []),
        ("carphone_pristine.mp4", [], []),
        ("mb-transparency.webm", [], []),
        ("bbb_1min_720p30.mp4", [488, 604, 823, 1192, 1563], [129]),
    ],
)
def test_real_films(analysed: Callable[[str], Analysis], name: str, cuts: list[int], soft: list[int]):
    """The truth was read off the pictures by eye."""
    film = analysed(name)
    pictures, stream = film.pictures, film.info.video
    assert pictures
    assert stream
    exact = [shot for shot in pictures.shots if shot.transition is Transition.CUT]
    gradual = [shot for shot in pictures.shots if shot.transition in {Transition.DISSOLVE, Transition.FADE}]
    rate = float(stream.frame_rate)
    assert [round(shot.start * rate) for shot in exact] == cuts
    assert [round(shot.start * rate) for shot in gradual] == [pytest.approx(frame, abs=8) for frame in soft]
