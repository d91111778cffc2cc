"""Workspaces of a person: made, listed, renamed. How one ends is told in `ending`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.models import Membership
from stakazo.accounts.person import of_user
from stakazo.accounts.roles import Role
from stakazo.core.actor import new_id
from stakazo.core.db import actor_of
from stakazo.core.errors import NotFound
from stakazo.core.paging import Page, page
from stakazo.core.workspaces import Workspace
from stakazo.ledger import service as ledger


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace as one of its members sees it."""

    id: UUID
    name: str
    role: Role
    created_at: datetime


async def create(session: AsyncSession, user_id: UUID, name: str, correlation_id: UUID) -> Place:
    """A new workspace, owned by this person; by the machinery."""
    workspace = Workspace(id=new_id(), name=name)
    session.add(workspace)
    await session.flush()
    session.add(Membership(workspace_id=workspace.id, user_id=user_id, role=Role.OWNER))
    await session.flush()
    actor = of_user(user_id, workspace.id, correlation_id)
    await ledger.record(session, "workspace_created", subject=("workspace", workspace.id), actor=actor)
    await ledger.record(session, "member_joined", subject=("user", user_id), actor=actor, role=Role.OWNER)
    return Place(workspace.id, workspace.name, Role.OWNER, workspace.created_at)


async def mine(session: AsyncSession, user_id: UUID) -> list[Place]:
    """Every workspace that somebody is a member of, the oldest membership first; by the machinery."""
    rows = await session.execute(
        select(Workspace.id, Workspace.name, Membership.role, Workspace.created_at)
        .join(Membership, Membership.workspace_id == Workspace.id)
        .where(Membership.user_id == user_id, Workspace.deleted_at.is_(None))
        .order_by(Membership.id)
    )
    return [Place(*row) for row in rows]


async def find(
    session: AsyncSession,
    user_id: UUID,
    *,
    role: Role | None = None,
    sort: Literal["oldest", "newest"] = "oldest",
    cursor: str | None = None,
    limit: int = 200,
) -> Page[Place]:
    """The same, page by page."""
    wanted = select(Membership).join(Workspace, Workspace.id == Membership.workspace_id)
    wanted = wanted.where(Membership.user_id == user_id, Workspace.deleted_at.is_(None))
    if role is not None:
        wanted = wanted.where(Membership.role == role)
    found = await page(session, wanted, [Membership.id if sort == "oldest" else Membership.id.desc()], cursor, limit)
    theirs = await session.scalars(select(Workspace).where(Workspace.id.in_([one.workspace_id for one in found.items])))
    there = {workspace.id: workspace for workspace in theirs}
    places = [(there[one.workspace_id], one.role) for one in found.items]
    return Page([Place(one.id, one.name, role_, one.created_at) for one, role_ in places], found.next_cursor)


async def require_mine(session: AsyncSession, user_id: UUID, workspace_id: UUID) -> None:
    """Raises NotFound for a workspace that somebody is no member of; by the machinery."""
    if not any(place.id == workspace_id for place in await mine(session, user_id)):
        raise NotFound(f"There is no workspace {workspace_id}.")


async def name_of(session: AsyncSession, workspace_id: UUID) -> str:
    return (await session.get_one(Workspace, workspace_id)).name


async def get(session: AsyncSession, workspace_id: UUID) -> Workspace:
    """The workspace that the actor acts in. Raises NotFound for any other."""
    workspace = await session.get(Workspace, workspace_id)
    if workspace is None or workspace_id != actor_of(session).workspace_id:
        raise NotFound(f"There is no workspace {workspace_id}, or you act in another: switch first.")
    return workspace


async def rename(session: AsyncSession, workspace_id: UUID, name: str) -> Workspace:
    workspace = await get(session, workspace_id)
    workspace.name = name
    await ledger.record(session, "workspace_renamed", subject=("workspace", workspace.id))
    await session.flush()
    return workspace
