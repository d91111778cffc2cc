"""What became of a post is asked again by itself, ever more seldom, before and after a person is told; nothing is done.

    after = await doubts.alone(run, publication_id, trouble)     by the job that is at it, before anybody is told
    await doubts.go_on(session, publication_id)                  wherever it ends in doubt: from then on
    await doubts.ask_now(session, publication)                   when something was heard of it

An answer settles it: it is public, or never will be under its handle. Of what is public without our knowing which post
it is, that is asked for. Whoever settles it first, a person, the platform's news or an answer, ends the asking; only
what a person has called off because it wasn't there is asked for on, and loud where it appears.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import now
from stakazo.core.security import Keyring
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.run import Run
from stakazo.platforms import publishers
from stakazo.platforms.base import Status
from stakazo.platforms.errors import PlatformError
from stakazo.publishing import channels, commenting, discarding, outside, progress, renewals, service, states
from stakazo.publishing.models import Publication
from stakazo.publishing.progress import Order
from stakazo.publishing.states import Act, Next, Trouble
from stakazo.publishing.states import PublicationState as S


def in_doubt(publication: Publication) -> bool:
    """Whether the platform may know more of it than we do: it may be public, or we don't know which post it is."""
    if publication.acted_at is None or publication.handle is None or publication.channel_id is None:
        return False
    match publication.state:
        case S.NEEDS_HUMAN:
            return True
        case S.CANCELLED:
            return (publication.error or {}).get("code") != progress.APPEARED
        case S.PUBLISHED:
            return publication.external_id is None and not publication.by_hand
    return False


async def alone(run: Run, publication_id: UUID, trouble: Trouble | None) -> float | None:
    """Seconds after which the job that is at it asks once more, before anybody is told; None where a person must be."""
    if trouble is None or trouble.code != states.DOUBTFUL:
        return None
    async with run.transaction() as session:
        publication = await progress.mine(session, publication_id, run.job_id)
        after = states.ask_after(publication.asks, alone=True)
        if after is not None:
            publication.asks += 1
            publication.ask_at = await now(session) + timedelta(seconds=after)
            await session.flush()
            await _told(session, publication, trouble.detail)
    return after


async def go_on(session: AsyncSession, publication_id: UUID) -> None:
    """Have it asked for once more, when that is worth it; nothing, where there is no doubt."""
    publication = await service.hold(session, publication_id)
    after = states.ask_after(publication.asks) if in_doubt(publication) else None
    await _ask_at(session, publication, None if after is None else await now(session) + timedelta(seconds=after))


async def ask_now(session: AsyncSession, publication: Publication) -> None:
    """Have it asked for at once, as something was heard of it."""
    if in_doubt(publication):
        await _ask_at(session, publication, await now(session))


async def _ask_at(session: AsyncSession, publication: Publication, moment: datetime | None) -> None:
    publication.ask_at = moment
    await session.flush()
    if moment is not None:
        await ask_again.using(JobOptions(run_at=moment)).start(session, publication.id, moment)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the platform said; no status where that was nothing."""

    status: Status | None
    words: str


@job(queue="publish", max_attempts=12, timeout=300)
async def ask_again(run: Run, publication_id: UUID, at: datetime) -> None:
    """Ask a platform what became of a post, once; an answer settles it.

    Args:
        at: For when this question was planned: one that was planned otherwise since is another job's.
    """
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        publication = await service.hold(session, publication_id)
        if publication.ask_at != at or not in_doubt(publication):
            return
        assert publication.channel_id is not None
        if (await channels.get(session, publication.channel_id)).token is None:  # disconnected: nobody to ask
            publication.ask_at = None
            return
        order = await progress.order(session, keys, publication, await now(session))
    heard = await _ask(run, keys, order)
    async with run.completion() as session:
        publication = await service.hold(session, publication_id)
        if publication.ask_at == at and in_doubt(publication):
            await _settle(session, publication, heard)
            await discarding.clear_up(session, keys, publication)


async def _ask(run: Run, keys: Keyring, order: Order) -> _Heard:
    assert order.handle is not None
    try:
        async with (
            renewals.minding(run, keys, order.channel_id, order.account),
            outside.connected(run.settings) as connection,
        ):
            publisher = publishers.of(connection, order.account)
            status = await publisher.ask(order.handle, order.post, taken=order.taken)
    except PlatformError as error:
        return _Heard(None, str(error))
    return _Heard(status, f"{status.stage.value} {status.detail}".strip())


async def _settle(session: AsyncSession, publication: Publication, heard: _Heard) -> None:
    publication.asks += 1
    following = states.verdict(heard.status) if heard.status is not None else None
    public = publication.state is S.PUBLISHED
    if publication.state is S.CANCELLED:
        await _settle_dropped(session, publication, heard.status, following)
    elif heard.status is not None and following is not None and following.act is Act.DONE:
        if not public:
            await progress.make_public(session, publication, heard.status)
        elif await progress.is_free(session, publication, heard.status.post_id):
            await progress.name_post(session, publication, heard.status)
        await commenting.begin(session, publication)
    elif following is not None and not public:
        assert following.trouble is not None
        await service.fail(session, publication, following.state, following.trouble)
    await go_on(session, publication.id)
    if in_doubt(publication):
        await _told(session, publication, heard.words)


async def _settle_dropped(
    session: AsyncSession, publication: Publication, status: Status | None, following: Next | None
) -> None:
    """Of what was called off: it has appeared, or never will."""
    if status is None or following is None:
        return
    if following.act is Act.DONE:
        await progress.appeared(session, publication, status)
    else:
        publication.acted_at = None


async def _told(session: AsyncSession, publication: Publication, words: str) -> None:
    """The platform was asked, and it is as doubtful as before: in the ledger, with when it is asked next."""
    at = publication.ask_at.isoformat() if publication.ask_at else None
    await service.record(session, "publication_asked_again", publication, asks=publication.asks, said=words, ask_at=at)
