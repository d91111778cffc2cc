"""When requests came, counted for several API processes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.core.postgres import SYSTEM
from stakazo.migrations.security import EVERYTHING, grant

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "request_windows",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("hits", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_request_windows")),
        prefixes=["UNLOGGED"],
    )
    op.create_index(op.f("ix_request_windows_expires_at"), "request_windows", ["expires_at"])
    grant(EVERYTHING, "request_windows", SYSTEM)
