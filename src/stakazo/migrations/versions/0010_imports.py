"""Videos that are fetched from an address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stakazo.migrations.security import protect

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "video_imports",
        sa.Column("address", sa.String(length=500), nullable=False),
        sa.Column("url", sa.LargeBinary(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=True),
        sa.Column("dedup_key", sa.String(length=200), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("video_id", sa.Uuid(), nullable=True),
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
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_video_imports_workspace_id_workspaces")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "job_id"],
            ["jobs.workspace_id", "jobs.id"],
            name=op.f("fk_video_imports_workspace_id_job_id_jobs"),
            ondelete="SET NULL (job_id)",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "video_id"],
            ["video_assets.workspace_id", "video_assets.id"],
            name=op.f("fk_video_imports_workspace_id_video_id_video_assets"),
            ondelete="SET NULL (video_id)",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_imports")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_video_imports_workspace_id_id")),
    )
    for columns in (["job_id"], ["video_id"], ["created_at", "id"]):
        name = op.f(f"ix_video_imports_workspace_id_{'_'.join(columns)}")
        op.create_index(name, "video_imports", ["workspace_id", *columns], unique=False)
    protect("video_imports")
