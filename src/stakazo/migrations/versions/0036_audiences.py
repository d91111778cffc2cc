"""Audiences that are made from here, and customers on their way to them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.migrations.security import protect

revision = "0036"
down_revision = "0035"

CROWDS = ("PAGE", "INSTAGRAM", "VIDEO", "WEBSITE", "CUSTOMERS", "LOOKALIKE")
STATES = ("MAKING", "MADE", "REMOVING", "REMOVED", "FAILED", "NEEDS_HUMAN")
MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    audiences()
    batches()


def _owned(*more: sa.Column[Any]) -> tuple[sa.Column[Any], ...]:
    workspace = sa.text("(nullif(current_setting('stakazo.workspace', true), '')::uuid)")
    return (
        sa.Column("workspace_id", sa.Uuid(), server_default=workspace, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        *more,
    )


def _keys(table: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f(f"fk_{table}_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f(f"uq_{table}_workspace_id_id")),
    )


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def audiences() -> None:
    op.create_table(
        "ad_audiences",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("crowd", sa.Enum(*CROWDS, name="crowd"), nullable=False),
        sa.Column("state", sa.Enum(*STATES, name="audience_state"), nullable=False),
        sa.Column("wanted", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("planned_by", sa.String(length=120), nullable=False),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("making", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("doubted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("external_id", sa.String(length=300), nullable=True),
        sa.Column("given", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unread", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("seen", _json(), nullable=True),
        sa.Column("error", _json(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        *_owned(sa.Column("updated_at", MOMENT, server_default=NOW, nullable=False)),
        sa.CheckConstraint("given >= 0 and unread >= 0", name=op.f("ck_ad_audiences_counts")),
        sa.CheckConstraint(
            "state not in ('FAILED', 'NEEDS_HUMAN') or error is not null", name=op.f("ck_ad_audiences_says_why")
        ),
        sa.CheckConstraint("state <> 'MADE' or external_id is not null", name=op.f("ck_ad_audiences_made")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["ad_accounts.workspace_id", "ad_accounts.id"],
            name=op.f("fk_ad_audiences_workspace_id_account_id_ad_accounts"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "job_id"],
            ["jobs.workspace_id", "jobs.id"],
            name=op.f("fk_ad_audiences_workspace_id_job_id_jobs"),
            ondelete="SET NULL (job_id)",
        ),
        *_keys("ad_audiences"),
    )
    for columns in (["account_id"], ["job_id"], ["created_at", "id"]):
        name = op.f(f"ix_ad_audiences_workspace_id_{'_'.join(columns)}")
        op.create_index(name, "ad_audiences", ["workspace_id", *columns])
    protect("ad_audiences")


def batches() -> None:
    op.create_table(
        "ad_audience_batches",
        sa.Column("audience_id", sa.Uuid(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("people", sa.LargeBinary(), nullable=False),
        *_owned(),
        sa.CheckConstraint("size > 0", name=op.f("ck_ad_audience_batches_size")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "audience_id"],
            ["ad_audiences.workspace_id", "ad_audiences.id"],
            name=op.f("fk_ad_audience_batches_workspace_id_audience_id_ad_audiences"),
            ondelete="CASCADE",
        ),
        *_keys("ad_audience_batches"),
    )
    op.create_index(
        op.f("ix_ad_audience_batches_workspace_id_audience_id_id"),
        "ad_audience_batches",
        ["workspace_id", "audience_id", "id"],
    )
    protect("ad_audience_batches")
