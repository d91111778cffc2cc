"""What purchases were worth that ads brought, how many people were reached, and who watched to the end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    for name in ("value", "reach", "thruplays"):
        op.add_column("ad_metrics", sa.Column(name, sa.BigInteger(), nullable=True))
