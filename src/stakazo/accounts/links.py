"""Links that are sent by e-mail: each works once, for a while, and shows that its opener reads what is sent there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts import proofs
from stakazo.accounts.models import Link, LinkKind
from stakazo.core.errors import NotFound

PREFIX = "stl"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def make(session: AsyncSession, user_id: UUID, kind: LinkKind, email: str, lives: timedelta) -> str:
    """A new link; those of its kind that were sent before count no more."""
    await session.execute(delete(Link).where(Link.user_id == user_id, Link.kind == kind))
    token = proofs.new_token(PREFIX)
    expires_at = datetime.now(UTC) + lives
    session.add(Link(user_id=user_id, kind=kind, email=email, token_hash=proofs.hashed(token), expires_at=expires_at))
    await session.flush()
    return token


async def find(session: AsyncSession, token: str, *kinds: LinkKind) -> Link:
    """The link of this token, of one of these kinds. Raises NotFound for one that doesn't count."""
    counts = Link.kind.in_(kinds), Link.used_at.is_(None), Link.expires_at > datetime.now(UTC)
    found = await session.scalar(select(Link).where(Link.token_hash == proofs.hashed(token), *counts))
    if found is None:
        raise NotFound("This link was used before or has expired. Ask for a new one.")
    return found


async def use(session: AsyncSession, link: Link) -> None:
    """Use it up. Raises NotFound when somebody was quicker."""
    unused = Link.id == link.id, Link.used_at.is_(None)
    used = await session.execute(update(Link).where(*unused).values(used_at=datetime.now(UTC)).returning(Link.id))
    if used.one_or_none() is None:
        raise NotFound("This link was used before.")
