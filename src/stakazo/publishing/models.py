"""The table of publications."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Enum, ForeignKeyConstraint, Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.core.db import Base, Owned
from stakazo.variants import models as _variants  # noqa: F401 (a publication points at its variant)


class PublicationState(StrEnum):
    """How far a publication has come; `NEEDS_HUMAN` when asking the platform can't settle what happened."""

    PENDING = "PENDING"
    PUBLISHING = "PUBLISHING"
    PUBLISHED = "PUBLISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    NEEDS_HUMAN = "NEEDS_HUMAN"


class Publication(Owned, Base):
    """A variant on a platform, or on its way there. The row is the intent and stands before anything is sent."""

    __tablename__ = "publications"

    variant_id: Mapped[UUID]
    platform: Mapped[str] = mapped_column(String(40))
    account: Mapped[str] = mapped_column(String(200), server_default="")
    """Whose profile or channel it goes to, by the platform's id."""
    state: Mapped[PublicationState] = mapped_column(
        Enum(PublicationState, name="publication_state"),
        default=PublicationState.PENDING,
        server_default=PublicationState.PENDING,
    )
    caption: Mapped[str] = mapped_column(Text, server_default="")
    by_hand: Mapped[bool] = mapped_column(server_default=text("false"))
    """A person published it and told us."""
    scheduled_at: Mapped[datetime | None]
    handle: Mapped[str | None] = mapped_column(String(300))
    """The platform's id of the inert upload, kept before anything is made public."""
    external_id: Mapped[str | None] = mapped_column(String(300))
    """The platform's id of what is public."""
    url: Mapped[str | None] = mapped_column(Text)
    published_at: Mapped[datetime | None]
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "variant_id"], ["clip_variants.workspace_id", "clip_variants.id"], ondelete="RESTRICT"
        ),
        Index(
            "uq_publications_once",
            "workspace_id",
            "variant_id",
            "platform",
            "account",
            unique=True,
            postgresql_where=text("state not in ('FAILED', 'CANCELLED')"),
        ),
        Index(
            "uq_publications_external_id",
            "workspace_id",
            "platform",
            "external_id",
            unique=True,
            postgresql_where=text("external_id is not null"),
        ),
        Index(None, "workspace_id", "state", "created_at", "id"),
        Index(None, "workspace_id", "created_at", "id"),
        CheckConstraint("platform ~ '^[a-z][a-z0-9_]*$'", name="platform"),
        CheckConstraint("(state = 'PUBLISHED') = (published_at is not null)", name="published"),
    )
