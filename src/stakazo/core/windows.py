"""Moving windows of requests: in memory for one API process, in the database for several. Stores of `limits`."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

import sqlalchemy as sa
from limits.aio.storage import MovingWindowSupport, Storage
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import SQLAlchemyError

from stakazo.core.db import Base, Database

WINDOWS = sa.Table(
    "request_windows",
    Base.metadata,
    sa.Column("key", sa.Text(), primary_key=True),
    sa.Column("hits", ARRAY(sa.Double()), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, index=True),
    prefixes=["UNLOGGED"],
)
"""Who asked when: times of the database's clock in seconds, oldest first. A crash may empty it."""

_ACQUIRE = sa.text("""
    insert into request_windows as kept (key, hits, expires_at)
    select :key, array_fill(extract(epoch from clock_timestamp())::double precision, array[:amount]),
        clock_timestamp() + make_interval(secs => :expiry)
    on conflict (key) do update set
        hits = array(select hit from unnest(kept.hits) hit where hit > excluded.hits[1] - :expiry order by hit)
            || excluded.hits,
        expires_at = excluded.expires_at
    where (select count(*) from unnest(kept.hits) hit where hit > excluded.hits[1] - :expiry) + :amount <= :limit
    returning key
""").bindparams(
    sa.bindparam("amount", type_=sa.Integer()),
    sa.bindparam("expiry", type_=sa.Double()),
    sa.bindparam("limit", type_=sa.Integer()),
)

_WINDOW = sa.text("""
    select extract(epoch from clock_timestamp())::double precision - min(hit) as age, count(hit) as hits
    from request_windows, unnest(hits) hit
    where key = :key and hit > extract(epoch from clock_timestamp())::double precision - :expiry
""").bindparams(sa.bindparam("expiry", type_=sa.Double()))


SWEPT_EVERY = 10.0
"""Seconds between two looks for windows in memory that are over."""

_NO_COUNTERS = "Windows here move; counters are for those that don't."


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


class DatabaseStorage(_Moving):
    """The table."""

    def __init__(self, db: Database) -> None:
        super().__init__(None, wrap_exceptions=True)
        self._db = db

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return (SQLAlchemyError, OSError)

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        if amount > limit:
            return False
        values = {"key": key, "limit": limit, "expiry": expiry, "amount": amount}
        async with self._db.system_transaction() as session:
            return await session.scalar(_ACQUIRE, values) is not None

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002 - asked so
        async with self._db.system_transaction() as session:
            row = (await session.execute(_WINDOW, {"key": key, "expiry": expiry})).one()
        return time.time() - (row.age or 0.0), row.hits

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


async def sweep(db: Database) -> None:
    """Forget windows that are over."""
    async with db.system_transaction() as session:
        await session.execute(sa.text("delete from request_windows where expires_at < clock_timestamp()"))
