"""What people do with publications: want, approve, change, cancel, retry, confirm, take down, find them.

None of these verbs talks to a platform: what does, are the jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.models import ApiKey
from stakazo.clips.models import Clip
from stakazo.core import rows
from stakazo.core.actor import new_id
from stakazo.core.db import actor_of, now
from stakazo.core.errors import Conflict, Forbidden, Invalid
from stakazo.core.live import publish as tell
from stakazo.core.paging import Page, page
from stakazo.jobs import holding
from stakazo.ledger import service as ledger
from stakazo.platforms.base import Platform
from stakazo.publishing import channels, planning, preflight, rights, slots, states
from stakazo.publishing.models import Publication
from stakazo.publishing.planning import Planned, Wish
from stakazo.publishing.states import Approval, Trouble
from stakazo.publishing.states import PublicationState as S
from stakazo.variants import service as variants
from stakazo.variants.models import ClipVariant


class NotAllowed(Invalid):
    """Preflight refuses it: rights, limits, the channel."""

    code = "preflight_refused"


async def author(session: AsyncSession) -> str:
    """Whoever acts, as `kind/id`; a key that a person made acts for that person."""
    actor = actor_of(session)
    if actor.kind == "api_key":
        maker = await session.scalar(select(ApiKey.made_by).where(ApiKey.id == UUID(actor.id)))
        return f"user/{maker}" if maker else f"api_key/{actor.id}"
    return f"{actor.kind}/{actor.id}"


async def want(session: AsyncSession, wish: Wish, *, draft: bool = False) -> list[tuple[Planned, Publication]]:
    """Write down what is to be published, all of it or nothing; what was wanted before stays as it was.

    Raises NotAllowed where preflight refuses any of it.
    """
    plan = await planning.plan(session, wish)
    refused = [(one, found) for one in plan for found in preflight.refusals(one.findings) if one.existing is None]
    if refused and not draft:
        raise NotAllowed(" ".join(dict.fromkeys(_refusal(one, found.sentence) for one, found in refused)))
    state = states.first_state(await rights.approval(session), draft=draft)
    who = await author(session)
    return [(one, one.existing or await _write(session, one, state, who)) for one in plan]


def _refusal(one: Planned, sentence: str) -> str:
    offer = f" Instead: {', '.join(map(str, one.offers))}." if one.offers else ""
    return f"{one.variant.recipe} on {one.channel.name}: {sentence}{offer}"


async def _write(session: AsyncSession, one: Planned, state: S, who: str) -> Publication:
    publication = Publication(
        id=new_id(), variant_id=one.variant.id, channel_id=one.channel.id, platform=one.channel.platform,
        kind=one.kind, state=state, intent_key=one.intent_key, due_at=one.due_at, caption=one.caption,
        first_comment=one.first_comment, details=dict(one.details), author=who, begins=0, by_hand=False,
    )  # fmt: skip
    session.add(publication)
    await flush(session)
    said = {"due_at": one.due_at.isoformat(), "kind": one.kind.value, "state": state.value}
    await record(session, "publication_created", publication, **said)
    return publication


async def flush(session: AsyncSession) -> None:
    try:
        async with session.begin_nested():
            await session.flush()
    except IntegrityError as error:
        if "uq_publications" not in str(error):
            raise
        raise Conflict("The same publication has just been written down by somebody else. Look again.") from error


# --- before it goes out -------------------------------------------------------------------------------------


async def submit(session: AsyncSession, publication_id: UUID) -> Publication:
    """A draft is meant: it is scheduled, or waits for approval. Raises NotAllowed."""
    publication = await hold(session, publication_id)
    if publication.state is not S.DRAFT:
        raise Conflict(f"Only a draft can be submitted; this is {publication.state.value}.")
    await require_allowed(session, publication)
    publication.state = states.first_state(await rights.approval(session), draft=False)
    await session.flush()
    await record(session, "publication_submitted", publication, state=publication.state.value)
    return publication


async def approve(session: AsyncSession, publication_id: UUID) -> Publication:
    """Agree to it: from now on it goes out at its time. Raises Forbidden, NotAllowed."""
    publication = await hold(session, publication_id)
    if publication.state is not S.AWAITING_APPROVAL:
        raise Conflict(f"Only what awaits approval can be approved; this is {publication.state.value}.")
    approver = await author(session)
    person = approver if actor_of(session).kind == "user" else f"api_key/{actor_of(session).id}"
    if why := states.why_not_approve(await rights.approval(session), publication.author, person):
        raise Forbidden(why)
    await require_allowed(session, publication)
    publication.state, publication.approved_by, publication.approved_at = S.SCHEDULED, approver, await now(session)
    await session.flush()
    await record(session, "publication_approved", publication, by=approver, author=publication.author)
    return publication


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different."""

    at: datetime | None = None
    caption: str | None = None
    first_comment: str | None = None
    details: Mapping[str, Any] | None = None


async def change(session: AsyncSession, publication_id: UUID, wanted: Change) -> Publication:
    """Another time or other words, as long as nothing can be seen; what was approved is to be approved again.

    An upload that lies at the platform has the old words, and is begun anew with the new ones. Raises Conflict,
    NotAllowed.
    """
    publication = await holding.hold_with_job(session, Publication, publication_id, "publication")
    if publication.state not in states.EDITABLE:
        raise Conflict(f"It is {publication.state.value}: only what hasn't begun can be changed.")
    if publication.acted_at is not None:
        raise Conflict(_TOO_LATE[S.NEEDS_HUMAN])
    before = publication.state
    changed: dict[str, Any] = {}
    for name in ("caption", "first_comment", "details"):
        value = getattr(wanted, name)
        if value is not None and value != getattr(publication, name):
            setattr(publication, name, dict(value) if name == "details" else value)
            changed[name] = value
    if wanted.at is not None and (at := rights.moment(wanted.at)) != publication.due_at:
        await _require_room(session, publication, at)
        publication.due_at = at
        changed["due_at"] = at.isoformat()
    if not changed:
        return publication
    if changed.keys() - {"due_at", "first_comment"}:
        publication.handle = publication.handle_id = None
    if before is not S.DRAFT:
        await require_allowed(session, publication)
    unasked = publication.approved_by is None and await rights.approval(session) is Approval.NONE
    if before is S.SCHEDULED and not unasked:
        publication.state, publication.approved_by, publication.approved_at = S.AWAITING_APPROVAL, None, None
    await holding.let_go(session, publication)
    await session.flush()
    await record(session, "publication_changed", publication, changed=changed, state=publication.state.value)
    return publication


async def _require_room(session: AsyncSession, publication: Publication, at: datetime) -> None:
    if publication.channel_id is None:
        return
    channel = await channels.hold(session, publication.channel_id)
    taken = await planning.taken_moments(session, channel, but=publication.id)
    if why := slots.why_not(at, taken, planning.pace_of(channel, publication.kind)):
        raise Conflict(f"{why} Choose another time.")


async def cancel(session: AsyncSession, publication_id: UUID, *, looked: bool = False) -> Publication:
    """Call it off, as long as nobody can have seen it; what lies at the platform expires there. Twice is once.

    What may be public only where a person says that they have looked, and that it isn't there. Raises Conflict.
    """
    publication = await holding.hold_with_job(session, Publication, publication_id, "publication")
    if publication.state is S.CANCELLED:
        return publication
    doubtful = publication.acted_at is not None and publication.state in states.EDITABLE | {S.NEEDS_HUMAN}
    if doubtful and not looked:
        raise Conflict(_TOO_LATE[S.NEEDS_HUMAN])
    if publication.state not in states.CANCELLABLE | {S.NEEDS_HUMAN}:
        raise Conflict(
            _TOO_LATE.get(publication.state, f"It is {publication.state.value}: there is nothing to cancel.")
        )
    publication.state, publication.error, publication.asks = S.CANCELLED, None, 0
    await holding.let_go(session, publication)
    await session.flush()
    by = {"looked": await author(session)} if doubtful else {}
    await record(session, "publication_cancelled", publication, handle=publication.handle_id, **by)
    return publication


_TOO_LATE = {
    S.PUBLISHING: "The platform has been asked to make it public: wait for its answer, then take it down.",
    S.PUBLISHED: "It is public: take it down instead.",
    S.NEEDS_HUMAN: "It may be public: look at the account. Is it there: confirm it. Is it not: retry or cancel it, and "
    "say that you have looked.",
}


async def retry(session: AsyncSession, publication_id: UUID, *, looked: bool = False) -> Publication:
    """Go on with what failed or got stuck, or begin it anew. Raises Conflict where it could be public already.

    What may be public is asked about first, by its old handle. Only where a person says that they have looked, and that
    it isn't there, is it begun anew. What nobody has agreed to who must by now, waits for them.
    """
    publication = await holding.hold_with_job(session, Publication, publication_id, "publication")
    if publication.state not in {S.FAILED, S.NEEDS_HUMAN} or publication.by_hand:
        raise Conflict(f"Only what failed or needs a person can be retried; this is {publication.state.value}.")
    if publication.channel_id is None or not await _is_open(session, publication):
        raise Conflict("The same has been wanted again meanwhile, or its channel is gone.")
    doubtful = publication.acted_at is not None and publication.state is S.NEEDS_HUMAN
    anew = looked or publication.state is S.FAILED
    if anew:
        publication.handle = publication.handle_id = publication.acted_at = None
        publication.begins = 0
    publication.begun_at = publication.ask_at = None
    publication.asks = 0
    await require_allowed(session, publication)
    due_at = await now(session)
    agreed = states.agreed(await rights.approval(session), publication.author, publication.approved_by)
    if not agreed and publication.acted_at is None:
        publication.state = S.AWAITING_APPROVAL
        publication.job_id = publication.approved_by = publication.approved_at = None
    else:
        publication.state = S.SCHEDULED
    publication.error, publication.due_at = None, max(publication.due_at, due_at)
    await flush(session)
    await record(session, "publication_retried", publication, anew=anew, looked=looked and doubtful)
    return publication


async def _is_open(session: AsyncSession, publication: Publication) -> bool:
    others = select(Publication.id).where(
        Publication.intent_key == publication.intent_key,
        Publication.id != publication.id,
        Publication.state.not_in(states.OVER),
    )
    channel = await channels.get(session, publication.channel_id) if publication.channel_id else None
    return channel is not None and channel.token is not None and await session.scalar(others) is None


# --- once it is there ---------------------------------------------------------------------------------------


async def remove(session: AsyncSession, publication_id: UUID) -> Publication:
    """Write down that it is to be taken down; the job does it. Raises Conflict where nothing can be."""
    publication = await hold(session, publication_id)
    if publication.state in {S.REMOVED, S.REMOVING}:
        return publication
    if publication.state is not S.PUBLISHED:
        raise Conflict(f"Only what is public can be taken down; this is {publication.state.value}.")
    if publication.external_id is None or publication.channel_id is None:
        raise Conflict("It isn't known which post it is, or its account isn't connected: take it down in the app.")
    publication.state, publication.error = S.REMOVING, None
    await session.flush()
    await record(session, "publication_removal_requested", publication)
    return publication


# --- finding ------------------------------------------------------------------------------------------------


async def get(session: AsyncSession, publication_id: UUID) -> Publication:
    return await rows.get(session, Publication, publication_id, "publication")


async def find(
    session: AsyncSession,
    *,
    states: Sequence[S] | None = None,
    channel_id: UUID | None = None,
    variant_id: UUID | None = None,
    clip_id: UUID | None = None,
    video_id: UUID | None = None,
    platform: Platform | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    sort: Literal["newest", "due"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Publication]:
    """Publications; `since` and `until` are about when they are due."""
    found = select(Publication)
    if states:
        found = found.where(Publication.state.in_(states))
    for column, value in (
        (Publication.channel_id, channel_id),
        (Publication.variant_id, variant_id),
        (Publication.platform, platform),
    ):
        if value is not None:
            found = found.where(column == value)
    if clip_id is not None:
        found = found.where(Publication.variant_id.in_(select(ClipVariant.id).where(ClipVariant.clip_id == clip_id)))
    if video_id is not None:
        of_video = select(ClipVariant.id).join(Clip, Clip.id == ClipVariant.clip_id).where(Clip.video_id == video_id)
        found = found.where(Publication.variant_id.in_(of_video))
    if since is not None:
        found = found.where(Publication.due_at >= rights.moment(since))
    if until is not None:
        found = found.where(Publication.due_at < rights.moment(until))
    keys = [Publication.due_at, Publication.id]
    if sort == "newest":
        return await page(session, found, [Publication.created_at.desc(), Publication.id.desc()], cursor, limit)
    return await page(session, found, keys, cursor, limit)


async def forbid_loss(session: AsyncSession, variant_ids: Iterable[UUID]) -> None:
    """Raises Conflict where any of these variants was published, or is to be: the record of it stays."""
    kept = select(Publication.id).where(Publication.variant_id.in_(list(variant_ids))).limit(1)
    if await session.scalar(kept) is not None:
        raise Conflict("Something of this was published, or is to be; what a post shows is kept with it.")


async def hold(session: AsyncSession, publication_id: UUID) -> Publication:
    """The publication, locked."""
    return await rows.hold(session, Publication, publication_id, "publication")


async def require_allowed(session: AsyncSession, publication: Publication) -> None:
    """Raises NotAllowed where preflight refuses it at its time."""
    found = preflight.refusals(await findings(session, publication, max(publication.due_at, await now(session))))
    if found:
        raise NotAllowed(" ".join(one.sentence for one in found))


async def findings(session: AsyncSession, publication: Publication, at: datetime) -> tuple[preflight.Finding, ...]:
    """Everything that speaks against it at this moment."""
    assert publication.channel_id is not None
    variant = await variants.get(session, publication.variant_id)
    channel = await channels.get(session, publication.channel_id)
    words = planning.words_of(publication.caption, publication.first_comment, publication.details)
    return await planning.judge(session, variant, channel, publication.kind, words, at)


async def fail(session: AsyncSession, publication: Publication, state: S, trouble: Trouble) -> None:
    """It did not go out: loudly, with why and what to do."""
    publication.state, publication.error = state, trouble.as_json()
    await session.flush()
    event = "publication_needs_human" if state is S.NEEDS_HUMAN else "publication_failed"
    await record(session, event, publication, **trouble.as_json())


async def record(session: AsyncSession, event: str, publication: Publication, **data: Any) -> None:
    """In the ledger, with what leads back to the clip; and to whoever watches."""
    variant = await variants.get(session, publication.variant_id)
    await ledger.record(
        session,
        event,
        subject=("publication", publication.id),
        variant_id=str(publication.variant_id),
        clip_id=str(variant.clip_id),
        channel_id=str(publication.channel_id) if publication.channel_id else None,
        platform=publication.platform.value,
        **data,
    )
    await tell(session, "publication", publication.id)
