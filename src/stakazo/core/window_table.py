"""The table of `windows`: who asked when, where several API processes count together."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from stakazo.core.db import Base, Database

WINDOWS = sa.Table(
    "request_windows",
    Base.metadata,
    sa.Column("key", sa.Text(), primary_key=True),
    sa.Column("hits", ARRAY(sa.Double()), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, index=True),
    prefixes=["UNLOGGED"],
)
"""Who asked when: times of the database's clock in seconds, oldest first. A crash may empty it."""


async def sweep(db: Database) -> None:
    """Forget windows that are over."""
    async with db.system_transaction() as session:
        await session.execute(sa.text("delete from request_windows where expires_at < clock_timestamp()"))
