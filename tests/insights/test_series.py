"""A clip's series, out of samples and of what was bought."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from stakazo.insights.series import Bought, Sample, newest, paid, series, together

REEL, SHORT = UUID(int=1), UUID(int=2)
DAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


def sample(post: UUID, days: float, **counts: Any) -> Sample:
    platform = "instagram" if post == REEL else "youtube"
    return Sample(post_id=post, platform=platform, at=DAY + timedelta(days=days), **counts)


def bought(day: date, **said: Any) -> Bought:
    nothing = dict.fromkeys(("spend", "impressions", "clicks", "views", "conversions"), 0)
    return Bought(**{"day": day, "currency": "EUR", **nothing, **said})


def test_a_day_shows_what_was_last_said_of_each_post_until_it_was_over() -> None:
    samples = [
        sample(REEL, 0, views=100, likes=9),
        sample(REEL, 0.2, views=130, likes=11),
        sample(SHORT, 1, views=50),
        sample(REEL, 3, views=120, likes=12),
    ]
    points = series(samples, [], UTC)
    assert [point.day.day for point in points] == [22, 23, 24, 25]
    assert [point.organic.views for point in points] == [130, 180, 180, 170]  # corrected on the last day
    assert [point.organic.likes for point in points] == [11, 11, 11, 12]  # of the Short nobody has said any
    assert [point.organic.posts for point in points] == [1, 2, 2, 2]
    assert {point.organic.shares for point in points} == {None}


def test_a_day_is_that_of_the_zone() -> None:
    late = [sample(REEL, 0.48, views=1)]  # 23:31 in London, 00:31 in Berlin
    assert [point.day for point in series(late, [], UTC)] == [date(2026, 11, 22)]
    assert [point.day for point in series(late, [], ZoneInfo("Europe/Berlin"))] == [date(2026, 11, 23)]


def test_ads_stand_beside_it_on_their_day_and_fill_the_gaps() -> None:
    ads = [bought(date(2026, 11, 20), spend=500, views=10), bought(date(2026, 11, 23), spend=300, clicks=3)]
    points = series([sample(REEL, 0, views=100)], ads, UTC)
    assert [(point.day.day, point.organic.views, [one.spend for one in point.paid]) for point in points] == [
        (20, None, [500]), (21, None, []), (22, 100, []), (23, 100, [300])
    ]  # fmt: skip
    assert points[0].paid[0].cost_per_view == 50
    assert points[0].paid[0].cost_per_click is None
    assert points[0].organic.posts == 0


def test_money_of_two_currencies_is_never_added() -> None:
    day = date(2026, 11, 22)
    found = paid([bought(day, spend=100, value=250), bought(day, spend=900, currency="JPY"), bought(day, spend=50)])
    assert [(one.currency, one.spend, one.value, one.roas) for one in found] == [
        ("EUR", 150, 250, 250 / 150), ("JPY", 900, None, None)
    ]  # fmt: skip


def test_of_each_post_the_newest_counts() -> None:
    found = newest([sample(REEL, 0, views=1), sample(SHORT, 0, views=5), sample(REEL, 1, views=3)])
    assert together(found).views == 8
    assert series([], [], UTC) == []
