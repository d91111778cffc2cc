"""How a worker shows that it lives: heartbeats, and a lock that the database drops the moment the worker is gone.

A killed worker is known by its lock after a few missed heartbeats, or at once where whoever started it says so
(`sweeper.mourn`). One that hangs, or whose connection is cut in a way that nobody notices, keeps its lock: it is known
by its heartbeats alone, after a longer time.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from stakazo.core.db import Database

LOCKS = 0x50554C53
"""The first half ("PULS") of the advisory locks of workers that live; the second is the engine worker's number."""
NUMBERS = 2**31
"""A lock's second half has so many values."""

_BEAT = text("""
    update procrastinate_workers set last_heartbeat = clock_timestamp() where id = any(:workers)
""")
_LOCK = text("select pg_try_advisory_lock(:locks, :number)")


def name_of(pid: int) -> str:
    """What a worker process of this machine is called: `host:pid`."""
    return f"{socket.gethostname()}:{pid}"


class Pulse:
    """The one connection on which this process's engine workers beat, and which holds their locks."""

    def __init__(self, url: str) -> None:
        self._db = Database(url, pool_size=1)
        self._connection: AsyncConnection | None = None
        self._locked: set[int] = set()

    @asynccontextmanager
    async def beat(self, workers: Collection[int]) -> AsyncIterator[AsyncSession]:
        """Say that these engine workers live, in a transaction of the machinery that may say more.

        A commit that a crash of the server forgets costs nothing here, so nobody waits for the disk.
        """
        connection = await self._connected()
        try:
            async with AsyncSession(connection, expire_on_commit=False) as session, session.begin():
                await session.execute(text("set local role stakazo_system"))
                await session.execute(text("set local synchronous_commit = off"))
                for number in {worker % NUMBERS for worker in workers} - self._locked:
                    if (await session.execute(_LOCK, {"locks": LOCKS, "number": number})).scalar_one():
                        self._locked.add(number)
                await session.execute(_BEAT, {"workers": list(workers)})
                yield session
        except BaseException:
            self._connection = None  # its locks go with it
            await connection.invalidate()
            await connection.close()
            raise

    async def _connected(self) -> AsyncConnection:
        if self._connection is None:
            self._locked.clear()
            self._connection = await self._db.engine.connect()
        return self._connection

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.invalidate()  # a pool would keep it, and the locks with it
            await self._connection.close()
            self._connection = None
        await self._db.close()
