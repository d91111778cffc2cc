"""Workspaces: those of the person who is signed in, and the one that one acts in."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import structlog
from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from stakazo.accounts import ending, members, sessions, tokens, workspaces
from stakazo.accounts.person import Person, of_user
from stakazo.accounts.roles import Permission, Role
from stakazo.api import cookies
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, SECRET, Cursor, Here, Limit, PageOut, PersonalDB, Services, may, signed_in
from stakazo.api.errors import a_file, responses
from stakazo.api.members import MemberOut
from stakazo.api.once import keyless
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.errors import Forbidden, Invalid, StorageAway
from stakazo.core.storage import DiskFile, Stored
from stakazo.core.workspaces import Workspace
from stakazo.jobs import service as jobs
from stakazo.jobs.models import Job
from stakazo.jobs.states import ACTIVE_STATES

log = structlog.get_logger("stakazo.api")
router = Router(prefix="/workspaces", tags=["workspaces"], responses=responses(401))


class WorkspaceOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    name: str
    role: Role = Field(description="As what one is there.")
    created_at: datetime


class WorkspaceIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=200, pattern=r"\S", examples=["Blue Note"])


class NamedOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    name: str
    created_at: datetime


class SwitchedOut(BaseModel):
    access_token: str | None = Field(description="For the other workspace; null where it is in a cookie.")
    expires_in: int
    workspace_id: UUID


class TransferIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    user_id: UUID = Field(description="The member who shall own it.")


@router.get("", response_model=PageOut[WorkspaceOut], responses=responses(422))
async def find(
    me: Annotated[Person, signed_in()],
    db: PersonalDB,
    role: Role | None = None,
    sort: Annotated[Literal["oldest", "newest"], Query()] = "oldest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Every workspace that one is a member of, by since when."""
    return await workspaces.find(db, me.user_id, role=role, sort=sort, cursor=cursor, limit=limit)


@router.post("", status_code=201, response_model=WorkspaceOut, responses=responses(422))
async def create(me: Annotated[Person, signed_in()], db: PersonalDB, wanted: WorkspaceIn) -> Any:
    """Make a workspace and own it; then switch to it."""
    return await workspaces.create(db, me.user_id, wanted.name, me.correlation_id)


@router.get("/{workspace_id}", response_model=NamedOut, responses=responses(404, 422, also=KNOWN))
async def get(_: Annotated[Actor, may(Permission.WORKSPACE_READ)], db: DB, workspace_id: UUID, reading: Reading) -> Any:
    """The workspace that one acts in; others are not there."""
    return reading.show(await workspaces.get(db, workspace_id))


@router.patch("/{workspace_id}", response_model=NamedOut, responses=responses(404, 412, 422))
async def rename(
    _: Annotated[Actor, may(Permission.WORKSPACE_WRITE)],
    db: DB,
    workspace_id: UUID,
    wanted: WorkspaceIn,
    editing: Editing,
) -> Any:
    await editing.check(db, Workspace, workspace_id)
    return editing.show(await workspaces.rename(db, workspace_id, wanted.name))


@router.post("/{workspace_id}/switch", response_model=SwitchedOut, responses=responses(404, 422), dependencies=[SECRET])
@keyless("being there is not done twice; each answer carries an access token of its own")
async def switch(
    me: Annotated[Person, signed_in()], request: Request, response: Response, here: Here, workspace_id: UUID
) -> Any:
    """Act in another workspace of one's own from now on, with the new access token."""
    async with here.db.personal_transaction(me.user_id) as session:
        await sessions.switch(session, me, workspace_id)
    access = await here.tokens.access(me.user_id, me.session_id, workspace_id)
    by_cookie = "authorization" not in request.headers
    if by_cookie:
        cookies.ACCESS.give(response, here.settings, access, tokens.LIFETIME)
    return SwitchedOut(
        access_token=None if by_cookie else access, expires_in=int(tokens.LIFETIME), workspace_id=workspace_id
    )


@router.post("/{workspace_id}/leave", status_code=204, responses=responses(404, 409, 422))
@keyless("one leaves once: asked again, there is no such place any more")
async def leave(me: Annotated[Person, signed_in()], here: Here, workspace_id: UUID) -> None:
    """Give up one's place in a workspace of one's own. The last owner can't: transfer it, or delete it."""
    async with here.db.personal_transaction(me.user_id) as session:
        await workspaces.require_mine(session, me.user_id, workspace_id)
    async with here.db.transaction(of_user(me.user_id, workspace_id, me.correlation_id)) as session:
        await members.remove(session, me.user_id)


@router.post("/{workspace_id}/transfer", response_model=MemberOut, responses=responses(404, 409, 422))
@keyless("who has given it away has no say in it any more, not even by asking again")
async def transfer(
    _: Annotated[Actor, may(Permission.WORKSPACE_TRANSFER)], db: DB, workspace_id: UUID, wanted: TransferIn
) -> Any:
    """Make another member the owner in one's place; one stays as a manager."""
    await workspaces.get(db, workspace_id)
    return await members.transfer(db, wanted.user_id)


@router.get(
    "/{workspace_id}/export",
    response_class=StreamingResponse,
    responses=responses(404, 422, 503, also=a_file("application/zip")),
)
async def export(
    actor: Annotated[Actor, may(Permission.WORKSPACE_DELETE)], here: Here, workspace_id: UUID, *, files: bool = True
) -> Response:
    """Everything in this workspace as a ZIP: each table as JSON Lines, and the stored files beside them."""
    folder = here.storage.temporary(".export")
    try:
        async with here.db.transaction(actor) as session:
            await workspaces.get(session, workspace_id)
            rows = await ending.export_rows(session, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    contents: list[tuple[str, Stored]] = [(f"rows/{file.name}", DiskFile.at(file)) for file in rows]
    if files:
        contents += await _files(here, workspace_id)
    name = f"workspace-{workspace_id}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(_sent(contents, folder), media_type="application/zip", headers=headers)


@router.delete("/{workspace_id}", status_code=204, responses=responses(404, 409, 412, 422))
async def delete(
    actor: Annotated[Actor, may(Permission.WORKSPACE_DELETE)],
    here: Here,
    workspace_id: UUID,
    name: Annotated[str, Query(description="What the workspace is called, to be sure.")],
    editing: Editing,
) -> None:
    """Delete the workspace with everything in it, for good: export it first. Its ledger stays, and names nobody."""
    if actor.kind != "user":
        raise Forbidden("Only an owner can delete a workspace, not a key.")
    async with here.db.transaction(actor) as session:
        await editing.check(session, Workspace, workspace_id)
        workspace = await workspaces.get(session, workspace_id)
        if name != workspace.name:
            raise Invalid(f"This workspace is called {workspace.name!r}: say so with `?name=` to delete it.")
        active = select(Job.id).where(Job.state.in_(ACTIVE_STATES), Job.parent_id.is_(None))
        for job_id in await session.scalars(active):
            await jobs.cancel(session, job_id)
        await ending.delete(session, workspace_id)
    try:
        await here.storage.delete_workspace(workspace_id)
    except StorageAway as error:  # workers look for what nobody names
        log.warning("files_left", error=error.said)


async def _files(here: Services, workspace_id: UUID) -> list[tuple[str, Stored]]:
    found = await here.storage.list(str(workspace_id))
    return [(f"files/{key.partition('/')[2]}", found[key]) for key in sorted(found)]


async def _sent(contents: list[tuple[str, Stored]], folder: Path) -> AsyncIterator[bytes]:
    """Piece by piece, read in a thread; the rows' files go when all is sent, or nobody reads any more."""
    pieces: Iterator[bytes] = ending.packed(contents)
    try:
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            if piece:
                yield piece
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
