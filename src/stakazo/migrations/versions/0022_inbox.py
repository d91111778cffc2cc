"""What platforms tell by themselves, and the inbox of what was said to us."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.core.postgres import SYSTEM
from stakazo.migrations.security import protect

revision = "0022"
down_revision = "0021"


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
    # A webhook names an account of a platform: the machinery finds whose it is, and sees nothing else of channels.
    op.execute(f"create policy machinery_addressed on channels for select to {SYSTEM} using (disconnected_at is null)")
    op.execute(f"grant select (platform, external_id, sandbox, disconnected_at) on channels to {SYSTEM}")
    events()
    items()


def events() -> None:
    op.create_table(
        "platform_events",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("field", sa.String(length=100), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("came_to", sa.String(length=20), nullable=True),
        *_owned(),
        sa.CheckConstraint("(read_at is null) = (came_to is null)", name=op.f("ck_platform_events_read")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "channel_id"],
            ["channels.workspace_id", "channels.id"],
            name=op.f("fk_platform_events_workspace_id_channel_id_channels"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_platform_events_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_events")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_platform_events_workspace_id_id")),
        sa.UniqueConstraint(
            "workspace_id", "channel_id", "key", name=op.f("uq_platform_events_workspace_id_channel_id_key")
        ),
    )
    op.create_index(
        "ix_platform_events_unread",
        "platform_events",
        ["workspace_id", "id"],
        unique=False,
        postgresql_where=sa.text("read_at is null"),
    )
    protect("platform_events")


def items() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "inbox_items",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("publication_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Enum("comment", "mention", "message", name="inbox_kind"), nullable=False),
        sa.Column("state", sa.Enum("OPEN", "DONE", "REMOVED", name="inbox_state"), nullable=False),
        sa.Column("external_id", sa.String(length=300), nullable=False),
        sa.Column("post_id", sa.String(length=300), nullable=True),
        sa.Column("parent_id", sa.String(length=300), nullable=True),
        sa.Column("author", sa.String(length=300), nullable=False),
        sa.Column("author_id", sa.String(length=300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("said_at", moment, nullable=False),
        sa.Column("done_at", moment, nullable=True),
        sa.Column("done_by", sa.String(length=120), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("replied_by", sa.String(length=120), nullable=True),
        sa.Column("reply_tried_at", moment, nullable=True),
        sa.Column("reply_id", sa.String(length=300), nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        *_owned(),
        sa.CheckConstraint("(done_at is null) = (state <> 'DONE')", name=op.f("ck_inbox_items_done")),
        sa.CheckConstraint("reply_id is null or reply is not null", name=op.f("ck_inbox_items_replied")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "channel_id"],
            ["channels.workspace_id", "channels.id"],
            name=op.f("fk_inbox_items_workspace_id_channel_id_channels"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "publication_id"],
            ["publications.workspace_id", "publications.id"],
            name=op.f("fk_inbox_items_workspace_id_publication_id_publications"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_inbox_items_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_items")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_inbox_items_workspace_id_id")),
        sa.UniqueConstraint(
            "workspace_id",
            "channel_id",
            "kind",
            "external_id",
            name=op.f("uq_inbox_items_workspace_id_channel_id_kind_external_id"),
        ),
    )
    for columns in (["publication_id"], ["said_at", "id"], ["state", "said_at", "id"]):
        name = "_".join(["ix_inbox_items_workspace_id", *columns])
        op.create_index(op.f(name), "inbox_items", ["workspace_id", *columns], unique=False)
    protect("inbox_items")
