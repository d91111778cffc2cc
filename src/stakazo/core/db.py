"""The database: the tables' base classes, and transactions that see one workspace."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import psycopg
from psycopg import generators
from psycopg.pq import ExecStatus
from sqlalchemy import DateTime, ForeignKey, MetaData, UniqueConstraint, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.util import await_only

from stakazo.core.actor import Actor, new_id

if TYPE_CHECKING:
    from stakazo.core.security import Keyring

CURRENT_WORKSPACE = "nullif(current_setting('stakazo.workspace', true), '')::uuid"
"""SQL: the workspace that the transaction acts in, or null."""

CURRENT_USER = "nullif(current_setting('stakazo.user', true), '')::uuid"
"""SQL: the person that the machinery acts for, or null."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """A row: a UUIDv7 key, and when it was made and last changed."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 (SQLAlchemy reads it from the class)
    # What the database sets comes back with the statement: reading `updated_at` later would be I/O in the open.
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 (likewise)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), onupdate=func.clock_timestamp())


class Owned:
    """Mixin for every row that belongs to one workspace; Postgres hides the others' rows.

    Foreign keys between owned tables are composite, `(workspace_id, x_id)` to `(workspace_id, id)`, since plain
    ones are checked without row-level security and would reveal, or point at, another workspace's rows. A table
    with arguments of its own writes `__table_args__ = (*Owned.owned_args(), ...)`.
    """

    workspace_id: Mapped[UUID] = mapped_column(
        ForeignKey("workspaces.id"), server_default=text(f"({CURRENT_WORKSPACE})")
    )

    @staticmethod
    def owned_args() -> tuple[UniqueConstraint, ...]:
        return (UniqueConstraint("workspace_id", "id"),)

    @declared_attr.directive
    def __table_args__(cls) -> Any:  # noqa: N805 (declared_attr hands over the class)
        return cls.owned_args()


ATTENTIVE = {
    "connect_timeout": "5",
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
"""libpq's options with which a connection whose other end is gone, or never answers, fails within about ten seconds."""


def attentive(url: str) -> str:
    """The URL with these options, but for those that it says itself."""
    parsed = make_url(url)
    missing = {name: value for name, value in ATTENTIVE.items() if name not in parsed.query}
    return parsed.update_query_dict(missing).render_as_string(hide_password=False)


PATIENCE = 5.0
"""Seconds in which a connection of the pool answers before it is used, or is taken for dead."""

_OPENING: ContextVar[str | None] = ContextVar("opening", default=None)
"""SQL with which the transaction begins for which a connection is taken."""


def _asked_first(engine: AsyncEngine, patience: float) -> AsyncEngine:
    """The engine, whose connections are asked for a sign of life each time that one is taken.

    For a transaction its beginning is the question: that it is asked costs nothing. Unlike `pool_pre_ping` this doesn't
    wait for ever where something in between keeps a line open to a dead peer.
    """
    dialect = engine.sync_engine.dialect

    @event.listens_for(engine.sync_engine, "checkout")
    def ask(connection: Any, _record: Any, _fairy: Any) -> None:
        silence = asyncio.get_running_loop().call_later(patience, _hang_up, connection.driver_connection)
        opening = _OPENING.get()
        try:
            if opening is None:
                dialect.do_ping(connection)
            else:
                await_only(_begin(connection.driver_connection, opening))
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError("The connection gave no sign of life.") from error
        finally:
            silence.cancel()

    return engine


async def _begin(connection: psycopg.AsyncConnection[Any], opening: str) -> None:
    """Begin a transaction in one round trip; psycopg, which then finds it begun, would make two."""
    connection.pgconn.send_query(f"begin; {opening}".encode())
    for result in await connection.wait(generators.execute(connection.pgconn)):
        if result.status == ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result)


def _hang_up(connection: psycopg.AsyncConnection[Any]) -> None:
    """End the line under a connection, so that whoever waits for its answer hears that none will come."""
    with contextlib.suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


class Database:
    """The pool of connections to one database, as the app's role.

    Args:
        url: Where it is.
        pool_size: Connections that are kept; as many more where they are needed.
        patience: Seconds in which a connection must show that it lives.
        keyring: What seals secrets and personal data in it; without one neither is written.
    """

    def __init__(
        self, url: str, *, pool_size: int = 10, patience: float = PATIENCE, keyring: Keyring | None = None
    ) -> None:
        self.url = url
        self.engine = _asked_first(
            create_async_engine(attentive(url), pool_size=pool_size, max_overflow=pool_size, hide_parameters=True),
            patience,
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, info={"keyring": keyring})

    @asynccontextmanager
    async def transaction(self, actor: Actor) -> AsyncIterator[AsyncSession]:
        """One transaction as seen by the actor: commits at the end, rolls back on any error."""
        async with self._begun(_set("stakazo.workspace", actor.workspace_id)) as session:
            session.info["actor"] = actor
            yield session

    @asynccontextmanager
    async def system_transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction of the machinery itself: sees every workspace's jobs and keys, and nothing else."""
        async with self._begun(_AS_SYSTEM) as session:
            yield session

    @asynccontextmanager
    async def personal_transaction(self, user_id: UUID) -> AsyncIterator[AsyncSession]:
        """One transaction of the machinery for one person: of what belongs to people it sees only theirs."""
        async with self._begun(f"{_AS_SYSTEM}; {_set('stakazo.user', user_id)}") as session:
            session.info["user_id"] = user_id
            yield session

    @asynccontextmanager
    async def _begun(self, opening: str) -> AsyncIterator[AsyncSession]:
        async with self._sessions.begin() as session:
            asked = _OPENING.set(opening)
            try:
                await session.connection()
            finally:
                _OPENING.reset(asked)
            yield session
        _committed(session)

    async def close(self) -> None:
        await self.engine.dispose()


_AS_SYSTEM = "set local role stakazo_system"


def _set(name: str, value: UUID) -> str:
    """SQL that sets something for this transaction."""
    return f"select set_config('{name}', '{value}', true)"  # the name is ours, and an id has no quotes


def after_commit(session: AsyncSession, act: Callable[[], None]) -> None:
    """Have something done once this transaction is known to have been committed. It must not fail, nor take long."""
    session.info.setdefault("after_commit", []).append(act)


def _committed(session: AsyncSession) -> None:
    for act in session.info.pop("after_commit", ()):
        act()


def actor_of(session: AsyncSession) -> Actor:
    """Whoever this session's transaction acts for."""
    return cast(Actor, session.info["actor"])


def keyring_of(session: AsyncSession) -> Keyring:
    """What seals in this session's database. Raises TypeError for one that was opened without."""
    keyring = session.info.get("keyring")
    if keyring is None:
        raise TypeError("personal data needs a database that was opened with the keyring")
    return cast("Keyring", keyring)


async def now(session: AsyncSession) -> datetime:
    """The database's time: the only clock that all processes share, whatever their machines believe."""
    with session.no_autoflush:  # a row may be half changed while it is asked
        moment: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return moment


async def raw_connection(session: AsyncSession) -> psycopg.AsyncConnection[Any]:
    """psycopg's connection under the session, in the same transaction.

    Inside `begin_nested()` call this inside the block: a savepoint is only sent when the session is first used.
    """
    fairy = await (await session.connection()).get_raw_connection()
    return cast("psycopg.AsyncConnection[Any]", fairy.driver_connection)
