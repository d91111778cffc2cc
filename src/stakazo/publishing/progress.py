"""What the jobs write down about a publication, each in a transaction of its own, before and after each call outside.

Every verb locks the row and raises `Lost` where it isn't this job's any more: cancelled, taken over, settled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import now
from stakazo.core.security import Keyring
from stakazo.jobs.run import Lost
from stakazo.platforms.base import Account, Audience, Handle, Post, Status, Trial
from stakazo.publishing import channels, preflight, service, states
from stakazo.publishing.models import Publication
from stakazo.publishing.states import PublicationState as S
from stakazo.publishing.states import Trouble
from stakazo.variants import service as variants

_HANDLE = "publications.handle"
POST_UNKNOWN = "post_unknown"
"""It is public, and which post it is isn't known."""


APPEARED = "appeared"
"""It is public although it was called off."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a job has to do, as it was when it began."""

    publication_id: UUID
    channel_id: UUID
    account: Account = field(repr=False)
    post: Post
    storage_key: str
    duration: float | None
    handle: Handle | None
    """What lies at the platform already."""
    acted: bool
    """Whether it may be public already."""
    begins: int
    begun_at: datetime
    taken: frozenset[str]
    """Posts on the same channel that are known to be others."""


async def claim(session: AsyncSession, keys: Keyring, publication_id: UUID, job_id: UUID) -> Order | None:
    """Take a publication whose time has come, or go on with it; None where there is nothing to do.

    What is forbidden by now, and what nobody began in time, is loud instead.
    """
    publication = await service.hold(session, publication_id)
    moment = await now(session)
    if publication.job_id != job_id or publication.state not in {S.SCHEDULED, *states.UNDER_WAY}:
        return None
    if publication.state is S.SCHEDULED:
        if trouble := await _why_not_now(session, publication, moment):
            await service.fail(session, publication, *trouble)
            return None
        publication.state = S.PUBLISHING if publication.acted_at and publication.handle else S.PREFLIGHT
        publication.begun_at = moment
        await session.flush()
        await service.record(session, "publication_due", publication, due_at=publication.due_at.isoformat())
    return await order(session, keys, publication, moment)


async def order(session: AsyncSession, keys: Keyring, publication: Publication, moment: datetime) -> Order:
    """All that is to be known of it for speaking with its platform."""
    assert publication.channel_id is not None
    variant = await variants.get(session, publication.variant_id)
    channel = await channels.get(session, publication.channel_id)
    assert variant.storage_key is not None
    return Order(
        publication_id=publication.id,
        channel_id=channel.id,
        account=channels.account(channel, keys),
        post=post_of(publication),
        storage_key=variant.storage_key,
        duration=variant.duration,
        handle=handle_of(publication, keys),
        acted=publication.acted_at is not None,
        begins=publication.begins,
        begun_at=publication.begun_at or moment,
        taken=await _taken(session, publication),
    )


async def _why_not_now(session: AsyncSession, publication: Publication, moment: datetime) -> tuple[S, Trouble] | None:
    """What forbids it now that its time has come: the state it gets, and why."""
    late = (moment - publication.due_at).total_seconds()
    if late > states.MISSED_AFTER:
        detail = (
            f"It was due at {publication.due_at:%Y-%m-%d %H:%M} UTC, and no worker ran for {late / 3600:.1f} hours."
        )
        return S.NEEDS_HUMAN, Trouble("missed", detail, "Retry to publish it now, or cancel it.")
    refused = preflight.refusals(await service.findings(session, publication, moment))
    if not refused:
        return None
    words = " ".join(found.sentence for found in refused)
    mendable = {found.code for found in refused} <= {"channel", "scope", "token_expires", "not_live"}
    todo = "Connect the channel again, then retry." if mendable else "Change it, or choose another variant."
    doubtful = publication.acted_at is not None  # failed, it would be begun anew: it may be public
    state = S.NEEDS_HUMAN if mendable or doubtful else S.FAILED
    return state, Trouble(f"preflight_{refused[0].code}", words, todo)


async def mine(session: AsyncSession, publication_id: UUID, job_id: UUID) -> Publication:
    """The publication, locked, if it is still this job's."""
    publication = await service.hold(session, publication_id)
    if publication.job_id != job_id or publication.state not in states.UNDER_WAY:
        raise Lost(f"Publication {publication_id} is no longer this job's.")
    return publication


async def begin(session: AsyncSession, publication_id: UUID, job_id: UUID) -> None:
    """Write down that an upload is about to be begun: something that nobody sees."""
    publication = await mine(session, publication_id, job_id)
    publication.state, publication.acted_at = S.BEGUN, None
    publication.asks, publication.ask_at = 0, None
    publication.handle = publication.handle_id = None
    await session.flush()
    await service.record(session, "publication_begun", publication, begins=publication.begins + 1)


async def keep(session: AsyncSession, keys: Keyring, publication_id: UUID, job_id: UUID, handle: Handle) -> None:
    """Keep what leads back to the upload, before anything else is done with it."""
    publication = await mine(session, publication_id, job_id)
    if publication.handle is None:
        publication.begins += 1
    publication.handle = keys.seal(
        json.dumps(handle.as_json()).encode(), _HANDLE, owner=publication.workspace_id, row=publication.id
    )
    publication.handle_id = handle.id[:300]
    await session.flush()
    await service.record(session, "publication_handle_kept", publication, handle=handle.id)


async def move(session: AsyncSession, publication_id: UUID, job_id: UUID, state: S) -> None:
    """How far it has come."""
    publication = await mine(session, publication_id, job_id)
    if publication.state is not state:
        publication.state = state
        await session.flush()
        await service.record(session, f"publication_{state.value.lower()}", publication, handle=publication.handle_id)


async def act(session: AsyncSession, publication_id: UUID, job_id: UUID) -> None:
    """Write down that the platform is about to be asked to make it public. From here on it can't be called off."""
    publication = await mine(session, publication_id, job_id)
    publication.state, publication.acted_at = S.PUBLISHING, await now(session)
    await session.flush()
    await service.record(session, "publication_publishing", publication, handle=publication.handle_id)


async def did_not_act(session: AsyncSession, publication_id: UUID, job_id: UUID) -> None:
    """The platform has said that nothing happened, and it had been asked only once: it is as inert as before."""
    publication = await mine(session, publication_id, job_id)
    publication.state, publication.acted_at = S.READY, None
    await session.flush()
    await service.record(session, "publication_put_off", publication, handle=publication.handle_id)


async def published(session: AsyncSession, publication_id: UUID, job_id: UUID, status: Status) -> Publication:
    """It is public, as the platform says."""
    publication = await mine(session, publication_id, job_id)
    await make_public(session, publication, status)
    return publication


async def make_public(session: AsyncSession, publication: Publication, status: Status) -> None:
    """Write down that it is public, and which post it is, as far as the platform says."""
    free = await is_free(session, publication, status.post_id)
    publication.published_at = publication.checked_at = await now(session)
    publication.external_id = status.post_id if free else None
    publication.aliases = list(status.aliases) if free else []
    publication.url, publication.state, publication.error = status.url, S.PUBLISHED, None
    publication.asks, publication.ask_at = 0, None
    if publication.external_id is None:
        publication.error = Trouble(
            POST_UNKNOWN,
            f"It is public, but which post it is can't be told. {status.detail}".strip(),
            "Confirm it with its address or id, so that it can be measured.",
        ).as_json()
    await session.flush()
    await service.record(
        session,
        "publication_published",
        publication,
        handle=publication.handle_id,
        external_id=publication.external_id,
        url=publication.url,
    )


async def appeared(session: AsyncSession, publication: Publication, status: Status) -> None:
    """It is public after all, although it was called off by somebody who had looked: loudly, and left as it is."""
    where = status.url or status.post_id or "Where it is can't be told"
    publication.asks, publication.ask_at = 0, None
    publication.error = Trouble(
        APPEARED,
        f"It was called off, and {publication.platform.label} says that it is public now: {where}.",
        "Take it down in the platform's own app; or confirm it with its address, and it is followed like the rest.",
    ).as_json()
    await session.flush()
    await service.record(session, "publication_appeared", publication, **publication.error)


async def name_post(session: AsyncSession, publication: Publication, status: Status) -> None:
    """Which post it is, of what is known to be public."""
    publication.external_id, publication.aliases = status.post_id, list(status.aliases)
    publication.url, publication.error = status.url or publication.url, None
    publication.checked_at = await now(session)
    await session.flush()
    await service.record(session, "publication_seen", publication, external_id=publication.external_id)


async def settle(session: AsyncSession, publication_id: UUID, job_id: UUID, state: S, trouble: Trouble) -> None:
    """It isn't public, or only a person can say: why, and what to do."""
    await service.fail(session, await mine(session, publication_id, job_id), state, trouble)


async def abandoned(session: AsyncSession, publication_id: UUID, job_id: UUID, error: dict[str, Any]) -> None:
    """Its job came to nothing: what may be public needs a person, what can't be has failed; neither is silent."""
    publication = await service.hold(session, publication_id)
    if publication.job_id != job_id or publication.state not in {S.SCHEDULED, *states.UNDER_WAY}:
        return
    detail = str(error.get("detail") or "The job that was at it came to nothing.")
    if publication.acted_at is not None:
        await service.fail(session, publication, S.NEEDS_HUMAN, states.doubt(detail))
        return
    trouble = Trouble(str(error.get("code") or "internal"), detail, "Retry, or cancel it.")
    await service.fail(session, publication, S.NEEDS_HUMAN if publication.handle else S.FAILED, trouble)


async def _taken(session: AsyncSession, publication: Publication) -> frozenset[str]:
    others = select(Publication.external_id).where(
        Publication.channel_id == publication.channel_id,
        Publication.id != publication.id,
        Publication.external_id.is_not(None),
        Publication.published_at > await now(session) - timedelta(days=2),
    )
    return frozenset(str(found) for found in await session.scalars(others))


async def is_free(session: AsyncSession, publication: Publication, post_id: str | None) -> bool:
    """Whether the post isn't known as another publication's."""
    same = select(Publication.id).where(
        Publication.platform == publication.platform,
        Publication.external_id == post_id,
        Publication.id != publication.id,
    )
    return post_id is not None and await session.scalar(same) is None


def handle_of(publication: Publication, keys: Keyring) -> Handle | None:
    """What leads back to its upload, if there is one."""
    if publication.handle is None:
        return None
    sealed = keys.unseal(publication.handle, _HANDLE, owner=publication.workspace_id, row=publication.id)
    return Handle.of(json.loads(sealed))


def post_of(publication: Publication) -> Post:
    """The publication in the platforms' words."""
    details = dict(publication.details)
    if "audience" in details:
        details["audience"] = Audience(details["audience"])
    if details.get("trial"):
        details["trial"] = Trial(details["trial"])
    for name in ("tags", "collaborators"):
        if name in details:
            details[name] = tuple(details[name])
    return Post(kind=publication.kind, caption=publication.caption, **details)
