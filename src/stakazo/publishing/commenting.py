"""The job of the first comment below a post: written at most once, looked for after a doubt, never lost silently.

    await commenting.begin(session, publication)                     when it is public, and known which post it is
    await commenting.again(session, publication_id, looked=True)     when a person wants it written once more

Where no answer came it is looked for under the post, ever more seldom; a person is told after the third look in vain.
What the platform puts off is tried again when it says so, for a day; then a person is told that it isn't there.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import now
from stakazo.core.errors import Conflict
from stakazo.core.security import Keyring
from stakazo.jobs.engine import job
from stakazo.jobs.models import Job
from stakazo.jobs.run import NotYet, Run
from stakazo.platforms import publishers
from stakazo.platforms.errors import Rejected, TokenExpired, TryLater
from stakazo.publishing import channels, outside, renewals, saying, service, states
from stakazo.publishing.models import Publication
from stakazo.publishing.states import PublicationState as S
from stakazo.publishing.states import Trouble

WRITE_AGAIN = "Have it written again when the cause is gone, or write it in the platform's own app."


def _is_due(publication: Publication) -> bool:
    """Whether there is a post of ours below which a comment is to be, and isn't known to be."""
    there = publication.state is S.PUBLISHED and publication.external_id and publication.channel_id is not None
    return bool(there and publication.first_comment and publication.comment_id is None)


async def begin(session: AsyncSession, publication: Publication) -> Job | None:
    """Have the first comment written; None where there is to be none (yet), or somebody is at it."""
    if not _is_due(publication) or publication.commented_at is not None:
        return None
    publication.comment_error, publication.comment_looks = None, 0
    await session.flush()
    return await write_first_comment.start(session, publication.id)


async def again(session: AsyncSession, publication_id: UUID, *, looked: bool = False) -> Publication:
    """Have the first comment written that was not. Raises Conflict where it is there, or could be.

    Args:
        looked: A person has looked under the post, and it isn't there.
    """
    publication = await service.hold(session, publication_id)
    if not _is_due(publication):
        raise Conflict(
            "The first comment is there already."
            if publication.comment_id is not None
            else "There is no first comment to be written: it was not asked for, or the post isn't known to be public."
        )
    if publication.comment_error is None:
        raise Conflict("The first comment is on its way.")
    if publication.commented_at is not None and not looked:
        raise Conflict("It may be there. Look under the post; if it is not there, say that you have looked.")
    publication.commented_at = None
    await begin(session, publication)
    await service.record(session, "first_comment_wanted_again", publication, looked=looked)
    return publication


@job(queue="publish", timeout=600)
async def write_first_comment(run: Run, publication_id: UUID) -> None:
    """Comment on what was published, at most once: where that is doubtful it is looked for, never repeated."""
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        publication = await service.hold(session, publication_id)
        if not _is_due(publication):
            return
        assert publication.channel_id is not None
        assert publication.external_id is not None
        account = channels.account(await channels.get(session, publication.channel_id), keys)
        tried = publication.commented_at is not None
        publication.commented_at = publication.commented_at or await now(session)
        channel_id, post_id, text = publication.channel_id, publication.external_id, publication.first_comment
    async with renewals.minding(run, keys, channel_id, account), outside.connected(run.settings) as connection:
        publisher = publishers.of(connection, account)
        try:
            comment_id = await saying.once(
                lambda: publisher.comment(post_id, text), lambda: publisher.comments(post_id), text, tried=tried
            )
        except (TryLater, TokenExpired, Rejected) as refused:  # nothing happened: the next attempt may write it
            async with run.transaction() as session:
                publication = await service.hold(session, publication_id)
                publication.commented_at = None
                given_up = isinstance(refused, TryLater) and await saying.is_given_up(session, run.job_id)
                if given_up:
                    await _give_up(session, publication, str(refused))
            if given_up:
                return
            raise
    if comment_id is None:
        async with run.transaction() as session:
            after = await _look_again_after(session, await service.hold(session, publication_id))
        if after is not None:
            raise NotYet("The platform doesn't show the first comment (yet).", after=after)
        return
    async with run.completion() as session:
        publication = await service.hold(session, publication_id)
        publication.comment_id, publication.comment_error = comment_id[:300], None
        await session.flush()
        await service.record(session, "first_comment_written", publication, text=text, comment_id=comment_id)


async def _look_again_after(session: AsyncSession, publication: Publication) -> float | None:
    """Seconds until it is looked for once more; None where it was often enough. A person is told in between."""
    after = states.ask_after(publication.comment_looks)
    if states.ask_after(publication.comment_looks, alone=True) is None:
        await _doubt(session, publication)
    publication.comment_looks += 1
    await session.flush()
    await service.record(session, "first_comment_looked_for", publication, looks=publication.comment_looks, after=after)
    return after


async def _doubt(session: AsyncSession, publication: Publication) -> None:
    """Tell a person, once, that it may not be there."""
    if publication.comment_error is None:
        detail = "The platform gave no answer that says whether the first comment is there, and doesn't show it."
        await _trouble(session, publication, "first_comment_doubtful", Trouble(states.DOUBTFUL, detail, saying.ADVICE))


async def _give_up(session: AsyncSession, publication: Publication, said: str) -> None:
    """It was put off for too long, and is not there: a person says whether it still matters."""
    detail = f"The platform has put it off for a day, so it was not written. Last it said: {said}"
    await _trouble(session, publication, "first_comment_failed", Trouble("put_off", detail, WRITE_AGAIN))


async def _trouble(session: AsyncSession, publication: Publication, event: str, trouble: Trouble) -> None:
    publication.comment_error = trouble.as_json()
    await session.flush()
    await service.record(session, event, publication, **trouble.as_json())


@write_first_comment.on_end
async def _no_comment(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    publication = await service.hold(session, UUID(row.payload["publication_id"]))
    if publication.comment_id is not None:
        return
    if publication.commented_at is not None:
        await _doubt(session, publication)
        return
    words = (str(error.get("code") or "internal"), str(error.get("detail") or ""))
    await _trouble(session, publication, "first_comment_failed", Trouble(*words, WRITE_AGAIN))
