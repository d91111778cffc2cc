"""Deliveries: one event for one endpoint, from the ledger to the answer, and again where somebody wants it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import new_id
from stakazo.core.db import now
from stakazo.core.errors import Conflict, Invalid, NotFound
from stakazo.core.paging import Page, page
from stakazo.core.security import Keyring
from stakazo.ledger import service as ledger
from stakazo.notifications import endpoints, matching, news, schedule
from stakazo.notifications.matching import News
from stakazo.notifications.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from stakazo.notifications.schedule import Answered

AT_ONCE = 8
"""Attempts that one endpoint gets at the same time."""
KEPT = timedelta(days=30)
"""How long it is known what was delivered, or died. It can be sent again from the ledger for ever."""
MOST = 10_000
"""Deliveries that one replay makes."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One attempt, ready to be signed and sent."""

    delivery_id: UUID
    event_id: UUID
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one endpoint is to be sent now."""

    url: str
    secrets: tuple[bytes, ...] = field(repr=False)
    letters: tuple[Letter, ...]


# --- from the ledger ----------------------------------------------------------------------------------------


async def fan_out(session: AsyncSession, endpoint_id: UUID) -> int:
    """Write down what an endpoint is to be told of what has happened since; how many, and its position goes on.

    Both in one transaction: whoever dies here, nothing is passed over and nothing is written twice. Does nothing
    while another process is at this endpoint.
    """
    found = select(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.disabled_at.is_(None))
    locked = found.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    endpoint = (await session.scalars(locked)).one_or_none()
    if endpoint is None:
        return 0
    happened = await news.since(session, endpoint.position)
    if not happened:
        return 0
    fresh = [one for one in happened if one.time >= endpoint.told_from]  # it may get its place only now
    made = await _write(session, endpoint, [one for one in fresh if _for(endpoint.events, one)])
    await _keep_quiet(session, endpoint_id, position=happened[-1].position + 1)
    return made


def _for(patterns: Sequence[str], one: News) -> bool:
    return not one.own and matching.wanted(patterns, one.type)


async def _write(
    session: AsyncSession, endpoint: WebhookEndpoint, wanted: Sequence[News], *, anew: bool = False
) -> int:
    """Deliveries of these events; `anew` sends again what was sent before."""
    if not wanted:
        return 0
    due = await now(session)
    rows = [
        {"id": new_id(), "endpoint_id": endpoint.id, "event_id": one.id, "type": one.type, "due_at": due}
        for one in wanted
    ]
    statement = insert(WebhookDelivery).values(rows)
    same = ["workspace_id", "endpoint_id", "event_id"]
    if anew:
        statement = statement.on_conflict_do_update(index_elements=same, set_=_fresh(due))
    else:
        statement = statement.on_conflict_do_nothing(index_elements=same)
    return len((await session.execute(statement.returning(WebhookDelivery.id))).all())


def _fresh(due: datetime) -> dict[str, Any]:
    """A delivery as it was before its first attempt."""
    return {"state": DeliveryState.WAITING, "attempts": 0, "due_at": due, "delivered_at": None}


async def _keep_quiet(session: AsyncSession, endpoint_id: UUID, **values: Any) -> None:
    """Note something that is no change of the endpoint's: whoever edits it needs not read it again."""
    quietly = update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id)
    await session.execute(quietly.values(**values, updated_at=WebhookEndpoint.updated_at))


# --- attempts -----------------------------------------------------------------------------------------------


async def take(session: AsyncSession, keys: Keyring, endpoint_id: UUID) -> Batch | None:
    """What is due for an endpoint, oldest first; None where nothing is, or it rests, is off or gone."""
    endpoint = await session.get(WebhookEndpoint, endpoint_id, populate_existing=True)
    moment = await now(session)
    if endpoint is None or endpoint.disabled_at is not None:
        return None
    if endpoint.rests_until is not None and endpoint.rests_until > moment:
        return None
    found = (
        select(WebhookDelivery.id, WebhookDelivery.event_id)
        .where(
            WebhookDelivery.endpoint_id == endpoint_id,
            WebhookDelivery.state == DeliveryState.WAITING,
            WebhookDelivery.due_at <= moment,
        )
        .order_by(WebhookDelivery.due_at, WebhookDelivery.id)
        .limit(AT_ONCE)
    )
    due = (await session.execute(found)).all()
    if not due:
        return None
    told = await news.these(session, [row.event_id for row in due])
    letters = tuple(Letter(row.id, row.event_id, matching.body(told[row.event_id])) for row in due)
    return Batch(endpoint.url, await endpoints.secrets(session, keys, endpoint), letters)


async def settle(session: AsyncSession, endpoint_id: UUID, answers: Mapping[UUID, Answered]) -> None:
    """Write down what came of a round of attempts, by delivery, and what that says of the endpoint."""
    endpoint = await endpoints.hold(session, endpoint_id)
    moment = await now(session)
    rows = await session.scalars(select(WebhookDelivery).where(WebhookDelivery.id.in_(answers)).with_for_update())
    dead = []
    for row in rows.all():
        if row.state is not DeliveryState.WAITING:
            continue
        answer = answers[row.id]
        row.attempts, row.tried_at, row.status, row.answer = row.attempts + 1, moment, answer.status, answer.words
        pause = schedule.again(row.attempts, random.random())  # noqa: S311 (no secret)
        if answer.taken:
            row.state, row.delivered_at = DeliveryState.DELIVERED, moment
        elif pause is None:
            row.state = DeliveryState.DEAD
            dead.append(row)
        else:
            row.due_at = moment + timedelta(seconds=max(pause, answer.retry_after or 0.0))
    await session.flush()
    for row in dead:
        await ledger.record(
            session,
            "webhook_delivery_died",
            subject=("webhook", endpoint_id),
            delivery_id=str(row.id),
            event_id=str(row.event_id),
            type=row.type,
            answer=row.answer,
        )
    await _judge(session, endpoint, list(answers.values()), moment)


async def _judge(
    session: AsyncSession, endpoint: WebhookEndpoint, answers: Sequence[Answered], moment: datetime
) -> None:
    since = endpoint.failing_since or moment
    found = schedule.after(answers, endpoint.failures, (moment - since).total_seconds())
    endpoint.failures = found.rounds
    endpoint.failing_since = since if found.rounds else None
    endpoint.rests_until = moment + timedelta(seconds=found.rest) if found.rest else None
    await session.flush()
    if found.off is not None and endpoint.disabled_at is None:
        await endpoints.disable(session, endpoint, found.off)


async def forget(session: AsyncSession, endpoint_id: UUID) -> None:
    """Remove what was over a month ago."""
    old = WebhookDelivery.created_at < await now(session) - KEPT
    over = WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state != DeliveryState.WAITING
    await session.execute(delete(WebhookDelivery).where(old, *over))


# --- by hand ------------------------------------------------------------------------------------------------


async def test(session: AsyncSession, endpoint_id: UUID) -> WebhookDelivery:
    """Send an endpoint something that says no more than that it is a test, whatever it is told else."""
    endpoint = await _working(session, endpoint_id)
    event_id = await ledger.record(session, "webhook_tested", subject=("webhook", endpoint.id))
    await session.flush()
    row = WebhookDelivery(
        id=new_id(), endpoint_id=endpoint.id, event_id=event_id, type="webhook.tested", due_at=await now(session)
    )
    session.add(row)
    await session.flush()
    return row


async def repeat(session: AsyncSession, endpoint_id: UUID, delivery_id: UUID) -> int:
    """Send one delivery again, whatever became of it: with the same id, so that who had it knows."""
    endpoint = await _working(session, endpoint_id)
    row = await get(session, endpoint_id, delivery_id)
    for name, value in _fresh(await now(session)).items():
        setattr(row, name, value)
    await session.flush()
    await _replayed(session, endpoint, 1, delivery_id=str(delivery_id))
    return 1


async def replay(
    session: AsyncSession,
    endpoint_id: UUID,
    since: datetime,
    until: datetime | None = None,
    *,
    events: Sequence[str] | None = None,
    dead_only: bool = False,
) -> int:
    """Send again what happened in a time, as far as the endpoint wants it; also what it was never sent.

    Args:
        session: The transaction.
        endpoint_id: Which one.
        since: The earliest moment.
        until: The moment before which it was; now when None.
        events: Patterns in place of the endpoint's own.
        dead_only: Only what every attempt was in vain for.

    Raises:
        Invalid: Where that would be more than `MOST`.
    """
    endpoint = await _working(session, endpoint_id)
    until = until or await now(session)
    if until <= since:
        raise Invalid("`until` is after `since`.")
    patterns = matching.checked(events) if events is not None else endpoint.events
    made, position = 0, 0
    while happened := await news.between(session, since, until, position, news.BATCH):
        wanted = [one for one in happened if _for(patterns, one)]
        if dead_only:
            dead = await _dead(session, endpoint_id, [one.id for one in wanted])
            wanted = [one for one in wanted if one.id in dead]
        made += await _write(session, endpoint, wanted, anew=True)
        if made > MOST:
            raise Invalid(f"That is more than {MOST} events. Say a shorter time, or fewer types.")
        position = happened[-1].position + 1
    await _replayed(session, endpoint, made, since=since.isoformat(), until=until.isoformat())
    return made


async def _dead(session: AsyncSession, endpoint_id: UUID, event_ids: Sequence[UUID]) -> set[UUID]:
    found = select(WebhookDelivery.event_id).where(
        WebhookDelivery.endpoint_id == endpoint_id,
        WebhookDelivery.state == DeliveryState.DEAD,
        WebhookDelivery.event_id.in_(event_ids),
    )
    return set(await session.scalars(found))


async def _working(session: AsyncSession, endpoint_id: UUID) -> WebhookEndpoint:
    """The endpoint, held, and awake. Raises Conflict where it is switched off."""
    endpoint = await endpoints.hold(session, endpoint_id)
    if endpoint.disabled_at is not None:
        raise Conflict("This webhook is switched off. Switch it on first: PATCH it with `enabled: true`.")
    endpoint.rests_until = None
    await session.flush()
    return endpoint


async def _replayed(session: AsyncSession, endpoint: WebhookEndpoint, count: int, **said: Any) -> None:
    await ledger.record(session, "webhook_replayed", subject=("webhook", endpoint.id), deliveries=count, **said)


# --- finding ------------------------------------------------------------------------------------------------


async def get(session: AsyncSession, endpoint_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    row = await session.get(WebhookDelivery, delivery_id, populate_existing=True)
    if row is None or row.endpoint_id != endpoint_id:
        raise NotFound(f"This webhook has no delivery {delivery_id}.")
    return row


async def find(
    session: AsyncSession,
    endpoint_id: UUID,
    *,
    state: DeliveryState | None = None,
    event_id: UUID | None = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[WebhookDelivery]:
    found = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
    if state is not None:
        found = found.where(WebhookDelivery.state == state)
    if event_id is not None:
        found = found.where(WebhookDelivery.event_id == event_id)
    order = [WebhookDelivery.created_at, WebhookDelivery.id]
    return await page(session, found, [key.desc() for key in order] if sort == "newest" else order, cursor, limit)


async def waiting(session: AsyncSession, endpoint_id: UUID) -> int:
    """How many deliveries of an endpoint wait."""
    found = select(func.count()).where(
        WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state == DeliveryState.WAITING
    )
    return (await session.execute(found)).scalar_one()
