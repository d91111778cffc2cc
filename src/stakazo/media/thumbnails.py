"""Frames of a film as JPEG pictures, the way a person sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from stakazo.media.choice import Preview
from stakazo.media.errors import NothingToSee, Unreadable
from stakazo.media.opening import opened
from stakazo.media.tonemap import bgr_from_hdr
from stakazo.media.types import MediaInfo, Span, VideoStream

Picture = NDArray[np.uint8]

STRIP_FRAMES = 7
STRIP_HEIGHT = 120
"""Pixels."""
QUALITY = 86
"""Of JPEG, 0 to 100."""
SEEK_AHEAD = 4.0
"""Seconds up to which decoding on is tried before seeking."""


def strip_times(span: Span, count: int = STRIP_FRAMES) -> list[float]:
    """Moments evenly across a clip, each in the middle of its share."""
    step = span.duration / count
    return [span.start + (index + 0.5) * step for index in range(count)]


def preview(path: Path, thumbnail: float, span: Span, *, height: int, info: MediaInfo) -> Preview:
    """The frame at `thumbnail` seconds, of this height or less, and the filmstrip of the span."""
    (shown,) = extract_frames(path, [thumbnail], height=height, info=info)
    return Preview(shown, filmstrip(path, span, info=info))


def extract_frames(path: Path, times: Sequence[float], *, height: int, info: MediaInfo) -> list[bytes]:
    """The frames on screen at these times (seconds from the first frame) as JPEGs of this height or less.

    As a person sees them: turned, with square pixels, HDR tone-mapped. In the order of `times`. A moment that can't
    be decoded gets the nearest frame before it that can. `info` is what probing found. Raises Unreadable or
    NothingToSee when there is no picture.
    """
    return [encode(picture) for picture in pictures_at(path, times, height=height, info=info)]


def filmstrip(path: Path, span: Span, *, info: MediaInfo, height: int = STRIP_HEIGHT) -> bytes:
    """A clip at a glance: frames evenly across it, side by side in one JPEG."""
    return encode(side_by_side(pictures_at(path, strip_times(span), height=height, info=info)))


def side_by_side(pictures: Sequence[Picture], gap: int = 2) -> Picture:
    """Pictures of one height in a row, with a thin dark line between them."""
    height = min(picture.shape[0] for picture in pictures)
    line = np.full((height, gap, 3), 24, dtype=np.uint8)
    row: list[Picture] = []
    for picture in pictures:
        row += [line, picture[:height]]
    return np.concatenate(row[1:], axis=1)


def encode(picture: Picture) -> bytes:
    """A BGR picture as JPEG."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    return data.tobytes()


def pictures_at(path: Path, times: Sequence[float], *, height: int, info: MediaInfo) -> list[Picture]:
    """As `extract_frames`, but BGR arrays [rows, columns, 3] instead of JPEGs."""
    if info.video is None:
        raise NothingToSee("This file has no pictures.")
    order = sorted(range(len(times)), key=lambda index: times[index])
    found: dict[int, Picture] = {}
    last: Picture | None = None
    try:
        with opened(path) as container:
            walk = _Walk(container, info.video)
            for index in order:
                frame = walk.frame_at(times[index])
                last = as_seen(frame, info.video, height) if frame is not None else last
                if last is not None:
                    found[index] = last
    except av.FFmpegError as error:
        if last is None:
            raise Unreadable(f"No picture of this file can be decoded: {error.strerror}.") from error
    if last is None:
        raise Unreadable("No picture of this file can be decoded.")
    first = found[min(found, key=lambda index: times[index])]
    filled: list[Picture] = []
    for index in range(len(times)):
        before = [other for other in found if times[other] <= times[index]]
        filled.append(found[max(before, key=lambda other: times[other])] if before else first)
    return filled


class _Walk:
    """Goes forward through a file from one wanted moment to the next, and seeks where that is shorter."""

    def __init__(self, container: InputContainer, video: VideoStream) -> None:
        self.container = container
        self.stream = cast(av.VideoStream, container.streams[video.index])
        self.stream.thread_type = "AUTO"
        self.base = video.time_base
        self.start = round(video.start / self.base)
        self.frames: Iterator[VideoFrame] = iter(())
        self.current: VideoFrame | None = None
        self.following: VideoFrame | None = None
        self.position: float | None = None
        """Seconds of the current frame; None before the first."""

    def frame_at(self, time: float) -> VideoFrame | None:
        """The frame on screen at a time not before the one asked last."""
        target = self.start + round(time / self.base)
        if self.position is None or time - self.position > SEEK_AHEAD:
            self._seek(target)
        while self.following is not None and _pts(self.following) <= target:
            self.current, self.following = self.following, self._next()
        if self.current is None:
            self.current = self.following
        if self.current is not None:
            self.position = float((_pts(self.current) - self.start) * self.base)
        return self.current

    def _seek(self, target: int) -> None:
        """To the keyframe before; to the very beginning where that lands behind the target or nowhere."""
        for goal in (max(target, self.start), self.start, self.stream.start_time or 0):
            try:
                self.container.seek(goal, stream=self.stream, backward=True)
            except av.FFmpegError:
                continue
            self.frames = self.container.decode(self.stream)
            self.following = self._next()
            if self.following is not None and _pts(self.following) <= target:
                self.current = None
                return

    def _next(self) -> VideoFrame | None:
        """The next frame with a time; broken stretches are passed over."""
        for _ in range(200):
            try:
                frame = next(self.frames, None)
            except av.error.InvalidDataError:
                self.frames = self.container.decode(self.stream)
                continue
            except (av.error.EOFError, StopIteration):
                return None
            if frame is None or frame.pts is not None:
                return frame
        return None


def _pts(frame: VideoFrame) -> int:
    return cast(int, frame.pts)


def as_seen(frame: VideoFrame, video: VideoStream, height: int) -> Picture:
    """A frame as a BGR picture of this height or less, as a person sees it."""
    turns = -video.rotation // 90 % 4
    wide, high = frame.width * video.sar, Fraction(frame.height)
    scale = min(Fraction(height) / (wide if turns % 2 else high), Fraction(1))
    size = max(round(wide * scale), 2), max(round(high * scale), 2)
    if video.hdr:
        deep = frame.reformat(*size, format="rgb48le", interpolation="AREA").to_ndarray()
        picture = bgr_from_hdr(deep.astype(np.uint16, copy=False), video.hdr)
    else:
        flat = frame.reformat(*size, format="bgr24", interpolation="AREA").to_ndarray()
        picture = flat.astype(np.uint8, copy=False)
    return np.ascontiguousarray(np.rot90(picture, turns))
