from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import scipy

from stakazo.media.errors import RenderFailed
from stakazo.media.types import Transition
from stakazo.sample import BadSpec, FormPart, Spec, Truth, dancer, make, singer, truth_of, truth_path
from stakazo.sample.arrangement import arrange
from stakazo.sample.pictures import SCENES, frames
from stakazo.sample.plan import LOOKS, plan

FORM = (FormPart("intro", 1), FormPart("verse", 1), FormPart("break", 1), FormPart("drop", 2), FormPart("outro", 1))
SPEC = Spec(duration=13, width=256, height=144, form=FORM, seed=5)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth, list[float]]:
    path = tmp_path_factory.mktemp("sample") / "film.mp4"
    told: list[float] = []
    return path, make(path, SPEC, progress=told.append), told


@pytest.fixture(scope="module")
def decoded(made: tuple[Path, Truth, list[float]]) -> np.ndarray:
    with av.open(str(made[0])) as container:
        return np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)]).astype(np.float32)


def test_the_file_is_what_the_spec_says(made: tuple[Path, Truth, list[float]], decoded: np.ndarray):
    assert decoded.shape == (SPEC.frames, 144, 256)
    with av.open(str(made[0])) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert (audio.rate, audio.channels, video.average_rate) == (48000, 2, SPEC.fps)
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(13, abs=0.05)


def test_the_truth_stands_beside_the_file_and_nothing_else(made: tuple[Path, Truth, list[float]]):
    path, truth, _ = made
    assert truth_of(path) == truth
    assert sorted(other.name for other in path.parent.iterdir()) == ["film.mp4", "film.truth.json"]
    assert truth_of(path.with_name("other.mp4")) is None


def test_progress_goes_up_to_the_end(made: tuple[Path, Truth, list[float]]):
    told = made[2]
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 5


def test_every_cut_is_a_jump_in_the_pictures_at_exactly_its_frame(
    made: tuple[Path, Truth, list[float]], decoded: np.ndarray
):
    change = np.abs(np.diff(decoded, axis=0)).mean(axis=(1, 2))
    cuts = [shot.frame for shot in made[1].shots if shot.transition is Transition.CUT]
    assert len(cuts) == 3
    for cut in cuts:
        around = np.delete(change[cut - 4 : cut + 3], 3)
        assert change[cut - 1] > 2.5 * around.max()


def test_a_dissolve_goes_from_one_picture_to_the_other_without_a_jump(
    made: tuple[Path, Truth, list[float]], decoded: np.ndarray
):
    soft = [shot for shot in made[1].shots if shot.transition is Transition.DISSOLVE]
    assert soft
    change = np.abs(np.diff(decoded, axis=0)).mean(axis=(1, 2))
    for shot in soft:
        assert shot.gradual is not None
        first, last = round(shot.gradual.start * SPEC.fps), round(shot.gradual.end * SPEC.fps)
        whole = np.abs(decoded[last] - decoded[first - 1]).mean()
        assert change[first - 1 : last].max() < 0.45 * whole
        half = (decoded[first - 1] + decoded[last]) / 2
        assert np.abs(decoded[shot.frame] - half).mean() < 0.5 * whole


def test_the_fade_goes_through_black_and_so_do_both_ends(made: tuple[Path, Truth, list[float]], decoded: np.ndarray):
    light = decoded.mean(axis=(1, 2))
    fade = next(shot for shot in made[1].shots if shot.transition is Transition.FADE)
    assert light[fade.frame - 1 : fade.frame + 1].min() < 22
    assert light[[0, -1]].max() < 22


def test_a_flash_is_bright_and_the_same_picture_is_on_both_sides(
    made: tuple[Path, Truth, list[float]], decoded: np.ndarray
):
    flashes = made[1].flashes
    assert len(flashes) == 2
    for flash in flashes:
        before, after = decoded[flash.frame - 1], decoded[flash.frame + flash.frames]
        assert decoded[flash.frame].mean() > 175
        assert np.abs(before - after).mean() < 0.5 * np.abs(decoded[flash.frame] - before).mean()


def test_the_same_spec_gives_the_same_pictures_and_another_seed_others():
    def some(seed: int) -> list[bytes]:
        timetable = plan(Spec(duration=3, width=128, height=72, seed=seed, form=(FormPart("chorus", 1),)))
        return [image.tobytes() for image, _ in frames(timetable, arrange(timetable))]

    assert some(1) == some(1)
    assert some(1) != some(2)


def test_every_look_of_every_part_can_be_drawn_in_any_shape():
    assert {name for names, _ in LOOKS.values() for name in names} == set(SCENES)
    for width, height in ((72, 128), (130, 64)):
        seen = set()
        for label in LOOKS:
            spec = Spec(duration=10, fps=5, tempo=200, width=width, height=height, form=(FormPart(label, 12),), seed=1)
            timetable = plan(spec)
            for image, box in frames(timetable, arrange(timetable)):
                assert image.shape == (height, width, 3)
                if box is not None:
                    assert 0 <= box.x <= box.x + box.width <= 1.0001
                    assert 0 <= box.y <= box.y + box.height <= 1.0001
            seen |= {shot.truth.scene for shot in timetable.shots}
        assert seen == set(SCENES)


@pytest.mark.parametrize("move", [*dancer.MOVES, "walk"])
def test_the_dancers_box_holds_the_dancer(move: str):
    light = dancer.Light((255, 255, 255))
    for beat in (0.0, 0.3, 0.5, 1.4):
        image = np.zeros((360, 640, 3), dtype=np.uint8)
        pose = dancer.pose(move, beat, facing=1)
        box = dancer.draw(image, pose, (300, 340), 240, dancer.OUTFITS[0], light)
        rows, columns = np.nonzero(image.any(axis=2))
        assert columns.min() / 640 == pytest.approx(box.x, abs=0.03)
        assert (columns.max() + 1) / 640 == pytest.approx(box.x + box.width, abs=0.03)
        assert rows.min() / 360 == pytest.approx(box.y, abs=0.06)
        assert (rows.max() + 1) / 360 == pytest.approx(box.y + box.height, abs=0.05)


def test_the_singers_box_holds_the_face():
    image = np.zeros((360, 640, 3), dtype=np.uint8)
    looks = singer.LOOKS[0]
    box = singer.Singer(looks, (255, 0, 255)).draw(image, (320, 160), 400, mouth=0.5, blink=False, look=0.0, tilt=0.0)
    skin = np.abs(image.astype(int) - np.asarray(looks.skin)).sum(axis=2) < 60
    rows, columns = np.nonzero(skin[: round((box.y + box.height) * 360)])
    inside = (columns / 640 > box.x) & (columns / 640 < box.x + box.width) & (rows / 360 > box.y)
    assert len(rows) > 2000
    assert inside.mean() > 0.97


def test_a_sound_file_has_the_song_alone(tmp_path: Path):
    truth = make(tmp_path / "song.wav", Spec(duration=4, form=(FormPart("verse", 1),)))
    rate, samples = scipy.io.wavfile.read(tmp_path / "song.wav")
    assert (rate, samples.shape, samples.dtype) == (48000, (192_000, 2), np.int16)
    assert truth.shots == ()
    assert len(truth.beats) == 4
    assert truth.loudness is not None
    with pytest.raises(BadSpec):
        make(tmp_path / "none.wav", Spec(duration=4, sound=False))


def test_a_film_without_sound_has_no_sound_stream_and_knows_of_no_beats(tmp_path: Path):
    truth = make(tmp_path / "mute.mp4", Spec(duration=2, width=96, height=64, fps=10, sound=False))
    with av.open(str(tmp_path / "mute.mp4")) as container:
        assert not container.streams.audio
        assert sum(1 for _ in container.decode(video=0)) == 20
    assert (truth.beats, truth.hooks, truth.drop, truth.loudness) == ((), (), None, None)


def test_when_ffmpeg_fails_its_reason_is_told_and_nothing_is_left(tmp_path: Path):
    path = tmp_path / "film.nosuchformat"
    with pytest.raises(RenderFailed, match="nosuchformat"):
        make(path, Spec(duration=2, width=96, height=64, fps=10))
    assert list(tmp_path.iterdir()) == []
    assert not truth_path(path).exists()
