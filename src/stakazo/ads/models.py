"""The tables of advertising. Money is in minor units (cents) with its currency."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.core.db import Base, Owned
from stakazo.variants import models as _variants  # noqa: F401 (a campaign points at the variant it shows)


class CampaignState(StrEnum):
    """A campaign is made paused; a person or a guardrail lets it run."""

    DRAFT = "DRAFT"
    LAUNCHING = "LAUNCHING"
    PAUSED = "PAUSED"
    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    NEEDS_HUMAN = "NEEDS_HUMAN"


class Campaign(Owned, Base):
    """Money behind a variant, within a budget and a time."""

    __tablename__ = "campaigns"

    variant_id: Mapped[UUID]
    platform: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    objective: Mapped[str] = mapped_column(String(60))
    state: Mapped[CampaignState] = mapped_column(
        Enum(CampaignState, name="campaign_state"), default=CampaignState.DRAFT, server_default=CampaignState.DRAFT
    )
    daily_budget: Mapped[int | None] = mapped_column(BigInteger)
    """Minor units."""
    total_budget: Mapped[int] = mapped_column(BigInteger)
    """Minor units; never spent beyond."""
    currency: Mapped[str] = mapped_column(CHAR(3))
    """ISO 4217."""
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    external_id: Mapped[str | None] = mapped_column(String(300))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "variant_id"], ["clip_variants.workspace_id", "clip_variants.id"], ondelete="RESTRICT"
        ),
        Index(
            "uq_campaigns_external_id",
            "workspace_id",
            "platform",
            "external_id",
            unique=True,
            postgresql_where=text("external_id is not null"),
        ),
        Index(None, "workspace_id", "variant_id"),
        Index(None, "workspace_id", "state", "created_at", "id"),
        Index(None, "workspace_id", "created_at", "id"),
        CheckConstraint("total_budget >= 0", name="total_budget"),
        CheckConstraint("daily_budget >= 0 and daily_budget <= total_budget", name="daily_budget"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("ends_at > starts_at", name="time"),
        CheckConstraint("platform ~ '^[a-z][a-z0-9_]*$'", name="platform"),
    )


class AdMetric(Owned, Base):
    """What a campaign had brought and cost on one day, as the platform said at one moment. Only ever added to."""

    __tablename__ = "ad_metrics"

    updated_at = None  # type: ignore[assignment]  # there is no such moment
    campaign_id: Mapped[UUID]
    day: Mapped[date]
    """In the advertising account's time zone."""
    sampled_at: Mapped[datetime]
    impressions: Mapped[int] = mapped_column(BigInteger)
    clicks: Mapped[int] = mapped_column(BigInteger)
    views: Mapped[int] = mapped_column(BigInteger)
    conversions: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    spend: Mapped[int] = mapped_column(BigInteger)
    """Minor units."""
    currency: Mapped[str] = mapped_column(CHAR(3))
    raw: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    """The platform's own answer."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "campaign_id"], ["campaigns.workspace_id", "campaigns.id"], ondelete="RESTRICT"
        ),
        UniqueConstraint("workspace_id", "campaign_id", "day", "sampled_at"),
        CheckConstraint(
            "impressions >= 0 and clicks >= 0 and views >= 0 and conversions >= 0 and spend >= 0", name="counts"
        ),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    )
