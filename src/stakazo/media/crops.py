"""A crop path in the numbers of one rendering: frames of the output, pixels of the source. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from stakazo.media.framing import CropPath, Framing
from stakazo.media.plan import RenderPlan
from stakazo.media.types import VideoStream

SLACK = 4
"""Source pixels that a moving window is cut wider, to be cut to size after scaling: smooth moves."""


def seen(plan: RenderPlan) -> tuple[int, int]:
    """Width and height in pixels as the branches get them: tone mapping in floating point shrinks what is too big."""
    video = plan.video
    width, height = raster(video)
    if not mapped(video):
        return width, height
    need = max(
        max(output.width / (key.box.width * width), output.height / (key.box.height * height))
        for output in plan.outputs
        for shot in output.path.shots
        for key in shot.keys
    )
    return (even(width * need), even(height * need)) if need < 0.9 else (width, height)


def mapped(video: VideoStream) -> bool:
    """Whether the colours have to be brought to BT.709 before anything else."""
    return not video.has_alpha and (video.hdr is not None or video.color_primaries == "bt2020")


def raster(video: VideoStream) -> tuple[int, int]:
    """Width and height in pixels as they are stored, after rotation."""
    return (video.height, video.width) if video.rotation in {90, 270} else (video.width, video.height)


@dataclass(frozen=True, slots=True)
class Move:
    """From frame `first` on, the window's corner is at `value` and moves by `slope` a frame, in source pixels."""

    first: int
    value: float
    slope: float


@dataclass(frozen=True, slots=True)
class Run:
    """Frames `first` to `last` (not inside), framed in one manner."""

    first: int
    last: int
    framing: Framing
    width: int
    height: int
    x: tuple[Move, ...]
    y: tuple[Move, ...]

    @property
    def moves(self) -> bool:
        return any(move.slope for move in (*self.x, *self.y))


def runs(path: CropPath, plan: RenderPlan) -> tuple[Run, ...]:
    """The crop path in frames of the output and pixels of the source; every frame is in exactly one run."""
    width, height = seen(plan)
    pieces: list[Run] = []
    for number, shot in enumerate(path.shots):
        first = pieces[-1].last if pieces else 0
        last = plan.frames if number == len(path.shots) - 1 else round((shot.end - plan.start) * plan.rate)
        last = min(last, plan.frames)
        if last <= first:
            continue
        box = shot.keys[0].box
        window = min(even(box.width * width), width), min(even(box.height * height), height)
        frames = [(key.time - plan.start) * float(plan.rate) for key in shot.keys]
        x = _moves(first, last, frames, [key.box.x * width for key in shot.keys], width - window[0])
        y = _moves(first, last, frames, [key.box.y * height for key in shot.keys], height - window[1])
        piece = Run(first, last, shot.framing, *window, x, y)
        before = pieces[-1] if pieces else None
        if before and (before.framing, before.width, before.height) == (piece.framing, *window):
            pieces[-1] = Run(before.first, last, piece.framing, *window, before.x + x, before.y + y)
        else:
            pieces.append(piece)
    return tuple(pieces)


def _moves(first: int, last: int, frames: Sequence[float], values: Sequence[float], most: int) -> tuple[Move, ...]:
    """A polyline through (frame, value) as straight moves from `first` to `last`, held at both its ends."""
    points = [(frame, min(max(value, 0.0), float(most))) for frame, value in zip(frames, values, strict=True)]
    if max(value for _, value in points) - min(value for _, value in points) < 1.0:
        return (Move(first, points[0][1], 0.0),)
    moves = [Move(first, points[0][1], 0.0)]
    for (begin, value), (end, target) in itertools.pairwise(points):
        start = max(math.ceil(begin), first)
        if end <= begin or start >= min(end, last):
            continue
        slope = (target - value) / (end - begin)
        moves.append(Move(start, value + slope * (start - begin), slope))
    if points[-1][0] < last:
        moves.append(Move(max(math.ceil(points[-1][0]), first), points[-1][1], 0.0))
    return tuple(
        move for move, after in zip(moves, [*moves[1:], None], strict=True) if not after or after.first > move.first
    )


def expression(moves: Sequence[Move], origin: int = 0) -> str:
    """A position by frame number `n` as FFmpeg evaluates it: a tree of ifs, as deep as the logarithm of the moves."""
    if len(moves) == 1:
        move = moves[0]
        if not move.slope:
            return f"{move.value:.3f}".rstrip("0").rstrip(".")
        return f"{move.value:.3f}{move.slope:+.5f}*(n-{move.first - origin})"
    half = len(moves) // 2
    split = moves[half].first - origin
    return f"if(lt(n,{split}),{expression(moves[:half], origin)},{expression(moves[half:], origin)})"


def smooth(moves: Sequence[Move], origin: int, window: int, frame: int, target: int) -> tuple[int, str, str, int]:
    """One axis of a smooth move: the wider window, where it is cut, where the rest is cut after scaling, its size."""
    position = expression(moves, origin)
    wide = min(window + SLACK, frame - frame % 2)
    if wide <= window:
        return window, position, "0", target
    ratio = target / window
    scaled = even(wide * ratio)
    coarse = f"min(2*floor(({position})/2),{frame - wide})"
    return wide, coarse, f"(({position})-{coarse})*{ratio:.5f}", scaled


def even(value: float) -> int:
    """The nearest even number of pixels, at least 2."""
    return max(2, 2 * round(value / 2))


def to_even(value: float) -> float:
    """The nearest even position, where 4:2:0 pictures can be cut."""
    return float(2 * int(value / 2 + 0.5))
