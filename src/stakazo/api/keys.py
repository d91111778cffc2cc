"""API keys: what programs act with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stakazo.accounts import keys
from stakazo.accounts.models import ApiKey
from stakazo.accounts.roles import Permission
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, SECRET, Cursor, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.routes import Router
from stakazo.core.actor import Actor

router = Router(prefix="/api-keys", tags=["api-keys"], responses=responses(401))


class KeyOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    name: str
    prefix: str = Field(description="How the key begins, after `stk_`.")
    permissions: list[str] | None = Field(description="What it may do at most; null: whatever its maker may.")
    addresses: list[str] | None = Field(description="The networks it works from; null: all.")
    made_by: UUID | None = Field(description="The person without whom it does nothing; null for the machine's own.")
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the minute.")
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=200, examples=["release robot"])
    permissions: list[Permission] | None = Field(
        default=None, min_length=1, description="At most those that you have; left out: all of them, as they change."
    )
    expires_at: AwareDatetime | None = None
    addresses: list[str] | None = Field(
        default=None, min_length=1, max_length=100, examples=[["203.0.113.0/24"]], description="CIDR, or an address."
    )


class NewKeyOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    key: KeyOut
    token: str = Field(description="Shown this once.", examples=["stk_0123456789ab_..."])


@router.get("", response_model=PageOut[KeyOut], responses=responses(422))
async def find(
    _: Annotated[Actor, may(Permission.KEYS_READ)],
    db: DB,
    *,
    ended: Annotated[bool, Query(description="Those that were revoked or have expired, instead.")] = False,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """The keys of this workspace that still work."""
    return await keys.keys(db, ended=ended, sort=sort, cursor=cursor, limit=limit)


@router.post("", status_code=201, response_model=NewKeyOut, responses=responses(422), dependencies=[SECRET])
async def create(_: Annotated[Actor, may(Permission.KEYS_WRITE)], db: DB, wanted: KeyIn) -> Any:
    """Make a key. It can never do more than you can, and nothing any more when you leave the workspace."""
    return await keys.create_key(
        db, wanted.name, expires_at=wanted.expires_at, permissions=wanted.permissions, addresses=wanted.addresses
    )


@router.get("/{key_id}", response_model=KeyOut, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.KEYS_READ)], db: DB, key_id: UUID, reading: Reading
) -> ApiKey | Response:
    return reading.show(await keys.get(db, key_id))


@router.delete("/{key_id}", status_code=204, responses=responses(404, 412))
async def revoke(_: Annotated[Actor, may(Permission.KEYS_WRITE)], db: DB, key_id: UUID, editing: Editing) -> None:
    """Make a key useless from now on; doing it again changes nothing."""
    await editing.check(db, ApiKey, key_id)
    await keys.revoke_key(db, key_id)
