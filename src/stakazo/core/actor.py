"""Who is acting, and in which workspace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A new key: UUIDv7, so rows are in the order in which they were made."""
    return uuid_utils.compat.uuid7()


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever does something: a key, a job, the system itself."""

    workspace_id: UUID
    kind: Literal["user", "api_key", "job", "system"]
    id: str
    """The user's or key's id; the job's type and id."""
    correlation_id: UUID = field(default_factory=new_id)
    """The same for everything that one request set in motion, across jobs."""
    causation_id: UUID | None = None
    """What directly caused this: the job that acts."""
    permissions: frozenset[str] = frozenset()
    """What it may ask of the API, as `noun:verb`; jobs and the system ask nothing of it."""

    @classmethod
    def job(cls, kind: str, job_id: UUID, workspace_id: UUID, correlation_id: UUID) -> Actor:
        return cls(workspace_id, "job", f"{kind}:{job_id}", correlation_id, job_id)
