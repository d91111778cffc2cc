"""The sound of a file as it is decoded: mono for analysis, with the loudness of the real channels.

Blocks last a tenth of a second. FFmpeg's own libraries do the work in one pass (PyAV): decode, BS.1770 measuring (the
`ebur128` filter, on the channels as they are), resampling and downmix. Nothing of the file is kept, so an hour costs no
more memory than a minute.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import av.error
import av.filter
import av.stream
import numpy as np

from stakazo.media.errors import NothingToHear
from stakazo.media.loudness import Reading
from stakazo.media.opening import opened
from stakazo.media.spectrum import RATE
from stakazo.media.types import FloatArray, MediaInfo

GAP = 0.1
"""Seconds by which a packet's time may be off: beyond, it is a hole (filled with silence) or a repeat (dropped)."""

MAX_BROKEN = 500
"""Packets that fail to decode one after the other before the stream is given up."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some sound and what the loudness meter says after it."""

    samples: FloatArray
    """Mono, -1 to 1, at RATE."""
    reading: Reading | None
    """None for what the resampler still held at the end."""


def blocks(path: Path, info: MediaInfo | None = None, *, gain: float = 0.0) -> Iterator[Block]:
    """The sound stream a player would choose, from the start of the presentation to its end.

    What sounds before the first video frame is left out, and a late start is silence, so that the n-th sample is
    at n / RATE seconds of the presentation. Broken packets are passed over; a hole in the time is silence.
    `gain` (dB) is applied before measuring. Raises NothingToHear, Unreadable.
    """
    with opened(path) as container:
        stream = _stream(container, info)
        for other in container.streams:
            if other.index != stream.index:
                other.discard = av.stream.Discard.all
        meter = _Meter(gain)
        heard = False
        for frame in _on_time(_frames(container, stream), _origin(container, stream, info), _limit(info)):
            heard = True
            yield from meter.push(frame)
        if not heard:
            raise NothingToHear(f"Nothing in {path.name}'s sound stream can be decoded.")
        yield from meter.finish()


def _stream(container: av.container.InputContainer, info: MediaInfo | None) -> av.AudioStream:
    """The stream that probing chose, else the one FFmpeg would."""
    if info is not None:
        if info.audio is None:
            raise NothingToHear("The file has no sound that decodes.")
        chosen = container.streams[info.audio.index]
    else:
        best = container.streams.best("audio")
        if best is None:
            raise NothingToHear("The file has no sound.")
        chosen = best
    if not isinstance(chosen, av.AudioStream) or not chosen.codec_context.sample_rate:
        raise NothingToHear("The file's sound stream says nothing about its sound.")
    return chosen


def _origin(container: av.container.InputContainer, stream: av.AudioStream, info: MediaInfo | None) -> float:
    """The file's own time of second 0 of the presentation: of the first video frame, else of the first sound."""
    if info is not None:
        if info.video is not None:
            return info.video.start
        return info.audio.start if info.audio is not None else 0.0
    pictures = [
        video for video in container.streams.video if not video.disposition & av.stream.Disposition.attached_pic
    ]
    first = pictures[0] if pictures else stream
    if first.start_time is None or first.time_base is None:
        return 0.0
    return float(first.start_time * first.time_base)


def _limit(info: MediaInfo | None) -> float:
    """Seconds of the presentation after which nothing is shown any more."""
    return info.duration if info is not None and info.duration > 0 else float("inf")


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
                yield frame


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
    width = 1 if frame.format.is_planar else len(frame.layout.channels)
    return _like(frame, np.ascontiguousarray(samples[:, first * width : last * width]))


def _silence(frame: av.AudioFrame, seconds: float) -> Iterator[av.AudioFrame]:
    """Frames of silence, of the same shape as this one, at most a second each."""
    left = round(seconds * frame.sample_rate)
    pattern = frame.to_ndarray()
    width = 1 if frame.format.is_planar else len(frame.layout.channels)
    middle = 128 if frame.format.name.startswith("u8") else 0
    while left > 0:
        count = min(left, frame.sample_rate)
        yield _like(frame, np.full((pattern.shape[0], count * width), middle, pattern.dtype))
        left -= count


def _like(frame: av.AudioFrame, samples: np.ndarray) -> av.AudioFrame:
    made = av.AudioFrame.from_ndarray(samples, format=frame.format.name, layout=frame.layout.name)
    made.sample_rate = frame.sample_rate
    return made


class _Meter:
    """The filter chain: loudness of the real channels first, then mono at RATE."""

    def __init__(self, gain: float) -> None:
        self._gain = gain
        self._graph: av.filter.Graph | None = None
        self._format: tuple[str, str, int] = ("", "", 0)
        self._source: av.filter.context.FilterContext
        self._sink: av.filter.context.FilterContext
        self._resampler: av.AudioResampler | None = None
        self._resampled: tuple[str, str, int] = ("", "", 0)

    def push(self, frame: av.AudioFrame) -> Iterator[Block]:
        if self._graph is None:
            self._build(frame)
        for fitting in self._fit(frame):
            fitting.pts = None
            self._source.push(fitting)
        yield from self._pull()

    def finish(self) -> Iterator[Block]:
        if self._graph is not None:
            self._source.push(None)
            yield from self._pull()

    def _build(self, frame: av.AudioFrame) -> None:
        self._graph = graph = av.filter.Graph()
        self._format = _format(frame)
        form, layout, rate = self._format
        self._source = graph.add_abuffer(sample_rate=rate, format=form, layout=layout, time_base=frame.time_base)
        chain = [self._source]
        if self._gain:
            chain.append(graph.add("volume", f"volume={self._gain}dB:precision=double"))
        chain.append(graph.add("ebur128", "metadata=1:peak=true:framelog=quiet"))
        chain.append(graph.add("aresample", str(RATE)))
        chain.append(graph.add("aformat", f"sample_fmts=flt:channel_layouts=mono:sample_rates={RATE}"))
        self._sink = graph.add("abuffersink")
        chain.append(self._sink)
        for one, following in itertools.pairwise(chain):
            one.link_to(following)
        graph.configure()

    def _fit(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        """The frame in the first frame's format: a stream may change its rate or its channels midway."""
        if _format(frame) == self._format:
            return [frame]
        if self._resampler is None or self._resampled != _format(frame):
            form, layout, rate = self._format
            self._resampler = av.AudioResampler(format=form, layout=layout, rate=rate)
            self._resampled = _format(frame)
        frame.pts = None
        return self._resampler.resample(frame)

    def _pull(self) -> Iterator[Block]:
        while True:
            try:
                frame = cast(av.AudioFrame, self._sink.pull())
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            samples = frame.to_ndarray()[0]
            if not np.isfinite(samples).all():
                samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
            yield Block(samples, _reading(frame.metadata))


def _format(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _reading(metadata: dict[str, str]) -> Reading | None:
    try:
        return Reading(
            momentary=float(metadata["lavfi.r128.M"]),
            integrated=float(metadata["lavfi.r128.I"]),
            range=float(metadata["lavfi.r128.LRA"]),
            true_peak=float(metadata["lavfi.r128.true_peak"]),
        )
    except KeyError:
        return None
