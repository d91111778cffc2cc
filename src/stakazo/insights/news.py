"""What platforms say by themselves: taken in at once as it came, and taken apart and read by a job.

    for_whom = await addressed(session, accounts, sandbox=False)     a transaction of the machinery: whose is it?
    await take_in(session, source, body, sandbox=False)              a transaction of that workspace: one row, and a job
    await read_some(session, asker)                                  the job: taken apart, and what it comes to

A webhook has no workspace: the account that it is about leads to the channels that stand for it, of whatever
workspaces. Each gets what is about its own account, and no other's. The platform waits for the first two only, and
that is as long for a thousand changes as for one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import new_id
from stakazo.core.db import now
from stakazo.insights import fates, inbox, service
from stakazo.insights.hearing import Fate, News, Said, Told, understood
from stakazo.insights.models import PlatformDelivery, PlatformEvent
from stakazo.jobs.engine import Handler
from stakazo.jobs.models import Job
from stakazo.jobs.states import JobState
from stakazo.platforms import tiktok_webhooks, webhooks, youtube_push
from stakazo.platforms.base import Platform
from stakazo.platforms.webhooks import Change
from stakazo.publishing.models import Channel, Publication

SOURCES: dict[str, Callable[[bytes], list[Change]]] = {
    "meta": webhooks.changes,
    "tiktok": tiktok_webhooks.changes,
    "youtube": youtube_push.changes,
}
"""How each sender's deliveries are taken apart."""
PLATFORMS = {
    "instagram": Platform.INSTAGRAM,
    "page": Platform.FACEBOOK,
    "tiktok": Platform.TIKTOK,
    "youtube": Platform.YOUTUBE,
}
"""By what senders call the object of their news."""
BATCH = 500
Account = tuple[Platform, str]
"""A platform, and its id of an account there."""


def accounts(changes: Iterable[Change]) -> set[Account]:
    """Whom the changes are about, as far as we know such accounts."""
    return {(PLATFORMS[change.object], change.account_id) for change in changes if change.object in PLATFORMS}


async def addressed(
    session: AsyncSession, about: Collection[Account], *, sandbox: bool
) -> dict[UUID, frozenset[Account]]:
    """Which of these accounts are connected, by workspace. What nobody has connected is for nobody.

    Args:
        session: The machinery's: it sees of channels whose they are, and nothing else.
        about: Whom the delivery is about.
        sandbox: Who has signed it; one world has no news of the other's accounts.
    """
    found = select(Channel.workspace_id, Channel.platform, Channel.external_id).where(
        Channel.external_id.in_({account for _, account in about}),
        Channel.sandbox.is_(sandbox),
        Channel.disconnected_at.is_(None),
    )
    theirs: dict[UUID, set[Account]] = defaultdict(set)
    for workspace_id, platform, account in await session.execute(found):
        if (platform, account) in about:
            theirs[workspace_id].add((platform, account))
    return {workspace_id: frozenset(known) for workspace_id, known in theirs.items()}


async def take_in(session: AsyncSession, source: str, body: bytes, reader: Handler[[]], *, sandbox: bool) -> None:
    """Keep a delivery as it came, and have it read."""
    session.add(PlatformDelivery(id=new_id(), source=source, sandbox=sandbox, body=body))
    await session.flush()
    await _have_it_read(session, reader)


async def _have_it_read(session: AsyncSession, reader: Handler[[]]) -> None:
    """Have a job read it: one that hasn't begun yet, and doesn't before this transaction is over; or another one.

    Nobody is waited for: a job that somebody else has in hand may have looked already.
    """
    waiting = select(Job.id).where(Job.type == reader.name, Job.state == JobState.PENDING)
    held = waiting.limit(1).with_for_update(read=True, skip_locked=True)
    if (await session.scalars(held)).one_or_none() is None:
        await reader.start(session)


Asker = Handler[[UUID, list[UUID]]]
"""The job that asks what was said: of a channel, its new mentions."""


async def read_some(session: AsyncSession, asker: Asker) -> int:
    """Take the oldest delivery apart, or else read the oldest news; says how much that was, 0 when all is read."""
    return await _take_apart(session) or await _read(session, asker)


_KEEP = text(
    """
    insert into platform_events (id, channel_id, key, field, value, said_at)
    select id, channel_id, key, field, value, said_at
    from unnest(cast(:ids as uuid[]), cast(:channels as uuid[]), cast(:keys as text[]), cast(:fields as text[]),
        cast(:values as jsonb[]), cast(:moments as timestamptz[])) as told(id, channel_id, key, field, value, said_at)
    on conflict (workspace_id, channel_id, key) do nothing
    """
)
"""One statement, however many there are."""


async def _take_apart(session: AsyncSession) -> int:
    """Make news of a delivery, each once however often it came; says how many were in it. Gone with that."""
    oldest = select(PlatformDelivery).order_by(PlatformDelivery.id).limit(1)
    delivery = (await session.scalars(oldest.with_for_update(skip_locked=True))).one_or_none()
    if delivery is None:
        return 0
    found = SOURCES[delivery.source](delivery.body)
    told = await _for_channels(session, found, sandbox=delivery.sandbox)
    once = dict(sorted({(channel, change.key): change for channel, change in told}.items()))  # in one order for all
    columns = {
        "ids": [new_id() for _ in once],
        "channels": [channel for channel, _ in once],
        "keys": [key for _, key in once],
        "fields": [change.field[:100] for change in once.values()],
        "values": [json.dumps(dict(change.value)) for change in once.values()],
        "moments": [datetime.fromtimestamp(change.at, UTC) for change in once.values()],
    }
    await session.execute(_KEEP, columns)
    await session.delete(delivery)
    await session.flush()
    return max(1, len(found))


async def _for_channels(
    session: AsyncSession, changes: Sequence[Change], *, sandbox: bool
) -> list[tuple[UUID, Change]]:
    """Each change with the channel of this workspace that it is about; without those of others."""
    about = accounts(changes)
    found = select(Channel.platform, Channel.external_id, Channel.id).where(
        Channel.external_id.in_({account for _, account in about}),
        Channel.sandbox.is_(sandbox),
        Channel.disconnected_at.is_(None),
    )
    channels = {(platform, account): row for platform, account, row in await session.execute(found)}
    told = []
    for change in changes:
        channel = channels.get((PLATFORMS[change.object], change.account_id)) if change.object in PLATFORMS else None
        if channel is not None:
            told.append((channel, change))
    return told


async def _read(session: AsyncSession, asker: Asker) -> int:
    """Read the oldest that isn't read; says how many. Each has its effect in the transaction that says it is read."""
    unread = select(PlatformEvent).where(PlatformEvent.read_at.is_(None)).order_by(PlatformEvent.id).limit(BATCH)
    events = (await session.scalars(unread.with_for_update())).all()
    if not events:
        return 0
    about = set(await _channels(session, {event.channel_id for event in events}))
    channels = {channel.id: channel for channel in about}
    heard = [(event, channels[event.channel_id], understood(_news(event, channels))) for event in events]
    posts = await _posts(session, {(c.id, name) for _, c, one in heard for name in _called(one)})

    def post(channel: Channel, one: Said | Told | Fate) -> Publication | None:
        return next((posts[channel.id, name] for name in _called(one) if (channel.id, name) in posts), None)

    said = [(channel, one, post(channel, one)) for _, channel, one in heard if isinstance(one, Said)]
    for channel_id, mentions in (await inbox.hear(session, said)).items():
        await asker.start(session, channel_id, mentions)
    for _, channel, one in heard:
        if isinstance(one, Told) and (publication := post(channel, one)) is not None:
            await service.keep(session, publication, one.metrics, None, at=one.at)
        elif isinstance(one, Fate):
            await fates.befall(session, channel, one, post(channel, one))
    moment = await now(session)
    for event, _, one in heard:
        event.read_at, event.came_to = moment, _CAME_TO[type(one)]
    await session.flush()
    return len(events)


_CAME_TO = {Said: "item", Told: "metrics", Fate: "fate", type(None): "nothing"}


def _called(one: Said | Told | Fate | None) -> tuple[str, ...]:
    """What the post may be called that it is about, the likeliest first."""
    if one is None:
        return ()
    also = () if isinstance(one, Told) else one.also
    return tuple(dict.fromkeys(name for name in (one.post_id, *also) if name))


def _news(event: PlatformEvent, channels: dict[UUID, Channel]) -> News:
    channel = channels[event.channel_id]
    return News(channel.platform, channel.external_id, event.field, event.value, event.said_at)


async def _channels(session: AsyncSession, ids: Iterable[UUID]) -> Sequence[Channel]:
    return (await session.scalars(select(Channel).where(Channel.id.in_(ids)))).all()


async def _posts(session: AsyncSession, wanted: set[tuple[UUID, str]]) -> dict[tuple[UUID, str], Publication]:
    """Our publications of these posts, by channel and whatever the platform calls them."""
    if not wanted:
        return {}
    names = sorted({name for _, name in wanted})
    found = select(Publication).where(
        Publication.channel_id.in_({channel for channel, _ in wanted}),
        or_(Publication.external_id.in_(names), Publication.handle_id.in_(names), Publication.aliases.overlap(names)),
    )
    called: dict[tuple[UUID, str], Publication] = {}
    for row in await session.scalars(found.order_by(Publication.id)):
        for name in (row.handle_id, *row.aliases, row.external_id):
            if name and row.channel_id and (row.channel_id, name) in wanted:
                called[row.channel_id, name] = row
    return called
