"""Channels say whether their platform tells what happens, posts keep all their ids, deliveries lie until read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.core.postgres import SYSTEM
from stakazo.migrations.security import protect

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    trouble = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    op.add_column("channels", sa.Column("subscribed_at", moment, nullable=True))
    op.add_column("channels", sa.Column("subscription_error", trouble, nullable=True))
    op.add_column("channels", sa.Column("subscribe_at", moment, nullable=True))
    op.create_index(
        op.f("ix_channels_subscribe_at"),
        "channels",
        ["subscribe_at"],
        unique=False,
        postgresql_where=sa.text("subscribe_at is not null"),
    )
    # What is due is all that the machinery sees of it; whose it is it may see already.
    op.execute(f"grant select (subscribe_at) on channels to {SYSTEM}")
    # Row-level security is forced on the owner too, so each workspace's are reached by switching it off for a moment.
    op.execute("alter table channels no force row level security")
    op.execute(
        "update channels set subscribe_at = clock_timestamp() where disconnected_at is null and platform <> 'tiktok'"
    )
    op.execute("alter table channels force row level security")
    ids: sa.Column[list[str]] = sa.Column(
        "aliases", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
    )
    op.add_column("publications", ids)
    op.create_index(op.f("ix_publications_aliases"), "publications", ["aliases"], unique=False, postgresql_using="gin")
    deliveries()


def deliveries() -> None:
    workspace = sa.text("(nullif(current_setting('stakazo.workspace', true), '')::uuid)")
    moment, at = sa.DateTime(timezone=True), sa.text("clock_timestamp()")
    op.create_table(
        "platform_deliveries",
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), server_default=workspace, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=at, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_platform_deliveries_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_deliveries")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_platform_deliveries_workspace_id_id")),
    )
    protect("platform_deliveries")
