"""Uploads that nobody has seen and that are wanted no more are removed at their platform, where it doesn't itself.

    await discarding.discard(session, channel_id, handle_id)      when a publication lets go of it

A private video would lie in the account for ever. What is wanted again meanwhile, or may have been made public, stays.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.security import Keyring
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.models import Job
from stakazo.jobs.run import Run
from stakazo.platforms import publishers
from stakazo.publishing import channels, outside, renewals, states
from stakazo.publishing.models import Publication


def left_by(publication: Publication) -> str | None:
    """The upload that would lie about if the publication let go of it: one that was never asked to be public."""
    return publication.handle_id if publication.acted_at is None and publication.handle_id else None


async def discard(session: AsyncSession, channel_id: UUID | None, handle_id: str | None) -> Job | None:
    """Have an upload removed; nothing, where there is none."""
    if channel_id is None or not handle_id:
        return None
    return await discard_upload.using(JobOptions(dedup_key=handle_id)).start(session, channel_id, handle_id)


@job(queue="publish", max_attempts=6, timeout=120)
async def discard_upload(run: Run, channel_id: UUID, handle_id: str) -> None:
    """Remove an upload at its platform, unless somebody may see it or it is wanted."""
    async with run.transaction() as session:
        channel = await channels.get(session, channel_id)
        held = select(Publication.id).where(
            Publication.channel_id == channel_id,
            Publication.handle_id == handle_id,
            Publication.state.not_in(states.OVER) | Publication.acted_at.is_not(None),
        )
        if channel.token is None or await session.scalar(held.limit(1)) is not None:
            return
        account = channels.account(channel, Keyring(run.settings))
    async with (
        renewals.minding(run, Keyring(run.settings), channel_id, account),
        outside.connected(run.settings) as connection,
    ):
        gone = await publishers.of(connection, account).discard(handle_id)
    async with run.completion() as session:
        if gone:
            await channels.record(
                session, "upload_discarded", await channels.get(session, channel_id), handle=handle_id
            )
