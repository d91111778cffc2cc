"""The jobs of the inbox: read what platforms told by themselves, and answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import now
from stakazo.core.security import Keyring
from stakazo.insights import inbox, news
from stakazo.insights.hearing import ItemKind
from stakazo.insights.measuring import QUEUE
from stakazo.jobs.engine import job
from stakazo.jobs.models import Job
from stakazo.jobs.run import NotYet, Run
from stakazo.platforms import publishers
from stakazo.platforms.base import Comment, Publisher
from stakazo.platforms.errors import Rejected, TokenExpired, TryLater
from stakazo.platforms.instagram import Instagram
from stakazo.publishing import channels, outside, renewals, saying

AT_ONCE = 25
"""Mentions that are asked about in one request."""
ANSWER_AGAIN = "Answer again, or in the platform's app."
EARLIER = timedelta(minutes=2)
"""How far a message's time may lie before the moment at which it was about to be sent: clocks differ."""


@job(queue=QUEUE, timeout=600)
async def read_news(run: Run) -> None:
    """Read what platforms have told, until there is nothing more. What comes after this has begun has a job of its own.

    Each part is a transaction: a worker that dies leaves what it hasn't read, and nothing that it has read twice.
    """
    more = True
    while more:
        async with run.transaction() as session:
            more = bool(await news.read_some(session, read_mentions))


@job(queue=QUEUE, timeout=600)
async def read_mentions(run: Run, channel_id: UUID, item_ids: list[UUID]) -> None:
    """Ask who has mentioned a channel, where, and with which words; a platform that is away is asked again.

    What it doesn't show stays in the inbox as it is: that somebody did is known.
    """
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        account = channels.account(await channels.get(session, channel_id), keys)
        unread = [
            (one.id, one.post_id or "", one.external_id) for one in await inbox.unread_mentions(session, item_ids)
        ]
    async with renewals.minding(run, keys, channel_id, account), outside.connected(run.settings) as connection:
        for start in range(0, len(unread), AT_ONCE):
            some = unread[start : start + AT_ONCE]
            asked = [(post, None if post == said else said) for _, post, said in some]
            found = await Instagram(connection, account).mentions(asked)
            async with run.transaction() as session:
                for (item_id, _, _), mention in zip(some, found, strict=True):
                    if mention is not None:
                        await inbox.mentioned(session, item_id, mention)


async def answer(session: AsyncSession, item_id: UUID) -> Job:
    """Have an answer sent."""
    return await send_reply.start(session, item_id)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is to be said to whom, as it was when the job began."""

    kind: ItemKind
    said_id: str
    """The platform's id of what is answered."""
    post_id: str
    person_id: str
    text: str
    tried_at: datetime
    """When it was about to be said, first."""
    others: frozenset[str]
    """Our other answers to the same person."""

    async def write(self, publisher: Publisher) -> str:
        if self.kind is ItemKind.MESSAGE:
            return await publisher.message(self.person_id, self.text)
        return await publisher.reply(self.said_id, self.text)

    async def look(self, publisher: Publisher) -> list[Comment]:
        """Where it would be. The same may have been said to the same person before."""
        if self.kind is not ItemKind.MESSAGE:
            return await publisher.replies(self.post_id, self.said_id)
        return [
            one
            for one in await publisher.messages(self.person_id)
            if one.author_id != self.person_id and one.at >= self.tried_at - EARLIER and one.id not in self.others
        ]


@job(queue=QUEUE, timeout=300)
async def send_reply(run: Run, item_id: UUID) -> None:
    """Answer a comment or a message, at most once: where it is doubtful whether it is there it is only looked for."""
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        item = await inbox.hold(session, item_id)
        if item.reply is None or item.reply_id is not None:
            return
        channel = await channels.get(session, item.channel_id)
        account, tried = channels.account(channel, keys), item.reply_tried_at is not None
        channel_id, item.reply_tried_at = channel.id, item.reply_tried_at or await now(session)
        others = await inbox.replies_to(session, item)
        answer = _Answer(
            item.kind, item.external_id, item.post_id or "", item.author_id, item.reply, item.reply_tried_at, others
        )
    async with renewals.minding(run, keys, channel_id, account), outside.connected(run.settings) as connection:
        publisher = publishers.of(connection, account)
        try:
            reply_id = await saying.once(
                lambda: answer.write(publisher), lambda: answer.look(publisher), answer.text, tried=tried
            )
        except (TryLater, TokenExpired, Rejected) as refused:  # nothing happened: the next attempt may answer
            async with run.transaction() as session:
                (await inbox.hold(session, item_id)).reply_tried_at = None
                given_up = isinstance(refused, TryLater) and await saying.is_given_up(session, run.job_id)
                if given_up:
                    detail = f"The platform has put it off for a day, so it was not said. Last it said: {refused}"
                    await inbox.not_replied(session, item_id, "put_off", detail, ANSWER_AGAIN)
            if given_up:
                return
            raise
    if reply_id is None:
        async with run.transaction() as session:
            after = await inbox.look_again_after(session, item_id)
        if after is not None:
            raise NotYet("The platform doesn't show the answer (yet).", after=after)
        return
    async with run.completion() as session:
        await inbox.replied(session, item_id, reply_id)


@send_reply.on_end
async def _no_reply(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    item = await inbox.hold(session, UUID(row.payload["item_id"]))
    if item.reply_tried_at is not None and item.reply_id is None:
        await inbox.in_doubt(session, item)
        return
    words = (str(error.get("code") or "internal"), str(error.get("detail") or ""))
    await inbox.not_replied(session, item.id, *words, ANSWER_AGAIN)
