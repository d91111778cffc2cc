"""Room in a workspace's quota that a video holds while it comes in, so that many at once don't take more than one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import UUID

import structlog
from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.errors import OverQuota
from stakazo.variants import quota
from stakazo.videos.models import HeldRoom

STEP = 8 * 1024**2
"""Bytes that are held ahead of a video whose length nobody has said."""

Reach = Callable[[int], Awaitable[None]]
"""Hold room for so many bytes in all, and go on holding it: to be called whenever some have come. Raises OverQuota."""
Begin = Callable[[], AbstractAsyncContextManager[AsyncSession]]
"""A transaction in the workspace."""

log = structlog.get_logger(__name__)


@asynccontextmanager
async def held(begin: Begin, video_id: UUID, most: int | None, lease: float) -> AsyncIterator[Reach]:
    """Room for the video that will have this id, of the `most` bytes that its workspace may keep.

    Once the video's row is there, that counts instead. The room is given back at the end; a process that dies gives it
    back `lease` seconds after it has last held it.
    """
    if most is None:
        yield _unlimited
        return
    room = _Room(begin, video_id, most, lease)
    try:
        yield room.reach
    finally:
        await asyncio.shield(room.give_back())


async def _unlimited(size: int) -> None:
    pass


class _Room:
    def __init__(self, begin: Begin, video_id: UUID, most: int, lease: float) -> None:
        self.begin, self.video_id, self.most, self.lease = begin, video_id, most, lease
        self.size = 0
        self.renew_at = 0.0

    async def reach(self, size: int) -> None:
        if size > self.size:
            try:
                await self._hold(size + STEP if self.size else size)
            except OverQuota:
                await self._hold(size)
        elif self.size and time.monotonic() >= self.renew_at:
            await self._hold(self.size)

    async def _hold(self, size: int) -> None:
        async with self.begin() as session:
            await quota.require(session, self.most, size, besides=self.video_id)
            until = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, self.lease)
            row = {"id": self.video_id, "size_bytes": size, "expires_at": until}
            said = {"size_bytes": size, "expires_at": until}
            held = insert(HeldRoom).values(row).on_conflict_do_update(index_elements=[HeldRoom.id], set_=said)
            await session.execute(held)
        self.size, self.renew_at = size, time.monotonic() + self.lease / 4

    async def give_back(self) -> None:
        if not self.size:
            return
        try:
            async with self.begin() as session:
                await session.execute(delete(HeldRoom).where(HeldRoom.id == self.video_id))
        except (SQLAlchemyError, OSError):
            log.warning("room_left_held", video_id=str(self.video_id), seconds=self.lease)
