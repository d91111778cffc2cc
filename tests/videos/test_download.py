"""Fetching a file from a server that isn't ours, which breaks off, changes its mind, or lies."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.far import Far, far

from stakazo.core import outside
from stakazo.core.addresses import AddressRefused, Allowed
from stakazo.core.errors import NoSpace, TooLarge, UnsupportedMedia
from stakazo.core.outside import Unreachable
from stakazo.videos.download import Downloaded, NotThere, download

HERE = Allowed.of("127.0.0.1")
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
FILM = MP4 + hashlib.shake_128(b"film").digest(3_000_000)
OTHER = MP4 + hashlib.shake_128(b"other").digest(2_500_000)


class Shelf:
    """A server with one file. Each connection breaks off after as many bytes as `breaks` has next."""

    def __init__(self, *breaks: int, ranges: bool = True, version: str = 'ETag: "1"', length: bool = True) -> None:
        self.content, self.breaks, self.ranges, self.version, self.length = FILM, list(breaks), ranges, version, length
        self.sent = 0

    async def __call__(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        start, status = 0, "200 OK"
        asked = re.search(rb"\r\nrange: bytes=(\d+)-\r\n", head.lower())
        current = re.search(rb"\r\nif-range: ([^\r]+)", head, re.IGNORECASE)
        same = current is None or current[1].decode() in self.version
        if asked and self.ranges and same:
            start = int(asked[1])
            status = f"206 Partial Content\r\nContent-Range: bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        rest = self.content[start:]
        length = f"Content-Length: {len(rest)}\r\n" if self.length else ""
        writer.write(f"HTTP/1.1 {status}\r\n{self.version}\r\n{length}\r\n".encode())
        cut = self.breaks.pop(0) if self.breaks else len(rest)
        writer.write(rest[:cut])
        self.sent += len(rest[:cut])
        await writer.drain()


async def _room(size: int) -> None:
    """There is enough."""


async def fetch(there: Far, path: Path, file: str = "/a/b%20c.mp4", **how: Any) -> Downloaded:
    options: dict[str, Any] = {
        "max_bytes": 10**9,
        "space": lambda _: None,
        "room": _room,
        "progress": lambda *_: None,
        "delays": (0.0, 0.0),
    } | how
    async with outside.client(HERE) as http:
        return await download(http, f"http://127.0.0.1:{there.port}{file}", path, **options)


@asynccontextmanager
async def answering(head: str, body: bytes = FILM) -> AsyncIterator[Far]:
    async with far(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body) as there:
        yield there


def is_the_film(path: Path, came: Downloaded) -> bool:
    return path.read_bytes() == FILM and (came.size, came.sha256) == (len(FILM), hashlib.sha256(FILM).hexdigest())


async def test_a_file_arrives_as_it_is(tmp_path: Path):
    told: list[tuple[int, int | None]] = []
    async with far(Shelf()) as there:
        came = await fetch(there, tmp_path / "x", progress=lambda *now: told.append(now))
    assert is_the_film(tmp_path / "x", came)
    assert (came.container.extension, came.filename) == (".mp4", "b c.mp4")
    assert told[-1] == (len(FILM), len(FILM))
    assert [size for size, _ in told] == sorted({size for size, _ in told})
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("version", ['ETag: "1"', "Last-Modified: Sat, 21 Nov 2026 10:00:00 GMT"])
async def test_where_a_connection_breaks_the_next_goes_on(tmp_path: Path, version: str):
    shelf = Shelf(1_000_000, 500_000, 1, 0, version=version)
    async with far(shelf) as there:
        came = await fetch(there, tmp_path / "x")
    assert is_the_film(tmp_path / "x", came)
    assert len(there.asked) == 5
    assert shelf.sent < len(FILM) + 200_000  # what had come was not sent again, but for what was on its way
    assert b"range" not in there.asked[0].lower()
    assert b"\r\nif-range: " in there.asked[1].lower()


@pytest.mark.parametrize("how", [{"ranges": False}, {"version": "X-None: 1"}, {"version": 'ETag: W/"1"'}], ids=str)
async def test_where_it_can_not_go_on_it_begins_again(tmp_path: Path, how: Any):
    async with far(Shelf(1_000_000, 2_000_000, **how)) as there:
        assert is_the_film(tmp_path / "x", await fetch(there, tmp_path / "x"))
    assert len(there.asked) == 3
    assert how == {"ranges": False} or b"range" not in there.asked[1].lower()  # not knowing that it is still the same


async def test_a_file_that_changes_meanwhile_is_fetched_anew(tmp_path: Path):
    shelf = Shelf(1_000_000)
    shelf.content = OTHER

    def changed(_size: int, _total: int | None) -> None:
        shelf.content, shelf.version = FILM, 'ETag: "2"'

    async with far(shelf) as there:
        assert is_the_film(tmp_path / "x", await fetch(there, tmp_path / "x", progress=changed))


@pytest.mark.parametrize(
    "part",
    [
        'ETag: "2"\r\nContent-Range: bytes {}-{}/{}',  # of another file than the beginning
        'ETag: "1"\r\nContent-Range: bytes 5-{1}/{2}',  # not where it was asked to go on
        'ETag: "1"\r\nContent-Range: bytes {0}-{1}/9999999',  # not to the end
        'ETag: "1"\r\nX-Range: {}{}{}',  # without saying where
    ],
)
async def test_a_part_that_does_not_fit_is_not_put_behind(tmp_path: Path, part: str):
    shelf = Shelf(1_000_000)

    async def lying(head: bytes, writer: asyncio.StreamWriter) -> None:
        asked = re.search(rb"\r\nrange: bytes=(\d+)-\r\n", head.lower())
        if asked is None:
            return await shelf(head, writer)
        start, size = int(asked[1]), len(OTHER)
        rest = OTHER[start:]
        said = part.format(start, size - 1, size)
        writer.write(f"HTTP/1.1 206 Partial\r\n{said}\r\nContent-Length: {len(rest)}\r\n\r\n".encode() + rest)
        return await writer.drain()

    async with far(lying) as there:
        assert is_the_film(tmp_path / "x", await fetch(there, tmp_path / "x"))


async def test_a_server_that_never_gets_further_is_given_up(tmp_path: Path):
    async with far(Shelf(*[1_000_000] * 50, ranges=False)) as there:
        with pytest.raises(Unreachable) as error:
            await fetch(there, tmp_path / "x")
    assert error.value.retryable
    assert len(there.asked) == 4  # once, and as often again as there are delays, and the one that says so


@pytest.mark.parametrize("status", ["503 Busy", "500 Oops", "429 Slow down"])
async def test_a_server_that_is_busy_is_asked_again(tmp_path: Path, status: str):
    shelf, left = Shelf(), [status] * 2

    async def busy(head: bytes, writer: asyncio.StreamWriter) -> None:
        if left:
            writer.write(f"HTTP/1.1 {left.pop()}\r\nContent-Length: 0\r\n\r\n".encode())
            return await writer.drain()
        return await shelf(head, writer)

    async with far(busy) as there:
        assert is_the_film(tmp_path / "x", await fetch(there, tmp_path / "x"))


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "401 No", "410 Gone", "204 No Content", "416 No"])
async def test_what_is_not_there_is_not_asked_for_again(tmp_path: Path, status: str):
    async with answering(status, b"") as there:
        with pytest.raises(NotThere, match=status[:3]):
            await fetch(there, tmp_path / "x")
    assert len(there.asked) == 1


async def test_too_large_is_refused_by_its_length_and_on_the_way(tmp_path: Path):
    async with far(Shelf()) as there:
        with pytest.raises(TooLarge):
            await fetch(there, tmp_path / "x", max_bytes=len(FILM) - 1)
    assert (tmp_path / "x").stat().st_size == 0
    async with far(Shelf(length=False)) as there:
        with pytest.raises(TooLarge):
            await fetch(there, tmp_path / "y", max_bytes=2_000_000)
    assert (tmp_path / "y").stat().st_size <= 2_000_000


async def test_a_full_disk_is_seen_before_it_is_full(tmp_path: Path):
    def full(coming: int) -> None:
        if coming > 1_000_000:
            raise NoSpace("full")

    async with far(Shelf()) as there:
        with pytest.raises(NoSpace):
            await fetch(there, tmp_path / "x", space=full)


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        ("text/html", b"<!doctype html><title>Share</title>" * 100, "web page"),
        ("video/mp4", b"<!doctype html><title>Share</title>" * 100, "'film' is a text"),
        ("video/mp4", b"\x89PNG\r\n\x1a\n" + b"\x00" * 2000, "picture"),
        ("video/mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "is a text"),
        ("video/mp4", b"", "empty"),
    ],
)
async def test_what_is_no_video_is_refused_by_its_first_bytes(tmp_path: Path, kind: str, body: bytes, says: str):
    async with answering(f"200 OK\r\nContent-Type: {kind}", body) as there:
        with pytest.raises(UnsupportedMedia, match=says):
            await fetch(there, tmp_path / "x", "/film")


async def test_a_compressed_answer_is_refused(tmp_path: Path):
    async with answering("200 OK\r\nContent-Encoding: gzip") as there:
        with pytest.raises(NotThere, match="compressed"):
            await fetch(there, tmp_path / "x")


async def test_a_redirect_is_refused(tmp_path: Path):
    async with answering("302 Found\r\nLocation: http://127.0.0.1:1/", b"") as there:
        with pytest.raises(AddressRefused, match="redirects"):
            await fetch(there, tmp_path / "x")


@pytest.mark.parametrize(
    ("file", "said", "name"),
    [
        ("/a/b/", None, "video"),
        ("/..%2F..%2Fetc%2Fpasswd", None, "passwd"),
        ("/x?y=z.mp4", None, "x"),
        ("/x", 'attachment; filename="Blue.mov"', "Blue.mov"),
        ("/x", "attachment; filename*=UTF-8''Bl%C3%BCte.mov", "Blüte.mov"),
        ("/x", 'attachment; filename="../../etc/passwd"', "passwd"),
        ("/x", "attachment", "x"),
    ],
)
async def test_a_name_is_shown_and_no_more(tmp_path: Path, file: str, said: str | None, name: str):
    async with answering("200 OK" + (f"\r\nContent-Disposition: {said}" if said else "")) as there:
        assert (await fetch(there, tmp_path / "x", file)).filename == name


async def test_memory_does_not_grow_with_the_file(tmp_path: Path):
    block = b"\x00" * 65536

    async def large(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(MP4) + 1000 * len(block)}\r\n\r\n".encode() + MP4)
        for _ in range(1000):
            writer.write(block)
            await writer.drain()

    async with far(large) as there:
        tracemalloc.start()
        try:
            came = await fetch(there, tmp_path / "x")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert came.size > 65_000_000
    assert peak < 12_000_000
