"""Smart links: addresses of ours that lead each visitor where they can listen, and count who comes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stakazo.accounts.roles import Permission
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.counting import address_of, count_stranger
from stakazo.api.deps import DB, Cursor, Here, Limit, PageOut, may, open_to_all
from stakazo.api.errors import responses
from stakazo.api.once import keyless
from stakazo.api.routes import HEAD, Router
from stakazo.core.actor import Actor
from stakazo.core.addresses import MAX_URL
from stakazo.core.limits import TooMany
from stakazo.links import choosing, following, service
from stakazo.links.choosing import LONGEST, MOST_TARGETS, Device
from stakazo.links.models import SmartLink
from stakazo.links.service import Wanted

router = Router(tags=["links"])

Slug = Annotated[str, Field(min_length=3, max_length=60, examples=["blue-night"])]
Parameter = Annotated[str, Field(min_length=1, max_length=LONGEST)]


class TargetOut(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=40, examples=["spotify"], description="`?to=spotify` asks for it.")
    url: str = Field(min_length=1, max_length=MAX_URL, examples=["https://open.spotify.com/track/..."])
    devices: list[Device] = Field(default=[], description="For whom it is; empty: for all.")


class Utm(BaseModel):
    """What analytics call campaign parameters: added to every target's address as `utm_...`."""

    model_config = ConfigDict(extra="forbid")
    source: Parameter | None = None
    medium: Parameter | None = None
    campaign: Parameter | None = None
    content: Parameter | None = None
    term: Parameter | None = None


class LinkOut(BaseModel):
    id: UUID
    url: str = Field(description="What to put under a post.")
    slug: str
    title: str
    clip_id: UUID | None
    targets: list[TargetOut]
    utm: Utm
    conversions: bool
    ended_at: datetime | None
    created_at: datetime
    updated_at: datetime


class LinkIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    targets: list[TargetOut] = Field(
        min_length=1, max_length=MOST_TARGETS, description="The first that is meant for a visitor's device is theirs."
    )
    title: str = Field(default="", max_length=200)
    slug: Slug | None = Field(default=None, description="Null: one is made up.")
    clip_id: UUID | None = Field(default=None, description="The clip that it is told with.")
    utm: Utm = Utm()
    conversions: bool = Field(default=False, description="Have each click carry its proof, as the parameter `stk`.")


class LinkChange(BaseModel):
    model_config = ConfigDict(extra="forbid")
    targets: list[TargetOut] | None = Field(default=None, min_length=1, max_length=MOST_TARGETS)
    title: str | None = Field(default=None, max_length=200)
    clip_id: UUID | None = None
    utm: Utm | None = None
    conversions: bool | None = None


class LinkDayOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    day: date
    clicks: int = Field(description="Of people.")
    visitors: int = Field(description="Different ones of that day.")
    bots: int = Field(description="Programs: known, and not counted.")
    conversions: dict[str, int] = Field(description="By their kind.")
    value: dict[str, int] = Field(description="What they were worth: minor units by currency.")


class ClicksOut(BaseModel):
    clicks: int
    days: list[LinkDayOut] = Field(description="Of UTC; those without any are left out.")
    targets: dict[str, int] = Field(description="Where they were led.")
    sources: dict[str, int] = Field(description="Where they came from.")
    devices: dict[str, int]


class ConversionIn(BaseModel):
    """Something that a visitor did where the link had led them."""

    model_config = ConfigDict(extra="forbid")
    click: str = Field(min_length=1, max_length=100, description="The parameter `stk` that they came with.")
    kind: str = Field(default="conversion", pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["presave"])
    value: int | None = Field(default=None, ge=0, le=2**31 - 1, description="Minor units.")
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")

    @model_validator(mode="after")
    def _money(self) -> Self:
        if (self.value is None) != (self.currency is None):
            raise ValueError("say `value` and `currency`, or neither")
        return self


class ConversionOut(BaseModel):
    counted: bool = Field(description="False: it was known already.")


@router.post("/links", status_code=201, response_model=LinkOut, responses=responses(401, 404, 409, 422))
async def make(
    _: Annotated[Actor, may(Permission.LINKS_WRITE)], db: DB, here: Here, wanted: LinkIn, response: Response
) -> LinkOut:
    """Make a link: one address under a post, and each visitor is led to where they listen."""
    link = await service.make(
        db,
        here.keys,
        here.settings.base_url,
        Wanted(
            targets=[target.model_dump() for target in wanted.targets],
            title=wanted.title,
            slug=wanted.slug,
            clip_id=wanted.clip_id,
            utm=wanted.utm.model_dump(exclude_none=True),
            conversions=wanted.conversions,
        ),
    )
    response.headers["Location"] = f"/links/{link.id}"
    return _out(here, link)


@router.get("/links", response_model=PageOut[LinkOut], responses=responses(401, 422))
async def find(
    _: Annotated[Actor, may(Permission.LINKS_READ)],
    db: DB,
    here: Here,
    clip_id: UUID | None = None,
    ended: bool = False,  # noqa: FBT001, FBT002 - a parameter of the query
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Links of this workspace; those that have ended only where they are asked for."""
    page = await service.find(db, clip_id=clip_id, ended=ended, sort=sort, cursor=cursor, limit=limit)
    return PageOut(items=[_out(here, link) for link in page.items], next_cursor=page.next_cursor)


@router.get("/links/{link_id}", response_model=LinkOut, responses=responses(401, 404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.LINKS_READ)], db: DB, here: Here, link_id: UUID, reading: Reading
) -> LinkOut | Response:
    link = await service.get(db, link_id)
    shown = reading.show(link)
    return _out(here, link) if isinstance(shown, SmartLink) else shown


@router.patch("/links/{link_id}", response_model=LinkOut, responses=responses(401, 404, 409, 412, 422))
async def change(
    _: Annotated[Actor, may(Permission.LINKS_WRITE)],
    db: DB,
    here: Here,
    link_id: UUID,
    wanted: LinkChange,
    editing: Editing,
) -> LinkOut:
    """Lead elsewhere. The address stays: it is out in the world."""
    await editing.check(db, SmartLink, link_id)
    given = wanted.model_dump(exclude_unset=True)
    changes = {name: value for name, value in given.items() if value is not None or name == "clip_id"}
    if wanted.utm is not None:
        changes["utm"] = wanted.utm.model_dump(exclude_none=True)
    return _out(here, editing.show(await service.change(db, here.settings.base_url, link_id, changes)))


@router.delete("/links/{link_id}", status_code=204, responses=responses(401, 404, 412))
async def end(_: Annotated[Actor, may(Permission.LINKS_WRITE)], db: DB, link_id: UUID, editing: Editing) -> None:
    """Let it lead nowhere any more. What was counted stays, and nobody else gets its slug."""
    await editing.check(db, SmartLink, link_id)
    await service.end(db, link_id)


@router.get("/links/{link_id}/clicks", response_model=ClicksOut, responses=responses(401, 404, 422))
async def clicks(
    _: Annotated[Actor, may(Permission.LINKS_READ)],
    db: DB,
    link_id: UUID,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
) -> ClicksOut:
    """Who followed it, day by day, and what came of it."""
    await service.get(db, link_id)
    days = await service.counts(db, link_id=link_id, since=since, until=until)
    by = {name: await service.shares(db, link_id, name, since=since, until=until) for name in _BY}
    return ClicksOut(
        clicks=sum(day.clicks for day in days),
        days=[LinkDayOut.model_validate(day) for day in days],
        targets=by["target"],
        sources=by["source"],
        devices=by["device"],
    )


_BY: tuple[service.Grouping, ...] = ("target", "source", "device")


# --- what anybody may ask -----------------------------------------------------------------------------------


@router.get(
    "/l/{slug}",
    status_code=302,
    response_class=RedirectResponse,
    responses=responses(404, 410, also={302: {"description": "Where this visitor can listen."}}),
)
async def follow(
    _: Annotated[None, open_to_all(counted=False)],
    here: Here,
    request: Request,
    slug: str,
    to: Annotated[str | None, Query(max_length=40, description="The name of the target that is wanted.")] = None,  # noqa: ARG001 - `choosing.read` reads it with the rest
) -> Response:
    """Follow a link. It leads to what was written into it and nowhere else."""
    found = await following.look_up(here.db, slug)
    visit = choosing.read(dict(request.headers), request.query_params.multi_items(), head=HEAD in request.scope)
    who: tuple[str, str] | None = (address_of(request), request.headers.get("user-agent", ""))
    try:
        await count_stranger(request, here.limiter)
    except TooMany:  # a whole town behind one address, or somebody who counts up: led on, but not written down
        who = None
    async with here.db.transaction(found.actor) as session:
        place = await following.follow(session, here.keys, found.id, visit, who)
    return RedirectResponse(place, 302, headers={"Cache-Control": "no-store"})


@router.post("/l/{slug}/conversion", status_code=202, response_model=ConversionOut, responses=responses(404, 422))
@keyless("a click converts once for each kind, however often it is said")
async def convert(_: Annotated[None, open_to_all()], here: Here, slug: str, said: ConversionIn) -> ConversionOut:
    """Say what came of a click. Whoever has its proof may: it was given to where the link led, and to nobody else."""
    found = await following.look_up(here.db, slug)
    async with here.db.transaction(found.actor) as session:
        counted = await following.convert(
            session, here.keys, found.id, said.click, said.kind, said.value, said.currency
        )
    return ConversionOut(counted=counted)


def _out(here: Here, link: SmartLink) -> LinkOut:
    known = {name: getattr(link, name) for name in LinkOut.model_fields if name != "url"}
    return LinkOut.model_validate({**known, "url": f"{here.settings.base_url}/l/{link.slug}"})
