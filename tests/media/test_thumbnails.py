from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from stakazo.media.errors import NothingToSee, Unreadable
from stakazo.media.moment import best_time
from stakazo.media.probe import probe
from stakazo.media.thumbnails import extract_frames, filmstrip, pictures_at, strip_times
from stakazo.media.timeline import Timeline
from stakazo.media.types import Analysis, Box, Face, Span

Film = Callable[..., Analysis]
FPS = 25


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s in which the light of the picture is the number of the frame, with a key frame every 4 s only."""
    path = tmp_path_factory.mktemp("thumbnails") / "counted.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"g": "100", "bf": "2", "qp": "4"})
        stream.width, stream.height, stream.pix_fmt = 96, 54, "yuv420p"
        for number in range(12 * FPS):
            shade = np.full((54, 96, 3), 10 + number * 240 // (12 * FPS), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(stream.encode())
    return path


def decoded(jpeg: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def number_of(picture: np.ndarray) -> float:
    return (float(picture.mean()) - 10) * 12 * FPS / 240


@pytest.mark.parametrize("order", [1, -1])
def test_the_frame_on_screen_is_the_one_that_is_extracted(counted: Path, order: int):
    times = [0.0, 0.5, 3.99, 4.0, 5.03, 7.5, 11.9][::order]
    for time, picture in zip(times, pictures_at(counted, times, height=54, info=probe(counted)), strict=True):
        assert number_of(picture) == pytest.approx(int(time * FPS + 1e-6), abs=2.5)


def test_moments_behind_a_torn_stretch_are_found(counted: Path, tmp_path: Path):
    whole = counted.read_bytes()
    start = whole.index(b"mdat")
    size = int.from_bytes(whole[start - 4 : start], "big")
    torn = tmp_path / "torn.mp4"
    first, last = start + size // 20, start + size // 2
    torn.write_bytes(whole[:first] + bytes(last - first) + whole[last:])
    _, late = pictures_at(torn, [0.0, 11.0], height=54, info=probe(counted))
    assert number_of(late) == pytest.approx(11 * FPS, abs=2.5)


def test_times_beyond_the_ends_give_the_first_and_the_last_frame(counted: Path):
    first, last = pictures_at(counted, [-1.0, 99.0], height=54, info=probe(counted))
    assert number_of(first) == pytest.approx(0, abs=2.5)
    assert number_of(last) == pytest.approx(12 * FPS - 1, abs=2.5)


def test_frames_are_jpegs_of_the_height_that_is_asked_for_and_never_enlarged(counted: Path):
    for height, wanted in ((27, (27, 48)), (720, (54, 96))):
        (data,) = extract_frames(counted, [1.0], height=height, info=probe(counted))
        assert data[:3] == b"\xff\xd8\xff"
        assert decoded(data).shape[:2] == wanted


def test_a_filmstrip_shows_the_clip_in_order(counted: Path):
    strip = decoded(filmstrip(counted, Span(2.0, 9.0), height=27, info=probe(counted)))
    times = strip_times(Span(2.0, 9.0))
    assert times == pytest.approx([2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5])
    assert strip.shape == (27, 7 * 48 + 6 * 2, 3)
    for index, time in enumerate(times):
        frame = strip[:, index * 50 + 5 : index * 50 + 43]
        assert number_of(frame) == pytest.approx(time * FPS, abs=4)


def test_broken_files_give_what_they_have_or_a_clear_error(counted: Path, tmp_path: Path):
    whole = counted.read_bytes()
    halved = tmp_path / "halved.mp4"  # the index at the end is gone
    halved.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Unreadable, match="is not a video or sound file"):
        extract_frames(halved, [0.0], height=54, info=probe(counted))
    holed = tmp_path / "holed.mp4"
    start = whole.index(b"mdat")
    middle = start + int.from_bytes(whole[start - 4 : start], "big") // 2
    holed.write_bytes(whole[:middle] + bytes(400) + whole[middle + 400 :])
    first, _, last = pictures_at(holed, [0.0, 6.0, 11.5], height=54, info=probe(counted))
    assert number_of(first) == pytest.approx(0, abs=2.5)
    assert number_of(last) == pytest.approx(11.5 * FPS, abs=2.5)
    text = tmp_path / "text.mp4"
    text.write_text("not a film")
    with pytest.raises(Unreadable):
        extract_frames(text, [0.0], height=54, info=probe(counted))


@pytest.mark.media
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mb-rotate-buck-bunny.mp4", (120, 68)),
        ("ax-internal_emulator_transformer_output_270_rotated.mp4", (120, 68)),
        ("mb-sar_2x1.mp4", (120, 427)),
        ("exo-dolbyVision-hdr.MOV", (120, 68)),
        ("mb-no-initial-keyframe.ts", (120, 213)),
        ("mpy-no_duration.webm", (120, 213)),
    ],
)
def test_pictures_look_as_a_person_sees_them(reference_media: Path, name: str, shape: tuple[int, int]):
    path = reference_media / name
    (picture,) = pictures_at(path, [0.1], height=120, info=probe(path))
    assert picture.shape[:2] == shape


@pytest.mark.media
def test_hdr_is_mapped_to_the_screen(reference_media: Path):
    path = reference_media / "ax-hlg10-color-test.mp4"
    (chart,) = pictures_at(path, [0.2], height=240, info=probe(path))
    # Left as it is, the picture would be pale: white below 200 and weak colours.
    assert np.percentile(chart.max(axis=2), 99) > 235
    saturation = cv2.cvtColor(chart, cv2.COLOR_BGR2HSV)[:, :, 1]
    assert np.percentile(saturation, 90) > 200


@pytest.mark.media
def test_sound_files_have_no_pictures(reference_media: Path):
    path = reference_media / "mb-glitch-hop-is-dead.wav"
    with pytest.raises(NothingToSee):
        extract_frames(path, [0.0], height=54, info=probe(path))


def test_the_best_frame_is_sharp_and_not_in_a_transition(film: Film):
    analysis = film(20.0, cuts=[8.0], sharpness=[(7.9, 8.2, 1.0), (13.0, 13.4, 0.9)])
    assert 13.0 <= best_time(Timeline(analysis), Span(4.0, 18.0)) < 13.4


def test_a_face_makes_a_better_frame_than_detail(film: Film):
    faces = [Face(time, Box(0.4, 0.2, 0.2, 0.4), 0.95, 1) for time in (10.0, 10.4, 10.8)]
    analysis = film(20.0, sharpness=[(15.0, 16.0, 0.8)], faces=faces)
    assert 10.0 <= best_time(Timeline(analysis), Span(4.0, 18.0)) < 11.3


def test_black_and_glaring_frames_are_not_shown(film: Film):
    lit = film(20.0, brightness=[(0.0, 9.0, 0.01), (12.0, 20.0, 0.98)], sharpness=[(0.0, 9.0, 1.0), (12.0, 20.0, 1.0)])
    assert 9.0 <= best_time(Timeline(lit), Span(4.0, 18.0)) < 12.0


def test_a_flash_is_not_shown(film: Film):
    flash = film(20.0, brightness=[(10.0, 10.2, 0.6)], sharpness=[(9.9, 10.3, 1.0), (15.0, 15.5, 0.7)])
    assert 15.0 <= best_time(Timeline(flash), Span(4.0, 18.0)) < 15.5


def test_the_best_frame_lies_within_even_the_shortest_clip(film: Film):
    assert Span(0.0, 1.0).contains(best_time(Timeline(film(1.0)), Span(0.0, 1.0)))
    assert Span(3.0, 3.3).contains(best_time(Timeline(film(5.0)), Span(3.0, 3.3)))
