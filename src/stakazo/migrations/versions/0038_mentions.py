"""Where a mention can be seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    op.add_column("inbox_items", sa.Column("permalink", sa.Text, nullable=True))
