"""What leads back to uploads that publications have let go of, until they are known to be gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    op.add_column("publications", sa.Column("left_uploads", sa.LargeBinary(), nullable=True))
