"""What a campaign was before a change that the platform hasn't said yet, and may refuse."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("before", JSONB(none_as_null=True)))
