"""Doing something once however often it is asked: the answer is kept in the transaction of what it answers.

    kept = await claim(session, keyring, "order-7", asked)     # the answer of before, or None: then do it
    ...
    await keep(session, keyring, "order-7", asked, answer)     # commits with the effect, or is rolled back with it

Whoever claims a key holds an advisory lock until the transaction ends. So a key in flight needs no row, and a process
that is killed leaves nothing to clean up: either effect and answer are both there, or neither is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import new_id
from stakazo.core.db import actor_of
from stakazo.core.errors import Conflict, Invalid
from stakazo.core.security import Keyring
from stakazo.idempotency.models import IdempotencyKey

KEPT = timedelta(hours=24)
"""How long the same key gets the same answer."""
LONGEST = 255
"""Characters of a key."""
PLACE = "idempotency_keys.body"
"""Answers are sealed for this column."""


class InFlight(Conflict):
    """The first request with this key is not answered yet."""

    code, retryable = "idempotency_key_in_flight", True
    headers = {"Retry-After": "1"}  # noqa: RUF012 (never changed)


class KeyReused(Invalid):
    """The key stands for another request."""

    code = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What went back to whoever asked."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


async def claim(session: AsyncSession, keyring: Keyring, key: str, asked: bytes) -> Answer | None:
    """The answer that was given under this key; None where there is none, and the key is this transaction's now.

    Args:
        asked: SHA-256 of the request. The key stands for that and for nothing else.

    Raises:
        Invalid: The key is none.
        InFlight: Another transaction has the key.
        KeyReused: It was given for another request.
    """
    if not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
        raise Invalid(f"An Idempotency-Key has 1 to {LONGEST} printable ASCII characters.")
    actor = _actor(session)
    lock = f"idempotency:{actor_of(session).workspace_id}:{actor}:{key}"
    ours = text("select pg_try_advisory_xact_lock(hashtextextended(:lock, 0))")
    if not await session.scalar(ours, {"lock": lock}):
        raise InFlight("The first request with this Idempotency-Key is still at work. Ask again in a second.")
    # A statement of its own: its snapshot must be younger than the lock.
    found = select(IdempotencyKey).where(
        IdempotencyKey.actor == actor, IdempotencyKey.key == key, IdempotencyKey.expires_at > func.clock_timestamp()
    )
    row = (await session.scalars(found)).one_or_none()
    if row is None:
        return None
    if row.asked != asked:
        raise KeyReused("This Idempotency-Key was used for another request. Use a new key for each thing you do.")
    body = keyring.unseal(row.body, PLACE, owner=row.workspace_id, row=row.id)
    return Answer(row.status, tuple((name, value) for name, value in row.headers), body)


async def keep(session: AsyncSession, keyring: Keyring, key: str, asked: bytes, answer: Answer) -> None:
    """Give this answer to whoever uses the key again; for the transaction that has claimed it."""
    actor = _actor(session)
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.actor == actor, IdempotencyKey.key == key))
    row_id = new_id()
    row = IdempotencyKey(
        id=row_id,
        actor=actor,
        key=key,
        asked=asked,
        status=answer.status,
        headers=[list(pair) for pair in answer.headers],
        body=keyring.seal(answer.body, PLACE, owner=actor_of(session).workspace_id, row=row_id),
        expires_at=func.clock_timestamp() + KEPT,
    )
    session.add(row)
    await session.flush()


async def sweep(session: AsyncSession) -> int:
    """Remove the answers whose time is up, of all workspaces; for the machinery. Says how many."""
    gone = await session.execute(
        delete(IdempotencyKey)
        .where(IdempotencyKey.expires_at <= func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )
    return int(gone.rowcount)  # type: ignore[attr-defined]  # what a DELETE gives has one


def _actor(session: AsyncSession) -> str:
    actor = actor_of(session)
    return f"{actor.kind}:{actor.id}"
