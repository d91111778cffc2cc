"""One clip's series, day by day: what its posts had gathered, and what was bought for it. Pure.

Posts are counted from their beginning, so a day shows what was last said of each until that day was over; ads are
counted by day, so a day shows what that day brought, as it was last said. Neither is added to the other: people who saw
both are in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from uuid import UUID

from stakazo.insights import figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was said of one post at one moment, from its beginning up to then."""

    post_id: UUID
    platform: str
    at: datetime
    views: int | None = None
    reach: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    follows: int | None = None
    total_watch: float | None = None
    """Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """What a campaign brought and cost on one day, as it was last said."""

    day: date
    """The advertising account's."""
    currency: str
    spend: int
    """Minor units."""
    impressions: int
    clicks: int
    views: int
    conversions: int
    value: int | None = None
    """Of the purchases, minor units."""


@dataclass(frozen=True, slots=True)
class Organic:
    """What posts had gathered together; None where no platform has said it."""

    posts: int
    views: int | None
    reach: int | None
    """Added up: who saw it on two platforms is in it twice."""
    likes: int | None
    comments: int | None
    shares: int | None
    saves: int | None
    follows: int | None
    total_watch: float | None


@dataclass(frozen=True, slots=True)
class Paid:
    """What was bought in one currency."""

    currency: str
    spend: int
    impressions: int
    clicks: int
    views: int
    conversions: int
    value: int | None
    cost_per_view: float | None
    """Minor units, as the others."""
    cost_per_click: float | None
    cost_per_conversion: float | None
    roas: float | None


@dataclass(frozen=True, slots=True)
class Point:
    """One day."""

    day: date
    organic: Organic
    """Up to its end."""
    paid: tuple[Paid, ...]
    """On that day."""


def series(samples: Sequence[Sample], bought: Sequence[Bought], zone: tzinfo) -> list[Point]:
    """Every day from the first of which something is known to the last.

    Args:
        samples: In the order of time.
        bought: Of each campaign and day the newest.
        zone: Whose days; those of ads are their account's anyway.
    """
    days = {sample.at.astimezone(zone).date() for sample in samples} | {one.day for one in bought}
    if not days:
        return []
    points, latest, waiting = [], dict[UUID, Sample](), list(samples)[::-1]
    day = min(days)
    while day <= max(days):
        while waiting and waiting[-1].at.astimezone(zone).date() <= day:
            newest = waiting.pop()
            latest[newest.post_id] = newest
        points.append(Point(day, together(latest.values()), paid(one for one in bought if one.day == day)))
        day += timedelta(days=1)
    return points


def newest(samples: Iterable[Sample]) -> list[Sample]:
    """Of each post what was last said; the samples are in the order of time."""
    return list({sample.post_id: sample for sample in samples}.values())


def together(samples: Iterable[Sample]) -> Organic:
    """The posts of a clip as one."""
    found = list(samples)

    def count(name: str) -> int | None:
        known = figures.total(getattr(one, name) for one in found)
        return None if known is None else int(known)

    return Organic(
        posts=len(found),
        views=count("views"),
        reach=count("reach"),
        likes=count("likes"),
        comments=count("comments"),
        shares=count("shares"),
        saves=count("saves"),
        follows=count("follows"),
        total_watch=figures.total(one.total_watch for one in found),
    )


def paid(bought: Iterable[Bought]) -> tuple[Paid, ...]:
    """What was bought, for each currency by itself: money of two is never added."""
    by_currency: dict[str, list[Bought]] = {}
    for one in bought:
        by_currency.setdefault(one.currency, []).append(one)
    return tuple(_sum(currency, rows) for currency, rows in sorted(by_currency.items()))


def _sum(currency: str, rows: list[Bought]) -> Paid:
    spend, views = sum(one.spend for one in rows), sum(one.views for one in rows)
    clicks, conversions = sum(one.clicks for one in rows), sum(one.conversions for one in rows)
    known = figures.total(one.value for one in rows)
    value = None if known is None else int(known)
    return Paid(
        currency=currency,
        spend=spend,
        impressions=sum(one.impressions for one in rows),
        clicks=clicks,
        views=views,
        conversions=conversions,
        value=value,
        cost_per_view=figures.cost_per(spend, views),
        cost_per_click=figures.cost_per(spend, clicks),
        cost_per_conversion=figures.cost_per(spend, conversions),
        roas=figures.returned(value, spend),
    )
