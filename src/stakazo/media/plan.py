"""What is wanted: the variants of one clip, with everything that decides what they look and sound like. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stakazo.media.framing import CropPath
from stakazo.media.types import Analysis, MediaInfo, Span, VideoStream

STANDARD_RATES = tuple(
    Fraction(rate) for rate in ("24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60")
)
LOWEST_RATE = 23
SAME_RATE = 0.002
"""Rates that differ by less than this share are the same, only badly counted."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a picture is compressed: H.264 High, 4:2:0, BT.709, closed groups of pictures."""

    preset: str = "superfast"
    """x264's. The platform compresses the file again: bits are cheaper than time (`bench/reports/presets.md`)."""
    crf: int = 20
    """Quality: lower is better and bigger."""
    max_bitrate: int = 12_000
    """Peak, in kbit/s, over a buffer of two seconds."""
    gop: float = 2.0
    """Seconds from one keyframe to the next at most."""


@dataclass(frozen=True, slots=True)
class Output:
    """One variant: a picture of one size and shape with its sound, in a file of its own."""

    name: str
    width: int
    height: int
    path: CropPath
    file: Path
    encoding: Encoding = Encoding()
    audio_bitrate: int = 192
    """kbit/s."""

    @property
    def pixels(self) -> tuple[int, int, CropPath, Encoding]:
        """Outputs for which this is equal have the same pictures, and are rendered once."""
        return self.width, self.height, self.path, self.encoding


@dataclass(frozen=True, slots=True)
class Level:
    """How loud the sound shall be; reached by one gain for the whole clip, never by compression."""

    target: float = -14.0
    """LUFS, integrated over the clip."""
    true_peak: float = -1.0
    """dBTP that the result may reach."""
    most_gain: float = 20.0
    """dB by which a quiet clip is raised at most."""


@dataclass(frozen=True, slots=True)
class RenderPlan:
    """Everything that decides what the variants of one clip look and sound like."""

    source: Path
    info: MediaInfo
    span: Span
    """Seconds of the source."""
    outputs: tuple[Output, ...]
    level: Level = Level()
    visible: bool = True
    """Whether the source shows anything but black here: if it does, so must the outputs."""

    @property
    def video(self) -> VideoStream:
        if self.info.video is None:
            raise ValueError("A plan needs a source with pictures.")
        return self.info.video

    @property
    def rate(self) -> Fraction:
        """Frames per second of every output."""
        return output_rate(self.video)

    @property
    def start(self) -> float:
        """The in-point in seconds of the source, on a frame."""
        return snap(self.span.start, self.video)

    @property
    def frames(self) -> int:
        """How many frames each output has."""
        return max(1, round((self.span.end - self.start) * self.rate))

    @property
    def duration(self) -> float:
        """Seconds of each output, exactly."""
        return float(self.frames / self.rate)

    @property
    def end(self) -> float:
        """The out-point in seconds of the source."""
        return self.start + self.duration

    @property
    def groups(self) -> tuple[tuple[Output, ...], ...]:
        """The outputs by their pixels: one encoder each."""
        by_pixels: dict[object, list[Output]] = {}
        for output in self.outputs:
            by_pixels.setdefault(output.pixels, []).append(output)
        return tuple(tuple(group) for group in by_pixels.values())


def output_rate(video: VideoStream) -> Fraction:
    """A constant rate that every platform takes: the source's own if it can be kept.

    Faster sources are divided and slower ones multiplied by a whole number, so that motion stays even. Any other
    rate becomes the next standard one above (a shown frame is repeated rather than one lost); a variable rate the
    nearest standard one, or 30 when it is mostly slower than any.
    """
    rate = video.frame_rate
    if rate <= 0:
        return Fraction(30)
    if video.variable_rate:
        return min(STANDARD_RATES, key=lambda known: abs(known - rate)) if rate >= LOWEST_RATE else Fraction(30)
    if rate > Fraction("60.1"):
        rate /= math.ceil(rate / Fraction("60.1"))
    elif rate < Fraction("22.9"):
        rate *= math.ceil(LOWEST_RATE / rate)
    standard = min(STANDARD_RATES, key=lambda known: abs(known - rate))
    if abs(standard / rate - 1) < SAME_RATE:
        return standard
    return next((known for known in STANDARD_RATES if known >= rate * Fraction("0.99")), STANDARD_RATES[-1])


def snap(time: float, video: VideoStream) -> float:
    """The time of the frame nearest to a time; where frames are on no even grid, the time as it is."""
    rate = video.frame_rate
    if video.variable_rate or rate <= 0:
        return max(0.0, time)
    ratio = output_rate(video) / rate
    repeats = max(ratio, 1 / ratio)
    if abs(repeats / round(repeats) - 1) > SAME_RATE:
        return max(0.0, time)
    return float(max(0, round(time * rate)) / rate)


def gain_for(integrated: float, true_peak: float, level: Level) -> float:
    """dB by which a sound changes to reach its level: up only as far as its true peak allows, silence not at all."""
    if integrated < -50.0:
        return 0.0
    # AAC overshoots what it was given: by 0.2 to 0.4 dB where it was measured.
    room = level.true_peak - 0.5 - true_peak
    return round(min(level.target - integrated, room, level.most_gain), 2)


def visible(analysis: Analysis, span: Span) -> bool:
    """Whether the source shows anything but black in a span."""
    if analysis.pictures is None or not len(analysis.pictures.brightness.values):
        return False
    return float(analysis.pictures.brightness.within(span).max()) > 0.05
