"""The sound of a file as it is decoded: mono for analysis, with the loudness of the real channels.

Blocks last a tenth of a second. FFmpeg's own libraries do the work in one pass (PyAV): decode, BS.1770 measuring (the
`ebur128` filter, on the channels as they are), resampling and downmix. Nothing of the file is kept, so an hour costs no
more memory than a minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import av.stream
import numpy as np

from stakazo.media.errors import NothingToHear
from stakazo.media.loudness import FINITE, FLOATS, Reading
from stakazo.media.meter import Meter, reading
from stakazo.media.opening import opened
from stakazo.media.spectrum import RATE
from stakazo.media.types import FloatArray, MediaInfo

GAP = 0.1
"""Seconds by which a packet's time may be off: beyond, it is a hole (filled with silence) or a repeat (dropped)."""

MONO = [("aresample", str(RATE)), ("aformat", f"sample_fmts=flt:channel_layouts=mono:sample_rates={RATE}")]
"""Filters behind the meter: what is analysed."""

PLANES = 8
"""PyAV (18.1) reads behind the end of a frame's list of planes when there are more."""
MAX_BROKEN = 500
"""Packets that fail to decode one after the other before the stream is given up."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some sound and what the loudness meter says after it."""

    samples: FloatArray
    """Mono, -1 to 1, at RATE."""
    reading: Reading | None
    """None for what the resampler still held at the end."""


def blocks(path: Path, info: MediaInfo, *, gain: float = 0.0) -> Iterator[Block]:
    """The sound stream a player would choose, from the start of the presentation to its end.

    What sounds before the first video frame is left out, and a late start is silence, so that the n-th sample is
    at n / RATE seconds of the presentation. Broken packets are passed over; a hole in the time is silence.
    `gain` (dB) is applied before measuring. Raises NothingToHear, Unreadable.
    """
    before = [("aeval", FINITE)] if info.audio and info.audio.codec.startswith(FLOATS) else []
    before += [("volume", f"volume={gain}dB:precision=double")] if gain else []
    with opened(path) as container:
        stream = _stream(container, info)
        for other in container.streams:
            if other.index != stream.index:
                other.discard = av.stream.Discard.all
        meter = Meter(before=before, after=MONO)
        heard = False
        for frame in _on_time(_frames(container, stream), _origin(info), _limit(info)):
            heard = True
            yield from map(_block, meter.push(frame))
        if not heard:
            raise NothingToHear(f"Nothing in {path.name}'s sound stream can be decoded.")
        yield from map(_block, meter.finish())


def _block(measured: av.AudioFrame) -> Block:
    samples = measured.to_ndarray()[0]
    if not np.isfinite(samples).all():
        samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    return Block(samples, reading(measured))


def _stream(container: av.container.InputContainer, info: MediaInfo) -> av.AudioStream:
    """The stream that probing chose."""
    if info.audio is None:
        raise NothingToHear("The file has no sound that decodes.")
    chosen = container.streams[info.audio.index]
    if not isinstance(chosen, av.AudioStream) or not chosen.codec_context.sample_rate:
        raise NothingToHear("The file's sound stream says nothing about its sound.")
    return chosen


def _origin(info: MediaInfo) -> float:
    """The file's own time of second 0 of the presentation: of the first video frame, else of the first sound."""
    first = info.video or info.audio
    return first.start if first else 0.0


def _limit(info: MediaInfo) -> float:
    """Seconds of the presentation after which nothing is shown any more."""
    return info.duration if info.duration > 0 else float("inf")


def _frames(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """What decodes; a packet that doesn't is passed over."""
    broken = 0
    packets = container.demux(stream)
    while broken < MAX_BROKEN:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:
            broken += 1
            continue
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            broken += 1
            continue
        for frame in frames:
            if frame.samples and frame.sample_rate:
                broken = 0
                yield from _packed(frame)


def _packed(frame: av.AudioFrame) -> Sequence[av.AudioFrame]:
    """The frame, with its many channels in one plane: the numbers of planes can then be trusted."""
    if not frame.format.is_planar or frame.layout.nb_channels <= PLANES:
        return [frame]
    form, layout, rate = frame.format.packed.name, frame.layout.name, frame.sample_rate
    return av.AudioResampler(format=form, layout=layout, rate=rate).resample(frame)


def _on_time(frames: Iterator[av.AudioFrame], origin: float, limit: float) -> Iterator[av.AudioFrame]:
    """The same frames from the origin to the limit, with silence where there are none: sound stays where it belongs."""
    now = 0.0
    shape: av.AudioFrame | None = None
    for frame in frames:
        shape = frame
        length = frame.samples / frame.sample_rate
        time = frame.time - origin if frame.time is not None else now
        if now >= limit:
            return
        if time + length <= now - GAP or time + length <= 0.0:
            continue  # said already, or before the first picture
        early = -time if now == 0.0 and time < 0.0 else 0.0
        if early:
            frame = _part(frame, int(early * frame.sample_rate), frame.samples)  # noqa: PLW2901 - the rest of it
            time, length = 0.0, frame.samples / frame.sample_rate
        hole = min(time, limit) - now
        if hole > (GAP if now else 1e-4):
            yield from _silence(frame, hole)
            now += hole
        if now + length > limit:
            left = int((limit - now) * frame.sample_rate)
            if left > 0:
                yield _part(frame, 0, left)
            return
        yield frame
        now += length
    if shape is not None and GAP < limit - now < float("inf"):
        yield from _silence(shape, limit - now)


def _part(frame: av.AudioFrame, first: int, last: int) -> av.AudioFrame:
    samples = frame.to_ndarray()
    width = 1 if frame.format.is_planar else frame.layout.nb_channels
    return _like(frame, np.ascontiguousarray(samples[:, first * width : last * width]))


def _silence(frame: av.AudioFrame, seconds: float) -> Iterator[av.AudioFrame]:
    """Frames of silence, of the same shape as this one, at most a second each."""
    left = round(seconds * frame.sample_rate)
    pattern = frame.to_ndarray()
    width = 1 if frame.format.is_planar else frame.layout.nb_channels
    middle = 128 if frame.format.name.startswith("u8") else 0
    while left > 0:
        count = min(left, frame.sample_rate)
        yield _like(frame, np.full((pattern.shape[0], count * width), middle, pattern.dtype))
        left -= count


def _like(frame: av.AudioFrame, samples: np.ndarray) -> av.AudioFrame:
    made = av.AudioFrame.from_ndarray(samples, format=frame.format.name, layout=frame.layout.name)
    made.sample_rate = frame.sample_rate
    return made
