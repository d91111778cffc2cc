"""Campaigns: money behind variants and posts; made paused, let run by who may, stopped by anybody who may write."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.roles import Permission
from stakazo.ads import changing, jobs, lateness, previewing, ruling, service, wishing
from stakazo.ads.models import Campaign
from stakazo.ads.rules import Action
from stakazo.ads.states import CampaignState
from stakazo.api.ad_accounts import RuleBody
from stakazo.api.channels import TroubleOut
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, DryRun, Here, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.routes import Router
from stakazo.api.wished import Changed, Copied, Wished
from stakazo.clips import service as clips
from stakazo.core.actor import Actor
from stakazo.core.limits import Kind as Counted
from stakazo.ledger import service as ledger
from stakazo.variants import service as variants

router = Router(prefix="/campaigns", tags=["campaigns"], responses=responses(401))


class PreviewOut(BaseModel):
    """What would happen. The platform was asked (validate_only) and made nothing."""

    model_config = ConfigDict(from_attributes=True)
    refused: list[str] = Field(description="What the platform would refuse.")
    over_limits: list[str] = Field(description="Guardrails that would not let it run now.")
    needs_second_person: bool = Field(description="Somebody else than who plans it lets it run.")
    worst_day: int = Field(description="What a day could cost at most, minor units.")
    at_most: int = Field(description="What all of it could cost at most, minor units.")
    lowest_reach: int | None = Field(description="People a month, as the platform estimates.")
    highest_reach: int | None


class CampaignOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    ad_account_id: UUID
    variant_id: UUID
    publication_id: UUID | None
    platform: str
    name: str
    state: CampaignState
    objective: str
    daily_budget: int | None = Field(description="Minor units.")
    total_budget: int = Field(description="Minor units; never spent beyond.")
    currency: str
    starts_at: datetime | None
    ends_at: datetime | None
    plan: dict[str, Any] = Field(description="Everything else that is wanted of it, as it was said.")
    planned_by: str = Field(description="Who said last what it may cost: `user/...`, `api_key/...`.")
    activated_by: str | None
    activated_at: datetime | None
    held_by: str | None = Field(
        description="Who has paused it, here or at the platform: no rule touches it until somebody lets it run."
    )
    room_until: datetime | None = Field(
        description="Until then it counts against the limits even if it rests: a request that lets it spend was never "
        "answered, and may have its effect yet. Archiving ends that. Null: nothing may come late."
    )
    job_id: UUID | None = Field(description="The job that is at it.")
    external_id: str | None = Field(description="The platform's id of the campaign.")
    ad_set_id: str | None
    creative_id: str | None
    ad_id: str | None
    review: dict[str, Any] | None = Field(
        description="What the platform said last: `says` (ACTIVE, PENDING_REVIEW, DISAPPROVED, ...), `parts`, `issues`."
    )
    decision: dict[str, Any] | None = Field(
        description="What a rule has decided last: `rule`, `action`, `numbers`, `before`, `after`, `refused`, `undone`."
    )
    error: TroubleOut | None = Field(description="What went wrong, and what to do.")
    created_at: datetime
    updated_at: datetime
    preview: PreviewOut | None = Field(default=None, description="Only of a dry run.")


class SimulationIn(BaseModel):
    """Rules to be tried; null: the workspace's own."""

    model_config = ConfigDict(extra="forbid")
    rules: list[RuleBody] | None = Field(default=None, max_length=50)


class SimulatedOut(BaseModel):
    day: date
    rule: str
    action: Action
    daily: int | None
    total: int
    numbers: dict[str, Any]


class SimulationOut(BaseModel):
    decisions: list[SimulatedOut]
    saved: int = Field(description="What would not have been spent, minor units.")


@router.post("", status_code=201, response_model=CampaignOut, responses=responses(404, 409, 422, 503))
async def create(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_WRITE, Counted.SPEND)],
    wish: Wished,
    db: DB,
    here: Here,
    response: Response,
    dry_run: DryRun,
) -> CampaignOut:
    """Have a campaign made at the platform, all of it paused: letting it run is another step.

    Audiences, interests, places and languages may be named; what the platform doesn't know, or lets nobody use now, is
    refused. With `dry_run` nothing is made: the platform is asked what it would refuse and how many people it would
    reach, and the guardrails whether it could run now.
    """
    campaign = await wishing.want(db, wish)
    return await _preview(db, here, campaign) if dry_run else await _launch(db, campaign, response)


async def _preview(db: AsyncSession, here: Here, campaign: Campaign) -> CampaignOut:
    asked = await previewing.prepare(db, here.keys, campaign)
    shown = _out(campaign)
    await db.rollback()  # nothing is held while the platform is asked
    return shown.model_copy(update={"preview": PreviewOut.model_validate(await previewing.ask(here.settings, asked))})


async def _launch(db: AsyncSession, campaign: Campaign, response: Response) -> CampaignOut:
    await _follow(db, campaign)
    await jobs.start(db, campaign)
    response.headers["Location"] = f"/campaigns/{campaign.id}"
    return _out(campaign)


@router.get("", response_model=PageOut[CampaignOut], responses=responses(422))
async def find(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_READ)],
    db: DB,
    state: Annotated[list[CampaignState] | None, Query()] = None,
    ad_account_id: UUID | None = None,
    variant_id: UUID | None = None,
    publication_id: UUID | None = None,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Campaigns of this workspace."""
    page = await service.find(
        db, states=state, account_id=ad_account_id, variant_id=variant_id, publication_id=publication_id, sort=sort,
        cursor=cursor, limit=limit,
    )  # fmt: skip
    return PageOut(items=[_out(campaign) for campaign in page.items], next_cursor=page.next_cursor)


@router.get("/{campaign_id}", response_model=CampaignOut, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_READ)], db: DB, campaign_id: UUID, reading: Reading
) -> CampaignOut | Response:
    shown = reading.show(await service.get(db, campaign_id))
    return _out(shown) if isinstance(shown, Campaign) else shown


@router.patch("/{campaign_id}", response_model=CampaignOut, responses=responses(404, 409, 412, 422, 503))
async def change(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_SPEND, Counted.SPEND)],
    wanted: Changed,
    db: DB,
    campaign_id: UUID,
    editing: Editing,
) -> CampaignOut:
    """Another name, budget, schedule, audience, placement or bid, of what is paused or runs.

    Whatever costs more, lasts longer or reaches others needs what letting it run needs: limits, steps, and above a
    limit a second person. The platform is asked first whether it would take it, and told until it says the same.
    """
    await editing.check(db, Campaign, campaign_id, hold=False)
    return await _go(db, await changing.change(db, campaign_id, wanted), editing)


@router.post("/{campaign_id}/activate", response_model=CampaignOut, responses=responses(404, 409, 412, 422))
async def activate(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_SPEND, Counted.SPEND)], db: DB, campaign_id: UUID, editing: Editing
) -> CampaignOut:
    """Let it run as it is now (`If-Match`): from here on it may spend, within the workspace's limits."""
    await editing.check(db, Campaign, campaign_id, hold=False)
    return await _go(db, await service.activate(db, campaign_id), editing)


@router.post("/{campaign_id}/pause", response_model=CampaignOut, responses=responses(404, 409, 412))
async def pause(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_WRITE)], db: DB, campaign_id: UUID, editing: Editing
) -> CampaignOut:
    """Stop it. It is told to the platform until that says that it rests; no rule touches it then (`held_by`)."""
    await editing.check(db, Campaign, campaign_id, hold=False)
    return await _go(db, await service.pause(db, campaign_id), editing)


@router.post("/{campaign_id}/archive", response_model=CampaignOut, responses=responses(404, 409, 412))
async def archive(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_WRITE)], db: DB, campaign_id: UUID, editing: Editing
) -> CampaignOut:
    """Stop it and put it away; it can't be let run again."""
    await editing.check(db, Campaign, campaign_id, hold=False)
    return await _go(db, await service.archive(db, campaign_id), editing)


@router.post("/{campaign_id}/retry", response_model=CampaignOut, responses=responses(404, 409))
async def retry(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_WRITE, Counted.SPEND)], db: DB, campaign_id: UUID
) -> CampaignOut:
    """Go on with a launch that failed. What was made is looked for at the platform, and not made again."""
    return await _go(db, await service.retry(db, campaign_id))


@router.post(
    "/{campaign_id}/duplicate", status_code=201, response_model=CampaignOut, responses=responses(404, 409, 422, 503)
)
async def duplicate(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_WRITE, Counted.SPEND)],
    wish: Copied,
    db: DB,
    here: Here,
    response: Response,
    dry_run: DryRun,
) -> CampaignOut:
    """Have another campaign like this one made, paused; what isn't said is as it was, and anything may be said.

    It is checked like a new one: an audience may be gone or too small by now, rights may have ended, a limit may be
    lower. With `dry_run` nothing is made.
    """
    campaign = await wishing.want(db, wish)
    return await _preview(db, here, campaign) if dry_run else await _launch(db, campaign, response)


@router.post("/{campaign_id}/undo", response_model=CampaignOut, responses=responses(404, 409, 422))
async def undo(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_SPEND, Counted.SPEND)], db: DB, campaign_id: UUID
) -> CampaignOut:
    """Take back what a rule has decided last; no rule touches the campaign for a week then."""
    return await _go(db, await ruling.undo(db, campaign_id))


@router.post("/{campaign_id}/simulate", response_model=SimulationOut, responses=responses(404, 422))
async def simulate(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_READ)], db: DB, campaign_id: UUID, wanted: SimulationIn | None = None
) -> SimulationOut:
    """What rules would have done day by day with what it has brought. Nothing is done."""
    asked = None if wanted is None or wanted.rules is None else [one.rule() for one in wanted.rules]
    told, saved = await ruling.simulate(db, campaign_id, asked)
    return SimulationOut(decisions=[SimulatedOut(day=one.day, **asdict(one.decision)) for one in told], saved=saved)


async def _go(db: AsyncSession, campaign: Campaign, editing: Editing | None = None) -> CampaignOut:
    """Start what its state says is under way."""
    await _follow(db, campaign)
    await jobs.start(db, campaign)
    return _out(editing.show(campaign) if editing else campaign)


async def _follow(db: AsyncSession, campaign: Campaign) -> None:
    """Let what this request does belong to the thread of the video."""
    clip_id = (await variants.get(db, campaign.variant_id)).clip_id
    await ledger.follow(db, "video", (await clips.get(db, clip_id)).video_id)


def _out(campaign: Campaign) -> CampaignOut:
    known = {name: getattr(campaign, name, None) for name in CampaignOut.model_fields}
    until = lateness.until(campaign.unanswered)
    kept = until if until is not None and until > datetime.now(UTC) else None
    said = {"ad_account_id": campaign.account_id, "room_until": kept, "preview": None}
    return CampaignOut.model_validate(known | said)
