"""Invitations: the offer of a place in this workspace."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import BackgroundTasks, Query
from pydantic import BaseModel, ConfigDict, Field

from stakazo.accounts import invitations, letters, workspaces
from stakazo.accounts.models import Invitation
from stakazo.accounts.person import Person
from stakazo.accounts.roles import Permission, Role
from stakazo.api.auth import Email, Token
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, SECRET, Cursor, Here, Limit, PageOut, PersonalDB, may, open_to_all, signed_in
from stakazo.api.errors import responses
from stakazo.api.once import keyless
from stakazo.api.routes import Router
from stakazo.api.workspaces import WorkspaceOut
from stakazo.core.actor import Actor
from stakazo.core.errors import NotFound

router = Router(prefix="/invitations", tags=["invitations"])


class InvitationOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    role: Role
    email: str | None = Field(description="Whom it was sent to; null for a link that is passed on by hand.")
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None


class InvitationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: Role
    email: Email | None = Field(default=None, description="Left out: the link is for whoever you give it to.")


class NewInvitationOut(BaseModel):
    invitation: InvitationOut
    link: str | None = Field(description="Shown this once; null where it was sent by e-mail.")


class AcceptIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    token: Token


class OfferOut(BaseModel):
    """What is offered by a link."""

    workspace: str
    role: Role
    email: str | None = Field(description="Whom it was sent to, who alone can accept it.")
    expires_at: datetime


@router.get("", response_model=PageOut[InvitationOut], responses=responses(401, 422))
async def find(
    _: Annotated[Actor, may(Permission.MEMBERS_WRITE)],
    db: DB,
    *,
    ended: Annotated[bool, Query(description="Those that were taken, taken back or have expired, instead.")] = False,
    role: Role | None = None,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """The invitations that nobody has taken yet."""
    return await invitations.page_of(db, ended=ended, role=role, sort=sort, cursor=cursor, limit=limit)


@router.get("/{invitation_id}", response_model=InvitationOut, responses=responses(401, 404, 422, also=KNOWN))
async def get(_: Annotated[Actor, may(Permission.MEMBERS_WRITE)], db: DB, invitation_id: UUID, reading: Reading) -> Any:
    return reading.show(await invitations.get(db, invitation_id))


@router.post(
    "", status_code=201, response_model=NewInvitationOut, responses=responses(401, 409, 422), dependencies=[SECRET]
)
async def create(
    _: Annotated[Actor, may(Permission.MEMBERS_WRITE)],
    db: DB,
    here: Here,
    background: BackgroundTasks,
    wanted: InvitationIn,
) -> Any:
    """Offer somebody a place: by e-mail, or by a link that you pass on. It works for a week, once."""
    made = await invitations.invite(db, wanted.role, wanted.email)
    base, email = here.settings.base_url, made.invitation.email
    if email is None:
        return {"invitation": made.invitation, "link": letters.link(base, "invitation", made.token)}
    letter = letters.invitation(base, email, made.token, made.workspace, made.invitation.role)
    background.add_task(here.post.send, letter)  # once the invitation is there
    return {"invitation": made.invitation, "link": None}


@router.delete("/{invitation_id}", status_code=204, responses=responses(401, 404, 409, 412))
async def revoke(
    _: Annotated[Actor, may(Permission.MEMBERS_WRITE)], db: DB, invitation_id: UUID, editing: Editing
) -> None:
    """Take an offer back; doing it again changes nothing."""
    await editing.check(db, Invitation, invitation_id)
    await invitations.revoke(db, invitation_id)


@router.post("/look", response_model=OfferOut, responses=responses(404, 422))
@keyless("it changes nothing")
async def look(_: Annotated[None, open_to_all()], here: Here, wanted: AcceptIn) -> Any:
    """What a link offers, for whoever has it."""
    async with here.db.system_transaction() as session:
        offer = await invitations.find(session, wanted.token)
        name = await workspaces.name_of(session, offer.workspace_id)
    return OfferOut(workspace=name, role=offer.role, email=offer.email, expires_at=offer.expires_at)


@router.post("/accept", response_model=WorkspaceOut, responses=responses(401, 404, 409, 422))
async def accept(me: Annotated[Person, signed_in()], db: PersonalDB, wanted: AcceptIn) -> Any:
    """Take the place, as the person who is signed in; then switch to it. Who has no account yet registers instead."""
    offer = await invitations.find(db, wanted.token)
    await invitations.take(db, offer, me.user_id, me.correlation_id)
    for place in await workspaces.mine(db, me.user_id):
        if place.id == offer.workspace_id:
            return place
    raise NotFound("This workspace was deleted just now.")
