"""What lets a campaign spend and was never answered by its platform: its room is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("unanswered", JSONB, nullable=False, server_default=sa.text("'[]'")))
