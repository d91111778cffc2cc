"""What people do with audiences of their own: wish for one, put customers on a list, have it removed, find them.

None of these verbs talks to a platform: what does is the job. Locks are taken in one order: the job, the audience.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, gathered, states
from stakazo.ads.gathered import AudienceState, Wanted
from stakazo.ads.models import AdAccount, AdAudience, AdAudienceBatch, Campaign
from stakazo.ads.service import NotAllowed, require_open
from stakazo.core import rows
from stakazo.core.actor import new_id
from stakazo.core.db import keyring_of, now
from stakazo.core.errors import Conflict, Invalid
from stakazo.core.live import publish as tell
from stakazo.core.paging import Key, Page, page
from stakazo.jobs import holding
from stakazo.ledger import service as ledger
from stakazo.platforms import customers
from stakazo.platforms.base import Platform
from stakazo.platforms.crowds import MOST_VIDEOS, Crowd
from stakazo.platforms.customers import Customer
from stakazo.publishing import channels
from stakazo.publishing.models import Publication
from stakazo.publishing.service import author
from stakazo.publishing.states import PublicationState, Trouble


class Unfit(NotAllowed):
    """An audience that can't be made so."""

    code = "audience_refused"


S = AudienceState
PEOPLE = "ad_audience_batches.people"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An audience that somebody wants."""

    account_id: UUID
    name: str
    wanted: Wanted
    variant_ids: tuple[UUID, ...] = ()
    """Whose viewers."""
    publication_ids: tuple[UUID, ...] = ()
    people: tuple[Customer, ...] = ()
    unusable: int = 0
    """Those given besides who can't be found by what is said of them."""
    consent: bool = False
    """Whether whoever wishes says that these people may be advertised to so."""


async def want(session: AsyncSession, wish: Wish) -> AdAudience:
    """Write down an audience that is to be made. Raises Unfit, Conflict, NotFound, Invalid."""
    account = await accounts.get(session, wish.account_id)
    require_open(account)
    wanted = await _settled(session, wish, account)
    called = select(AdAudience.id).where(
        AdAudience.account_id == account.id,
        AdAudience.name == wish.name,
        AdAudience.state.not_in([S.REMOVED, S.FAILED]),
    )
    if await session.scalar(called.limit(1)):
        raise _taken(wish.name)
    audience = AdAudience(
        id=new_id(), account_id=account.id, name=wish.name, crowd=wanted.crowd, state=S.MAKING,
        wanted=wanted.as_json(), planned_by=await author(session), begun_at=await now(session),
    )  # fmt: skip
    session.add(audience)
    await _flush(session, wish.name)
    await record(session, "audience_planned", audience, wanted=audience.wanted)
    if wanted.crowd is Crowd.CUSTOMERS and wish.people:
        await _give(session, audience, wish.people, consent=wish.consent)
    return audience


def _taken(name: str) -> Conflict:
    return Conflict(f"There is an audience called {name!r} already: campaigns tell them apart by their names.")


async def _flush(session: AsyncSession, name: str) -> None:
    """Raises Conflict where somebody else has just taken the name."""
    try:
        async with session.begin_nested():
            await session.flush()
    except IntegrityError as error:
        if "uq_ad_audiences_name" not in str(error):
            raise
        raise _taken(name) from error


async def _settled(session: AsyncSession, wish: Wish, account: AdAccount) -> Wanted:
    """With the account's own Page, Instagram account and pixel, and the platform's ids of the videos."""
    wanted = replace(wish.wanted, page_id=None, instagram_id=None)
    match wanted.crowd:
        case Crowd.PAGE:
            return replace(wanted, page_id=account.page_id)
        case Crowd.INSTAGRAM if account.instagram_id is None:
            raise Unfit("The ad account has no Instagram account: PATCH /ad-accounts/{id} says one.")
        case Crowd.INSTAGRAM:
            return replace(wanted, instagram_id=account.instagram_id)
        case Crowd.WEBSITE:
            pixel = wanted.pixel_id or account.pixel_id
            if pixel is None:
                raise Unfit("Say the pixel_id: the ad account has none of its own.")
            return replace(wanted, pixel_id=pixel)
        case Crowd.VIDEO:
            videos = await _videos(session, wish, account)
            return replace(wanted, page_id=account.page_id, video_ids=tuple(videos))
        case Crowd.CUSTOMERS if wish.people and not wish.consent:
            raise Invalid(CONSENT)
        case Crowd.CUSTOMERS if wish.unusable and not wish.people:
            raise Invalid(NOBODY)
    return wanted


CONSENT = (
    "Say `consent`: that these people may be advertised to by a platform that learns hashes of their addresses and "
    "numbers. Without that nobody's data is sent."
)
NOBODY = "Nobody of these can be found: no address, and no number with its country, can be read."


async def _videos(session: AsyncSession, wish: Wish, account: AdAccount) -> list[str]:
    """What the platform calls the posts and the ads' videos that are meant. Raises Unfit where there are none."""
    posts = list(
        await session.scalars(
            select(Publication).where(
                Publication.id.in_(wish.publication_ids) | Publication.variant_id.in_(wish.variant_ids),
                Publication.state == PublicationState.PUBLISHED,
                Publication.external_id.is_not(None),
            )
        )
    )
    found = list[str]()
    for post in posts:
        if post.platform is Platform.FACEBOOK and post.channel_id is not None:
            channel = await channels.get(session, post.channel_id)
            if channel.external_id == account.page_id and channel.sandbox is account.sandbox:
                found.append(str(post.external_id))
    shown = select(Campaign.video_id).where(
        Campaign.account_id == account.id,
        Campaign.variant_id.in_(wish.variant_ids),
        Campaign.publication_id.is_(None),
        Campaign.video_id.is_not(None),
    )
    found += [str(one) for one in await session.scalars(shown)]
    found = list(dict.fromkeys(found))
    if not found:
        raise Unfit(
            "None of that is a video of the account's Page that is out, or one that an ad of the account shows: only "
            "of those Meta knows the viewers. Who had to do with Instagram is the kind `instagram`."
        )
    if len(found) > MOST_VIDEOS:
        raise Unfit(f"These are {len(found)} videos; Meta takes {MOST_VIDEOS} for one audience.")
    return found


# --- lists of customers -------------------------------------------------------------------------------------


async def add_people(
    session: AsyncSession, audience_id: UUID, people: Sequence[Customer], *, consent: bool
) -> AdAudience:
    """Put more customers on a list. Raises Conflict where it is none, or is gone; Invalid without their consent."""
    audience = await holding.hold_with_job(session, AdAudience, audience_id, "audience")
    if audience.crowd is not Crowd.CUSTOMERS:
        raise Conflict("Only a list of customers takes people; whoever else is in an audience the platform finds.")
    if audience.state not in {S.MAKING, S.MADE}:
        raise Conflict(f"It is {audience.state.value}: nobody can be put on it now.")
    require_open(await accounts.get(session, audience.account_id))
    await _give(session, audience, people, consent=consent)
    if audience.state is S.MADE:
        await _head_for(session, audience, S.MADE)
    return audience


async def _give(session: AsyncSession, audience: AdAudience, people: Sequence[Customer], *, consent: bool) -> None:
    """Keep hashes, sealed, until the platform has them."""
    if not consent:
        raise Invalid(CONSENT)
    known = list(dict.fromkeys(people))
    if not known:
        raise Invalid(NOBODY)
    batch = AdAudienceBatch(id=new_id(), audience_id=audience.id, size=len(known))
    owner = audience.workspace_id
    batch.people = keyring_of(session).seal(customers.packed(known), PEOPLE, owner=owner, row=batch.id)
    session.add(batch)
    audience.given += len(known)
    await session.flush()
    await record(session, "audience_people_given", audience, people=len(known), consent_by=await author(session))


async def forget_people(session: AsyncSession, audience: AdAudience) -> int:
    """Who waits to be sent and won't be; says how many they were."""
    theirs = delete(AdAudienceBatch).where(AdAudienceBatch.audience_id == audience.id)
    lost = sum(await session.scalars(theirs.returning(AdAudienceBatch.size)))
    if lost:
        await record(session, "audience_people_forgotten", audience, people=lost)
    return lost


async def cut_off_all(session: AsyncSession, account_id: UUID) -> None:
    """Its account is being disconnected: for each list whose customers wait. Comes before the account's lock."""
    theirs = select(AdAudienceBatch.audience_id).join(AdAudience, AdAudience.id == AdAudienceBatch.audience_id)
    found = theirs.where(AdAudience.account_id == account_id).distinct().order_by(AdAudienceBatch.audience_id)
    for audience_id in list(await session.scalars(found)):
        await cut_off(session, await holding.hold_with_job(session, AdAudience, audience_id, "audience"))


async def cut_off(session: AsyncSession, audience: AdAudience) -> None:
    """Its account was disconnected: nobody can send who waits, or do what was under way. That isn't silent."""
    lost = await forget_people(session, audience)
    await holding.let_go(session, audience)
    if lost or audience.state in {S.MAKING, S.REMOVING}:
        state = S.FAILED if audience.state is S.FAILED else S.NEEDS_HUMAN
        await fail(session, audience, state, gathered.cut_off(lost))


async def sweep(session: AsyncSession) -> None:
    """Forget customers whom nobody has sent in time; for the machinery."""
    over = delete(AdAudienceBatch).where(AdAudienceBatch.expires_at <= func.clock_timestamp())
    await session.execute(over.execution_options(synchronize_session=False))


# --- removing, and once more --------------------------------------------------------------------------------


async def remove(session: AsyncSession, audience_id: UUID) -> AdAudience:
    """Have it removed at the platform. Twice is once. Raises Conflict while a campaign shows ads to it."""
    audience = await holding.hold_with_job(session, AdAudience, audience_id, "audience")
    if audience.state in {S.REMOVED, S.REMOVING}:
        return audience
    if audience.external_id is not None and (names := await _shown_to(session, audience)):
        raise Conflict(f"Ads are shown to it, or kept from it, by {', '.join(names)}: archive that first.")
    await forget_people(session, audience)
    there = audience.external_id is not None or audience.making
    await _head_for(session, audience, S.REMOVING if there else S.REMOVED)
    await record(session, "audience_removal_requested" if there else "audience_removed", audience)
    return audience


async def _shown_to(session: AsyncSession, audience: AdAudience) -> list[str]:
    """The campaigns that may still run and name it."""
    living = select(Campaign).where(
        Campaign.account_id == audience.account_id, Campaign.state.not_in(states.OVER | {states.S.COMPLETED})
    )
    return [
        repr(one.name)
        for one in await session.scalars(living)
        if any(
            key == audience.external_id
            for kind in ("audiences", "excluded_audiences")
            for key, *_ in one.plan.get(kind, ())
        )
    ]


async def retry(session: AsyncSession, audience_id: UUID) -> AdAudience:
    """Go on with one that came to nothing, or isn't looked at any more: what is there is not made again."""
    audience = await holding.hold_with_job(session, AdAudience, audience_id, "audience")
    unwatched = audience.state is S.MADE and audience.error is not None
    if not unwatched and audience.state not in {S.FAILED, S.NEEDS_HUMAN}:
        raise Conflict(f"Only what came to nothing can be tried again; this is {audience.state.value}.")
    require_open(await accounts.get(session, audience.account_id))
    await _head_for(session, audience, S.MADE if unwatched else S.MAKING)
    await record(session, "audience_retried", audience)
    return audience


async def _head_for(session: AsyncSession, audience: AdAudience, state: S) -> None:
    """The intent, in place of whatever was under way."""
    audience.state, audience.begun_at, audience.error = state, await now(session), None
    await _flush(session, audience.name)
    await holding.let_go(session, audience)


# --- finding ------------------------------------------------------------------------------------------------


async def get(session: AsyncSession, audience_id: UUID) -> AdAudience:
    return await rows.get(session, AdAudience, audience_id, "audience")


async def find(
    session: AsyncSession,
    *,
    states: Sequence[S] | None = None,
    account_id: UUID | None = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[AdAudience]:
    """Audiences that were wished for here; removed ones only where they are asked for."""
    found = select(AdAudience).where(AdAudience.state.in_(states or [one for one in S if one is not S.REMOVED]))
    if account_id is not None:
        found = found.where(AdAudience.account_id == account_id)
    keys: list[Key] = [AdAudience.created_at, AdAudience.id]
    if sort == "newest":
        keys = [AdAudience.created_at.desc(), AdAudience.id.desc()]
    return await page(session, found, keys, cursor, limit)


async def fail(session: AsyncSession, audience: AdAudience, state: S, trouble: Trouble) -> None:
    """It came to nothing, or needs a person: loudly, with why and what to do; and how long its customers wait."""
    theirs = select(func.sum(AdAudienceBatch.size), func.min(AdAudienceBatch.expires_at))
    size, until = (await session.execute(theirs.where(AdAudienceBatch.audience_id == audience.id))).one()
    if size:
        trouble = replace(trouble, todo=f"{trouble.todo} {gathered.waiting(size, until)}")
    audience.state, audience.error = state, trouble.as_json()
    await session.flush()
    event = "audience_needs_human" if state is S.NEEDS_HUMAN else "audience_failed"
    await record(session, event, audience, **trouble.as_json())


async def record(session: AsyncSession, event: str, audience: AdAudience, **data: Any) -> None:
    """In the ledger, and to whoever watches."""
    await ledger.record(
        session,
        event,
        subject=("audience", audience.id),
        name=audience.name,
        crowd=audience.crowd.value,
        ad_account_id=str(audience.account_id),
        **data,
    )
    await tell(session, "audience", audience.id)
