"""A multipart upload as it comes in: straight to disk, hashed on the way, judged by its first bytes.

The parser is fed by hand (python-multipart's push parser): Starlette's `form()` would spool the whole file to a
second place first, and hold a request of any size.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from stakazo.core.errors import StakazoError
from stakazo.media.containers import Container
from stakazo.videos.arriving import Door, ToDisk, not_written, shown

MAX_FIELD = 4096
"""Bytes that a text field may have."""
MAX_AROUND = 128 * 1024
"""Bytes of a multipart request that are not the file: boundaries, part headers, small fields, what is around them."""


class Malformed(StakazoError):
    """The request isn't the multipart form it says it is."""

    status, code = 400, "malformed"


class TimedOut(StakazoError):
    """No byte came for too long."""

    status, code, retryable = 408, "upload_timeout", True


class Form:
    """The parts of one multipart upload: small text fields, and the one called `file`, which goes to a sink."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise Malformed(
                "Send the video as multipart/form-data with a part called 'file', for example: "
                "curl -H 'Authorization: Bearer stk_...' -F file=@video.mp4 http://.../upload"
            )
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        """What the sender calls the file; None until the part has begun."""
        self.complete = False
        self.waiting = 0
        """File bytes that came since the last `take`."""
        self._blocks: list[bytes] = []
        self._headers: dict[str, str] = {}
        self._header_name = self._header_value = b""
        self._part: str | None = None
        self._text = bytearray()
        self._around = 0
        """Bytes so far that are not the file's."""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._on_name,
                    "on_header_value": self._on_value,
                    "on_header_end": self._on_header,
                    "on_headers_finished": self._on_headers,
                    "on_part_data": self._on_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise Malformed(f"The multipart boundary can't be used: {error}.") from error

    def feed(self, data: bytes) -> None:
        self._around += len(data)
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise Malformed(f"This isn't a well-formed multipart body: {error}.") from error
        if self._around > MAX_AROUND:
            raise Malformed(f"There are more than {MAX_AROUND} bytes around the file.")

    def take(self) -> bytes:
        block = b"".join(self._blocks)
        self._blocks.clear()
        self.waiting = 0
        return block

    def _begin(self) -> None:
        self._headers, self._part = {}, None
        self._text.clear()

    def _on_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header(self) -> None:
        # One character per byte, as the parser of options wants it; the names in it are UTF-8.
        self._headers[self._header_name.decode("latin-1").lower()] = self._header_value.decode("latin-1")
        self._header_name = self._header_value = b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", ""))
        self._part = options.get(b"name", b"").decode("utf-8", "replace")
        if self._part == "file":
            if self.filename is not None:
                raise Malformed("Send one file per request: there are two parts called 'file'.")
            self.filename = shown(options.get(b"filename", b"").decode("utf-8", "replace"))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._part == "file":
            self._blocks.append(data[start:end])
            self.waiting += end - start
            self._around -= end - start
            return
        self._text += data[start:end]
        if len(self._text) > MAX_FIELD:
            raise Malformed(f"The field {self._part!r} has more than {MAX_FIELD} bytes.")

    def _on_part_end(self) -> None:
        if self._part and self._part != "file":
            if len(self.fields) >= 16:
                raise Malformed("There are more than 16 fields in the form.")
            self.fields[self._part] = self._text.decode("utf-8", "replace").strip()

    def _on_end(self) -> None:
        self.complete = True


@dataclass(frozen=True, slots=True)
class Arrived:
    """What an upload turned out to be, once it is whole on the disk."""

    filename: str
    fields: Mapping[str, str]
    """What came beside the file: title, dedup_key."""
    size: int
    """Bytes."""
    sha256: str
    container: Container


async def receive_file(
    chunks: AsyncIterator[bytes],
    content_type: str,
    path: Path,
    *,
    max_bytes: int,
    timeout: float,  # noqa: ASYNC109 (the pause between two chunks, not of the whole)
    space: Callable[[], None],
    room: Callable[[int], Awaitable[None]],
) -> Arrived:
    """Read a multipart body to its end and leave its file at `path`; on any refusal the file may be half there.

    Args:
        chunks: The body. Memory use does not depend on its length.
        path: A new file; the caller removes it when this raises.
        max_bytes: Of the file itself.
        timeout: Seconds without a byte after which the sender counts as gone.
        space: Raises NoSpace when the disk is nearly full; asked every 64 MB.
        room: Raises OverQuota when the workspace may not have so many bytes of the file; told of all that come.

    Raises:
        Malformed, TooLarge, UnsupportedMedia, NoSpace, OverQuota, TimedOut
    """
    form = Form(content_type)
    try:
        sink = await asyncio.to_thread(ToDisk, path)
    except OSError as error:
        raise not_written(error) from error
    try:
        container = await _pour(in_time(chunks, timeout), form, sink, Door(max_bytes, space), room)
        sha256 = await asyncio.to_thread(sink.finish)
    except OSError as error:
        raise not_written(error) from error
    finally:
        sink.close()
    return Arrived(form.filename or "video", form.fields, sink.size, sha256, container)


async def _pour(
    chunks: AsyncGenerator[bytes], form: Form, sink: ToDisk, door: Door, room: Callable[[int], Awaitable[None]]
) -> Container:
    """Everything from the request into the file, judged as soon as there is enough of it."""
    async with aclosing(chunks) as parts:
        async for chunk in parts:
            form.feed(chunk)
            door.check(sink.size + form.waiting)
            await room(sink.size + form.waiting)
            if form.waiting >= door.wants:
                await _on(form, door, sink)
    if not form.complete:
        raise Malformed("The upload ended before its last part was complete. Send it again.")
    if form.filename is None:
        raise Malformed("There is no part called 'file' in the form.")
    return await _on(form, door, sink)


async def _on(form: Form, door: Door, sink: ToDisk) -> Container:
    """What has come of the file goes to the disk."""
    block = form.take()
    door.name = form.filename
    container = door.passes(block, sink.size)
    await asyncio.to_thread(sink.write, block)
    return container


async def in_time(chunks: AsyncIterator[bytes], timeout: float) -> AsyncGenerator[bytes]:  # noqa: ASYNC109
    """The chunks, as long as no pause between them is longer than the timeout."""
    source = aiter(chunks)
    while True:
        try:
            async with asyncio.timeout(timeout):
                chunk = await anext(source, None)
        except TimeoutError:
            raise TimedOut(f"No byte of the upload came for {timeout:g} seconds.") from None
        if chunk is None:
            return
        yield chunk
