"""The jobs of the inbox: read what platforms told by themselves, and answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import now
from stakazo.core.security import Keyring
from stakazo.insights import inbox, news
from stakazo.insights.measuring import QUEUE
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.models import Job
from stakazo.jobs.run import Run
from stakazo.platforms import publishers
from stakazo.platforms.errors import Rejected, TokenExpired, TryLater, Unknown
from stakazo.publishing import channels, outside, renewals


@job(queue=QUEUE, timeout=600)
async def read_news(run: Run) -> None:
    """Read what platforms have told, until there is nothing more. What comes after this has begun has a job of its own.

    Each part is a transaction: a worker that dies leaves what it hasn't read, and nothing that it has read twice.
    """
    more = True
    while more:
        async with run.transaction() as session:
            more = bool(await news.read_some(session))


async def answer(session: AsyncSession, item_id: UUID) -> Job:
    """Have an answer sent; asked for twice it is one job."""
    return await send_reply.using(JobOptions(dedup_key=str(item_id))).start(session, item_id)


@job(queue=QUEUE, timeout=300)
async def send_reply(run: Run, item_id: UUID) -> None:
    """Answer a comment, at most once: where it is doubtful whether it is there it is looked for, never repeated."""
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        item = await inbox.hold(session, item_id)
        if item.reply is None or item.reply_id is not None:
            return
        text, comment_id, post_id = item.reply, item.external_id, item.post_id or ""
        channel = await channels.get(session, item.channel_id)
        account, tried = channels.account(channel, keys), item.reply_tried_at is not None
        channel_id, item.reply_tried_at = channel.id, item.reply_tried_at or await now(session)
    reply_id: str | None = None
    async with renewals.minding(run, keys, channel_id, account), outside.connected(run.settings) as connection:
        publisher = publishers.of(connection, account)
        try:
            if not tried:
                reply_id = await publisher.reply(comment_id, text)
        except Unknown:
            pass
        except (TryLater, TokenExpired, Rejected):  # nothing happened: the next attempt may answer
            async with run.transaction() as session:
                (await inbox.hold(session, item_id)).reply_tried_at = None
            raise
        if reply_id is None:
            mine = [one.id for one in await publisher.replies(post_id, comment_id) if one.text == text]
            reply_id = mine[0] if mine else None
    async with run.completion() as session:
        if reply_id is not None:
            await inbox.replied(session, item_id, reply_id)
            return
        detail = "The platform gave no answer that says whether the reply is there, and doesn't show it."
        await inbox.not_replied(session, item_id, "doubt", detail, "Look in the app; answer again if it isn't there.")


@send_reply.on_end
async def _no_reply(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    words = (str(error.get("code") or "internal"), str(error.get("detail") or ""))
    await inbox.not_replied(session, UUID(row.payload["item_id"]), *words, "Answer again, or in the platform's app.")
