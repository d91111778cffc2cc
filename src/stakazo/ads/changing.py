"""Changing a campaign that is at the platform already: its money, people, times and bids. What it shows stays.

The row says what is wanted from then on, in the transaction in which limits and people agree to it; the platform is
told until it says the same. What isn't said here is never assigned: what changes elsewhere stops it (`watching`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, findings, guardrails, plan, policy, service, wishing
from stakazo.ads.models import Campaign
from stakazo.ads.plan import Money, Plan
from stakazo.ads.service import NotAllowed
from stakazo.ads.states import CampaignState as S
from stakazo.ads.states import Part
from stakazo.core.db import now
from stakazo.core.errors import Conflict, Invalid
from stakazo.jobs import holding
from stakazo.platforms.ads import CAPS, Bid, Goal, Terms
from stakazo.publishing.service import author
from stakazo.variants import service as variants

BIDS = frozenset({"bid", "bid_amount", "min_roas"})
PLACES = frozenset({"countries", "regions", "cities", "zips", "around"})
DSA = frozenset({"dsa_beneficiary", "dsa_payor"})
PEOPLE = PLACES | {
    "age_min", "age_max", "genders", "interests", "audiences", "excluded_audiences", "locales", "placements",
    "facebook_positions", "instagram_positions", "widen",
}  # fmt: skip
"""What of a plan decides whom it is shown to, and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be different; None stays as it is."""

    name: str | None = None
    daily: int | None = None
    total: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    plan: Mapping[str, Any] = field(default_factory=dict)
    """Members of a plan, of `BIDS`, `DSA`, `PEOPLE`, and `hours`."""

    @property
    def terms(self) -> frozenset[str]:
        """What of the ad set it is about, in the words of `comparing.Difference`."""
        said = self.plan.keys()
        parts = {
            "targeting": said & PEOPLE,
            "bid": said & BIDS,
            "dsa": said & DSA,
            "hours": said & {"hours"},
            "start": self.starts_at,
            "end": self.ends_at,
        }
        return frozenset(name for name, value in parts.items() if value)

    def plan_after(self, before: Plan) -> Plan:
        said = dict(self.plan)
        if said.get("goal") not in {None, Goal.LEADS}:
            said = {"lead_form_id": None, **said}
        way = said.get("bid")
        if way is not None and way not in CAPS:  # what goes with a way of bidding goes with it
            said = {"bid_amount": None, **said}
        if way is not None and way != Bid.MIN_ROAS:
            said = {"min_roas": None, **said}
        return Plan.of({name: value for name, value in (before.as_json() | said).items() if value is not None})

    def money_after(self, before: Money) -> Money:
        return replace(
            before,
            daily=self.daily or before.daily,
            total=self.total or before.total,
            starts_at=wishing.moment_of(self.starts_at) or before.starts_at,
            ends_at=wishing.moment_of(self.ends_at) or before.ends_at,
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of one campaign: what that was, and what it would be."""

    wanted: Change
    plan: Plan
    money: Money

    @property
    def plan_after(self) -> Plan:
        return self.wanted.plan_after(self.plan)

    @property
    def money_after(self) -> Money:
        return self.wanted.money_after(self.money)

    @property
    def less(self) -> bool:
        """Whether it can only cost less, and no longer, and reaches nobody else."""
        return not self.wanted.terms - {"end"} and costs_less(self.money, self.money_after)

    @property
    def told(self) -> Terms:
        """What the platform would be told of the ad set."""
        said, about = plan.terms(self.plan_after, self.money_after), self.wanted.terms
        return Terms(
            targeting=said.targeting if "targeting" in about else None,
            starts_at=said.starts_at if "start" in about else None,
            ends_at=said.ends_at if "end" in about else None,
            bid=said.bid if "bid" in about else None,
            bid_amount=said.bid_amount if "bid" in about else None,
            min_roas=said.min_roas if "bid" in about else None,
            hours=said.hours if "hours" in about else None,
            dsa_beneficiary=said.dsa_beneficiary,
            dsa_payor=said.dsa_payor,
        )

    def require_possible(self, state: S, now: datetime) -> None:
        """Raises Conflict where it can't be changed now, Invalid and NotAllowed for what it never can be."""
        if state not in {S.PAUSED, S.ACTIVE}:
            raise Conflict(f"It is {state.value}: only what is paused or runs can be changed.")
        if why := next(_why_not(self.wanted, self.money, self.plan, now), None):
            raise Invalid(why)
        if not self.less and (refused := list(findings.found(self.plan_after, self.money_after, now))):
            raise NotAllowed(" ".join(refused))


def turn(campaign: Campaign, wanted: Change) -> Turn:
    return Turn(wanted, service.plan_of(campaign), service.money_of(campaign))


def costs_less(before: Money, after: Money) -> bool:
    """Whether it can only cost less, and no longer."""
    sooner = after.ends_at == before.ends_at or (
        after.ends_at is not None and (before.ends_at is None or after.ends_at < before.ends_at)
    )
    return sooner and (after.daily or 0) <= (before.daily or 0) and after.total <= before.total


def _why_not(wanted: Change, money: Money, known: Plan, now: datetime) -> Iterator[str]:
    """What can't be changed of what is there, in sentences."""
    if wanted.daily is not None and money.daily is None:
        yield "Its budget is for the whole time; there is no daily one to change."
    if (wanted.daily or money.daily or 0) > (wanted.total or money.total):
        yield "A day's budget is more than the total."
    if wanted.starts_at is not None and (money.starts_at is None or money.starts_at <= now):
        yield "It has begun, or begins as soon as it is let run: its start can't be changed. Duplicate it for another."
    if wanted.starts_at is not None and wanted.starts_at <= now:
        yield "This start is over already: say one that is to come, or activate it when it is to run."
    if wanted.ends_at is not None and wanted.ends_at <= now:
        yield "This end is over already: pause it instead."
    if known.budget_on is Part.CAMPAIGN and wanted.plan.get("bid", known.bid) != known.bid:
        yield "With a budget that the campaign holds the way of bidding stays; its amount can change. Duplicate it."
    if known.special_categories and wanted.plan.keys() & PLACES:
        yield "An ad of a special category keeps its places, which the platform was told beside it: duplicate it."


async def change(session: AsyncSession, campaign_id: UUID, wanted: Change) -> Campaign:
    """Have it otherwise. What costs more, or was approved otherwise, needs what letting it run needs.

    Raises Conflict, Forbidden where a second person must agree, Invalid, NotAllowed, OverLimit, Stopped.
    """
    campaign = await holding.hold_with_job(session, Campaign, campaign_id, "campaign")
    moment, its = await now(session), turn(campaign, wanted)
    its.require_possible(campaign.state, moment)
    after = its.money_after
    if wanted.name is not None:
        campaign.name = wanted.name
    if after != its.money or wanted.terms:
        await _require_right(session, campaign, its, moment)
        campaign.before = campaign.before or _kept(campaign)
        campaign.plan, campaign.changing = its.plan_after.as_json(), sorted({*campaign.changing, *wanted.terms})
        campaign.daily_budget, campaign.total_budget = after.daily, after.total
        campaign.starts_at, campaign.ends_at = after.starts_at, after.ends_at
        await _let(session, campaign, less=its.less)
    await session.flush()
    await service.record(
        session, "campaign_changed", campaign, name=campaign.name, daily_budget=after.daily, total_budget=after.total,
        changed=_said(after, its.plan_after, wanted),
        before={
            "daily_budget": its.money.daily, "total_budget": its.money.total, **_said(its.money, its.plan, wanted)
        },
    )  # fmt: skip
    return campaign


async def _require_right(session: AsyncSession, campaign: Campaign, its: Turn, moment: datetime) -> None:
    """Raises OverLimit for too large a step, NotAllowed for what the rights to the recording refuse."""
    before, after = its.money, its.money_after
    said = policy.limits(await policy.get(session), campaign.currency) or guardrails.Limits()
    for one, other in ((before.daily, after.daily), (before.total, after.total)):
        if (
            one is not None
            and other is not None
            and (why := guardrails.why_not_step(said, one, other, campaign.currency))
        ):
            raise policy.OverLimit(why)
    if its.less:
        return
    variant = await variants.get(session, campaign.variant_id)
    if refused := await wishing.rights_of(session, variant, its.plan_after, after, moment):
        raise NotAllowed(" ".join(refused))


async def _let(session: AsyncSession, campaign: Campaign, *, less: bool) -> None:
    """Whoever has it cost or reach something else has planned it; what runs goes on with it, if that is allowed."""
    running = campaign.state is S.ACTIVE
    if not less:
        campaign.planned_by = await author(session)
    if running and not less:
        await service.require_agreed(session, campaign, campaign.total_budget)
    if running:
        account = await accounts.get(session, campaign.account_id)
        await policy.commit_to(session, campaign, account, less=less)
    await service.head_for(session, campaign, S.ACTIVATING if running else S.PAUSING)


KEPT = ("plan", "daily_budget", "total_budget", "planned_by")
TIMES = ("starts_at", "ends_at")


def _kept(campaign: Campaign) -> dict[str, Any]:
    """What of it a change may change, as JSON."""
    times = {name: moment.isoformat() if (moment := getattr(campaign, name)) else None for name in TIMES}
    return {name: getattr(campaign, name) for name in KEPT} | times


async def take_back(session: AsyncSession, campaign: Campaign) -> dict[str, Any]:
    """Have it wanted again as it was before the change; says what was wanted.

    What the platform has taken of that already differs from now on, and is assigned back.
    """
    refused, before = _kept(campaign), campaign.before
    assert before is not None
    for name in KEPT:
        setattr(campaign, name, before[name])
    for name in TIMES:
        setattr(campaign, name, datetime.fromisoformat(before[name]) if before[name] else None)
    campaign.before = None
    await session.flush()
    if campaign.state is S.ACTIVATING:
        await policy.go_on(session, campaign, await accounts.get(session, campaign.account_id))
    return refused


def _said(money: Money, known: Plan, wanted: Change) -> dict[str, Any]:
    """As JSON: what a change is about, as it is in these."""
    times = {name: value for name in TIMES if (value := getattr(wanted, name)) is not None}
    found = {name: getattr(money, name).isoformat() if getattr(money, name) else None for name in times}
    stored = known.as_json()
    return found | {name: stored.get(name) for name in sorted(wanted.plan)}
