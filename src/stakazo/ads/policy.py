"""What a workspace may spend, and the one place where a campaign is let spend: checked and written under one lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, guardrails, lateness
from stakazo.ads.guardrails import Commitment, Limits
from stakazo.ads.models import AdAccount, AdCommitment, AdPolicy, Campaign
from stakazo.ads.states import CampaignState as S
from stakazo.core.actor import new_id
from stakazo.core.db import actor_of, now
from stakazo.core.errors import Conflict, Invalid
from stakazo.ledger import service as ledger

_LOOK_BACK = timedelta(days=40)
"""What ended longer ago is of no month that can still be spent in."""


class OverLimit(Invalid):
    """A guardrail doesn't let it."""

    code = "over_limit"


class Stopped(Conflict):
    """Everything was stopped."""

    code = "ads_stopped"


async def hold(session: AsyncSession) -> AdPolicy:
    """The workspace's policy, locked: whoever lets money flow waits here for the others."""
    await session.execute(insert(AdPolicy).values(id=new_id()).on_conflict_do_nothing())
    found = select(AdPolicy).with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(found)).one()


async def get(session: AsyncSession) -> AdPolicy | None:
    """The policy as it is; None where nobody has said anything, and nothing may be spent."""
    return (await session.scalars(select(AdPolicy))).one_or_none()


def limits(policy: AdPolicy | None, currency: str) -> Limits | None:
    """What may be spent in a currency; None: nothing, since nobody has said how much."""
    said = policy.limits.get(currency) if policy is not None else None
    return Limits(**said) if said is not None else None


async def say(session: AsyncSession, wanted: dict[str, Limits]) -> AdPolicy:
    """Say what may be spent, by currency, from now on. What runs goes on; what exceeds it is not let run again."""
    policy = await hold(session)
    before = policy.limits
    policy.limits = {
        currency: {name: value for name, value in asdict(said).items() if value is not None}
        for currency, said in sorted(wanted.items())
    }
    await session.flush()
    if policy.limits != before:
        await _record(session, "ad_limits_set", limits=policy.limits, before=before)
    return policy


async def stop(session: AsyncSession, *, by: str | None) -> AdPolicy:
    """Let nothing spend any more (`by`: who stops it), or let it again (None). Pausing what runs is the caller's."""
    policy = await hold(session)
    if (policy.stopped_at is None) == (by is None):
        return policy
    policy.stopped_at, policy.stopped_by = (await now(session), by) if by else (None, None)
    await session.flush()
    await _record(session, "ads_stopped" if by else "ads_released", by=by)
    return policy


async def commit_to(session: AsyncSession, campaign: Campaign, account: AdAccount, *, less: bool = False) -> None:
    """Write down what the campaign may cost from now on, if the workspace's limits then hold. Holds the policy.

    What it could cost before counts on, until the platform says that it runs as it is now to (`renew`).

    Args:
        less: It runs already and is to cost less: that is always allowed.

    Raises OverLimit, Stopped.
    """
    policy = await hold(session)
    if policy.stopped_at is not None:
        raise Stopped("Everything was stopped (POST /ads/stop). Release that first, or leave it so.")
    said = limits(policy, campaign.currency)
    if said is None and not less:
        raise OverLimit(
            f"Nobody has said what may be spent in {campaign.currency}, so nothing may. PUT /ads/policy says it."
        )
    if said is not None and not less and (found := await breaches(session, said, campaign, account)):
        sentences = [*(one.sentence(campaign.currency) for one in found), guardrails.remedy(found)]
        raise OverLimit(" ".join(sentences) + await _kept_rooms(session, campaign.currency))
    await _commit(session, campaign, account)


async def _kept_rooms(session: AsyncSession, currency: str) -> str:
    """What else to know where a limit is reached: who takes room and doesn't run."""
    keeps = select(AdCommitment.campaign_id).where(AdCommitment.ended_at.is_(None), AdCommitment.currency == currency)
    found = select(Campaign.name).where(Campaign.state == S.PAUSED, Campaign.id.in_(keeps)).order_by(Campaign.name)
    names = (await session.scalars(found)).all()
    if not names:
        return ""
    some = f"{', '.join(names[:5])}{' and others' if len(names) > 5 else ''}"
    return (
        f" These are paused, and counted all the same, since a request that lets them spend was never answered and may "
        f"come late: {some}. Archiving one frees its room."
    )


async def go_on(session: AsyncSession, campaign: Campaign, account: AdAccount) -> None:
    """It runs on with what was agreed to before a change that came to nothing: that counts. Holds the policy."""
    await hold(session)
    await _commit(session, campaign, account)


async def _commit(session: AsyncSession, campaign: Campaign, account: AdAccount) -> None:
    wanted = await _wanted(session, campaign, account)
    session.add(
        AdCommitment(
            id=new_id(),
            campaign_id=campaign.id,
            currency=campaign.currency,
            per_day=wanted.per_day,
            total=wanted.total,
            first_day=wanted.first,
            last_day=wanted.last,
        )
    )
    await session.flush()


async def breaches(
    session: AsyncSession, said: Limits, campaign: Campaign, account: AdAccount
) -> list[guardrails.Breach]:
    """The limits that would not hold if this campaign were let run now."""
    await _free_late(session, campaign.currency)
    held = await _held(session, campaign.currency, account)
    wanted = await _wanted(session, campaign, account)
    return guardrails.breaches(said, held, wanted, open_campaigns=await _open(session, campaign.currency))


async def release(session: AsyncSession, campaign: Campaign, account: AdAccount) -> None:
    """The platform says that it doesn't run any more: today still counts; what may come late keeps its room."""
    if not await _may_come(session, campaign):
        await _end(session, await _running(session, campaign), account)


async def renew(session: AsyncSession, campaign: Campaign, account: AdAccount) -> None:
    """The platform says that it runs as was approved last: what was approved before counts for today still."""
    if not await _may_come(session, campaign):
        await _end(session, (await _running(session, campaign))[:-1], account)


async def _may_come(session: AsyncSession, campaign: Campaign) -> bool:
    """Whether a request that lets it spend was never answered, and may have its effect yet."""
    until = lateness.until(campaign.unanswered)
    return until is not None and until > await now(session)


async def _free_late(session: AsyncSession, currency: str) -> None:
    """End what was kept for requests that can't come any more: from their last moment on, whoever can see it or not."""
    keeps = select(AdCommitment.campaign_id).where(AdCommitment.ended_at.is_(None), AdCommitment.currency == currency)
    resting = Campaign.state.in_({S.ACTIVE, S.PAUSED, S.COMPLETED})
    for campaign in await session.scalars(select(Campaign).where(Campaign.id.in_(keeps), resting)):
        until = lateness.until(campaign.unanswered)
        if until is not None and until <= await now(session):
            kept = await _running(session, campaign)
            account = await accounts.get(session, campaign.account_id)
            await _end(session, kept[:-1] if campaign.state is S.ACTIVE else kept, account, at=until)


async def _running(session: AsyncSession, campaign: Campaign) -> Sequence[AdCommitment]:
    """What it may cost now, the newest last."""
    found = select(AdCommitment).where(AdCommitment.campaign_id == campaign.id, AdCommitment.ended_at.is_(None))
    return (await session.scalars(found.order_by(AdCommitment.created_at, AdCommitment.id).with_for_update())).all()


async def _end(
    session: AsyncSession, commitments: Sequence[AdCommitment], account: AdAccount, *, at: datetime | None = None
) -> None:
    moment = at or await now(session)
    today = accounts.day(account, moment)
    for one in commitments:
        one.ended_at = moment
        one.last_day = max(one.first_day, min(one.last_day or today, today))
    await session.flush()


async def _wanted(session: AsyncSession, campaign: Campaign, account: AdAccount) -> Commitment:
    moment = await now(session)
    first = accounts.day(account, max(campaign.starts_at or moment, moment))
    said = lateness.Cost(campaign.daily_budget, campaign.total_budget, campaign.ends_at)
    worst = lateness.worst(lateness.read(campaign.unanswered), said, moment)
    return Commitment(
        campaign=str(campaign.id),
        per_day=guardrails.worst_day(worst.daily, worst.total),
        total=worst.total,
        # It may be let run at once all the same, if somebody changes its start at the platform.
        first=min(first, accounts.day(account, moment)),
        last=accounts.day(account, worst.ends_at) if worst.ends_at else None,
    )


async def _held(session: AsyncSession, currency: str, account: AdAccount) -> list[Commitment]:
    since = accounts.day(account, await now(session)) - _LOOK_BACK
    rows = await session.scalars(
        select(AdCommitment).where(
            AdCommitment.currency == currency, (AdCommitment.last_day.is_(None)) | (AdCommitment.last_day >= since)
        )
    )
    return [Commitment(str(one.campaign_id), one.per_day, one.total, one.first_day, one.last_day) for one in rows]


async def _open(session: AsyncSession, currency: str) -> frozenset[str]:
    """The campaigns that may still spend."""
    running = select(AdCommitment.campaign_id).where(AdCommitment.ended_at.is_(None), AdCommitment.currency == currency)
    return frozenset(str(one) for one in await session.scalars(running))


async def _record(session: AsyncSession, event: str, **data: Any) -> None:
    await ledger.record(session, event, subject=("workspace", actor_of(session).workspace_id), **data)
