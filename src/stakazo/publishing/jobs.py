"""The jobs of publishing: bring a publication out at its time, look whether it is there, take it down."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import now
from stakazo.core.errors import StorageAway
from stakazo.core.security import Keyring
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.models import Job
from stakazo.jobs.run import NotYet, Run
from stakazo.platforms import publishers
from stakazo.platforms.base import Media, Publisher, Stage, Status
from stakazo.platforms.errors import Reason, Rejected, TokenExpired, TryLater
from stakazo.publishing import (
    addresses,
    by_hand,
    channels,
    commenting,
    discarding,
    doubts,
    outside,
    progress,
    renewals,
    service,
    states,
)
from stakazo.publishing.course import Course, Outcome
from stakazo.publishing.models import Publication
from stakazo.publishing.progress import Order
from stakazo.publishing.states import Act, Known, Next, Trouble
from stakazo.publishing.states import PublicationState as S

QUEUE = "publish"
"""A queue of its own: who waits for a platform keeps nobody else waiting."""
CRASHES = 12
"""Workers that may vanish under one publication before a person is asked; nothing is risked by going on."""


async def schedule(session: AsyncSession, publication: Publication) -> Job | None:
    """Have it published at its time, if it is to be."""
    if publication.state is not S.SCHEDULED:
        return None
    row = await publish_variant.using(JobOptions(run_at=publication.due_at)).start(session, publication.id)
    publication.job_id = row.id
    await session.flush()
    return row


async def remove(session: AsyncSession, publication: Publication) -> Job:
    """Have it taken down; asked for twice it is one job."""
    return await take_down.using(JobOptions(dedup_key=str(publication.id))).start(session, publication.id)


@job(queue=QUEUE, max_attempts=CRASHES, timeout=3600)
async def publish_variant(run: Run, publication_id: UUID) -> None:
    """Bring a publication out: check, upload, make it public once, and ask whenever it isn't known what happened."""
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        order = await progress.claim(session, keys, publication_id, run.job_id)
    if order is None:
        async with run.completion() as session:
            await _leave(session, keys, publication_id)
        return
    try:
        outcome = await _publish(run, keys, order)
    except (NotYet, TryLater, StorageAway) as later:
        if not _too_long(order):
            raise
        outcome = _given_up(order, str(later))
    except TokenExpired as error:
        todo = "Connect the channel again, then retry."
        outcome = _asks(Trouble("token_expired", str(error), todo, error.said.as_json()))
    if outcome.next.act is Act.ASK and (after := await doubts.alone(run, publication_id, outcome.next.trouble)):
        raise NotYet("The platform doesn't say what became of it.", after=after)
    async with run.completion() as session:
        if outcome.next.act is not Act.DONE:
            assert outcome.next.trouble is not None
            await progress.settle(session, publication_id, run.job_id, outcome.next.state, outcome.next.trouble)
        else:
            publication = await progress.published(session, publication_id, run.job_id, outcome.status)
            await commenting.begin(session, publication)
        await _leave(session, keys, publication_id)


async def _leave(session: AsyncSession, keys: Keyring, publication_id: UUID) -> None:
    """What goes on once the job that was at it has ended: questions about what is in doubt, or clearing up."""
    await doubts.go_on(session, publication_id)
    await discarding.clear_up(session, keys, await service.hold(session, publication_id))


async def _publish(run: Run, keys: Keyring, order: Order) -> Outcome:
    media = Media(await run.storage.stored(order.storage_key), duration=order.duration)
    async with (
        renewals.minding(run, keys, order.channel_id, order.account),
        outside.connected(run.settings) as connection,
    ):
        course: Course | None = None
        try:
            course = Course(run, keys, order, publishers.of(connection, order.account), media)
            return await course.go()
        except Rejected as error:
            if course.acted if course else order.acted:  # the question was refused, not what was asked about
                return _asks(states.doubt(str(error)))
            return _fails(states.refusal(error.reason, str(error), error.said.as_json()))


def _too_long(order: Order) -> bool:
    """Whether it has been put off for so long that a person should know."""
    return (datetime.now(UTC) - order.begun_at).total_seconds() > states.PATIENCE


def _given_up(order: Order, words: str) -> Outcome:
    seconds = (datetime.now(UTC) - order.begun_at).total_seconds()
    known = Known(
        acted=order.acted, uploaded=False, refused=False, doubted=order.acted, begins=order.begins, seconds=seconds
    )
    status = Status(Stage.PROCESSING, detail=words)
    return Outcome(states.after(known, status), status)


def _asks(trouble: Trouble) -> Outcome:
    return Outcome(Next(Act.ASK, S.NEEDS_HUMAN, trouble), Status(Stage.PROCESSING))


def _fails(trouble: Trouble) -> Outcome:
    return Outcome(Next(Act.FAIL, S.FAILED, trouble), Status(Stage.FAILED))


@publish_variant.on_end
async def _publishing_ended(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    publication_id = UUID(row.payload["publication_id"])
    await progress.abandoned(session, publication_id, row.id, error)
    await doubts.go_on(session, publication_id)


@job(queue=QUEUE, timeout=300)
async def check_publication(run: Run, publication_id: UUID) -> None:
    """Look whether a post is there that a person says is there; by its address, where that doesn't say the id."""
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        publication = await service.hold(session, publication_id)
        if not by_hand.is_checkable(publication):
            return
        assert publication.channel_id is not None
        account = channels.account(await channels.get(session, publication.channel_id), keys)
        channel_id, said, url = publication.channel_id, publication.external_id, publication.url or ""
    async with renewals.minding(run, keys, channel_id, account), outside.connected(run.settings) as connection:
        publisher = publishers.of(connection, account)
        post_id = said or await publisher.find(addresses.named(account.platform, url))
        names = await _names_there(publisher, post_id) if post_id else None
    async with run.completion() as session:
        publication = await service.hold(session, publication_id)
        if (publication.external_id, publication.url or "", publication.state) != (said, url, S.PUBLISHED):
            return
        if post_id is None or names is None:
            await by_hand.is_not_there(session, publication)
        elif not said and not await progress.is_free(session, publication, post_id):
            await by_hand.is_another(session, publication)
        else:
            publication.external_id, publication.aliases = post_id, list(names)
            publication.checked_at = await now(session)
            await service.record(session, "publication_checked", publication, external_id=post_id)
            await commenting.begin(session, publication)


async def _names_there(publisher: Publisher, post_id: str) -> tuple[str, ...] | None:
    """What else the platform calls a post; None where it isn't there."""
    try:
        await publisher.measure(post_id)
        return await publisher.names(post_id)
    except Rejected as refused:
        if refused.reason not in {Reason.NOT_FOUND, Reason.INVALID}:
            raise
        return None


@job(queue=QUEUE, max_attempts=CRASHES, timeout=600)
async def take_down(run: Run, publication_id: UUID) -> None:
    """Remove a post; what isn't there is removed already, so doing it twice is doing it once."""
    keys = Keyring(run.settings)
    async with run.transaction() as session:
        publication = await service.hold(session, publication_id)
        if publication.state is not S.REMOVING or publication.channel_id is None:
            return
        account = channels.account(await channels.get(session, publication.channel_id), keys)
        channel_id, post_id = publication.channel_id, publication.external_id or ""
    async with renewals.minding(run, keys, channel_id, account), outside.connected(run.settings) as connection:
        await publishers.of(connection, account).delete(post_id)
    async with run.completion() as session:
        publication = await service.hold(session, publication_id)
        publication.state, publication.removed_at = S.REMOVED, await now(session)
        await session.flush()
        await service.record(session, "publication_removed", publication, external_id=post_id)


@take_down.on_end
async def _still_there(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    publication = await service.hold(session, UUID(row.payload["publication_id"]))
    if publication.state is S.REMOVING:
        publication.state = S.PUBLISHED
        detail = str(error.get("detail") or "")
        publication.error = Trouble("still_there", detail, "Take it down in the platform's own app.").as_json()
        await session.flush()
        await service.record(session, "publication_removal_failed", publication, **publication.error)
