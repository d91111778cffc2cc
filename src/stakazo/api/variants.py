"""Variants: a clip as a file for one platform."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from stakazo.accounts.roles import Permission
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, Here, Limit, PageOut, may
from stakazo.api.errors import a_file, responses
from stakazo.api.files import remove, stored_file, unused
from stakazo.api.jobs import JobError
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.errors import Conflict
from stakazo.publishing import service as publications
from stakazo.variants import service as variants
from stakazo.variants.models import ClipVariant, VariantState

router = Router(prefix="/variants", tags=["variants"], responses=responses(401))


class VariantOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    clip_id: UUID
    recipe: str = Field(examples=["instagram_reel"])
    platform: str
    state: VariantState
    job_id: UUID | None = Field(description="The job that renders or rendered it.")
    clip_start: float | None = Field(
        description="The clip's ends as this shows them, or is to; where the clip's are others, it was moved since."
    )
    clip_end: float | None
    width: int | None
    height: int | None
    duration: float | None = Field(description="Seconds.")
    fps: float | None
    video_codec: str | None
    audio_codec: str | None = Field(description="Null when the source has no sound.")
    loudness: float | None = Field(description="Integrated, in LUFS.")
    true_peak: float | None = Field(description="In dBTP.")
    size_bytes: int | None
    sha256: str | None
    error: JobError | None
    created_at: datetime
    updated_at: datetime


class VariantDetail(VariantOut):
    render: dict[str, Any] | None = Field(description="How it was made: the command, the crop path, FFmpeg's version.")


@router.get("", response_model=PageOut[VariantOut], responses=responses(422))
async def find(  # noqa: PLR0917 - one argument per filter of the query
    _: Annotated[Actor, may(Permission.VARIANTS_READ)],
    db: DB,
    clip_id: UUID | None = None,
    video_id: UUID | None = None,
    state: VariantState | None = None,
    recipe: str | None = None,
    platform: str | None = None,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Variants of this workspace, filtered and sorted."""
    return await variants.find(
        db,
        clip_id=clip_id,
        video_id=video_id,
        state=state,
        recipe=recipe,
        platform=platform,
        sort=sort,
        cursor=cursor,
        limit=limit,
    )


@router.get("/{variant_id}", response_model=VariantDetail, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.VARIANTS_READ)], db: DB, variant_id: UUID, reading: Reading
) -> ClipVariant | Response:
    return reading.show(await variants.get(db, variant_id))


@router.get(
    "/{variant_id}/file",
    response_class=Response,
    responses=responses(404, 409, 416, 503, also=a_file("video/mp4")),
)
async def file(
    actor: Annotated[Actor, may(Permission.VARIANTS_READ)],
    request: Request,
    here: Here,
    variant_id: UUID,
    *,
    download: bool = False,
) -> Response:
    """The rendered file, with ranges; `download=true` makes a browser save it."""
    async with here.db.transaction(actor) as session:
        variant = await variants.get(session, variant_id)
    if variant.state is not VariantState.READY or variant.storage_key is None:
        raise Conflict(f"The variant is {variant.state.value}: there is no file (yet).")
    return await stored_file(
        request,
        here,
        variant.storage_key,
        content_type="video/mp4",
        filename=f"{variant.recipe}-{str(variant.clip_id)[-12:]}{PurePosixPath(variant.storage_key).suffix or '.mp4'}",
        sha256=variant.sha256,
        download=download,
    )


@router.delete("/{variant_id}", status_code=204, responses=responses(404, 409, 412))
async def delete(
    here: Here, actor: Annotated[Actor, may(Permission.VARIANTS_WRITE)], variant_id: UUID, editing: Editing
) -> None:
    """Forget a variant and remove its file."""
    async with here.db.transaction(actor) as session:
        await editing.check(session, ClipVariant, variant_id)
        await publications.forbid_loss(session, [variant_id])
        gone = await unused(session, await variants.delete(session, variant_id))
    await remove(here, gone)
