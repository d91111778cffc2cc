"""Who wants a campaign to rest: no rule touches it then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("held_by", sa.String(120), nullable=True))
