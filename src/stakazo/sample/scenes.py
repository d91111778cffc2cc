"""What a scene is: something that draws itself at a moment of the music and says where its subject is."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

from stakazo.media.types import Box
from stakazo.sample.canvas import PALETTES, Image, Palette


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything that pictures need to know of the music at the time of a frame."""

    time: float
    """Seconds of the film."""
    beat: float
    """Beats since the first downbeat."""
    shot: float
    """How far the shot is, 0 to 1."""
    age: float
    """Seconds since the shot's first frame."""
    kick: float
    """1 at a kick drum, dying away."""
    snare: float
    mouth: float
    """0 to 1: how open a singer's mouth is."""
    energy: float
    """0 (intro) to 1 (drop)."""
    rise: float
    """0 to 1 within a build-up, otherwise 0."""


class Scene(Protocol):
    def draw(self, at: Moment) -> tuple[Image, Box | None]:
        """A new frame, and where the subject is in it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a scene is built from."""

    width: int
    height: int
    palette: Palette
    variant: int
    """Any number: the scene's own dice."""
    label: str
    """The part of the song."""

    def dice(self) -> random.Random:
        return random.Random(self.variant)  # noqa: S311 - a film, not a secret


#: Which palettes a part of the song has.
MOODS: dict[str, tuple[str, ...]] = {
    "intro": ("dusk",),
    "verse": ("dusk", "ocean", "ember"),
    "chorus": ("candy", "dusk", "steel"),
    "break": ("ocean", "aurora"),
    "build": ("ember", "steel", "aurora"),
    "drop": ("candy", "steel", "ember", "aurora"),
    "outro": ("dusk", "ocean"),
}


def mood(label: str, number: int) -> Palette:
    """The palette of a part's shot: they take turns, so that neighbours differ."""
    names = MOODS[label]
    return PALETTES[names[number % len(names)]]


def ease(share: float) -> float:
    """0 to 1 with a soft start and end."""
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)
