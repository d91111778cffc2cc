"""An audience that is to be made, described as Meta takes it. Pure.

Of an audience by a rule Meta finds the kind by itself, and refuses one that says it (2654/1870053). One of viewers has
a rule of its own, an older one: a list with the videos, each with its Page.
https://developers.facebook.com/docs/marketing-api/audiences/guides/engagement-custom-audiences
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

DAY = 86400
MOST_VIDEOS = 100
MOST_DAYS = 365
MOST_DAYS_OF_WEBSITE = 180


class Crowd(StrEnum):
    """Who is in an audience."""

    PAGE = "page"
    """Who had to do with the Page: visited, liked, wrote, clicked."""
    INSTAGRAM = "instagram"
    """Who had to do with the Instagram account."""
    VIDEO = "video"
    """Who watched videos of the Page, or ads that show them."""
    WEBSITE = "website"
    """Who was on a website with the pixel."""
    CUSTOMERS = "customers"
    """Whose e-mail address or phone number is on a list."""
    LOOKALIKE = "lookalike"
    """Who is like those of another audience."""


SUBTYPES = {
    Crowd.PAGE: "ENGAGEMENT",
    Crowd.INSTAGRAM: "ENGAGEMENT",
    Crowd.VIDEO: "ENGAGEMENT",
    Crowd.WEBSITE: "WEBSITE",
    Crowd.CUSTOMERS: "CUSTOM",
    Crowd.LOOKALIKE: "LOOKALIKE",
}
"""What Meta calls each kind."""
MOST = {"ENGAGEMENT": 500, "WEBSITE": 10_000, "CUSTOM": 500, "LOOKALIKE": 500}
"""Audiences of each kind that an account may have."""
TERMS = {Crowd.CUSTOMERS: "custom_audience_tos", Crowd.WEBSITE: "web_custom_audience_tos"}
"""The terms that somebody must have accepted for the ad account."""


class Watched(StrEnum):
    """How much of a video."""

    SECONDS_3 = "3s"
    SECONDS_15 = "15s"
    QUARTER = "25%"
    HALF = "50%"
    MOST = "75%"
    ALL = "95%"


_WATCHED = {
    Watched.SECONDS_3: "video_watched",
    Watched.SECONDS_15: "video_view_15s",
    Watched.QUARTER: "video_view_25_percent",
    Watched.HALF: "video_view_50_percent",
    Watched.MOST: "video_view_75_percent",
    Watched.ALL: "video_completed",
}
_ENGAGED = {Crowd.PAGE: ("page", "page_engaged"), Crowd.INSTAGRAM: ("ig_business", "ig_business_profile_all")}


class Source(StrEnum):
    """From whom a list of customers comes."""

    USER = "USER_PROVIDED_ONLY"
    """From the customers themselves."""
    PARTNER = "PARTNER_PROVIDED_ONLY"
    BOTH = "BOTH_USER_AND_PARTNER_PROVIDED"


def engaged(crowd: Crowd, owner_id: str, days: int) -> dict[str, Any]:
    """Who had to do with a Page or an Instagram account in so many days."""
    kind, event = _ENGAGED[crowd]
    return _ruled(kind, owner_id, days, {"field": "event", "operator": "eq", "value": event})


def website(pixel_id: str, days: int, *, url: str | None = None, event: str | None = None) -> dict[str, Any]:
    """Who was on a website in so many days, by its pixel: at all, on an address with these words, or for an event."""
    if event is not None:
        return _ruled("pixel", pixel_id, days, {"field": "event", "operator": "eq", "value": event})
    address = {"field": "url", "operator": "i_contains", "value": url or ""}
    return _ruled("pixel", pixel_id, days, address, template=None if url else "ALL_VISITORS")


def _ruled(
    kind: str, source_id: str, days: int, condition: Mapping[str, str], template: str | None = None
) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "event_sources": [{"id": source_id, "type": kind}],
        "retention_seconds": days * DAY,
        "filter": {"operator": "and", "filters": [dict(condition)]},
    }
    if template is not None:
        rule["template"] = template
    return {"rule": {"inclusions": {"operator": "or", "rules": [rule]}}, "prefill": True}


def viewers(video_ids: Sequence[str], page_id: str, watched: Watched, days: int) -> dict[str, Any]:
    """Who watched so much of one of these videos of a Page, in so many days."""
    rule = [{"event_name": _WATCHED[watched], "object_id": video_id, "context_id": page_id} for video_id in video_ids]
    return {"subtype": "ENGAGEMENT", "rule": rule, "retention_days": days, "prefill": True}


def customers(source: Source) -> dict[str, Any]:
    """An empty list; who is on it is said after."""
    return {"subtype": "CUSTOM", "customer_file_source": source.value}


def lookalike(origin_id: str, country: str, percent: int) -> dict[str, Any]:
    """Of the people of a country, so many percent who are most like those of another audience."""
    spec = {"type": "similarity", "country": country, "ratio": percent / 100}
    return {"subtype": "LOOKALIKE", "origin_audience_id": origin_id, "lookalike_spec": spec}
