"""The inbox: what was said to us on all channels, and what needs an answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stakazo.accounts.roles import Permission
from stakazo.api.channels import TroubleOut
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.limits import Kind as Counted
from stakazo.insights import inbox, jobs
from stakazo.insights.hearing import ItemKind, ItemState
from stakazo.insights.models import InboxItem
from stakazo.platforms.base import Platform

router = Router(prefix="/inbox", tags=["inbox"], responses=responses(401))


class ItemOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    channel_id: UUID
    publication_id: UUID | None = Field(description="The post that it is about, where that is ours.")
    kind: ItemKind
    state: ItemState
    external_id: str = Field(description="The platform's.")
    post_id: str | None = Field(description="The platform's.")
    parent_id: str | None = Field(description="The comment that it answers.")
    author: str
    author_id: str
    text: str = Field(description="Of a mention: empty until the platform was asked, or where it doesn't say.")
    permalink: str | None = Field(description="Where a mention can be seen, where the platform says.")
    said_at: datetime = Field(description="When it was said, or said otherwise.")
    done_at: datetime | None
    done_by: str | None
    reply: str | None = Field(description="Our answer.")
    replied_by: str | None
    reply_id: str | None = Field(description="The platform's, once it is there.")
    error: TroubleOut | None = Field(description="Why the answer didn't go out, and what to do.")
    created_at: datetime
    updated_at: datetime


class ReplyIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=1, max_length=8000)


@router.get("", response_model=PageOut[ItemOut], responses=responses(422))
async def find(  # noqa: PLR0917 - one argument per filter of the query
    _: Annotated[Actor, may(Permission.INBOX_READ)],
    db: DB,
    state: Annotated[list[ItemState] | None, Query()] = None,
    kind: ItemKind | None = None,
    platform: Platform | None = None,
    channel_id: UUID | None = None,
    publication_id: UUID | None = None,
    since: Annotated[AwareDatetime | None, Query(description="Said then or later.")] = None,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Comments, mentions and messages; with `state=OPEN` those that wait for somebody."""
    return await inbox.find(
        db, states=state, kind=kind, platform=platform, channel_id=channel_id, publication_id=publication_id,
        since=since, sort=sort, cursor=cursor, limit=limit,
    )  # fmt: skip


@router.get("/{item_id}", response_model=ItemOut, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.INBOX_READ)], db: DB, item_id: UUID, reading: Reading
) -> InboxItem | Response:
    return reading.show(await inbox.get(db, item_id))


@router.post("/{item_id}/done", response_model=ItemOut, responses=responses(404, 409, 412))
async def done(_: Annotated[Actor, may(Permission.INBOX_WRITE)], db: DB, item_id: UUID, editing: Editing) -> InboxItem:
    """Nothing is to be done about it any more."""
    await editing.check(db, InboxItem, item_id)
    return editing.show(await inbox.set_done(db, item_id, done=True))


@router.post("/{item_id}/reopen", response_model=ItemOut, responses=responses(404, 409, 412))
async def reopen(
    _: Annotated[Actor, may(Permission.INBOX_WRITE)], db: DB, item_id: UUID, editing: Editing
) -> InboxItem:
    """There is something to be done about it again."""
    await editing.check(db, InboxItem, item_id)
    return editing.show(await inbox.set_done(db, item_id, done=False))


@router.post("/{item_id}/reply", status_code=202, response_model=ItemOut, responses=responses(404, 409, 412, 422))
async def reply(
    _: Annotated[Actor, may(Permission.INBOX_WRITE, Counted.SPEND)],
    db: DB,
    item_id: UUID,
    said: ReplyIn,
    editing: Editing,
) -> InboxItem:
    """Answer a comment, publicly, or a message, at most once; then it is done."""
    await editing.check(db, InboxItem, item_id)
    item = await inbox.want_reply(db, item_id, said.text)
    await jobs.answer(db, item.id)
    return editing.show(item)
