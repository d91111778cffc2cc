"""Moving windows of requests: in memory for one API process, in the database for several. Stores of `limits`."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from limits.aio.storage import MovingWindowSupport, Storage
from sqlalchemy.exc import SQLAlchemyError

from stakazo.core.db import Database

_ACQUIRE = sa.text("""
    insert into request_windows as kept (key, hits, expires_at)
    select :key, array_fill(extract(epoch from clock_timestamp())::double precision, array[least(:amount, :limit)]),
        clock_timestamp() + make_interval(secs => :expiry)
    on conflict (key) do update set
        hits = array(select hit from unnest(kept.hits) hit where hit > excluded.hits[1] - :expiry order by hit)
            || array_fill(
                greatest(excluded.hits[1], kept.hits[cardinality(kept.hits)] + 0.000002),
                array[least(:amount, :limit - (
                    select count(*)::int from unnest(kept.hits) hit where hit > excluded.hits[1] - :expiry))]),
        expires_at = excluded.expires_at
    where (select count(*) from unnest(kept.hits) hit where hit > excluded.hits[1] - :expiry) < :limit
    returning (select count(*)::int from unnest(kept.hits) hit where hit = kept.hits[cardinality(kept.hits)])
""").bindparams(
    sa.bindparam("amount", type_=sa.Integer()),
    sa.bindparam("expiry", type_=sa.Double()),
    sa.bindparam("limit", type_=sa.Integer()),
)
"""As many of so many as still fit. Those that fit have a time of their own, later than any before: so it can say how
many they were."""

_WINDOW = sa.text("""
    select extract(epoch from clock_timestamp())::double precision - min(hit) as age, count(hit) as hits
    from request_windows, unnest(hits) hit
    where key = :key and hit > extract(epoch from clock_timestamp())::double precision - :expiry
""").bindparams(sa.bindparam("expiry", type_=sa.Double()))


T = TypeVar("T")

AT_ONCE = 4
"""Connections that counting takes at most: the endpoints need them too."""
SWEPT_EVERY = 10.0
"""Seconds between two looks for windows in memory that are over."""

_NO_COUNTERS = "Windows here move; counters are for those that don't."
"""The library wants the methods of both kinds of windows, and calls those of the other kind never."""


class _Moving(Storage, MovingWindowSupport):
    """Windows that move; counters are for those that don't."""

    STORAGE_SCHEME = None

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        raise NotImplementedError(_NO_COUNTERS)

    async def get(self, key: str) -> int:
        raise NotImplementedError(_NO_COUNTERS)

    async def get_expiry(self, key: str) -> float:
        raise NotImplementedError(_NO_COUNTERS)


@dataclass(slots=True)
class _Window:
    """Times of the monotonic clock in seconds."""

    hits: deque[float] = field(default_factory=deque)
    """Oldest first."""
    over_at: float = 0.0


class MemoryStorage(_Moving):
    """Windows of this process. The store of `limits` asks a thread about every key it knows, at every request."""

    def __init__(self, swept_every: float = SWEPT_EVERY) -> None:
        super().__init__(None)
        self._windows: dict[str, _Window] = {}
        self._swept_every, self._swept_at = swept_every, time.monotonic()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return ()

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        now = time.monotonic()
        if now - self._swept_at >= self._swept_every:
            self._windows = {name: window for name, window in self._windows.items() if window.over_at > now}
            self._swept_at = now
        window = self._window(key, now - expiry)
        if len(window.hits) + amount > limit:
            return False
        window.hits.extend([now] * amount)
        window.over_at = now + expiry
        self._windows[key] = window
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002 - asked so
        now = time.monotonic()
        hits = self._window(key, now - expiry).hits
        return time.time() - (now - hits[0] if hits else 0.0), len(hits)

    async def clear(self, key: str) -> None:
        self._windows.pop(key, None)

    async def check(self) -> bool:
        return True

    async def reset(self) -> int | None:
        gone, self._windows = len(self._windows), {}
        return gone

    def _window(self, key: str, since: float) -> _Window:
        """With what is still in it."""
        window = self._windows.get(key) or _Window()
        while window.hits and window.hits[0] <= since:
            window.hits.popleft()
        return window


class Together(Generic[T]):
    """Questions about the same window that come while one is under way are asked together, in the next.

    So however many wait for one window they need one connection, and a flood of requests doesn't queue for the pool.
    """

    def __init__(self, ask: Callable[[Hashable, int], Awaitable[Sequence[T]]]) -> None:
        self._ask = ask
        """Of one window for so many: their answers, in turn."""
        self._waiting: dict[Hashable, list[asyncio.Future[T]]] = {}
        self._serving: dict[Hashable, asyncio.Task[None]] = {}

    async def about(self, window: Hashable) -> T:
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(window, []).append(answer)
        if window not in self._serving:
            self._serving[window] = asyncio.create_task(self._serve(window))
        return await answer

    async def _serve(self, window: Hashable) -> None:
        waiting: list[asyncio.Future[T]] | None = None
        try:
            while waiting := self._waiting.pop(window, None):
                try:
                    found = await self._ask(window, len(waiting))
                    told = list(zip(waiting, found, strict=True))
                except Exception as error:  # noqa: BLE001 - whatever it is, it is for those who asked
                    for answer in waiting:
                        if not answer.done():
                            answer.set_exception(error)
                else:
                    for answer, said in told:
                        if not answer.done():
                            answer.set_result(said)
        finally:
            del self._serving[window]
            for answer in [*(waiting or []), *self._waiting.pop(window, [])]:  # it was cancelled: nobody waits for ever
                answer.cancel()


class DatabaseStorage(_Moving):
    """The table.

    Requests for the same window are counted together, and only a few windows at once: who asks waits here, in turn, and
    not for the connections of the endpoints, whose patience ends.
    """

    def __init__(self, db: Database) -> None:
        super().__init__(None, wrap_exceptions=True)
        self._db = db
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._hits, self._looks = Together(self._acquire), Together(self._look)

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return (SQLAlchemyError, OSError)

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        if amount != 1:
            raise ValueError("Requests are counted one by one.")
        return await self._hits.about((key, limit, expiry))

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        return await self._looks.about((key, limit, expiry))

    async def _acquire(self, window: Any, count: int) -> list[bool]:
        key, limit, expiry = window
        values = {"key": key, "limit": limit, "expiry": expiry, "amount": count}
        async with self._turns, self._db.system_transaction() as session:
            passed = await session.scalar(_ACQUIRE, values) or 0
        return [True] * passed + [False] * (count - passed)

    async def _look(self, window: Any, count: int) -> list[tuple[float, int]]:
        key, _, expiry = window
        async with self._turns, self._db.system_transaction() as session:
            row = (await session.execute(_WINDOW, {"key": key, "expiry": expiry})).one()
        return [(time.time() - (row.age or 0.0), row.hits)] * count

    async def clear(self, key: str) -> None:
        async with self._db.system_transaction() as session:
            await session.execute(sa.text("delete from request_windows where key = :key"), {"key": key})

    async def check(self) -> bool:
        async with self._db.system_transaction() as session:
            return await session.scalar(sa.text("select true from request_windows limit 1")) is not False

    async def reset(self) -> int | None:
        async with self._db.system_transaction() as session:
            gone = await session.scalars(sa.text("delete from request_windows returning key"))
            return len(gone.all())
