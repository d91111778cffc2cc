"""Imports: videos that are fetched from an address instead of being sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo import pipeline
from stakazo.accounts.roles import Permission
from stakazo.api.deps import DB, Cursor, Here, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.jobs import JobOut
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.addresses import MAX_URL
from stakazo.jobs.models import Job
from stakazo.videos import imports
from stakazo.videos.models import VideoImport

router = Router(prefix="/imports", tags=["imports"], responses=responses(401))


class ImportIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str = Field(
        max_length=MAX_URL,
        description="Where the file itself is, on a public host: http or https, ports 80 and 443, no redirects.",
        examples=["https://cdn.example.com/live-at-the-vanguard.mp4"],
    )
    title: str | None = Field(default=None, max_length=300, description="What to call it; else the file's name.")
    dedup_key: str | None = Field(
        default=None, min_length=1, max_length=200, description="The same key gives the same video, as with an upload."
    )


class ImportOut(BaseModel):
    """An import; `job` says how far it is and why it failed, `video_id` what came of it."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    address: str = Field(description="The URL without its query, which is kept sealed.")
    title: str | None
    video_id: UUID | None = Field(description="Once it is here: a new video, or the one with the same bytes.")
    job: JobOut | None
    created_at: datetime
    updated_at: datetime


@router.post("", status_code=202, response_model=ImportOut, responses=responses(422))
async def start(
    _: Annotated[Actor, may(Permission.VIDEOS_WRITE)], db: DB, here: Here, wanted: ImportIn, response: Response
) -> Any:
    """Fetch a video from an address; from then on it is like one that was uploaded.

    The job fetches it, goes on where a connection breaks, and starts the analysis. A host that isn't public is refused.
    """
    found = await imports.request(db, here.keys, wanted.url, title=wanted.title, dedup_key=wanted.dedup_key)
    job = await pipeline.import_video.start(db, found.id)
    found.job_id = job.id
    await db.flush()
    response.headers["Location"] = f"/imports/{found.id}"
    return _out(found, [job])


@router.get("", response_model=PageOut[ImportOut], responses=responses(422))
async def find(
    _: Annotated[Actor, may(Permission.VIDEOS_READ)],
    db: DB,
    video_id: UUID | None = None,
    done: Annotated[bool | None, Query(description="Whether a video came of it.")] = None,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Imports of this workspace, filtered and sorted."""
    page = await imports.find(db, video_id=video_id, done=done, sort=sort, cursor=cursor, limit=limit)
    jobs = await _jobs(db, page.items)
    return PageOut(items=[_out(found, jobs) for found in page.items], next_cursor=page.next_cursor)


@router.get("/{import_id}", response_model=ImportOut, responses=responses(404))
async def get(_: Annotated[Actor, may(Permission.VIDEOS_READ)], db: DB, import_id: UUID) -> Any:
    found = await imports.get(db, import_id)
    return _out(found, await _jobs(db, [found]))


async def _jobs(db: AsyncSession, found: Sequence[VideoImport]) -> Sequence[Job]:
    return (await db.scalars(select(Job).where(Job.id.in_([one.job_id for one in found])))).all()


def _out(found: VideoImport, jobs: Sequence[Job]) -> ImportOut:
    job = next((job for job in jobs if job.id == found.job_id), None)
    return ImportOut(
        id=found.id,
        address=found.address,
        title=found.title,
        video_id=found.video_id,
        job=JobOut.model_validate(job) if job else None,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
