"""A campaign as people write it down: everything that can be said of it, of a change, and of a copy."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, HttpUrl, model_validator

from stakazo.api.ad_accounts import MOST
from stakazo.platforms.ads import Bid, Goal, Objective

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["DE"])]
Key = Annotated[str, Field(min_length=1, max_length=100)]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Minor = Annotated[int, Field(ge=1, le=MOST)]


class Interest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: Key | None = Field(default=None, description="The platform's; null: the interest of just this name is meant.")
    name: str = Field(min_length=1, max_length=200)


class Utm(BaseModel):
    """Added to the link as `utm_source=...&...`."""

    model_config = ConfigDict(extra="forbid")
    source: str | None = Field(default=None, min_length=1, max_length=100)
    medium: str | None = Field(default=None, min_length=1, max_length=100)
    campaign: str | None = Field(default=None, min_length=1, max_length=100)
    content: str | None = Field(default=None, min_length=1, max_length=100)
    term: str | None = Field(default=None, min_length=1, max_length=100)


Countries = Annotated[list[Country], Field(max_length=200)]
Regions = Annotated[
    list[Key], Field(max_length=200, description="By name or the platform's key.", examples=[["California, US"]])
]
Cities = Annotated[
    list[Key], Field(max_length=200, description="By name or the platform's key.", examples=[["Portland, Oregon"]])
]
Zips = Annotated[
    list[Key],
    Field(max_length=500, description="Postal codes with their country.", examples=[["US:97204", "97205, US"]]),
]


class AroundIn(BaseModel):
    """The people around a city of the platform's, or around a point, whose country is said then."""

    model_config = ConfigDict(extra="forbid")
    km: float = Field(ge=1, le=80, description="Around a city whole kilometres, at least 17.")
    city: Key | None = Field(default=None, description="By name or the platform's key.", examples=["Portland, Oregon"])
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    country: Country | None = Field(default=None, description="Of a point: whose rules and rights hold there.")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        point = (self.latitude, self.longitude, self.country)
        if point != (None, None, None) if self.city is not None else None in point:
            raise ValueError("say either a city, or latitude, longitude and country of a point")
        return self


class HoursIn(BaseModel):
    """Hours of some days of every week; only with a budget for the whole time."""

    model_config = ConfigDict(extra="forbid")
    days: set[Annotated[int, Field(ge=0, le=6)]] = Field(min_length=1, description="0 is Monday.")
    begin: int = Field(ge=0, le=23, description="Full hours.")
    end: int = Field(ge=1, le=24)
    of_viewer: bool = Field(default=True, description="By the clock of who sees it; else by the ad account's.")


Surroundings = Annotated[list[AroundIn], Field(max_length=200)]
Week = Annotated[list[HoursIn], Field(max_length=50, description="When it is shown; none: always.")]
MinRoas = Annotated[
    float,
    Field(ge=0.01, le=1000, description="How many times what is spent is to come back; of LOWEST_COST_WITH_MIN_ROAS."),
]
LeadForm = Annotated[Key, Field(description="The Page's form that the button opens; with the goal LEAD_GENERATION.")]
Youngest = Annotated[int, Field(ge=13, le=65)]
Oldest = Annotated[int, Field(ge=13, le=65, description="65 is 65 and older.")]
Genders = Annotated[list[Literal[1, 2]], Field(max_length=2, description="1 men, 2 women; none is all.")]
Interests = Annotated[list[Interest], Field(max_length=100)]
Audiences = Annotated[list[Name], Field(max_length=100, description="Custom and lookalike audiences, by name or id.")]
Excluded = Annotated[list[Name], Field(max_length=100, description="Audiences that don't see it.")]
Locales = Annotated[
    list[int | Key],
    Field(max_length=50, description="Languages, by name or the platform's number.", examples=[["German"]]),
]
Placements = Annotated[
    list[Literal["facebook", "instagram", "audience_network", "messenger"]],
    Field(max_length=4, description="None leaves it to the platform."),
]
Positions = Annotated[list[Key], Field(max_length=20, examples=[["reels"]])]
Widen = Annotated[bool, Field(description="Let the platform go beyond these people (Advantage audience).")]
BidAmount = Annotated[Minor, Field(description="Minor units; of BID_CAP and COST_CAP.")]
Beneficiary = Annotated[str, Field(max_length=512, description="Who profits: asked for in the EU.")]
Payor = Annotated[str, Field(max_length=512, description="Who pays: asked for in the EU.")]
BudgetOn = Literal["campaign", "ad_set"]
Event = Annotated[str, Field(max_length=60, examples=["PURCHASE"])]
Special = Annotated[
    list[Literal["HOUSING", "EMPLOYMENT", "FINANCIAL_PRODUCTS_SERVICES", "ISSUES_ELECTIONS_POLITICS"]],
    Field(max_length=4),
]
Text = Annotated[str, Field(max_length=5000)]
Enhancements = Annotated[
    list[Key],
    Field(
        max_length=100, examples=[["text_optimizations"]],
        description="What the platform may do to it by itself (Advantage+ creative); all else is forbidden.",
    ),
]  # fmt: skip
Title = Annotated[str, Field(max_length=255)]
Button = Annotated[str, Field(pattern=r"^[A-Z_]{2,40}$", examples=["LISTEN_NOW"])]


class PlanIn(BaseModel):
    """Everything about a campaign but its money and time."""

    model_config = ConfigDict(extra="forbid")
    objective: Objective
    goal: Goal = Field(description="What delivery is optimised for.")
    countries: Countries = []
    regions: Regions = []
    cities: Cities = []
    zips: Zips = []
    around: Surroundings = []
    age_min: Youngest = 18
    age_max: Oldest = 65
    genders: Genders = []
    interests: Interests = []
    audiences: Audiences = []
    excluded_audiences: Excluded = []
    locales: Locales = []
    placements: Placements = []
    facebook_positions: Positions = []
    instagram_positions: Positions = []
    widen: Widen = False
    budget_on: BudgetOn = "ad_set"
    bid: Bid | None = None
    bid_amount: BidAmount | None = None
    min_roas: MinRoas | None = None
    hours: Week = []
    pixel_id: Key | None = Field(default=None, description="That counts conversions; null: the ad account's.")
    event: Event | None = None
    lead_form_id: LeadForm | None = None
    dsa_beneficiary: Beneficiary | None = None
    dsa_payor: Payor | None = None
    special_categories: Special = []
    text: Text = ""
    title: Title = ""
    link: HttpUrl | None = None
    button: Button = "LEARN_MORE"
    enhancements: Enhancements = []
    utm: Utm = Utm()


class CampaignIn(PlanIn):
    """A campaign for a variant, or for a post that is out (a boost). It is made paused: nothing is spent by this."""

    ad_account_id: UUID
    variant_id: UUID | None = None
    publication_id: UUID | None = Field(default=None, description="Of this and `variant_id`, one.")
    name: str = Field(min_length=1, max_length=200)
    daily_budget: Minor | None = Field(
        default=None, description="Minor units; null: the total is spread over the time."
    )
    total_budget: Minor = Field(description="Minor units of the account's currency; never spent beyond.")
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None


class Otherwise(BaseModel):
    """What is to be different. What isn't said, or null, stays; an empty list takes away what was there."""

    model_config = ConfigDict(extra="forbid")
    name: str | None = Field(default=None, min_length=1, max_length=200)
    daily_budget: Minor | None = None
    total_budget: Minor | None = None
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    countries: Countries | None = None
    regions: Regions | None = None
    cities: Cities | None = None
    zips: Zips | None = None
    around: Surroundings | None = None
    age_min: Youngest | None = None
    age_max: Oldest | None = None
    genders: Genders | None = None
    interests: Interests | None = None
    audiences: Audiences | None = None
    excluded_audiences: Excluded | None = None
    locales: Locales | None = None
    placements: Placements | None = None
    facebook_positions: Positions | None = None
    instagram_positions: Positions | None = None
    widen: Widen | None = None
    bid: Bid | None = None
    bid_amount: BidAmount | None = None
    min_roas: MinRoas | None = None
    hours: Week | None = None
    dsa_beneficiary: Beneficiary | None = None
    dsa_payor: Payor | None = None


class CampaignChange(Otherwise):
    """Another name, budget, schedule, audience, placement or bid. What it shows is made once: duplicate it for that."""

    @model_validator(mode="before")
    @classmethod
    def _only_what_can_change(cls, said: Any) -> Any:
        if isinstance(said, dict) and (wrong := sorted(said.keys() & MADE_ONCE)):
            raise ValueError(
                f"{', '.join(wrong)}: what a campaign shows and aims at can't be changed at the platform once it is "
                "made. POST /campaigns/{id}/duplicate makes another one that differs in it."
            )
        return said


class DuplicateIn(Otherwise):
    """What is different in the copy; anything may be."""

    variant_id: UUID | None = None
    objective: Objective | None = None
    goal: Goal | None = None
    budget_on: BudgetOn | None = None
    pixel_id: Key | None = None
    event: Event | None = None
    lead_form_id: LeadForm | None = None
    special_categories: Special | None = None
    text: Text | None = None
    title: Title | None = None
    link: HttpUrl | None = None
    button: Button | None = None
    enhancements: Enhancements | None = None
    utm: Utm | None = None


MADE_ONCE = (DuplicateIn.model_fields.keys() - Otherwise.model_fields.keys()) | {"publication_id", "ad_account_id"}
