"""Doing something once however often it is asked: the answer is kept in the transaction of what it answers.

    kept = await claim(session, keyring, "order-7", asked)     # the answer of before, or None: then do it
    ...
    await keep(session, keyring, "order-7", asked, answer)     # commits with the effect, or is rolled back with it

Whoever claims a key holds an advisory lock until the transaction ends. So a key in flight needs no row, and a process
that is killed leaves nothing to clean up: either effect and answer are both there, or neither is.

A key belongs to whoever acts in a workspace; where a transaction is one of a person's own affairs, to that person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import new_id
from stakazo.core.db import actor_of
from stakazo.core.errors import Conflict, Invalid
from stakazo.core.security import Keyring
from stakazo.idempotency.models import IdempotencyKey, PersonalIdempotencyKey

KEPT = timedelta(hours=24)
"""How long the same key gets the same answer."""
LONGEST = 255
"""Characters of a key."""


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
    owner = _owner(session)
    lock = f"idempotency:{owner.id}:{owner.actor}:{key}"
    ours = text("select pg_try_advisory_xact_lock(hashtextextended(:lock, 0))")
    if not await session.scalar(ours, {"lock": lock}):
        raise InFlight("The first request with this Idempotency-Key is still at work. Ask again in a second.")
    # A statement of its own: its snapshot must be younger than the lock.
    found = select(owner.model).where(*owner.has(key), owner.model.expires_at > func.clock_timestamp())
    row: Any = (await session.scalars(found)).one_or_none()
    if row is None:
        return None
    if row.asked != asked:
        raise KeyReused("This Idempotency-Key was used for another request. Use a new key for each thing you do.")
    body = keyring.unseal(row.body, owner.place, owner=owner.id, row=row.id)
    return Answer(row.status, tuple((name, value) for name, value in row.headers), body)


async def keep(session: AsyncSession, keyring: Keyring, key: str, asked: bytes, answer: Answer) -> None:
    """Give this answer to whoever uses the key again; for the transaction that has claimed it."""
    owner = _owner(session)
    await session.execute(delete(owner.model).where(*owner.has(key)))
    row_id = new_id()
    row = owner.model(
        **owner.columns,
        id=row_id,
        key=key,
        asked=asked,
        status=answer.status,
        headers=[list(pair) for pair in answer.headers],
        body=keyring.seal(answer.body, owner.place, owner=owner.id, row=row_id),
        expires_at=func.clock_timestamp() + KEPT,
    )
    session.add(row)
    await session.flush()


async def sweep(session: AsyncSession) -> int:
    """Remove the answers whose time is up, of all workspaces and people; for the machinery. Says how many."""
    count = 0
    for model in (IdempotencyKey, PersonalIdempotencyKey):
        over = delete(model).where(model.expires_at <= func.clock_timestamp())
        gone = await session.execute(over.execution_options(synchronize_session=False))
        count += int(gone.rowcount)  # type: ignore[attr-defined]  # what a DELETE gives has one
    return count


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose keys a transaction uses, and where their answers are kept."""

    model: type[IdempotencyKey | PersonalIdempotencyKey]
    id: UUID
    """The workspace's, or the person's."""
    actor: str
    """Who acts in the workspace."""
    columns: dict[str, Any]
    """What a row of theirs says of them."""

    @property
    def place(self) -> str:
        """Answers are sealed for this column."""
        return f"{self.model.__tablename__}.body"

    def has(self, key: str) -> list[ColumnElement[bool]]:
        return [self.model.key == key, *(getattr(self.model, name) == value for name, value in self.columns.items())]


def _owner(session: AsyncSession) -> _Owner:
    user_id: UUID | None = session.info.get("user_id")
    if user_id is not None:
        return _Owner(PersonalIdempotencyKey, user_id, "", {"user_id": user_id})
    actor = actor_of(session)
    who = f"{actor.kind}:{actor.id}"
    return _Owner(IdempotencyKey, actor.workspace_id, who, {"actor": who})
