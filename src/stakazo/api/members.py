"""Members: who is in this workspace, and as what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from stakazo.accounts import members
from stakazo.accounts.roles import Permission, Role
from stakazo.api.deps import DB, may
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


class MembersOut(BaseModel):
    items: list[MemberOut]


class MemberIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: Role


@router.get("", response_model=MembersOut)
async def find(_: Annotated[Actor, may(Permission.MEMBERS_READ)], db: DB) -> Any:
    """Everybody in this workspace, who came first first."""
    return {"items": await members.find(db)}


@router.patch("/{user_id}", response_model=MemberOut, responses=responses(404, 409, 422))
async def set_role(_: Annotated[Actor, may(Permission.MEMBERS_WRITE)], db: DB, user_id: UUID, wanted: MemberIn) -> Any:
    """Give a member another role: it holds from their next request on."""
    return await members.set_role(db, user_id, wanted.role)


@router.delete("/{user_id}", status_code=204, responses=responses(404, 409))
async def remove(_: Annotated[Actor, may(Permission.MEMBERS_WRITE)], db: DB, user_id: UUID) -> None:
    """Take a member's place: they are out at once, and the keys that they made with them."""
    await members.remove(db, user_id)
