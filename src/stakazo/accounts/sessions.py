"""Sessions: from a sign-in until it ends, kept alive by refresh tokens that each work once.

Whoever refreshes gets the successor of their token. A token that comes a second time was stolen, or its successor was:
the whole session ends. Only right after its first use, and as long as the successor lies unused, it gets the same
successor again: that is a browser with two tabs, or an answer that was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts import proofs, workspaces
from stakazo.accounts.models import Membership, RefreshToken, Session, User
from stakazo.accounts.person import Device, Person, tell, workspaces_of
from stakazo.accounts.roles import Role
from stakazo.core.actor import new_id
from stakazo.core.errors import NotFound
from stakazo.core.paging import Key, Page, page
from stakazo.core.settings import Settings
from stakazo.core.workspaces import Workspace

PREFIX = "str"
GRACE = timedelta(seconds=10)
"""For two who race with the same token."""
KEPT = timedelta(days=90)
"""How long an ended session can still be looked up."""

# Asked with every request, so it isn't made anew for each.
_SIGNED_IN = (
    select(User.disabled_at, Session.ended_at, Session.expires_at, Membership.role)
    .select_from(Session)
    .join(User, User.id == Session.user_id)
    .outerjoin(Workspace, (Workspace.id == bindparam("workspace")) & Workspace.deleted_at.is_(None))
    .outerjoin(Membership, (Membership.workspace_id == Workspace.id) & (Membership.user_id == User.id))
    .where(Session.id == bindparam("session"), Session.user_id == bindparam("user"))
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody gets who signed in or refreshed."""

    user_id: UUID
    session_id: UUID
    workspace_id: UUID | None
    """Which workspace the access token is for."""
    refresh_token: str
    expires_at: datetime
    """When the session ends at the latest."""


async def start(
    session: AsyncSession,
    settings: Settings,
    user_id: UUID,
    device: Device,
    correlation_id: UUID,
    workspace_id: UUID | None = None,
) -> Grant:
    """Begin a session for somebody who has shown who they are, in this workspace or the one they were in last."""
    now = datetime.now(UTC)
    await session.execute(delete(Session).where(Session.user_id == user_id, Session.expires_at < now - KEPT))
    here = await _place(session, user_id, workspace_id)
    begun = Session(
        id=new_id(),
        user_id=user_id,
        acting_in=here,
        address=device.address,
        agent=device.agent[:300],
        expires_at=now + timedelta(days=settings.session_days),
    )
    session.add(begun)
    await session.flush()
    token = await _hand_out(session, settings, begun, proofs.new_token(PREFIX))
    await tell(session, "session_started", user_id, correlation_id, workspace_id=here, subject=("session", begun.id))
    return Grant(user_id, begun.id, here, token, begun.expires_at)


async def refresh(
    session: AsyncSession, settings: Settings, token: str, device: Device, correlation_id: UUID
) -> Grant | None:
    """A new grant for this token, or null when it gives none. Never raises: what it finds out must be committed."""
    given = await session.scalar(select(RefreshToken).where(RefreshToken.token_hash == proofs.hashed(token)))
    if given is None:
        return None
    # One at a time in a family; who waited here reads the token anew.
    family = await session.get_one(Session, given.session_id, with_for_update=True)
    await session.refresh(given)
    now = datetime.now(UTC)
    user = await session.get_one(User, given.user_id)
    if family.ended_at or family.expires_at <= now or given.expires_at <= now or user.disabled_at:
        return None
    following = proofs.successor(token, given.salt)
    if given.used_at is not None:
        after = await session.scalar(select(RefreshToken).where(RefreshToken.token_hash == proofs.hashed(following)))
        if after is None or after.used_at is not None or now - given.used_at > GRACE:
            await end(session, family, "token_reused", correlation_id)
            return None
    else:
        given.used_at = now
        await _hand_out(session, settings, family, following)
    family.last_used_at = now
    family.address, family.agent = device.address, device.agent[:300]
    family.acting_in = await _place(session, family.user_id, family.acting_in)
    await session.flush()
    return Grant(family.user_id, family.id, family.acting_in, following, family.expires_at)


async def switch(session: AsyncSession, person: Person, workspace_id: UUID) -> None:
    """Act in another workspace from the next access token on. Raises NotFound for who is no member there."""
    await workspaces.require_mine(session, person.user_id, workspace_id)
    await session.execute(update(Session).where(Session.id == person.session_id).values(acting_in=workspace_id))
    await tell(
        session,
        "workspace_entered",
        person.user_id,
        person.correlation_id,
        workspace_id=workspace_id,
        subject=("session", person.session_id),
    )


async def identify(session: AsyncSession, claims: Person) -> Person | None:
    """The person of an access token as they are now, with their role; null when the session or the person is gone."""
    said = {"session": claims.session_id, "user": claims.user_id, "workspace": claims.workspace_id}
    row = (await session.execute(_SIGNED_IN, said)).one_or_none()
    if row is None or row.disabled_at or row.ended_at or row.expires_at <= datetime.now(UTC):
        return None
    role: Role | None = row.role
    return Person(claims.user_id, claims.session_id, claims.workspace_id, role, claims.correlation_id)


async def of_user(session: AsyncSession, user_id: UUID) -> Sequence[Session]:
    """Where somebody is signed in, the last used first."""
    return (await session.scalars(_alive(user_id).order_by(Session.last_used_at.desc()))).all()


async def find(
    session: AsyncSession,
    user_id: UUID,
    *,
    address: str | None = None,
    sort: Literal["last_used", "newest", "oldest"] = "last_used",
    cursor: str | None = None,
    limit: int = 200,
) -> Page[Session]:
    """The same, page by page."""
    wanted = _alive(user_id) if address is None else _alive(user_id).where(Session.address == address)
    orders: dict[str, list[Key]] = {
        "last_used": [Session.last_used_at.desc(), Session.id.desc()],
        "newest": [Session.id.desc()],
        "oldest": [Session.id],
    }
    return await page(session, wanted, orders[sort], cursor, limit)


def _alive(user_id: UUID) -> Select[Session]:
    now = datetime.now(UTC)
    return select(Session).where(Session.user_id == user_id, Session.ended_at.is_(None), Session.expires_at > now)


async def revoke(session: AsyncSession, person: Person, session_id: UUID) -> None:
    """End a session of one's own. Raises NotFound."""
    found = await session.scalar(select(Session).where(Session.id == session_id, Session.user_id == person.user_id))
    if found is None:
        raise NotFound(f"There is no session {session_id}.")
    await end(session, found, "revoked", person.correlation_id)


async def end_all(
    session: AsyncSession, user_id: UUID, reason: str, correlation_id: UUID, *, but: UUID | None = None
) -> None:
    """End every session of somebody, or all but one."""
    for alive in await of_user(session, user_id):
        if alive.id != but:
            await end(session, alive, reason, correlation_id)


async def end(session: AsyncSession, ending: Session, reason: str, correlation_id: UUID) -> None:
    """From now on neither its access tokens nor its refresh tokens count; doing it again changes nothing."""
    if ending.ended_at is not None:
        return
    ending.ended_at, ending.end_reason = datetime.now(UTC), reason
    await tell(
        session,
        "session_ended",
        ending.user_id,
        correlation_id,
        workspace_id=ending.acting_in,
        subject=("session", ending.id),
        reason=reason,
    )


async def of_token(session: AsyncSession, token: str) -> Session | None:
    """The session that a refresh token belongs to, used or not."""
    found = (
        select(Session)
        .join(RefreshToken, RefreshToken.session_id == Session.id)
        .where(RefreshToken.token_hash == proofs.hashed(token))
    )
    return (await session.scalars(found)).one_or_none()


async def _hand_out(session: AsyncSession, settings: Settings, family: Session, token: str) -> str:
    idle = datetime.now(UTC) + timedelta(days=settings.session_idle_days)
    session.add(
        RefreshToken(
            user_id=family.user_id,
            session_id=family.id,
            token_hash=proofs.hashed(token),
            salt=proofs.new_salt(),
            expires_at=min(idle, family.expires_at),
        )
    )
    await session.flush()
    return token


async def _place(session: AsyncSession, user_id: UUID, wanted: UUID | None) -> UUID | None:
    """The workspace that somebody acts in: the wanted one where they are a member, else the one of their last sign-in,
    else their first; null for who has none.
    """
    theirs = await workspaces_of(session, user_id)
    if wanted in theirs:
        return wanted
    last = await session.scalar(
        select(Session.acting_in)
        .where(Session.user_id == user_id, Session.acting_in.is_not(None))
        .order_by(Session.last_used_at.desc())
        .limit(1)
    )
    return last if last in theirs else next(iter(theirs), None)
