"""Everything that Stakazo refuses to do for the one who asks, in one tree. Pure.

    StakazoError            500  internal
    ├── Invalid             422  invalid
    ├── Unauthenticated     401  unauthenticated
    ├── Forbidden           403  forbidden
    ├── NotFound            404  not_found
    ├── Conflict            409  conflict
    ├── TooLarge            413  too_large
    ├── UnsupportedMedia    415  unsupported_media
    ├── NoSpace             507  no_space            (retryable)
    ├── FileMissing         500  file_missing        (retryable: another worker may have it)
    └── Unavailable         503  unavailable         (retryable)
        └── StorageAway     503  storage_away        (retryable: a job waits for it)

`main` turns each into problem+json (RFC 9457). Media has its own tree: `media/errors.py`.
"""

from __future__ import annotations


class StakazoError(Exception):
    """A refusal, in a sentence that says what to do."""

    status = 500
    code = "internal"
    retryable = False


class Invalid(StakazoError):
    status, code = 422, "invalid"


class Unauthenticated(StakazoError):
    status, code = 401, "unauthenticated"


class Forbidden(StakazoError):
    status, code = 403, "forbidden"


class NotFound(StakazoError):
    status, code = 404, "not_found"


class Conflict(StakazoError):
    status, code = 409, "conflict"


class TooLarge(StakazoError):
    status, code = 413, "too_large"


class UnsupportedMedia(StakazoError):
    status, code = 415, "unsupported_media"


class NoSpace(StakazoError):
    status, code, retryable = 507, "no_space", True
    after = 5.0
    """Seconds before a job looks again; waiting for room is no failure of its own."""


class OverQuota(NoSpace):
    code, retryable = "over_quota", False


class FileMissing(StakazoError):
    status, code, retryable = 500, "file_missing", True


class Unavailable(StakazoError):
    status, code, retryable = 503, "unavailable", True


class StorageAway(Unavailable):
    """The object store doesn't answer, or doesn't let us in. Its words are for everybody."""

    code = "storage_away"
    after = 15.0
    """Seconds before a job looks again; that is no failure of its own."""

    def __init__(self, said: str) -> None:
        super().__init__("The storage of files doesn't answer. Nothing was lost: try again in a moment.")
        self.said = said
        """For who runs this: which store it is, and what it said."""
