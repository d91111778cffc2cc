"""Somebody who is signed in, and what the ledger is told of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.models import Membership
from stakazo.accounts.roles import ROLES, Role
from stakazo.core.actor import Actor, new_id
from stakazo.ledger import service as ledger


@dataclass(frozen=True, slots=True)
class Device:
    """Where somebody sits: as they appear to us."""

    address: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in, whatever workspace they act in."""

    user_id: UUID
    session_id: UUID
    workspace_id: UUID | None = None
    role: Role | None = None
    """Their role there; null where they are no member (any more)."""
    correlation_id: UUID = field(default_factory=new_id)

    def actor(self) -> Actor | None:
        """As whom they act in their workspace; null for who has none."""
        if self.workspace_id is None or self.role is None:
            return None
        return replace(of_user(self.user_id, self.workspace_id, self.correlation_id), permissions=ROLES[self.role])


def of_user(user_id: UUID, workspace_id: UUID, correlation_id: UUID) -> Actor:
    return Actor(workspace_id, "user", str(user_id), correlation_id)


async def tell(
    session: AsyncSession,
    event: str,
    user_id: UUID,
    correlation_id: UUID,
    *,
    workspace_id: UUID | None = None,
    subject: tuple[str, UUID] | None = None,
    **data: Any,
) -> None:
    """Record what happened to a person's account, in one workspace or in each that they are a member of.

    Only ids are written: who they are stays in `users`, where it can be changed and removed.
    """
    places = [workspace_id] if workspace_id else await workspaces_of(session, user_id)
    for place in places:
        await ledger.record(
            session, event, subject=subject or ("user", user_id), actor=of_user(user_id, place, correlation_id), **data
        )


async def workspaces_of(session: AsyncSession, user_id: UUID) -> list[UUID]:
    """Where somebody is a member, oldest place first; for the machinery."""
    found = select(Membership.workspace_id).where(Membership.user_id == user_id).order_by(Membership.id)
    return list(await session.scalars(found))
