"""Clips: proposed with their reasons, accepted or rejected by a person, made into variants."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo import pipeline
from stakazo.accounts.roles import Permission
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, DryRun, Here, Limit, PageOut, may
from stakazo.api.errors import a_file, responses
from stakazo.api.files import remove, stored_file, unused
from stakazo.api.jobs import JobOut, accepted
from stakazo.api.routes import Router
from stakazo.api.variants import VariantOut
from stakazo.clips import service as clips
from stakazo.clips.models import Clip, ClipState
from stakazo.core.actor import Actor
from stakazo.core.errors import NotFound
from stakazo.jobs import service as jobs
from stakazo.jobs.engine import JobOptions
from stakazo.jobs.models import Job
from stakazo.ledger import service as ledger
from stakazo.publishing import service as publications
from stakazo.rules import service as rules
from stakazo.rules.schema import render_overrides
from stakazo.variants import quota, recipes
from stakazo.variants import service as variants
from stakazo.variants.models import ClipVariant, VariantState

router = Router(prefix="/clips", tags=["clips"], responses=responses(401))


class ScorePart(BaseModel):
    name: str
    value: float = Field(description="0 to 1.")
    weight: float
    reason: str = Field(description="What was seen or heard, in words.")


class ClipOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    video_id: UUID
    rank: int = Field(description="1 is the best of its video.")
    start: float = Field(description="Seconds of the source.")
    end: float
    starts_on: str = Field(description="What the start is aligned to: bar, beat, shot, silence, start, person.")
    ends_on: str
    state: ClipState
    score: float = Field(description="0 to 100: the weighted mean of the parts.")
    score_parts: list[ScorePart]
    reasons: list[str] = Field(description="The strongest reasons, best first.")
    rule_id: UUID | None = Field(description="The version of the rule that chose it.")
    created_at: datetime
    updated_at: datetime


class ClipIn(BaseModel):
    """A person moves the ends of a clip."""

    model_config = ConfigDict(extra="forbid")
    start: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="Seconds of the source.")
    end: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class VariantsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    recipes: list[str] | None = Field(
        default=None, min_length=1, max_length=32, description="Names of recipes; all of them when left out."
    )


class PlannedOut(BaseModel):
    """One variant as it will be, by its recipe and the rule that holds now."""

    model_config = ConfigDict(from_attributes=True)
    recipe: str
    platform: str
    action: Literal["render", "wait", "keep"] = Field(
        description="It will be rendered; it is being rendered; it is there."
    )
    width: int
    height: int
    duration: float = Field(description="Seconds.")
    loudness: float = Field(description="Integrated, in LUFS.")
    warnings: list[str] = Field(description="Limits of the platform that it would not meet.")


class VariantsOut(BaseModel):
    """The variants that were ordered, and the one job that renders them together."""

    job: JobOut | None = Field(description="Null when every variant is there already.")
    variants: list[VariantOut]
    plan: list[PlannedOut] = Field(description="What is made of the clip, and whether it has to be rendered for that.")


@router.get("", response_model=PageOut[ClipOut], responses=responses(422))
async def find(
    _: Annotated[Actor, may(Permission.CLIPS_READ)],
    db: DB,
    video_id: UUID | None = None,
    state: ClipState | None = None,
    min_score: Annotated[float | None, Query(ge=0, le=100)] = None,
    sort: Annotated[
        Literal["newest", "score", "rank", "start"], Query(description="Newest, best, by rank, or as in the film.")
    ] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Clips of this workspace, filtered and sorted."""
    return await clips.find(
        db, video_id=video_id, state=state, min_score=min_score, sort=sort, cursor=cursor, limit=limit
    )


@router.get("/{clip_id}", response_model=ClipOut, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.CLIPS_READ)], db: DB, clip_id: UUID, reading: Reading
) -> Clip | Response:
    return reading.show(await clips.get(db, clip_id))


@router.patch("/{clip_id}", response_model=ClipOut, responses=responses(404, 409, 412, 422))
async def adjust(
    _: Annotated[Actor, may(Permission.CLIPS_WRITE)], db: DB, clip_id: UUID, wanted: ClipIn, editing: Editing
) -> Clip:
    """Move the start or the end. Variants that were rendered before keep what they show until ordered again."""
    await editing.check(db, Clip, clip_id)
    return editing.show(await clips.adjust(db, clip_id, start=wanted.start, end=wanted.end))


@router.post("/{clip_id}/accept", response_model=ClipOut, responses=responses(404, 409, 412))
async def accept(_: Annotated[Actor, may(Permission.CLIPS_WRITE)], db: DB, clip_id: UUID, editing: Editing) -> Clip:
    await ledger.follow(db, "video", (await clips.get(db, clip_id)).video_id)
    await editing.check(db, Clip, clip_id)
    return editing.show(await clips.accept(db, clip_id))


@router.post("/{clip_id}/reject", response_model=ClipOut, responses=responses(404, 409, 412))
async def reject(_: Annotated[Actor, may(Permission.CLIPS_WRITE)], db: DB, clip_id: UUID, editing: Editing) -> Clip:
    await ledger.follow(db, "video", (await clips.get(db, clip_id)).video_id)
    await editing.check(db, Clip, clip_id)
    return editing.show(await clips.reject(db, clip_id))


@router.get("/{clip_id}/thumbnail", response_class=Response, responses=responses(404, 503, also=a_file("image/jpeg")))
async def thumbnail(
    actor: Annotated[Actor, may(Permission.CLIPS_READ)], request: Request, here: Here, clip_id: UUID
) -> Response:
    """The frame that shows the clip best."""
    async with here.db.transaction(actor) as session:
        clip = await clips.get(session, clip_id)
    return await _picture(request, here, clip, clip.thumbnail_key, "thumbnail")


@router.get("/{clip_id}/filmstrip", response_class=Response, responses=responses(404, 503, also=a_file("image/jpeg")))
async def filmstrip(
    actor: Annotated[Actor, may(Permission.CLIPS_READ)], request: Request, here: Here, clip_id: UUID
) -> Response:
    """Frames of the clip side by side, in order."""
    async with here.db.transaction(actor) as session:
        clip = await clips.get(session, clip_id)
    return await _picture(request, here, clip, clip.filmstrip_key, "filmstrip")


async def _picture(request: Request, here: Here, clip: Clip, key: str | None, what: str) -> Response:
    if key is None:
        raise NotFound(f"This clip has no {what}.")
    return await stored_file(
        request,
        here,
        key,
        content_type="image/jpeg",
        filename=f"clip-{clip.rank:02}-{what}.jpg",
    )


@router.post(
    "/{clip_id}/variants", status_code=202, response_model=VariantsOut, responses=responses(404, 409, 422, 507)
)
async def order_variants(
    _: Annotated[Actor, may(Permission.VARIANTS_WRITE)],
    db: DB,
    here: Here,
    clip_id: UUID,
    response: Response,
    dry_run: DryRun,
    wanted: VariantsIn | None = None,
) -> Any:
    """Have the clip rendered for its platforms: one job makes all the variants in one go.

    A variant that is ready, and whose clip has not changed since, is not rendered again. Where the clip was moved while
    variants of it were rendered, that is stopped, and they are begun again with those ordered here. A dry run answers
    with the plan alone. A workspace whose quota is used up can order none.
    """
    clip = await clips.get(db, clip_id)
    await ledger.follow(db, "video", clip.video_id)
    await jobs.cancel_these(db, await variants.overtaken(db, clip))
    ordered = await variants.order(db, clip, wanted.recipes if wanted else None)
    plan = await _plan(db, clip, ordered)
    waiting = [variant for variant in ordered if variant.state is VariantState.PENDING]
    if waiting:
        await quota.require(db, here.settings.storage_quota_bytes, coming=1)
    if dry_run:
        return {"job": None, "variants": [], "plan": plan}
    if not waiting:
        return {"job": await _job_of(db, ordered), "variants": ordered, "plan": plan}
    # Ordered again before it began, it is the same job; what is being rendered already is not waited for twice.
    names = ",".join(sorted(variant.recipe for variant in waiting))
    options = JobOptions(dedup_key=f"{clip.id}:{clip.start}-{clip.end}:{names}")
    job = await pipeline.generate_variants.using(options).start(db, clip.id)
    for variant in waiting:
        variant.job_id = job.id
    await db.flush()
    return {"job": accepted(response, job), "variants": ordered, "plan": plan}


_ACTIONS = {VariantState.PENDING: "render", VariantState.RENDERING: "wait"}


async def _plan(db: AsyncSession, clip: Clip, ordered: list[ClipVariant]) -> list[dict[str, Any]]:
    """Each of these variants as its recipe and the rule of its platform will make it."""
    chosen = recipes.chosen(variant.recipe for variant in ordered)
    states = {variant.recipe: variant.state for variant in ordered}
    active = {name: (await rules.active(db, name)).rule for name in recipes.platforms(chosen)}
    planned = [recipes.planned(one, clip.end - clip.start, render_overrides(active[one.platform])) for one in chosen]
    return [asdict(one) | {"action": _ACTIONS.get(states[one.recipe], "keep")} for one in planned]


async def _job_of(db: AsyncSession, ordered: list[ClipVariant]) -> Job | None:
    """The job that is rendering some of these right now."""
    for variant in ordered:
        if variant.state is VariantState.RENDERING and variant.job_id is not None:
            return await jobs.get(db, variant.job_id)
    return None


@router.delete("/{clip_id}", status_code=204, responses=responses(404, 409, 412))
async def delete(
    here: Here, actor: Annotated[Actor, may(Permission.CLIPS_WRITE)], clip_id: UUID, editing: Editing
) -> None:
    """Forget a clip with its variants, stop their rendering, and remove the files."""
    async with here.db.transaction(actor) as session:
        await jobs.cancel_about(session, [{"clip_id": clip_id}])
        await editing.check(session, Clip, clip_id)
        clip = await clips.hold(session, clip_id)
        rendered = await variants.of_clip(session, clip_id)
        await publications.forbid_loss(session, [variant.id for variant in rendered])
        files = {clip.thumbnail_key, clip.filmstrip_key, *variants.files(rendered)}
        await clips.delete(session, clip_id)
        gone = await unused(session, files)
    await remove(here, gone)
