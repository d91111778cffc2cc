"""Stored files over HTTP: ranges for seeking players, conditional requests, names that mean something."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path

from fastapi import Request, Response
from sqlalchemy import select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import FileResponse

from stakazo.api.deps import Services
from stakazo.clips.models import Clip
from stakazo.core.errors import NotFound, StakazoError
from stakazo.variants.models import ClipVariant


class BadRange(StakazoError):
    """A range that begins behind the end of the file."""

    status, code = 416, "range_not_satisfiable"


_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def _check_range(header: str | None, size: int) -> None:
    """Single ranges that can't be met are refused as a problem; the rest is the framework's work.

    A header that isn't understood is ignored, as RFC 9110 wants it.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if not found or not (found[1] or found[2]):
        return
    start, end = found[1], found[2]
    if (start and int(start) >= size) or (not start and int(end) == 0):
        raise BadRange(f"The file has {size} bytes; the range {header!r} lies outside.")


def _known(request: Request, etag: str) -> bool:
    given = request.headers.get("if-none-match")
    return given is not None and (given.strip() == "*" or etag in {tag.strip() for tag in given.split(",")})


def stored_file(
    request: Request,
    path: Path,
    *,
    content_type: str,
    filename: str,
    sha256: str | None = None,
    download: bool = False,
) -> Response:
    """Answer with a stored file: 200, 206 for a range, 304 when the asker has it, 416 for a range outside.

    Args:
        filename: What the file is called when it is saved.
        sha256: Of its bytes, where it is known: makes the strong ETag.
        download: Whether a browser should save it rather than show it.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise NotFound("The file is no longer in storage.") from None
    etag = f'"{sha256}"' if sha256 else f'"{found.st_size:x}-{found.st_mtime_ns:x}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    if _known(request, etag):
        return Response(status_code=304, headers=headers)
    _check_range(request.headers.get("range"), found.st_size)
    return FileResponse(
        path,
        headers=headers,
        media_type=content_type,
        filename=filename,
        stat_result=found,
        content_disposition_type="attachment" if download else "inline",
    )


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
    return asked - {key for (key,) in (await session.execute(named)).tuples()}


async def remove(here: Services, keys: Iterable[str]) -> None:
    """Remove files of rows whose end is committed."""
    for key in keys:
        await asyncio.to_thread(here.storage.delete, key)
