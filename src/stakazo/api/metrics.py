"""What came back: the samples of a post, and a clip's series across posts and ads."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stakazo.accounts.roles import Permission
from stakazo.ads import accounts, collecting
from stakazo.ads import service as campaigns
from stakazo.ads.models import AdMetric
from stakazo.api.deps import DB, Cursor, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.jobs import JobOut, accepted
from stakazo.api.links import LinkDayOut
from stakazo.api.routes import Router
from stakazo.clips import service as clips
from stakazo.core.actor import Actor
from stakazo.core.errors import Invalid
from stakazo.insights import figures, measuring, series, service
from stakazo.insights.models import PostMetric
from stakazo.insights.series import Bought
from stakazo.jobs.models import Job
from stakazo.ledger import service as ledger
from stakazo.links import service as links
from stakazo.platforms.base import Platform
from stakazo.publishing import service as publications
from stakazo.publishing import slots
from stakazo.variants import service as variants

router = Router(tags=["metrics"], responses=responses(401))


class PostMetricOut(BaseModel):
    """What a platform said of a post at one moment, from its beginning up to then. Null is what it doesn't say."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    sampled_at: datetime = Field(description="When it was true.")
    age: float | None = Field(description="Seconds since it was published.")
    views: int | None
    reach: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    saves: int | None
    follows: int | None
    average_watch: float | None = Field(description="Seconds.")
    total_watch: float | None = Field(description="Seconds.")
    watched_share: float | None = Field(description="Of the video by the average viewer; over 1 where it is repeated.")
    hold_rate: float | None = Field(description="The share of plays that went on after three seconds.")
    completion: float | None = Field(description="The share of viewers that is left at the end.")
    retention: list[float] = Field(description="The share of viewers left, at even distances from start to end.")
    restated: bool = Field(description="Fewer views than were said before: the platform has corrected itself.")
    told: bool = Field(description="The platform told it by itself, and only some of it.")
    raw: dict[str, Any] = Field(description="The platform's own names and numbers.")


class OrganicOut(BaseModel):
    """What posts had gathered together. Null is what no platform has said, never 0."""

    model_config = ConfigDict(from_attributes=True)
    posts: int
    views: int | None
    reach: int | None = Field(description="Added up over posts: who saw two is in it twice.")
    likes: int | None
    comments: int | None
    shares: int | None
    saves: int | None
    follows: int | None
    total_watch: float | None = Field(description="Seconds.")


class PaidOut(BaseModel):
    """What was bought in one currency; all money in its minor units."""

    model_config = ConfigDict(from_attributes=True)
    currency: str
    spend: int
    impressions: int
    clicks: int
    views: int
    conversions: int
    value: int | None = Field(description="Of the purchases.")
    cost_per_view: float | None
    cost_per_click: float | None
    cost_per_conversion: float | None
    roas: float | None = Field(description="Value for each unit spent.")


class PointOut(BaseModel):
    """One day."""

    model_config = ConfigDict(from_attributes=True)
    day: date
    organic: OrganicOut = Field(description="Up to the end of the day.")
    paid: list[PaidOut] = Field(description="On that day, as it was last said.")


class DayOut(BaseModel):
    """One day of a campaign."""

    day: date
    sampled_at: datetime = Field(description="When this was said; days are corrected for about four weeks.")
    reach: int | None
    thruplays: int | None = Field(description="Watched to the end, or for fifteen seconds.")
    paid: PaidOut


class CampaignMetricsOut(BaseModel):
    """What a campaign brought and cost. All money is in minor units, as budgets are."""

    campaign_id: UUID
    time_zone: str = Field(description="The ad account's: its days are meant.")
    total: PaidOut | None = Field(description="Over these days; null where nothing was said yet.")
    days: list[DayOut]


class PlatformOut(BaseModel):
    platform: Platform
    organic: OrganicOut


class SeriesOut(BaseModel):
    """A clip's one series. Organic and paid stand side by side: who saw both is in both."""

    clip_id: UUID
    time_zone: str
    organic: OrganicOut = Field(description="As it was last said.")
    platforms: list[PlatformOut]
    paid: list[PaidOut] = Field(description="Over all days.")
    points: list[PointOut]
    links: list[LinkDayOut] = Field(description="Who followed the clip's smart links, and what came of it, by day.")


@router.get(
    "/publications/{publication_id}/metrics", response_model=PageOut[PostMetricOut], responses=responses(404, 422)
)
async def of_publication(
    _: Annotated[Actor, may(Permission.INSIGHTS_READ)],
    db: DB,
    publication_id: UUID,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Every sample of a post, as the platform said it then; what it corrected later is another sample."""
    publication = await publications.get(db, publication_id)
    duration = (await variants.get(db, publication.variant_id)).duration
    page = await service.find(db, publication_id, since=since, until=until, sort=sort, cursor=cursor, limit=limit)
    items = [_out(row, publication.published_at, duration) for row in page.items]
    return PageOut(items=items, next_cursor=page.next_cursor)


@router.post(
    "/publications/{publication_id}/metrics", status_code=202, response_model=JobOut, responses=responses(404, 409)
)
async def look(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE)], db: DB, publication_id: UUID, response: Response
) -> Job:
    """Ask the platform now. It is asked by itself too: every ten minutes at first, once a week in the end."""
    publication = await publications.get(db, publication_id)
    await ledger.follow(db, "variant", publication.variant_id)  # what comes back is part of its story
    return accepted(response, await measuring.look_now(db, publication))


@router.get("/clips/{clip_id}/series", response_model=SeriesOut, responses=responses(404, 422))
async def of_clip(
    _: Annotated[Actor, may(Permission.INSIGHTS_READ)],
    db: DB,
    clip_id: UUID,
    time_zone: Annotated[str, Query(max_length=60, description="Whose days; those of ads are their account's.")] = (
        "UTC"
    ),
) -> SeriesOut:
    """What became of a clip, day by day, over all its posts and all campaigns that show it."""
    zone = slots.zone(time_zone)
    if zone is None:
        raise Invalid(f"There is no time zone {time_zone!r}; one is called Europe/Berlin, another America/New_York.")
    await clips.get(db, clip_id)
    samples = await service.of_clip(db, clip_id)
    bought = [_bought(row) for row in await collecting.of_clip(db, clip_id)]
    now = series.newest(samples)
    return SeriesOut(
        clip_id=clip_id,
        time_zone=time_zone,
        organic=_organic(now),
        platforms=[
            PlatformOut(platform=name, organic=_organic(one for one in now if one.platform == name))
            for name in Platform
            if any(one.platform == name for one in now)
        ],
        paid=[PaidOut.model_validate(one) for one in series.paid(bought)],
        points=[PointOut.model_validate(point) for point in series.series(samples, bought, zone)],
        links=[LinkDayOut.model_validate(day) for day in await links.counts(db, clip_id, time_zone=time_zone)],
    )


@router.get("/campaigns/{campaign_id}/metrics", response_model=CampaignMetricsOut, responses=responses(404))
async def of_campaign(
    _: Annotated[Actor, may(Permission.INSIGHTS_READ)], db: DB, campaign_id: UUID, since: date | None = None
) -> CampaignMetricsOut:
    """What a campaign brought and cost, day by day in its account's time zone, as it was last said."""
    campaign = await campaigns.get(db, campaign_id)
    account = await accounts.get(db, campaign.account_id)
    rows = await collecting.latest(db, [campaign_id], since)
    total = series.paid(_bought(row) for row in rows)
    return CampaignMetricsOut(
        campaign_id=campaign_id,
        time_zone=account.time_zone,
        total=PaidOut.model_validate(total[0]) if total else None,
        days=[
            DayOut(
                day=row.day,
                sampled_at=row.sampled_at,
                reach=row.reach,
                thruplays=row.thruplays,
                paid=PaidOut.model_validate(series.paid([_bought(row)])[0]),
            )
            for row in rows
        ],
    )


@router.post("/campaigns/{campaign_id}/metrics", status_code=202, response_model=JobOut, responses=responses(404))
async def collect(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_WRITE)], db: DB, campaign_id: UUID, response: Response
) -> Job:
    """Ask the platform now, about all campaigns of the account. It is asked every hour while one of them runs."""
    campaign = await campaigns.get(db, campaign_id)
    return accepted(response, await collecting.collect_now(db, campaign.account_id))


def _organic(samples: Iterable[series.Sample]) -> OrganicOut:
    return OrganicOut.model_validate(series.together(samples))


def _out(row: PostMetric, published_at: datetime | None, duration: float | None) -> PostMetricOut:
    derived = {
        "age": (row.sampled_at - published_at).total_seconds() if published_at else None,
        "watched_share": figures.watched_share(row.average_watch, duration),
        "completion": figures.completion(row.retention),
    }
    known = {name: getattr(row, name) for name in PostMetricOut.model_fields if name not in derived}
    return PostMetricOut.model_validate(known | derived)


def _bought(row: AdMetric) -> Bought:
    return Bought(
        day=row.day,
        currency=row.currency,
        spend=row.spend,
        impressions=row.impressions,
        clicks=row.clicks,
        views=row.views,
        conversions=row.conversions,
        value=row.value,
    )
