"""What could be a clip, what it scores, what was chosen and by which rules: frozen values. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from stakazo.media.types import Span

LEAST = 1.0
"""Seconds below which nothing is a clip."""

WEIGHTS = {
    "hook": 3.0,
    "form": 1.5,
    "drop": 1.5,
    "energy": 1.5,
    "motion": 1.5,
    "peak": 1.5,
    "rhythm": 1.0,
    "people": 1.5,
    "subject": 0.5,
    "clarity": 1.0,
    "variety": 0.75,
    "opening": 2.0,
    "edges": 1.5,
    "alive": 2.0,
    "loop": 0.5,
    "length": 1.0,
}
"""How much each part of a score counts unless a rule says otherwise; `score.SIGNALS` says how it is judged."""


@dataclass(frozen=True, slots=True)
class Part:
    """One named term of a score."""

    name: str
    value: float
    """0 to 1."""
    weight: float
    reason: str
    """In words, for a person: what was seen or heard."""

    @property
    def points(self) -> float:
        return self.value * self.weight


@dataclass(frozen=True, slots=True)
class Score:
    """A named sum: it can always be taken apart."""

    parts: tuple[Part, ...]

    @property
    def total(self) -> float:
        """0 to 100: the weighted mean of the parts."""
        weight = sum(part.weight for part in self.parts)
        return 100 * sum(part.points for part in self.parts) / weight if weight else 0.0


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch that could be a clip."""

    start: float
    end: float
    starts_on: str
    """What the start is aligned to: bar, beat, shot, silence, start."""
    ends_on: str
    """What the end is aligned to: bar, beat, shot, silence, end."""

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Pick:
    """A window that was chosen, and why."""

    window: Window
    score: Score
    reasons: tuple[str, ...]
    """The strongest reasons in words, best first."""
    thumbnail: float
    """Time of the frame that shows it best, in seconds of the source."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A clip at a glance, as JPEG files."""

    thumbnail: bytes
    filmstrip: bytes


@dataclass(frozen=True, slots=True)
class ClipRules:
    """How clips are chosen: what the `clips` part of a platform rule says."""

    min_duration: float = 8.0
    """Seconds."""
    max_duration: float = 35.0
    target_duration: float = 20.0
    min_count: int = 3
    max_count: int = 9
    weights: dict[str, float] = field(default_factory=dict)
    """Weight of each part of the score by its name; a name that is missing keeps its default."""
    max_overlap: float = 0.0
    """The share of a clip that another chosen clip may cover."""
    min_difference: float = 0.15
    """0 to 1: chosen clips must look or sound at least this different."""
