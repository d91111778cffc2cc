"""One decode pass over a video: each frame once, as small pictures straight from the decoded planes.

Small pictures are box averages with a whole-number factor, which OpenCV does fastest and which needs no scaler.
Only every other row of a box is read: the mean hardly changes, the time halves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from stakazo.media.errors import NothingToSee
from stakazo.media.opening import opened
from stakazo.media.types import VideoStream

Bytes = NDArray[np.uint8]
Samples = NDArray[np.uint8] | NDArray[np.uint16]

SMALL = 160
"""About how many pixels the longer side of a small picture has."""
LARGER = 400
"""About how many pixels the longer side of a larger picture has, where faces are sought."""
CHROMA = (16, 9)
"""Columns and rows of a frame's coarse colour."""
THREADS = min(16, 4 * (os.cpu_count() or 1))
"""Pictures that the decoder works at beforehand: with one a core, it waits whenever we do."""

_PLANAR = {"yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p"}
_PLANAR |= {"j".join(("yuv", name[3:])) for name in _PLANAR} | {"yuva" + name[3:] for name in _PLANAR}
_DEEP = {f"{name}{bits}le": bits for name in ("yuv420p", "yuv422p", "yuv444p") for bits in (9, 10, 12, 14, 16)}
_GRAY = {"gray"}
_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclass(slots=True)
class Watched:
    """What a decode pass met."""

    frames: int = 0
    broken: int = 0
    """Packets that didn't decode."""
    disordered: int = 0
    """Frames that were left out since their time went back or was missing."""
    small: tuple[int, int] = (0, 0)
    """Columns and rows of the small pictures."""


@dataclass(slots=True)
class Frame:
    """One decoded frame. Its pictures show it as coded: before rotation and sample aspect ratio."""

    index: int
    pts: int
    time: float
    """Seconds from the first frame."""
    luma: Bytes
    """[rows, columns] of the small picture, 0 to 255 over the full range."""
    chroma: Bytes
    """[2, 9, 16]: coarse Cb and Cr, 128 is grey."""
    planes: _Planes = field(repr=False)

    def small_colour(self) -> Bytes:
        """[2, rows, columns]: Cb and Cr as small pictures of the luma's size or half of it."""
        return self.planes.colour(SMALL)

    def larger_luma(self) -> Bytes:
        """[rows, columns]: luma about LARGER pixels long."""
        return self.planes.luma(LARGER)

    def upright(self, stream: VideoStream) -> Bytes:
        """[rows, columns, 3]: a larger picture in BGR as a person sees it."""
        luma = self.larger_luma()
        rows, columns = luma.shape
        colour = self.planes.colour(LARGER)
        chroma = [cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_LINEAR) for plane in colour]
        # OpenCV's YUV is blue first in, so U is Cb and V is Cr.
        picture = cv2.cvtColor(cv2.merge([luma, *chroma]), cv2.COLOR_YUV2BGR)
        if stream.sar != 1:
            wide = stream.sar > 1
            size = (columns, max(1, round(rows / stream.sar))) if wide else (max(1, round(columns * stream.sar)), rows)
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        turn = _TURNS.get(stream.rotation)
        return cast(Bytes, picture if turn is None else cv2.rotate(picture, turn))


class _Planes:
    """The planes of one decoded frame, without a copy."""

    __slots__ = ("depth", "frame", "full_range")

    def __init__(self, frame: av.VideoFrame) -> None:
        name = frame.format.name
        self.full_range = frame.color_range == 2 or name.startswith("yuvj")
        if name in _PLANAR or name in _GRAY:
            self.depth = 8
        elif name in _DEEP:
            self.depth = _DEEP[name]
        else:
            factor = _factor(frame.width, frame.height, LARGER)
            size = max(2, frame.width // factor), max(2, frame.height // factor)
            frame = frame.reformat(*size, format="yuv420p", dst_color_range=2, interpolation="AREA")
            self.full_range = True
            self.depth = 8
        self.frame = frame

    def _plane(self, index: int) -> Samples:
        plane = self.frame.planes[index]
        view = memoryview(plane)
        samples: Samples = np.frombuffer(view, np.uint8) if self.depth == 8 else np.frombuffer(view, np.uint16)
        return samples.reshape(plane.height, -1)[:, : plane.width]

    def _to_bytes(self, picture: Samples) -> Bytes:
        if self.depth == 8:
            return cast(Bytes, picture)
        return (picture >> (self.depth - 8)).astype(np.uint8)

    def luma(self, longer: int) -> Bytes:
        small = self._to_bytes(_shrink(self._plane(0), _factor(self.frame.width, self.frame.height, longer)))
        return small if self.full_range else cast(Bytes, cv2.LUT(small, _EXPAND))

    def colour(self, longer: int) -> Bytes:
        factor = _factor(self.frame.width, self.frame.height, longer)
        if len(self.frame.planes) < 3:
            rows, columns = self.frame.height // factor, self.frame.width // factor
            return np.full((2, max(1, rows), max(1, columns)), 128, np.uint8)
        return np.stack([self._to_bytes(_shrink(self._plane(index), factor)) for index in (1, 2)])

    def coarse(self) -> Bytes:
        if len(self.frame.planes) < 3:
            return np.full((2, CHROMA[1], CHROMA[0]), 128, np.uint8)
        return np.stack([self._to_bytes(_coarse(self._plane(index))) for index in (1, 2)])


_EXPAND = np.clip((np.arange(256) - 16) * (255 / 219) + 0.5, 0, 255).astype(np.uint8)
"""Luma from the limited range 16..235 to 0..255."""


def _factor(width: int, height: int, longer: int) -> int:
    return max(1, round(max(width, height) / longer))


def _shrink(plane: Samples, factor: int) -> Samples:
    """The mean of boxes of factor x factor pixels; what is left over at the right and the bottom is cut off."""
    rows, columns = max(1, plane.shape[0] // factor), max(1, plane.shape[1] // factor)
    if factor == 1:
        return plane
    step = max(1, factor // 2)
    if factor % step or plane.shape[0] < factor or plane.shape[1] < factor:
        step = 1
    used = plane[: rows * factor : step, : columns * factor]
    return cast(Samples, cv2.resize(used, (columns, rows), interpolation=cv2.INTER_AREA))


def _coarse(plane: Samples) -> Samples:
    step = max(1, plane.shape[0] // (4 * CHROMA[1]))
    return cast(Samples, cv2.resize(plane[::step], CHROMA, interpolation=cv2.INTER_AREA))


def watch(path: Path, stream: VideoStream, watched: Watched) -> Iterator[Frame]:
    """Every frame of a picture stream that decodes, in order of time; counts what it met into `watched`.

    A packet that doesn't decode is skipped. Raises NothingToSee when not a single frame comes out.
    """
    with opened(path) as container:
        video = container.streams[stream.index]
        if not isinstance(video, av.VideoStream):
            raise NothingToSee(f"Stream {stream.index} of {path.name} has no pictures.")
        video.thread_type = "AUTO"
        video.thread_count = THREADS
        # Smoothing the edges of blocks costs time, and the mean of a box doesn't show it; only pictures that others
        # are predicted from need it.
        video.codec_context.options = {**video.codec_context.options, "skip_loop_filter": "noref"}
        first: int | None = None
        previous = -(1 << 63)
        for frame in _decoded(container, video, watched):
            pts = frame.pts if frame.pts is not None else frame.dts
            if pts is None or pts <= previous:
                watched.disordered += 1
                continue
            previous = pts
            first = pts if first is None else first
            planes = _Planes(frame)
            luma = planes.luma(SMALL)
            if not watched.frames:
                watched.small = luma.shape[1], luma.shape[0]
            elif watched.small != (luma.shape[1], luma.shape[0]):
                # The picture's size changed on the way; everything is compared in the first size.
                luma = cast(Bytes, cv2.resize(luma, watched.small, interpolation=cv2.INTER_AREA))
            yield Frame(
                index=watched.frames,
                pts=pts,
                time=float((pts - first) * stream.time_base),
                luma=luma,
                chroma=planes.coarse(),
                planes=planes,
            )
            watched.frames += 1
    if not watched.frames:
        raise NothingToSee(f"Not a single frame of {path.name} can be decoded.")


def _decoded(container: InputContainer, video: av.VideoStream, watched: Watched) -> Iterator[av.VideoFrame]:
    packets = container.demux(video)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            watched.broken += 1
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except FFmpegError:
            watched.broken += 1
