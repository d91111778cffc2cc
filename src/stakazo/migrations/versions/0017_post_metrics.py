"""What the platforms say of posts, moment by moment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.migrations.security import protect, seal

revision = "0017"
down_revision = "0016"

COUNTS = ("views", "reach", "likes", "comments", "shares", "saves", "follows")


def upgrade() -> None:
    workspace = sa.text("(nullif(current_setting('stakazo.workspace', true), '')::uuid)")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "post_metrics",
        sa.Column("publication_id", sa.Uuid(), nullable=False),
        sa.Column("sampled_at", moment, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in COUNTS),
        *(sa.Column(name, sa.Float(), nullable=True) for name in ("average_watch", "total_watch", "hold_rate")),
        sa.Column("retention", sa.ARRAY(sa.Float()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("restated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("told", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("raw", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), server_default=workspace, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint(
            "least(views, reach, likes, comments, shares, saves, follows, average_watch, total_watch) >= 0",
            name=op.f("ck_post_metrics_counts"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "publication_id"],
            ["publications.workspace_id", "publications.id"],
            name=op.f("fk_post_metrics_workspace_id_publication_id_publications"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_post_metrics_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post_metrics")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_post_metrics_workspace_id_id")),
    )
    op.create_index(
        op.f("ix_post_metrics_workspace_id_publication_id_sampled_at_id"),
        "post_metrics",
        ["workspace_id", "publication_id", "sampled_at", "id"],
        unique=False,
    )
    protect("post_metrics", "select, insert")
    seal("post_metrics")
