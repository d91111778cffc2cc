"""What a file really is: opened by content, its packets walked, its first frames decoded.

Headers lie (durations, empty tracks, wrong rates), so everything that counts is counted from the packets.
A file is recognised by its content, never by its name, and only real media containers are let in: no playlists
or scripts, which could make FFmpeg open other files.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
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

from stakazo.media import colour
from stakazo.media.errors import TooBig, Unreadable
from stakazo.media.types import AudioStream, MediaInfo, VideoStream

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,flv,mpegts,mpeg,mpegvideo,h264,hevc,obu,ivf,mxf,gxf,ogg,rm,nut,dv,"
    "gif,apng,y4m,yuv4mpegpipe,nsv,swf,vob,wtv,m4v,av1,wav,w64,aiff,au,caf,flac,mp3,aac,ac3,eac3,dts,dtshd,amr,ape,tta,"
    "wv,mpc,mpc8,tak,oma,voc,truehd,loas"
)
"""FFmpeg's names of the containers that may be opened. Playlists (hls, dash, concat), images and devices aren't among
them."""

DISCONTINUITY = 600.0
"""Seconds between two neighbouring frames that can't be a held frame: the file's clock jumped."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused as too big."""

    pixels: int = 8192 * 8192
    """Width times height of the coded picture."""
    duration: float = 12 * 3600.0
    """Seconds."""
    streams: int = 64


DEFAULT_LIMITS = Limits()


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The file, open for reading; FFmpeg's refusals become `Unreadable`."""
    if not path.is_file():
        raise Unreadable(f"There is no file {path.name}.")
    if not path.stat().st_size:
        raise Unreadable(f"{path.name} is empty.")
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
    try:
        container = av.open(f"file:{path}", mode="r", options=options, metadata_errors="ignore")
    except FFmpegError as error:
        raise Unreadable(f"{path.name} is not a video or sound file that can be read ({_words(error)}).") from error
    with container:
        yield container


def probe(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> MediaInfo:
    """Facts about a file: every packet is walked, one frame of each candidate stream is decoded.

    Raises Unreadable when nothing in it decodes, TooBig beyond `limits`.
    """
    with opened(path) as container:
        if len(container.streams) > limits.streams:
            raise TooBig(f"{path.name} has {len(container.streams)} streams; at most {limits.streams} are read.")
        for stream in container.streams.video:
            if stream.width * stream.height > limits.pixels:
                raise TooBig(f"The picture is {stream.width}x{stream.height}; at most {limits.pixels} pixels are read.")
        header = container.duration / av.time_base if container.duration else None
        name = container.format.name
        walked, broken_off = _walk(container, limits)

    notes: list[str] = []
    if broken_off:
        notes.append(f"The file breaks off: {broken_off}.")
    first_frames = _first_frames(path, walked)
    video = _video(walked, first_frames, notes)
    sounds = tuple(_sound(track, first_frames) for track in walked if track.kind == "audio" and track.times)
    audio = _preferred(sounds, walked)
    notes += [f"Sound stream {sound.index} ({sound.codec}) doesn't decode." for sound in sounds if not sound.decodable]
    if video is None and audio is None:
        raise Unreadable(_nothing(path, walked))
    duration = video.duration if video else audio.duration if audio else 0.0
    if duration > limits.duration:
        raise TooBig(f"{path.name} lasts {duration:.0f} s; at most {limits.duration:.0f} s are read.")
    played = max([duration, *(sound.duration for sound in sounds)])
    if header is None:
        notes.append("The header names no duration; it was counted from the packets.")
    elif abs(header - played) > max(0.5, 0.05 * played):
        notes.append(f"The header says {header:.2f} s, but {played:.2f} s are there.")
    chosen = {video.index} if video else set()
    others = tuple(track.describe() for track in walked if track.index not in chosen and track.kind != "audio")
    return MediaInfo(
        container=name,
        size=path.stat().st_size,
        duration=duration,
        video=video,
        audio=audio,
        audio_streams=sounds,
        other_streams=others,
        notes=tuple(notes),
    )


_STILL = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image

# --- packets ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Track:
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

    def sorted(self) -> NDArray[np.int64]:
        return np.sort(np.frombuffer(self.times, np.int64)) if self.times else np.empty(0, np.int64)

    def describe(self) -> str:
        kind = "cover" if self.picture else self.kind
        return f"{kind} ({self.codec})" if self.codec else kind


def _track(stream: Stream) -> _Track:
    codec: CodecContext | None = getattr(stream, "codec_context", None)
    return _Track(
        index=stream.index,
        kind=stream.type,
        codec=codec.name if codec is not None and stream.type in {"video", "audio"} else None,
        time_base=stream.time_base or Fraction(1, av.time_base),
        default=bool(stream.disposition & Disposition.default),
        picture=bool(stream.disposition & _STILL),
    )


def _walk(container: InputContainer, limits: Limits) -> tuple[list[_Track], str | None]:
    """All packets of all streams, and why the walk ended early if it did."""
    tracks = [_track(stream) for stream in container.streams]
    counted = [stream for stream in container.streams if stream.type in {"video", "audio"}]
    if not counted:
        return tracks, None
    try:
        for packet in container.demux(counted):
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
            if len(track.times) > limits.duration * 1000:
                raise TooBig(f"Stream {track.index} has more than {len(track.times)} packets.")
    except FFmpegError as error:
        return tracks, _words(error)
    return tracks, None


# --- frames -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _FirstFrame:
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


def _first_frames(path: Path, tracks: list[_Track]) -> dict[int, _FirstFrame]:
    """The first frame of every stream that decodes, by stream index."""
    found: dict[int, _FirstFrame] = {}
    for track in tracks:
        if not track.times or track.codec is None or track.picture:
            continue
        with opened(path) as container:
            try:
                frame = _decode_one(container, track)
            except (FFmpegError, ValueError):
                frame = None
        if frame is not None:
            found[track.index] = frame
    return found


def _decode_one(container: InputContainer, track: _Track) -> _FirstFrame | None:
    """Tries the first packets of a stream until one frame comes out."""
    stream = container.streams[track.index]
    for tried, packet in enumerate(container.demux(stream)):
        if tried > 600:
            return None
        try:
            frames = packet.decode()
        except FFmpegError:
            continue
        for frame in frames:
            if isinstance(frame, av.VideoFrame) and isinstance(stream, av.VideoStream):
                return _look(frame, stream)
            if isinstance(frame, av.AudioFrame) and frame.samples:
                layout = frame.layout
                return _FirstFrame(sample_rate=frame.sample_rate, channels=layout.nb_channels, layout=layout.name)
    return None


def _look(frame: av.VideoFrame, stream: av.VideoStream) -> _FirstFrame:
    components = [part for part in frame.format.components if not part.is_alpha]
    sar = stream.sample_aspect_ratio or Fraction(1)
    rotation = frame.rotation if -360 <= frame.rotation <= 360 else 0
    return _FirstFrame(
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


# --- streams ------------------------------------------------------------------------------------------------


def _video(tracks: list[_Track], frames: dict[int, _FirstFrame], notes: list[str]) -> VideoStream | None:
    """The largest stream of moving pictures that decodes."""
    moving = [track for track in tracks if track.kind == "video" and track.times and not track.picture]
    sound = max((len(track.times) for track in tracks if track.kind == "audio" and track.index in frames), default=0)
    usable = []
    for track in moving:
        if track.index not in frames:
            notes.append(f"Picture stream {track.index} ({track.codec or 'unknown codec'}) doesn't decode.")
        elif len(track.times) == 1 and sound > 1:
            track.picture = True
        else:
            usable.append(track)
    if not usable:
        return None
    best = max(usable, key=lambda track: (_area(frames[track.index]), track.default, len(track.times), -track.index))
    return _as_video(best, frames[best.index], notes)


def _area(frame: _FirstFrame) -> int:
    return frame.width * frame.height


def _as_video(track: _Track, frame: _FirstFrame, notes: list[str]) -> VideoStream:
    times = track.sorted()
    if track.first_key is not None and track.first_key > times[0]:
        lost = int(np.count_nonzero(times < track.first_key))
        # Leading frames of an open GOP follow their key frame in the file but are shown before it.
        if track.times[0] < track.first_key:
            notes.append(f"The first {lost} frames come before any key frame and can't be shown.")
            times = times[times >= track.first_key]
    base = track.time_base
    steps = np.diff(times).astype(np.float64)
    shown = steps[steps > 0]
    usual = float(np.median(shown)) if len(shown) else float(track.last_duration or 1)
    if np.any(shown * float(base) > DISCONTINUITY):
        raise Unreadable("The file's clock jumps by more than ten minutes: its timestamps are broken.")
    last = track.last_duration or round(usual)
    duration = float((int(times[-1]) - int(times[0]) + last) * base)
    if duration <= 0 or (len(times) > 1 and not len(shown)):
        notes.append("All frames have the same time.")
    width, height = displayed(frame.width, frame.height, frame.sar, frame.rotation)
    return VideoStream(
        index=track.index,
        codec=track.codec or "",
        width=frame.width,
        height=frame.height,
        rotation=frame.rotation,
        sar=frame.sar,
        display_width=width,
        display_height=height,
        pixel_format=frame.pixel_format,
        bit_depth=frame.bit_depth,
        has_alpha=frame.has_alpha,
        frame_rate=rate_of(times, last, base),
        variable_rate=varies(shown, base),
        frames=len(times),
        duration=max(duration, 0.0),
        start=float(int(times[0]) * base),
        time_base=base,
        hdr=colour.hdr(frame.trc),
        color_primaries=colour.PRIMARIES.get(frame.primaries),
        color_transfer=colour.TRANSFERS.get(frame.trc),
        color_space=colour.SPACES.get(frame.space),
        color_range=colour.RANGES.get(frame.range),
    )


def displayed(width: int, height: int, sar: Fraction, rotation: int) -> tuple[int, int]:
    """The size a person sees: the wider side grows with the sample aspect ratio, then the picture is turned."""
    if sar >= 1:
        width = max(1, round(width * sar))
    else:
        height = max(1, round(height / sar))
    return (height, width) if rotation in {90, 270} else (width, height)


def rate_of(times: NDArray[np.int64], last: int, base: Fraction) -> Fraction:
    """Average frames per second, as the usual rate where it is one within a tick per frame distance."""
    span = (int(times[-1]) - int(times[0]) + last) * base
    if span <= 0:
        return Fraction(25)
    average = len(times) / span
    usual = [Fraction(n) for n in (10, 12, 15, 24, 25, 30, 48, 50, 60, 100, 120)]
    usual += [Fraction(n * 1000, 1001) for n in (15, 24, 30, 48, 60, 120)]
    nearest = min(usual, key=lambda rate: abs(rate - average))
    if abs(nearest - average) <= nearest * Fraction(1, 5000):
        return nearest
    return Fraction(average).limit_denominator(1001)


def varies(steps: NDArray[np.float64], base: Fraction) -> bool:
    """Whether frame distances (in ticks of `base`) differ by more than the rounding of the file's clock."""
    if len(steps) < 2:
        return False
    usual = float(np.median(steps))
    slack = max(1.0, 0.001 / float(base), 0.02 * usual)
    strays = np.abs(steps - usual) > slack + 1e-9
    return bool(np.count_nonzero(strays) > max(1, len(steps) // 200))


def _sound(track: _Track, frames: dict[int, _FirstFrame]) -> AudioStream:
    times = track.sorted()
    duration = float((int(times[-1]) - int(times[0]) + track.last_duration) * track.time_base)
    frame = frames.get(track.index)
    return AudioStream(
        index=track.index,
        codec=track.codec or "unknown",
        sample_rate=frame.sample_rate if frame else 0,
        channels=frame.channels if frame else 0,
        layout=frame.layout if frame else "",
        duration=max(duration, 0.0),
        start=float(int(times[0]) * track.time_base),
        decodable=frame is not None,
    )


def _preferred(sounds: tuple[AudioStream, ...], tracks: list[_Track]) -> AudioStream | None:
    """As a player chooses: what is marked as default, then more channels, then longer, then first."""
    usable = [sound for sound in sounds if sound.decodable]
    if not usable:
        return None
    return max(usable, key=lambda s: (tracks[s.index].default, s.channels, round(s.duration), -s.index))


def _nothing(path: Path, tracks: list[_Track]) -> str:
    streams = ", ".join(track.describe() for track in tracks if track.kind in {"video", "audio"})
    if not streams:
        return f"{path.name} has neither pictures nor sound."
    if not any(track.times for track in tracks):
        return f"{path.name} names streams ({streams}) but holds no data for them: it is cut off or damaged."
    return f"Nothing in {path.name} can be decoded ({streams})."


def _words(error: FFmpegError) -> str:
    return (error.strerror or str(error)).lower()
