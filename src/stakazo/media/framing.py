"""How a stretch of the source is framed for another shape: a crop window's way, shot by shot. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from stakazo.media.types import Box


class Framing(StrEnum):
    CROP = "crop"
    """A window of the target's shape, cut out of the frame."""
    FIT = "fit"
    """The whole frame over a blurred, enlarged copy of itself."""


@dataclass(frozen=True, slots=True)
class CropKey:
    """Where the crop window is at a time; between two keys of a moving shot it goes straight."""

    time: float
    box: Box


@dataclass(frozen=True, slots=True)
class CropShot:
    """How one shot is framed."""

    start: float
    end: float
    framing: Framing
    keys: tuple[CropKey, ...]
    """One key: the window holds still. More: it moves from key to key. For FIT: one key, the whole frame."""
    reason: str
    """In words: why this framing."""

    def at(self, time: float) -> Box:
        """The window at a time: straight from key to key, held before the first and after the last."""
        if time <= self.keys[0].time:
            return self.keys[0].box
        for before, after in zip(self.keys, self.keys[1:], strict=False):
            if time < after.time:
                share = (time - before.time) / (after.time - before.time)
                a, b = before.box, after.box
                return Box(
                    a.x + (b.x - a.x) * share,
                    a.y + (b.y - a.y) * share,
                    a.width + (b.width - a.width) * share,
                    a.height + (b.height - a.height) * share,
                )
        return self.keys[-1].box


@dataclass(frozen=True, slots=True)
class CropPath:
    """The way of a crop window of one shape through a stretch of the source."""

    aspect: Fraction
    """Width by height of the target."""
    shots: tuple[CropShot, ...]


def path_to_dict(path: CropPath) -> dict[str, Any]:
    """The path as JSON: per shot its keys as [seconds, x, y, width, height], in fractions of the source's frame."""
    return {
        "aspect": f"{path.aspect.numerator}:{path.aspect.denominator}",
        "shots": [
            {
                "start": round(shot.start, 6),
                "end": round(shot.end, 6),
                "framing": shot.framing.value,
                "reason": shot.reason,
                "keys": [
                    [round(value, 6) for value in (key.time, key.box.x, key.box.y, key.box.width, key.box.height)]
                    for key in shot.keys
                ],
            }
            for shot in path.shots
        ],
    }


def path_from_dict(data: dict[str, Any]) -> CropPath:
    """A path that was written by `path_to_dict`."""
    width, height = data["aspect"].split(":")
    return CropPath(
        Fraction(int(width), int(height)),
        tuple(
            CropShot(
                start=shot["start"],
                end=shot["end"],
                framing=Framing(shot["framing"]),
                keys=tuple(CropKey(time, Box(*box)) for time, *box in shot["keys"]),
                reason=shot["reason"],
            )
            for shot in data["shots"]
        ),
    )
