"""Films as the analysis would describe them, made by hand: so a test can say what is in one and nothing else is."""

from __future__ import annotations

import asyncio
import fcntl
import json
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stakazo import media
from stakazo.media import ffmpeg
from stakazo.media.types import (
    Analysis,
    Curve,
    Face,
    Focus,
    Hook,
    Loudness,
    MediaInfo,
    Pictures,
    Section,
    Shot,
    Sound,
    Span,
    Transition,
    VideoStream,
)

RATE = 10.0
Stretches = Sequence[tuple[float, float, float]]
"""(from, to, value): in seconds."""


def curve(duration: float, level: float, stretches: Stretches = ()) -> Curve:
    values = np.full(int(np.ceil(duration * RATE)), level, dtype=np.float32)
    for start, end, value in stretches:
        values[int(start * RATE) : int(end * RATE)] = value
    return Curve(RATE, values)


def _shots(duration: float, cuts: Sequence[float], soft: Sequence[float]) -> tuple[Shot, ...]:
    borders = [0.0, *cuts, duration]
    return tuple(
        Shot(
            start,
            end,
            round(start * 1000),
            round(end * 1000),
            Transition.START if not start else Transition.DISSOLVE if start in soft else Transition.CUT,
        )
        for start, end in pairwise(borders)
    )


def _prints(duration: float, looks: Callable[[float], int]) -> np.ndarray:
    seen = np.random.default_rng(7).normal(size=(4096, 144)).astype(np.float32)
    return np.stack([seen[looks(second + 0.5) % 4096] for second in range(int(np.ceil(duration)))])


def make_film(
    duration: float,
    *,
    cuts: Sequence[float] = (),
    soft: Sequence[float] = (),
    motion: Stretches = (),
    brightness: Stretches = (),
    colour: Stretches = (),
    sharpness: Stretches = (),
    faces: Sequence[Face] = (),
    focus: Sequence[Focus] = (),
    looks: Callable[[float], int] | None = None,
    sound: bool = True,
    pictures: bool = True,
    bpm: float | None = None,
    first_beat: float = 0.0,
    energy: Stretches = (),
    silences: Sequence[Span] = (),
    sections: Sequence[Section] = (),
    hooks: Sequence[Hook] = (),
    drops: Sequence[float] = (),
) -> Analysis:
    """A film of some seconds in which everything is even but what is said.

    `looks` gives the number of the picture at a time; without it every shot has its own.
    """
    shot_at = looks or (lambda time: int(np.searchsorted(cuts, time, side="right")))
    seen = Pictures(
        shots=_shots(duration, cuts, soft),
        motion=curve(duration, 0.02, motion),
        sharpness=curve(duration, 0.5, sharpness),
        brightness=curve(duration, 0.45, brightness),
        colour=curve(duration, 0.15, colour),
        faces=tuple(faces),
        focus=tuple(focus),
        fingerprints=_prints(duration, shot_at),
    )
    beats = tuple(np.arange(first_beat, duration, 60 / bpm).round(4).tolist()) if bpm else ()
    heard = Sound(
        loudness=Loudness(-14.0, 6.0, -1.0, curve(duration, -16.0)),
        silences=tuple(silences),
        onsets=curve(duration, 0.2),
        energy=curve(duration, 0.5, energy),
        tempo=bpm,
        tempo_confidence=0.9 if bpm else 0.0,
        beats=beats,
        downbeats=beats[::4],
        beats_per_bar=4,
        sections=tuple(sections),
        hooks=tuple(hooks),
        drops=tuple(drops),
        speech=0.0,
    )
    return Analysis(
        info=MediaInfo("mp4", 1, duration, _stream(duration) if pictures else None, None, (), ()),
        pictures=seen if pictures else None,
        sound=heard if sound else None,
    )


def _stream(duration: float) -> VideoStream:
    return VideoStream(
        index=0,
        codec="h264",
        width=1280,
        height=720,
        rotation=0,
        sar=Fraction(1),
        display_width=1280,
        display_height=720,
        pixel_format="yuv420p",
        bit_depth=8,
        has_alpha=False,
        frame_rate=Fraction(25),
        variable_rate=False,
        frames=round(duration * 25),
        duration=duration,
        start=0.0,
        time_base=Fraction(1, 12800),
        hdr=None,
        color_primaries=None,
        color_transfer=None,
        color_space=None,
        color_range=None,
    )


@pytest.fixture
def film() -> Callable[..., Analysis]:
    return make_film


@pytest.fixture
def song(film: Callable[..., Analysis]) -> Analysis:
    """A music video of 90 s at 120 bpm: bars of 2 s, a cut every bar in the chorus and every two elsewhere."""
    form = [
        ("intro", "A", 0, 8, 0.2),
        ("verse", "B", 8, 24, 0.5),
        ("chorus", "C", 24, 40, 0.9),
        ("verse", "B", 40, 56, 0.5),
        ("break", "D", 56, 64, 0.3),
        ("drop", "C", 64, 80, 1.0),
        ("outro", "A", 80, 90, 0.2),
    ]
    cuts = [float(t) for t in range(2, 90, 2) if 24 <= t < 40 or 64 <= t < 80 or t % 4 == 0]
    return film(
        90.0,
        cuts=cuts,
        bpm=120.0,
        sections=[Section(start, end, label, letter, energy) for label, letter, start, end, energy in form],
        hooks=[Hook(64.0, 80.0, 0.95, "returns most and loudest"), Hook(24.0, 40.0, 0.85, "the first chorus")],
        drops=[64.0],
        energy=[(start, end, energy) for _, _, start, end, energy in form],
        motion=[(24, 40, 0.04), (64, 80, 0.05)],
    )


def encode(*arguments: str | Path) -> Path:
    """Run FFmpeg to its end with these arguments; gives the last one, the file that was made."""
    command = [ffmpeg.executable(), "-hide_banner", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=120)
    return Path(arguments[-1])


@pytest.fixture(scope="session", name="encode")
def encode_fixture() -> Callable[..., Path]:
    """Makes a real file: `encode("-f", "lavfi", "-i", "testsrc2", ..., path)`."""
    return encode


@pytest.fixture(scope="session")
def analysed(reference_media: Path, shared_folder: Path) -> Callable[[str], Analysis]:
    """The analysis of a reference film: once for all processes of this run; of a broken one in a child, as in a job."""

    def analysed(name: str) -> Analysis:
        kept = shared_folder / f"analysis-{name.replace('/', '-')}.json"
        with kept.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                film = reference_media / name
                broken = name.startswith("corrupt/")
                made = asyncio.run(media.analyse_in_child(film, timeout=240)) if broken else media.analyse(film)
                kept.write_text(json.dumps(media.analysis_to_dict(made)))
        return media.analysis_from_dict(json.loads(kept.read_text()))

    return analysed
