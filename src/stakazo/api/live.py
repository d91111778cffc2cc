"""GET /live: what changes, as it changes, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.exc import SQLAlchemyError

from stakazo.accounts.roles import Permission
from stakazo.api.deps import Here, Services, may
from stakazo.api.errors import responses
from stakazo.api.identity import still
from stakazo.api.jobs import JobOut
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.errors import NotFound
from stakazo.core.live import EVERYTHING, Subscription
from stakazo.jobs import service as jobs

router = Router(tags=["live"], responses=responses(401))

RECONNECT_MS = 1000
RECHECK = 15.0
"""Seconds between two looks whether whoever listens still may."""
ACCESS = {"member", "api_key", EVERYTHING}
"""Kinds of change after which that is looked at once more."""


@router.get("/live", response_class=EventSourceResponse)
async def live(
    request: Request,
    here: Here,
    actor: Annotated[Actor, may(Permission.LIVE_READ)],
    job_id: Annotated[
        list[UUID] | None, Query(max_length=100, description="Also begin with these jobs, whatever their state.")
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="Not needed: each connection begins with the state.")
    ] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Everything that changes in this workspace, while it changes.

    The event's name is the kind of thing: `job`, `video`, `clip`, `variant`, `rule`. Its data is `{"kind", "id"}`; a
    job brings its `row` along, since progress moves twice a second. A connection begins with every active job and then
    the event `ready`, so nothing is missed by connecting again; the event `everything` says that changes may have been
    missed, and active jobs follow it once more. Comments keep the connection open. It ends when whoever listens may
    listen no more: their key was revoked, their session has ended, they are no member any more.
    """
    del last_event_id
    with here.live.subscribe(actor.workspace_id) as changes:
        end = asyncio.create_task(_close_when(request, here, changes))
        try:
            rows = await _rows(here, actor, job_id or [])
            for row in rows:
                yield _event("job", row.id, row)
            yield ServerSentEvent(event="ready", data={"jobs": len(rows)}, retry=RECONNECT_MS)
            async for change in changes:
                if change.kind in ACCESS and not await _may_listen(request, here):
                    break
                if change.kind == EVERYTHING:
                    yield ServerSentEvent(event=EVERYTHING, data={"kind": EVERYTHING})
                    for row in await _rows(here, actor, job_id or []):
                        yield _event("job", row.id, row)
                elif change.id is not None:
                    yield _event(change.kind, change.id, await _row(here, actor, change.kind, change.id))
        finally:
            end.cancel()


async def _close_when(request: Request, here: Services, changes: Subscription) -> None:
    """When the process stops, or whoever listens may not any more."""
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(here.stopping.wait(), RECHECK)
        if here.stopping.is_set() or not await _may_listen(request, here):
            changes.close()
            return


async def _may_listen(request: Request, here: Services) -> bool:
    try:
        actor = await still(request, here.db)
    except (SQLAlchemyError, OSError):  # nobody can tell: ask again later
        return True
    return actor is not None and Permission.LIVE_READ in actor.permissions


async def _rows(here: Services, actor: Actor, wanted: Sequence[UUID]) -> list[JobOut]:
    """Every active job, and the wanted ones, oldest first."""
    async with here.db.transaction(actor) as session:
        rows = {row.id: JobOut.model_validate(row) for row in await jobs.active(session)}
        for job_id in wanted:
            if job_id not in rows:
                with suppress(NotFound):
                    rows[job_id] = JobOut.model_validate(await jobs.get(session, job_id))
    return sorted(rows.values(), key=lambda row: row.id)


async def _row(here: Services, actor: Actor, kind: str, row_id: UUID) -> JobOut | None:
    if kind != "job":
        return None
    async with here.db.transaction(actor) as session:
        with suppress(NotFound):
            return JobOut.model_validate(await jobs.get(session, row_id))
    return None


def _event(kind: str, row_id: UUID, row: JobOut | None) -> ServerSentEvent:
    data: dict[str, Any] = {"kind": kind, "id": str(row_id)}
    if row is not None:
        data["row"] = row.model_dump(mode="json")
    return ServerSentEvent(event=kind, data=data)
