"""Invitations: the offer of a place in a workspace, taken by whoever has its link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, not_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts import emails, members, proofs
from stakazo.accounts.keys import maker
from stakazo.accounts.models import Invitation, Membership, User
from stakazo.accounts.person import of_user
from stakazo.accounts.roles import Role, may_assign
from stakazo.core import rows
from stakazo.core.actor import new_id
from stakazo.core.db import actor_of
from stakazo.core.errors import Conflict, Forbidden, NotFound
from stakazo.core.paging import Page, page
from stakazo.core.workspaces import Workspace
from stakazo.ledger import service as ledger

PREFIX = "sti"
LIFETIME = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """An invitation with its token, which is known only now."""

    invitation: Invitation
    token: str
    workspace: str
    """The workspace's name."""


async def invite(session: AsyncSession, role: Role, email: str | None) -> NewInvitation:
    """Offer a place in the actor's workspace, to who reads mail at this address, or to whoever gets the link.

    Raises Forbidden for a role that may do what the actor may not, Conflict for who is a member.
    """
    actor = actor_of(session)
    if not may_assign(actor.permissions, role):
        raise Forbidden(f"You can't make somebody {role}, who may do what you may not.")
    email = emails.tidy(email) if email else None
    if email and await members.has(session, email):
        raise Conflict("Who has this address is a member already.")
    made = _new(actor.workspace_id, role, email, await maker(session, actor))
    session.add(made.invitation)
    await session.flush()
    await ledger.record(session, "invitation_created", subject=("invitation", made.invitation.id), role=role)
    workspace = await session.get_one(Workspace, actor.workspace_id)
    return NewInvitation(made.invitation, made.token, workspace.name)


def _new(workspace_id: UUID, role: Role, email: str | None, invited_by: UUID | None) -> NewInvitation:
    token = proofs.new_token(PREFIX)
    invitation = Invitation(
        id=new_id(),
        workspace_id=workspace_id,
        role=role,
        email=email,
        invited_by=invited_by,
        token_hash=proofs.hashed(token),
        expires_at=datetime.now(UTC) + LIFETIME,
    )
    return NewInvitation(invitation, token, "")


async def page_of(
    session: AsyncSession,
    *,
    ended: bool = False,
    role: Role | None = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 200,
) -> Page[Invitation]:
    """The workspace's invitations that nobody has taken yet, or those that count no more."""
    counts = and_(*_counts())
    wanted = select(Invitation).where(not_(counts) if ended else counts)
    if role is not None:
        wanted = wanted.where(Invitation.role == role)
    return await page(session, wanted, [Invitation.id.desc() if sort == "newest" else Invitation.id], cursor, limit)


async def get(session: AsyncSession, invitation_id: UUID) -> Invitation:
    return await rows.get(session, Invitation, invitation_id, "invitation")


async def revoke(session: AsyncSession, invitation_id: UUID) -> Invitation:
    """Take an offer back; doing it again changes nothing. Raises NotFound, Conflict when it was taken."""
    invitation = await session.get(Invitation, invitation_id, with_for_update=True)
    if invitation is None:
        raise NotFound(f"There is no invitation {invitation_id}.")
    if invitation.accepted_at is not None:
        raise Conflict("This invitation was accepted. Remove the member instead.")
    if invitation.revoked_at is None:
        invitation.revoked_at = datetime.now(UTC)
        await ledger.record(session, "invitation_revoked", subject=("invitation", invitation.id))
        await session.flush()
    return invitation


# --- for who has the link: by the machinery -----------------------------------------------------------------


async def find(session: AsyncSession, token: str) -> Invitation:
    """The invitation of this link. Raises NotFound for one that doesn't count (any more)."""
    found = select(Invitation).join(Workspace, Workspace.id == Invitation.workspace_id)
    found = found.where(Invitation.token_hash == proofs.hashed(token), Workspace.deleted_at.is_(None), *_counts())
    invitation = await session.scalar(found)
    if invitation is None:
        raise NotFound("This invitation was used, was taken back or has expired. Ask for another.")
    return invitation


async def for_address(session: AsyncSession, email: str) -> Sequence[Invitation]:
    """The invitations that were sent to this address and not taken yet."""
    found = select(Invitation).join(Workspace, Workspace.id == Invitation.workspace_id)
    sent = func.lower(Invitation.email) == email.lower(), Workspace.deleted_at.is_(None)
    return (await session.scalars(found.where(*sent, *_counts()).order_by(Invitation.id))).all()


def require_for(invitation: Invitation, email: str) -> None:
    """Raises Forbidden when it was sent to somebody else."""
    if invitation.email is not None and not emails.same(invitation.email, email):
        raise Forbidden("This invitation was sent to another address. Ask for one to yours.")


async def take(session: AsyncSession, invitation: Invitation, user_id: UUID, correlation_id: UUID) -> None:
    """Give somebody the place that was offered. Raises NotFound when somebody was quicker, Conflict for a member."""
    user = await session.get_one(User, user_id)
    require_for(invitation, user.email)
    free = Invitation.id == invitation.id, *_counts()
    took = await session.execute(
        update(Invitation).where(*free).values(accepted_at=datetime.now(UTC)).returning(Invitation.id)
    )
    if took.one_or_none() is None:
        raise NotFound("This invitation was used or taken back just now.")
    mine = Membership.workspace_id == invitation.workspace_id, Membership.user_id == user_id
    if await session.scalar(select(Membership.id).where(*mine)) is not None:
        raise Conflict("You are a member of this workspace already.")
    session.add(Membership(workspace_id=invitation.workspace_id, user_id=user_id, role=invitation.role))
    await session.flush()
    actor = of_user(user_id, invitation.workspace_id, correlation_id)
    await ledger.record(session, "invitation_accepted", subject=("invitation", invitation.id), actor=actor)
    await ledger.record(session, "member_joined", subject=("user", user_id), actor=actor, role=invitation.role)


async def offer_ownership(session: AsyncSession, workspace_id: UUID) -> tuple[Invitation, str]:
    """A link for whoever shall own a workspace that has no owner; those made before count no more."""
    earlier = Invitation.workspace_id == workspace_id, Invitation.role == Role.OWNER, Invitation.invited_by.is_(None)
    await session.execute(update(Invitation).where(*earlier, *_counts()).values(revoked_at=datetime.now(UTC)))
    made = _new(workspace_id, Role.OWNER, None, None)
    session.add(made.invitation)
    await session.flush()
    return made.invitation, made.token


def _counts() -> tuple[ColumnElement[bool], ...]:
    now = datetime.now(UTC)
    return Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None), Invitation.expires_at > now
