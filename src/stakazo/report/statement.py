"""The statement for an artist: what was made of which video, who decided, and how it can be checked. Pure.

One value, two shapes: HTML in `statement_page.py`, PDF in `pdf.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from stakazo.report.words import clock, exact_clock, plural, size


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A rendered variant."""

    recipe: str
    platform: str
    made_at: str
    """As it shall be printed."""
    sha256: str
    shape: str = ""
    """1080x1920."""


@dataclass(frozen=True, slots=True)
class MadeClip:
    """A clip, and what became of it."""

    start: float
    """Seconds of the source."""
    end: float
    score: float | None
    decision: str
    """accepted, rejected, proposed ..."""
    decided_by: str = ""
    decided_at: str = ""
    files: tuple[MadeFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """A video that was received."""

    title: str
    filename: str
    received_at: str
    received_by: str
    sha256: str
    size_bytes: int
    duration: float | None
    clips: tuple[MadeClip, ...]

    @property
    def figures(self) -> tuple[tuple[str, str], ...]:
        """Name and value."""
        accepted = [clip for clip in self.clips if clip.decision == "accepted"]
        files = sum(len(clip.files) for clip in self.clips)
        return (
            ("Clips proposed", str(len(self.clips))),
            ("Accepted", str(len(accepted))),
            ("Seconds accepted", f"{sum(clip.end - clip.start for clip in accepted):.1f}"),
            ("Files made", str(files)),
            ("Platforms", str(len({file.platform for clip in self.clips for file in clip.files}))),
        )


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything on it."""

    workspace: str
    made_at: str
    works: tuple[Work, ...]
    origin: str
    size: int
    """Of the checkpoint that it is made of."""
    root: str
    checkpoint: str
    """The signed note."""

    @property
    def title(self) -> str:
        return f"Statement for {self.works[0].title}" if len(self.works) == 1 else f"Statement of {self.workspace}"

    @property
    def lead(self) -> str:
        return (
            f"What {self.workspace} has made of {plural(len(self.works), 'video')}, out of its ledger "
            f"as it was at {self.made_at}."
        )

    @property
    def proof(self) -> str:
        return (
            f"Every line of this statement is one of the first {self.size:,} events of the ledger {self.origin}, whose "
            "signed checkpoint is below. With an export of the ledger anyone can check that these events are exactly "
            "those that were signed then: stakazo ledger verify ledger.jsonl --key ledger.pub --checkpoint FILE."
        )


def window(clip: MadeClip) -> str:
    return f"{exact_clock(clip.start)} to {exact_clock(clip.end)}"


def decision(clip: MadeClip) -> str:
    who = f" by {clip.decided_by}" if clip.decided_by else ""
    when = f", {clip.decided_at}" if clip.decided_at else ""
    return f"{clip.decision}{who}{when}"


def facts(work: Work) -> str:
    """The source in one line."""
    length = f" · {clock(work.duration)}" if work.duration is not None else ""
    return f"{work.filename} · {size(work.size_bytes)}{length} · received {work.received_at} from {work.received_by}"
