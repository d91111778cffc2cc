"""Wishing for a campaign: what is advertised, to whom, for how much; what the platform would refuse is refused here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, findings
from stakazo.ads.models import AdAccount, Campaign
from stakazo.ads.plan import Money, Plan
from stakazo.ads.service import NotAllowed, get, plan_of, record, require_open
from stakazo.ads.states import CampaignState as S
from stakazo.clips.models import Clip
from stakazo.core.actor import new_id
from stakazo.core.db import now
from stakazo.core.errors import Invalid
from stakazo.platforms.ads import PIXELS
from stakazo.platforms.base import Platform
from stakazo.publishing import channels, rights
from stakazo.publishing import service as publications
from stakazo.publishing.models import Publication
from stakazo.publishing.service import author
from stakazo.publishing.states import PublicationState
from stakazo.variants import service as variants
from stakazo.variants.models import ClipVariant, VariantState


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A campaign that somebody wants."""

    account_id: UUID
    name: str
    plan: Plan
    total: int
    """Minor units of the account's currency."""
    daily: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    variant_id: UUID | None = None
    publication_id: UUID | None = None
    """Of the two, one: a file of ours, or a post that is out already."""


async def want(session: AsyncSession, wish: Wish) -> Campaign:
    """Write down a campaign that is to be made, PAUSED. Raises NotAllowed, Conflict, NotFound."""
    account = await accounts.get(session, wish.account_id)
    require_open(account)
    if wish.plan.goal in PIXELS and wish.plan.pixel_id is None:
        wish = replace(wish, plan=replace(wish.plan, pixel_id=account.pixel_id))
    variant, publication = await _shown(session, wish, account)
    money = Money(
        currency=account.currency,
        daily=wish.daily,
        total=wish.total,
        starts_at=moment_of(wish.starts_at),
        ends_at=moment_of(wish.ends_at),
    )
    moment = await now(session)
    refused = [*findings.found(wish.plan, money, moment), *await rights_of(session, variant, wish.plan, money, moment)]
    if refused:
        raise NotAllowed(" ".join(refused))
    campaign = Campaign(
        id=new_id(), variant_id=variant.id, publication_id=publication.id if publication else None,
        account_id=account.id, platform=account.platform, name=wish.name, objective=wish.plan.objective.value,
        state=S.LAUNCHING, daily_budget=money.daily, total_budget=money.total, currency=money.currency,
        starts_at=money.starts_at, ends_at=money.ends_at, plan=wish.plan.as_json(),
        planned_by=await author(session), begun_at=moment,
    )  # fmt: skip
    session.add(campaign)
    await session.flush()
    await record(
        session,
        "campaign_created",
        campaign,
        objective=campaign.objective,
        daily_budget=money.daily,
        total_budget=money.total,
        currency=money.currency,
        plan=campaign.plan,
    )
    return campaign


async def copy_of(session: AsyncSession, campaign_id: UUID) -> Wish:
    """The wish for another campaign like this one, from now on."""
    campaign = await get(session, campaign_id)
    return Wish(
        account_id=campaign.account_id,
        name=f"{campaign.name} (copy)"[:200],
        plan=plan_of(campaign),
        total=campaign.total_budget,
        daily=campaign.daily_budget,
        ends_at=campaign.ends_at,
        variant_id=None if campaign.publication_id else campaign.variant_id,
        publication_id=campaign.publication_id,
    )


async def _shown(session: AsyncSession, wish: Wish, account: AdAccount) -> tuple[ClipVariant, Publication | None]:
    if (wish.variant_id is None) == (wish.publication_id is None):
        raise Invalid("Say what is advertised: either a variant_id, or the publication_id of a post that is out.")
    if wish.publication_id is None:
        assert wish.variant_id is not None
        variant = await variants.get(session, wish.variant_id)
        if variant.state is not VariantState.READY or variant.storage_key is None:
            raise NotAllowed("This variant isn't rendered.")
        return variant, None
    publication = await publications.get(session, wish.publication_id)
    if publication.state is not PublicationState.PUBLISHED or publication.external_id is None:
        raise NotAllowed("Only a post that is public, and of which it is known which it is, can be boosted.")
    if publication.platform not in {Platform.INSTAGRAM, Platform.FACEBOOK} or publication.channel_id is None:
        raise NotAllowed("Only a post on a connected Instagram account or Page can be boosted.")
    channel = await channels.get(session, publication.channel_id)
    if channel.sandbox is not account.sandbox:
        raise NotAllowed("The post and the ad account are of different worlds, sandbox and real.")
    owner = account.instagram_id if publication.platform is Platform.INSTAGRAM else account.page_id
    if channel.external_id != owner:
        raise NotAllowed("The post is of another account than the one the ad account advertises for.")
    return await variants.get(session, publication.variant_id), publication


async def rights_of(
    session: AsyncSession, variant: ClipVariant, wanted: Plan, money: Money, moment: datetime
) -> list[str]:
    """What the rights to the recording forbid of a campaign, in sentences."""
    clip = await session.get_one(Clip, variant.clip_id)
    known = await rights.of_video(session, clip.video_id)
    found = []
    if known.embargo_until is not None and known.embargo_until > max(money.starts_at or moment, moment):
        found.append(f"The recording is under embargo until {known.embargo_until:%Y-%m-%d %H:%M} UTC.")
    if known.territories is not None and (wrong := sorted(wanted.lands - known.territories)):
        found.append(f"There are no rights to the recording for {', '.join(wrong)}.")
    if known.territories is not None and not wanted.lands:
        found.append("There aren't rights to the recording everywhere: say the countries, not an audience alone.")
    return found


def moment_of(given: datetime | None) -> datetime | None:
    """As it is kept."""
    return rights.moment(given) if given is not None else None
