"""A database that is away for a moment: how that looks, and waiting for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
import structlog
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

T = TypeVar("T")

# SQLSTATE classes: connection exceptions, transaction rollbacks (a deadlock), no resources, operator intervention.
_PASSING = ("08", "40", "53", "57P")
_DOWN = ("Connection refused", "the database system is")

log = structlog.get_logger(__name__)


def away(error: BaseException | None) -> bool:
    """Whether the database can't be reached, is starting or stopping, or wants the transaction to be tried again.

    Only its own drivers can say so: a connection that fails to anything else is the handler's affair.
    """
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or away(error.orig)
    if isinstance(error, ConnectorException):  # the engine's word for it
        return away(error.__cause__)
    if isinstance(error, NoConnectionFree):
        return True
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return error.sqlstate is None or error.sqlstate.startswith(_PASSING)
    return False


def away_for_all(error: BaseException) -> bool:
    """Whether the server itself is down, for everybody, and not just out of our reach."""
    return away(error) and any(words in str(error) for words in _DOWN)


async def persistently(
    act: Callable[[], Awaitable[T]],
    *,
    seen: Callable[[Exception], None] = lambda _: None,
    longest: float = 2.0,
    stop: asyncio.Event | None = None,
) -> T:
    """The act's result, however long the database is away. The act must be safe to repeat.

    `seen` is called with each error; `longest` is in seconds, between two attempts. Once `stop` is set nobody waits
    for the database any more: its error is raised.
    """
    delay, stop = 0.1, stop or asyncio.Event()
    while True:
        try:
            return await act()
        except Exception as error:
            if not away(error) or stop.is_set():
                raise
            seen(error)
            log.warning("database_away", error=str(error.__cause__ or error).partition("\n")[0][:200], retry_in=delay)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), delay)
        delay = min(longest, delay * 2)
