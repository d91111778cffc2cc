"""What a platform lets an account post, and when it said so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    op.add_column("channels", sa.Column("allowance", postgresql.JSONB(), nullable=True))
    op.add_column("channels", sa.Column("allowance_at", sa.DateTime(timezone=True), nullable=True))
