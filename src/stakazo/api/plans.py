"""A campaign as people write it down, and what it names looked up at the platform before anything is begun."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, HttpUrl

from stakazo.ads import accounts, naming
from stakazo.ads.naming import Names
from stakazo.ads.plan import Plan
from stakazo.ads.service import require_open
from stakazo.ads.wishing import Wish
from stakazo.api.ad_accounts import MOST
from stakazo.api.deps import CurrentActor, Here
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


class PlanIn(BaseModel):
    """Everything about a campaign but its money and time."""

    model_config = ConfigDict(extra="forbid")
    objective: Objective
    goal: Goal = Field(description="What delivery is optimised for.")
    countries: list[Country] = Field(default=[], max_length=200)
    regions: list[Key] = Field(
        default=[], max_length=200, description="By name or the platform's key.", examples=[["California, US"]]
    )
    cities: list[Key] = Field(
        default=[], max_length=200, description="By name or the platform's key.", examples=[["Portland, Oregon"]]
    )
    age_min: int = Field(default=18, ge=13, le=65)
    age_max: int = Field(default=65, ge=13, le=65, description="65 is 65 and older.")
    genders: list[Literal[1, 2]] = Field(default=[], max_length=2, description="1 men, 2 women; none is all.")
    interests: list[Interest] = Field(default=[], max_length=100)
    audiences: list[Name] = Field(
        default=[], max_length=100, description="Custom and lookalike audiences, by name or id."
    )
    excluded_audiences: list[Name] = Field(default=[], max_length=100, description="Whom it isn't shown to.")
    locales: list[int | Key] = Field(
        default=[], max_length=50, description="Languages, by name or the platform's number.", examples=[["German"]]
    )
    placements: list[Literal["facebook", "instagram", "audience_network", "messenger"]] = Field(
        default=[], max_length=4, description="None leaves it to the platform."
    )
    facebook_positions: list[Key] = Field(default=[], max_length=20)
    instagram_positions: list[Key] = Field(default=[], max_length=20, examples=[["reels"]])
    widen: bool = Field(default=False, description="Let the platform go beyond these people (Advantage audience).")
    budget_on: Literal["campaign", "ad_set"] = "ad_set"
    bid: Bid | None = None
    bid_amount: Minor | None = Field(default=None, description="Minor units; of BID_CAP and COST_CAP.")
    pixel_id: Key | None = None
    event: str | None = Field(default=None, max_length=60, examples=["PURCHASE"])
    dsa_beneficiary: str | None = Field(default=None, max_length=512, description="Who profits: asked for in the EU.")
    dsa_payor: str | None = Field(default=None, max_length=512, description="Who pays: asked for in the EU.")
    special_categories: list[
        Literal["HOUSING", "EMPLOYMENT", "FINANCIAL_PRODUCTS_SERVICES", "ISSUES_ELECTIONS_POLITICS"]
    ] = Field(default=[], max_length=4)
    text: str = Field(default="", max_length=5000)
    title: str = Field(default="", max_length=255)
    link: HttpUrl | None = None
    button: str = Field(default="LEARN_MORE", pattern=r"^[A-Z_]{2,40}$", examples=["LISTEN_NOW"])
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


def names_of(wanted: PlanIn) -> Names:
    """What of it is to be looked up."""
    return Names(
        audiences=tuple(wanted.audiences),
        excluded_audiences=tuple(wanted.excluded_audiences),
        interests=tuple((one.id, one.name) for one in wanted.interests),
        regions=tuple(wanted.regions),
        cities=tuple(wanted.cities),
        locales=tuple(map(str, wanted.locales)),
        special=bool(wanted.special_categories),
    )


async def _wished(here: Here, actor: CurrentActor, wanted: CampaignIn) -> Wish:
    """The wish, with all that it names; the platform is asked before the request's transaction begins."""
    said = wanted.model_dump(mode="json", include=set(PlanIn.model_fields))
    said |= {"utm": wanted.utm.model_dump(exclude_none=True), "interests": [(o.id, o.name) for o in wanted.interests]}
    names = names_of(wanted)
    if names.unknown:
        said |= await looked_up(here, actor, wanted.ad_account_id, names)
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


async def looked_up(here: Here, actor: CurrentActor, account_id: UUID, names: Names) -> dict[str, Any]:
    """What is named, as a plan keeps it. Raises what `naming` raises, NotFound, Conflict."""
    async with here.db.transaction(actor) as session:
        account = await accounts.get(session, account_id)
        require_open(account)
        opened = accounts.opened(account, here.keys)
    async with naming.people(here.settings, opened) as meta:
        return await naming.settle(meta, names)
