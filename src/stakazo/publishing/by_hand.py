"""What a person has posted, or looked for, themselves: recorded, so that it is followed like the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import new_id
from stakazo.core.db import now
from stakazo.core.errors import Conflict, Invalid
from stakazo.jobs import holding
from stakazo.platforms.base import Kind, Platform
from stakazo.publishing import addresses, channels, planning, rights, service, states
from stakazo.publishing.limits import natural_kind
from stakazo.publishing.models import Publication
from stakazo.publishing.states import PublicationState as S
from stakazo.publishing.states import Trouble
from stakazo.variants import service as variants
from stakazo.variants.models import ClipVariant


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a person says that they have posted."""

    variant_id: UUID
    platform: Platform
    channel_id: UUID | None
    external_id: str | None
    url: str | None
    published_at: datetime | None
    caption: str = ""
    kind: Kind | None = None


async def confirm(session: AsyncSession, said: ByHand) -> tuple[Publication, bool]:
    """A person has posted it: from now on it is followed like the rest. Says it, and whether it is new.

    Settles what was doubtful on the same channel. Raises Conflict where the post belongs to another publication, and
    where the same is still to go out by itself: it would be there twice; Invalid where the address isn't a post's.
    """
    said = _read(said)
    variant = await variants.get(session, said.variant_id)
    channel = await channels.hold(session, said.channel_id) if said.channel_id else None
    if channel is not None and channel.platform is not said.platform:
        raise Invalid(f"The channel {channel.name} is at {channel.platform.value}, not at {said.platform.value}.")
    publication, created = await _meant(session, said, variant)
    if publication.state is S.PUBLISHED and not created and not _waits(publication):
        return publication, False
    publication.external_id, publication.url = said.external_id, said.url
    publication.published_at = rights.moment(said.published_at) if said.published_at else await now(session)
    publication.state, publication.error, publication.ask_at = S.PUBLISHED, None, None
    publication.checked_at = None
    publication.caption = said.caption or publication.caption
    await holding.let_go(session, publication)
    await service.flush(session)
    await service.record(session, "publication_confirmed", publication, url=said.url, external_id=said.external_id)
    return publication, created


def _read(said: ByHand) -> ByHand:
    """With the id that the address has in it. Raises Invalid."""
    if not said.url:
        if not said.external_id:
            raise Invalid("Say which post it is: by its address, or by its id at the platform.")
        return said
    try:
        if said.external_id:
            addresses.require_own(said.platform, said.url)
            return said
        return replace(said, external_id=addresses.post_id(said.platform, said.url))
    except addresses.NoAddress as error:
        raise Invalid(str(error)) from error


def _waits(publication: Publication) -> bool:
    """Whether it waits for somebody who says which post it is."""
    unknown = publication.state is S.PUBLISHED and publication.external_id is None and not publication.by_hand
    return publication.state is S.NEEDS_HUMAN or (unknown and publication.error is not None)


async def _meant(session: AsyncSession, said: ByHand, variant: ClipVariant) -> tuple[Publication, bool]:
    """The publication that a person speaks of: what waits for them, the same said before, or a new one."""
    same = select(Publication).where(Publication.variant_id == variant.id, Publication.platform == said.platform)
    where = Publication.channel_id == said.channel_id if said.channel_id else Publication.channel_id.is_(None)
    found = (await session.scalars(same.where(where).order_by(Publication.id).with_for_update())).all()
    for publication in found:
        known = (said.external_id and publication.external_id == said.external_id) or (
            said.url and publication.url == said.url
        )
        if known or _waits(publication):
            return publication, False
    if busy := next((one for one in found if one.state in states.UNDER_WAY), None):
        raise Conflict(f"This is being published right now ({busy.state.value}): wait for it, or cancel it.")
    if waits := next((one for one in found if one.state in states.EDITABLE - {S.DRAFT}), None):
        raise Conflict(
            f"The same is to go out by itself at {waits.due_at:%Y-%m-%d %H:%M} UTC, and would be there twice: cancel "
            "that first."
        )
    once = planning.intent(variant.id, said.channel_id)
    if any(one.intent_key == once and one.state not in states.OVER for one in found):
        once = planning.intent(variant.id, said.channel_id, said.external_id or said.url)
    publication = Publication(
        id=new_id(), variant_id=variant.id, channel_id=said.channel_id, platform=said.platform,
        kind=said.kind or natural_kind(said.platform, variant.width, variant.height, variant.duration),
        state=S.DRAFT, intent_key=once,
        due_at=await now(session), caption=said.caption, author=await service.author(session), by_hand=True, begins=0,
        details={},
    )  # fmt: skip
    session.add(publication)
    return publication, True


# --- what the platform says to it ---------------------------------------------------------------------------


def is_checkable(publication: Publication) -> bool:
    """Whether the platform can be asked if it is there."""
    said = publication.external_id is not None or publication.url is not None
    return publication.state is S.PUBLISHED and publication.channel_id is not None and said


async def is_not_there(session: AsyncSession, publication: Publication) -> None:
    """The platform knows no such post of this account: loudly."""
    which = publication.external_id or publication.url
    detail = f"The platform knows no post {which} on this channel."
    await _doubt(session, publication, Trouble("not_there", detail, "Confirm it with the right address or id."))


async def is_another(session: AsyncSession, publication: Publication) -> None:
    """The post at that address is known as another publication's: loudly."""
    detail = f"{publication.url} is known as another publication."
    await _doubt(session, publication, Trouble("known_as_another", detail, "Confirm it with its own address."))


async def _doubt(session: AsyncSession, publication: Publication, trouble: Trouble) -> None:
    publication.published_at = publication.external_id = publication.url = None
    await service.fail(session, publication, S.NEEDS_HUMAN, trouble)
