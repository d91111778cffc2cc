"""The table of rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Enum, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.accounts import models as _accounts  # noqa: F401 (every owned row points at a workspace)
from stakazo.core.db import Base, Owned
from stakazo.rules.states import RuleState


class PlatformRule(Owned, Base):
    """One version of what works on a platform. What it says never changes: a change is a new version."""

    __tablename__ = "platform_rules"

    platform: Mapped[str] = mapped_column(String(40))
    version: Mapped[int]
    """1, 2, 3... per platform."""
    state: Mapped[RuleState] = mapped_column(
        Enum(RuleState, name="rule_state"), default=RuleState.PROPOSED, server_default=RuleState.PROPOSED
    )
    rule: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What it says: clips, crop, sound."""
    evidence: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    """What it rests on."""
    proposed_by: Mapped[str] = mapped_column(String(200))
    activated_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]

    __table_args__ = (
        *Owned.owned_args(),
        UniqueConstraint("workspace_id", "platform", "version"),
        Index(
            "uq_platform_rules_active",
            "workspace_id",
            "platform",
            unique=True,
            postgresql_where=text("state = 'ACTIVE'"),
        ),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("platform ~ '^[a-z][a-z0-9_]*$'", name="platform"),
        CheckConstraint("jsonb_typeof(rule) = 'object'", name="rule"),
        CheckConstraint("jsonb_typeof(evidence) = 'object'", name="evidence"),
    )
