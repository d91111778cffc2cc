"""What the jobs write down about a campaign, each in a transaction of its own, before and after each call outside.

Every verb locks the row and raises `Lost` where it isn't this job's any more: paused, taken over, settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, changing, drift, lateness, plan, policy, service, states
from stakazo.ads.comparing import Approved, Difference
from stakazo.ads.lateness import Unanswered
from stakazo.ads.models import AdAccount, Campaign
from stakazo.ads.plan import Money, Plan
from stakazo.ads.states import CampaignState as S
from stakazo.ads.states import Part
from stakazo.core.db import now
from stakazo.core.security import Keyring
from stakazo.jobs.run import Lost
from stakazo.platforms.ads import Live
from stakazo.platforms.base import Account, Platform
from stakazo.publishing import service as publications
from stakazo.publishing.states import Trouble
from stakazo.variants import service as variants

COLUMNS = {Part.CAMPAIGN: "external_id", Part.AD_SET: "ad_set_id", Part.CREATIVE: "creative_id", Part.AD: "ad_id"}
"""Where the platform's id of each part is kept."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a job has to do, as it was when it began."""

    campaign_id: UUID
    account_id: UUID
    account: Account = field(repr=False)
    page_id: str
    instagram_id: str | None
    mark: str
    name: str
    state: S
    plan: Plan
    money: Money
    approved: Approved
    ids: dict[Part, str]
    making: Part | None
    """What may have been made already, under the mark, without our knowing its id."""
    video_id: str | None
    storage_key: str | None
    post: tuple[Platform, str] | None
    """The post that is boosted."""
    begun_at: datetime
    changing: bool
    """Whether it was changed here, and the platform doesn't say so yet."""
    owing: bool
    """Whether the platform owes an answer to something that lets it spend."""


async def claim(session: AsyncSession, keys: Keyring, campaign_id: UUID, job_id: UUID) -> Order | None:
    """Take a campaign that is to be launched, let run or stopped, or go on with it; None where nothing is to do."""
    campaign = await service.hold(session, campaign_id)
    if campaign.job_id != job_id or campaign.state not in states.UNDER_WAY:
        return None
    account = await accounts.get(session, campaign.account_id)
    if account.token is None:
        trouble = Trouble("disconnected", "Its ad account was disconnected.", "Connect the account again, then retry.")
        await service.fail(session, campaign, S.NEEDS_HUMAN, trouble)
        return None
    return await order(session, keys, campaign, account)


async def order(session: AsyncSession, keys: Keyring, campaign: Campaign, account: AdAccount) -> Order:
    post = storage_key = None
    if campaign.publication_id is not None:
        publication = await publications.get(session, campaign.publication_id)
        post = (publication.platform, str(publication.external_id))
    else:
        storage_key = (await variants.get(session, campaign.variant_id)).storage_key
    wanted, money, ids = service.plan_of(campaign), service.money_of(campaign), ids_of(campaign)
    return Order(
        campaign_id=campaign.id,
        account_id=account.id,
        account=accounts.opened(account, keys),
        page_id=account.page_id,
        instagram_id=account.instagram_id,
        mark=plan.mark(campaign.workspace_id, campaign.id),
        name=campaign.name,
        state=campaign.state,
        plan=wanted,
        money=money,
        approved=service.approved(campaign, ids),
        ids=ids,
        making=campaign.making,
        video_id=campaign.video_id,
        storage_key=storage_key,
        post=post,
        begun_at=campaign.begun_at or campaign.created_at,
        changing=campaign.before is not None,
        owing=bool(campaign.unanswered),
    )


def ids_of(campaign: Campaign) -> dict[Part, str]:
    return {part: value for part, column in COLUMNS.items() if (value := getattr(campaign, column))}


async def mine(session: AsyncSession, campaign_id: UUID, job_id: UUID) -> Campaign:
    """The campaign, locked, if it is still this job's."""
    campaign = await service.hold(session, campaign_id)
    if campaign.job_id != job_id or campaign.state not in states.UNDER_WAY:
        raise Lost(f"Campaign {campaign_id} is no longer this job's.")
    return campaign


# --- launching ----------------------------------------------------------------------------------------------


async def keep_video(session: AsyncSession, campaign_id: UUID, job_id: UUID, video_id: str) -> None:
    """What the platform calls the file."""
    campaign = await mine(session, campaign_id, job_id)
    campaign.video_id = video_id
    await session.flush()
    await service.record(session, "campaign_video_sent", campaign, video_id=video_id)


async def make(session: AsyncSession, campaign_id: UUID, job_id: UUID, part: Part) -> None:
    """Write down that a part is about to be made: something that can't spend."""
    campaign = await mine(session, campaign_id, job_id)
    campaign.making = part
    await session.flush()
    await service.record(session, "campaign_part_begun", campaign, part=part.value)


async def keep(session: AsyncSession, campaign_id: UUID, job_id: UUID, part: Part, made: str, *, found: bool) -> None:
    """Keep the id of what was made, or was found by its mark, before anything else is made."""
    campaign = await mine(session, campaign_id, job_id)
    setattr(campaign, COLUMNS[part], made)
    campaign.making = None
    await session.flush()
    await service.record(session, "campaign_part_made", campaign, part=part.value, external_id=made, found=found)


async def refuse(session: AsyncSession, campaign_id: UUID, job_id: UUID, part: Part) -> None:
    """The platform has refused the part, and has never been asked for it before: nothing of it is there."""
    campaign = await mine(session, campaign_id, job_id)
    campaign.making = None
    await session.flush()
    await service.record(session, "campaign_part_refused", campaign, part=part.value)


async def not_launched(session: AsyncSession, campaign_id: UUID, job_id: UUID, trouble: Trouble) -> None:
    """It came to nothing; where something may have been made of which nobody knows, a person is told."""
    await _not_launched(session, await mine(session, campaign_id, job_id), trouble)


async def launched(session: AsyncSession, campaign_id: UUID, job_id: UUID, review: Mapping[str, Any]) -> Campaign:
    """All of it is there, and paused, as the platform says."""
    campaign = await mine(session, campaign_id, job_id)
    campaign.state, campaign.job_id, campaign.error = S.PAUSED, None, None
    await service.reviewed(session, campaign, review)
    await session.flush()
    ids = {part.value: made for part, made in ids_of(campaign).items()}
    await service.record(session, "campaign_launched", campaign, ids=ids)
    return campaign


# --- letting run, and stopping ------------------------------------------------------------------------------


async def tell(session: AsyncSession, campaign_id: UUID, job_id: UUID, told: Difference) -> None:
    """Write down what the platform is about to be told, and may do though its answer never comes."""
    campaign = await mine(session, campaign_id, job_id)
    _owe(campaign, lateness.tell(lateness.read(campaign.unanswered), told, await now(session)))
    await service.record(session, "campaign_told", campaign, **told.as_json())


async def answered(session: AsyncSession, campaign_id: UUID, job_id: UUID, told: Difference) -> None:
    """The platform has taken or refused what it was told last of this: nothing of that comes later."""
    campaign = await mine(session, campaign_id, job_id)
    _owe(campaign, lateness.answered(lateness.read(campaign.unanswered), told))
    await session.flush()


async def seen(session: AsyncSession, campaign_id: UUID, job_id: UUID, live: Mapping[Part, Live]) -> None:
    """A look shows what has had its effect."""
    campaign = await mine(session, campaign_id, job_id)
    _owe(campaign, lateness.unseen(lateness.read(campaign.unanswered), live))
    await session.flush()


def _owe(campaign: Campaign, left: Sequence[Unanswered]) -> None:
    stored = [one.as_json() for one in left]
    if stored != campaign.unanswered:
        campaign.unanswered = stored


async def arrived(session: AsyncSession, campaign_id: UUID, job_id: UUID, review: Mapping[str, Any]) -> Campaign:
    """It is as was wanted, as the platform says. What doesn't run any more can cost nothing more."""
    campaign = await mine(session, campaign_id, job_id)
    campaign.state, campaign.job_id = states.ARRIVED[campaign.state], None
    campaign.changing, campaign.before, campaign.error = [], None, drift.over(campaign.error)
    await service.reviewed(session, campaign, review)
    account = await accounts.get(session, campaign.account_id)
    if campaign.state is S.ARCHIVED:
        campaign.unanswered = []
    if campaign.state is S.ACTIVE:
        await policy.renew(session, campaign, account)
    else:
        await policy.release(session, campaign, account)
    await session.flush()
    event = {S.ACTIVE: "campaign_activated", S.PAUSED: "campaign_paused", S.ARCHIVED: "campaign_archived"}
    await service.record(
        session, event[campaign.state], campaign, daily_budget=campaign.daily_budget, total_budget=campaign.total_budget
    )
    return campaign


async def settle(session: AsyncSession, campaign_id: UUID, job_id: UUID, state: S, trouble: Trouble) -> Campaign:
    """It rests, is to be stopped, or only a person can say: why, and what to do.

    In the state that it has it goes on as it was approved before what is being changed.
    """
    campaign = await mine(session, campaign_id, job_id)
    campaign.job_id = None
    if state is campaign.state:
        await _take_back(session, campaign, trouble)
        return campaign
    if state is S.NEEDS_HUMAN:
        await service.fail(session, campaign, state, trouble)
        return campaign
    campaign.state, campaign.error, campaign.begun_at = state, trouble.as_json(), await now(session)
    if state is S.PAUSED:
        await policy.release(session, campaign, await accounts.get(session, campaign.account_id))
    await service.record(session, "campaign_refused", campaign, **trouble.as_json())
    return campaign


async def _take_back(session: AsyncSession, campaign: Campaign, trouble: Trouble) -> None:
    wanted = await changing.take_back(session, campaign)
    campaign.error, campaign.begun_at = trouble.as_json(), await now(session)
    await session.flush()
    await service.record(
        session, "campaign_change_refused", campaign, wanted=wanted, daily_budget=campaign.daily_budget,
        total_budget=campaign.total_budget, plan=campaign.plan, **trouble.as_json(),
    )  # fmt: skip


async def abandoned(session: AsyncSession, campaign_id: UUID, job_id: UUID, error: Mapping[str, Any]) -> Campaign:
    """Its job came to nothing: what may run needs a person, a launch has failed; neither is silent."""
    campaign = await service.hold(session, campaign_id)
    if campaign.job_id != job_id or campaign.state not in states.UNDER_WAY:
        return campaign
    detail = str(error.get("detail") or "The job that was at it came to nothing.")
    if campaign.state is S.LAUNCHING:
        trouble = Trouble(str(error.get("code") or "internal"), detail, "Retry: what was made is looked for first.")
        await _not_launched(session, campaign, trouble)
    else:
        campaign.job_id = None
        await service.fail(session, campaign, S.NEEDS_HUMAN, states.doubt(detail))
    return campaign


async def _not_launched(session: AsyncSession, campaign: Campaign, trouble: Trouble) -> None:
    doubtful = campaign.making is not None or trouble.code == "token_expired"
    campaign.job_id = None
    await service.fail(session, campaign, S.NEEDS_HUMAN if doubtful else S.FAILED, trouble)
