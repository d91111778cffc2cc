"""One audience of a name in an account; and customers who wait to be sent have an end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stakazo.migrations.security import expire

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    # The owner is nobody's workspace, so it would see no row to change.
    op.execute("alter table ad_audiences no force row level security")
    op.execute(
        "update ad_audiences later set name = left(name, 190) || ' ' || right(id::text, 8) "
        "where state not in ('REMOVED', 'FAILED') and exists (select from ad_audiences before "
        "where (before.workspace_id, before.account_id, before.name) = (later.workspace_id, later.account_id, "
        "later.name) and before.state not in ('REMOVED', 'FAILED') and before.id < later.id)"
    )
    op.execute("alter table ad_audiences force row level security")
    op.create_index(
        "uq_ad_audiences_name",
        "ad_audiences",
        ["workspace_id", "account_id", "name"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('REMOVED', 'FAILED')"),
    )
    week = sa.text("(clock_timestamp() + interval '7 days')")
    moment = sa.Column("expires_at", sa.DateTime(timezone=True), server_default=week, nullable=False)
    op.add_column("ad_audience_batches", moment)
    expire("ad_audience_batches")
