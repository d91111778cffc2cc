"""What a variant shows of a clip that may have been moved since, and jobs that are being stopped make room."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("clip_variants", sa.Column("clip_start", sa.Double(), nullable=True))
    op.add_column("clip_variants", sa.Column("clip_end", sa.Double(), nullable=True))
    # The owner is nobody's workspace, so it would see no row to change.
    op.execute("alter table clip_variants no force row level security")
    op.execute(
        "update clip_variants set clip_start = (render->'clip'->>'start')::float8, "
        "clip_end = (render->'clip'->>'end')::float8, render = render - 'clip' where render ? 'clip'"
    )
    op.execute("alter table clip_variants force row level security")
    op.drop_index("uq_jobs_dedup", table_name="jobs")
    op.create_index(
        "uq_jobs_dedup",
        "jobs",
        ["workspace_id", "type", "dedup_key"],
        unique=True,
        postgresql_where=sa.text(
            "state IN ('PENDING', 'PROCESSING', 'RETRY') AND NOT cancel_requested AND dedup_key IS NOT NULL"
        ),
    )
