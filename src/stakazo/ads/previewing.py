"""A dry run: what the platform would refuse, how many people it would reach, what it could cost. Nothing is made."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, guardrails, outside, plan, policy, progress
from stakazo.ads.models import Campaign
from stakazo.ads.plan import Shown
from stakazo.ads.progress import Order
from stakazo.ads.service import NotAllowed
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.platforms.ads import Campaign as Advertised
from stakazo.platforms.ads import Creative, Terms
from stakazo.platforms.base import Account, Platform
from stakazo.platforms.errors import PlatformError, Rejected
from stakazo.publishing.outside import waited_for


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be asked at the platform, and what is known without it."""

    order: Order
    over_limits: list[str]
    needs_second_person: bool
    worst_day: int


@dataclass(frozen=True, slots=True)
class Preview:
    refused: list[str]
    over_limits: list[str]
    needs_second_person: bool
    worst_day: int
    at_most: int
    lowest_reach: int | None
    highest_reach: int | None


async def prepare(session: AsyncSession, keys: Keyring, campaign: Campaign) -> Asked:
    """Ask the guardrails, as they are now."""
    account = await accounts.get(session, campaign.account_id)
    found = await policy.get(session)
    said = policy.limits(found, campaign.currency)
    over = ["Everything was stopped."] if found is not None and found.stopped_at is not None else []
    if said is None:
        over.append(f"Nobody has said what may be spent in {campaign.currency}: PUT /ads/policy.")
    else:
        over += [one.sentence(campaign.currency) for one in await policy.breaches(session, said, campaign, account)]
    limit = said.second_person_above if said else None
    second = limit is not None and campaign.total_budget > limit
    return Asked(
        order=await progress.order(session, keys, campaign, account),
        over_limits=over,
        needs_second_person=second,
        worst_day=guardrails.worst_day(campaign.daily_budget, campaign.total_budget),
    )


async def ask(settings: Settings, asked: Asked) -> Preview:
    """Ask the platform; where it can't be asked, that is said among what it refuses."""
    order, refused, reach = asked.order, list[str](), None
    try:
        async with outside.advertiser(settings, order.account) as meta:
            things: list[Advertised | Creative] = [plan.campaign(order.plan, order.money, order.name), *_boost(order)]
            for thing in things:
                try:
                    await meta.validate(thing)
                except Rejected as error:
                    refused.append(str(error))
            reach = await meta.preview(order.plan.targeting(), order.plan.goal)
    except PlatformError as error:
        refused.append(str(error))
    return Preview(
        refused=refused,
        over_limits=asked.over_limits,
        needs_second_person=asked.needs_second_person,
        worst_day=asked.worst_day,
        at_most=order.money.total,
        lowest_reach=reach.lowest_reach if reach and reach.ready else None,
        highest_reach=reach.highest_reach if reach and reach.ready else None,
    )


async def check(settings: Settings, account: Account, ad_set_id: str, terms: Terms) -> None:
    """Ask whether an ad set that is there could be so. Raises NotAllowed, Conflict, Unavailable."""
    with waited_for(
        "ad account", "whether it would take it", refusal="The platform would refuse it", refused=NotAllowed
    ):
        async with outside.advertiser(settings, account) as meta:
            await meta.validate_terms(ad_set_id, terms)


def _boost(order: Order) -> list[Creative]:
    """The creative of an Instagram post can be checked before anything is there; that of a file needs its upload."""
    if order.post is None or order.post[0] is not Platform.INSTAGRAM:
        return []
    shown = Shown(instagram_media_id=order.post[1])
    return [plan.creative(order.plan, order.name, shown, order.page_id, order.instagram_id)]
