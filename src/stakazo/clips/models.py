"""The table of clips."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Enum, ForeignKeyConstraint, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.core.db import Base, Owned
from stakazo.rules import models as _rules  # noqa: F401 (a clip points at its rule)
from stakazo.videos import models as _videos  # noqa: F401 (and at its video)


class ClipState(StrEnum):
    """What a person said to a clip."""

    PROPOSED = "PROPOSED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"


class Clip(Owned, Base):
    """A stretch of a video that could stand alone, with the reasons why."""

    __tablename__ = "clips"

    video_id: Mapped[UUID]
    rank: Mapped[int]
    """1 is the best of its video."""
    start: Mapped[float]
    """Seconds of the source."""
    end: Mapped[float]
    starts_on: Mapped[str] = mapped_column(String(40))
    """What the start is aligned to: bar, beat, shot, silence, start, person."""
    ends_on: Mapped[str] = mapped_column(String(40))
    state: Mapped[ClipState] = mapped_column(
        Enum(ClipState, name="clip_state"), default=ClipState.PROPOSED, server_default=ClipState.PROPOSED
    )
    score: Mapped[float]
    """0 to 100: the weighted mean of the parts."""
    score_parts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """name, value, weight, reason of each part."""
    reasons: Mapped[list[str]] = mapped_column(JSONB)
    """The strongest reasons in words, best first."""
    thumbnail_key: Mapped[str | None] = mapped_column(String(300))
    filmstrip_key: Mapped[str | None] = mapped_column(String(300))
    rule_id: Mapped[UUID | None]
    """The version of the rule that chose it."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "video_id"], ["video_assets.workspace_id", "video_assets.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["workspace_id", "rule_id"], ["platform_rules.workspace_id", "platform_rules.id"]),
        Index(None, "workspace_id", "video_id", "rank"),
        Index(None, "workspace_id", "rule_id"),
        Index(None, "workspace_id", "created_at", "id"),
        Index(None, "workspace_id", "state", "created_at", "id"),
        Index(None, "workspace_id", "score", "id"),
        CheckConstraint('start >= 0 and "end" > start', name="span"),
        CheckConstraint("rank >= 1", name="rank"),
        CheckConstraint("score >= 0 and score <= 100", name="score"),
        CheckConstraint("jsonb_typeof(score_parts) = 'array' and jsonb_typeof(reasons) = 'array'", name="arrays"),
    )
