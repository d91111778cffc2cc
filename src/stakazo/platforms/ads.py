"""What an advertising platform can be asked for. Pure: values, and how they become Meta's parameters.

campaign -> ad set -> creative -> ad        each made PAUSED, under a mark of ours
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from stakazo.platforms import enhancing
from stakazo.platforms.targeting import Hours, Targeting, schedule

ZERO_DECIMAL = frozenset({"CLP", "COP", "CRC", "HUF", "ISK", "IDR", "JPY", "KRW", "PYG", "TWD", "VND"})
"""Currencies that Meta counts whole: one unit is one yen, and one Colombian peso too."""


class Objective(StrEnum):
    AWARENESS = "OUTCOME_AWARENESS"
    TRAFFIC = "OUTCOME_TRAFFIC"
    ENGAGEMENT = "OUTCOME_ENGAGEMENT"
    LEADS = "OUTCOME_LEADS"
    APP_PROMOTION = "OUTCOME_APP_PROMOTION"
    SALES = "OUTCOME_SALES"


class Goal(StrEnum):
    """What delivery is optimised for."""

    REACH = "REACH"
    IMPRESSIONS = "IMPRESSIONS"
    THRUPLAY = "THRUPLAY"
    """Watched to the end, or for fifteen seconds."""
    LINK_CLICKS = "LINK_CLICKS"
    LANDING_PAGE_VIEWS = "LANDING_PAGE_VIEWS"
    POST_ENGAGEMENT = "POST_ENGAGEMENT"
    CONVERSIONS = "OFFSITE_CONVERSIONS"
    VALUE = "VALUE"
    """Conversions by what they are worth."""
    LEADS = "LEAD_GENERATION"
    """A form filled in, on the platform itself."""


PIXELS = frozenset({Goal.CONVERSIONS, Goal.VALUE})
"""What a pixel counts."""


class Bid(StrEnum):
    LOWEST_COST = "LOWEST_COST_WITHOUT_CAP"
    BID_CAP = "LOWEST_COST_WITH_BID_CAP"
    COST_CAP = "COST_CAP"
    MIN_ROAS = "LOWEST_COST_WITH_MIN_ROAS"
    """Not where what comes back is less than so many times what it costs."""


CAPS = frozenset({Bid.BID_CAP, Bid.COST_CAP})
ROAS_UNIT = 10_000
"""In which Meta counts a return: 1.5 times what was spent is 15,000."""


class Run(StrEnum):
    """What we want of a campaign, an ad set or an ad."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ARCHIVED = "ARCHIVED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be spent. Minor units of the account's currency, as it counts them (`minor_units`)."""

    daily: int | None = None
    total: int | None = None
    """For the whole time; it needs an end."""

    def __post_init__(self) -> None:
        if (self.daily is None) == (self.total is None):
            raise ValueError("either a daily budget or a total one")
        if (self.daily or 0) < 0 or (self.total or 0) < 0:
            raise ValueError("a budget is not negative")

    def params(self) -> dict[str, int | None]:
        return {"daily_budget": self.daily, "lifetime_budget": self.total}


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    name: str
    objective: Objective
    budget: Budget | None = None
    """Here, or on each ad set; never on both."""
    bid: Bid | None = None
    special_categories: tuple[str, ...] = ()
    """HOUSING, CREDIT, EMPLOYMENT, ...: Meta wants it said, also that there is none."""
    special_countries: tuple[str, ...] = ()
    spend_cap: int | None = None
    """Minor units."""

    def params(self) -> dict[str, Any]:
        budget = self.budget.params() if self.budget else {"is_adset_budget_sharing_enabled": False}
        return {
            "name": self.name,
            "objective": self.objective.value,
            "status": Run.PAUSED.value,
            "buying_type": "AUCTION",
            "special_ad_categories": list(self.special_categories) or ["NONE"],
            "special_ad_category_country": list(self.special_countries) or None,
            "bid_strategy": self.bid.value if self.bid and self.budget else None,
            "spend_cap": self.spend_cap,
            **budget,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AdSet:
    name: str
    campaign_id: str
    goal: Goal
    targeting: Targeting
    budget: Budget | None = None
    """None where the campaign has it."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    bid: Bid | None = None
    bid_amount: int | None = None
    """Minor units; of a cap."""
    min_roas: float | None = None
    """How many times what is spent is to come back at least; of `MIN_ROAS`."""
    hours: tuple[Hours, ...] = ()
    """When it is shown; none: always. Only with a budget for the whole time."""
    page_id: str | None = None
    pixel_id: str | None = None
    event: str | None = None
    """The pixel's: PURCHASE, LEAD, ..."""
    dsa_beneficiary: str | None = None
    """In the EU: who profits, and who pays. Meta shows both."""
    dsa_payor: str | None = None

    def params(self) -> dict[str, Any]:
        promoted = {"page_id": self.page_id, "pixel_id": self.pixel_id, "custom_event_type": self.event}
        promoted = {name: value for name, value in promoted.items() if value}
        if self.goal in PIXELS:
            promoted.pop("page_id", None)
        return {
            "name": self.name,
            "campaign_id": self.campaign_id,
            "status": Run.PAUSED.value,
            "billing_event": "IMPRESSIONS",
            "optimization_goal": self.goal.value,
            "targeting": self.targeting.params(),
            "promoted_object": promoted or None,
            "start_time": _time(self.starts_at),
            "end_time": _time(self.ends_at),
            "bid_strategy": self.bid.value if self.bid else None,
            "bid_amount": self.bid_amount,
            "bid_constraints": floor(self.min_roas),
            **(schedule(self.hours) if self.hours else {}),
            "destination_type": "ON_AD" if self.goal is Goal.LEADS else None,
            "dsa_beneficiary": self.dsa_beneficiary,
            "dsa_payor": self.dsa_payor,
            **(self.budget.params() if self.budget else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What can be assigned to an ad set that is there, but for its budget and status; None stays as it is."""

    targeting: Mapping[str, Any] | None = None
    """All of it."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    bid: Bid | None = None
    bid_amount: int | None = None
    min_roas: float | None = None
    hours: tuple[Hours, ...] | None = None
    """All of them; empty: always."""
    dsa_beneficiary: str | None = None
    dsa_payor: str | None = None

    def params(self) -> dict[str, Any]:
        return {
            "targeting": self.targeting,
            "start_time": _time(self.starts_at),
            "end_time": _time(self.ends_at),
            "bid_strategy": self.bid.value if self.bid else None,
            "bid_amount": self.bid_amount,
            "bid_constraints": floor(self.min_roas),
            **(schedule(self.hours) if self.hours is not None else {}),
            "dsa_beneficiary": self.dsa_beneficiary,
            "dsa_payor": self.dsa_payor,
        }


FORM_LINK = "https://fb.me/"
"""What Meta wants as the link of a button that opens a form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Creative:
    """What people see: a video of the account's, or a post that is out already (a boost). One of the three."""

    name: str
    page_id: str
    instagram_id: str | None = None
    video_id: str | None = None
    thumbnail_url: str | None = None
    """Of the video; `MetaAds.thumbnail` knows it."""
    instagram_media_id: str | None = None
    post_id: str | None = None
    """`page_post` of a Page's post."""
    text: str = ""
    title: str = ""
    link: str | None = None
    button: str = "LEARN_MORE"
    """LISTEN_NOW, WATCH_MORE, SHOP_NOW, ..."""
    lead_form_id: str | None = None
    """The Page's form that the button opens, in place of a link."""
    url_tags: str | None = None
    """`utm_source=...&utm_campaign=...`, added to the link by Meta."""

    enhancements: tuple[str, ...] = ()
    """What Meta may do to it by itself, of `enhancing.ENHANCEMENTS`; all else is forbidden."""

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.video_id, self.instagram_media_id, self.post_id)) != 1:
            raise ValueError("a creative shows either a video, an Instagram post or a Page's post")

    def params(self) -> dict[str, Any]:
        button = self._button()
        found: dict[str, Any] = {
            "name": self.name,
            "url_tags": self.url_tags,
            "degrees_of_freedom_spec": enhancing.spec(self.enhancements),
        }
        if self.instagram_media_id:
            return found | {
                "object_id": self.page_id,
                "instagram_user_id": self.instagram_id,
                "source_instagram_media_id": self.instagram_media_id,
                "call_to_action": button,
            }
        if self.post_id:
            return found | {
                "object_story_id": self.post_id,
                "instagram_user_id": self.instagram_id,
                "call_to_action": button,
            }
        shown = {
            "video_id": self.video_id,
            "image_url": self.thumbnail_url,
            "message": self.text,
            "title": self.title,
            "call_to_action": button,
        }
        video = {name: value for name, value in shown.items() if value}
        story: dict[str, Any] = {"page_id": self.page_id, "video_data": video}
        if self.instagram_id:
            story["instagram_user_id"] = self.instagram_id
        return found | {"object_story_spec": story}

    def _button(self) -> dict[str, Any] | None:
        if self.lead_form_id:
            return {"type": self.button, "value": {"link": FORM_LINK, "lead_gen_form_id": self.lead_form_id}}
        return {"type": self.button, "value": {"link": self.link}} if self.link else None


@dataclass(frozen=True, slots=True)
class Live:
    """What a campaign, an ad set or an ad is at the platform, to be compared with what was approved."""

    id: str
    name: str
    status: str
    """What was asked for."""
    effective_status: str
    """What it comes to: ACTIVE, PAUSED, PENDING_REVIEW, DISAPPROVED, WITH_ISSUES, CAMPAIGN_PAUSED, ..."""
    daily_budget: int | None = None
    lifetime_budget: int | None = None
    """Minor units."""
    targeting: Mapping[str, Any] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    issues: tuple[str, ...] = ()
    """Why it doesn't run, or why the review refused it."""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a budget and a targeting would come to, roughly."""

    ready: bool
    lowest_reach: int
    highest_reach: int


def live(row: Mapping[str, Any]) -> Live:
    """From a row of Meta's."""
    return Live(
        id=str(row["id"]),
        name=str(row.get("name", "")),
        status=str(row.get("status", "")),
        effective_status=str(row.get("effective_status", row.get("status", ""))),
        daily_budget=_whole(row.get("daily_budget")),
        lifetime_budget=_whole(row.get("lifetime_budget")),
        targeting=row.get("targeting") or {},
        starts_at=datetime.fromisoformat(row["start_time"]) if row.get("start_time") else None,
        ends_at=datetime.fromisoformat(row["end_time"]) if row.get("end_time") else None,
        issues=_issues(row),
        raw=row,
    )


def minor_units(amount: str | Decimal, currency: str) -> int:
    """`12.34` of a report's `spend` as what budgets are counted in: 1234 cents, but 12 yen.

    Budgets and reports differ by a factor of a hundred in most currencies: this is the one place that knows.
    """
    return int((Decimal(amount) * offset(currency)).quantize(Decimal(1), ROUND_HALF_UP))


def major_units(units: int, currency: str) -> str:
    """The other way round, as people write it: `12.34 EUR`, `12 JPY`."""
    return f"{units} {currency}" if offset(currency) == 1 else f"{Decimal(units) / 100:.2f} {currency}"


def offset(currency: str) -> int:
    """How many of Meta's minor units one unit of a currency has."""
    return 1 if currency in ZERO_DECIMAL else 100


def floor(min_roas: float | None) -> dict[str, int] | None:
    """The least return on what is spent, as Meta counts it."""
    return {"roas_average_floor": round(min_roas * ROAS_UNIT)} if min_roas is not None else None


def _issues(row: Mapping[str, Any]) -> tuple[str, ...]:
    found = [
        str(issue.get("error_message") or issue.get("error_summary") or "") for issue in row.get("issues_info") or []
    ]
    for policy, why in ((row.get("ad_review_feedback") or {}).get("global") or {}).items():
        found.append(f"{policy}: {why}")
    return tuple(filter(None, found))


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _whole(value: Any) -> int | None:
    """Meta says "0" where there is no budget on this level."""
    return int(value) or None if value is not None else None
