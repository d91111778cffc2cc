"""What may become of a job. Pure: values in, decisions out.

    PENDING ──claim──> PROCESSING ──> COMPLETED
       ^                 │  │  └────> FAILED       an error that no repetition mends, or one too many
       │                 │  └───────> CANCELLED
       └──── RETRY <─────┘            an error, a vanished worker, or a worker that was asked to stop

A job goes through up to three phases, each once: its own work, waiting for its children, and the finisher that
runs when the last child has ended. A job without children and finisher is completed when its work is done.
"""

from __future__ import annotations

import math
import traceback as tracebacks
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from stakazo.core.redaction import hide


class JobState(StrEnum):
    PENDING = "PENDING"
    """Waits for a worker."""
    PROCESSING = "PROCESSING"
    """A worker has it, or its children are at work."""
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    RETRY = "RETRY"
    """Waits for another attempt."""
    CANCELLED = "CANCELLED"

    @property
    def active(self) -> bool:
        return self in ACTIVE_STATES


ACTIVE_STATES = frozenset({JobState.PENDING, JobState.PROCESSING, JobState.RETRY})


class Phase(StrEnum):
    WORK = "work"
    CHILDREN = "children"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt ended early."""

    code: str
    """Stable, for programs."""
    detail: str
    """A sentence, for people."""
    retryable: bool
    after: float | None = None
    """Seconds to wait, where the one who refused said so. Such a refusal is no failure of the job's."""
    traceback: str | None = None
    """Only of an error that nobody foresaw."""

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


CRASHED = Failure("worker_lost", "The worker that ran this job vanished.", retryable=True)
CANCELLED = Failure("cancelled", "This job was cancelled.", retryable=False)


def failure_of(error: BaseException) -> Failure:
    """What an exception says about itself by `code`, `retryable` and `after`; an unknown one may be tried again.

    What it says is kept and shown, so secrets are taken out of it.
    """
    code = getattr(error, "code", None)
    if isinstance(code, str):
        after = getattr(error, "after", None)
        return Failure(
            code,
            hide(str(error)) or type(error).__name__,
            retryable=bool(getattr(error, "retryable", True)),
            after=float(after) if after is not None else None,
        )
    return Failure(
        "internal",
        hide(f"{type(error).__name__}: {error}"),
        retryable=bool(getattr(error, "retryable", True)),
        traceback=hide("".join(tracebacks.format_exception(error)))[-8000:],
    )


def timed_out(seconds: float) -> Failure:
    return Failure("timeout", f"It took longer than the {seconds:g} seconds it may take.", retryable=True)


def children_failed(failed: int, total: int) -> Failure:
    return Failure("child_failed", f"{failed} of its {total} jobs did not complete.", retryable=False)


def backoff(failures: int, first: float, jitter: float, cap: float = 300.0) -> float:
    """Seconds before the next attempt: doubles with each failure, and `jitter` in 0..1 moves it by up to a quarter."""
    doubled: float = min(cap, first * math.exp2(min(failures - 1, 30)))
    return doubled * (0.75 + jitter / 2)


@dataclass(frozen=True, slots=True)
class Tries:
    """What a job has been through, and what it may go through."""

    failures: int
    """Attempts that ended in an error."""
    crashes: int
    """Attempts whose worker vanished."""
    max_attempts: int
    """Neither may reach it."""
    first_delay: float
    """Seconds before the second attempt."""
    jitter: float
    """0 to 1: chance, for the delay."""


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a job after an attempt that did not complete."""

    state: JobState
    failure: Failure
    failures: int
    crashes: int
    delay: float = 0.0
    """Seconds before the next attempt."""


def after_failure(failure: Failure, tries: Tries) -> Next:
    """After an attempt that ended in an error."""
    if failure.retryable and failure.after is not None:
        return Next(JobState.RETRY, failure, tries.failures, tries.crashes, max(0.0, failure.after))
    failures = tries.failures + 1
    if not failure.retryable or failures >= tries.max_attempts:
        return Next(JobState.FAILED, failure, failures, tries.crashes)
    delay = backoff(failures, tries.first_delay, tries.jitter)
    return Next(JobState.RETRY, failure, failures, tries.crashes, delay)


def after_crash(tries: Tries) -> Next:
    """After an attempt whose worker vanished.

    The first repetition starts at once. Then whoever was there when it happened again waits a time of its own, so
    that a job which kills its worker does not take the same bystanders with it each time.
    """
    crashes = tries.crashes + 1
    if crashes >= tries.max_attempts:
        times = "once" if crashes == 1 else f"{crashes} times"
        why = Failure("poison", f"Its worker died {times} while running it; it is not tried again.", retryable=False)
        return Next(JobState.FAILED, why, tries.failures, crashes)
    delay = 0.0 if crashes == 1 else backoff(crashes - 1, tries.first_delay, tries.jitter)
    return Next(JobState.RETRY, CRASHED, tries.failures, crashes, delay)


def remaining(samples: Sequence[tuple[float, float]]) -> float | None:
    """Seconds that are probably left, from (seconds, fraction done) samples in order of time.

    The mean of what the pace since the start and the pace of the latest third say; None as long as too little is
    done to tell.
    """
    if len(samples) < 2:
        return None
    (start, begun), (now, done) = samples[0], samples[-1]
    if done - begun < 0.01 or now <= start:
        return None
    left = 1.0 - done
    overall = left * (now - start) / (done - begun)
    since, fraction = samples[len(samples) - max(2, len(samples) // 3)]
    if done - fraction < 0.005 or now <= since:
        return overall
    return (overall + left * (now - since) / (done - fraction)) / 2
