"""Jobs: what is being done, how far it is, how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from stakazo import pipeline
from stakazo.accounts.roles import Permission
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, Here, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.once import keyless
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.errors import NotFound
from stakazo.jobs import service as jobs
from stakazo.jobs.engine import JobOptions
from stakazo.jobs.models import Job
from stakazo.jobs.states import JobState
from stakazo.videos import service as videos

router = Router(prefix="/jobs", tags=["jobs"], responses=responses(401))


class JobError(BaseModel):
    model_config = ConfigDict(extra="ignore")
    code: str
    detail: str
    retryable: bool = False


class JobOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    type: str = Field(examples=["cut_analysis"])
    state: JobState
    queue: str
    priority: int
    payload: dict[str, Any] = Field(description="What it works on: `video_id`, `clip_id`.")
    progress: float = Field(description="0 to 1.")
    stage: str | None = Field(description="What it is doing: probe, look, render ...")
    message: str | None
    expected_at: datetime | None = Field(description="When it should be done, by its own pace; null when unknown.")
    attempt: int = Field(description="How often a worker has begun it.")
    max_attempts: int
    run_at: datetime | None = Field(description="Not before; a retry waits for it.")
    error: JobError | None = Field(description="Of the last failed attempt.")
    parent_id: UUID | None
    correlation_id: UUID = Field(description="The same for everything one request set in motion.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobIn(BaseModel):
    """Start a job by hand: look at a video again, or choose its clips again."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["cut_analysis", "propose_clips"]
    video_id: UUID
    priority: int = Field(default=0, ge=-100, le=100, description="Higher first.")


def accepted(response: Response, job: Job) -> Job:
    """Says where to follow a job that is the answer to a request."""
    response.headers["Location"] = f"/jobs/{job.id}"
    return job


@router.post("", status_code=202, response_model=JobOut, responses=responses(404, 409, 422))
async def start(
    _: Annotated[Actor, may(Permission.JOBS_WRITE)],
    db: DB,
    wanted: JobIn,
    response: Response,
) -> Job:
    """Start a job on a video. While one of the same type is active on it, that one is the answer.

    Variants are ordered with `POST /clips/{id}/variants`.
    """
    video = await videos.get(db, wanted.video_id)
    handler = {"cut_analysis": pipeline.cut_analysis, "propose_clips": pipeline.propose_clips}[wanted.type]
    options = JobOptions(dedup_key=f"{wanted.type}:{video.id}", priority=wanted.priority)
    return accepted(response, await handler.using(options).start(db, video.id))


@router.get("", response_model=PageOut[JobOut], responses=responses(422))
async def find(  # noqa: PLR0917 - one argument per filter of the query
    _: Annotated[Actor, may(Permission.JOBS_READ)],
    db: DB,
    state: Annotated[list[JobState] | None, Query(description="Any of these.")] = None,
    type: Annotated[str | None, Query(examples=["cut_analysis"])] = None,  # noqa: A002 (the promised name)
    video_id: UUID | None = None,
    clip_id: UUID | None = None,
    parent_id: UUID | None = None,
    correlation_id: UUID | None = None,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Jobs of this workspace, filtered and sorted."""
    return await jobs.find(
        db,
        states=state,
        type=type,
        video_id=video_id,
        clip_id=clip_id,
        parent_id=parent_id,
        correlation_id=correlation_id,
        sort=sort,
        cursor=cursor,
        limit=limit,
    )


@router.get("/{job_id}", response_model=JobOut, responses=responses(404, also=KNOWN))
async def get(_: Annotated[Actor, may(Permission.JOBS_READ)], db: DB, job_id: UUID, reading: Reading) -> Job | Response:
    return reading.show(await jobs.get(db, job_id))


@router.post("/{job_id}/cancel", response_model=JobOut, responses=responses(404, 409, 412))
async def cancel(_: Annotated[Actor, may(Permission.JOBS_WRITE)], db: DB, job_id: UUID, editing: Editing) -> Job:
    """Stop a job: a waiting one at once, a running one within two seconds. Cancelling twice changes nothing."""
    await editing.check(db, Job, job_id, hold=False)  # its parents are locked first
    return editing.show(await jobs.cancel(db, job_id))


@router.post("/{job_id}/retry", status_code=202, response_model=JobOut, responses=responses(404, 409, 412))
async def retry(
    _: Annotated[Actor, may(Permission.JOBS_WRITE)], db: DB, job_id: UUID, response: Response, editing: Editing
) -> Job:
    """Start a failed or cancelled job once more, with all its attempts."""
    await editing.check(db, Job, job_id, hold=False)
    return editing.show(accepted(response, await jobs.retry(db, job_id)))


class Processed(BaseModel):
    job: JobOut | None = Field(description="The job that was run, as it is now; null when none was waiting.")


@router.post("/process", response_model=Processed, responses=responses(404, 409))
@keyless("for development: it runs whatever waits when it is asked")
async def process_next(here: Here, actor: Annotated[Actor, may(Permission.JOBS_WRITE)]) -> Any:
    """Development only: run the next waiting job here and now, and answer when it has ended."""
    _development_only(here)
    return {"job": await jobs.process_one(here.db, here.settings, here.storage, actor)}


@router.post("/{job_id}/process", response_model=Processed, responses=responses(404, 409))
@keyless("for development: it runs whatever waits when it is asked")
async def process_this(here: Here, actor: Annotated[Actor, may(Permission.JOBS_WRITE)], job_id: UUID) -> Any:
    """Development only: run this waiting job here and now, even before its time."""
    _development_only(here)
    return {"job": await jobs.process_one(here.db, here.settings, here.storage, actor, job_id)}


def _development_only(here: Here) -> None:
    if here.settings.environment != "development":
        raise NotFound("This is for development only: STAKAZO_ENVIRONMENT=development.")
