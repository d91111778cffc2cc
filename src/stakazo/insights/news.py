"""What platforms say by themselves: taken in at once and once, and read by a job.

    channels = await addressed(session, changes, sandbox=False)      a transaction of the machinery: whose is it?
    await take_in(session, channel_id, changes)                      a transaction of that workspace: kept, and a job

A webhook has no workspace: the account that it is about leads to the channels that stand for it, of whatever
workspaces. Each gets what is about its own account, and no other's.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import new_id
from stakazo.core.db import now
from stakazo.insights import inbox, service
from stakazo.insights.hearing import News, Said, Told, understood
from stakazo.insights.models import PlatformEvent
from stakazo.jobs.engine import Handler, JobOptions
from stakazo.jobs.models import Job
from stakazo.jobs.states import ACTIVE_STATES
from stakazo.platforms.base import Platform
from stakazo.platforms.webhooks import Change
from stakazo.publishing.models import Channel, Publication

PLATFORMS = {"instagram": Platform.INSTAGRAM, "page": Platform.FACEBOOK}
"""By what Meta calls the object of its news."""
BATCH = 500
WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Addressee:
    """A channel, and in which workspace."""

    workspace_id: UUID
    channel_id: UUID


async def addressed(
    session: AsyncSession, changes: Iterable[Change], *, sandbox: bool
) -> dict[Addressee, list[Change]]:
    """Whom these changes are for. What is about accounts that nobody has connected is for nobody.

    Args:
        session: The machinery's: it sees of channels whose they are, and nothing else.
        changes: What was sent.
        sandbox: Who has signed it; one world has no news of the other's accounts.
    """
    by_account: dict[tuple[Platform, str], list[Change]] = defaultdict(list)
    for change in changes:
        if (platform := PLATFORMS.get(change.object)) is not None:
            by_account[platform, change.account_id].append(change)
    columns = (Channel.workspace_id, Channel.id, Channel.platform, Channel.external_id)
    accounts = {account for _, account in by_account}
    found = select(*columns).where(
        Channel.external_id.in_(accounts), Channel.sandbox.is_(sandbox), Channel.disconnected_at.is_(None)
    )
    return {
        Addressee(workspace_id, channel_id): by_account[platform, account]
        for workspace_id, channel_id, platform, account in await session.execute(found)
        if (platform, account) in by_account
    }


_TAKE_IN = text(
    """
    insert into platform_events (id, channel_id, key, field, value, said_at)
    select id, :channel, key, field, value, said_at
    from unnest(cast(:ids as uuid[]), cast(:keys as text[]), cast(:fields as text[]), cast(:values as jsonb[]),
        cast(:moments as timestamptz[])) as told(id, key, field, value, said_at)
    on conflict (workspace_id, channel_id, key) do nothing
    returning id
    """
)
"""One statement, however many there are: a delivery is answered while it waits."""


async def take_in(session: AsyncSession, channel_id: UUID, changes: Sequence[Change], reader: Handler[[]]) -> int:
    """Keep what is new, and have it read; says how many that is."""
    once = {change.key: change for change in changes}
    columns = {
        "channel": channel_id,
        "ids": [new_id() for _ in once],
        "keys": list(once),
        "fields": [change.field[:100] for change in once.values()],
        "values": [json.dumps(dict(change.value)) for change in once.values()],
        "moments": [datetime.fromtimestamp(change.at, UTC) for change in once.values()],
    }
    new = len((await session.execute(_TAKE_IN, columns)).all())
    if new:
        await _have_it_read(session, reader)
    return new


async def _have_it_read(session: AsyncSession, reader: Handler[[]]) -> None:
    """Have a job read it: one that waits or reads already, as long as it isn't about to end.

    The job ends with its row locked, after it has found nothing more to read. So either it waits for this transaction,
    and finds what that has kept; or this one waits, and finds that another job is needed.
    """
    while True:
        row = await reader.using(JobOptions(dedup_key=WAITING)).start(session)
        held = select(Job).where(Job.id == row.id).with_for_update(read=True).execution_options(populate_existing=True)
        if (await session.scalars(held)).one().state in ACTIVE_STATES:
            return


async def read_some(session: AsyncSession) -> int:
    """Read the oldest that isn't read; says how many. Each has its effect in the transaction that says it is read."""
    unread = select(PlatformEvent).where(PlatformEvent.read_at.is_(None)).order_by(PlatformEvent.id).limit(BATCH)
    events = (await session.scalars(unread.with_for_update())).all()
    if not events:
        return 0
    about = set(await _channels(session, {event.channel_id for event in events}))
    channels = {channel.id: channel for channel in about}
    heard = [(event, channels[event.channel_id], understood(_news(event, channels))) for event in events]
    posts = await _posts(session, {(c.id, one.post_id) for _, c, one in heard if one is not None and one.post_id})
    said = [(channel, one) for _, channel, one in heard if isinstance(one, Said)]
    await inbox.hear(session, [(channel, one, posts.get((channel.id, one.post_id or ""))) for channel, one in said])
    for _, channel, one in heard:
        if isinstance(one, Told) and (publication := posts.get((channel.id, one.post_id))) is not None:
            await service.keep(session, publication, one.metrics, None, at=one.at)
    moment = await now(session)
    for event, _, one in heard:
        event.read_at = moment
        event.came_to = "item" if isinstance(one, Said) else "metrics" if isinstance(one, Told) else "nothing"
    await session.flush()
    return len(events)


def _news(event: PlatformEvent, channels: dict[UUID, Channel]) -> News:
    channel = channels[event.channel_id]
    return News(channel.platform, channel.external_id, event.field, event.value, event.said_at)


async def _channels(session: AsyncSession, ids: Iterable[UUID]) -> Sequence[Channel]:
    return (await session.scalars(select(Channel).where(Channel.id.in_(ids)))).all()


async def _posts(session: AsyncSession, wanted: set[tuple[UUID, str]]) -> dict[tuple[UUID, str], Publication]:
    """Our publications of these posts, by channel and the platform's id."""
    found = select(Publication).where(
        Publication.channel_id.in_({channel for channel, _ in wanted}),
        Publication.external_id.in_({post for _, post in wanted}),
    )
    rows = await session.scalars(found)
    return {(row.channel_id, row.external_id): row for row in rows if row.channel_id and row.external_id}
