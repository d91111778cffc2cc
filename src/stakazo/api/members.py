"""Members: who is in this workspace, and as what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from stakazo.accounts import members
from stakazo.accounts.roles import Permission, Role
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.routes import Router
from stakazo.core.actor import Actor

router = Router(prefix="/members", tags=["members"], responses=responses(401))


class MemberOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    user_id: UUID
    name: str
    email: str
    role: Role
    created_at: datetime = Field(description="Since when they are here.")


class MemberIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: Role


@router.get("", response_model=PageOut[MemberOut], responses=responses(422))
async def find(
    _: Annotated[Actor, may(Permission.MEMBERS_READ)],
    db: DB,
    role: Role | None = None,
    sort: Annotated[Literal["oldest", "newest"], Query()] = "oldest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Everybody in this workspace, by when they came."""
    return await members.find(db, role=role, sort=sort, cursor=cursor, limit=limit)


@router.get("/{user_id}", response_model=MemberOut, responses=responses(404, 422, also=KNOWN))
async def get(_: Annotated[Actor, may(Permission.MEMBERS_READ)], db: DB, user_id: UUID, reading: Reading) -> Any:
    return reading.show(MemberOut.model_validate(await members.get(db, user_id)))


@router.patch("/{user_id}", response_model=MemberOut, responses=responses(404, 409, 412, 422))
async def set_role(
    _: Annotated[Actor, may(Permission.MEMBERS_WRITE)], db: DB, user_id: UUID, wanted: MemberIn, editing: Editing
) -> Any:
    """Give a member another role: it holds from their next request on."""
    editing.require(MemberOut.model_validate(await members.get(db, user_id, hold=True)))
    return editing.show(MemberOut.model_validate(await members.set_role(db, user_id, wanted.role)))


@router.delete("/{user_id}", status_code=204, responses=responses(404, 409, 412))
async def remove(_: Annotated[Actor, may(Permission.MEMBERS_WRITE)], db: DB, user_id: UUID, editing: Editing) -> None:
    """Take a member's place: they are out at once, and the keys that they made with them."""
    editing.require(MemberOut.model_validate(await members.get(db, user_id, hold=True)))
    await members.remove(db, user_id)
