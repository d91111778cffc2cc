"""Whether our words below a post are there: the first comment's id, how often they were looked for in vain, why not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.add_column("publications", sa.Column("comment_id", sa.String(300), nullable=True))
    op.add_column("publications", sa.Column("comment_looks", sa.Integer(), server_default="0", nullable=False))
    op.add_column("publications", sa.Column("comment_error", postgresql.JSONB(), nullable=True))
    op.add_column("inbox_items", sa.Column("reply_looks", sa.Integer(), server_default="0", nullable=False))
