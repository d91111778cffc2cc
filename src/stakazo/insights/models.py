"""The tables of what came back."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Float, ForeignKeyConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.core.db import Base, Owned
from stakazo.publishing import models as _publishing  # noqa: F401 (a sample points at its publication)


class PostMetric(Owned, Base):
    """What a platform said of a post at one moment, from its beginning up to then. Only ever added to.

    What a platform doesn't say is null. Numbers that it corrects later are another row.
    """

    __tablename__ = "post_metrics"

    updated_at = None  # type: ignore[assignment]  # there is no such moment
    publication_id: Mapped[UUID]
    sampled_at: Mapped[datetime]
    """When it was true."""
    views: Mapped[int | None] = mapped_column(BigInteger)
    reach: Mapped[int | None] = mapped_column(BigInteger)
    likes: Mapped[int | None] = mapped_column(BigInteger)
    comments: Mapped[int | None] = mapped_column(BigInteger)
    shares: Mapped[int | None] = mapped_column(BigInteger)
    saves: Mapped[int | None] = mapped_column(BigInteger)
    follows: Mapped[int | None] = mapped_column(BigInteger)
    average_watch: Mapped[float | None]
    """Seconds."""
    total_watch: Mapped[float | None]
    """Seconds."""
    hold_rate: Mapped[float | None]
    """The share of plays that went on after three seconds."""
    retention: Mapped[list[float]] = mapped_column(ARRAY(Float), default=list, server_default=text("'{}'"))
    """The share of viewers left, at even distances from start to end."""
    restated: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Fewer views than were said before: the platform has corrected itself."""
    told: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """The platform told it by itself (a webhook), and only some of it."""
    raw: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    """The platform's own names and numbers."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "publication_id"], ["publications.workspace_id", "publications.id"], ondelete="RESTRICT"
        ),
        Index(None, "workspace_id", "publication_id", "sampled_at", "id"),
        CheckConstraint(
            "least(views, reach, likes, comments, shares, saves, follows, average_watch, total_watch) >= 0",
            name="counts",
        ),
    )
