"""What was said to us, and what is done about it: heard, found, put aside, answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Boolean, and_, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core import rows
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import now
from stakazo.core.errors import Conflict, Invalid
from stakazo.core.live import publish as tell
from stakazo.core.paging import Key, Page, page
from stakazo.insights.hearing import ItemKind, ItemState, Said
from stakazo.insights.models import InboxItem
from stakazo.ledger import service as ledger
from stakazo.platforms.base import Mention, Platform
from stakazo.publishing import channels, rights, states
from stakazo.publishing import service as publications
from stakazo.publishing.limits import MESSAGE, length
from stakazo.publishing.models import Channel, Publication

Heard = tuple[Channel, Said, Publication | None]
"""Where somebody said something, and below which post of ours."""


async def hear(session: AsyncSession, heard: Iterable[Heard]) -> dict[UUID, list[UUID]]:
    """Put what was said into the inbox: once, however often it comes, and the newest word of it in whatever order.

    Gives the new mentions by channel: of these nothing is known yet but that there are some.
    """
    newest: dict[tuple[UUID, ItemKind, str], Heard] = {}
    for channel, said, publication in sorted(heard, key=lambda one: (one[1].at, one[1].removed)):
        newest[channel.id, said.kind, said.id] = (channel, said, publication)
    if not newest:
        return {}
    wanted = insert(InboxItem).values([_row(*one) for one in newest.values()])
    new = wanted.excluded
    taken_back = and_(new.state == ItemState.REMOVED, InboxItem.state != ItemState.REMOVED)
    upsert = wanted.on_conflict_do_update(
        index_elements=["workspace_id", "channel_id", "kind", "external_id"],
        set_={
            "text": new.text,
            "said_at": new.said_at,
            "state": new.state,
            "done_at": None,
            "done_by": None,
            "updated_at": func.clock_timestamp(),
        },
        where=or_(
            and_(new.said_at >= InboxItem.said_at, taken_back),
            and_(new.said_at > InboxItem.said_at, new.text != InboxItem.text, new.kind != ItemKind.MENTION),
        ),
    )
    columns = (InboxItem.id, InboxItem.channel_id, InboxItem.kind, InboxItem.external_id)
    inserted = literal_column("xmax = 0", Boolean)
    rows = await session.execute(upsert.returning(*columns, inserted))
    shown = {publication.variant_id for _, _, publication in newest.values() if publication is not None}
    threads = {variant: await ledger.on_thread(session, "variant", variant) for variant in shown}
    mentions: dict[UUID, list[UUID]] = {}
    for item_id, channel_id, kind, external_id, is_new in rows.all():
        if is_new and kind is ItemKind.MENTION:
            mentions.setdefault(channel_id, []).append(item_id)
        channel, said, publication = newest[channel_id, kind, external_id]
        verb = "removed" if said.removed else "received" if is_new else "changed"
        actor = (
            threads[publication.variant_id] if publication else None
        )  # what is said below a post is part of its story
        await _record(session, f"{kind.value}_{verb}", item_id, channel, publication, external_id, actor)
    for channel_id in {channel_id for channel_id, _, _ in newest}:
        await tell(session, "inbox", channel_id)
    return mentions


def _row(channel: Channel, said: Said, publication: Publication | None) -> dict[str, Any]:
    return {
        "id": new_id(),
        "channel_id": channel.id,
        "publication_id": publication.id if publication else None,
        "kind": said.kind,
        "state": ItemState.REMOVED if said.removed else ItemState.OPEN,
        "external_id": said.id[:300],
        "post_id": (publication and publication.external_id) or (said.post_id[:300] if said.post_id else None),
        "parent_id": said.parent_id[:300] if said.parent_id else None,
        "author": said.author[:300],
        "author_id": said.author_id[:300],
        "text": said.text,
        "said_at": said.at,
    }


async def _record(
    session: AsyncSession,
    event: str,
    item_id: UUID,
    channel: Channel,
    publication: Publication | None,
    external_id: str,
    actor: Actor | None = None,
) -> None:
    """In the ledger, without what was said or by whom: that is theirs, and the ledger never forgets."""
    await ledger.record(
        session,
        event,
        subject=("inbox_item", item_id),
        actor=actor,
        channel_id=str(channel.id),
        publication_id=str(publication.id) if publication else None,
        platform=channel.platform.value,
        external_id=external_id,
    )


async def get(session: AsyncSession, item_id: UUID) -> InboxItem:
    return await rows.get(session, InboxItem, item_id, "inbox item")


async def hold(session: AsyncSession, item_id: UUID) -> InboxItem:
    """The item, locked."""
    return await rows.hold(session, InboxItem, item_id, "inbox item")


async def find(
    session: AsyncSession,
    *,
    states: Sequence[ItemState] | None = None,
    kind: ItemKind | None = None,
    platform: Platform | None = None,
    channel_id: UUID | None = None,
    publication_id: UUID | None = None,
    since: datetime | None = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[InboxItem]:
    """What is in the inbox, by when it was said."""
    found = select(InboxItem)
    if states:
        found = found.where(InboxItem.state.in_(states))
    for column, value in (
        (InboxItem.kind, kind),
        (InboxItem.channel_id, channel_id),
        (InboxItem.publication_id, publication_id),
    ):
        if value is not None:
            found = found.where(column == value)
    if platform is not None:
        found = found.where(InboxItem.channel_id.in_(select(Channel.id).where(Channel.platform == platform)))
    if since is not None:
        found = found.where(InboxItem.said_at >= rights.moment(since))
    keys: list[Key] = [InboxItem.said_at, InboxItem.id]
    if sort == "newest":
        keys = [InboxItem.said_at.desc(), InboxItem.id.desc()]
    return await page(session, found, keys, cursor, limit)


async def unread_mentions(session: AsyncSession, item_ids: Iterable[UUID]) -> Sequence[InboxItem]:
    """Those of these of which nothing is known yet but that there are some."""
    unread = select(InboxItem).where(
        InboxItem.id.in_(item_ids), InboxItem.kind == ItemKind.MENTION, InboxItem.author == "", InboxItem.text == ""
    )
    return (await session.scalars(unread.order_by(InboxItem.id))).all()


async def mentioned(session: AsyncSession, item_id: UUID, said: Mention) -> None:
    """Keep what the platform has answered about a mention."""
    item = await hold(session, item_id)
    item.text, item.author, item.permalink = said.text, said.author[:300], said.url
    await session.flush()
    await record(session, "mention_changed", item)


async def set_done(session: AsyncSession, item_id: UUID, *, done: bool) -> InboxItem:
    """Nothing is to be done about it any more, or there is again. Raises Conflict for what was taken back."""
    item = await hold(session, item_id)
    if item.state is ItemState.REMOVED:
        raise Conflict("Who said it has taken it back.")
    wanted = ItemState.DONE if done else ItemState.OPEN
    if item.state is not wanted:
        who, moment = await publications.author(session), await now(session)
        item.state, item.done_at, item.done_by = wanted, moment if done else None, who if done else None
        await session.flush()
        await record(session, "inbox_item_done" if done else "inbox_item_reopened", item)
    return item


async def want_reply(session: AsyncSession, item_id: UUID, text: str) -> InboxItem:
    """Write down an answer; a job sends it. Raises Conflict where there is one already, or none can be given here.

    Raises Invalid where it is too long for the platform.
    """
    item = await hold(session, item_id)
    await _require_answerable(session, item, text)
    if item.state is ItemState.REMOVED:
        raise Conflict("Who said it has taken it back.")
    if item.reply is not None and item.error is None:
        raise Conflict("It has been answered already." if item.reply_id is not None else "Its answer is on its way.")
    item.reply, item.replied_by = text, await publications.author(session)
    item.error = item.reply_tried_at = None
    item.reply_looks = 0
    await session.flush()
    await record(session, "reply_wanted", item)
    return item


async def _require_answerable(session: AsyncSession, item: InboxItem, text: str) -> None:
    if item.kind is ItemKind.COMMENT:
        return
    platform = (await channels.get(session, item.channel_id)).platform
    if item.kind is not ItemKind.MESSAGE or platform not in MESSAGE:
        raise Conflict(f"A {item.kind.value} is answered in the platform's own app. Then mark it as done.")
    most, measure = MESSAGE[platform]
    if length(text, measure) > most:
        raise Invalid(f"A message on {platform.label} has up to {most} {measure.value}.")


async def replies_to(session: AsyncSession, item: InboxItem) -> frozenset[str]:
    """The platform's ids of our other answers to whoever said it."""
    others = select(InboxItem.reply_id).where(
        InboxItem.channel_id == item.channel_id, InboxItem.author_id == item.author_id, InboxItem.id != item.id
    )
    return frozenset(one for one in await session.scalars(others) if one)


async def replied(session: AsyncSession, item_id: UUID, reply_id: str) -> None:
    """The answer is there, and so nothing more is to be done."""
    item = await hold(session, item_id)
    item.reply_id, item.error = reply_id, None
    if item.state is ItemState.OPEN:
        moment = await now(session)
        item.state, item.done_at, item.done_by = ItemState.DONE, moment, item.replied_by
    await session.flush()
    await record(session, "reply_written", item, reply_id=reply_id)


async def look_again_after(session: AsyncSession, item_id: UUID) -> float | None:
    """Seconds until an answer of which nothing was heard is looked for once more; None where it was often enough.

    Who wanted it is told in between.
    """
    item = await hold(session, item_id)
    after = states.ask_after(item.reply_looks)
    if states.ask_after(item.reply_looks, alone=True) is None:
        await in_doubt(session, item)
    item.reply_looks += 1
    await session.flush()
    await record(session, "reply_looked_for", item, looks=item.reply_looks, after=after)
    return after


async def in_doubt(session: AsyncSession, item: InboxItem) -> None:
    """The answer may not be there: say so, once."""
    if item.error is None:
        detail = "The platform gave no answer that says whether the reply is there, and doesn't show it."
        todo = "Look in the app; answer again if it isn't there. Meanwhile it is looked for by itself."
        await not_replied(session, item.id, "doubt", detail, todo)


async def not_replied(session: AsyncSession, item_id: UUID, code: str, detail: str, todo: str) -> None:
    """The answer didn't go out, or only a person can say."""
    item = await hold(session, item_id)
    if item.reply_id is None:
        item.error = {"code": code, "detail": detail, "todo": todo}
        await session.flush()
        await record(session, "reply_failed", item, **item.error)


async def record(session: AsyncSession, event: str, item: InboxItem, **data: Any) -> None:
    """In the ledger, without what was said or by whom; and to whoever watches."""
    await ledger.record(
        session,
        event,
        subject=("inbox_item", item.id),
        channel_id=str(item.channel_id),
        publication_id=str(item.publication_id) if item.publication_id else None,
        external_id=item.external_id,
        **data,
    )
    await tell(session, "inbox", item.channel_id)
