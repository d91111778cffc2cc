"""Rules applied to campaigns: each decision is written down with the numbers it came from, and can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, changing, policy, rules, service
from stakazo.ads.changing import Change
from stakazo.ads.models import AdMetric, AdPolicy, Campaign
from stakazo.ads.rules import Action, Decision, Figures, Metric, Rule, Simulated, Subject
from stakazo.ads.states import CampaignState as S
from stakazo.core.actor import new_id
from stakazo.core.db import actor_of, now
from stakazo.core.errors import Conflict, StakazoError
from stakazo.jobs import holding
from stakazo.ledger import service as ledger


def of(found: AdPolicy | None) -> list[Rule]:
    """A workspace's rules, in the order in which they are asked."""
    return [
        Rule(**one | {"action": Action(one["action"]), "metric": Metric(one["metric"])})
        for one in (found.rules if found is not None else [])
    ]


async def say(session: AsyncSession, wanted: Sequence[Rule]) -> AdPolicy:
    """Say by which rules campaigns are paused, scaled, revived and put away, from now on."""
    found = await policy.hold(session)
    before, found.rules = found.rules, [asdict(one) for one in wanted]
    await session.flush()
    if found.rules != before:
        subject = ("workspace", actor_of(session).workspace_id)
        await ledger.record(session, "ad_rules_set", subject=subject, rules=found.rules, before=before)
    return found


async def apply(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Let the rules decide about a campaign, and do what they say, as far as limits and people allow."""
    campaign = await service.get(session, campaign_id)
    found = await policy.get(session)
    limits = policy.limits(found, campaign.currency)
    asked = [*rules.stop_loss(limits.stop_loss if limits else None), *of(found)]
    if not asked:
        return campaign
    campaign = await holding.hold_with_job(session, Campaign, campaign_id, "campaign")
    if campaign.state not in {S.ACTIVE, S.PAUSED}:
        return campaign
    account = await accounts.get(session, campaign.account_id)
    today = accounts.day(account, await now(session))
    decision = rules.decide(asked, await subject(session, campaign), today)
    if decision is None:
        return campaign
    before = _money(campaign)
    refused = None
    try:
        async with session.begin_nested():
            await _do(session, campaign, decision)
    except StakazoError as error:
        refused = str(error)
        await session.refresh(campaign)
    said = {
        "id": str(new_id()), "rule": decision.rule, "action": decision.action.value, "day": today.isoformat(),
        "at": (await now(session)).isoformat(), "numbers": decision.numbers, "before": before,
        "after": _money(campaign), "refused": refused, "undone": False,
    }  # fmt: skip
    campaign.decision = said
    await session.flush()
    await service.record(session, "campaign_rule_refused" if refused else "campaign_rule_applied", campaign, **said)
    return campaign


async def _do(session: AsyncSession, campaign: Campaign, decision: Decision) -> None:
    match decision.action:
        case Action.PAUSE:
            await service.pause(session, campaign.id)
        case Action.REVIVE:
            await service.activate(session, campaign.id)
        case Action.SUNSET:
            await service.archive(session, campaign.id)
        case Action.SCALE:
            await changing.change(session, campaign.id, Change(daily=decision.daily, total=decision.total))


async def undo(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Take back what a rule has decided last; no rule touches the campaign for a week then.

    Raises Conflict where nothing can be taken back, and what letting it run raises.
    """
    campaign = await holding.hold_with_job(session, Campaign, campaign_id, "campaign")
    said = campaign.decision
    if said is None or said["undone"] or said["refused"]:
        raise Conflict("No rule has decided anything about it that could be undone.")
    match Action(said["action"]):
        case Action.PAUSE:
            if not _paused_since(campaign):
                raise Conflict("It has been let run since the rule paused it: nothing is left to undo.")
            await service.activate(session, campaign_id)
        case Action.REVIVE:
            await service.pause(session, campaign_id)
        case Action.SCALE:
            if _money(campaign) != said.get("after"):
                raise Conflict("Its budget was changed since the rule scaled it: nothing is left to undo.")
            before = said["before"]
            await changing.change(
                session, campaign_id, Change(daily=before["daily_budget"], total=before["total_budget"])
            )
        case Action.SUNSET:
            raise Conflict("What was put away can't be let run again: duplicate it.")
    campaign.decision = {**said, "undone": True}
    await session.flush()
    await service.record(session, "campaign_rule_undone", campaign, rule=said["rule"], action=said["action"])
    return campaign


async def simulate(
    session: AsyncSession, campaign_id: UUID, wanted: Sequence[Rule] | None
) -> tuple[list[Simulated], int]:
    """What these rules, or the workspace's own, would have done with what a campaign has brought; and saved."""
    campaign = await service.get(session, campaign_id)
    asked = list(wanted) if wanted is not None else of(await policy.get(session))
    return rules.simulate(asked, await subject(session, campaign))


async def subject(session: AsyncSession, campaign: Campaign) -> Subject:
    """The campaign as rules see it: of each day what was last said."""
    rows = await session.scalars(
        select(AdMetric)
        .ext(distinct_on(AdMetric.day))
        .where(AdMetric.campaign_id == campaign.id)
        .order_by(AdMetric.day, AdMetric.sampled_at.desc())
    )
    said: dict[str, Any] = campaign.decision or {}
    return Subject(
        running=campaign.state is S.ACTIVE,
        paused_by_rule=_paused_since(campaign) and not said.get("undone"),
        daily=campaign.daily_budget,
        total=campaign.total_budget,
        by_day={one.day: _figures(one) for one in rows},
        decided_on=date.fromisoformat(said["day"]) if said else None,
        refused=Action(said["action"]) if said.get("refused") else None,
        undone=bool(said.get("undone")),
        held=campaign.held_by is not None,
    )


def _paused_since(campaign: Campaign) -> bool:
    """Whether a rule has paused it, and nobody has let it run since: then it would rest for another reason."""
    said: dict[str, Any] = campaign.decision or {}
    if said.get("action") != Action.PAUSE or said.get("refused") or "at" not in said:
        return False
    return campaign.activated_at is None or campaign.activated_at <= datetime.fromisoformat(said["at"])


def _money(campaign: Campaign) -> dict[str, int | None]:
    return {"daily_budget": campaign.daily_budget, "total_budget": campaign.total_budget}


def _figures(one: AdMetric) -> Figures:
    worth = one.value if one.value is not None or one.conversions else 0  # no purchases are worth nothing
    return Figures(one.spend, one.impressions, one.clicks, one.views, one.conversions, worth, one.thruplays)
