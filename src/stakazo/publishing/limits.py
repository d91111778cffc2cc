"""What each platform takes of a post, as of 2026-11, from the platforms' own pages. Pure.

What a platform merely recommends is a warning elsewhere; what is here is refused by it, or cut off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stakazo.platforms.base import Kind, Platform


class Measure(StrEnum):
    """How a platform counts a text's length."""

    CHARACTERS = "characters"
    UTF16 = "UTF-16 units"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one kind of post on one platform."""

    label: str
    """For a person."""
    shortest: float = 1.0
    longest: float = 43_200.0
    """Seconds."""
    size: int
    """Bytes."""
    fps: tuple[float, float] = (1.0, 120.0)
    video_codecs: frozenset[str] = frozenset()
    """Empty: whatever is in an MP4."""
    audio_codecs: frozenset[str] = frozenset()
    sides: tuple[int, int] = (16, 16_384)
    """Pixels of the shorter and of the longer side, at least and at most."""
    aspect: tuple[float, float] = (0.0, 100.0)
    """Width by height."""
    caption: int | None
    """None: there is no caption."""
    counted_in: Measure = Measure.CHARACTERS
    title: int = 0
    """Characters; 0: there is no title."""
    titled: bool = False
    """Whether it must have one; then neither it nor the caption may have < and >."""
    hashtags: int | None = None
    mentions: int | None = None
    covers: bool = True
    """Whether a frame can be chosen as the cover."""
    collaborators: int = 0
    first_comment: bool = True
    per_day: int | None = None
    """Posts of one account in 24 hours."""


_META = frozenset({"h264", "hevc"})
_AAC = frozenset({"aac"})
_UPRIGHT = (0.55, 0.575)
"""9:16, give or take a pixel."""

LIMITS: Mapping[tuple[Platform, Kind], Limits] = {
    (Platform.INSTAGRAM, Kind.REEL): Limits(
        label="an Instagram Reel", shortest=3, longest=900, size=300_000_000, fps=(23, 60), video_codecs=_META,
        audio_codecs=_AAC, sides=(320, 1920), aspect=(0.01, 10), caption=2200, hashtags=5, mentions=20,
        collaborators=3, per_day=100,
    ),
    (Platform.INSTAGRAM, Kind.FEED): Limits(
        label="a video in Instagram's feed", shortest=3, longest=900, size=300_000_000, fps=(23, 60),
        video_codecs=_META, audio_codecs=_AAC, sides=(320, 1920), aspect=(0.01, 10), caption=2200, hashtags=5,
        mentions=20, collaborators=3, per_day=100,
    ),
    (Platform.INSTAGRAM, Kind.STORY): Limits(
        label="an Instagram story", shortest=3, longest=60, size=100_000_000, fps=(23, 60), video_codecs=_META,
        audio_codecs=_AAC, sides=(320, 1920), aspect=(0.1, 10), caption=None, covers=False, first_comment=False,
        per_day=100,
    ),
    (Platform.FACEBOOK, Kind.REEL): Limits(
        label="a Facebook Reel", shortest=3, longest=90, size=1_000_000_000, fps=(24, 60),
        video_codecs=frozenset({"h264", "hevc", "vp9", "av1"}), audio_codecs=_AAC, sides=(540, 4096),
        aspect=_UPRIGHT, caption=63_206, title=255, covers=False, per_day=30,
    ),
    (Platform.FACEBOOK, Kind.STORY): Limits(
        label="a Facebook story", shortest=3, longest=60, size=1_000_000_000, fps=(24, 60),
        video_codecs=frozenset({"h264", "hevc", "vp9", "av1"}), audio_codecs=_AAC, sides=(540, 4096),
        aspect=_UPRIGHT, caption=None, covers=False, first_comment=False,
    ),
    (Platform.FACEBOOK, Kind.VIDEO): Limits(
        label="a video on a Facebook Page", longest=14_400, size=10_000_000_000, sides=(120, 4096), caption=63_206,
        title=255, covers=False,
    ),
    (Platform.TIKTOK, Kind.VIDEO): Limits(
        label="a TikTok", shortest=3, longest=600, size=4_000_000_000, fps=(23, 60),
        video_codecs=frozenset({"h264", "hevc", "vp8", "vp9"}), sides=(360, 4096), caption=2200,
        counted_in=Measure.UTF16, first_comment=False, per_day=15,
    ),
    (Platform.TIKTOK, Kind.INBOX): Limits(
        label="a TikTok draft", shortest=3, longest=600, size=4_000_000_000, fps=(23, 60),
        video_codecs=frozenset({"h264", "hevc", "vp8", "vp9"}), sides=(360, 4096), caption=None, covers=False,
        first_comment=False, per_day=5,
    ),
    (Platform.YOUTUBE, Kind.VIDEO): Limits(
        label="a YouTube video", size=256_000_000_000, caption=5000, counted_in=Measure.BYTES, title=100,
        titled=True, hashtags=60, covers=False, per_day=100,
    ),
}  # fmt: skip
"""By platform and kind of post; what isn't here can't be posted."""

_REEL = frozenset(
    {"made_with_ai", "paid_partnership", "collaborators", "trial", "audio_name", "location_id", "cover_at", "cover_url"}
)
KNOWN: Mapping[tuple[Platform, Kind], frozenset[str]] = {
    (Platform.INSTAGRAM, Kind.REEL): _REEL | {"share_to_feed"},
    (Platform.INSTAGRAM, Kind.FEED): _REEL,
    (Platform.INSTAGRAM, Kind.STORY): frozenset({"made_with_ai"}),
    (Platform.FACEBOOK, Kind.REEL): frozenset({"title", "made_with_ai", "location_id"}),
    (Platform.FACEBOOK, Kind.VIDEO): frozenset({"title", "made_with_ai"}),
    (Platform.TIKTOK, Kind.VIDEO): frozenset(
        {"cover_at", "audience", "made_with_ai", "paid_partnership", "promotes_own", "comments", "duets", "stitches"}
    ),
    (Platform.YOUTUBE, Kind.VIDEO): frozenset({"title", "tags", "category", "audience", "for_kids", "made_with_ai"}),
}
"""The details that it is told of; what isn't here is told nothing of any."""

MESSAGE: Mapping[Platform, tuple[int, Measure]] = {
    Platform.INSTAGRAM: (1000, Measure.BYTES),
    Platform.FACEBOOK: (2000, Measure.CHARACTERS),
}
"""How long a message may be where messages can be answered from here."""

SHORT = 180.0
"""Seconds up to which an upright or square YouTube video is a Short."""
CLAIMED_SHORT = 60.0
"""Seconds above which YouTube blocks a Short with any Content ID claim, the label's own included."""


def natural_kind(platform: Platform, width: int | None, height: int | None, duration: float | None) -> Kind:
    """What a file of this shape and length is posted as, where nobody says otherwise."""
    upright = bool(width and height and _UPRIGHT[0] <= width / height <= _UPRIGHT[1])
    match platform:
        case Platform.INSTAGRAM:
            return Kind.REEL if upright else Kind.FEED
        case Platform.FACEBOOK:
            fits = duration is None or duration <= LIMITS[platform, Kind.REEL].longest
            return Kind.REEL if upright and fits else Kind.VIDEO
    return Kind.VIDEO


def length(text: str, measure: Measure) -> int:
    """How long a platform takes a text for."""
    match measure:
        case Measure.UTF16:
            return len(text.encode("utf-16-le")) // 2
        case Measure.BYTES:
            return len(text.encode())
    return len(text)
