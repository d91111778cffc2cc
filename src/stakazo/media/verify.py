"""Is a rendered file what was ordered? It is opened again and looked at; what it says of itself isn't believed.

Every packet is walked (times, keyframes, sizes), the sound is decoded whole (loudness, true peak), and so are the
keyframes of the pictures, or every frame when asked: between keyframes the encoder's own bits follow, and
decoding them all would cost a tenth of rendering them.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from stakazo.media.errors import NotAsOrdered, TooBig, Unreadable
from stakazo.media.loudness import Reading
from stakazo.media.meter import Meter, reading
from stakazo.media.opening import opened

BLACK = 20.0
"""Mean luma (16 is black) below which a picture counts as black."""
SILENT = -60.0
"""LUFS below which sound counts as silence."""
OVERSHOOT = 0.5
"""dB by which the lossy sound may pass the true peak that was ordered."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a file must be."""

    width: int
    height: int
    rate: Fraction
    frames: int
    """Within one."""
    true_peak: float | None = None
    """dBTP that must not be passed; None: whatever it is."""
    visible: bool = True
    """Whether black all the way through would be a fault."""
    audible: bool = True
    """Whether silence all the way through would be a fault."""
    max_keyframe_distance: float = 2.0
    """Seconds."""

    @property
    def duration(self) -> float:
        return float(self.frames / self.rate)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file really is."""

    size: int
    """Bytes."""
    width: int
    height: int
    duration: float
    """Seconds, by the packets of the pictures."""
    fps: Fraction
    frames: int
    video_codec: str
    profile: str
    pixel_format: str
    audio_codec: str | None
    sample_rate: int
    channels: int
    loudness: float
    """LUFS, integrated; -70 for silence."""
    true_peak: float
    """dBTP; -100 for digital silence."""
    bitrate: int
    """kbit/s of pictures and sound together."""
    keyframes: tuple[float, ...] = field(repr=False)
    """Seconds."""
    brightness: float = 0.0
    """The brightest decoded picture's mean luma, 16 to 235."""


def verify(file: Path, order: Order, *, thorough: bool = False) -> Facts:
    """The facts of a rendered file. Raises NotAsOrdered with everything that is wrong with it.

    `thorough` decodes every frame and not the keyframes alone.
    """
    try:
        with opened(file) as container:
            facts, faults = _inspect(container, file, order, thorough=thorough)
        if not thorough and order.visible and facts.brightness < BLACK:
            # Its keyframes are black, as where a clip fades in: what is between them counts too.
            return verify(file, order, thorough=True)
    except (av.error.FFmpegError, OSError, Unreadable, TooBig) as error:
        raise NotAsOrdered(f"The rendered file can't be read: {error}") from error
    if not moov_first(file):
        faults.append("its index stands at the end: a player would have to load all of it first")
    if faults:
        raise NotAsOrdered(f"The rendered file is not as ordered: {'; '.join(faults)}.")
    return facts


@dataclass(slots=True)
class _Seen:
    """What the walk through the pictures met."""

    times: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    decoded: int = 0
    brightness: float = 0.0

    def packet(self, packet: av.Packet[Any], *, thorough: bool) -> None:
        if packet.pts is not None and packet.size:
            self.times.append(packet.pts)
            if packet.is_keyframe:
                self.keys.append(packet.pts)
        if not (thorough or packet.is_keyframe or not packet.size):
            return
        for frame in packet.decode():
            self.decoded += 1
            if not thorough or self.decoded % 4 == 1:
                self.brightness = max(self.brightness, _luma(frame))


def _inspect(
    container: av.container.InputContainer, file: Path, order: Order, *, thorough: bool
) -> tuple[Facts, list[str]]:
    if not container.streams.video or not container.streams.audio:
        raise NotAsOrdered("The rendered file lacks its pictures or its sound.")
    video, audio = container.streams.video[0], container.streams.audio[0]
    video.thread_type = "AUTO"
    seen, meter, last = _Seen(), Meter(), Reading(-70.0, -70.0, 0.0, 0.0)
    for packet in container.demux(video, audio):
        if packet.stream is video:
            seen.packet(packet, thorough=thorough)
        else:
            for frame in packet.decode():
                if isinstance(frame, av.AudioFrame):
                    for measured in meter.push(frame):
                        last = reading(measured) or last
    for measured in meter.finish():
        last = reading(measured) or last
    base = video.time_base or Fraction(1, 90000)
    duration = (max(seen.times) - min(seen.times)) * base + 1 / order.rate if seen.times else Fraction(0)
    context, size = video.codec_context, file.stat().st_size
    facts = Facts(
        size=size,
        width=video.width,
        height=video.height,
        duration=float(duration),
        fps=order.rate,
        frames=len(seen.times),
        video_codec=context.name,
        profile=str(context.profile or ""),
        pixel_format=str(context.pix_fmt),
        audio_codec=audio.codec_context.name,
        sample_rate=audio.codec_context.sample_rate,
        channels=audio.codec_context.channels,
        loudness=round(max(last.integrated, -70.0), 2),
        true_peak=round(20 * math.log10(last.true_peak), 2) if last.true_peak > 1e-5 else -100.0,
        bitrate=round(size * 8 / 1000 / float(duration)) if duration else 0,
        keyframes=tuple(float(key * base) for key in seen.keys),
        brightness=round(seen.brightness, 1),
    )
    faults = [*_wrong_pictures(video, order, facts), *_wrong_times(seen, base, order, facts)]
    faults += _wrong_sound(audio, order, facts)
    if thorough and seen.decoded != len(seen.times):
        faults.append(f"{len(seen.times) - seen.decoded} of {len(seen.times)} frames don't decode")
    return facts, faults


def _wrong_pictures(video: av.VideoStream, order: Order, facts: Facts) -> Iterator[str]:
    context = video.codec_context
    if (video.width, video.height) != (order.width, order.height):
        yield f"{video.width}x{video.height} instead of {order.width}x{order.height}"
    if (facts.video_codec, facts.profile, facts.pixel_format) != ("h264", "High", "yuv420p"):
        yield f"{facts.video_codec} {facts.profile} {facts.pixel_format} instead of h264 High yuv420p"
    if video.sample_aspect_ratio not in {None, Fraction(1), Fraction(0)}:
        yield f"its pixels are not square ({video.sample_aspect_ratio})"
    if (context.color_primaries, context.color_trc, context.colorspace, context.color_range) != (1, 1, 1, 1):
        yield "its colours are not tagged as BT.709 in studio range"
    if order.visible and facts.brightness < BLACK:
        yield "its pictures are black"


def _wrong_times(seen: _Seen, base: Fraction, order: Order, facts: Facts) -> Iterator[str]:
    if abs(facts.frames - order.frames) > 1:
        yield f"{facts.frames} frames instead of {order.frames}"
    if not seen.times:
        return
    times = sorted(seen.times)
    if times[0]:
        yield f"it starts at {float(times[0] * base):.3f} s instead of 0"
    step = float(1 / (order.rate * base))
    off = np.abs(np.array(times) - times[0] - np.arange(len(times)) * step)
    if off.max() > max(1.0, step / 100):
        yield f"its frame rate is not {float(order.rate):.3f} all the way"
    ends = [*facts.keyframes, facts.duration]
    gap = max((after - before for before, after in itertools.pairwise(ends)), default=0.0)
    if not facts.keyframes or facts.keyframes[0] or gap > order.max_keyframe_distance + 1.5 / float(order.rate):
        yield f"{gap:.2f} s from one keyframe to the next"


def _wrong_sound(audio: av.AudioStream, order: Order, facts: Facts) -> Iterator[str]:
    if (facts.audio_codec, facts.sample_rate, facts.channels) != ("aac", 48000, 2):
        yield f"{facts.audio_codec} {facts.sample_rate} Hz {facts.channels} channels instead of aac 48000 Hz stereo"
    base = audio.time_base or Fraction(1, 48000)
    start = float((audio.start_time or 0) * base)
    length = float((audio.duration or 0) * base)
    if abs(start) > 0.03 or abs(length - order.duration) > 0.05:
        yield f"its sound lasts from {start:.3f} to {start + length:.3f} s instead of {order.duration:.3f} s"
    if order.audible and facts.loudness < SILENT:
        yield "it is silent"
    if order.true_peak is not None and facts.true_peak > order.true_peak + OVERSHOOT:
        yield f"its true peak is {facts.true_peak:.1f} dBTP instead of at most {order.true_peak:.1f}"


def _luma(frame: av.VideoFrame) -> float:
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return float(rows[::8, : plane.width : 8].mean())


def moov_first(file: Path) -> bool:
    """Whether an MP4's index stands before its data, so that it plays while it loads."""
    with file.open("rb") as stream:
        while header := stream.read(8):
            if len(header) < 8:
                return False
            size, name = int.from_bytes(header[:4], "big"), header[4:]
            if name == b"moov":
                return True
            if name == b"mdat":
                return False
            read = 8
            if size == 1:
                size, read = int.from_bytes(stream.read(8), "big"), 16
            if size < read:
                return False
            stream.seek(size - read, io.SEEK_CUR)
    return False
