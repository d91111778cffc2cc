"""What a person has changed of a campaign that is at the platform already, until that says so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.add_column(
        "campaigns", sa.Column("changing", sa.ARRAY(sa.Text()), nullable=False, server_default=sa.text("'{}'"))
    )
