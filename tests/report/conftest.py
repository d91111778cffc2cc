from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest

from stakazo.media.choice import Part, Score
from stakazo.media.framing import CropKey, CropPath, CropShot, Framing
from stakazo.media.types import (
    Analysis,
    AudioStream,
    Box,
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
from stakazo.report.data import ReportClip, ReportData, ReportVariant, Still


def jpeg(width: int = 320, height: int = 180, hue: int = 40) -> bytes:
    """A picture whose left half is dark and whose right half is light."""
    picture = np.full((height, width, 3), hue, dtype=np.uint8)
    picture[:, width // 2 :] = 220
    return bytes(cv2.imencode(".jpg", picture)[1])


def curve(rate: float, seconds: float, low: float = 0.0, high: float = 1.0) -> Curve:
    count = int(rate * seconds)
    wave = 0.5 + 0.5 * np.sin(np.arange(count) / rate)
    return Curve(rate, (low + (high - low) * wave).astype(np.float32))


@pytest.fixture
def analysis() -> Analysis:
    """A minute of everything."""
    video = VideoStream(
        0, "h264", 1280, 720, 0, Fraction(1), 1280, 720, "yuv420p", 8, has_alpha=False,
        frame_rate=Fraction(30), variable_rate=False, frames=1800, duration=60.0, start=0.0,
        time_base=Fraction(1, 15360), hdr=None, color_primaries="bt709", color_transfer="bt709",
        color_space="bt709", color_range="tv",
    )  # fmt: skip
    audio = AudioStream(1, "aac", 48000, 2, "stereo", 60.0, 0.0, decodable=True)
    info = MediaInfo("mp4", 12_345_678, 60.0, video, audio, (audio,), (), ("the header says 61 s",))
    kinds = [Transition.START, Transition.CUT, Transition.DISSOLVE, Transition.FADE, Transition.CUT, Transition.CUT]
    shots = tuple(Shot(10.0 * n, 10.0 * n + 10, 0, 0, kind) for n, kind in enumerate(kinds))
    pictures = Pictures(
        shots, curve(10, 60), curve(10, 60), curve(10, 60), curve(10, 60),
        (Face(12.0, Box(0.4, 0.2, 0.2, 0.4), 0.9, 1), Face(12.5, Box(0.42, 0.2, 0.2, 0.4), 0.9, 1)),
        tuple(Focus(0.5 * n, Box(0.1 + 0.006 * n, 0.3, 0.2, 0.3), 0.6) for n in range(120)),
        np.zeros((60, 4), dtype=np.float32), ("no model for cats",),
    )  # fmt: skip
    beats = tuple(0.5 * n for n in range(120))
    sound = Sound(
        Loudness(-11.2, 6.5, -0.9, curve(10, 60, -40, -8)), (Span(0.0, 0.4),), curve(50, 60), curve(4, 60), 120.0, 0.9,
        beats, beats[::4], 4,
        (Section(0, 20, "intro", "A", 0.2), Section(20, 40, "chorus", "B", 0.9), Section(40, 60, "outro", "A", 0.3)),
        (Hook(20, 28, 0.9, "comes back 3 times"),), (20.0,), 0.0,
    )  # fmt: skip
    return Analysis(info, pictures, sound)


def path(aspect: Fraction, *, moving: bool = False) -> CropPath:
    """The right half of the frame's middle; moving: from the left to there."""
    width = 0.5625 * float(aspect)
    key = CropKey(20.0, Box(0.1 if moving else 0.65, 0.0, width, 1.0))
    keys = (key, CropKey(28.0, Box(0.65, 0.0, width, 1.0))) if moving else (key,)
    fit = CropShot(30.0, 36.0, Framing.FIT, (CropKey(30.0, Box(0, 0, 1, 1)),), "two people far apart")
    return CropPath(aspect, (CropShot(20.0, 30.0, Framing.CROP, keys, "a face"), fit))


def variant(name: str, label: str, width: int, height: int, crop: CropPath | None, **more: Any) -> ReportVariant:
    base = ReportVariant(
        name, label, "instagram", f"clip-01/{name}.mp4", width, height, 4_200_000, 16.0, 30.0, "h264", "aac",
        -14.0, -1.1, crop,
    )  # fmt: skip
    return replace(base, **more)


@pytest.fixture
def clip() -> ReportClip:
    score = Score(
        (
            Part("hook", 0.9, 3.0, "the hook from 0:20 to 0:28"),
            Part("motion", 0.5, 1.5, "lively"),
            Part("edges", 1.0, 1.0, "on bars"),
            Part("novelty", 0.0, 0.5, "nothing new"),
        )
    )
    tall = path(Fraction(9, 16), moving=True)
    return ReportClip(
        1, 20.0, 36.0, "bar", "shot", score, ("the hook from 0:20 to 0:28", "lively"), jpeg(), 22.0, jpeg(700, 60),
        (
            variant("instagram_reel", "Instagram Reel", 1080, 1920, tall),
            variant("tiktok", "TikTok", 1080, 1920, tall),
            variant("facebook_feed", "Facebook feed", 1080, 1080, path(Fraction(1))),
            variant("landscape", "Landscape", 1920, 1080, None),
        ),
    )  # fmt: skip


@pytest.fixture
def data(analysis: Analysis, clip: ReportClip) -> ReportData:
    second = replace(clip, rank=2, start=40.0, end=50.0, variants=(), failures=("TikTok: the disk is full",))
    return ReportData(
        "Night Signal", "night-signal.mp4", analysis, (clip, second), (Still(2.0, jpeg()), Still(12.0, jpeg(hue=90))),
        ("Beats: 120 of 120 found", "A line without a name"), (("Stakazo", "0.1.0"), ("FFmpeg", "9.0")),
        (("analysis", 12.0), ("render", 40.0)), ("One platform is slow.",), "today",
    )  # fmt: skip
