"""The streams of a file as their packets and first frames tell them."""

from __future__ import annotations

import errno
from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from numpy.typing import NDArray

from stakazo.media.errors import TooBig
from stakazo.media.opening import Limits, opened, words

STILL = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image

# --- packets ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Track:
    """One stream as its packets tell it."""

    index: int
    kind: str
    codec: str | None
    time_base: Fraction
    default: bool
    picture: bool
    """Whether it is cover art, a thumbnail or another still that hangs on the file."""
    times: array[int] = field(default_factory=lambda: array("q"))
    """Presentation times of the packets that are shown, in file order; decoding times where there are no others."""
    last_duration: int = 0
    """Ticks that the packet with the latest time is shown; 0 when the file doesn't say."""
    first_key: int | None = None
    """Time of the first packet that is flagged as a key frame, whether it is shown or only decoded."""
    latest: int | None = None
    huge: bool = False
    """Whether its decoder refused a picture because of its size."""

    def sorted(self) -> NDArray[np.int64]:
        return np.sort(np.frombuffer(self.times, np.int64)) if self.times else np.empty(0, np.int64)

    def describe(self) -> str:
        kind = "cover" if self.picture else self.kind
        return f"{kind} ({self.codec})" if self.codec else kind


def _track(stream: Stream) -> Track:
    codec: CodecContext | None = getattr(stream, "codec_context", None)
    return Track(
        index=stream.index,
        kind=stream.type,
        codec=codec.name if codec is not None and stream.type in {"video", "audio"} else None,
        time_base=stream.time_base or Fraction(1, av.time_base),
        default=bool(stream.disposition & Disposition.default),
        picture=bool(stream.disposition & STILL),
    )


def walk(container: InputContainer, limits: Limits) -> tuple[list[Track], str | None]:
    """All packets of all streams, and why the walk ended early if it did."""
    tracks = [_track(stream) for stream in container.streams]
    counted = [stream for stream in container.streams if stream.type in {"video", "audio"}]
    if not counted:
        return tracks, None
    walked = 0
    try:
        for packet in container.demux(counted):
            walked += 1
            if walked > limits.packets:
                raise TooBig(f"There are more than {limits.packets} packets.")
            time = packet.pts if packet.pts is not None else packet.dts
            if time is None or not packet.size:
                continue
            track = tracks[packet.stream_index]
            if track.first_key is None and packet.is_keyframe:
                track.first_key = time
            if packet.is_discard:
                continue
            track.times.append(time)
            if track.latest is None or time > track.latest:
                track.latest, track.last_duration = time, packet.duration or 0
    except FFmpegError as error:
        return tracks, words(error)
    return tracks, None


# --- frames -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """What the first frame that decodes says; for sound only that there is one."""

    width: int = 0
    height: int = 0
    rotation: int = 0
    sar: Fraction = Fraction(1)
    pixel_format: str = ""
    bit_depth: int = 8
    has_alpha: bool = False
    trc: int = 2
    primaries: int = 2
    space: int = 2
    range: int = 0
    sample_rate: int = 0
    channels: int = 0
    layout: str = ""


def first_frames(path: Path, tracks: list[Track], limits: Limits) -> dict[int, FirstFrame]:
    """The first frame of every stream that decodes, by stream index."""
    found: dict[int, FirstFrame] = {}
    for track in tracks:
        if not track.times or track.codec is None or track.picture:
            continue
        with opened(path, limits) as container:
            try:
                frame = _decode_one(container, track)
            except (FFmpegError, ValueError):
                frame = None
        if frame is not None:
            found[track.index] = frame
    return found


def _decode_one(container: InputContainer, track: Track) -> FirstFrame | None:
    """Tries the first packets of a stream until one frame comes out."""
    stream = container.streams[track.index]
    for tried, packet in enumerate(container.demux(stream)):
        if tried > 600:
            return None
        try:
            frames = packet.decode()
        except FFmpegError as error:
            unsized = isinstance(stream, av.VideoStream) and not coded(stream)[0]
            track.huge = track.huge or (unsized and error.errno == errno.EINVAL)
            continue
        for frame in frames:
            if isinstance(frame, av.VideoFrame) and isinstance(stream, av.VideoStream):
                return _look(frame, stream)
            if isinstance(frame, av.AudioFrame) and frame.samples:
                layout = frame.layout
                return FirstFrame(sample_rate=frame.sample_rate, channels=layout.nb_channels, layout=layout.name)
    return None


def _look(frame: av.VideoFrame, stream: av.VideoStream) -> FirstFrame:
    components = [part for part in frame.format.components if not part.is_alpha]
    sar = stream.sample_aspect_ratio or Fraction(1)
    rotation = frame.rotation if -360 <= frame.rotation <= 360 else 0
    return FirstFrame(
        width=frame.width,
        height=frame.height,
        rotation=round(-rotation / 90) * 90 % 360,
        sar=sar if Fraction(1, 20) < sar < 20 else Fraction(1),
        pixel_format=frame.format.name,
        bit_depth=max((part.bits for part in components), default=8),
        has_alpha=any(part.is_alpha for part in frame.format.components) or stream.metadata.get("alpha_mode") == "1",
        trc=int(frame.color_trc),
        primaries=int(frame.color_primaries),
        space=int(frame.colorspace),
        range=int(frame.color_range),
    )


def coded(stream: av.VideoStream) -> tuple[int, int]:
    """Width and height as the container has them; nothing where there is no decoder to say it."""
    decoder: CodecContext | None = stream.codec_context
    return (stream.width, stream.height) if decoder is not None else (0, 0)
