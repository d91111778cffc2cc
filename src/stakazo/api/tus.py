"""/uploads: a video in parts, by the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload).

Core, creation, creation-with-upload, checksum, termination and expiration. Whatever breaks off, a connection or this
process, the bytes that came are there; the sender asks with HEAD how many, and goes on. With the last byte it becomes a
video as `POST /upload` makes one, and the answer says which in `X-Video-Id` and `X-Job-Id`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from contextlib import nullcontext
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Depends, Header, Request, Response
from pydantic import JsonValue
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from stakazo.accounts.roles import Permission
from stakazo.api.deps import Here, may
from stakazo.api.errors import responses
from stakazo.api.incoming import Malformed
from stakazo.api.once import keyless
from stakazo.api.parts import HASHES, Part, WrongOffset, forget, progress, take
from stakazo.api.routes import Route, Router
from stakazo.api.uploads import MAX_DEDUP_KEY
from stakazo.core.actor import Actor
from stakazo.core.errors import StakazoError, TooLarge, UnsupportedMedia
from stakazo.core.limits import Kind
from stakazo.variants import quota
from stakazo.videos import uploads
from stakazo.videos.arriving import in_words, shown
from stakazo.videos.partial import Locked, Partial, arrived
from stakazo.videos.uploads import Announced

log = structlog.get_logger("stakazo.api")

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,termination,expiration"
BYTES = "application/offset+octet-stream"
MAX_METADATA = 4096
"""Characters of Upload-Metadata."""
_NUMBER = "[0-9]{1,18}"
_CARRIES = {"requestBody": {"content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}}}
"""What OpenAPI says of a request that may carry a part."""


class WrongVersion(StakazoError):
    """The sender doesn't speak tus 1.0.0."""

    status, code = 412, "tus_version"
    headers = {"Tus-Version": VERSION}  # noqa: RUF012 (never changed)


class _TusRoute(Route):
    """Every answer says which protocol it is."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"tus-resumable", VERSION.encode())]
            await send(message)

        await super().handle(scope, receive, answer)


router = Router(prefix="/uploads", tags=["uploads"], route_class=_TusRoute)
_MANY = responses(400, 401, 408, 409, 410, 412, 413, 415, 422, 423, 460, 503, 507)


def _form(pattern: str) -> dict[str, JsonValue]:
    """What OpenAPI says of a header that is read here, since its refusal is tus's own."""
    return {"pattern": f"^{pattern}$"}


async def _version(
    tus_resumable: Annotated[
        str | None, Header(description="Which tus is spoken.", json_schema_extra={"const": VERSION})
    ] = None,
) -> None:
    if tus_resumable != VERSION:
        raise WrongVersion(f"Say 'Tus-Resumable: {VERSION}'; no other version is spoken here.")


Tus = Annotated[None, Depends(_version)]
Sender = Annotated[Actor, may(Permission.VIDEOS_WRITE, Kind.UPLOAD)]


# --- what is spoken here ------------------------------------------------------------------------------------


async def _abilities(here: Here, _: Sender) -> Response:
    """What this server can do: version, extensions, checksums, how large a video may be."""
    return Response(
        status_code=204,
        headers={
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(here.settings.max_upload_bytes),
            "Tus-Checksum-Algorithm": ",".join(HASHES),
        },
    )


_ANY = {"parameters": [{"name": "upload_id", "in": "path", "required": True, "schema": {"type": "string"}}]}
for _path, _name, _extra in (("", "abilities", {}), ("/{upload_id}", "abilities_here", _ANY)):
    router.options(_path, status_code=204, name=_name, responses=responses(401), openapi_extra=_extra)(_abilities)


# --- one upload ---------------------------------------------------------------------------------------------


@router.post("", status_code=201, response_class=Response, responses=_MANY, openapi_extra=_CARRIES)
@keyless("an upload that was begun twice and is not continued expires; its dedup_key makes one video of both")
async def begin(
    request: Request,
    here: Here,
    actor: Sender,
    _: Tus,
    upload_length: Annotated[
        str | None, Header(description="Bytes of the whole video.", json_schema_extra=_form(_NUMBER))
    ] = None,
    upload_metadata: Annotated[
        str | None, Header(description="`filename`, `title`, `dedup_key`, each with its value in base64.")
    ] = None,
    upload_checksum: Annotated[str | None, Header(description="Of the bytes that come along.")] = None,
) -> Response:
    """Announce a video; its parts go to the `Location` of the answer. The first may come along with this request."""
    announced = _announced(upload_length, upload_metadata or "")
    if announced.length > here.settings.max_upload_bytes:
        raise TooLarge(f"A video may have {in_words(here.settings.max_upload_bytes)} at most.")
    if announced.length == 0:
        raise UnsupportedMedia("The file is empty.")
    here.storage.require_room(announced.length, here.settings.min_free_bytes)
    part = Part(0, _checksum(upload_checksum)) if request.headers.get("content-type") == BYTES else None
    with here.slots.taken(actor.workspace_id) if part else nullcontext():
        async with here.db.transaction(actor) as session:
            await quota.require(session, here.settings.storage_quota_bytes, announced.length)
            upload = await uploads.begin(session, announced, here.settings.upload_expires)
        try:
            headers = await take(here, actor, request, upload, part) if part else await progress(here, actor, upload, 0)
        except ClientDisconnect:
            return _broken_off(here, upload.id)
    return Response(status_code=201, headers={"Location": f"/uploads/{upload.id}"} | headers)


@router.head("/{upload_id}", response_class=Response, responses=responses(401, 404, 410, 412, 415, 422, 503, 507))
async def offset(here: Here, actor: Sender, _: Tus, upload_id: UUID) -> Response:
    """How many bytes have come; for a finished upload also the video that it has become."""
    async with here.db.transaction(actor) as session:
        upload = await uploads.get(session, upload_id)
    path = here.storage.incoming(upload.id)
    there = arrived(path)
    if upload.video_id is None and there == upload.length:  # we died, or the sender left, before it became a video
        try:
            headers = await take(here, actor, None, upload, Part(there, None))
        except Locked:
            headers = await progress(here, actor, upload, there)
    else:
        headers = await progress(here, actor, upload, there)
    headers |= {"Upload-Length": str(upload.length), "Cache-Control": "no-store"}
    if upload.client_metadata:
        headers["Upload-Metadata"] = upload.client_metadata
    return Response(status_code=200, headers=headers)


@router.patch(
    "/{upload_id}",
    status_code=204,
    response_class=Response,
    responses=_MANY | responses(404),
    openapi_extra=_CARRIES,
)
async def append(
    request: Request,
    here: Here,
    actor: Sender,
    _: Tus,
    upload_id: UUID,
    upload_offset: Annotated[
        str | None, Header(description="Where this part begins.", json_schema_extra=_form(_NUMBER))
    ] = None,
    upload_checksum: Annotated[str | None, Header(description="`sha256`, `sha1` or `md5`, and it in base64.")] = None,
) -> Response:
    """Send the next part, of any size. The answer to the last one says which video it has become."""
    if request.headers.get("content-type") != BYTES:
        raise UnsupportedMedia(f"Send the bytes as {BYTES}.")
    part = Part(_number(upload_offset, "Upload-Offset"), _checksum(upload_checksum))
    async with here.db.transaction(actor) as session:
        upload = await uploads.get(session, upload_id)
    if upload.video_id is not None:
        raise WrongOffset(part.offset, upload.length)
    try:
        with here.slots.taken(actor.workspace_id):
            return Response(status_code=204, headers=await take(here, actor, request, upload, part))
    except ClientDisconnect:
        return _broken_off(here, upload_id)


def _broken_off(here: Here, upload_id: UUID) -> Response:
    log.info("upload_broken_off", upload_id=str(upload_id), offset=arrived(here.storage.incoming(upload_id)))
    return Response(status_code=499)  # nobody is there to read it


@router.delete("/{upload_id}", status_code=204, responses=responses(401, 404, 410, 412, 423))
async def terminate(here: Here, actor: Sender, _: Tus, upload_id: UUID) -> None:
    """Throw an upload away with what has come of it; a video that it has become stays."""
    async with here.db.transaction(actor) as session:
        await uploads.get(session, upload_id)
    await forget(here, actor, upload_id, await asyncio.to_thread(Partial, here.storage.incoming(upload_id)))


@router.post(
    "/{upload_id}",
    status_code=204,
    response_class=Response,
    responses=_MANY | responses(404, 405),
    openapi_extra=_CARRIES,
)
@keyless("it stands for a PATCH or DELETE, which say themselves what they do when they come twice")
async def instead(
    request: Request,
    here: Here,
    actor: Sender,
    tus: Tus,
    upload_id: UUID,
    x_http_method_override: Annotated[
        str | None, Header(description="What it stands for.", json_schema_extra=_form("(PATCH|DELETE)"))
    ] = None,
) -> Response:
    """PATCH or DELETE, for senders that can't say so."""
    if x_http_method_override == "PATCH":
        said = request.headers
        return await append(
            request, here, actor, tus, upload_id, said.get("upload-offset"), said.get("upload-checksum")
        )
    if x_http_method_override == "DELETE":
        await terminate(here, actor, tus, upload_id)
        return Response(status_code=204)
    raise Malformed("POST here stands for X-HTTP-Method-Override: PATCH or DELETE.")


# --- headers ------------------------------------------------------------------------------------------------


def _number(text: str | None, name: str) -> int:
    if text is None or not re.fullmatch(_NUMBER, text):
        raise Malformed(f"{name} must be a number of bytes.")
    return int(text)


def _announced(length: str | None, metadata: str) -> Announced:
    """Raises Malformed."""
    if len(metadata) > MAX_METADATA:
        raise Malformed(f"Upload-Metadata may have {MAX_METADATA} characters.")
    said: dict[str, str] = {}
    for pair in metadata.split(",") if metadata.strip() else ():
        key, _, value = pair.strip().partition(" ")
        try:
            text = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            key = ""
            text = ""
        if not key or not key.isascii() or key in said:
            raise Malformed("Upload-Metadata must be pairs of a key and its value in base64, each key once.")
        said[key] = text
    dedup_key = said.get("dedup_key") or None
    if dedup_key and len(dedup_key) > MAX_DEDUP_KEY:
        raise Malformed(f"dedup_key may have {MAX_DEDUP_KEY} characters at most.")
    return Announced(
        length=_number(length, "Upload-Length"),
        filename=shown(said.get("filename") or said.get("name") or "") or "video",
        title=(said.get("title") or "")[:300] or None,
        dedup_key=dedup_key,
        metadata=metadata,
    )


def _checksum(header: str | None) -> tuple[str, bytes] | None:
    """Raises Malformed."""
    if header is None:
        return None
    name, _, value = header.partition(" ")
    if name not in HASHES:
        raise Malformed(f"Upload-Checksum may be of {', '.join(HASHES)}.")
    try:
        return name, base64.b64decode(value, validate=True)
    except binascii.Error:
        raise Malformed("Upload-Checksum must have its value in base64.") from None
