"""POST /upload: a video comes in and its analysis starts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Header, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import ClientDisconnect

from stakazo import pipeline
from stakazo.accounts.roles import Permission
from stakazo.api.deps import Here, Services, may
from stakazo.api.errors import responses
from stakazo.api.incoming import MAX_AROUND, Arrived, receive_file
from stakazo.api.jobs import JobOut
from stakazo.api.once import keyless
from stakazo.api.routes import Router
from stakazo.api.videos import VideoOut
from stakazo.core.actor import Actor, new_id
from stakazo.core.errors import Invalid, StorageAway, TooLarge
from stakazo.core.limits import Kind
from stakazo.jobs import service as jobs
from stakazo.jobs.models import Job
from stakazo.variants.room import Reach, held
from stakazo.videos import service as videos
from stakazo.videos import uploads
from stakazo.videos.models import Upload, VideoAsset

log = structlog.get_logger("stakazo.api")
router = Router(tags=["upload"])

MAX_DEDUP_KEY = 200
SUFFIX = ".upload"
LEASE = 4.0
"""Times as long as a sender may pause, room is held for an upload whose process has died."""


class UploadOut(BaseModel):
    """The video, and the job that looks at it."""

    video: VideoOut
    job: JobOut | None = Field(description="The newest analysis of this video.")
    created: bool = Field(description="False when this workspace had the same bytes or the same key already.")


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The video."},
                        "title": {"type": "string", "description": "What to call it; else the file's name."},
                        "dedup_key": {
                            "type": "string",
                            "maxLength": MAX_DEDUP_KEY,
                            "description": "The same key gives the same video. Like the header Idempotency-Key.",
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "/upload",
    status_code=202,
    response_model=UploadOut,
    openapi_extra=_BODY,
    responses=responses(
        *(400, 401, 408, 413, 415, 422, 503, 507),
        also={200: {"model": UploadOut, "description": "The video was here before; no second job was started."}},
    ),
)
@keyless("the key is kept with the video: the same key is the same video, for as long as that is there")
async def upload(
    request: Request,
    response: Response,
    here: Here,
    actor: Annotated[Actor, may(Permission.VIDEOS_WRITE, Kind.UPLOAD)],
    idempotency_key: Annotated[str | None, Header(max_length=MAX_DEDUP_KEY)] = None,
) -> UploadOut:
    """Send a video; it is stored and its analysis starts.

    The body is streamed to disk whatever its size. Sending the same bytes again, or the same `dedup_key` (or
    `Idempotency-Key`), answers 200 with the video that is there and starts nothing.
    """
    announced = _refuse_early(here, request.headers.get("content-length"))
    if idempotency_key:
        async with here.db.transaction(actor) as session:
            before = await videos.same(session, None, idempotency_key)
            if before:
                response.status_code = 200
                return _out(before, await analysis_of(session, before.id), created=False)

    video_id, most, lease = new_id(), here.settings.storage_quota_bytes, LEASE * here.settings.upload_timeout
    with here.slots.taken(actor.workspace_id):
        async with held(lambda: here.db.transaction(actor), video_id, most, lease) as reach:
            await reach(announced - MAX_AROUND)
            return await _receive(request, response, here, actor, video_id, reach, idempotency_key)


async def _receive(
    request: Request,
    response: Response,
    here: Services,
    actor: Actor,
    video_id: UUID,
    reach: Reach,
    idempotency_key: str | None,
) -> UploadOut:
    temporary = here.storage.temporary(SUFFIX)
    try:
        arrived = await receive_file(
            request.stream(),
            request.headers.get("content-type", ""),
            temporary,
            max_bytes=here.settings.max_upload_bytes,
            timeout=here.settings.upload_timeout,
            space=lambda: here.storage.require_room(0, here.settings.min_free_bytes),
            room=lambda size: reach(size - MAX_AROUND),
        )
        out = await keep(here, actor, video_id, arrived, temporary, idempotency_key)
    except ClientDisconnect:
        log.info("upload_broken_off")
        return Response(status_code=499)  # type: ignore[return-value]  # nobody is there to read it
    finally:
        temporary.unlink(missing_ok=True)
    response.status_code = 202 if out.created else 200
    response.headers["Location"] = f"/videos/{out.video.id}"
    return out


async def keep(
    here: Services,
    actor: Actor,
    video_id: UUID,
    arrived: Arrived,
    file: Path,
    dedup_key: str | None,
    upload: Upload | None = None,
) -> UploadOut:
    """The file gets its place, the video its row, and the analysis its job: together, or none of it.

    An `upload` that came in parts becomes the video in the same transaction, and its file stays where it is too: should
    the process die before the commit, it can be made a video again.
    """
    dedup_key = dedup_key or arrived.fields.get("dedup_key") or None
    if dedup_key and len(dedup_key) > MAX_DEDUP_KEY:
        raise Invalid(f"dedup_key may have {MAX_DEDUP_KEY} characters at most.")
    received = videos.Received(
        title=(arrived.fields.get("title") or Path(arrived.filename).stem or "Untitled")[:300],
        filename=arrived.filename,
        storage_key=f"{actor.workspace_id}/videos/{video_id}{arrived.container.extension}",
        size_bytes=arrived.size,
        sha256=arrived.sha256,
        content_type=arrived.container.content_type,
        dedup_key=dedup_key,
    )
    try:
        placed = await pipeline.place(
            lambda: here.db.transaction(actor), here.storage, received, file, keep=upload is not None
        )
        async with here.db.transaction(actor) as session:
            video, created = await pipeline.take_in(
                session, video_id, received, placed=placed, quota=here.settings.storage_quota_bytes
            )
            if upload:
                await uploads.finish(session, upload.id, video, created=created)
            out = _out(video, await analysis_of(session, video.id), created=created)
    except BaseException:
        await asyncio.shield(_discard(here, actor, video_id, received.storage_key))
        raise
    if placed and not created:
        await _discard(here, actor, video_id, received.storage_key)
    return out


async def _discard(here: Services, actor: Actor, video_id: UUID, key: str) -> None:
    """Remove the file of a video that did not come to be. A commit whose answer got lost may have made it all the
    same: then, and when nobody can tell, the file stays.
    """
    try:
        if not await here.storage.exists(key):
            return
        async with here.db.transaction(actor) as session:
            kept = await session.get(VideoAsset, video_id) is not None
        if not kept:
            await here.storage.delete(key)
    except (SQLAlchemyError, OSError, StorageAway):
        log.warning("upload_left_in_doubt", video_id=str(video_id))


async def analysis_of(session: AsyncSession, video_id: UUID) -> Job | None:
    """The newest analysis of a video."""
    found = await jobs.find(session, type="cut_analysis", video_id=video_id, limit=1)
    return found.items[0] if found.items else None


def _out(video: VideoAsset, job: Job | None, *, created: bool) -> UploadOut:
    return UploadOut(
        video=VideoOut.model_validate(video), job=JobOut.model_validate(job) if job else None, created=created
    )


def _refuse_early(here: Services, content_length: str | None) -> int:
    """Say no before gigabytes are sent, where the length tells; it, or 0."""
    announced = int(content_length) if content_length and content_length.isdecimal() else 0
    if announced > here.settings.max_upload_bytes + MAX_AROUND:
        raise TooLarge(f"This upload has {announced} bytes; a video may have {here.settings.max_upload_bytes} at most.")
    here.storage.require_room(announced, here.settings.min_free_bytes)
    return announced
