"""Meta's host for uploads that can be gone on with: bytes from an offset, or an address to fetch from."""

from __future__ import annotations

import json

from starlette.requests import Request

from stakazo.platforms.sandbox.calls import Answered, Cut, Refused
from stakazo.platforms.sandbox.world import Thing, World

KINDS = {"ig-api-upload": "ShadowIGMediaBuilder", "video-upload": "AdVideo"}


async def answer(world: World, request: Request) -> Answered:
    """Bytes for a container or a Page's video."""
    kind, upload_id = request.path_params["kind"], request.path_params["upload_id"]
    operation = f"POST rupload/{kind}"
    world.calls.append(
        {"at": world.now(), "operation": operation, "status": 200, "path": request.url.path, "params": {}}
    )
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    thing = world.things.get(upload_id)
    if scheme != "OAuth" or world.token(token) is None:
        return _refused(401, "NotAuthorizedError", "Unauthorized")
    if thing is None or thing["kind"] != KINDS.get(kind):
        return _refused(404, "NotFoundError", "No such upload")
    if "file_url" in request.headers:
        _complete(world, thing, 1)  # whatever lies there
        return Answered({"success": True})
    return await _receive(world, request, thing, operation)


async def _receive(world: World, request: Request, thing: Thing, operation: str) -> Answered:
    try:
        offset, size = int(request.headers["offset"]), int(request.headers["file_size"])
    except (KeyError, ValueError):
        return _refused(400, "BadRequestError", "The headers offset and file_size are needed")
    if offset != thing["received"]:
        where = {"start_offset": str(thing["received"]), "end_offset": str(size)}
        problem = "There was a problem uploading your video."
        return Answered(Refused(6001, problem, subcode=1363037, is_transient=True, error_data=where).body, 400)
    cut_at = offset + (size - offset) // 2 if world.faults.strikes("upload_cut", operation) else None
    async for piece in request.stream():
        offset = min(offset + len(piece), cut_at or size)
        thing = world.change(thing, received=offset)  # bytes are counted and forgotten
        if offset == cut_at:
            raise Cut
    if offset != size:
        return _refused(400, "PartialRequestError", "The body is shorter than file_size says")
    _complete(world, thing, size)
    if world.faults.strikes("processing_failed_error", operation):
        return _refused(400, "ProcessingFailedError", json.dumps({"success": False, "error": {"message": "failed"}}))
    return Answered({"success": True, "message": "Upload successful."})


def _refused(status: int, kind: str, message: str) -> Answered:
    """An envelope of its own."""
    return Answered({"debug_info": {"retriable": False, "type": kind, "message": message}}, status)


def _complete(world: World, thing: Thing, size: int) -> None:
    if thing["kind"] == "AdVideo":
        world.change(thing, received=size, size=size, uploaded=True)
    else:
        world.change(thing, received=size, size=size, worked_since=world.now())
