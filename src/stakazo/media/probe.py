"""What a file really is: opened by content, its packets walked, its first frames decoded.

Headers lie (durations, empty tracks, wrong rates), so everything that counts is counted from the packets.
What is refused before that, and how, is in `opening.py`.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from stakazo.media import colour
from stakazo.media.errors import MediaError, TooBig, Unreadable
from stakazo.media.opening import DEFAULT_LIMITS, Limits, opened
from stakazo.media.tracks import STILL, FirstFrame, Track, coded, first_frames, walk
from stakazo.media.types import AudioStream, MediaInfo, VideoStream

LATEST = 1e11
"""Seconds on the file's clock of the first frame: some clocks count since 1970."""
SMALLEST, SLIMMEST = 8, 32
"""Pixels of the shorter side, and how often it goes into the longer one, beyond which there is no picture."""
DISCONTINUITY = 600.0
"""Seconds between two neighbouring frames that can't be a held frame: the file's clock jumped."""


def probe(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> MediaInfo:
    """Facts about a file: every packet is walked, one frame of each candidate stream is decoded.

    Raises Unreadable when nothing in it decodes, TooBig beyond `limits`.
    """
    with opened(path, limits) as container:
        if len(container.streams) > limits.streams:
            raise TooBig(f"{path.name} has {len(container.streams)} streams; at most {limits.streams} are read.")
        for stream in (stream for stream in container.streams.video if not stream.disposition & STILL):
            _fits(*coded(stream), limits)
        header = container.duration / av.time_base if container.duration else None
        name = container.format.name
        walked, broken_off = walk(container, limits)

    notes: list[str] = []
    if broken_off:
        notes.append(f"The file breaks off: {broken_off}.")
    frames = first_frames(path, walked, limits)
    video = _video(walked, frames, notes)
    sounds = tuple(_sound(track, frames, limits) for track in walked if track.kind == "audio" and track.times)
    audio = _preferred(sounds, walked)
    notes += [_unheard(sound) for sound in sounds if not sound.decodable]
    if video is None and audio is None:
        raise _nothing(path, walked, notes, limits)
    duration = video.duration if video else audio.duration if audio else 0.0
    if duration > limits.duration:
        raise TooBig(f"{path.name} lasts {duration:.0f} s; at most {limits.duration:.0f} s are read.")
    if video:
        _bearable(video, limits)
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


def _fits(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.pixels:
        raise TooBig(f"The picture is {width}x{height}; at most {limits.pixels} pixels are read.")
    if max(width, height) > limits.side:
        raise TooBig(f"The picture is {width}x{height}; at most {limits.side} pixels a side are read.")


def _bearable(video: VideoStream, limits: Limits) -> None:
    _fits(video.width, video.height, limits)
    work = video.width * video.height * video.frames
    if work > limits.work:
        film = f"{video.frames} frames of {video.width}x{video.height}"
        raise TooBig(f"{film} are {work / 1e12:.0f} million million pixels; at most {limits.work / 1e12:.0f} are read.")


def _unheard(sound: AudioStream) -> str:
    if sound.channels:
        return f"Sound stream {sound.index} isn't used: {sound.channels} channels at {sound.sample_rate} Hz."
    return f"Sound stream {sound.index} ({sound.codec}) doesn't decode."


# --- streams ------------------------------------------------------------------------------------------------


def _video(tracks: list[Track], frames: dict[int, FirstFrame], notes: list[str]) -> VideoStream | None:
    """The largest stream of moving pictures that decodes."""
    moving = [track for track in tracks if track.kind == "video" and track.times and not track.picture]
    sound = max((len(track.times) for track in tracks if track.kind == "audio" and track.index in frames), default=0)
    usable = []
    for track in moving:
        if track.index not in frames:
            notes.append(f"Picture stream {track.index} ({track.codec or 'unknown codec'}) doesn't decode.")
        elif len(track.times) == 1 and sound > 1:
            track.picture = True
        elif not _shows(frames[track.index]):
            frame = frames[track.index]
            notes.append(f"Picture stream {track.index} is {frame.width}x{frame.height}: too thin to show anything.")
        else:
            usable.append(track)
    if not usable:
        return None
    best = max(usable, key=lambda track: (_area(frames[track.index]), track.default, len(track.times), -track.index))
    return _as_video(best, frames[best.index], notes)


def _shows(frame: FirstFrame) -> bool:
    shorter, longer = sorted((frame.width, frame.height))
    return shorter >= SMALLEST and longer <= SLIMMEST * shorter


def _area(frame: FirstFrame) -> int:
    return frame.width * frame.height


def _as_video(track: Track, frame: FirstFrame, notes: list[str]) -> VideoStream:
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
    if abs(int(times[0]) * base) > LATEST:
        raise Unreadable("The file's clock begins in another age: its timestamps are broken.")
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


def _sound(track: Track, frames: dict[int, FirstFrame], limits: Limits) -> AudioStream:
    times = track.sorted()
    duration = float((int(times[-1]) - int(times[0]) + track.last_duration) * track.time_base)
    frame = frames.get(track.index)
    lowest, highest = limits.sample_rates
    usable = frame is not None and frame.channels <= limits.channels and lowest <= frame.sample_rate <= highest
    return AudioStream(
        index=track.index,
        codec=track.codec or "unknown",
        sample_rate=frame.sample_rate if frame else 0,
        channels=frame.channels if frame else 0,
        layout=frame.layout if frame else "",
        duration=max(duration, 0.0),
        start=float(int(times[0]) * track.time_base),
        decodable=usable,
    )


def _preferred(sounds: tuple[AudioStream, ...], tracks: list[Track]) -> AudioStream | None:
    """As a player chooses: what is marked as default, then more channels, then longer, then first."""
    usable = [sound for sound in sounds if sound.decodable]
    if not usable:
        return None
    return max(usable, key=lambda s: (tracks[s.index].default, s.channels, round(s.duration), -s.index))


def _nothing(path: Path, tracks: list[Track], notes: list[str], limits: Limits) -> MediaError:
    """Why there is neither a picture nor a sound to be had."""
    streams = ", ".join(track.describe() for track in tracks if track.kind in {"video", "audio"})
    if not streams:
        return Unreadable(f"{path.name} has neither pictures nor sound.")
    if any(track.huge for track in tracks):
        return TooBig(f"The picture has no size, or more than the {limits.pixels} pixels that are read at most.")
    if not any(track.times for track in tracks):
        return Unreadable(
            f"{path.name} names streams ({streams}) but holds no data for them: it is cut off or damaged."
        )
    return Unreadable(" ".join([f"Nothing in {path.name} can be seen or heard ({streams}).", *notes[:3]]))
