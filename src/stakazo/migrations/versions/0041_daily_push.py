"""Browsers that are told once a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    op.add_column(
        "notification_settings", sa.Column("push_daily", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.drop_constraint(op.f("ck_notification_settings_next_at"), "notification_settings", type_="check")
    op.create_check_constraint(
        op.f("ck_notification_settings_next_at"),
        "notification_settings",
        "(email or push_daily) = (next_at is not null)",
    )
