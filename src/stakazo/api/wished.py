"""What somebody wishes for, changes or copies of a campaign: what it names is looked up before anything is begun."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, changing, naming, previewing, service, wishing
from stakazo.ads.changing import Change
from stakazo.ads.naming import Names
from stakazo.ads.plan import Around, Plan
from stakazo.ads.service import require_open
from stakazo.ads.wishing import Wish
from stakazo.api.deps import CurrentActor, Here
from stakazo.api.plans import AroundIn, CampaignChange, CampaignIn, DuplicateIn, Otherwise, PlanIn
from stakazo.core.db import now
from stakazo.platforms.ads import Goal
from stakazo.platforms.base import Account

KEYED = ("audiences", "excluded_audiences", "regions", "cities", "zips")
"""What a plan keeps as the platform's keys, with names beside them; languages and interests don't go away."""


def _names(wanted: PlanIn | Otherwise, *, page_id: str, special: bool) -> Names:
    """What of it is to be looked up."""
    return Names(
        zips=tuple(wanted.zips or ()),
        around=tuple(Around.of(one) for one in _surroundings(wanted)),
        lead_form=getattr(wanted, "lead_form_id", None),  # what runs has the one it was made with
        page_id=page_id,
        audiences=tuple(wanted.audiences or ()),
        excluded_audiences=tuple(wanted.excluded_audiences or ()),
        interests=tuple((one.id, one.name) for one in wanted.interests or ()),
        regions=tuple(wanted.regions or ()),
        cities=tuple(wanted.cities or ()),
        locales=tuple(map(str, wanted.locales or ())),
        special=special,
    )


def _anew(known: Plan, wanted: DuplicateIn, page_id: str) -> Names:
    """All that a copy names: what isn't said otherwise is asked about again, and may be gone by now."""
    kept: dict[str, Any] = {name: [one[0] for one in getattr(known, name)] for name in KEYED}
    kept |= {"around": [_as_said(one) for one in known.around], "lead_form_id": known.lead_form_id}
    if wanted.goal not in {None, Goal.LEADS}:
        del kept["lead_form_id"]
    kept = {name: value for name, value in kept.items() if getattr(wanted, name) is None}
    special = known.special_categories if wanted.special_categories is None else wanted.special_categories
    return _names(wanted.model_copy(update=kept), page_id=page_id, special=bool(special))


def _as_said(one: Around) -> AroundIn:
    if one.city is not None:
        return AroundIn(km=one.km, city=one.city[0])
    return AroundIn(km=one.km, latitude=one.latitude, longitude=one.longitude, country=one.country)


def _surroundings(wanted: PlanIn | Otherwise) -> list[dict[str, Any]]:
    """As a plan keeps them; the name of a city stands in place of its key."""
    found = [one.model_dump(exclude_none=True) for one in wanted.around or ()]
    return [one | ({"city": (one["city"], "", "")} if "city" in one else {}) for one in found]


def _plan(wanted: PlanIn | Otherwise) -> dict[str, Any]:
    """What it says of a plan, as one keeps it."""
    said = wanted.model_dump(mode="json", include=set(PlanIn.model_fields), exclude_none=True)
    if wanted.interests is not None:
        said["interests"] = [(one.id, one.name) for one in wanted.interests]
    if wanted.around is not None:
        said["around"] = _surroundings(wanted)
    if wanted.hours is not None:
        said["hours"] = [one.model_dump() | {"days": sorted(one.days)} for one in wanted.hours]
    return said


async def _wished(here: Here, actor: CurrentActor, wanted: CampaignIn) -> Wish:
    """The wish, with all that it names; the platform is asked before the request's transaction begins."""
    said = _plan(wanted)
    async with here.db.transaction(actor) as session:
        account, page_id = await _opened(here, session, wanted.ad_account_id)
    names = _names(wanted, page_id=page_id, special=bool(wanted.special_categories))
    if names.unknown:
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
        moment, (account, page_id) = await now(session), await _opened(here, session, campaign.account_id)
    names = _names(wanted, page_id=page_id, special=bool(its.plan.special_categories))
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
        account, page_id = await _opened(here, session, wish.account_id)
    said, names = _plan(wanted), _anew(wish.plan, wanted, page_id)
    if names.unknown:
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


async def _opened(here: Here, session: AsyncSession, account_id: UUID) -> tuple[Account, str]:
    """The account, and the Page in whose name it advertises."""
    account = await accounts.get(session, account_id)
    require_open(account)
    return accounts.opened(account, here.keys), account.page_id
