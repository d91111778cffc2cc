"""The job that asks what became of a post, again and again as long as it is worth it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import now
from stakazo.core.security import Keyring
from stakazo.insights import inbox, looks, service
from stakazo.insights.hearing import commented
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.models import Job
from stakazo.jobs.run import Run
from stakazo.jobs.states import JobState
from stakazo.platforms import publishers
from stakazo.platforms.base import Comment, Kind, Publisher
from stakazo.platforms.errors import Reason, Rejected, TryLater
from stakazo.publishing import channels, outside, renewals
from stakazo.publishing import service as publications
from stakazo.publishing.models import Publication
from stakazo.variants import service as variants

QUEUE = "measure"


async def schedule(session: AsyncSession, publication: Publication, *, after: datetime | None = None) -> Job | None:
    """Have a post looked at when that is next worth it; None where it never will be.

    The moment follows from the post's age alone, so whoever asks for it asks for the same job.
    """
    if not service.measurable(publication):
        return None
    assert publication.published_at is not None
    story = publication.kind is Kind.STORY
    moment = looks.next_look(publication.published_at, after or await now(session), story=story)
    if moment is None:
        return None
    options = JobOptions(dedup_key=f"{publication.id}:{moment.isoformat()}", run_at=moment)
    return await measure_publication.using(options).start(session, publication.id)


async def look_now(session: AsyncSession, publication: Publication) -> Job:
    """Have a post looked at at once, and from then on as its age says. Raises Conflict."""
    service.require_measurable(publication)
    options = JobOptions(dedup_key=f"{publication.id}:now", priority=1)
    return await measure_publication.using(options).start(session, publication.id)


@job(queue=QUEUE, timeout=300)
async def measure_publication(run: Run, publication_id: UUID) -> None:
    """Ask a platform what became of a post, and what was said below it; write it down, and say when to ask again."""
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        publication = await publications.get(session, publication_id)
        channel = await channels.get(session, publication.channel_id) if publication.channel_id else None
        if channel is None or not service.measurable(publication):
            return
        if channel.token is None:  # disconnected: it may be connected again
            await schedule(session, publication)
            return
        account = channels.account(channel, keys)
        post_id, channel_id = publication.external_id or "", channel.id
        duration = (await variants.get(session, publication.variant_id)).duration
    async with renewals.minding(run, keys, channel_id, account), outside.connected(run.settings) as connection:
        try:
            publisher = publishers.of(connection, account)
            said = await publisher.measure(post_id)
            comments = await _comments(publisher, post_id)
        except Rejected as refused:
            if refused.reason is not Reason.NOT_FOUND:
                raise
            async with run.completion() as session:  # gone, or never this account's: nothing more will be said
                await publications.record(session, "publication_missed", publication, external_id=post_id)
            return
    async with run.completion() as session:
        publication = await publications.get(session, publication_id)
        await service.keep(session, publication, said, duration)
        heard = [commented(comment, post_id) for comment in comments if comment.author_id != account.id]
        await inbox.hear(session, [(channel, one, publication) for one in heard])
        await schedule(session, publication)


async def _comments(publisher: Publisher, post_id: str) -> list[Comment]:
    """What was said below a post, where the platform shows it; where not, the numbers are worth something without."""
    try:
        return await publisher.comments(post_id)
    except (Rejected, TryLater):
        return []


@measure_publication.on_end
async def _look_again(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    """One look that failed is one gap in the series, not its end; one that a person cancelled ends it."""
    del error
    if row.state is JobState.FAILED:
        await schedule(session, await publications.get(session, UUID(row.payload["publication_id"])))
