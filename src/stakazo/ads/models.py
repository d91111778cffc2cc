"""The tables of advertising. Money is in minor units of its currency, as the platform counts them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CHAR,
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.ads.gathered import AudienceState
from stakazo.ads.states import CampaignState, Part
from stakazo.core.db import Base, Owned
from stakazo.core.security import Sealed
from stakazo.jobs.models import WorkedOn
from stakazo.platforms.base import Platform
from stakazo.platforms.crowds import Crowd
from stakazo.platforms.meta_login import ADS_SCOPES
from stakazo.platforms.oauth import missing
from stakazo.publishing import models as _publishing  # noqa: F401 (a campaign may point at the post it boosts)
from stakazo.publishing.tokens import ChannelHealth, Life, health
from stakazo.variants import models as _variants  # noqa: F401 (and at the variant it shows)


class AdAccount(Owned, Base):
    """A connected advertising account, with the Page in whose name it advertises."""

    __tablename__ = "ad_accounts"

    platform: Mapped[str] = mapped_column(String(40), default="meta", server_default="meta")
    external_id: Mapped[str] = mapped_column(String(200))
    """The account's id at the platform, without `act_`."""
    name: Mapped[str] = mapped_column(String(200))
    sandbox: Mapped[bool]
    """Whether its token is of the sandbox, where no money is."""
    live: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Whether a person has let it spend real money. Never of the sandbox."""
    token: Mapped[bytes | None] = mapped_column(Sealed())
    """Null once it is disconnected."""
    token_expires_at: Mapped[datetime | None]
    renewal_tried_at: Mapped[datetime | None]
    """When more time was asked for last."""
    warned_at: Mapped[datetime | None]
    """When its person was told that it ends soon."""
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default=text("'{}'"))
    currency: Mapped[str] = mapped_column(CHAR(3))
    """ISO 4217; all of its money is in this."""
    time_zone: Mapped[str] = mapped_column(String(60))
    """In which its days begin and end."""
    page_id: Mapped[str] = mapped_column(String(200))
    instagram_id: Mapped[str | None] = mapped_column(String(200))
    pixel_id: Mapped[str | None] = mapped_column(String(200))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Why it must be connected again; null while its token is believed to work."""
    disconnected_at: Mapped[datetime | None]
    watch_job_id: Mapped[UUID | None]
    """The job that compares what runs with what was approved; any other's hands are off."""
    watched_at: Mapped[datetime | None]
    """When that was done last."""

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """The permissions that it lacks, as far as it is known what it has."""
        return missing(self.scopes, ADS_SCOPES)

    @property
    def life(self) -> Life:
        """Its token's. Whether Meta gives it more time shows when it is asked: till then it ends when it says."""
        return Life(
            Platform.FACEBOOK, self.token_expires_at, renewable=False, connected=self.token is not None,
            dead=self.error is not None, warned=self.warned_at is not None, missing=self.missing_scopes,
        )  # fmt: skip

    @property
    def health(self) -> ChannelHealth:
        """Whether it can be used now."""
        return health(self.life, datetime.now(UTC))

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "watch_job_id"], ["jobs.workspace_id", "jobs.id"], ondelete="SET NULL (watch_job_id)"
        ),
        Index(
            "uq_ad_accounts_account",
            "workspace_id",
            "platform",
            "external_id",
            unique=True,
            postgresql_where=text("disconnected_at is null"),
        ),
        Index(None, "workspace_id", "created_at", "id"),
        Index(None, "workspace_id", "watch_job_id"),
        CheckConstraint("not (sandbox and live)", name="live"),
        CheckConstraint("(token is null) = (disconnected_at is not null)", name="token"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    )


class AdPolicy(Owned, Base):
    """What a workspace may spend; without a row nothing. Who lets money flow holds this row locked."""

    __tablename__ = "ad_policies"

    limits: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    """By currency: the members of `guardrails.Limits`."""
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """`rules.Rule`, in the order in which they are asked."""
    stopped_at: Mapped[datetime | None]
    """When everything was stopped; null while money may flow."""
    stopped_by: Mapped[str | None] = mapped_column(String(120))

    __table_args__ = (*Owned.owned_args(), UniqueConstraint("workspace_id"))


class Campaign(Owned, WorkedOn):
    """Money behind a variant, or behind a post that shows it. The row is the intent, and stands before all else."""

    __tablename__ = "campaigns"

    variant_id: Mapped[UUID]
    publication_id: Mapped[UUID | None]
    """The post that is boosted; null: the variant's file is shown."""
    account_id: Mapped[UUID]
    platform: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    objective: Mapped[str] = mapped_column(String(60))
    state: Mapped[CampaignState] = mapped_column(Enum(CampaignState, name="campaign_state"))
    daily_budget: Mapped[int | None] = mapped_column(BigInteger)
    """Null: the total is spread over the time by the platform."""
    total_budget: Mapped[int] = mapped_column(BigInteger)
    """Never spent beyond."""
    currency: Mapped[str] = mapped_column(CHAR(3))
    """ISO 4217."""
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    plan: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    """Everything else that is wanted of it: `plan.Plan`."""
    planned_by: Mapped[str] = mapped_column(String(120))
    """Who said last what it may cost and whom it reaches, as `kind/id`; of what a person's key did, that person."""
    activated_by: Mapped[str | None] = mapped_column(String(120))
    activated_at: Mapped[datetime | None]
    held_by: Mapped[str | None] = mapped_column(String(120))
    """Who has paused it, here or at the platform: until somebody lets it run, no rule touches it. Null: nobody."""

    changing: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default=text("'{}'"))
    """What a person has changed here and the platform hasn't said yet: targeting, start, end, bid, dsa."""
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Plan, money, times and planner before what is being changed: wanted again where the platform refuses that."""
    unanswered: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """`lateness.Unanswered`: what lets it spend, and may have its effect yet. Its room is kept until it can't."""
    begun_at: Mapped[datetime | None]
    """When what is under way was begun."""
    making: Mapped[Part | None] = mapped_column(Enum(Part, name="campaign_part"))
    """What is, or was, about to be made at the platform: whoever finds this asks before making it."""
    video_id: Mapped[str | None] = mapped_column(String(300))
    """The platform's ids of what was made; each is kept before the next is made."""
    external_id: Mapped[str | None] = mapped_column(String(300))
    ad_set_id: Mapped[str | None] = mapped_column(String(300))
    creative_id: Mapped[str | None] = mapped_column(String(300))
    ad_id: Mapped[str | None] = mapped_column(String(300))
    review: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What the platform said of it last: whether it delivers, and why not."""
    decision: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What a rule has decided last: rule, action, when, the numbers, money before and after, whether it was undone."""
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What went wrong, and what to do: code, detail, todo."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "variant_id"], ["clip_variants.workspace_id", "clip_variants.id"], ondelete="RESTRICT"
        ),
        ForeignKeyConstraint(
            ["workspace_id", "publication_id"], ["publications.workspace_id", "publications.id"], ondelete="RESTRICT"
        ),
        ForeignKeyConstraint(
            ["workspace_id", "account_id"], ["ad_accounts.workspace_id", "ad_accounts.id"], ondelete="RESTRICT"
        ),
        ForeignKeyConstraint(
            ["workspace_id", "job_id"], ["jobs.workspace_id", "jobs.id"], ondelete="SET NULL (job_id)"
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
        Index(None, "workspace_id", "publication_id"),
        Index(None, "workspace_id", "account_id"),
        Index(None, "workspace_id", "job_id"),
        Index(None, "workspace_id", "state", "created_at", "id"),
        Index(None, "workspace_id", "created_at", "id"),
        CheckConstraint("total_budget >= 0", name="total_budget"),
        CheckConstraint("daily_budget >= 0 and daily_budget <= total_budget", name="daily_budget"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("ends_at > starts_at", name="time"),
        CheckConstraint("platform ~ '^[a-z][a-z0-9_]*$'", name="platform"),
        CheckConstraint("state not in ('FAILED', 'NEEDS_HUMAN') or error is not null", name="says_why"),
        CheckConstraint(
            "state not in ('ACTIVATING', 'ACTIVE') or (ad_id is not null and activated_by is not null)",
            name="activated",
        ),
    )


class AdCommitment(Owned, Base):
    """What a campaign may cost at worst while it may run. Rows end, and never go."""

    __tablename__ = "ad_commitments"

    campaign_id: Mapped[UUID]
    currency: Mapped[str] = mapped_column(CHAR(3))
    per_day: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger)
    first_day: Mapped[date]
    """In the account's time zone."""
    last_day: Mapped[date | None]
    """Null: until its total is spent."""
    ended_at: Mapped[datetime | None]
    """When the platform had said that it runs no more; null while it may spend."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "campaign_id"], ["campaigns.workspace_id", "campaigns.id"], ondelete="RESTRICT"
        ),
        Index(None, "workspace_id", "campaign_id"),
        Index(None, "workspace_id", "currency", "last_day"),
        CheckConstraint("per_day >= 0 and per_day <= total", name="money"),
        CheckConstraint("last_day >= first_day", name="days"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
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
    """Purchases."""
    value: Mapped[int | None] = mapped_column(BigInteger)
    """What the purchases were worth, minor units; null where nobody says."""
    reach: Mapped[int | None] = mapped_column(BigInteger)
    thruplays: Mapped[int | None] = mapped_column(BigInteger)
    """Watched to the end, or for fifteen seconds."""
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


class AdAudience(Owned, WorkedOn):
    """People whom ads are to be shown to, or kept from. The row is the intent, and stands before all else."""

    __tablename__ = "ad_audiences"

    account_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(200))
    """As the platform has it: campaigns name it so."""
    crowd: Mapped[Crowd] = mapped_column(Enum(Crowd, name="crowd"))
    state: Mapped[AudienceState] = mapped_column(Enum(AudienceState, name="audience_state"))
    wanted: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Who is to be in it: `gathered.Wanted`."""
    planned_by: Mapped[str] = mapped_column(String(120))
    begun_at: Mapped[datetime]
    """When what is under way was begun."""
    making: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """It is, or was, about to be made at the platform: whoever finds this asks before making it."""
    doubted: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Whether a request for it was lost: another may come late, and is removed."""
    external_id: Mapped[str | None] = mapped_column(String(300))
    given: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Customers that were put on the list."""
    unread: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Those of them that the platform can't read."""
    seen: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What the platform said of it last: fitness, its words, how many."""
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What went wrong, and what to do: code, detail, todo."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "account_id"], ["ad_accounts.workspace_id", "ad_accounts.id"], ondelete="RESTRICT"
        ),
        ForeignKeyConstraint(
            ["workspace_id", "job_id"], ["jobs.workspace_id", "jobs.id"], ondelete="SET NULL (job_id)"
        ),
        Index(None, "workspace_id", "account_id"),
        Index(None, "workspace_id", "job_id"),
        Index(None, "workspace_id", "created_at", "id"),
        Index(
            "uq_ad_audiences_name",
            "workspace_id",
            "account_id",
            "name",
            unique=True,
            postgresql_where=text("state NOT IN ('REMOVED', 'FAILED')"),
        ),
        CheckConstraint("given >= 0 and unread >= 0", name="counts"),
        CheckConstraint("state not in ('FAILED', 'NEEDS_HUMAN') or error is not null", name="says_why"),
        CheckConstraint("state <> 'MADE' or external_id is not null", name="made"),
    )


class AdAudienceBatch(Owned, Base):
    """Customers on their way to the platform: hashes, sealed. Goes when the platform has them, or nobody sends them."""

    __tablename__ = "ad_audience_batches"

    updated_at = None  # type: ignore[assignment]  # there is no such moment
    audience_id: Mapped[UUID]
    size: Mapped[int]
    people: Mapped[bytes] = mapped_column(Sealed())
    expires_at: Mapped[datetime] = mapped_column(server_default=text("(clock_timestamp() + interval '7 days')"))
    """When they are forgotten, sent or not."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "audience_id"], ["ad_audiences.workspace_id", "ad_audiences.id"], ondelete="CASCADE"
        ),
        Index(None, "workspace_id", "audience_id", "id"),
        CheckConstraint("size > 0", name="size"),
    )
