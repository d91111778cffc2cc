"""The table of jobs, which is the truth about them, and that of the workers that are alive."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKeyConstraint,
    Index,
    Text,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.core.db import Base, Owned
from stakazo.jobs.states import JobState, Phase

ACTIVE = "state IN ('PENDING', 'PROCESSING', 'RETRY')"
DISTINCT = f"{ACTIVE} AND NOT cancel_requested AND dedup_key IS NOT NULL"
"""The jobs that no other may be the same as: one that is being stopped makes room for the next."""
TERMINAL = "state IN ('COMPLETED', 'FAILED', 'CANCELLED')"


class Job(Owned, Base):
    """One piece of work: what is to be done, how far it is, and how it ended.

    The row is the truth; the engine's row (`engine_job_id`) is only its delivery to one worker.
    """

    __tablename__ = "jobs"
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 (SQLAlchemy reads it from the class)
    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(["workspace_id", "parent_id"], ["jobs.workspace_id", "jobs.id"]),
        Index(
            "uq_jobs_dedup",
            "workspace_id",
            "type",
            "dedup_key",
            unique=True,
            postgresql_where=text(DISTINCT),
        ),
        Index("ix_jobs_workspace_id_state_id", "workspace_id", "state", "id"),
        Index("ix_jobs_workspace_id_type_id", "workspace_id", "type", "id"),
        Index("ix_jobs_state_created_at", "state", "created_at", postgresql_where=text(ACTIVE)),
        Index("ix_jobs_workspace_id_parent_id", "workspace_id", "parent_id"),
        Index("ix_jobs_payload", "payload", postgresql_using="gin", postgresql_ops={"payload": "jsonb_path_ops"}),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
        CheckConstraint("attempt >= 0 AND failures >= 0 AND crashes >= 0 AND max_attempts >= 1", name="counts"),
        CheckConstraint("timeout > 0", name="timeout"),
        CheckConstraint(f"({TERMINAL}) = (finished_at IS NOT NULL)", name="finished"),
        CheckConstraint("state <> 'FAILED' OR error IS NOT NULL", name="failed_says_why"),
        CheckConstraint("state <> 'PROCESSING' OR attempt > 0", name="processing_is_claimed"),
        CheckConstraint("phase IN ('work', 'children', 'finish')", name="phase"),
        CheckConstraint("parent_id <> id", name="parent"),
        CheckConstraint("jsonb_typeof(payload) = 'object'", name="payload"),
    )

    type: Mapped[str] = mapped_column(Text)
    """The handler's name: `cut_analysis`."""
    queue: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    """The handler's arguments, by name."""
    state: Mapped[JobState] = mapped_column(
        Enum(JobState, name="job_state"), default=JobState.PENDING, server_default="PENDING"
    )
    priority: Mapped[int] = mapped_column(server_default="0", default=0)
    """Higher first."""
    run_at: Mapped[datetime | None]
    """Not before; null means at once. A retry sets it."""
    put_off_at: Mapped[datetime | None]
    """When a platform put off for the first time what it is to say: see `publishing/saying.py`."""
    dedup_key: Mapped[str | None] = mapped_column(Text)
    """Of the active jobs of one type in a workspace, at most one that isn't being stopped has this key."""
    parent_id: Mapped[UUID | None]
    phase: Mapped[Phase] = mapped_column(Text, server_default="work", default=Phase.WORK)
    """Its own work, its children's, then what is to be done when they are done."""

    attempt: Mapped[int] = mapped_column(server_default="0", default=0)
    """How often it was claimed: the fencing token of everything its worker writes."""
    failures: Mapped[int] = mapped_column(server_default="0", default=0)
    """Attempts that ended in an error."""
    crashes: Mapped[int] = mapped_column(server_default="0", default=0)
    """Attempts whose worker vanished."""
    max_attempts: Mapped[int] = mapped_column(server_default="3", default=3)
    """Neither failures nor crashes may reach it."""
    timeout: Mapped[float] = mapped_column(server_default="3600", default=3600.0)
    """Seconds that one attempt may take."""
    cancel_requested: Mapped[bool] = mapped_column(server_default=false(), default=False)

    progress: Mapped[float] = mapped_column(server_default="0", default=0.0)
    """0 to 1."""
    stage: Mapped[str | None] = mapped_column(Text)
    message: Mapped[str | None] = mapped_column(Text)
    expected_at: Mapped[datetime | None]
    """When it should be done, measured from its own pace."""
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Of the last failed attempt: code, detail, retryable, and the traceback where nobody foresaw it."""

    worker: Mapped[str | None] = mapped_column(Text)
    """The worker that holds it or held it last: `host:pid`."""
    engine_job_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    """Its present delivery. No foreign key: the engine deletes its rows."""
    correlation_id: Mapped[UUID]
    """The same for everything that one request set in motion."""
    causation_id: Mapped[UUID | None]
    """The job that started this one."""
    started_at: Mapped[datetime | None]
    """When the last attempt began."""
    finished_at: Mapped[datetime | None]

    @property
    def waiting(self) -> bool:
        """Its handler is done and waits for the children; no worker holds it."""
        return self.state is JobState.PROCESSING and self.phase == Phase.CHILDREN


class Worker(Base):
    """One worker process that is, or a moment ago was, alive. Of the machinery, not of a workspace."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(Text)
    """`host:pid`"""
    queues: Mapped[list[str]] = mapped_column(ARRAY(Text))
    version: Mapped[str] = mapped_column(Text)
    heartbeat_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class WorkedOn(Base):
    """A row that a job may be at."""

    __abstract__ = True

    job_id: Mapped[UUID | None]
    """Of the job that is at it."""
