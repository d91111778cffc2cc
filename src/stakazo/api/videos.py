"""Videos: what was uploaded, and what was found in it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from stakazo.api.deps import DB, Cursor, CurrentActor, Here, Limit, PageOut
from stakazo.api.errors import responses
from stakazo.api.files import safe_name, stored_file
from stakazo.api.jobs import JobError
from stakazo.core.errors import Conflict, NotFound
from stakazo.videos import service as videos
from stakazo.videos.models import VideoAsset, VideoState

router = APIRouter(prefix="/videos", tags=["videos"], responses=responses(401))


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
    db: DB,
    state: Annotated[VideoState | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Videos, newest first."""
    return await videos.find(db, state=state, cursor=cursor, limit=limit)


@router.get("/{video_id}", response_model=VideoDetail, responses=responses(404))
async def get(db: DB, video_id: UUID) -> VideoAsset:
    return await videos.get(db, video_id)


@router.get(
    "/{video_id}/analysis",
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}} | responses(404, 409),
)
async def analysis(request: Request, db: DB, here: Here, video_id: UUID) -> Response:
    """Everything that was found: shots, loudness, tempo, beats, sections, hooks, faces."""
    video = await videos.get(db, video_id)
    if video.analysis_key is None:
        raise Conflict(f"The video is {video.state.value}: there is no analysis (yet).")
    return stored_file(
        request,
        here.storage.path(video.analysis_key),
        content_type="application/json",
        filename=f"{safe_name(video.title)}.analysis.json",
    )


@router.get(
    "/{video_id}/source",
    response_class=Response,
    responses={200: {"content": {"video/*": {}}}, 206: {"description": "The range asked for"}} | responses(404, 416),
)
async def source(request: Request, db: DB, here: Here, video_id: UUID, *, download: bool = False) -> Response:
    """The uploaded file itself, with ranges."""
    video = await videos.get(db, video_id)
    path = here.storage.path(video.storage_key)
    return stored_file(
        request,
        path,
        content_type=video.content_type,
        filename=safe_name(video.title) + path.suffix,
        sha256=video.sha256,
        download=download,
    )


@router.delete("/{video_id}", status_code=204, responses=responses(404))
async def delete(here: Here, actor: CurrentActor, video_id: UUID) -> None:
    """Forget a video with its clips and variants, stop what is being done with it, and remove the files."""
    async with here.db.transaction(actor) as session:
        video = await videos.get(session, video_id)
        files = await stored_files(session, video)
        for job in await jobs_of(session, video):
            await jobs.cancel(session, job.id)
        await videos.delete(session, video.id)
    for key in files:
        await asyncio.to_thread(here.storage.delete, key)
