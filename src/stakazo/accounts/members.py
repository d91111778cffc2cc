"""Members of a workspace: who they are, what they may do, how they leave. There is always an owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.models import Invitation, Membership, User
from stakazo.accounts.roles import ROLES, Permission, Role, may_assign
from stakazo.core.db import actor_of
from stakazo.core.errors import Conflict, Forbidden, NotFound
from stakazo.core.live import publish
from stakazo.core.paging import Page, page
from stakazo.core.workspaces import Workspace
from stakazo.ledger import service as ledger


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a workspace."""

    user_id: UUID
    name: str
    email: str
    role: Role
    created_at: datetime
    """Since when."""


async def find(
    session: AsyncSession,
    *,
    role: Role | None = None,
    sort: Literal["oldest", "newest"] = "oldest",
    cursor: str | None = None,
    limit: int = 200,
) -> Page[Member]:
    """Everybody in the actor's workspace, by when they came."""
    wanted = select(Membership) if role is None else select(Membership).where(Membership.role == role)
    order = Membership.id if sort == "oldest" else Membership.id.desc()
    found = await page(session, wanted, [order], cursor, limit)
    theirs = await session.scalars(select(User).where(User.id.in_([one.user_id for one in found.items])))
    users = {user.id: user for user in theirs}
    return Page([_member(one, users[one.user_id]) for one in found.items], found.next_cursor)


async def get(session: AsyncSession, user_id: UUID, *, hold: bool = False) -> Member:
    """One member; with `hold` nobody else changes them until the transaction ends. Raises NotFound."""
    membership = await _locked(session, user_id) if hold else await _there(session, user_id)
    return _member(membership, await session.get_one(User, user_id))


async def has(session: AsyncSession, email: str) -> bool:
    """Whether who has this address is a member."""
    found = select(User.id).where(func.lower(User.email) == email.lower())  # who is none is not seen
    return await session.scalar(found) is not None


async def set_role(session: AsyncSession, user_id: UUID, role: Role) -> Member:
    """Give a member another role, which holds from their next request on.

    Raises NotFound, Forbidden where the old or the new role may what the actor may not, Conflict for the last owner.
    """
    membership = await _locked(session, user_id)
    _require_power_over(session, membership.role, role)
    if membership.role != role:
        before, membership.role = membership.role, role
        await _require_owner(session, before)
        await ledger.record(session, "member_role_changed", subject=("user", user_id), role=role, before=before)
        await _withdraw_offers(session, user_id, role)
        await publish(session, "member", user_id)
    return _member(membership, await session.get_one(User, user_id))


async def remove(session: AsyncSession, user_id: UUID) -> None:
    """Take somebody's place, and with it the power of the keys and invitations they made. Raises as `set_role` does."""
    membership = await _locked(session, user_id)
    if actor_of(session).id != str(user_id):
        _require_power_over(session, membership.role)
        event = "member_removed"
    else:
        event = "member_left"
    await session.delete(membership)
    await _require_owner(session, membership.role)
    await ledger.record(session, event, subject=("user", user_id))
    await _withdraw_offers(session, user_id, None)
    await publish(session, "member", user_id)


async def transfer(session: AsyncSession, user_id: UUID) -> Member:
    """Make another member an owner, and a manager of the owner who acts. Raises NotFound, Forbidden."""
    actor = actor_of(session)
    if actor.kind != "user":
        raise Forbidden("Only an owner can hand over a workspace, not a key.")
    if actor.id == str(user_id):
        raise Conflict("The workspace is yours already.")
    membership, mine = await _locked(session, user_id), await _locked(session, UUID(actor.id))
    membership.role, mine.role = Role.OWNER, Role.MANAGER
    await session.flush()
    await ledger.record(session, "ownership_transferred", subject=("user", user_id), before=str(actor.id))
    await _withdraw_offers(session, mine.user_id, mine.role)
    for changed in (user_id, mine.user_id):
        await publish(session, "member", changed)
    return _member(membership, await session.get_one(User, user_id))


async def require_other_owner(session: AsyncSession, workspace_id: UUID, user_id: UUID, name: str) -> None:
    """Raises Conflict where somebody is a workspace's only owner; holds its row, for the machinery."""
    await session.get_one(Workspace, workspace_id, with_for_update=True)
    owners = Membership.workspace_id == workspace_id, Membership.role == Role.OWNER
    found = list(await session.scalars(select(Membership.user_id).where(*owners)))
    if found == [user_id]:
        raise Conflict(f"You are the only owner of {name}. Transfer or delete it first.")


async def _locked(session: AsyncSession, user_id: UUID) -> Membership:
    """The membership, with the workspace's row held: of two who take each other's ownership one comes second."""
    await session.get_one(Workspace, actor_of(session).workspace_id, with_for_update=True)
    return await _there(session, user_id)


async def _there(session: AsyncSession, user_id: UUID) -> Membership:
    found = await session.scalar(
        select(Membership).where(Membership.user_id == user_id).execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound(f"There is no member {user_id}.")
    return found


async def _withdraw_offers(session: AsyncSession, user_id: UUID, role: Role | None) -> None:
    """Take back what somebody offered and could offer no more: nobody comes in again by a link of their own."""
    theirs = Invitation.invited_by == user_id, Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None)
    may = ROLES[role] if role else frozenset()
    beyond = [offered for offered in Role if Permission.MEMBERS_WRITE not in may or not may_assign(may, offered)]
    withdrawn = update(Invitation).where(*theirs, Invitation.role.in_(beyond)).values(revoked_at=datetime.now(UTC))
    for invitation_id in await session.scalars(withdrawn.returning(Invitation.id)):
        await ledger.record(session, "invitation_revoked", subject=("invitation", invitation_id))


def _require_power_over(session: AsyncSession, *roles: Role) -> None:
    if not all(may_assign(actor_of(session).permissions, role) for role in roles):
        raise Forbidden("You can't give or take a role that may do what you may not.")


async def _require_owner(session: AsyncSession, gone: Role) -> None:
    """Raises Conflict when that was the last owner."""
    await session.flush()
    if gone is not Role.OWNER:
        return
    if await session.scalar(select(Membership.id).where(Membership.role == Role.OWNER).limit(1)) is None:
        raise Conflict("A workspace must have an owner. Make somebody else one first, or delete the workspace.")


def _member(membership: Membership, user: User) -> Member:
    return Member(user.id, user.name, user.email, membership.role, membership.created_at)
