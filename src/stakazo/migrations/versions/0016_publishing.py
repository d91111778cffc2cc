"""Channels, rights, and publications as they are made: nothing has written any before this."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.migrations.security import protect

revision = "0016"
down_revision = "0015"

STATES = (
    "DRAFT",
    "AWAITING_APPROVAL",
    "SCHEDULED",
    "PREFLIGHT",
    "BEGUN",
    "PROCESSING",
    "READY",
    "PUBLISHING",
    "PUBLISHED",
    "FAILED",
    "NEEDS_HUMAN",
    "CANCELLED",
    "REMOVING",
    "REMOVED",
)


def upgrade() -> None:
    op.drop_table("publications")
    op.execute("drop type publication_state")
    op.execute(f"create type publication_state as enum ({', '.join(map(repr, STATES))})")
    channels()
    publishing_policies()
    video_rights()
    publications()


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


def channels() -> None:
    op.create_table(
        "channels",
        sa.Column("platform", sa.Enum("instagram", "facebook", "tiktok", "youtube", name="platform"), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("live", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refresh_token", sa.LargeBinary(), nullable=True),
        sa.Column("scopes", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("disconnected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("time_zone", sa.String(length=60), server_default="UTC", nullable=False),
        sa.Column("slots", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("gap_minutes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("per_day", sa.Integer(), nullable=True),
        sa.Column("territory", sa.CHAR(length=2), nullable=True),
        *_owned(),
        sa.CheckConstraint("(token is null) = (disconnected_at is not null)", name=op.f("ck_channels_token")),
        sa.CheckConstraint("gap_minutes >= 0", name=op.f("ck_channels_gap_minutes")),
        sa.CheckConstraint("not (sandbox and live)", name=op.f("ck_channels_live")),
        sa.CheckConstraint("per_day > 0", name=op.f("ck_channels_per_day")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_channels_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channels")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_channels_workspace_id_id")),
    )
    op.create_index(
        op.f("ix_channels_workspace_id_created_at_id"), "channels", ["workspace_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "uq_channels_account",
        "channels",
        ["workspace_id", "platform", "external_id"],
        unique=True,
        postgresql_where=sa.text("disconnected_at is null"),
    )
    protect("channels")


def publishing_policies() -> None:
    op.create_table(
        "publishing_policies",
        sa.Column("approval", sa.Enum("none", "anyone", "another", name="publishing_approval"), nullable=False),
        *_owned(),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_publishing_policies_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publishing_policies")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_publishing_policies_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", name=op.f("uq_publishing_policies_workspace_id")),
    )
    protect("publishing_policies")


def video_rights() -> None:
    op.create_table(
        "video_rights",
        sa.Column("video_id", sa.Uuid(), nullable=False),
        sa.Column("isrc", sa.String(length=12), server_default="", nullable=False),
        sa.Column("artist", sa.String(length=300), server_default="", nullable=False),
        sa.Column("embargo_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("territories", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column(
            "content_id", sa.Enum("none", "track", "monetize", "block", name="content_id_policy"), nullable=False
        ),
        *_owned(),
        sa.CheckConstraint("isrc ~ '^([A-Z]{2}[A-Z0-9]{3}[0-9]{7})?$'", name=op.f("ck_video_rights_isrc")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "video_id"],
            ["video_assets.workspace_id", "video_assets.id"],
            name=op.f("fk_video_rights_workspace_id_video_id_video_assets"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_video_rights_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_rights")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_video_rights_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "video_id", name=op.f("uq_video_rights_workspace_id_video_id")),
    )
    protect("video_rights")


def publications() -> None:
    op.create_table(
        "publications",
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=True),
        sa.Column("platform", postgresql.ENUM(name="platform", create_type=False), nullable=False),
        sa.Column("kind", sa.Enum("reel", "feed", "story", "video", "inbox", name="post_kind"), nullable=False),
        sa.Column(
            "state",
            postgresql.ENUM(name="publication_state", create_type=False),
            nullable=False,
        ),
        sa.Column("intent_key", sa.String(length=300), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caption", sa.Text(), server_default="", nullable=False),
        sa.Column("first_comment", sa.Text(), server_default="", nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("author", sa.String(length=120), nullable=False),
        sa.Column("approved_by", sa.String(length=120), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by_hand", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("begins", sa.Integer(), server_default="0", nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handle_id", sa.String(length=300), nullable=True),
        sa.Column("handle", sa.LargeBinary(), nullable=True),
        sa.Column("acted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("external_id", sa.String(length=300), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("commented_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        *_owned(),
        sa.CheckConstraint(
            "(published_at is not null) = (state in ('PUBLISHED', 'REMOVING', 'REMOVED'))",
            name=op.f("ck_publications_published"),
        ),
        sa.CheckConstraint("(removed_at is not null) = (state = 'REMOVED')", name=op.f("ck_publications_removed")),
        sa.CheckConstraint(
            "state <> 'PUBLISHING' or (acted_at is not null and handle is not null)", name=op.f("ck_publications_acted")
        ),
        sa.CheckConstraint(
            "state not in ('FAILED', 'NEEDS_HUMAN') or error is not null", name=op.f("ck_publications_says_why")
        ),
        sa.CheckConstraint("(handle is null) = (handle_id is null)", name=op.f("ck_publications_handle")),
        sa.CheckConstraint("channel_id is not null or by_hand", name=op.f("ck_publications_channel")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "channel_id"],
            ["channels.workspace_id", "channels.id"],
            name=op.f("fk_publications_workspace_id_channel_id_channels"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "job_id"],
            ["jobs.workspace_id", "jobs.id"],
            name=op.f("fk_publications_workspace_id_job_id_jobs"),
            ondelete="SET NULL (job_id)",
        ),
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
        op.f("ix_publications_workspace_id_channel_id_due_at"),
        "publications",
        ["workspace_id", "channel_id", "due_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_publications_workspace_id_created_at_id"),
        "publications",
        ["workspace_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_publications_workspace_id_due_at_id"), "publications", ["workspace_id", "due_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_publications_workspace_id_job_id"), "publications", ["workspace_id", "job_id"], unique=False
    )
    op.create_index(
        op.f("ix_publications_workspace_id_state_due_at_id"),
        "publications",
        ["workspace_id", "state", "due_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_publications_workspace_id_variant_id"), "publications", ["workspace_id", "variant_id"], unique=False
    )
    op.create_index(
        "uq_publications_external_id",
        "publications",
        ["workspace_id", "platform", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id is not null"),
    )
    op.create_index(
        "uq_publications_intent",
        "publications",
        ["workspace_id", "intent_key"],
        unique=True,
        postgresql_where=sa.text("state not in ('FAILED', 'CANCELLED', 'REMOVED')"),
    )
    protect("publications")
