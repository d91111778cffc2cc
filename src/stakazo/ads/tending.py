"""What the job writes down about an audience, each in a transaction of its own, before and after each call outside.

Every verb locks the row and raises `Lost` where it isn't this job's any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, audiences, gathered, plan
from stakazo.ads.gathered import AudienceState, Wanted
from stakazo.ads.models import AdAudience, AdAudienceBatch
from stakazo.core import rows
from stakazo.core.security import Keyring
from stakazo.jobs.run import Lost, NotYet
from stakazo.platforms import customers
from stakazo.platforms.base import Account
from stakazo.platforms.customers import Customer
from stakazo.platforms.people import Audience
from stakazo.publishing.states import Trouble

S = AudienceState


@dataclass(frozen=True, slots=True)
class Order:
    """What the job has to do, as it was when it began."""

    audience_id: UUID
    account_id: UUID
    account: Account = field(repr=False)
    name: str
    mark: str
    """What its description has in it, and no other's."""
    state: S
    wanted: Wanted
    external_id: str | None
    making: bool
    doubted: bool
    begun_at: datetime
    waiting: bool
    """Whether customers wait for being sent."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Customers who are to be sent."""

    id: UUID
    people: tuple[Customer, ...] = field(repr=False)

    @property
    def session(self) -> int:
        """A number that stands for just these, as the platform wants one."""
        return self.id.int >> 66


async def order(session: AsyncSession, keys: Keyring, audience: AdAudience) -> Order:
    """Raises Conflict where its account was disconnected."""
    account = await accounts.get(session, audience.account_id)
    return Order(
        audience_id=audience.id,
        account_id=account.id,
        account=accounts.opened(account, keys),
        name=audience.name,
        mark=plan.mark(audience.workspace_id, audience.id),
        state=audience.state,
        wanted=Wanted.of(audience.wanted),
        external_id=audience.external_id,
        making=audience.making,
        doubted=audience.doubted,
        begun_at=audience.begun_at,
        waiting=await _waiting(session, audience),
    )


async def claim(session: AsyncSession, keys: Keyring, audience_id: UUID, job_id: UUID) -> Order | None:
    """Take an audience, or go on with it; None where nothing is to do."""
    audience = await _held(session, audience_id)
    if audience.job_id != job_id:
        return None
    audience.doubted |= audience.making  # whoever was at it has not lived to hear what came of it
    account = await accounts.get(session, audience.account_id)
    if account.token is None:
        audience.job_id = None
        await audiences.cut_off(session, audience)
        return None
    return await order(session, keys, audience)


async def _held(session: AsyncSession, audience_id: UUID) -> AdAudience:
    return await rows.hold(session, AdAudience, audience_id, "audience")


async def _mine(session: AsyncSession, audience_id: UUID, job_id: UUID) -> AdAudience:
    audience = await _held(session, audience_id)
    if audience.job_id != job_id:
        raise Lost(f"Audience {audience_id} is no longer this job's.")
    return audience


async def begin(session: AsyncSession, audience_id: UUID, job_id: UUID) -> None:
    """Write down that it is about to be made."""
    audience = await _mine(session, audience_id, job_id)
    audience.making = True
    await session.flush()
    await audiences.record(session, "audience_begun", audience)


async def doubt(session: AsyncSession, audience_id: UUID, job_id: UUID) -> None:
    """Write down that a request for it was lost: one may come of it still."""
    (await _mine(session, audience_id, job_id)).doubted = True


async def refuse(session: AsyncSession, audience_id: UUID, job_id: UUID) -> None:
    """The platform has refused it, and has never been asked for it before: nothing of it is there."""
    (await _mine(session, audience_id, job_id)).making = False


async def keep(session: AsyncSession, audience_id: UUID, job_id: UUID, made: str, *, found: bool) -> None:
    """Keep the id of what was made, or was found by its mark."""
    audience = await _mine(session, audience_id, job_id)
    audience.external_id, audience.making = made, False
    await session.flush()
    await audiences.record(session, "audience_made", audience, external_id=made, found=found)


async def next_batch(session: AsyncSession, keys: Keyring, audience_id: UUID, job_id: UUID) -> Batch | None:
    """Customers whom the platform doesn't have yet."""
    audience = await _mine(session, audience_id, job_id)
    waiting = select(AdAudienceBatch).where(AdAudienceBatch.audience_id == audience_id)
    batch = (await session.scalars(waiting.order_by(AdAudienceBatch.id).limit(1))).one_or_none()
    if batch is None:
        return None
    kept = keys.unseal(batch.people, audiences.PEOPLE, owner=audience.workspace_id, row=batch.id)
    return Batch(batch.id, tuple(customers.unpacked(kept)))


async def sent(session: AsyncSession, audience_id: UUID, job_id: UUID, batch: Batch, unread: int) -> None:
    """The platform has them: here they are forgotten."""
    audience = await _mine(session, audience_id, job_id)
    kept = await session.get(AdAudienceBatch, batch.id)
    if kept is not None:
        await session.delete(kept)
    audience.unread += unread
    await session.flush()
    await audiences.record(session, "audience_people_sent", audience, people=len(batch.people), unread=unread)


async def look(session: AsyncSession, audience_id: UUID, job_id: UUID, there: Audience, at: datetime) -> None:
    """It is there, and this is what the platform says of it."""
    audience = await _mine(session, audience_id, job_id)
    before = (audience.state, (audience.seen or {}).get("fitness"))
    audience.state, audience.error = S.MADE, None
    audience.seen = gathered.seen(there, at.isoformat(timespec="seconds"))
    await session.flush()
    if before != (S.MADE, there.fitness.value):
        await audiences.record(session, "audience_looked_at", audience, **audience.seen)


async def swept(session: AsyncSession, audience_id: UUID, job_id: UUID, removed: list[str]) -> None:
    """What was made twice is gone."""
    await audiences.record(
        session, "audience_twins_removed", await _mine(session, audience_id, job_id), removed=removed
    )


async def gone(session: AsyncSession, audience_id: UUID, job_id: UUID) -> None:
    """Nothing of it is at the platform any more."""
    audience = await _mine(session, audience_id, job_id)
    if audience.state is not S.REMOVED:
        audience.state, audience.making = S.REMOVED, False
        await session.flush()
        await audiences.record(session, "audience_removed", audience)


async def vanished(session: AsyncSession, audience_id: UUID, job_id: UUID) -> None:
    """Somebody has removed it at the platform."""
    audience = await _mine(session, audience_id, job_id)
    audience.state, audience.job_id = S.REMOVED, None
    await session.flush()
    await audiences.forget_people(session, audience)
    await audiences.record(session, "audience_removed", audience, outside=True)


async def settle(session: AsyncSession, audience_id: UUID, job_id: UUID, trouble: Trouble) -> None:
    """It came to nothing; where something may be there of which nobody knows, a person is told."""
    await _settle(session, await _mine(session, audience_id, job_id), trouble)


async def over(session: AsyncSession, audience_id: UUID, job_id: UUID, again: float | None) -> None:
    """Nothing is under way any more. Raises NotYet where something is: who was given meanwhile is not left lying.

    Args:
        again: Seconds until it is to be looked at again.
    """
    audience = await _mine(session, audience_id, job_id)
    if await _waiting(session, audience):
        raise NotYet("More customers were given meanwhile.", after=0.0)
    if again is not None:
        raise NotYet("The platform still finds people for it.", after=again)
    audience.job_id = None


async def _waiting(session: AsyncSession, audience: AdAudience) -> bool:
    """Whether customers wait for being sent."""
    found = select(AdAudienceBatch.id).where(AdAudienceBatch.audience_id == audience.id)
    return await session.scalar(found.limit(1)) is not None


async def abandoned(session: AsyncSession, audience_id: UUID, job_id: UUID, error: Mapping[str, Any]) -> None:
    """Its job came to nothing: that isn't silent."""
    audience = await _held(session, audience_id)
    if audience.job_id == job_id:
        detail = str(error.get("detail") or "Its job came to nothing.")
        made = audience.state is S.MADE and not await _waiting(session, audience)
        await _settle(session, audience, gathered.unwatched(detail) if made else gathered.doubt(detail))


async def _settle(session: AsyncSession, audience: AdAudience, trouble: Trouble) -> None:
    """What is there and only isn't looked at any more says why, and stays."""
    audience.job_id = None
    if audience.state is S.REMOVED:
        return
    if audience.state is S.MADE and not await _waiting(session, audience):
        audience.error = trouble.as_json()
        await session.flush()
        await audiences.record(session, "audience_unwatched", audience, **trouble.as_json())
        return
    doubtful = audience.making or audience.external_id is not None or audience.state is S.REMOVING
    await audiences.fail(session, audience, S.NEEDS_HUMAN if doubtful else S.FAILED, trouble)
