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
from stakazo.notifications import deliveries, hearing, jobs, noticing

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


_UNREAD = text("""
    select s.workspace_id from (select workspace_id, max(position) as last from ledger_seals group by 1) s
    join workspaces w on w.id = s.workspace_id and w.deleted_at is null
    left join lookouts i on i.workspace_id = s.workspace_id
    where s.last >= coalesce(i.position, 0)
    order by 1
""")
_LETTERS = text("""
    select workspace_id, user_id from notification_settings where next_at <= clock_timestamp() order by next_at
""")


@dataclass(frozen=True, slots=True)
class Told:
    """What one look has done."""

    written: int = 0
    """Deliveries."""
    started: int = 0
    """Jobs that bring them."""


async def look(db: Database) -> None:
    """One look at everything."""
    await look_at_webhooks(db)
    await look_at_notifications(db)
    await look_at_letters(db)


async def look_at_webhooks(db: Database) -> Told:
    """Write down what endpoints are to be told, and start the jobs that bring what is due."""
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
    async with db.transaction(_courier(workspace_id)) as session:
        made = await deliveries.fan_out(session, endpoint_id)
        if not made and not due:
            return 0, 0
        await deliveries.forget(session, endpoint_id)
        await jobs.start(session, endpoint_id)
        return made, 1


async def look_at_notifications(db: Database) -> int:
    """Write down what people should hear of, and start the jobs that tell their browsers; how many notifications."""
    async with db.system_transaction() as session:
        behind = (await session.scalars(_UNREAD)).all()
    count = 0
    for workspace_id in behind:
        async with db.transaction(_courier(workspace_id)) as session:
            made = await noticing.take_in(session)
            for notification in made:
                for subscription_id in await hearing.listeners(session, notification):
                    await jobs.push_notice.start(session, subscription_id, notification.id)
        count += len(made)
    return count


async def look_at_letters(db: Database) -> int:
    """Start the letters whose hour has come; how many."""
    async with db.system_transaction() as session:
        due = (await session.execute(_LETTERS)).all()
    count = 0
    for row in due:
        async with db.transaction(_courier(row.workspace_id)) as session:
            digest = await hearing.due(session, row.user_id)
            if digest is not None:
                await jobs.send_digest.start(session, digest.person, digest.since, digest.until)
                for subscription_id in await hearing.browsers_of(session, digest.person):
                    await jobs.push_digest.start(session, subscription_id, digest.person, digest.since, digest.until)
                count += 1
    return count


def _courier(workspace_id: UUID) -> Actor:
    return Actor(workspace_id, "system", "courier")
