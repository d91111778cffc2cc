"""What becomes of a variant: publications, campaigns, and what those bring."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.migrations.security import protect, seal

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    publications()
    campaigns()
    ad_metrics()


def publications() -> None:
    op.create_table(
        "publications",
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=200), server_default="", nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "PENDING", "PUBLISHING", "PUBLISHED", "FAILED", "CANCELLED", "NEEDS_HUMAN", name="publication_state"
            ),
            server_default="PENDING",
            nullable=False,
        ),
        sa.Column("caption", sa.Text(), server_default="", nullable=False),
        sa.Column("by_hand", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handle", sa.String(length=300), nullable=True),
        sa.Column("external_id", sa.String(length=300), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column(
            "workspace_id",
            sa.Uuid(),
            server_default=sa.text("(nullif(current_setting('stakazo.workspace', true), '')::uuid)"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "(state = 'PUBLISHED') = (published_at is not null)", name=op.f("ck_publications_published")
        ),
        sa.CheckConstraint("platform ~ '^[a-z][a-z0-9_]*$'", name=op.f("ck_publications_platform")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "variant_id"],
            ["clip_variants.workspace_id", "clip_variants.id"],
            name=op.f("fk_publications_workspace_id_variant_id_clip_variants"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_publications_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publications")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_publications_workspace_id_id")),
    )
    op.create_index(
        op.f("ix_publications_workspace_id_created_at_id"),
        "publications",
        ["workspace_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_publications_workspace_id_state_created_at_id"),
        "publications",
        ["workspace_id", "state", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "uq_publications_external_id",
        "publications",
        ["workspace_id", "platform", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id is not null"),
    )
    op.create_index(
        "uq_publications_once",
        "publications",
        ["workspace_id", "variant_id", "platform", "account"],
        unique=True,
        postgresql_where=sa.text("state not in ('FAILED', 'CANCELLED')"),
    )
    protect("publications")


def campaigns() -> None:
    op.create_table(
        "campaigns",
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("objective", sa.String(length=60), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "DRAFT", "LAUNCHING", "PAUSED", "ACTIVE", "COMPLETED", "FAILED", "NEEDS_HUMAN", name="campaign_state"
            ),
            server_default="DRAFT",
            nullable=False,
        ),
        sa.Column("daily_budget", sa.BigInteger(), nullable=True),
        sa.Column("total_budget", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("external_id", sa.String(length=300), nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column(
            "workspace_id",
            sa.Uuid(),
            server_default=sa.text("(nullif(current_setting('stakazo.workspace', true), '')::uuid)"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_campaigns_currency")),
        sa.CheckConstraint("platform ~ '^[a-z][a-z0-9_]*$'", name=op.f("ck_campaigns_platform")),
        sa.CheckConstraint(
            "daily_budget >= 0 and daily_budget <= total_budget", name=op.f("ck_campaigns_daily_budget")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_campaigns_time")),
        sa.CheckConstraint("total_budget >= 0", name=op.f("ck_campaigns_total_budget")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "variant_id"],
            ["clip_variants.workspace_id", "clip_variants.id"],
            name=op.f("fk_campaigns_workspace_id_variant_id_clip_variants"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_campaigns_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_campaigns_workspace_id_id")),
    )
    op.create_index(
        op.f("ix_campaigns_workspace_id_created_at_id"), "campaigns", ["workspace_id", "created_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_campaigns_workspace_id_state_created_at_id"),
        "campaigns",
        ["workspace_id", "state", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_campaigns_workspace_id_variant_id"), "campaigns", ["workspace_id", "variant_id"], unique=False
    )
    op.create_index(
        "uq_campaigns_external_id",
        "campaigns",
        ["workspace_id", "platform", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id is not null"),
    )
    protect("campaigns")


def ad_metrics() -> None:
    op.create_table(
        "ad_metrics",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sampled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("impressions", sa.BigInteger(), nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False),
        sa.Column("views", sa.BigInteger(), nullable=False),
        sa.Column("conversions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("spend", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("raw", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "workspace_id",
            sa.Uuid(),
            server_default=sa.text("(nullif(current_setting('stakazo.workspace', true), '')::uuid)"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_ad_metrics_currency")),
        sa.CheckConstraint(
            "impressions >= 0 and clicks >= 0 and views >= 0 and conversions >= 0 and spend >= 0",
            name=op.f("ck_ad_metrics_counts"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "campaign_id"],
            ["campaigns.workspace_id", "campaigns.id"],
            name=op.f("fk_ad_metrics_workspace_id_campaign_id_campaigns"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_ad_metrics_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ad_metrics")),
        sa.UniqueConstraint(
            "workspace_id",
            "campaign_id",
            "day",
            "sampled_at",
            name=op.f("uq_ad_metrics_workspace_id_campaign_id_day_sampled_at"),
        ),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_ad_metrics_workspace_id_id")),
    )
    protect("ad_metrics", "select, insert")
    seal("ad_metrics")
