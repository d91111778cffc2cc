"""Looking inside: off unless DEBUG_ENDPOINTS_ENABLED."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import structlog
from fastapi import Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select

from stakazo.accounts.roles import Permission
from stakazo.api.deps import DB, Here, Services, may
from stakazo.api.errors import DATABASE_AWAY, responses
from stakazo.api.routes import Route, Router
from stakazo.clips.models import Clip, ClipState
from stakazo.core import revisions
from stakazo.core.actor import Actor
from stakazo.core.errors import NotFound, StorageAway
from stakazo.jobs import service as jobs
from stakazo.ledger import service as ledger
from stakazo.variants.models import ClipVariant, VariantState

QUEUES = ("media", "default")
"""What the workers must cover between them."""
PATIENCE = 5.0
"""Seconds within which the database must have answered."""

log = structlog.get_logger("stakazo.api")


async def _switched_on(here: Here) -> None:
    if not here.settings.debug_endpoints_enabled:
        raise NotFound("The debug endpoints are off. Set DEBUG_ENDPOINTS_ENABLED=true to have them.")


router = Router(prefix="/debug", tags=["debug"], dependencies=[Depends(_switched_on)], responses=responses(401, 404))


class EventOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    created_at: datetime
    event: str = Field(examples=["video_uploaded"])
    subject_type: str
    subject_id: UUID
    actor_kind: str
    actor_id: str
    correlation_id: UUID
    causation_id: UUID | None
    data: dict[str, Any]


class EventsOut(BaseModel):
    items: list[EventOut]


class ClipsSummary(BaseModel):
    clips: dict[ClipState, int]
    variants: dict[VariantState, int]
    mean_score: float | None
    seconds: float = Field(description="Length of all clips together.")


class Check(BaseModel):
    name: Literal["database", "migrations", "workers", "disk"]
    ok: bool
    detail: str


class Health(BaseModel):
    ok: bool
    checks: list[Check]


@router.get("/ledger/recent")
async def recent(
    _: Annotated[Actor, may(Permission.DEBUG_READ)], db: DB, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> EventsOut:
    """What happened last, newest first."""
    return EventsOut(items=[EventOut.model_validate(event) for event in await ledger.recent(db, limit)])


@router.get("/ledger/trace/{correlation_id}")
async def trace(_: Annotated[Actor, may(Permission.DEBUG_READ)], db: DB, correlation_id: UUID) -> EventsOut:
    """Everything that one request set in motion, in order."""
    return EventsOut(items=[EventOut.model_validate(event) for event in await ledger.trace(db, correlation_id)])


@router.get("/jobs/summary")
async def jobs_summary(_: Annotated[Actor, may(Permission.DEBUG_READ)], db: DB) -> dict[str, Any]:
    """How many jobs of each type are in which state."""
    return dict(await jobs.summary(db))


@router.get("/clips/summary")
async def clips_summary(_: Annotated[Actor, may(Permission.DEBUG_READ)], db: DB) -> ClipsSummary:
    """How many clips and variants are in which state."""
    clips = (await db.execute(select(Clip.state, func.count()).group_by(Clip.state))).all()
    variants = (await db.execute(select(ClipVariant.state, func.count()).group_by(ClipVariant.state))).all()
    score, seconds = (await db.execute(select(func.avg(Clip.score), func.sum(Clip.end - Clip.start)))).one()
    return ClipsSummary(
        clips=dict.fromkeys(ClipState, 0) | dict(clips),
        variants=dict.fromkeys(VariantState, 0) | dict(variants),
        mean_score=score,
        seconds=seconds or 0.0,
    )


class _Candid(Route):
    """A route that answers with the health document even where nobody can be asked whose key this is."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                async with asyncio.timeout(PATIENCE):
                    return await answer(request)
            except (*DATABASE_AWAY, TimeoutError) as error:
                log.error("database_unavailable", error=str(error))  # noqa: TRY400 (no mistake of ours)
                silent = Health(ok=False, checks=[Check(name="database", ok=False, detail="The database is silent.")])
                return JSONResponse(silent.model_dump(), 503)

        return handle


async def health(here: Here, response: Response, _: Annotated[Actor, may(Permission.DEBUG_READ)]) -> Health:
    """Whether work gets done: the database answers and is up to date, a worker is alive, the disk has room."""
    checks = await look(here)
    found = Health(ok=all(check.ok for check in checks), checks=checks)
    response.status_code = 200 if found.ok else 503
    return found


router.add_api_route(
    "/health",
    health,
    route_class_override=_Candid,
    responses={503: {"model": Health, "description": "Something is wrong; the checks say what."}},
)


async def look(here: Services) -> list[Check]:
    """Every check of this installation, with a sentence each. Raises whatever a database raises that is away."""
    revision, head = await revisions.current(here.db), revisions.head()
    checks = [Check(name="database", ok=True, detail="The database answers.")]
    detail = f"The database is at revision {revision}" + (
        "." if revision == head else f", this version needs {head}. Run `stakazo migrate`."
    )
    checks.append(Check(name="migrations", ok=revision == head, detail=detail))
    if revision == head:
        checks.append(await _workers(here))
    free, least = here.storage.free_bytes(), here.settings.min_free_bytes
    detail = f"{free / 1024**3:.1f} GB are free on this disk; at least {least / 1024**3:.1f} GB should be."
    checks.append(Check(name="disk", ok=free >= least, detail=detail))
    if here.settings.storage_url is not None:
        checks.append(await _storage(here))
    return checks


async def _storage(here: Services) -> Check:
    try:
        await here.storage.workspaces()
    except StorageAway as error:
        return Check(name="storage", ok=False, detail=f"{error} The log and `stakazo doctor` say more.")
    return Check(name="storage", ok=True, detail="The storage of files answers.")


async def _workers(here: Services) -> Check:
    async with here.db.system_transaction() as session:
        alive = await jobs.workers(session, here.settings)
    queues = sorted({queue for worker in alive for queue in worker.queues})
    missing = [queue for queue in QUEUES if queue not in queues]
    if not alive:
        detail = "No worker is alive: jobs wait. Start one with `stakazo worker`."
    elif missing:
        detail = f"No worker takes jobs of the queue {', '.join(missing)}."
    else:
        detail = f"{len(alive)} workers are alive: {', '.join(worker.name for worker in alive)}."
    return Check(name="workers", ok=bool(alive) and not missing, detail=detail)
