"""Publications: variants on channels, planned, approved, brought out, confirmed, taken down."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, HttpUrl
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.roles import Permission
from stakazo.api.channels import TroubleOut
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, DryRun, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.routes import Router
from stakazo.clips import service as clips
from stakazo.core.actor import Actor
from stakazo.core.limits import Kind as Counted
from stakazo.insights import measuring
from stakazo.ledger import service as ledger
from stakazo.platforms.base import Audience, Kind, Platform, Trial
from stakazo.publishing import by_hand, discarding, jobs, planning, service, states
from stakazo.publishing.by_hand import ByHand
from stakazo.publishing.models import Publication
from stakazo.publishing.planning import Planned, Wish
from stakazo.publishing.service import Change
from stakazo.publishing.states import PublicationState
from stakazo.variants import service as variants

router = Router(tags=["publications"], responses=responses(401))

LATE = 120.0
"""Seconds after its time at which something that hasn't begun is shown as overdue."""


class Details(BaseModel):
    """What else a platform is told; each reads what it knows."""

    model_config = ConfigDict(extra="forbid")
    title: str | None = Field(default=None, max_length=300, description="Facebook, YouTube.")
    tags: list[str] | None = Field(default=None, max_length=100, description="YouTube.")
    cover_at: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="Seconds: Instagram, TikTok.")
    cover_url: HttpUrl | None = Field(default=None, description="A JPEG that the platform fetches: Instagram.")
    audience: Audience | None = None
    made_with_ai: bool | None = None
    paid_partnership: bool | None = None
    promotes_own: bool | None = Field(default=None, description="TikTok.")
    collaborators: list[str] | None = Field(default=None, max_length=10, description="Instagram.")
    share_to_feed: bool | None = Field(default=None, description="Instagram.")
    trial: Trial | None = Field(default=None, description="Instagram: strangers see it first.")
    audio_name: str | None = Field(default=None, max_length=200, description="Instagram.")
    location_id: str | None = Field(default=None, max_length=100)
    comments: bool | None = None
    duets: bool | None = Field(default=None, description="TikTok.")
    stitches: bool | None = Field(default=None, description="TikTok.")
    category: str | None = Field(default=None, max_length=10, description="YouTube's number; 10 is music.")
    for_kids: bool | None = Field(default=None, description="YouTube.")


class PublicationsIn(BaseModel):
    """Every one of these variants on every one of these channels that it was made for."""

    model_config = ConfigDict(extra="forbid")
    variant_ids: list[UUID] = Field(min_length=1, max_length=200)
    channel_ids: list[UUID] = Field(min_length=1, max_length=50)
    at: AwareDatetime | None = Field(default=None, description="Not before; null: as soon as it can be.")
    queue: bool = Field(default=False, description="In the channel's next free weekly slots.")
    draft: bool = Field(default=False, description="Write it down, but do nothing before it is handed in.")
    kind: Kind | None = Field(default=None, description="Null: what the file is by its shape.")
    caption: str = Field(default="", max_length=65_000)
    hashtags: list[str] = Field(default=[], max_length=100, description="Added to the caption where it lacks them.")
    first_comment: str = Field(default="", max_length=8000)
    details: Details = Details()
    intent_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="The same variant on the same channel is one publication; to post it once more, name the intent.",
    )


class PublicationOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    variant_id: UUID
    channel_id: UUID | None = Field(description="Null where a person posted it on an account that isn't connected.")
    platform: Platform
    kind: Kind
    state: PublicationState
    due_at: datetime
    overdue: bool = Field(description="Its time has come, and nobody has begun it: does a worker run?")
    caption: str
    first_comment: str
    details: dict[str, Any]
    author: str = Field(description="Who wanted it: `user/...`, `api_key/...`.")
    approved_by: str | None
    approved_at: datetime | None
    by_hand: bool = Field(description="A person posted it and told us.")
    checked_at: datetime | None = Field(description="When the platform last said that it is there.")
    job_id: UUID | None
    asks: int = Field(description="How often the platform was asked again since it is in doubt what became of it.")
    ask_at: datetime | None = Field(
        description="When it is asked next, by itself. Null: not any more, or there is no doubt."
    )
    handle: str | None = Field(description="The platform's id of the upload that nobody sees.")
    external_id: str | None = Field(description="The platform's id of what is public.")
    url: str | None
    published_at: datetime | None
    removed_at: datetime | None
    error: TroubleOut | None = Field(description="Why it didn't go out, and what to do.")
    created_at: datetime
    updated_at: datetime


class FindingOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    code: str = Field(examples=["embargo"])
    sentence: str
    refused: bool = Field(description="False: it works, but not as one may think.")


class PlannedOut(BaseModel):
    """One publication as it is, or would be."""

    variant_id: UUID
    channel_id: UUID
    kind: Kind
    due_at: datetime
    caption: str
    findings: list[FindingOut]
    offers: list[UUID] = Field(description="Other variants of the clip that may be published there.")
    publication_id: UUID | None = Field(description="Null in a dry run.")
    existed: bool = Field(description="The same was wanted before: nothing new was written down.")


class PublicationsOut(BaseModel):
    publications: list[PublicationOut]
    plan: list[PlannedOut]


class PublicationChange(BaseModel):
    model_config = ConfigDict(extra="forbid")
    at: AwareDatetime | None = None
    caption: str | None = Field(default=None, max_length=65_000)
    first_comment: str | None = Field(default=None, max_length=8000)
    details: Details | None = None


class RetryIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    looked: bool = Field(default=False, description="A person has looked at the account, and it isn't there.")


class ConfirmIn(BaseModel):
    """A person posted it: which variant, where, and what it is called there."""

    model_config = ConfigDict(extra="forbid")
    variant_id: UUID
    platform: Platform
    channel_id: UUID | None = Field(default=None, description="Where the account is connected, it is checked.")
    external_id: str | None = Field(default=None, min_length=1, max_length=300)
    url: HttpUrl | None = None
    published_at: AwareDatetime | None = None
    caption: str = Field(default="", max_length=65_000)


@router.post("/publications", status_code=201, response_model=PublicationsOut, responses=responses(404, 409, 422))
async def want(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE, Counted.SPEND)],
    db: DB,
    wanted: PublicationsIn,
    dry_run: DryRun,
) -> PublicationsOut:
    """Publish variants on channels, now or at a time; all of it is written down, or nothing.

    What the rights, the platforms or the channels forbid is refused with the reason and, where there is one, a variant
    that may be. Moments keep the channel's pace. A dry run answers with the plan, findings included.
    """
    wish = Wish(
        variant_ids=tuple(wanted.variant_ids),
        channel_ids=tuple(wanted.channel_ids),
        at=wanted.at,
        queue=wanted.queue,
        kind=wanted.kind,
        caption=wanted.caption,
        hashtags=tuple(wanted.hashtags),
        first_comment=wanted.first_comment,
        details=wanted.details.model_dump(mode="json", exclude_none=True),
        intent_key=wanted.intent_key,
    )
    if dry_run:
        plan = await planning.plan(db, wish)
        return PublicationsOut(publications=[], plan=[_planned(one, None) for one in plan])
    made = []
    for one, publication in await service.want(db, wish, draft=wanted.draft):
        if one.existing is None:
            await _follow(db, publication)
            await jobs.schedule(db, publication)
        made.append((one, publication))
    return PublicationsOut(
        publications=[_out(publication) for _, publication in made],
        plan=[_planned(one, publication) for one, publication in made],
    )


@router.get("/publications", response_model=PageOut[PublicationOut], responses=responses(422))
async def find(  # noqa: PLR0917 - one argument per filter of the query
    _: Annotated[Actor, may(Permission.PUBLICATIONS_READ)],
    db: DB,
    state: Annotated[list[PublicationState] | None, Query()] = None,
    channel_id: UUID | None = None,
    variant_id: UUID | None = None,
    clip_id: UUID | None = None,
    video_id: UUID | None = None,
    platform: Platform | None = None,
    since: Annotated[AwareDatetime | None, Query(description="Due then or later.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Due before then.")] = None,
    sort: Annotated[Literal["newest", "due"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Publications of this workspace; the calendar is `sort=due` with `since` and `until`."""
    page = await service.find(
        db, states=state, channel_id=channel_id, variant_id=variant_id, clip_id=clip_id, video_id=video_id,
        platform=platform, since=since, until=until, sort=sort, cursor=cursor, limit=limit,
    )  # fmt: skip
    return PageOut(items=[_out(one) for one in page.items], next_cursor=page.next_cursor)


@router.get("/publications/{publication_id}", response_model=PublicationOut, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_READ)], db: DB, publication_id: UUID, reading: Reading
) -> PublicationOut | Response:
    publication = await service.get(db, publication_id)
    shown = reading.show(publication)
    return _out(publication) if isinstance(shown, Publication) else shown


@router.patch("/publications/{publication_id}", response_model=PublicationOut, responses=responses(404, 409, 412, 422))
async def change(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE)],
    db: DB,
    publication_id: UUID,
    wanted: PublicationChange,
    editing: Editing,
) -> PublicationOut:
    """Another time or other words, as long as nothing was sent. What was approved is to be approved again."""
    await editing.check(db, Publication, publication_id, hold=False)
    await _follow(db, await service.get(db, publication_id))
    details = None if wanted.details is None else wanted.details.model_dump(mode="json", exclude_none=True)
    changed = Change(wanted.at, wanted.caption, wanted.first_comment, details)
    left = discarding.left_by(await service.get(db, publication_id))
    publication = await service.change(db, publication_id, changed)
    if publication.handle_id is None:
        await discarding.discard(db, publication.channel_id, left)
    if publication.job_id is None:
        await jobs.schedule(db, publication)
    return _out(editing.show(publication))


@router.post("/publications/{publication_id}/submit", response_model=PublicationOut, responses=responses(404, 409, 422))
async def submit(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE, Counted.SPEND)], db: DB, publication_id: UUID
) -> PublicationOut:
    """Hand in a draft: it is scheduled, or waits for approval."""
    await _follow(db, await service.get(db, publication_id))
    publication = await service.submit(db, publication_id)
    await jobs.schedule(db, publication)
    return _out(publication)


@router.post(
    "/publications/{publication_id}/approve", response_model=PublicationOut, responses=responses(404, 409, 412, 422)
)
async def approve(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_APPROVE, Counted.SPEND)],
    db: DB,
    publication_id: UUID,
    editing: Editing,
) -> PublicationOut:
    """Agree to it as it is now (`If-Match`): it goes out at its time."""
    await editing.check(db, Publication, publication_id)
    await _follow(db, await service.get(db, publication_id))
    publication = await service.approve(db, publication_id)
    await jobs.schedule(db, publication)
    return _out(editing.show(publication))


@router.post("/publications/{publication_id}/cancel", response_model=PublicationOut, responses=responses(404, 409, 412))
async def cancel(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE)], db: DB, publication_id: UUID, editing: Editing
) -> PublicationOut:
    """Call it off, as long as nobody can have seen it."""
    await editing.check(db, Publication, publication_id, hold=False)
    before = await service.get(db, publication_id)
    await _follow(db, before)
    left = discarding.left_by(before)
    publication = await service.cancel(db, publication_id)
    await discarding.discard(db, publication.channel_id, left)
    return _out(editing.show(publication))


@router.post("/publications/{publication_id}/retry", response_model=PublicationOut, responses=responses(404, 409, 422))
async def retry(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE, Counted.SPEND)],
    db: DB,
    publication_id: UUID,
    wanted: RetryIn | None = None,
) -> PublicationOut:
    """Go on with what failed or got stuck. What may be public is asked about first, and never posted twice."""
    before = await service.get(db, publication_id)
    await _follow(db, before)
    left = discarding.left_by(before)
    publication = await service.retry(db, publication_id, looked=bool(wanted and wanted.looked))
    if publication.handle_id is None:
        await discarding.discard(db, publication.channel_id, left)
    await jobs.schedule(db, publication)
    return _out(publication)


@router.delete(
    "/publications/{publication_id}", status_code=202, response_model=PublicationOut, responses=responses(404, 409, 412)
)
async def take_down(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE)], db: DB, publication_id: UUID, editing: Editing
) -> PublicationOut:
    """Take down what is public; its row stays. A job does it, and says so where only the platform's app can."""
    await editing.check(db, Publication, publication_id)
    await _follow(db, await service.get(db, publication_id))
    publication = await service.remove(db, publication_id)
    if publication.state is PublicationState.REMOVING:
        await jobs.remove(db, publication)
    return _out(editing.show(publication))


@router.post(
    "/confirm_publish",
    status_code=201,
    response_model=PublicationOut,
    responses=responses(404, 409, 422, also={200: {"model": PublicationOut, "description": "Known before."}}),
)
async def confirm(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE)], db: DB, said: ConfirmIn, response: Response
) -> PublicationOut:
    """A person posted it, or found it there: from now on it is followed like the rest.

    Where the account is connected and the post's id is given, a job asks the platform whether it is there.
    """
    given = said.model_dump() | {"url": str(said.url) if said.url else None}
    publication, created = await by_hand.confirm(db, ByHand(**given))
    await _follow(db, publication)
    if publication.external_id and publication.channel_id and publication.checked_at is None:
        await jobs.check_publication.start(db, publication.id)
        await measuring.look_now(db, publication)
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/publications/{publication.id}"
    return _out(publication)


async def _follow(db: AsyncSession, publication: Publication) -> None:
    """Let what this request does belong to the thread of the video."""
    clip_id = (await variants.get(db, publication.variant_id)).clip_id
    await ledger.follow(db, "video", (await clips.get(db, clip_id)).video_id)


def _planned(one: Planned, publication: Publication | None) -> PlannedOut:
    return PlannedOut(
        variant_id=one.variant.id,
        channel_id=one.channel.id,
        kind=one.kind,
        due_at=one.due_at,
        caption=one.caption,
        findings=[FindingOut.model_validate(found) for found in one.findings],
        offers=list(one.offers),
        publication_id=publication.id if publication else one.existing.id if one.existing else None,
        existed=one.existing is not None,
    )


def _out(publication: Publication) -> PublicationOut:
    known = {
        name: getattr(publication, name) for name in PublicationOut.model_fields if name not in {"overdue", "handle"}
    }
    late = (datetime.now(UTC) - publication.due_at).total_seconds() > LATE
    waits = publication.state in states.EDITABLE - {PublicationState.DRAFT}
    return PublicationOut.model_validate({**known, "handle": publication.handle_id, "overdue": late and waits})
