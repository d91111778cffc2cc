"""A part of a resumable upload on its way in: appended to what came before, checked, and, whole, made a video."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.requests import ClientDisconnect

from stakazo.api.deps import Services
from stakazo.api.incoming import Arrived, in_time
from stakazo.api.uploads import analysis_of, keep
from stakazo.core.actor import Actor
from stakazo.core.errors import Conflict, NotFound, StakazoError, TooLarge, UnsupportedMedia
from stakazo.media.containers import SNIFF_BYTES
from stakazo.videos import uploads
from stakazo.videos.arriving import BUFFER, CHECK_SPACE_EVERY, judge, not_written
from stakazo.videos.models import Upload
from stakazo.videos.partial import Partial

HASHES: dict[str, Callable[[], Any]] = {
    "sha256": hashlib.sha256,
    "sha1": partial(hashlib.sha1, usedforsecurity=False),
    "md5": partial(hashlib.md5, usedforsecurity=False),
}
"""What Upload-Checksum may name."""


class WrongOffset(Conflict):
    """The sender wants to go on elsewhere than where the bytes end."""

    code = "offset_mismatch"

    def __init__(self, asked: int, there: int) -> None:
        super().__init__(f"This upload has {there} bytes; a part at {asked} doesn't fit. Ask for the offset with HEAD.")
        self.headers = {"Upload-Offset": str(there)}


class ChecksumMismatch(StakazoError):
    """The bytes are not those that the sender meant."""

    status, code, retryable = 460, "checksum_mismatch", True


@dataclass(frozen=True, slots=True)
class Part:
    """What comes with one request."""

    offset: int
    checksum: tuple[str, bytes] | None
    """Name of the hash, and what it should be."""


async def progress(here: Services, actor: Actor, upload: Upload, there: int) -> dict[str, str]:
    """What an answer says of an upload: how far it is, until when it waits, what it has become."""
    headers = {"Upload-Expires": format_datetime(upload.expires_at, usegmt=True)}
    if upload.video_id is None:
        return headers | {"Upload-Offset": str(there)}
    async with here.db.transaction(actor) as session:
        job = await analysis_of(session, upload.video_id)
    headers |= {"Upload-Offset": str(upload.length), "X-Video-Id": str(upload.video_id)}
    headers["X-Video-Created"] = "true" if upload.created else "false"
    return headers | ({"X-Job-Id": str(job.id)} if job else {})


async def take(here: Services, actor: Actor, request: Request | None, upload: Upload, part: Part) -> dict[str, str]:
    """Append what comes to the upload's file, and make a video of it when it is whole; says how far it is now.

    Nobody else can write to it meanwhile: Raises Locked. What came stays whatever happens, unless it was to be checked
    against a checksum, or is no video.
    """
    try:
        file = await asyncio.to_thread(Partial, here.storage.incoming(upload.id))
    except OSError as error:
        raise not_written(error) from error
    try:
        upload = await _still_there(here, actor, upload.id, file)
        if upload.video_id is not None or part.offset != file.size:
            raise WrongOffset(part.offset, upload.length if upload.video_id else file.size)
        if request is not None:
            await _pour(here, actor, request, upload, part, file)
        if file.size == upload.length:
            upload = await _become_video(here, actor, upload, file)
        return await progress(here, actor, upload, file.size)
    except UnsupportedMedia:
        await forget(here, actor, upload.id, file)
        raise
    finally:
        await asyncio.shield(asyncio.to_thread(file.close))


async def _still_there(here: Services, actor: Actor, upload_id: UUID, file: Partial) -> Upload:
    """The upload, which waits anew from now on; it may have ended before its file was ours."""
    try:
        async with here.db.transaction(actor) as session:
            return await uploads.extend(session, upload_id, here.settings.upload_expires)
    except NotFound:
        file.remove()
        raise


async def _pour(here: Services, actor: Actor, request: Request, upload: Upload, part: Part, file: Partial) -> None:
    """Everything from the request into the file. Raises TooLarge, UnsupportedMedia, NoSpace, ChecksumMismatch."""
    if part.checksum:
        await asyncio.to_thread(file.expect_check)
    seen = HASHES[part.checksum[0]]() if part.checksum else None
    waiting = bytearray()
    try:
        await _read(here, actor, request, upload, file, waiting, seen)
    except (ClientDisconnect, StakazoError) as error:
        if seen is not None or isinstance(error, TooLarge):
            await asyncio.to_thread(file.reject)
        elif waiting and not isinstance(error, UnsupportedMedia):
            await _write(file, waiting)
        raise
    if part.checksum and seen is not None and not hmac.compare_digest(seen.digest(), part.checksum[1]):
        await asyncio.to_thread(file.reject)
        raise ChecksumMismatch(f"The {part.checksum[0]} of this part is another: it was thrown away. Send it again.")
    await asyncio.to_thread(file.accept)


async def _read(
    here: Services,
    actor: Actor,
    request: Request,
    upload: Upload,
    file: Partial,
    waiting: bytearray,
    seen: Any,
) -> None:
    """The loop of `_pour`: gathers bytes in `waiting`, writes them by the megabyte, and looks at the first of them."""
    judged = file.size >= SNIFF_BYTES
    next_check, next_extension = file.size + CHECK_SPACE_EVERY, time.monotonic() + here.settings.upload_expires / 4
    async for chunk in in_time(request.stream(), here.settings.upload_timeout):
        if file.size + len(waiting) + len(chunk) > upload.length:
            raise TooLarge(f"This upload was announced with {upload.length} bytes; more came.")
        if seen is not None:
            seen.update(chunk)
        waiting += chunk
        if len(waiting) >= BUFFER:
            await _write(file, waiting)
            judged = judged or bool(judge(file.head(SNIFF_BYTES), upload.filename))
        if file.size >= next_check:
            here.storage.require_room(0, here.settings.min_free_bytes)
            next_check += CHECK_SPACE_EVERY
        if time.monotonic() >= next_extension:
            await _still_there(here, actor, upload.id, file)
            next_extension += here.settings.upload_expires / 4
    await _write(file, waiting)
    if not judged and file.size >= min(SNIFF_BYTES, upload.length):
        judge(file.head(SNIFF_BYTES), upload.filename)


async def _write(file: Partial, waiting: bytearray) -> None:
    block = bytes(waiting)
    waiting.clear()
    try:
        await asyncio.to_thread(file.write, block)
    except OSError as error:
        raise not_written(error) from error


async def _become_video(here: Services, actor: Actor, upload: Upload, file: Partial) -> Upload:
    """What `POST /upload` does with a file that has come whole; the upload says so in the same transaction."""
    came = Arrived(
        filename=upload.filename,
        fields={"title": upload.title or ""},
        size=file.size,
        sha256=await asyncio.to_thread(file.sha256),
        container=judge(file.head(SNIFF_BYTES), upload.filename),
    )
    await keep(here, actor, upload.id, came, file.path, upload.dedup_key, upload=upload)
    async with here.db.transaction(actor) as session:
        ended = await uploads.get(session, upload.id)
    file.remove()
    return ended


async def forget(here: Services, actor: Actor, upload_id: UUID, file: Partial) -> None:
    """The row first: a file without one is swept, a row without its file would begin anew."""
    try:
        async with here.db.transaction(actor) as session:
            await uploads.terminate(session, upload_id)
        file.remove()
    finally:
        file.close()
