"""Ad accounts, what may be spent, and campaigns as they are launched: nothing has written any before this."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.migrations.security import protect

revision = "0021"
down_revision = "0020"

STATES = (
    "LAUNCHING",
    "PAUSED",
    "ACTIVATING",
    "ACTIVE",
    "PAUSING",
    "COMPLETED",
    "ARCHIVING",
    "ARCHIVED",
    "FAILED",
    "NEEDS_HUMAN",
)
PARTS = ("CAMPAIGN", "AD_SET", "CREATIVE", "AD")


def upgrade() -> None:
    ad_accounts()
    ad_policies()
    campaigns()
    ad_commitments()


def _owned() -> tuple[sa.Column[Any], ...]:
    """The columns of every row that belongs to a workspace."""
    workspace = sa.text("(nullif(current_setting('stakazo.workspace', true), '')::uuid)")
    moment = sa.DateTime(timezone=True)
    return (
        sa.Column("workspace_id", sa.Uuid(), server_default=workspace, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("clock_timestamp()"), nullable=False),
    )


def _keys(table: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f(f"fk_{table}_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f(f"uq_{table}_workspace_id_id")),
    )


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def ad_accounts() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "ad_accounts",
        sa.Column("platform", sa.String(length=40), server_default="meta", nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("live", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.Column("token_expires_at", moment, nullable=True),
        sa.Column("scopes", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("time_zone", sa.String(length=60), nullable=False),
        sa.Column("page_id", sa.String(length=200), nullable=False),
        sa.Column("instagram_id", sa.String(length=200), nullable=True),
        sa.Column("pixel_id", sa.String(length=200), nullable=True),
        sa.Column("error", _json(), nullable=True),
        sa.Column("disconnected_at", moment, nullable=True),
        sa.Column("watch_job_id", sa.Uuid(), nullable=True),
        sa.Column("watched_at", moment, nullable=True),
        *_owned(),
        sa.CheckConstraint("(token is null) = (disconnected_at is not null)", name=op.f("ck_ad_accounts_token")),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_ad_accounts_currency")),
        sa.CheckConstraint("not (sandbox and live)", name=op.f("ck_ad_accounts_live")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "watch_job_id"],
            ["jobs.workspace_id", "jobs.id"],
            name=op.f("fk_ad_accounts_workspace_id_watch_job_id_jobs"),
            ondelete="SET NULL (watch_job_id)",
        ),
        *_keys("ad_accounts"),
    )
    op.create_index(
        op.f("ix_ad_accounts_workspace_id_created_at_id"), "ad_accounts", ["workspace_id", "created_at", "id"]
    )
    op.create_index(op.f("ix_ad_accounts_workspace_id_watch_job_id"), "ad_accounts", ["workspace_id", "watch_job_id"])
    op.create_index(
        "uq_ad_accounts_account",
        "ad_accounts",
        ["workspace_id", "platform", "external_id"],
        unique=True,
        postgresql_where=sa.text("disconnected_at is null"),
    )
    protect("ad_accounts")


def ad_policies() -> None:
    op.create_table(
        "ad_policies",
        sa.Column("limits", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_by", sa.String(length=120), nullable=True),
        *_owned(),
        *_keys("ad_policies"),
        sa.UniqueConstraint("workspace_id", name=op.f("uq_ad_policies_workspace_id")),
    )
    protect("ad_policies")


def campaigns() -> None:
    moment = sa.DateTime(timezone=True)
    op.execute("alter table campaigns alter column state drop default")
    op.execute("alter type campaign_state rename to campaign_state_before")
    op.execute(f"create type campaign_state as enum ({', '.join(map(repr, STATES))})")
    op.execute("alter table campaigns alter column state type campaign_state using state::text::campaign_state")
    op.execute("drop type campaign_state_before")
    op.execute(f"create type campaign_part as enum ({', '.join(map(repr, PARTS))})")
    part = postgresql.ENUM(*PARTS, name="campaign_part", create_type=False)
    for column in (
        sa.Column("publication_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("plan", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("planned_by", sa.String(length=120), nullable=False),
        sa.Column("activated_by", sa.String(length=120), nullable=True),
        sa.Column("activated_at", moment, nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("begun_at", moment, nullable=True),
        sa.Column("making", part, nullable=True),
        sa.Column("video_id", sa.String(length=300), nullable=True),
        sa.Column("ad_set_id", sa.String(length=300), nullable=True),
        sa.Column("creative_id", sa.String(length=300), nullable=True),
        sa.Column("ad_id", sa.String(length=300), nullable=True),
        sa.Column("review", _json(), nullable=True),
    ):
        op.add_column("campaigns", column)
    for name, table, after in (
        ("publication_id", "publications", "RESTRICT"),
        ("account_id", "ad_accounts", "RESTRICT"),
        ("job_id", "jobs", "SET NULL (job_id)"),
    ):
        op.create_foreign_key(
            op.f(f"fk_campaigns_workspace_id_{name}_{table}"),
            "campaigns",
            table,
            ["workspace_id", name],
            ["workspace_id", "id"],
            ondelete=after,
        )
        op.create_index(op.f(f"ix_campaigns_workspace_id_{name}"), "campaigns", ["workspace_id", name])
    op.create_check_constraint(
        op.f("ck_campaigns_says_why"), "campaigns", "state not in ('FAILED', 'NEEDS_HUMAN') or error is not null"
    )
    op.create_check_constraint(
        op.f("ck_campaigns_activated"),
        "campaigns",
        "state not in ('ACTIVATING', 'ACTIVE') or (ad_id is not null and activated_by is not null)",
    )


def ad_commitments() -> None:
    op.create_table(
        "ad_commitments",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("per_day", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        *_owned(),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_ad_commitments_currency")),
        sa.CheckConstraint("last_day >= first_day", name=op.f("ck_ad_commitments_days")),
        sa.CheckConstraint("per_day >= 0 and per_day <= total", name=op.f("ck_ad_commitments_money")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "campaign_id"],
            ["campaigns.workspace_id", "campaigns.id"],
            name=op.f("fk_ad_commitments_workspace_id_campaign_id_campaigns"),
            ondelete="RESTRICT",
        ),
        *_keys("ad_commitments"),
    )
    op.create_index(
        op.f("ix_ad_commitments_workspace_id_campaign_id"), "ad_commitments", ["workspace_id", "campaign_id"]
    )
    op.create_index(
        op.f("ix_ad_commitments_workspace_id_currency_last_day"),
        "ad_commitments",
        ["workspace_id", "currency", "last_day"],
    )
    protect("ad_commitments", "select, insert, update")
