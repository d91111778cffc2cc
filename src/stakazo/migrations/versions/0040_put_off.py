"""Since when a platform puts off what a job is to say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("put_off_at", sa.DateTime(timezone=True), nullable=True))
