"""Rules by which campaigns are paused and scaled, and what one has decided last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    rules = postgresql.JSONB(astext_type=sa.Text())
    op.add_column("ad_policies", sa.Column("rules", rules, server_default=sa.text("'[]'"), nullable=False))
    decision = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    op.add_column("campaigns", sa.Column("decision", decision, nullable=True))
