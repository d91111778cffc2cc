"""Where the bytes of an upload come from: a file, or anything that gives a range of them. Flat in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

PIECE = 1024 * 1024
"""Bytes that are in memory at once."""


class FileSource:
    """A file on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        with await asyncio.to_thread(self.path.open, "rb") as file:
            await asyncio.to_thread(file.seek, start)
            left = stop - start
            while left:
                piece = await asyncio.to_thread(file.read, min(PIECE, left))
                if not piece:
                    raise EOFError(f"{self.path.name} is shorter than it was")
                left -= len(piece)
                yield piece


class RangeSource:
    """Something that gives any range of its bytes, like an object store.

    RangeSource(size, lambda start, stop: obstore.get_range_async(store, key, start=start, end=stop))
    """

    def __init__(self, size: int, fetch: Callable[[int, int], Awaitable[bytes]], *, piece: int = 4 * PIECE) -> None:
        self.size = size
        self._fetch = fetch
        self._piece = piece

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        for begin in range(start, stop, self._piece):
            end = min(begin + self._piece, stop)
            piece = bytes(await self._fetch(begin, end))
            if len(piece) != end - begin:
                raise EOFError("the object is shorter than it was")
            yield piece
