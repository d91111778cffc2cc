"""What a report shows: frozen values. Pictures are JPEG files' bytes, so the page holds them itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from stakazo.media.choice import Score
from stakazo.media.framing import CropPath
from stakazo.media.types import Analysis


@dataclass(frozen=True, slots=True)
class ReportVariant:
    """One rendered file."""

    name: str
    """The recipe's name."""
    label: str
    """The same for a person: Instagram Reel."""
    platform: str
    file: str
    """Where the file is, relative to the report, with `/` between folders."""
    width: int
    height: int
    size: int
    """Bytes."""
    duration: float
    fps: float | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    """None for a file without sound."""
    loudness: float | None = None
    """Integrated LUFS."""
    true_peak: float | None = None
    """dBTP."""
    crop: CropPath | None = None
    """How the frame was cut, in the source's time; None when it wasn't."""
    poster: bytes | None = None
    """A JPEG of its own; without one the clip's thumbnail is shown, cut as the crop does."""


@dataclass(frozen=True, slots=True)
class ReportClip:
    """A chosen window, why, and what was made of it."""

    rank: int
    start: float
    end: float
    starts_on: str
    """bar, beat, shot, silence, start ..."""
    ends_on: str
    score: Score
    reasons: tuple[str, ...]
    """Best first."""
    thumbnail: bytes | None = None
    """JPEG."""
    thumbnail_time: float | None = None
    """Seconds of the source: which frame the thumbnail is."""
    filmstrip: bytes | None = None
    """JPEG: frames of the clip side by side."""
    variants: tuple[ReportVariant, ...] = ()
    failures: tuple[str, ...] = ()
    """What could not be rendered, in sentences."""

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Still:
    """A frame of the source for the timeline."""

    time: float
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class ReportPost:
    """Where a variant went."""

    platform: str
    account: str
    label: str
    """What was posted, for a person: Instagram Reel."""
    published_at: str
    """As it shall be printed; empty where it didn't go out."""
    url: str | None = None
    """Where people see it; None where the platform doesn't say."""
    brought: str = ""
    """What came back, as it shall be printed."""
    trouble: str = ""
    """Why it didn't go out."""


@dataclass(frozen=True, slots=True)
class ReportProof:
    """What the ledger holds, as it was verified, and how to do that again."""

    origin: str
    events: int
    checkpoints: int
    size: int
    root: str
    """Hexadecimal."""
    key: str
    command: str
    """What checks it."""
    files: tuple[tuple[str, str], ...]
    """Name, beside the report, and what it is."""
    story: tuple[tuple[str, str, str], ...] = ()
    """Of the best clip: when, what happened, by whom."""


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything on the page."""

    title: str
    filename: str
    """Of the source, as the person named it."""
    analysis: Analysis
    clips: tuple[ReportClip, ...]
    """Best first."""
    stills: tuple[Still, ...] = ()
    """Frames for the timeline, in order of time: about one per shot."""
    comparison: tuple[str, ...] = ()
    """Sentences: how what was found compares with what is known of the file."""
    versions: tuple[tuple[str, str], ...] = ()
    """Name and value: programs, models, the rule that chose."""
    timings: tuple[tuple[str, float], ...] = ()
    """Stage and seconds, in order."""
    notes: tuple[str, ...] = field(default=())
    """What else a person should know."""
    made_at: str = ""
    """When, as it shall be printed."""
    posts: tuple[ReportPost, ...] = ()
    """Where the best clip went."""
    after: tuple[tuple[str, str], ...] = ()
    """What else came of it: a name and a sentence each."""
    sandbox: bool = False
    """Whether the platforms were the sandbox's, where nothing is real."""
    proof: ReportProof | None = None
