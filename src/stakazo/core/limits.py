"""How often somebody may ask: counted in this process, in the database, or in Redis.

    limiter = Limiter.of(settings, db)
    verdict = await limiter.ask(Kind.WRITE, {Whom.KEY: str(key_id), Whom.WORKSPACE: str(workspace_id)})

A window moves with the clock: of any span of its length no more than the quota passes, whoever asks at once. Where
nobody can count (Redis is gone), logins and spending wait, and everything else goes on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import RedisStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

from stakazo.core.db import Database
from stakazo.core.errors import StakazoError, Unavailable
from stakazo.core.settings import Settings
from stakazo.core.windows import DatabaseStorage, MemoryStorage

T = TypeVar("T")

log = structlog.get_logger("stakazo.limits")

PAUSE = 2.0
"""Seconds to wait for a store, and for which one that didn't answer isn't asked again."""
CONNECTIONS = 8
"""To Redis, at most."""


class Kind(StrEnum):
    """What is asked for; each has a quota of its own."""

    STRANGER = "stranger"
    """By somebody who has not shown who they are: counted by address."""
    LOGIN = "login"
    """Whatever takes a password or sends a letter: counted by address."""
    FAILED_LOGIN = "failed_login"
    """A wrong password or code: counted by account, which is then locked for the rest of the window."""
    UPLOAD = "upload"
    READ = "read"
    WRITE = "write"
    SPEND = "spend"
    """Money, or publishing."""


CLOSED = frozenset({Kind.LOGIN, Kind.FAILED_LOGIN, Kind.SPEND})
"""What waits while nobody can count."""


class Whom(StrEnum):
    """By whom it is counted."""

    ADDRESS = "address"
    ACCOUNT = "account"
    KEY = "key"
    USER = "user"
    WORKSPACE = "workspace"


class TooMany(StakazoError):
    """Asked more often than may be."""

    status, code, retryable = 429, "too_many_requests", True

    def __init__(self, message: str, wait: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(wait)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one more request passes, and what is left."""

    name: str
    """`write-workspace`: what is counted and by whom."""
    allowed: bool
    quota: int
    window: int
    """Seconds."""
    remaining: int
    reset: float
    """Seconds until there is more room."""

    @property
    def wait(self) -> int:
        """Whole seconds after which there is room again."""
        return max(1, math.ceil(self.reset))

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers has them."""
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.quota};w={self.window}',
            "RateLimit": f'"{self.name}";r={self.remaining};t={self.wait}',
        }


async def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Store:
    """Where it is counted, and how to part from it."""

    windows: Storage
    close: Callable[[], Awaitable[None]] = _nothing


class Limiter:
    """The quotas of an installation, and where they are counted."""

    def __init__(self, store: Store, quotas: Mapping[Kind, str], workspace_factor: int) -> None:
        self._windows = MovingWindowRateLimiter(store.windows)
        self._store = store
        self._quotas = {kind: parse(words) for kind, words in quotas.items()}
        self._factor = workspace_factor
        self._asked_again = 0.0

    @classmethod
    def of(cls, settings: Settings, db: Database) -> Limiter:
        """As the settings say. Raises Unavailable where they can't be used."""
        quotas = {kind: getattr(settings, f"limit_{kind}") for kind in Kind}
        try:
            return cls(_store(settings.limit_store, db), quotas, settings.limit_workspace_factor)
        except ValueError as error:
            raise Unavailable(f"The rate limits of the settings can't be used: {error}") from error

    async def ask(self, kind: Kind, whom: Mapping[Whom, str]) -> Verdict | None:
        """Count one request by each of these, the closest first, and say how the tightest stands.

        The first that refuses ends it: the others don't pay for it. None where nobody can count and it may pass all
        the same. Raises Unavailable where it may not.
        """
        return await self._guarded(kind, self._ask(kind, whom))

    async def look(self, kind: Kind, whom: Whom, who: str) -> Verdict | None:
        """How somebody stands, without counting."""
        return await self._guarded(kind, self._verdict(kind, whom, who))

    async def forgive(self, kind: Kind, whom: Whom, who: str) -> None:
        """Forget what was counted."""
        await self._guarded(kind, self._windows.clear(self._item(kind, whom), kind, whom, who))

    async def close(self) -> None:
        await self._store.close()

    async def _ask(self, kind: Kind, whom: Mapping[Whom, str]) -> Verdict:
        tightest: Verdict | None = None
        for by, who in whom.items():
            passed = await self._windows.hit(self._item(kind, by), kind, by, who)
            verdict = await self._verdict(kind, by, who, refused=not passed)
            if not passed:
                return verdict
            if tightest is None or verdict.remaining / verdict.quota < tightest.remaining / tightest.quota:
                tightest = verdict
        assert tightest is not None
        return tightest

    async def _verdict(self, kind: Kind, whom: Whom, who: str, *, refused: bool | None = None) -> Verdict:
        item = self._item(kind, whom)
        reset, remaining = await self._windows.get_window_stats(item, kind, whom, who)
        return Verdict(
            name=f"{kind}-{whom}".replace("_", "-"),
            allowed=remaining > 0 if refused is None else not refused,
            quota=item.amount,
            window=item.get_expiry(),
            remaining=0 if refused else max(0, remaining),
            reset=max(0.0, reset - time.time()),
        )

    def _item(self, kind: Kind, whom: Whom) -> RateLimitItem:
        item = self._quotas[kind]
        return type(item)(item.amount * self._factor, item.multiples) if whom is Whom.WORKSPACE else item

    async def _guarded(self, kind: Kind, asked: Coroutine[Any, Any, T]) -> T | None:
        if time.monotonic() >= self._asked_again:
            try:
                return await asked
            except StorageError as error:
                self._asked_again = time.monotonic() + PAUSE
                log.error("limits_uncounted", error=str(error))  # noqa: TRY400 - its cause is in its words
        else:
            asked.close()
        if kind in CLOSED:
            raise Unavailable("Requests can't be counted at the moment, and without that nobody logs in or spends.")
        return None


def _store(where: str, db: Database) -> Store:
    if where == "memory":
        return Store(MemoryStorage())
    if where == "database":
        return Store(DatabaseStorage(db))
    if where.startswith(("redis://", "rediss://", "redis+unix://")):
        return _redis(where)
    raise ValueError("limit_store is memory, database or redis://host:6379/0")


def _redis(url: str) -> Store:
    try:
        from redis.asyncio import BlockingConnectionPool  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ValueError("limits in Redis need its client: pip install 'stakazo[redis]'") from error
    address = url.replace("redis+unix://", "unix://")
    # Who can't get a connection in time waits with the others, rather than being told that Redis is gone.
    pool = BlockingConnectionPool.from_url(
        address, max_connections=CONNECTIONS, timeout=30, socket_timeout=PAUSE, socket_connect_timeout=PAUSE
    )
    windows = RedisStorage(
        f"async+{url}",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix="stakazo",
        connection_pool=pool,  # type: ignore[arg-type]  # it is handed on to the client, as `limits` says
    )
    return Store(windows, pool.aclose)
