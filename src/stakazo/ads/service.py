"""What people do with campaigns that are wished for (`wishing`): let run, pause, archive, find them.

None of these verbs talks to a platform: what does, are the jobs. Locks are taken in one order: the job, the campaign,
the workspace's policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, comparing, plan, policy, states
from stakazo.ads.comparing import Approved
from stakazo.ads.models import AdAccount, Campaign
from stakazo.ads.plan import Money, Plan
from stakazo.ads.states import CampaignState as S
from stakazo.ads.states import Part
from stakazo.core import rows
from stakazo.core.db import actor_of, now
from stakazo.core.errors import Conflict, Forbidden, Invalid
from stakazo.core.live import publish as tell
from stakazo.core.paging import Key, Page, page
from stakazo.jobs import holding
from stakazo.ledger import service as ledger
from stakazo.publishing.service import author
from stakazo.publishing.states import Trouble
from stakazo.variants import service as variants


class NotAllowed(Invalid):
    """The platform's rules, or the rights to the recording, refuse it."""

    code = "campaign_refused"


def require_open(account: AdAccount) -> None:
    """Raises Conflict for an account that can't be used now."""
    if account.token is None:
        raise Conflict(f"The ad account {account.name} was disconnected. Connect it again.")
    if account.error is not None:
        raise Conflict(f"The ad account {account.name} must be connected again: {account.error.get('detail', '')}")
    if not (account.sandbox or account.live):
        raise Conflict("This is a real ad account, and no person has let it live: POST /ad-accounts/{id}/live.")


# --- money ------------------------------------------------------------------------------------------------------


async def activate(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Let it run as it is planned: the intent, what it may cost and who says so are written together.

    Raises Conflict, Forbidden where a second person must agree, OverLimit, Stopped.
    """
    campaign = await holding.hold_with_job(session, Campaign, campaign_id, "campaign")
    if campaign.state in {S.ACTIVE, S.ACTIVATING}:
        return campaign
    if campaign.state is not S.PAUSED:
        raise Conflict(f"Only what is paused can be let run; this is {campaign.state.value}.")
    moment = await now(session)
    if campaign.ends_at is not None and campaign.ends_at <= moment:
        raise Conflict("Its time is over: duplicate it with another end.")
    account = await accounts.get(session, campaign.account_id)
    require_open(account)
    who = await author(session)
    await require_agreed(session, campaign, campaign.total_budget)
    await policy.commit_to(session, campaign, account)
    campaign.state, campaign.activated_by, campaign.activated_at = S.ACTIVATING, who, moment
    campaign.begun_at, campaign.error, campaign.held_by = moment, None, None
    await session.flush()
    await record(
        session, "campaign_approved", campaign, by=who, planned_by=campaign.planned_by,
        daily_budget=campaign.daily_budget, total_budget=campaign.total_budget, currency=campaign.currency,
    )  # fmt: skip
    return campaign


async def require_agreed(session: AsyncSession, campaign: Campaign, total: int) -> None:
    """Raises Forbidden where whoever acts may not let so much money flow alone."""
    said = policy.limits(await policy.get(session), campaign.currency)
    who = await author(session)
    person = who if actor_of(session).kind == "user" else f"{actor_of(session).kind}/{actor_of(session).id}"
    limit = said.second_person_above if said else None
    if why := states.why_not_activate(total, limit, campaign.planned_by, person):
        raise Forbidden(why)


async def pause(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Stop it: always allowed, and told to the platform until that says so. Twice is once.

    What a person stops, or what a rule has stopped before they came, no rule lets run again: they do.
    """
    campaign = await holding.hold_with_job(session, Campaign, campaign_id, "campaign")
    if campaign.state in {S.PAUSED, S.PAUSING}:
        if await _keep_still(session, campaign):
            await session.flush()
            await record(session, "campaign_held", campaign, by=campaign.held_by)
        return campaign
    if campaign.state not in {S.ACTIVE, S.ACTIVATING, S.NEEDS_HUMAN, S.COMPLETED}:
        raise Conflict(f"It is {campaign.state.value}: nothing of it runs.")
    if campaign.ad_id is None:
        raise Conflict("Not all of it was made, so nothing of it can run: retry it, or archive it.")
    await _keep_still(session, campaign)
    await head_for(session, campaign, S.PAUSING)
    await record(session, "campaign_pause_requested", campaign, held_by=campaign.held_by)
    return campaign


async def _keep_still(session: AsyncSession, campaign: Campaign) -> bool:
    """Whoever pauses by hand means it until somebody lets it run; says whether that is new."""
    if campaign.held_by is not None or actor_of(session).kind not in {"user", "api_key"}:
        return False
    campaign.held_by = await author(session)
    return True


async def archive(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Put it away: what runs is stopped, and it can't be let run again. Twice is once."""
    campaign = await holding.hold_with_job(session, Campaign, campaign_id, "campaign")
    if campaign.state in {S.ARCHIVED, S.ARCHIVING}:
        return campaign
    if campaign.state is S.LAUNCHING:
        raise Conflict("It is being made at the platform, paused; wait until that has ended.")
    if campaign.external_id is None and campaign.making is None:
        campaign.state, campaign.error = S.ARCHIVED, None
        await session.flush()
        await record(session, "campaign_archived", campaign)
        return campaign
    if campaign.external_id is None:
        raise Conflict("It isn't known what was made of it at the platform: retry it first, then archive it.")
    await head_for(session, campaign, S.ARCHIVING)
    await record(session, "campaign_archive_requested", campaign)
    return campaign


async def retry(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Go on with a launch that failed or got stuck: what was made is looked for, and not made again."""
    campaign = await holding.hold_with_job(session, Campaign, campaign_id, "campaign")
    made = campaign.ad_id is not None and campaign.state is not S.FAILED
    if campaign.state not in {S.FAILED, S.NEEDS_HUMAN} or made:
        raise Conflict(f"Only a launch that came to nothing can be retried; this is {campaign.state.value}.")
    require_open(await accounts.get(session, campaign.account_id))
    await head_for(session, campaign, S.LAUNCHING)
    await record(session, "campaign_retried", campaign)
    return campaign


async def head_for(session: AsyncSession, campaign: Campaign, state: S) -> None:
    """The intent, in place of whatever was under way."""
    campaign.state, campaign.begun_at, campaign.error = state, await now(session), None
    await holding.let_go(session, campaign)


# --- finding ------------------------------------------------------------------------------------------------


async def get(session: AsyncSession, campaign_id: UUID) -> Campaign:
    return await rows.get(session, Campaign, campaign_id, "campaign")


async def find(
    session: AsyncSession,
    *,
    states: Sequence[S] | None = None,
    account_id: UUID | None = None,
    variant_id: UUID | None = None,
    publication_id: UUID | None = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Campaign]:
    """Campaigns, the newest first unless asked otherwise."""
    found = select(Campaign)
    if states:
        found = found.where(Campaign.state.in_(states))
    for column, value in (
        (Campaign.account_id, account_id),
        (Campaign.variant_id, variant_id),
        (Campaign.publication_id, publication_id),
    ):
        if value is not None:
            found = found.where(column == value)
    keys: list[Key] = [Campaign.created_at, Campaign.id]
    if sort == "newest":
        keys = [Campaign.created_at.desc(), Campaign.id.desc()]
    return await page(session, found, keys, cursor, limit)


async def hold(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """The campaign, locked."""
    return await rows.hold(session, Campaign, campaign_id, "campaign")


def plan_of(campaign: Campaign) -> Plan:
    return Plan.of(campaign.plan)


def money_of(campaign: Campaign) -> Money:
    return Money(
        currency=campaign.currency,
        daily=campaign.daily_budget,
        total=campaign.total_budget,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
    )


def approved(campaign: Campaign, ids: Mapping[Part, str]) -> Approved:
    """What the platform should say of it, by the ids of its parts there."""
    shows = (campaign.review or {}).get("shows")
    return plan.approved(campaign.state, plan_of(campaign), money_of(campaign), ids, shows, campaign.changing)


async def reviewed(session: AsyncSession, campaign: Campaign, review: Mapping[str, Any]) -> None:
    """What the platform says of it now; a review that refuses it, or does so no more, is told once."""
    known = campaign.review or {}
    before, says = known.get("says"), review["says"]
    campaign.review = {**review, "shows": known.get("shows") or review.get("shows")}  # as when it was made
    if says == before or not {says, before} & comparing.REFUSED:
        return
    if says in comparing.REFUSED:
        trouble = states.disapproved(review["issues"]).as_json()
        campaign.error = campaign.error or trouble
        await record(session, "campaign_disapproved", campaign, **trouble)
    else:
        await record(session, "campaign_reviewed", campaign, says=says)


async def fail(session: AsyncSession, campaign: Campaign, state: S, trouble: Trouble) -> None:
    """It came to nothing, or needs a person: loudly, with why and what to do."""
    campaign.state, campaign.error = state, trouble.as_json()
    await session.flush()
    event = "campaign_needs_human" if state is S.NEEDS_HUMAN else "campaign_failed"
    await record(session, event, campaign, **trouble.as_json())


async def record(session: AsyncSession, event: str, campaign: Campaign, **data: Any) -> None:
    """In the ledger, on the thread of the clip, whoever acts and on whatever errand; and to whoever watches."""
    variant = await variants.get(session, campaign.variant_id)
    await ledger.record(
        session,
        event,
        subject=("campaign", campaign.id),
        actor=await ledger.on_thread(session, "clip", variant.clip_id),
        variant_id=str(campaign.variant_id),
        clip_id=str(variant.clip_id),
        publication_id=str(campaign.publication_id) if campaign.publication_id else None,
        ad_account_id=str(campaign.account_id),
        platform=campaign.platform,
        **data,
    )
    await tell(session, "campaign", campaign.id)
