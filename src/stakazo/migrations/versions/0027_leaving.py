"""A platform is told to stop telling when its channel is disconnected: until it has been, by what, and since when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.add_column("channels", sa.Column("leaving_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("channels", sa.Column("leaving_token", sa.LargeBinary(), nullable=True))
    op.create_check_constraint(op.f("ck_channels_leaving"), "channels", "leaving_since is null or token is null")
    op.create_check_constraint(
        op.f("ck_channels_leaving_token"), "channels", "leaving_token is null or leaving_since is not null"
    )
