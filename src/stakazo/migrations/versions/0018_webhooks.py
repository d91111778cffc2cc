"""Endpoints of outgoing webhooks, and what each of them is sent."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from stakazo.migrations.security import protect, show_machinery

revision = "0018"
down_revision = "0017"


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


def upgrade() -> None:
    endpoints()
    deliveries()


def endpoints() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "webhook_endpoints",
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.String(length=200), server_default="", nullable=False),
        sa.Column("events", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("old_secret", sa.LargeBinary(), nullable=True),
        sa.Column("old_secret_until", moment, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failing_since", moment, nullable=True),
        sa.Column("rests_until", moment, nullable=True),
        sa.Column("disabled_at", moment, nullable=True),
        sa.Column("disabled_why", sa.Text(), nullable=True),
        *_owned(),
        sa.CheckConstraint("position >= 0", name=op.f("ck_webhook_endpoints_position")),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_webhook_endpoints_failures")),
        sa.CheckConstraint(
            "(old_secret is null) = (old_secret_until is null)", name=op.f("ck_webhook_endpoints_old_secret")
        ),
        sa.CheckConstraint(
            "disabled_why is null or disabled_at is not null", name=op.f("ck_webhook_endpoints_disabled")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_webhook_endpoints_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_webhook_endpoints_workspace_id_id")),
    )
    op.create_index(
        op.f("ix_webhook_endpoints_workspace_id_created_at_id"),
        "webhook_endpoints",
        ["workspace_id", "created_at", "id"],
        unique=False,
    )
    protect("webhook_endpoints")
    show_machinery("webhook_endpoints", "id", "workspace_id", "position", "rests_until", "disabled_at")


def deliveries() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "webhook_deliveries",
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=130), nullable=False),
        sa.Column(
            "state",
            sa.Enum("WAITING", "DELIVERED", "DEAD", name="delivery_state"),
            server_default="WAITING",
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("tried_at", moment, nullable=True),
        sa.Column("delivered_at", moment, nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        *_owned(),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_webhook_deliveries_attempts")),
        sa.CheckConstraint(
            "(delivered_at is not null) = (state = 'DELIVERED')", name=op.f("ck_webhook_deliveries_delivered")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "endpoint_id"],
            ["webhook_endpoints.workspace_id", "webhook_endpoints.id"],
            name=op.f("fk_webhook_deliveries_workspace_id_endpoint_id_webhook_endpoints"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "event_id"],
            ["ledger_events.workspace_id", "ledger_events.id"],
            name=op.f("fk_webhook_deliveries_workspace_id_event_id_ledger_events"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_webhook_deliveries_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_webhook_deliveries_workspace_id_id")),
        sa.UniqueConstraint(
            "workspace_id",
            "endpoint_id",
            "event_id",
            name=op.f("uq_webhook_deliveries_workspace_id_endpoint_id_event_id"),
        ),
    )
    op.create_index(
        op.f("ix_webhook_deliveries_workspace_id_event_id"),
        "webhook_deliveries",
        ["workspace_id", "event_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_webhook_deliveries_workspace_id_endpoint_id_created_at_id"),
        "webhook_deliveries",
        ["workspace_id", "endpoint_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_webhook_deliveries_waiting",
        "webhook_deliveries",
        ["workspace_id", "endpoint_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'WAITING'"),
    )
    protect("webhook_deliveries")
    show_machinery("webhook_deliveries", "workspace_id", "endpoint_id", "state", "due_at")
