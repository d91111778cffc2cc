"""Whom an ad account can advertise to, and its Page's forms: asked of the platform, as it has them now."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from stakazo.accounts.roles import Permission
from stakazo.ads import accounts, naming
from stakazo.api.deps import Here, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.platforms.base import Account
from stakazo.platforms.people import USABLE, Choice, Fitness, Kind

router = Router(prefix="/ad-accounts/{ad_account_id}", tags=["ad accounts"], responses=responses(401))


class AudienceOut(BaseModel):
    """People whom the account knows."""

    id: str = Field(description="The platform's.")
    name: str
    kind: str = Field(examples=["CUSTOM", "LOOKALIKE"])
    fitness: Fitness
    usable: bool = Field(description="Whether ads can be shown to it now.")
    says: str = Field(description="The platform's own words about its state.")
    todo: str | None = Field(description="Why it can't be used, and what to do.")
    lowest: int | None = Field(description="How many people, roughly; null where it isn't known.")
    highest: int | None
    special: bool = Field(description="Whether ads of a special category may use it.")


class LeadFormOut(BaseModel):
    """A form that people fill in to be called back."""

    model_config = ConfigDict(from_attributes=True)
    id: str = Field(description="The platform's; what a campaign calls `lead_form_id`.")
    name: str
    open: bool = Field(description="Whether it can be filled in.")


class ChoiceOut(BaseModel):
    """Something that people can be chosen by."""

    model_config = ConfigDict(from_attributes=True)
    kind: Kind
    key: str = Field(description="The platform's.")
    name: str = Field(examples=["Portland"])
    full_name: str = Field(description="Names just this one.", examples=["Portland, Oregon, US"])
    country: str = Field(description="Of a place; two letters.")
    highest: int | None = Field(description="How many people, roughly; of an interest.")


class ChoicesOut(BaseModel):
    items: list[ChoiceOut] = Field(description="The likeliest first, fifty at most.")


@router.get("/audiences", response_model=PageOut[AudienceOut], responses=responses(404, 409, 422, 503))
async def audiences(
    actor: Annotated[Actor, may(Permission.CAMPAIGNS_READ)],
    here: Here,
    ad_account_id: UUID,
    name: Annotated[str, Query(max_length=200, description="Only those with this in their name.")] = "",
    cursor: Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")] = None,
    limit: Limit = 50,
) -> Any:
    """Its custom and lookalike audiences, as the platform has them now and in its order; a page may be empty."""
    async with naming.people(here.settings, await _account(here, actor, ad_account_id)) as meta:
        found, following = await meta.audiences(name, limit=limit, after=cursor)
    items = [
        AudienceOut(
            id=one.id, name=one.name, kind=one.kind, fitness=one.fitness, usable=one.fitness in USABLE, says=one.says,
            todo=naming.why_not(one), lowest=one.lowest, highest=one.highest, special=one.special,
        )
        for one in found
    ]  # fmt: skip
    return PageOut(items=items, next_cursor=following)


@router.get("/lead-forms", response_model=PageOut[LeadFormOut], responses=responses(404, 409, 422, 503))
async def lead_forms(
    actor: Annotated[Actor, may(Permission.CAMPAIGNS_READ)],
    here: Here,
    ad_account_id: UUID,
    name: Annotated[str, Query(max_length=200, description="Only those with this in their name.")] = "",
    cursor: Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")] = None,
    limit: Limit = 50,
) -> Any:
    """The forms of the Page that it advertises for, which are made at the platform; a page may be empty."""
    async with here.db.transaction(actor) as session:
        row = await accounts.get(session, ad_account_id)
        account, page_id = accounts.opened(row, here.keys), row.page_id
    async with naming.people(here.settings, account) as meta:
        found, following = await meta.lead_forms(page_id, name, limit=limit, after=cursor)
    return PageOut(items=[LeadFormOut.model_validate(one) for one in found], next_cursor=following)


@router.get("/targeting", response_model=ChoicesOut, responses=responses(404, 409, 422, 503))
async def targeting(
    actor: Annotated[Actor, may(Permission.CAMPAIGNS_READ)],
    here: Here,
    ad_account_id: UUID,
    kind: Kind,
    words: Annotated[str, Query(min_length=1, max_length=200, examples=["jazz"])],
) -> Any:
    """Interests, places and languages that have these words in their name."""
    async with naming.people(here.settings, await _account(here, actor, ad_account_id)) as meta:
        found: list[Choice] = await meta.search(kind, words)
    return ChoicesOut(items=[ChoiceOut.model_validate(one) for one in found])


async def _account(here: Here, actor: Actor, account_id: UUID) -> Account:
    async with here.db.transaction(actor) as session:
        return accounts.opened(await accounts.get(session, account_id), here.keys)
