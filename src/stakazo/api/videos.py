"""Videos: what was uploaded, and what was found in it."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.roles import Permission
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, Here, Limit, PageOut, may
from stakazo.api.errors import a_file, responses
from stakazo.api.files import remove, safe_name, stored_file, unused
from stakazo.api.jobs import JobError
from stakazo.api.routes import Router
from stakazo.clips.models import Clip
from stakazo.core.actor import Actor
from stakazo.core.errors import Conflict
from stakazo.jobs import service as jobs
from stakazo.publishing import service as publications
from stakazo.variants.models import ClipVariant
from stakazo.videos import service as videos
from stakazo.videos.models import VideoAsset, VideoState

router = Router(prefix="/videos", tags=["videos"], responses=responses(401))


class VideoOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    title: str
    filename: str = Field(description="What the sender called it.")
    state: VideoState
    size_bytes: int
    sha256: str
    content_type: str = Field(description="What the bytes are, whatever the sender said.")
    dedup_key: str | None
    duration: float | None = Field(description="Seconds; null until it was looked at.")
    width: int | None = Field(description="Of the picture as a person sees it.")
    height: int | None
    error: JobError | None = Field(description="Why it can't be used.")
    created_at: datetime
    updated_at: datetime


class VideoDetail(VideoOut):
    info: dict[str, Any] | None = Field(description="Container, streams, codecs, notes.")


@router.get("", response_model=PageOut[VideoOut], responses=responses(422))
async def find(
    _: Annotated[Actor, may(Permission.VIDEOS_READ)],
    db: DB,
    state: Annotated[VideoState | None, Query()] = None,
    title: Annotated[str | None, Query(max_length=300, description="A part of the title, in any case.")] = None,
    sort: Annotated[Literal["newest", "oldest", "title"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Videos of this workspace, filtered and sorted."""
    return await videos.find(db, state=state, title=title, sort=sort, cursor=cursor, limit=limit)


@router.get("/{video_id}", response_model=VideoDetail, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.VIDEOS_READ)], db: DB, video_id: UUID, reading: Reading
) -> VideoAsset | Response:
    return reading.show(await videos.get(db, video_id))


@router.get(
    "/{video_id}/analysis",
    response_class=Response,
    responses=responses(404, 409, 503, also=a_file("application/json")),
)
async def analysis(
    actor: Annotated[Actor, may(Permission.VIDEOS_READ)], request: Request, here: Here, video_id: UUID
) -> Response:
    """Everything that was found: shots, loudness, tempo, beats, sections, hooks, faces."""
    async with here.db.transaction(actor) as session:
        video = await videos.get(session, video_id)
    if video.analysis_key is None:
        raise Conflict(f"The video is {video.state.value}: there is no analysis (yet).")
    return await stored_file(
        request,
        here,
        video.analysis_key,
        content_type="application/json",
        filename=f"{safe_name(video.title)}.analysis.json",
    )


@router.get(
    "/{video_id}/source",
    response_class=Response,
    responses=responses(404, 416, 503, also=a_file("video/*")),
)
async def source(
    actor: Annotated[Actor, may(Permission.VIDEOS_READ)],
    request: Request,
    here: Here,
    video_id: UUID,
    *,
    download: bool = False,
) -> Response:
    """The uploaded file itself, with ranges."""
    async with here.db.transaction(actor) as session:
        video = await videos.get(session, video_id)
    return await stored_file(
        request,
        here,
        video.storage_key,
        content_type=video.content_type,
        filename=safe_name(video.title) + PurePosixPath(video.storage_key).suffix,
        sha256=video.sha256,
        download=download,
    )


@router.delete("/{video_id}", status_code=204, responses=responses(404, 409, 412))
async def delete(
    here: Here, actor: Annotated[Actor, may(Permission.VIDEOS_WRITE)], video_id: UUID, editing: Editing
) -> None:
    """Forget a video with its clips and variants, stop what is being done with it, and remove the files."""
    async with here.db.transaction(actor) as session:
        await editing.check(session, VideoAsset, video_id, hold=False)  # a worker holds its job first, then the video
        video = await videos.get(session, video_id)
        made = (await session.scalars(select(Clip.id).where(Clip.video_id == video_id))).all()
        await jobs.cancel_about(session, [{"video_id": video_id}, *({"clip_id": clip_id} for clip_id in made)])
        rendered = await session.scalars(select(ClipVariant.id).where(ClipVariant.clip_id.in_(made)))
        await publications.forbid_loss(session, rendered)
        files = await _files_of(session, video)
        await videos.delete(session, video.id)
        gone = await unused(session, files)
    await remove(here, gone)


async def _files_of(session: AsyncSession, video: VideoAsset) -> set[str]:
    """The storage keys of a video and of everything made from it."""
    of_video = Clip.video_id == video.id
    pictures = await session.execute(select(Clip.thumbnail_key, Clip.filmstrip_key).where(of_video))
    rendered = await session.execute(
        select(ClipVariant.storage_key).join(Clip, ClipVariant.clip_id == Clip.id).where(of_video)
    )
    keys = {video.storage_key, video.analysis_key}
    for row in [*pictures, *rendered]:
        keys.update(row)
    return {key for key in keys if key}
