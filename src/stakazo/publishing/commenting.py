"""The job of the first comment below a post: it has no inert form, so it is written at most once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import now
from stakazo.core.security import Keyring
from stakazo.jobs.engine import job
from stakazo.jobs.models import Job
from stakazo.jobs.run import Run
from stakazo.platforms import publishers
from stakazo.platforms.errors import Rejected, TokenExpired, TryLater, Unknown
from stakazo.publishing import channels, outside, renewals, service
from stakazo.publishing.states import PublicationState as S


@job(queue="publish", timeout=600)
async def write_first_comment(run: Run, publication_id: UUID) -> None:
    """Comment on what was just published, at most once: where that is doubtful it is looked for, never repeated."""
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        publication = await service.hold(session, publication_id)
        tried = publication.commented_at is not None
        if publication.state is not S.PUBLISHED or not publication.external_id or publication.channel_id is None:
            return
        account = channels.account(await channels.get(session, publication.channel_id), keys)
        publication.commented_at = publication.commented_at or await now(session)
        channel_id, post_id, text = publication.channel_id, publication.external_id, publication.first_comment
    async with renewals.minding(run, keys, channel_id, account), outside.connected(run.settings) as connection:
        publisher = publishers.of(connection, account)
        written = False
        try:
            if not tried:
                await publisher.comment(post_id, text)
                written = True
        except Unknown:
            pass
        except (TryLater, TokenExpired, Rejected):  # nothing happened: the next attempt may write it
            async with run.transaction() as session:
                (await service.hold(session, publication_id)).commented_at = None
            raise
        written = written or any(comment.text == text for comment in await publisher.comments(post_id))
    async with run.completion() as session:
        event = "first_comment_written" if written else "first_comment_doubtful"
        await service.record(session, event, await service.hold(session, publication_id), text=text)


@write_first_comment.on_end
async def _no_comment(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    publication = await service.hold(session, UUID(row.payload["publication_id"]))
    await service.record(session, "first_comment_failed", publication, detail=error.get("detail"))
