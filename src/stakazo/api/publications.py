"""Publications: variants on channels, planned, approved, brought out, confirmed, taken down."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.roles import Permission
from stakazo.api.allowed import Judged, Wanted
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, DryRun, Here, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.posts import (
    CancelIn,
    CommentAgainIn,
    ConfirmIn,
    PublicationChange,
    PublicationOut,
    PublicationsOut,
    RetryIn,
    out,
    planned,
)
from stakazo.api.routes import Router
from stakazo.clips import service as clips
from stakazo.core.actor import Actor
from stakazo.core.limits import Kind as Counted
from stakazo.ledger import service as ledger
from stakazo.platforms.base import Platform
from stakazo.publishing import by_hand, commenting, discarding, doubts, jobs, planning, service
from stakazo.publishing.by_hand import ByHand
from stakazo.publishing.models import Publication
from stakazo.publishing.planning import Wish
from stakazo.publishing.service import Change
from stakazo.publishing.states import PublicationState
from stakazo.variants import service as variants

router = Router(tags=["publications"], responses=responses(401))


@router.post("/publications", status_code=201, response_model=PublicationsOut, responses=responses(404, 409, 422))
async def want(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE, Counted.SPEND)],
    wanted: Wanted,
    db: DB,
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
        return PublicationsOut(publications=[], plan=[planned(one, None) for one in plan])
    made = []
    for one, publication in await service.want(db, wish, draft=wanted.draft):
        if one.existing is None:
            await _follow(db, publication)
            await jobs.schedule(db, publication)
        made.append((one, publication))
    return PublicationsOut(
        publications=[out(publication) for _, publication in made],
        plan=[planned(one, publication) for one, publication in made],
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
    return PageOut(items=[out(one) for one in page.items], next_cursor=page.next_cursor)


@router.get("/publications/{publication_id}", response_model=PublicationOut, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_READ)], db: DB, publication_id: UUID, reading: Reading
) -> PublicationOut | Response:
    publication = await service.get(db, publication_id)
    shown = reading.show(publication)
    return out(publication) if isinstance(shown, Publication) else shown


@router.patch("/publications/{publication_id}", response_model=PublicationOut, responses=responses(404, 409, 412, 422))
async def change(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE)],
    publication_id: Judged,
    db: DB,
    here: Here,
    wanted: PublicationChange,
    editing: Editing,
) -> PublicationOut:
    """Another time or other words, as long as nothing was sent. What was approved is to be approved again."""
    await editing.check(db, Publication, publication_id, hold=False)
    await _follow(db, await service.get(db, publication_id))
    details = None if wanted.details is None else wanted.details.model_dump(mode="json", exclude_none=True)
    changed = Change(wanted.at, wanted.caption, wanted.first_comment, details)
    left = discarding.left_by(here.keys, await service.get(db, publication_id))
    publication = await service.change(db, publication_id, changed)
    if publication.handle_id is None:
        await discarding.leave(db, here.keys, publication, left)
    if publication.job_id is None:
        await jobs.schedule(db, publication)
    return out(editing.show(publication))


@router.post("/publications/{publication_id}/submit", response_model=PublicationOut, responses=responses(404, 409, 422))
async def submit(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE, Counted.SPEND)], publication_id: Judged, db: DB
) -> PublicationOut:
    """Hand in a draft: it is scheduled, or waits for approval."""
    await _follow(db, await service.get(db, publication_id))
    publication = await service.submit(db, publication_id)
    await jobs.schedule(db, publication)
    return out(publication)


@router.post(
    "/publications/{publication_id}/approve", response_model=PublicationOut, responses=responses(404, 409, 412, 422)
)
async def approve(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_APPROVE, Counted.SPEND)],
    publication_id: Judged,
    db: DB,
    editing: Editing,
) -> PublicationOut:
    """Agree to it as it is now (`If-Match`): it goes out at its time."""
    await editing.check(db, Publication, publication_id)
    await _follow(db, await service.get(db, publication_id))
    publication = await service.approve(db, publication_id)
    await jobs.schedule(db, publication)
    return out(editing.show(publication))


@router.post("/publications/{publication_id}/cancel", response_model=PublicationOut, responses=responses(404, 409, 412))
async def cancel(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE)],
    db: DB,
    here: Here,
    publication_id: UUID,
    editing: Editing,
    wanted: CancelIn | None = None,
) -> PublicationOut:
    """Call it off, as long as nobody can have seen it; what may be public only where a person has looked.

    Should that appear all the same, it is said loudly.
    """
    await editing.check(db, Publication, publication_id, hold=False)
    before = await service.get(db, publication_id)
    await _follow(db, before)
    left = discarding.left_by(here.keys, before)
    publication = await service.cancel(db, publication_id, looked=bool(wanted and wanted.looked))
    await discarding.leave(db, here.keys, publication, left)
    await doubts.go_on(db, publication.id)
    return out(editing.show(publication))


@router.post("/publications/{publication_id}/retry", response_model=PublicationOut, responses=responses(404, 409, 422))
async def retry(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE, Counted.SPEND)],
    publication_id: Judged,
    db: DB,
    here: Here,
    wanted: RetryIn | None = None,
) -> PublicationOut:
    """Go on with what failed or got stuck. What may be public is asked about first, and never posted twice."""
    before = await service.get(db, publication_id)
    await _follow(db, before)
    left = discarding.left_by(here.keys, before)
    publication = await service.retry(db, publication_id, looked=bool(wanted and wanted.looked))
    if publication.handle_id is None:
        await discarding.leave(db, here.keys, publication, left)
    await jobs.schedule(db, publication)
    return out(publication)


@router.post(
    "/publications/{publication_id}/first_comment",
    status_code=202,
    response_model=PublicationOut,
    responses=responses(404, 409, 422),
)
async def comment_again(
    _: Annotated[Actor, may(Permission.PUBLICATIONS_WRITE, Counted.SPEND)],
    db: DB,
    publication_id: UUID,
    wanted: CommentAgainIn | None = None,
) -> PublicationOut:
    """Have the first comment written that was not. What may be there, only after a person has looked."""
    await _follow(db, await service.get(db, publication_id))
    return out(await commenting.again(db, publication_id, looked=bool(wanted and wanted.looked)))


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
    return out(editing.show(publication))


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

    By its address or its id; another platform's address is refused. Where the account is connected, a job asks the
    platform whether it is there.
    """
    given = said.model_dump() | {"url": str(said.url) if said.url else None}
    publication, created = await by_hand.confirm(db, ByHand(**given))
    await _follow(db, publication)
    if by_hand.is_checkable(publication) and publication.checked_at is None:
        await jobs.check_publication.start(db, publication.id)
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/publications/{publication.id}"
    return out(publication)


async def _follow(db: AsyncSession, publication: Publication) -> None:
    """Let what this request does belong to the thread of the video."""
    clip_id = (await variants.get(db, publication.variant_id)).clip_id
    await ledger.follow(db, "video", (await clips.get(db, clip_id)).video_id)
