"""Live changes: a row's kind and id, told at commit to whoever watches the workspace.

    publish(session, "job", job.id)   in the transaction that changes the row
    LiveFeed(url)                     one LISTEN connection per process, any number of subscribers

NOTIFY may lose what happens while nobody is connected, so after every (re)connect, and when a subscriber is too slow,
a change of kind `everything` says: read again what you show.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from uuid import UUID

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import actor_of
from stakazo.core.postgres import conninfo

CHANNEL = "stakazo_live"
EVERYTHING = "everything"
QUEUE_LIMIT = 256
"""Changes a subscriber may be behind; beyond them it is told to read everything again."""
KEEPALIVE = 20.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """Something changed; read it again."""

    kind: str
    """`job`, `video`, `clip`, `variant`, ...; or `everything`: changes may have been missed."""
    id: UUID | None = None


async def publish(session: AsyncSession, kind: str, row_id: UUID) -> None:
    """Tell the watchers of the acting workspace, when and only if the transaction commits."""
    payload = json.dumps({"w": str(actor_of(session).workspace_id), "k": kind, "i": str(row_id)})
    await session.execute(text("select pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": payload})


class Subscription:
    """The changes of one workspace, as an async iterator; the same change is told once, however often it came."""

    def __init__(self, feed: LiveFeed, workspace_id: UUID) -> None:
        self._feed, self._workspace_id = feed, workspace_id
        self._pending: dict[Change, None] = {}
        self._arrived = asyncio.Event()
        self._closed = False

    def put(self, change: Change) -> None:
        if len(self._pending) >= QUEUE_LIMIT or change.kind == EVERYTHING:
            self._pending = {Change(EVERYTHING): None}
        elif Change(EVERYTHING) not in self._pending:
            self._pending[change] = None
        self._arrived.set()

    def close(self) -> None:
        self._closed = True
        self._arrived.set()
        self._feed.forget(self._workspace_id, self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        while not self._pending:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        change = next(iter(self._pending))
        del self._pending[change]
        return change

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class LiveFeed:
    """Listens as long as it is entered; reconnects by itself.

    async with LiveFeed(url) as feed:
        with feed.subscribe(workspace_id) as changes:
            async for change in changes: ...
    """

    def __init__(self, url: str) -> None:
        self._conninfo = conninfo(url)
        self._subscribers: defaultdict[UUID, set[Subscription]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    def subscribe(self, workspace_id: UUID) -> Subscription:
        """The workspace's changes from now on."""
        subscription = Subscription(self, workspace_id)
        self._subscribers[workspace_id].add(subscription)
        return subscription

    def forget(self, workspace_id: UUID, subscription: Subscription) -> None:
        watchers = self._subscribers.get(workspace_id, set())
        watchers.discard(subscription)
        if not watchers:
            self._subscribers.pop(workspace_id, None)

    async def listening(self) -> None:
        """Wait until changes are heard."""
        await self._listening.wait()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._listen(), name="live feed")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for watchers in list(self._subscribers.values()):
            for subscription in list(watchers):
                subscription.close()

    async def _listen(self) -> None:
        delay = 0.1
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._conninfo, autocommit=True, keepalives_idle=10, keepalives_interval=5, keepalives_count=3
                ) as connection:
                    await connection.execute(f"listen {CHANNEL}")
                    delay = 0.1
                    self._everyone(Change(EVERYTHING))
                    self._listening.set()
                    while True:
                        async for notification in connection.notifies(timeout=KEEPALIVE):
                            self._hear(notification.payload)
                        await connection.execute("select 1")
            except (psycopg.Error, OSError) as error:
                self._listening.clear()
                log.warning("live_feed_disconnected", error=str(error).strip(), retry_in=delay)
                await asyncio.sleep(delay)
                delay = min(5.0, delay * 2)

    def _hear(self, payload: str) -> None:
        try:
            said = json.loads(payload)
            workspace_id, change = UUID(said["w"]), Change(str(said["k"]), UUID(said["i"]))
        except (ValueError, KeyError, TypeError):
            log.warning("live_feed_unreadable", payload=payload[:200])
            return
        for subscription in self._subscribers.get(workspace_id, ()):
            subscription.put(change)

    def _everyone(self, change: Change) -> None:
        for watchers in self._subscribers.values():
            for subscription in watchers:
                subscription.put(change)
