"""Smart links, who followed them, and what came of it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.migrations.security import expire, protect, seal, show_machinery

revision = "0020"
down_revision = "0019"

MOMENT = sa.DateTime(timezone=True)


def _owned(table: str, *, changes: bool) -> tuple[sa.schema.SchemaItem, ...]:
    """The columns and keys of every row that belongs to a workspace."""
    workspace = sa.text("(nullif(current_setting('stakazo.workspace', true), '')::uuid)")
    moments = ("created_at", "updated_at") if changes else ("created_at",)
    clock: Any = sa.text("clock_timestamp()")
    return (
        sa.Column("workspace_id", sa.Uuid(), server_default=workspace, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.Column(name, MOMENT, server_default=clock, nullable=False) for name in moments),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f(f"fk_{table}_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f(f"uq_{table}_workspace_id_id")),
    )


def upgrade() -> None:
    links()
    clicks()
    conversions()
    salts()


def links() -> None:
    op.create_table(
        "smart_links",
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=200), server_default="", nullable=False),
        sa.Column("clip_id", sa.Uuid(), nullable=True),
        sa.Column("targets", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("utm", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("conversions", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        *_owned("smart_links", changes=True),
        sa.CheckConstraint("jsonb_array_length(targets) > 0", name=op.f("ck_smart_links_targets")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "clip_id"],
            ["clips.workspace_id", "clips.id"],
            name=op.f("fk_smart_links_workspace_id_clip_id_clips"),
            ondelete="SET NULL (clip_id)",
        ),
    )
    op.create_index("uq_smart_links_slug", "smart_links", ["slug"], unique=True)
    for columns in (["workspace_id", "clip_id"], ["workspace_id", "created_at", "id"]):
        op.create_index(op.f(f"ix_smart_links_{'_'.join(columns)}"), "smart_links", columns, unique=False)
    protect("smart_links")
    show_machinery("smart_links", "id", "workspace_id", "slug")


def clicks() -> None:
    op.create_table(
        "link_clicks",
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("target", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("device", sa.String(length=20), nullable=False),
        sa.Column("bot", sa.Boolean(), nullable=False),
        sa.Column("visitor", sa.LargeBinary(), nullable=False),
        *_owned("link_clicks", changes=False),
        sa.CheckConstraint("length(visitor) = 16", name=op.f("ck_link_clicks_visitor")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "link_id"],
            ["smart_links.workspace_id", "smart_links.id"],
            name=op.f("fk_link_clicks_workspace_id_link_id_smart_links"),
        ),
    )
    op.create_index(
        op.f("ix_link_clicks_workspace_id_link_id_created_at"),
        "link_clicks",
        ["workspace_id", "link_id", "created_at"],
        unique=False,
    )
    protect("link_clicks", "select, insert")
    seal("link_clicks")


def conversions() -> None:
    op.create_table(
        "link_conversions",
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("click_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Integer(), nullable=True),
        sa.Column("currency", sa.CHAR(length=3), nullable=True),
        *_owned("link_conversions", changes=False),
        sa.CheckConstraint("(value is null) = (currency is null)", name=op.f("ck_link_conversions_money")),
        sa.CheckConstraint("value >= 0", name=op.f("ck_link_conversions_value")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "link_id"],
            ["smart_links.workspace_id", "smart_links.id"],
            name=op.f("fk_link_conversions_workspace_id_link_id_smart_links"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "click_id"],
            ["link_clicks.workspace_id", "link_clicks.id"],
            name=op.f("fk_link_conversions_workspace_id_click_id_link_clicks"),
        ),
        sa.UniqueConstraint(
            "workspace_id", "click_id", "kind", name=op.f("uq_link_conversions_workspace_id_click_id_kind")
        ),
    )
    op.create_index(
        op.f("ix_link_conversions_workspace_id_link_id_created_at"),
        "link_conversions",
        ["workspace_id", "link_id", "created_at"],
        unique=False,
    )
    protect("link_conversions", "select, insert")
    seal("link_conversions")


def salts() -> None:
    op.create_table(
        "link_salts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        *_owned("link_salts", changes=False),
        sa.UniqueConstraint("workspace_id", "day", name=op.f("uq_link_salts_workspace_id_day")),
    )
    protect("link_salts", "select, insert")
    expire("link_salts")
