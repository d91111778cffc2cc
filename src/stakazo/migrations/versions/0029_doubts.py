"""What is in doubt about a post is asked again by itself: how often it was, and when it is next."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.add_column("publications", sa.Column("asks", sa.Integer(), server_default="0", nullable=False))
    op.add_column("publications", sa.Column("ask_at", sa.DateTime(timezone=True), nullable=True))
