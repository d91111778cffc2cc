"""A campaign as people write it down, and what it names looked up at the platform before anything is begun."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, HttpUrl, model_validator
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, changing, naming, previewing, service, wishing
from stakazo.ads.changing import Change
from stakazo.ads.naming import Names
from stakazo.ads.plan import Plan
from stakazo.ads.service import require_open
from stakazo.ads.wishing import Wish
from stakazo.api.ad_accounts import MOST
from stakazo.api.deps import CurrentActor, Here
from stakazo.core.db import now
from stakazo.platforms.ads import Bid, Goal, Objective
from stakazo.platforms.base import Account

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
    pixel_id: Key | None = Field(default=None, description="That counts conversions; null: the ad account's.")
    event: Event | None = None
    dsa_beneficiary: Beneficiary | None = None
    dsa_payor: Payor | None = None
    special_categories: Special = []
    text: Text = ""
    title: Title = ""
    link: HttpUrl | None = None
    button: Button = "LEARN_MORE"
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


class _Otherwise(BaseModel):
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
    dsa_beneficiary: Beneficiary | None = None
    dsa_payor: Payor | None = None


class CampaignChange(_Otherwise):
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


class DuplicateIn(_Otherwise):
    """What is different in the copy; anything may be."""

    variant_id: UUID | None = None
    objective: Objective | None = None
    goal: Goal | None = None
    budget_on: BudgetOn | None = None
    pixel_id: Key | None = None
    event: Event | None = None
    special_categories: Special | None = None
    text: Text | None = None
    title: Title | None = None
    link: HttpUrl | None = None
    button: Button | None = None
    utm: Utm | None = None


KEYED = ("audiences", "excluded_audiences", "regions", "cities")
"""What a plan keeps as the platform's keys, with names beside them; languages and interests don't go away."""
MADE_ONCE = (DuplicateIn.model_fields.keys() - _Otherwise.model_fields.keys()) | {"publication_id", "ad_account_id"}


def _names(wanted: PlanIn | _Otherwise, *, special: bool) -> Names:
    """What of it is to be looked up."""
    return Names(
        audiences=tuple(wanted.audiences or ()),
        excluded_audiences=tuple(wanted.excluded_audiences or ()),
        interests=tuple((one.id, one.name) for one in wanted.interests or ()),
        regions=tuple(wanted.regions or ()),
        cities=tuple(wanted.cities or ()),
        locales=tuple(map(str, wanted.locales or ())),
        special=special,
    )


def _anew(known: Plan, wanted: DuplicateIn) -> Names:
    """All that a copy names: what isn't said otherwise is asked about again, and may be gone by now."""
    kept = {name: [one[0] for one in getattr(known, name)] for name in KEYED if getattr(wanted, name) is None}
    special = known.special_categories if wanted.special_categories is None else wanted.special_categories
    return _names(wanted.model_copy(update=kept), special=bool(special))


def _plan(wanted: PlanIn | _Otherwise) -> dict[str, Any]:
    """What it says of a plan, as one keeps it."""
    said = wanted.model_dump(mode="json", include=set(PlanIn.model_fields), exclude_none=True)
    if wanted.interests is not None:
        said["interests"] = [(one.id, one.name) for one in wanted.interests]
    return said


async def _wished(here: Here, actor: CurrentActor, wanted: CampaignIn) -> Wish:
    """The wish, with all that it names; the platform is asked before the request's transaction begins."""
    said = _plan(wanted)
    names = _names(wanted, special=bool(wanted.special_categories))
    if names.unknown:
        async with here.db.transaction(actor) as session:
            account = await _opened(here, session, wanted.ad_account_id)
        async with naming.people(here.settings, account) as meta:
            said |= await naming.settle(meta, names)
    return Wish(
        account_id=wanted.ad_account_id,
        name=wanted.name,
        plan=Plan.of(said),
        total=wanted.total_budget,
        daily=wanted.daily_budget,
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        variant_id=wanted.variant_id,
        publication_id=wanted.publication_id,
    )


Wished = Annotated[Wish, Depends(_wished)]
"""The body of a request for a campaign. Stands before `db` in a signature: no transaction waits for the platform."""


async def _changed(here: Here, actor: CurrentActor, campaign_id: UUID, wanted: CampaignChange) -> Change:
    """The change, with all that it names, and no word against it from the platform, which is asked here."""
    said = _plan(wanted)
    change = Change(
        name=wanted.name,
        daily=wanted.daily_budget,
        total=wanted.total_budget,
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        plan=said,
    )
    if not change.terms:
        return change
    async with here.db.transaction(actor) as session:
        campaign = await service.get(session, campaign_id)
        its, state, ad_set_id = changing.turn(campaign, change), campaign.state, campaign.ad_set_id
        moment, account = await now(session), await _opened(here, session, campaign.account_id)
    names = _names(wanted, special=bool(its.plan.special_categories))
    if names.unknown:
        async with naming.people(here.settings, account) as meta:
            change = replace(change, plan=said | await naming.settle(meta, names))
            its = replace(its, wanted=change)
    its.require_possible(state, moment)
    if ad_set_id is not None:
        await previewing.check(here.settings, account, ad_set_id, its.told)
    return change


Changed = Annotated[Change, Depends(_changed)]
"""The body of a request for a change; like `Wished`."""


async def _copied(here: Here, actor: CurrentActor, campaign_id: UUID, wanted: DuplicateIn | None = None) -> Wish:
    """The wish for a copy; all that it names is looked up, like that of any other wish."""
    wanted = wanted or DuplicateIn()
    async with here.db.transaction(actor) as session:
        wish = await wishing.copy_of(session, campaign_id)
        names = _anew(wish.plan, wanted)
        account = await _opened(here, session, wish.account_id) if names.unknown else None
    said = _plan(wanted)
    if account is not None:
        async with naming.people(here.settings, account) as meta:
            said |= await naming.settle(meta, names)
    asked = {
        "name": wanted.name, "daily": wanted.daily_budget, "total": wanted.total_budget,
        "starts_at": wanted.starts_at, "ends_at": wanted.ends_at, "variant_id": wanted.variant_id,
    }  # fmt: skip
    told: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if wanted.variant_id is not None:
        told["publication_id"] = None
    return replace(wish, plan=Change(plan=said).plan_after(wish.plan), **told)


Copied = Annotated[Wish, Depends(_copied)]
"""The body of a request for a copy; like `Wished`."""


async def _opened(here: Here, session: AsyncSession, account_id: UUID) -> Account:
    account = await accounts.get(session, account_id)
    require_open(account)
    return accounts.opened(account, here.keys)
