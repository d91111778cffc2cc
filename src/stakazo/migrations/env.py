"""How Alembic works here: as the owner, one process at a time, the whole way in one transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool, text

import stakazo.accounts.models
import stakazo.ads.models
import stakazo.clips.models
import stakazo.core.window_table
import stakazo.idempotency.models
import stakazo.insights.models
import stakazo.jobs.models
import stakazo.ledger.models
import stakazo.links.models
import stakazo.notifications.models
import stakazo.publishing.models
import stakazo.rules.models
import stakazo.variants.models
import stakazo.videos.models  # noqa: F401 (every table, so that Alembic knows them)
from stakazo.core.db import Base

LOCK = 0x5741_4B41
"""Of `pg_advisory_xact_lock`: whoever migrates this database."""


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Whether a table is ours: the engine's are not."""
    return not (kind == "table" and name is not None and name.startswith("procrastinate_"))


def run() -> None:
    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_name=include_name,
            compare_type=True,
        )
        context.run_migrations()


run()
