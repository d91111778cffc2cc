"""Why a file can't be used: one tree. Each has a sentence for a person and a stable code. Pure.

MediaError
├── Unreadable          not a media file, or broken beyond use
├── Damaged             the part of it that is wanted can't be decoded
├── NothingToSee        no video where one is needed
├── NothingToHear       no sound where some is needed
├── TooShort            shorter than any clip
├── TooBig              beyond the limits of pixels, duration or streams
├── ToolMissing         FFmpeg, a filter, an encoder or a model is not installed
├── AnalysisFailed      the analysis ended in a way that nobody foresaw
├── RenderFailed        FFmpeg ended with an error that isn't the file's
├── NotAsOrdered        a rendered file isn't what was asked for
├── DiskFull            no space for the output
└── Stopped             cancelled, or over its time limit
"""

from __future__ import annotations

LONGEST = 600
"""Characters of a sentence: parts of it may come from the file itself."""


class MediaError(Exception):
    """Something about a file, in a sentence a person can act on, fit to be shown in a terminal."""

    code = "media_error"
    retryable = False
    """Whether the same work could succeed later without anyone changing anything."""

    def __init__(self, sentence: str = "") -> None:
        super().__init__("".join(sign if sign.isprintable() else "?" for sign in sentence[:LONGEST]))


class Unreadable(MediaError):
    code = "unreadable"


class Damaged(MediaError):
    code = "damaged"


class NothingToSee(MediaError):
    code = "no_video"


class NothingToHear(MediaError):
    code = "no_audio"


class TooShort(MediaError):
    code = "too_short"


class TooBig(MediaError):
    code = "too_big"


class ToolMissing(MediaError):
    code = "tool_missing"


class AnalysisFailed(MediaError):
    code = "analysis_failed"
    retryable = True


class RenderFailed(MediaError):
    code = "render_failed"
    retryable = True


class NotAsOrdered(MediaError):
    code = "not_as_ordered"


class DiskFull(MediaError):
    code = "disk_full"
    retryable = True
    after = 5.0
    """Seconds before it is worth another look; waiting for room is no failure of the work's."""


class Stopped(MediaError):
    code = "stopped"
