"""The courier: looks at what has happened, and has those told who want to know.

Every worker has one; each endpoint's row keeps two of them from doing the same. It holds nothing in memory: what there
is to do is found in the database each time, so whatever died is made good by the next look.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.notifications import deliveries, jobs

EVERY = 1.0
"""Seconds between two looks."""

log = structlog.get_logger(__name__)

_BEHIND = text("""
    select e.workspace_id, e.id,
        exists (select from ledger_seals s where s.workspace_id = e.workspace_id and s.position >= e.position) as news,
        (e.rests_until is null or e.rests_until <= clock_timestamp())
        and exists (select from webhook_deliveries d
            where d.workspace_id = e.workspace_id and d.endpoint_id = e.id
            and d.state = 'WAITING' and d.due_at <= clock_timestamp())
        and not exists (select from jobs j
            where j.workspace_id = e.workspace_id and j.type = 'deliver_webhook' and j.dedup_key = e.id::text
            and j.state in ('PENDING', 'PROCESSING', 'RETRY')) as due
    from webhook_endpoints e
    where e.disabled_at is null
    order by e.id
""")


@dataclass(frozen=True, slots=True)
class Told:
    """What one look has done."""

    written: int = 0
    """Deliveries."""
    started: int = 0
    """Jobs that bring them."""


async def look(db: Database) -> Told:
    """One look: write down what endpoints are to be told, and start the jobs that bring what is due."""
    async with db.system_transaction() as session:
        behind = (await session.execute(_BEHIND)).all()
    written = started = 0
    for row in behind:
        if not row.news and not row.due:
            continue
        try:
            made, begun = await _serve(db, row.workspace_id, row.id, due=row.due)
        except DBAPIError as error:  # another one is at it, or it has gone: the next look will see
            log.warning("webhook_not_looked_at", endpoint_id=str(row.id), error=str(error.orig))
            continue
        written, started = written + made, started + begun
    return Told(written, started)


async def _serve(db: Database, workspace_id: UUID, endpoint_id: UUID, *, due: bool) -> tuple[int, int]:
    async with db.transaction(Actor(workspace_id, "system", "webhooks")) as session:
        made = await deliveries.fan_out(session, endpoint_id)
        if not made and not due:
            return 0, 0
        await deliveries.forget(session, endpoint_id)
        await jobs.start(session, endpoint_id)
        return made, 1
