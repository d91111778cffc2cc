from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stakazo import media
from stakazo.media.errors import Unreadable
from stakazo.media.types import Transition

Encode = Callable[..., Path]


@pytest.fixture(scope="module")
def clip(encode: Encode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds: testsrc2, after 3 s a mandelbrot; a tone with a pulse."""
    return encode(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3"),
        *("-f", "lavfi", "-i", "mandelbrot=size=320x180:rate=25:end_scale=0.3:start_scale=1,trim=duration=3"),
        *("-f", "lavfi", "-i", "sine=220:duration=6,tremolo=f=2:d=0.9"),
        *("-filter_complex", "[0][1]concat=n=2,format=yuv420p[v]", "-map", "[v]", "-map", "2"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"),
        tmp_path_factory.mktemp("analyse") / "clip.mp4",
    )


def test_everything_is_there(clip: Path):
    told: list[tuple[str, float]] = []
    analysis = media.analyse(clip, progress=lambda stage, share: told.append((stage, share)))
    assert analysis.duration == pytest.approx(6.0, abs=0.01)
    assert analysis.pictures
    assert analysis.sound
    assert [(shot.start, shot.transition) for shot in analysis.pictures.shots] == [
        (0.0, Transition.START),
        (pytest.approx(3.0), Transition.CUT),
    ]
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert {stage for stage, _ in told} == {"probing", "watching and listening", "done"}


def test_curves_cover_the_whole_and_stay_in_range(clip: Path):
    pictures = media.analyse(clip).pictures
    assert pictures
    for curve in (pictures.motion, pictures.brightness, pictures.colour, pictures.sharpness):
        assert len(curve.values) == pytest.approx(6 * curve.rate, abs=1)
        assert curve.values.min() >= 0
        assert curve.values.max() <= 1
    assert pictures.sharpness.values.max() > 0.9
    assert pictures.fingerprints.shape[0] == 6
    assert np.linalg.norm(pictures.fingerprints, axis=1) == pytest.approx(np.ones(6), abs=1e-3)
    alike = pictures.fingerprints @ pictures.fingerprints.T
    assert alike[0, 1] > 0.9
    assert alike[1, 4] < 0.6
    times = [focus.time for focus in pictures.focus]
    assert times == sorted(times)
    assert max(later - earlier for earlier, later in pairwise(times)) < 0.6


def test_brightness_and_colour_mean_what_they_say(encode: Encode, tmp_path: Path):
    def look(name: str) -> tuple[float, float]:
        source = f"color={name}:size=160x90:rate=10:duration=1"
        path = encode("-f", "lavfi", "-i", source, "-c:v", "libx264", "-pix_fmt", "yuv420p", tmp_path / f"{name}.mp4")
        pictures = media.analyse(path).pictures
        assert pictures
        return float(pictures.brightness.values.mean()), float(pictures.colour.values.mean())

    assert look("black") == pytest.approx((0.0, 0.0), abs=0.02)
    assert look("white") == pytest.approx((1.0, 0.0), abs=0.02)
    light, colour = look("red")
    assert 0.2 < light < 0.4
    assert colour > 0.7


def test_a_film_without_sound(clip: Path, encode: Encode, tmp_path: Path):
    analysis = media.analyse(encode("-i", clip, "-an", "-c", "copy", tmp_path / "silent.mp4"))
    assert analysis.sound is None
    assert analysis.pictures
    assert len(analysis.pictures.shots) == 2


def test_a_sound_file(clip: Path, encode: Encode, tmp_path: Path):
    analysis = media.analyse(encode("-i", clip, "-vn", tmp_path / "song.wav"))
    assert analysis.pictures is None
    assert analysis.sound
    assert analysis.duration == pytest.approx(6.0, abs=0.05)


def test_a_still_picture_for_half_the_time(encode: Encode, tmp_path: Path):
    """A slide show: three frames in nine seconds."""
    path = encode(
        *("-f", "lavfi", "-i", "testsrc=size=160x90:rate=1/3:duration=9", "-fps_mode", "vfr"),
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", tmp_path / "slides.mkv"),
    )
    analysis = media.analyse(path)
    assert analysis.pictures
    assert analysis.duration == pytest.approx(9.0, abs=0.1)
    assert len(analysis.pictures.motion.values) == 90
    assert len(analysis.pictures.fingerprints) >= 7


def test_as_a_program(clip: Path, tmp_path: Path):
    done = subprocess.run([sys.executable, "-m", "stakazo.media", clip], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert '"shots":' in done.stdout
    (tmp_path / "x").write_text("no film")
    done = subprocess.run(
        [sys.executable, "-m", "stakazo.media", tmp_path / "x"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "not a video or sound file" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_library_costs_nothing_until_it_is_used():
    script = "from stakazo import media; import sys; print({'numpy', 'cv2', 'av', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_two_threads_never_import_at_once(clip: Path):
    code = (
        "import sys, threading; from pathlib import Path; found = []\n"
        "def hook(event, details):\n"
        "    if event == 'import' and threading.active_count() > 1: found.append(details[0])\n"
        "sys.addaudithook(hook)\n"
        "from stakazo import media; media.analyse(Path(sys.argv[1]))\n"
        "print(sorted(name for name in found if name.startswith(('stakazo', 'cv2', 'av'))))"
    )
    done = subprocess.run([sys.executable, "-c", code, clip], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["probe", "analyse", "see", "reframe"])
def test_functions_that_are_named_like_their_file_stay_functions(name: str):
    importlib.import_module(f"stakazo.media.{name}")
    assert callable(getattr(media, name))


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="nonsense"):
        media.nonsense  # noqa: B018 - the access is the test


def test_refusals_pass_through(tmp_path: Path):
    with pytest.raises(Unreadable):
        media.analyse(tmp_path / "nothing.mp4")
