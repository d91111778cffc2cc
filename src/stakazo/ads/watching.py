"""One look at an ad account: whether what is there was approved so, and belongs to a campaign of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, comparing, drift, plan, policy, progress, service, states
from stakazo.ads.comparing import Answer, Difference
from stakazo.ads.launching import LEVELS
from stakazo.ads.models import AdAccount, Campaign
from stakazo.ads.states import CampaignState as S
from stakazo.ads.states import Part
from stakazo.core.db import now
from stakazo.core.security import Keyring
from stakazo.platforms.ads import Live, Run
from stakazo.platforms.base import Account
from stakazo.platforms.errors import PlatformError, Reason, Rejected
from stakazo.platforms.meta_ads import MetaAds

OUTSIDE = "platform/somebody"
"""Who pauses at the platform."""


Marked = tuple[Part, Live]
"""Something that carries our mark, and what it is."""


@dataclass(frozen=True, slots=True)
class Round:
    """What is to be looked at, as it was when the look began."""

    account: Account = field(repr=False)
    prefix: str
    """What the marks of this workspace begin with."""
    ids: dict[UUID, dict[Part, str]]
    seen: dict[UUID, datetime]
    """When each campaign was changed last: one that has been changed since is looked at in the next round."""


async def begin(session: AsyncSession, keys: Keyring, account_id: UUID, job_id: UUID) -> Round | None:
    """What this job has to look at; None where it isn't its turn, or there is nothing."""
    account = await accounts.hold(session, account_id)
    if account.watch_job_id != job_id or account.token is None:
        return None
    found = list(await session.scalars(select(Campaign).where(Campaign.account_id == account_id)))
    watched = [one for one in found if one.state in states.WATCHED and one.ad_id is not None]
    return Round(
        account=accounts.opened(account, keys),
        prefix=plan.prefix(account.workspace_id),
        ids={one.id: progress.ids_of(one) for one in watched},
        seen={one.id: one.updated_at for one in watched},
    )


async def look(meta: MetaAds, round_: Round) -> dict[UUID, dict[Part, Live] | None]:
    """Each campaign's parts as they are; None for one that isn't there any more. One that can't be read is left out."""
    wanted = [(campaign_id, part) for campaign_id in round_.ids for part in Part]
    answers = await meta.get_all([(LEVELS[part], round_.ids[campaign_id][part]) for campaign_id, part in wanted])
    found: dict[UUID, dict[Part, Live] | None] = {campaign_id: {} for campaign_id in round_.ids}
    unread: set[UUID] = set()
    for (campaign_id, part), answer in zip(wanted, answers, strict=True):
        parts = found[campaign_id]
        if isinstance(answer, Live):
            if parts is not None:
                parts[part] = answer
        elif isinstance(answer, Rejected) and answer.reason is Reason.NOT_FOUND and part is not Part.CREATIVE:
            found[campaign_id] = None
        else:
            assert isinstance(answer, PlatformError)
            unread.add(campaign_id)
    return {campaign_id: parts for campaign_id, parts in found.items() if campaign_id not in unread}


def believed(
    round_: Round, found: dict[UUID, dict[Part, Live] | None], marked: Sequence[Marked]
) -> dict[UUID, dict[Part, Live] | None]:
    """Without what is called not there and is listed all the same: Meta says so of what it can't load just now, too."""
    listed = {one.id for _, one in marked}
    return {one: parts for one, parts in found.items() if parts is not None or not listed & {*round_.ids[one].values()}}


async def marked(meta: MetaAds, round_: Round) -> list[Marked]:
    """Whatever carries a mark of this workspace, parents before their parts."""
    return [(part, one) for part in Part for one in await meta.find(LEVELS[part], round_.prefix)]


async def orphans(session: AsyncSession, account_id: UUID, found: Sequence[Marked]) -> list[Marked]:
    """Which of these belong to a campaign of ours that doesn't know them: made by a request that came late.

    A campaign that is being launched may not know yet what it has made; one that stopped in doubt may not know its next
    part. What has the mark of no campaign at all, as after a restore, is left alone.
    """
    rows = list(await session.scalars(select(Campaign).where(Campaign.account_id == account_id)))
    known = {made for one in rows for made in progress.ids_of(one).values()}
    settled = {plan.mark(one.workspace_id, one.id): one for one in rows if one.state not in states.UNDER_WAY}

    def is_orphan(part: Part, one: Live) -> bool:
        owner = next((row for mark, row in settled.items() if mark in one.name), None)
        if owner is None or one.id in known:
            return False
        return owner.state in states.OVER or part in progress.ids_of(owner)

    return [(part, one) for part, one in found if is_orphan(part, one)]


async def judge(session: AsyncSession, campaign_id: UUID, seen: datetime, live: dict[Part, Live] | None) -> Campaign:
    """Write down what the platform says of a campaign, and what follows from it."""
    campaign = await service.hold(session, campaign_id)
    if campaign.updated_at != seen or campaign.state not in states.WATCHED:
        return campaign
    if live is None:
        await _gone(session, campaign)
        return campaign
    await service.reviewed(session, campaign, comparing.review(live))
    differs = comparing.differences(service.approved(campaign, progress.ids_of(campaign)), live)
    match comparing.answer(campaign.state, differs, live):
        case Answer.GONE:
            await _gone(session, campaign)
        case Answer.FOLLOW:
            await _follow(session, campaign, live)
        case Answer.REVERT | Answer.STOP as what:
            await _set_right(session, campaign, differs, stop=what is Answer.STOP)
        case Answer.NOTHING:
            await _settled(session, campaign)
    return campaign


async def _gone(session: AsyncSession, campaign: Campaign) -> None:
    """Archived or deleted at the platform: nothing of it runs."""
    campaign.state, campaign.error, campaign.unanswered = S.ARCHIVED, None, []
    await policy.release(session, campaign, await accounts.get(session, campaign.account_id))
    await service.record(session, "campaign_archived", campaign, outside=True)


async def _follow(session: AsyncSession, campaign: Campaign, live: dict[Part, Live]) -> None:
    """It is to rest here too; where only its ad set or ad was paused, all of it is paused first."""
    campaign.held_by = OUTSIDE
    campaign.error = {
        "code": "paused_outside",
        "detail": "Somebody has paused it at the platform.",
        "todo": "Activate it here, if it is to run on.",
    }
    if live[Part.CAMPAIGN].status != Run.PAUSED:
        campaign.state, campaign.begun_at, campaign.job_id = S.PAUSING, await now(session), None
        await session.flush()
        await service.record(session, "campaign_pause_requested", campaign, outside=True)
        return
    campaign.state = S.PAUSED
    await policy.release(session, campaign, await accounts.get(session, campaign.account_id))
    await service.record(session, "campaign_paused", campaign, outside=True)


async def _set_right(session: AsyncSession, campaign: Campaign, found: tuple[Difference, ...], *, stop: bool) -> None:
    running = campaign.state is S.ACTIVE and not stop
    done = drift.Done.SETTING_RIGHT if running else drift.Done.STOPPING
    trouble = drift.trouble(found, done, campaign.currency)
    await service.record(session, "campaign_drifted", campaign, **trouble.as_json())
    campaign.state = S.ACTIVATING if running else S.PAUSING
    campaign.begun_at, campaign.error, campaign.job_id = await now(session), trouble.as_json(), None
    await session.flush()


async def _settled(session: AsyncSession, campaign: Campaign) -> None:
    """As approved; and its time may be over by now."""
    moment = await now(session)
    if campaign.state is S.ACTIVE and campaign.ends_at is not None and campaign.ends_at <= moment:
        campaign.state = S.COMPLETED
        await policy.release(session, campaign, await accounts.get(session, campaign.account_id))
        await service.record(session, "campaign_completed", campaign)


async def anything(session: AsyncSession, account_id: UUID) -> bool:
    """Whether anything of the account is to be looked at, or will be."""
    lately = await now(session) - timedelta(seconds=states.LATE)
    left = select(Campaign.id).where(
        Campaign.account_id == account_id,
        or_(
            Campaign.state.in_(states.WATCHED | states.UNDER_WAY),
            and_(Campaign.state.in_(states.OVER), Campaign.updated_at > lately),
        ),
    )
    return await session.scalar(left.limit(1)) is not None


async def end(session: AsyncSession, account_id: UUID, job_id: UUID, removed: Sequence[Live]) -> AdAccount | None:
    """The round is over. Gives the account if it is to be looked at again."""
    account = await accounts.hold(session, account_id)
    if account.watch_job_id != job_id:
        return None
    await accounts.watch(session, account, job_id, watched_at=await now(session))
    if removed:
        names = [{"id": one.id, "name": one.name} for one in removed]
        await accounts.record(session, "ad_orphans_removed", account, removed=names)
    if account.token is None or not await anything(session, account_id):
        await accounts.watch(session, account, None)
        return None
    return account
