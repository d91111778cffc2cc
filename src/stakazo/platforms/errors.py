"""What a platform's refusal means for the one who asked: one tree of four. Pure.

    PlatformError
    ├── TryLater(after)     nothing happened; the same request may succeed after so many seconds
    ├── TokenExpired        the account must be connected anew (or its token refreshed); nothing happened
    ├── Rejected(reason)    nothing happened, and the same request will be refused again
    └── Unknown             it may have happened: ask before anything is repeated

Which one an answer is follows from its numbers (HTTP status, code, subcode), never from its text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """Why, for programs. Sentences are for people and change."""

    RATE = "rate"
    """Too many requests."""
    QUOTA = "quota"
    """Too many posts, uploads or units in a day."""
    BUSY = "busy"
    """The platform has troubles of its own."""
    UNREACHABLE = "unreachable"
    NOT_READY = "not_ready"
    """What was uploaded is still being worked on."""
    TOO_MUCH_DATA = "too_much_data"
    """A report is too large to be answered at once: ask for it as a job, or for less."""

    EXPIRED = "expired"
    """The token is too old."""
    REVOKED = "revoked"
    """The person, or the platform, has taken the permission back."""
    CHECKPOINT = "checkpoint"
    """The person must sign in at the platform and confirm something first."""

    INVALID = "invalid"
    """A value that the platform doesn't take."""
    PERMISSION = "permission"
    """The token lacks a permission, or the account a role."""
    TERMS = "terms"
    """A person must accept the platform's terms for this first."""
    NOT_FOUND = "not_found"
    """It isn't there, or not for this token."""
    MEDIA = "media"
    """The file isn't what the platform takes: its codec, length, shape or size."""
    PROCESSING = "processing"
    """The platform could not work on the file; the same file may pass when it is sent anew."""
    FETCH = "fetch"
    """The platform could not fetch the file from its address."""
    GONE = "gone"
    """The upload has expired; begin anew."""
    DUPLICATE = "duplicate"
    """The platform has this already."""
    BLOCKED = "blocked"
    """The platform takes it for spam or against its rules."""
    BUDGET = "budget"
    """A budget or bid that the platform doesn't take."""
    REVIEW = "review"
    """Refused by the platform's review."""
    UNSUPPORTED = "unsupported"
    """The platform lets only people do this, in its app."""
    DOUBT = "doubt"
    """There was no answer, or none that says what happened."""

    @property
    def anew(self) -> bool:
        """Whether the same file could pass when everything is begun anew."""
        return self in {Reason.PROCESSING, Reason.FETCH, Reason.GONE}


@dataclass(frozen=True, slots=True)
class Said:
    """What the platform answered, as numbers that its support understands."""

    status: int = 0
    """Of HTTP; 0 where there was no answer."""
    code: int | str | None = None
    subcode: int | None = None
    message: str = ""
    trace: str = ""
    """The platform's name for the request."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What else it says, in its own names: where an upload goes on, which fields are wrong."""

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value not in (None, "", 0, {})}


class PlatformError(Exception):
    """A platform didn't do what was asked, in a sentence for a person."""

    code = "platform_error"
    retryable = False

    def __init__(self, sentence: str, reason: Reason, said: Said = Said()) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.said = said


class TryLater(PlatformError):
    """Nothing happened. The same may be asked again after `after` seconds, not before."""

    code, retryable = "try_later", True

    def __init__(self, sentence: str, reason: Reason, said: Said = Said(), *, after: float) -> None:
        super().__init__(sentence, reason, said)
        self.after = after


class TokenExpired(PlatformError):
    """Nothing happened, nor will anything with this token."""

    code = "token_expired"


class Rejected(PlatformError):
    """Nothing happened, and the same will be refused again. `reason` says what would have to change."""

    code = "rejected"


class Unknown(PlatformError):
    """Whether it happened is not known. Ask the platform; never repeat before."""

    code = "unknown_outcome"

    def __init__(self, sentence: str, reason: Reason = Reason.DOUBT, said: Said = Said()) -> None:
        super().__init__(sentence, reason, said)
