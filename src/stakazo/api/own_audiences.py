"""Audiences that are made from here: wished for, filled, removed. What an account has altogether is `audiences.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.roles import Permission
from stakazo.ads import audience_jobs, audiences, gathering, naming, tending
from stakazo.ads.audiences import Wish
from stakazo.ads.gathered import AudienceState, Wanted
from stakazo.ads.models import AdAudience
from stakazo.api.channels import TroubleOut
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, DryRun, Here, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.platforms.crowds import MOST_DAYS, MOST_DAYS_OF_WEBSITE, Crowd, Source, Watched
from stakazo.platforms.customers import Customer, customer
from stakazo.platforms.people import USABLE, Fitness

router = Router(prefix="/audiences", tags=["audiences"], responses=responses(401))

MOST_PEOPLE = 5000
"""Customers in one request: so a body stays below what a request may have."""
Name = Annotated[str, Field(min_length=1, max_length=100, description="Campaigns name it so.")]
Days = Annotated[int, Field(ge=1, le=MOST_DAYS, description="How long somebody stays in it.")]


class CustomerIn(BaseModel):
    """Somebody by their e-mail address, their phone number, or both; or by SHA-256 of these, in hexadecimal."""

    model_config = ConfigDict(extra="forbid")
    email: str | None = Field(default=None, max_length=320, repr=False)
    phone: str | None = Field(
        default=None, max_length=64, repr=False, description="With the country's number: +49 30 1234567."
    )


People = Annotated[list[CustomerIn], Field(max_length=MOST_PEOPLE, repr=False)]
Consent = Annotated[
    bool, Field(description="That these people may be advertised to by a platform that learns hashes of them.")
]


class _Wished(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ad_account_id: UUID
    name: Name


class PageIn(_Wished):
    """Who had to do with the account's Page."""

    crowd: Literal[Crowd.PAGE]
    days: Days = MOST_DAYS


class InstagramIn(_Wished):
    """Who had to do with the account's Instagram account."""

    crowd: Literal[Crowd.INSTAGRAM]
    days: Days = MOST_DAYS


class VideoIn(_Wished):
    """Who watched clips of ours: the Page's posts of them, and the account's ads that show them."""

    crowd: Literal[Crowd.VIDEO]
    days: Days = MOST_DAYS
    watched: Watched = Watched.QUARTER
    variant_ids: list[UUID] = Field(default=[], max_length=100)
    publication_ids: list[UUID] = Field(default=[], max_length=100)


class WebsiteIn(_Wished):
    """Who was on a website with the pixel."""

    crowd: Literal[Crowd.WEBSITE]
    days: int = Field(default=MOST_DAYS_OF_WEBSITE, ge=1, le=MOST_DAYS_OF_WEBSITE)
    pixel_id: str | None = Field(default=None, min_length=1, max_length=200, description="The account's, if not said.")
    url: str | None = Field(default=None, min_length=1, max_length=500, description="Only addresses with this in them.")
    event: str | None = Field(default=None, pattern="^[A-Za-z0-9_ ]{1,50}$", examples=["Purchase"])


class CustomersIn(_Wished):
    """Whose address or number is on a list. It is hashed on arrival, and kept nowhere as it came."""

    crowd: Literal[Crowd.CUSTOMERS]
    people: People = []
    consent: Consent = False
    source: Source = Source.USER


class LookalikeIn(_Wished):
    """Who is most like those of another audience, of a country's people."""

    crowd: Literal[Crowd.LOOKALIKE]
    origin: str = Field(min_length=1, max_length=200, description="The other audience's name, or the platform's key.")
    country: str = Field(pattern="^[A-Z]{2}$", examples=["DE"])
    percent: int = Field(default=1, ge=1, le=20, description="Of the country's people; fewer are more alike.")


AudienceIn = Annotated[
    PageIn | InstagramIn | VideoIn | WebsiteIn | CustomersIn | LookalikeIn, Field(discriminator="crowd")
]


class PeopleIn(BaseModel):
    """More customers for a list."""

    model_config = ConfigDict(extra="forbid")
    people: People
    consent: Consent = False


class Foreseen(BaseModel):
    """What would happen. The platform was asked, and made nothing."""

    refused: list[str] = Field(description="What stands against it, each with what to do.")
    people: int = Field(description="Customers who would be put on the list.")
    unusable: int = Field(description="Those of the request who can't be found by what is said of them.")


class OwnAudienceOut(BaseModel):
    """People whom ads are to be shown to, or kept from."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    ad_account_id: UUID
    name: str
    crowd: Crowd
    state: AudienceState
    wanted: dict[str, Any] = Field(description="Who is to be in it.")
    external_id: str | None = Field(description="The platform's.")
    fitness: Fitness | None = Field(description="Whether ads can be shown to it, as the platform said last.")
    usable: bool
    says: str = Field(description="The platform's own words about its state.")
    lowest: int | None = Field(description="How many people, roughly; null where it isn't known.")
    highest: int | None
    seen_at: datetime | None = Field(description="When the platform said so.")
    given: int = Field(description="Customers that were put on the list.")
    unread: int = Field(description="Those of them that the platform can't read.")
    planned_by: str
    job_id: UUID | None = Field(description="The job that is at it.")
    error: TroubleOut | None = Field(description="What went wrong, and what to do.")
    created_at: datetime
    updated_at: datetime
    unusable: int | None = Field(
        default=None, description="Customers of this request who can't be found by what is said of them."
    )
    preview: Foreseen | None = Field(default=None, description="Only of a dry run.")


@router.post("", status_code=201, response_model=OwnAudienceOut, responses=responses(404, 409, 422, 503))
async def create(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_WRITE)],
    wanted: AudienceIn,
    db: DB,
    here: Here,
    response: Response,
    dry_run: DryRun,
) -> OwnAudienceOut:
    """Have an audience made at the platform. It shows nothing to anybody before a campaign names it.

    Customers' addresses and numbers are hashed on arrival (SHA-256, as the platform prescribes); the hashes are kept
    sealed until the platform has them, and then forgotten. With `dry_run` nothing is made: the platform is asked what
    stands against it.
    """
    wish, unusable = _wish(wanted)
    audience = await audiences.want(db, wish)
    if dry_run:
        return await _preview(db, here, audience, wish, unusable)
    response.headers["Location"] = f"/audiences/{audience.id}"
    return await _go(db, audience, unusable)


def _wish(wanted: AudienceIn) -> tuple[Wish, int]:
    said = wanted.model_dump(
        exclude={"ad_account_id", "name", "people", "consent", "variant_ids", "publication_ids"}, exclude_none=True
    )
    people, unusable = _customers(wanted.people) if isinstance(wanted, CustomersIn) else ([], 0)
    wish = Wish(
        account_id=wanted.ad_account_id,
        name=wanted.name,
        wanted=Wanted(**said),
        variant_ids=tuple(getattr(wanted, "variant_ids", ())),
        publication_ids=tuple(getattr(wanted, "publication_ids", ())),
        people=tuple(people),
        unusable=unusable,
        consent=getattr(wanted, "consent", False),
    )
    return wish, unusable


def _customers(given: list[CustomerIn]) -> tuple[list[Customer], int]:
    """Hashes of who can be found, and how many can't."""
    found = [one for row in given if (one := customer(row.email, row.phone)) is not None]
    return found, len(given) - len(found)


async def _preview(db: AsyncSession, here: Here, audience: AdAudience, wish: Wish, unusable: int) -> OwnAudienceOut:
    order, shown = await tending.order(db, here.keys, audience), _out(audience)
    await db.rollback()  # nothing is held while the platform is asked
    async with naming.people(here.settings, order.account) as meta:
        every = [one async for one in meta.every_audience()]
        wrong, _ = await gathering.settle(meta, order.wanted, order.name, every)
    foreseen = Foreseen(
        refused=[f"{one.detail} {one.todo}".strip() for one in wrong],
        people=len(dict.fromkeys(wish.people)),
        unusable=unusable,
    )
    return shown.model_copy(update={"preview": foreseen})


@router.get("", response_model=PageOut[OwnAudienceOut], responses=responses(422))
async def find(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_READ)],
    db: DB,
    ad_account_id: UUID | None = None,
    state: Annotated[list[AudienceState] | None, Query(description="Removed ones only if asked for.")] = None,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Audiences that were wished for here. What an account has altogether: GET /ad-accounts/{id}/audiences."""
    found = await audiences.find(db, states=state, account_id=ad_account_id, sort=sort, cursor=cursor, limit=limit)
    return PageOut(items=[_out(one) for one in found.items], next_cursor=found.next_cursor)


@router.get("/{audience_id}", response_model=OwnAudienceOut, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_READ)], db: DB, audience_id: UUID, reading: Reading
) -> OwnAudienceOut | Response:
    found = reading.show(await audiences.get(db, audience_id))
    return found if isinstance(found, Response) else _out(found)


@router.post("/{audience_id}/people", response_model=OwnAudienceOut, responses=responses(404, 409, 422))
async def add_people(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_WRITE)], db: DB, audience_id: UUID, wanted: PeopleIn
) -> OwnAudienceOut:
    """Put more customers on a list. Who is on it already stays once."""
    people, unusable = _customers(wanted.people)
    return await _go(db, await audiences.add_people(db, audience_id, people, consent=wanted.consent), unusable)


@router.post("/{audience_id}/retry", response_model=OwnAudienceOut, responses=responses(404, 409))
async def retry(_: Annotated[Actor, may(Permission.CAMPAIGNS_WRITE)], db: DB, audience_id: UUID) -> OwnAudienceOut:
    """Go on with one that came to nothing, or isn't looked at any more. What was made is not made again."""
    return await _go(db, await audiences.retry(db, audience_id))


@router.delete("/{audience_id}", status_code=202, response_model=OwnAudienceOut, responses=responses(404, 409, 412))
async def remove(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_WRITE)], db: DB, audience_id: UUID, editing: Editing
) -> OwnAudienceOut:
    """Have it removed at the platform. Refused while a campaign that may run names it."""
    await editing.check(db, AdAudience, audience_id, hold=False)
    return await _go(db, await audiences.remove(db, audience_id))


async def _go(db: AsyncSession, audience: AdAudience, unusable: int | None = None) -> OwnAudienceOut:
    """Start what its state says is under way."""
    await audience_jobs.start(db, audience)
    return _out(audience).model_copy(update={"unusable": unusable})


def _out(audience: AdAudience) -> OwnAudienceOut:
    seen = audience.seen or {}
    known = {name: getattr(audience, name, None) for name in OwnAudienceOut.model_fields}
    about = {name: seen.get(name) for name in ("fitness", "lowest", "highest")}
    return OwnAudienceOut.model_validate(
        {
            **known, **about, "ad_account_id": audience.account_id, "preview": None, "says": seen.get("says") or "",
            "seen_at": seen.get("at"), "usable": audience.state is AudienceState.MADE and seen.get("fitness") in USABLE,
        }
    )  # fmt: skip
