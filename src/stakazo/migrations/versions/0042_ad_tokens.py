"""When more time was asked for an ad account's token, and when its person was told that it ends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    for name in ("renewal_tried_at", "warned_at"):
        op.add_column("ad_accounts", sa.Column(name, sa.DateTime(timezone=True)))
