"""The job of an audience: make it and look how it fills, or remove it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, gathered, outside, tending
from stakazo.ads.gathered import AudienceState as S
from stakazo.ads.gathering import Gathering, Gone, Wrong
from stakazo.ads.jobs import CRASHES, QUEUE, put_off
from stakazo.ads.models import AdAudience
from stakazo.ads.tending import Order
from stakazo.core.security import Keyring
from stakazo.jobs.engine import job
from stakazo.jobs.models import Job
from stakazo.jobs.run import NotYet, Run
from stakazo.platforms.errors import Rejected, TokenExpired, TryLater, Unknown
from stakazo.publishing.states import Trouble


async def start(session: AsyncSession, audience: AdAudience) -> None:
    """Have done what is to be done about it, if nobody is at it."""
    if audience.job_id is None and audience.state in {S.MAKING, S.MADE, S.REMOVING}:
        audience.job_id = (await tend_audience.start(session, audience.id)).id
        await session.flush()


@job(queue=QUEUE, max_attempts=CRASHES, timeout=900)
async def tend_audience(run: Run, audience_id: UUID) -> None:
    """Make an audience and look at it until it is filled, or remove it: whatever dies, nothing is made twice."""
    async with run.transaction() as session:
        order = await tending.claim(session, Keyring(run.settings), audience_id, run.job_id)
    if order is None:
        return
    age = (datetime.now(UTC) - order.begun_at).total_seconds()
    try:
        again = await _tend(run, order, age)
    except Gone:
        async with run.completion() as session:
            await tending.vanished(session, audience_id, run.job_id)
        return
    except Rejected as error:
        trouble = gathered.refusal(error, order.account.id.removeprefix("act_"), order.wanted.crowd)
    except Wrong as wrong:
        trouble = wrong.trouble
    except TokenExpired as error:
        async with run.transaction() as session:
            await accounts.token_died(session, order.account_id, error)
        trouble = Trouble("token_expired", str(error), "Connect the ad account again, then retry.")
    except (NotYet, TryLater, Unknown) as later:
        if age < gathered.patience(order.state, waiting=order.waiting):
            raise put_off(later) from later
        detail = f"The platform puts it off since {age / 3600:.0f} hours: {later}"
        made = order.state is S.MADE and not order.waiting
        trouble = gathered.unwatched(detail) if made else gathered.doubt(detail)
    else:
        async with run.completion() as session:
            await tending.over(session, audience_id, run.job_id, again)
        return
    async with run.completion() as session:
        await tending.settle(session, audience_id, run.job_id, trouble)


async def _tend(run: Run, order: Order, age: float) -> float | None:
    """Do it; seconds until it is to be looked at again, None where it is done."""
    async with outside.who_advertises_to(run.settings, order.account) as meta:
        gathering = Gathering(run, order, meta)
        if order.state in {S.REMOVING, S.REMOVED}:
            await gathering.remove()
            return gathered.look_again(None, age, doubted=gathering.doubted)
        there = await gathering.go()
    return gathered.look_again(there.fitness, age, doubted=gathering.doubted)


@tend_audience.on_end
async def _tending_ended(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    await tending.abandoned(session, UUID(row.payload["audience_id"]), row.id, error)
