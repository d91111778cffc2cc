"""Room that videos hold while they come in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stakazo.migrations.security import expire, protect

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.create_table(
        "held_room",
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
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
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_held_room_size_bytes")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_held_room_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_room")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_held_room_workspace_id_id")),
    )
    op.create_index(op.f("ix_held_room_expires_at"), "held_room", ["expires_at"], unique=False)
    protect("held_room")
    expire("held_room")
