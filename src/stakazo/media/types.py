"""What the media library knows about a video: frozen values, in seconds and fractions. Pure.

Times are seconds from the start of the presentation (the first video frame, or the first sound of a sound
file, is near 0). Where a time is a frame's, its exact `pts` stands beside it. Rectangles are fractions of the
frame as a person sees it: after rotation and after the sample aspect ratio.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FloatArray: TypeAlias = "NDArray[np.float32]"

Progress = Callable[[str, float], None]
"""Hears the stage in words and the share of the whole that is done, 0 to 1, never falling."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in seconds: `start` is inside, `end` is not."""

    start: float
    end: float

    @property
    def duration(self) -> float:
        return self.end - self.start

    def overlap(self, other: Span) -> float:
        """Seconds that both share."""
        return max(0.0, min(self.end, other.end) - max(self.start, other.start))

    def contains(self, time: float) -> bool:
        return self.start <= time < self.end


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in fractions of the displayed frame: (0, 0) is the top left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def area(self) -> float:
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Curve:
    """A signal sampled evenly: `values[i]` is its value at `i / rate` seconds."""

    rate: float
    """Samples per second."""
    values: FloatArray

    def at(self, time: float) -> float:
        """The value at a time, held at both ends; 0 when the curve is empty."""
        if not len(self.values):
            return 0.0
        return float(self.values[min(max(int(time * self.rate), 0), len(self.values) - 1)])

    def within(self, span: Span) -> FloatArray:
        """The values inside a span: never empty unless the curve is."""
        first = min(max(int(span.start * self.rate), 0), max(len(self.values) - 1, 0))
        last = max(math.ceil(span.end * self.rate), first + 1)
        return self.values[first:last]


# --- what a file says of itself -----------------------------------------------------------------------------


class Hdr(StrEnum):
    PQ = "pq"
    """SMPTE ST 2084: HDR10, HDR10+ and most Dolby Vision."""
    HLG = "hlg"
    """ARIB STD-B67."""


@dataclass(frozen=True, slots=True)
class VideoStream:
    """The picture stream that a person would watch."""

    index: int
    """The stream's number inside the file."""
    codec: str
    width: int
    """Coded width in pixels: before rotation and sample aspect ratio."""
    height: int
    rotation: int
    """Degrees clockwise by which a player turns the picture: 0, 90, 180 or 270."""
    sar: Fraction
    """Sample aspect ratio: the shape of one pixel."""
    display_width: int
    """Width as a person sees it: after sample aspect ratio, then rotation."""
    display_height: int
    pixel_format: str
    bit_depth: int
    has_alpha: bool
    frame_rate: Fraction
    """Average frames per second, by the frames that are really there."""
    variable_rate: bool
    """Whether the distance between frames varies by more than rounding."""
    frames: int
    """Frames by their packets."""
    duration: float
    """Seconds from the first frame's start to the last frame's end, by packets and not by the header."""
    start: float
    """Presentation time of the first frame in the file's own clock, in seconds."""
    time_base: Fraction
    hdr: Hdr | None
    color_primaries: str | None
    color_transfer: str | None
    color_space: str | None
    color_range: str | None


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One sound stream."""

    index: int
    codec: str
    sample_rate: int
    channels: int
    layout: str
    duration: float
    """Seconds, by packets."""
    start: float
    """Presentation time of the first packet in the file's own clock, in seconds."""
    decodable: bool
    """Whether its first packets really decode."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What was found by opening the file and walking its packets."""

    container: str
    size: int
    """Bytes."""
    duration: float
    """Seconds that can really be played."""
    video: VideoStream | None
    audio: AudioStream | None
    """The sound stream that a player would choose, when one decodes."""
    audio_streams: tuple[AudioStream, ...]
    other_streams: tuple[str, ...]
    """Kinds of the streams that are left alone: subtitles, data, cover art, a second video."""
    notes: tuple[str, ...] = ()
    """What a person should know: a header that lies, a stream that doesn't decode."""


# --- pictures -----------------------------------------------------------------------------------------------


class Transition(StrEnum):
    START = "start"
    CUT = "cut"
    DISSOLVE = "dissolve"
    FADE = "fade"


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch filmed in one go. Shots follow each other without gaps and cover the whole video."""

    start: float
    """Seconds: the time of the first frame of the shot (of a gradual transition: its middle)."""
    end: float
    start_pts: int
    """The first frame's exact time, in the video stream's time base."""
    end_pts: int
    transition: Transition
    """How the shot begins."""

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Face:
    """A face in one frame."""

    time: float
    box: Box
    confidence: float
    """0 to 1, as the detector gives it."""
    track: int
    """The same number for the same face from frame to frame within a shot."""


@dataclass(frozen=True, slots=True)
class Focus:
    """Where the eye goes in one frame when nobody says: motion and contrast, no face needed."""

    time: float
    box: Box
    """The rectangle that holds most of what moves or stands out."""
    weight: float
    """0 to 1: how clearly this stands out from the rest of the frame."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What was seen in one decode pass over small frames."""

    shots: tuple[Shot, ...]
    motion: Curve
    """Mean absolute change between frames, 0 to 1 of full scale, cuts left out."""
    sharpness: Curve
    """0 to 1: how much fine detail a frame has, relative to the sharpest frames of this film."""
    brightness: Curve
    """Mean luma, 0 to 1."""
    colour: Curve
    """Mean chroma magnitude, 0 to 1: 0 is grey."""
    faces: tuple[Face, ...]
    """In order of time; sampled a few times per second."""
    focus: tuple[Focus, ...]
    """In order of time; sampled a few times per second."""
    fingerprints: NDArray[np.float32]
    """[times, features]: one small normalised picture per second, to tell look-alikes."""
    notes: tuple[str, ...] = ()


# --- sound --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Loudness:
    """ITU-R BS.1770-4 / EBU R 128."""

    integrated: float
    """LUFS over the whole; -70 for silence."""
    range: float
    """LU, EBU Tech 3342."""
    true_peak: float
    """dBTP, four times oversampled."""
    momentary: Curve
    """LUFS over 400 ms, ten times a second."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the song's form, found by what repeats and how loud it is."""

    start: float
    end: float
    label: str
    """What it is as far as sound alone can tell: intro, verse, chorus, drop, break, outro, part."""
    letter: str
    """A, B, C ...: parts that sound alike share it."""
    energy: float
    """0 to 1 within this song."""

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Hook:
    """A passage that a listener would remember."""

    start: float
    end: float
    score: float
    """0 to 1."""
    reason: str
    """In words."""

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Sound:
    """What was heard."""

    loudness: Loudness
    silences: tuple[Span, ...]
    onsets: Curve
    """Onset strength, 0 to 1."""
    energy: Curve
    """Perceived energy, 0 (silence) to 1 (the loudest passage of this file), a few times a second."""
    tempo: float | None
    """Beats per minute; None when there is no steady beat."""
    tempo_confidence: float
    """0 to 1."""
    beats: tuple[float, ...]
    downbeats: tuple[float, ...]
    """The first beat of each bar: a subset of `beats`."""
    beats_per_bar: int
    """4 unless the music says 3."""
    sections: tuple[Section, ...]
    hooks: tuple[Hook, ...]
    """Best first."""
    drops: tuple[float, ...]
    """Where energy rises at once after a build-up or a break."""
    speech: float
    """0 to 1: the share of the time that sounds like speech rather than music, by rhythm of energy alone."""
    notes: tuple[str, ...] = ()


# --- the whole ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that the choice of clips needs to know about a file."""

    info: MediaInfo
    pictures: Pictures | None
    """None for a sound file."""
    sound: Sound | None
    """None when there is no sound that decodes."""
    notes: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        return self.info.duration
