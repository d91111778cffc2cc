"""The ledger: what happened, who did it, and what it came from."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.core import workspaces as _workspaces  # noqa: F401 (every owned row points at one)
from stakazo.core.db import Base, Owned


class LedgerEvent(Owned, Base):
    """One act, written in the transaction that did it and never changed again; `created_at` is when."""

    __tablename__ = "ledger_events"

    updated_at = None  # type: ignore[assignment]  # there is no such moment
    event: Mapped[str] = mapped_column(String(80))
    """`noun_verb` in the past: video_uploaded, clip_created."""
    subject_type: Mapped[str] = mapped_column(String(40))
    """What it happened to: video, clip, variant, job, rule."""
    subject_id: Mapped[UUID]
    actor_kind: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[str] = mapped_column(String(200))
    correlation_id: Mapped[UUID]
    """The same for everything that one request set in motion."""
    causation_id: Mapped[UUID | None]
    """The job that acted, if one did."""
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))

    __table_args__ = (
        *Owned.owned_args(),
        Index(None, "workspace_id", "correlation_id", "id"),
        Index(None, "workspace_id", "subject_type", "subject_id", "id"),
        CheckConstraint("event ~ '^[a-z][a-z0-9]*(_[a-z0-9]+)+$'", name="event"),
        CheckConstraint("actor_kind in ('user', 'api_key', 'job', 'system')", name="actor_kind"),
        CheckConstraint("jsonb_typeof(data) = 'object'", name="data"),
    )
    # The machinery may insert here but not read, so nothing may be read back after an insert.
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012 (SQLAlchemy reads it from the class)
