"""Stored files over HTTP: ranges for seeking players, conditional requests, names that mean something."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import Request, Response
from sqlalchemy import select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import FileResponse

from stakazo.api.browsers import STRANGE_FILE
from stakazo.api.conditions import names
from stakazo.api.deps import Services
from stakazo.clips.models import Clip
from stakazo.core.errors import FileMissing, NotFound, StakazoError, StorageAway
from stakazo.core.storage import PIECE, DiskFile, Stored
from stakazo.variants.models import ClipVariant

log = structlog.get_logger("stakazo.api")


class BadRange(StakazoError):
    """A range that begins behind the end of the file."""

    status, code = 416, "range_not_satisfiable"

    def __init__(self, header: str, size: int) -> None:
        super().__init__(f"The file has {size} bytes; the range {header!r} lies outside.")
        self.headers = {"Content-Range": f"bytes */{size}"}


SHOWN = frozenset(
    {"video/mp4", "video/quicktime", "video/webm", "video/x-matroska", "video/ogg", "image/jpeg", "application/json"}
)
"""What a browser may show by itself; anything else it saves."""

_RANGES = re.compile(r"bytes=\s*(?:\d+-\d*|-\d+)(?:\s*,\s*(?:\d+-\d*|-\d+))*\s*")
_RANGE = re.compile(r"(\d*)-(\d*)")


def _wanted(header: str, size: int) -> bool:
    """Whether a Range header is to be obeyed: one that isn't understood is ignored, as RFC 9110 wants it.

    Raises BadRange when nothing of what it asks for is in the file.
    """
    if not _RANGES.fullmatch(header):
        return False
    spans = [(found[1], found[2]) for found in _RANGE.finditer(header.partition("=")[2])]
    if any(start and end and int(end) < int(start) for start, end in spans):
        return False
    if not any(int(start) < size if start else int(end) > 0 for start, end in spans):
        raise BadRange(header, size)
    return True


async def stored_file(
    request: Request,
    here: Services,
    key: str,
    *,
    content_type: str,
    filename: str,
    sha256: str | None = None,
    download: bool = False,
) -> Response:
    """Answer with a stored file: 200, 206 for a range, 304 when the asker has it, 416 for a range outside.

    No transaction may be open: a store that doesn't answer would keep its connection, and soon all of them.

    Args:
        filename: What the file is called when it is saved.
        sha256: Of its bytes, where it is known: makes the strong ETag.
        download: Whether a browser should save it rather than show it.
    """
    try:
        found = await here.storage.stored(key)
    except FileMissing:
        raise NotFound("The file is no longer in storage.") from None
    etag = f'"{sha256 or found.tag}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Content-Security-Policy": STRANGE_FILE}
    known = request.headers.get("if-none-match")
    if known is not None and names(known, etag):
        return Response(status_code=304, headers=headers)
    header = request.headers.get("range")
    if header is not None and not _wanted(header, found.size):
        request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
    said: dict[str, Any] = {
        "headers": headers,
        "media_type": content_type,
        "filename": filename,
        "content_disposition_type": "attachment" if download or content_type not in SHOWN else "inline",
    }
    if isinstance(found, DiskFile):
        return FileResponse(found.path, stat_result=found.status, **said)
    return _FromStore(found, **said)


class _FromStore(FileResponse):
    """What lies elsewhere, sent as a file of ours would be, in ranges that it is fetched in."""

    chunk_size = PIECE

    def __init__(self, found: Stored, **said: Any) -> None:
        seconds = found.changed // 10**9
        status = os.stat_result((stat.S_IFREG, 0, 0, 0, 0, 0, found.size, seconds, seconds, seconds))
        super().__init__("", stat_result=status, **said)
        self._found = found

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[Any]:
        yield _Opened(self._found)


class _Opened:
    """As much of an open file as is read by."""

    def __init__(self, found: Stored) -> None:
        self._found, self._at = found, 0

    async def seek(self, position: int) -> None:
        self._at = position

    async def read(self, most: int) -> bytes:
        start, self._at = self._at, min(self._at + most, self._found.size)
        return b"".join([piece async for piece in self._found.read(start, self._at)])


def safe_name(title: str) -> str:
    """A title as part of a file name: letters, digits, dots and dashes."""
    name = re.sub(r"[^\w.-]+", "-", title).strip("-.")
    return name[:80] or "video"


async def unused(session: AsyncSession, keys: Iterable[str | None]) -> set[str]:
    """Those of these storage keys that no row names any more; ask after the rows are gone.

    Variants that share their pixels may share their file, and clips that share their ends their pictures.
    """
    await session.flush()
    asked = {key for key in keys if key}
    columns = (ClipVariant.storage_key, Clip.thumbnail_key, Clip.filmstrip_key)
    named = union_all(*(select(column).where(column.in_(asked)) for column in columns))
    return asked - {key for (key,) in (await session.execute(named))}


async def remove(here: Services, keys: Iterable[str]) -> None:
    """Remove files of rows whose end is committed; where the storage is away, workers do it later."""
    try:
        await here.storage.delete(*keys)
    except StorageAway as error:
        log.warning("files_left", error=error.said)
