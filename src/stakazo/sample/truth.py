"""What is known of a sample because we made it: the ground truth, and how it is kept beside the file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stakazo.media.types import Box, Span, Transition
from stakazo.sample.spec import FormPart, Spec


@dataclass(frozen=True, slots=True)
class TrueSection:
    """A part of the song."""

    start: float
    end: float
    label: str

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class TrueShot:
    """A shot and how it begins."""

    frame: int
    """First frame of the shot; of a gradual transition: its middle."""
    start: float
    """The same in seconds."""
    end: float
    transition: Transition
    gradual: Span | None
    """From the first mixed frame to the first clean one, when the shot begins with a dissolve or a fade."""
    scene: str
    """What is to be seen."""


@dataclass(frozen=True, slots=True)
class Flash:
    """A few bright frames inside a shot: what a shot detector must not take for a cut."""

    frame: int
    frames: int
    start: float


@dataclass(frozen=True, slots=True)
class SubjectAt:
    """Where the one is whom the picture is about."""

    time: float
    box: Box


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything about a sample that an analysis should find."""

    spec: Spec
    tempo: float
    beats: tuple[float, ...]
    downbeats: tuple[float, ...]
    sections: tuple[TrueSection, ...]
    hooks: tuple[Span, ...]
    """Where the song's one melody to remember plays: the choruses and the drop."""
    drop: float | None
    """When the build-up breaks."""
    shots: tuple[TrueShot, ...]
    """Empty for a sound file."""
    flashes: tuple[Flash, ...]
    subject: tuple[SubjectAt, ...]
    """Ten times a second, where there is one to follow."""
    loudness: float | None
    """Integrated LUFS before encoding; None without sound."""
    true_peak: float | None
    """dBTP before encoding."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Truth:
        spec = dict(data["spec"])
        spec["form"] = tuple(FormPart(**part) for part in spec["form"])
        return cls(
            spec=Spec(**spec),
            tempo=data["tempo"],
            beats=tuple(data["beats"]),
            downbeats=tuple(data["downbeats"]),
            sections=tuple(TrueSection(**section) for section in data["sections"]),
            hooks=tuple(Span(**hook) for hook in data["hooks"]),
            drop=data["drop"],
            shots=tuple(
                TrueShot(
                    **{
                        **shot,
                        "transition": Transition(shot["transition"]),
                        "gradual": Span(**shot["gradual"]) if shot["gradual"] else None,
                    }
                )
                for shot in data["shots"]
            ),
            flashes=tuple(Flash(**flash) for flash in data["flashes"]),
            subject=tuple(SubjectAt(one["time"], Box(**one["box"])) for one in data["subject"]),
            loudness=data["loudness"],
            true_peak=data["true_peak"],
        )


def truth_path(path: Path) -> Path:
    """Where the truth about a sample stands: `film.mp4` has `film.truth.json` beside it."""
    return path.with_suffix(".truth.json")


def write_truth(path: Path, truth: Truth) -> None:
    truth_path(path).write_text(json.dumps(truth.to_dict(), indent=1), encoding="utf-8")


def truth_of(path: Path) -> Truth | None:
    """What is known of a file, if we made it: None when there is no truth beside it."""
    beside = truth_path(path)
    if not beside.is_file():
        return None
    return Truth.from_dict(json.loads(beside.read_text(encoding="utf-8")))
