"""Fetching a video from an address that a user gave: to disk in flat memory, going on where a connection broke."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from stakazo.core import outside
from stakazo.core.addresses import parse
from stakazo.core.errors import Invalid, UnsupportedMedia
from stakazo.core.outside import Unreachable
from stakazo.media.containers import Container
from stakazo.videos.arriving import Door, ToDisk, not_written, shown

DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before a broken download goes on, each time that nothing new has come since the last break."""
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be other ones soon."""

_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


class NotThere(Invalid):
    """The address doesn't give the file."""

    code = "not_at_address"


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that has arrived whole."""

    size: int
    sha256: str
    container: Container
    filename: str
    """What its server calls it; only ever shown."""


async def download(
    http: httpx.AsyncClient,
    url: str,
    path: Path,
    *,
    max_bytes: int,
    space: Callable[[int], None],
    room: Callable[[int], Awaitable[None]],
    progress: Callable[[int, int | None], None],
    delays: Sequence[float] = DELAYS,
) -> Downloaded:
    """Fetch a video to `path`; on any refusal the file may be half there.

    Args:
        http: From `outside.client`: what it doesn't reach isn't fetched.
        path: A new file; the caller removes it when this raises.
        max_bytes: Of the file.
        space: Raises NoSpace when so many bytes more would leave too little room.
        room: Raises OverQuota when the workspace may not have so many bytes of it; told of all that come, or will.
        progress: Told how many bytes are there, and of how many, where that is known.
        delays: As `DELAYS`.

    Raises:
        AddressRefused, NotThere, TooLarge, UnsupportedMedia, NoSpace, OverQuota, Unreachable (may be tried again)
    """
    try:
        sink = await asyncio.to_thread(ToDisk, path)
    except OSError as error:
        raise not_written(error) from error
    try:
        coming = _Coming(sink, Door(max_bytes, lambda: space(0)), space, room, progress)
        await _persist(http, parse(url).url, coming, delays)
        sha256 = await asyncio.to_thread(sink.finish)
    except OSError as error:
        raise not_written(error) from error
    finally:
        sink.close()
    assert coming.door.container is not None
    return Downloaded(sink.size, sha256, coming.door.container, coming.filename)


class _Coming:
    """What is known of a download under way."""

    def __init__(
        self,
        sink: ToDisk,
        door: Door,
        space: Callable[[int], None],
        room: Callable[[int], Awaitable[None]],
        progress: Callable[[int, int | None], None],
    ) -> None:
        self.sink, self.door, self.space, self.room, self.progress = sink, door, space, room, progress
        self.filename = "video"
        self.total: int | None = None
        self.version: str | None = None
        """The server's name for these bytes; a file that changes meanwhile has another."""
        self.broken = Unreachable("Nothing came.")

    def headers(self) -> dict[str, str]:
        """What to ask for: the rest, if it is still the rest of the same file."""
        if not self.sink.size or self.version is None:
            return {}
        return {"Range": f"bytes={self.sink.size}-", "If-Range": self.version}

    def begins(self, response: httpx.Response, url: str) -> None:
        """Look at an answer's head; raises where it isn't the file, or isn't the rest of it."""
        _refuse(response, url)
        start = _start(response)
        goes_on = start == self.sink.size and _version(response) in {None, self.version}
        if self.sink.size and not goes_on:
            self.sink.start_over()
            self.door = Door(self.door.max_bytes, self.door.space)
        if start != self.sink.size:
            raise Unreachable(f"{parse(url).host} sends another part of the file than was asked for.")
        length = response.headers.get("content-length", "")
        self.total = self.sink.size + int(length) if length.isascii() and length.isdigit() else None
        self.version = _version(response)
        self.filename = _filename(response, url)
        self.door.name = self.filename
        if self.total is not None:
            self.door.check(self.total)
            self.space(self.total - self.sink.size)

    async def takes(self, pieces: AsyncIterator[bytes], *, page: bool) -> None:
        """Everything that comes, to the disk, and what has come also when the rest doesn't.

        `page` is whether its server says that it is a web page: then that is what to say of something unusable.
        """
        try:
            await self._pour(pieces)
        except UnsupportedMedia as error:
            if page:
                raise UnsupportedMedia(
                    "This address gives a web page and no video. Give the address of the file itself."
                ) from error
            raise

    async def _pour(self, pieces: AsyncIterator[bytes]) -> None:
        waiting = bytearray()
        try:
            async for piece in pieces:
                waiting += piece
                self.door.check(self.sink.size + len(waiting))
                await self.room(max(self.total or 0, self.sink.size + len(waiting)))
                if len(waiting) >= self.door.wants:
                    await self._write(waiting)
        except httpx.HTTPError:
            if self.door.container and waiting:
                await self._write(waiting)
            raise
        if waiting or not self.sink.size:
            await self._write(waiting)

    async def _write(self, waiting: bytearray) -> None:
        block = bytes(waiting)
        waiting.clear()
        self.door.passes(block, self.sink.size)
        await asyncio.to_thread(self.sink.write, block)
        self.progress(self.sink.size, self.total)


async def _persist(http: httpx.AsyncClient, url: str, coming: _Coming, delays: Sequence[float]) -> None:
    """Until the file is whole, or nothing new has come for as many times as there are delays."""
    furthest, broken = 0, 0
    while not await _fetched(http, url, coming):
        broken = 0 if coming.sink.size > furthest else broken + 1
        furthest = max(furthest, coming.sink.size)
        if broken > len(delays):
            raise coming.broken
        await asyncio.sleep(delays[max(0, broken - 1)])


async def _fetched(http: httpx.AsyncClient, url: str, coming: _Coming) -> bool:
    """One connection: whether everything has come by it, and otherwise in `coming.broken` why not."""
    try:
        async with outside.opened(http, "GET", url, headers=coming.headers()) as response:
            coming.begins(response, url)
            await coming.takes(response.aiter_raw(), page="html" in response.headers.get("content-type", ""))
    except Unreachable as error:
        coming.broken = error
        return False
    return True


def _refuse(response: httpx.Response, url: str) -> None:
    host, status = parse(url).host, response.status_code
    if status in PASSING:
        raise Unreachable(f"{host} answers {status} {response.reason_phrase}: try again later.")
    if status not in {200, 206}:
        raise NotThere(f"{host} answers {status} {response.reason_phrase}: there is no file for us at this address.")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise NotThere(f"{host} sends the file compressed although it was asked not to.")


def _start(response: httpx.Response) -> int | None:
    """Where in the file the answer begins; None where a part doesn't say, or doesn't go to the end."""
    if response.status_code == 200:
        return 0
    part = _RANGE.fullmatch(response.headers.get("content-range", ""))
    return int(part[1]) if part and int(part[2]) + 1 == int(part[3]) else None


def _version(response: httpx.Response) -> str | None:
    """A strong validator, which alone can say that a rest belongs to a beginning (RFC 9110, 13.1.5)."""
    tag = response.headers.get("etag", "")
    if tag:
        return None if tag.startswith("W/") else str(tag)
    return response.headers.get("last-modified") or None


def _filename(response: httpx.Response, url: str) -> str:
    said = Message()
    said["Content-Disposition"] = response.headers.get("content-disposition", "")
    return shown(said.get_filename() or "") or shown(unquote(urlsplit(url).path)) or "video"
