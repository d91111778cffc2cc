"""TikTok as the sandbox plays it: creator info, direct posts and drafts in pieces, status, counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stakazo.platforms.sandbox import audience
from stakazo.platforms.sandbox.calls import Answered, Cut
from stakazo.platforms.sandbox.plain import Act, Ask
from stakazo.platforms.sandbox.world import Thing, World

MB = 1024 * 1024
SMALLEST, LARGEST, LARGEST_LAST, MOST = 5_000_000, 64 * MB, 128 * MB, 1000
OPEN_FOR, DAY = 3600.0, 86400.0
PENDING = 5
COMPLETE, FAILED = "post.publish.complete", "post.publish.failed"
IN_INBOX, PUBLIC = "post.publish.inbox_delivered", "post.publish.publicly_available"


def _ok(data: dict[str, Any]) -> Answered:
    return Answered({"data": data, "error": {"code": "ok", "message": "", "log_id": "sandbox"}})


def _no(code: str, status: int, message: str = "") -> Answered:
    return Answered({"data": {}, "error": {"code": code, "message": message or code, "log_id": "sandbox"}}, status)


def _before(ask: Ask, scope: str) -> Answered | None:
    """What goes wrong before anything is done."""
    strikes = ask.world.faults.strikes
    if ask.token is None or strikes("expired_token", ask.operation):
        return _no("access_token_invalid", 401)
    if scope not in ask.token["scopes"]:
        return _no("scope_not_authorized", 401)
    if strikes("rate_limit", ask.operation):
        return _no("rate_limit_exceeded", 429)
    if fault := strikes("error", ask.operation):
        return _no(str(fault.detail.get("code", "internal_error")), int(fault.detail.get("status", 500)))
    return None


async def creator_info(ask: Ask) -> Answered:
    if wrong := _before(ask, "video.publish"):
        return wrong
    creator = _creator(ask)
    return _ok({name: creator[name] for name in (
        "creator_username", "creator_nickname", "privacy_level_options", "comment_disabled", "duet_disabled",
        "stitch_disabled", "max_video_post_duration_sec")})  # fmt: skip


async def person(ask: Ask) -> Answered:
    if wrong := _before(ask, "user.info.basic"):
        return wrong
    creator = _creator(ask)
    return _ok({"user": {"open_id": creator["id"], "display_name": creator["creator_nickname"]}})


async def init(ask: Ask) -> Answered:
    if wrong := _before(ask, "video.publish"):
        return wrong
    info, creator = ask.body.get("post_info") or {}, _creator(ask)
    if info.get("privacy_level") not in creator["privacy_level_options"]:
        return _no("privacy_level_option_mismatch", 403)
    if len(str(info.get("title", ""))) > 2200:
        return _no("invalid_params", 400, "title")
    return _begun(ask, creator, inbox=False)


async def inbox(ask: Ask) -> Answered:
    if wrong := _before(ask, "video.upload"):
        return wrong
    return _begun(ask, _creator(ask), inbox=True)


def _begun(ask: Ask, creator: Thing, *, inbox: bool) -> Answered:
    source, world = ask.body.get("source_info") or {}, ask.world
    if source.get("source") != "FILE_UPLOAD":
        return _no("url_ownership_unverified", 403)
    size, each, count = (int(source.get(name, 0)) for name in ("video_size", "chunk_size", "total_chunk_count"))
    if not _fits(size, each, count):
        return _no("invalid_params", 400, "The total chunk count is invalid")
    pending = [post for post in world.of("TikTokPost", creator=creator["id"]) if _pending(world, post)]
    if inbox and len(pending) >= PENDING:
        return _no("spam_risk_too_many_pending_share", 403)
    fault = world.faults.strikes("post_failed", ask.operation)
    post = world.new(
        "TikTokPost", creator=creator["id"], inbox=inbox, size=size, chunk=each, count=count, received=0, done=None,
        info=ask.body.get("post_info") or {}, failed=fault and str(fault.detail.get("fail_reason", "internal")),
        moderated_after=600.0 if world.faults.strikes("moderation", ask.operation) else 0.0,
    )  # fmt: skip
    where = f"{ask.root}/tiktok/upload/{post['id']}?upload_token=sandbox"
    return _ok({"publish_id": f"v_{'inbox' if inbox else 'pub'}_file~v2-1.{post['id']}", "upload_url": where})


def _fits(size: int, each: int, count: int) -> bool:
    """TikTok's rules: small files whole; else pieces of 5 to 64 MB, rounded down, the last with the rest."""
    if size <= 0 or each <= 0 or not 1 <= count <= MOST:
        return False
    if count == 1:
        return each == size and size <= LARGEST
    return SMALLEST <= each <= LARGEST and count == size // each and size - (count - 1) * each <= LARGEST_LAST


def _pending(world: World, post: Thing) -> bool:
    return bool(post["inbox"]) and post["made"] > world.now() - DAY


async def receive(ask: Ask) -> Answered:
    """A piece of a file, in order; sending one again does no harm."""
    world, request = ask.world, ask.request
    post = world.things.get(request.path_params["upload_id"])
    if post is None or post["kind"] != "TikTokPost" or post["made"] < world.now() - OPEN_FOR:
        return Answered("", 403)
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", request.headers.get("content-range", ""))
    if not found or int(found[3]) != post["size"]:
        return Answered("", 400)
    start, stop = int(found[1]), int(found[2]) + 1
    at = start // post["chunk"]
    last = at >= post["count"] - 1
    if start > post["received"] or start % post["chunk"] or stop != (post["size"] if last else start + post["chunk"]):
        return Answered("", 416)
    cut = world.faults.strikes("upload_cut", ask.operation) is not None
    length = 0
    async for piece in request.stream():
        length += len(piece)
        if cut and length:
            raise Cut  # half a piece is none
    if length != stop - start:
        return Answered("", 400)
    received = max(stop, post["received"])
    post = world.change(
        post, received=received, done=post["done"] or (world.now() if received == post["size"] else None)
    )
    headers = {"Content-Range": f"bytes 0-{received - 1}/{post['size']}"}
    return Answered("", 201 if received == post["size"] else 206, headers)


async def status(ask: Ask) -> Answered:
    if wrong := _before(ask, "video.publish"):
        return wrong
    post = ask.world.things.get(str(ask.body.get("publish_id", "")).rpartition(".")[2])
    if post is None or post["kind"] != "TikTokPost":
        return _no("invalid_publish_id", 400)
    found: dict[str, Any] = {"status": "PROCESSING_UPLOAD", "uploaded_bytes": post["received"]}
    match befallen(ask.world, post):
        case [event] if event == FAILED:
            found |= {"status": "FAILED", "fail_reason": post["failed"]}
        case [event] if event == IN_INBOX:
            found["status"] = "SEND_TO_USER_INBOX"
        case [_, *public]:
            found["status"] = "PUBLISH_COMPLETE"
            if public:
                found["publicaly_available_post_id"] = [int(post["id"])]
    return _ok(found)


def befallen(world: World, post: Thing) -> list[str]:
    """What has become of a post by now, in its order, in the names of the events that tell of it."""
    if post["done"] is None or world.now() < post["done"] + world.processing:
        return []
    if post["failed"]:
        return [FAILED]
    if post["inbox"] and not post.get("posted"):
        return [IN_INBOX]
    everybody = post["inbox"] or post["info"].get("privacy_level") == "PUBLIC_TO_EVERYONE"
    moderated = world.now() >= post["done"] + world.processing + post["moderated_after"]
    return [COMPLETE, PUBLIC] if everybody and moderated else [COMPLETE]


async def query(ask: Ask) -> Answered:
    if wrong := _before(ask, "video.list"):
        return wrong
    fields = ask.request.query_params.get("fields", "id").split(",")
    wanted = (ask.body.get("filters") or {}).get("video_ids") or []
    posts = [
        post for post in map(ask.world.things.get, wanted) if post and post["kind"] == "TikTokPost" and post["done"]
    ]
    return _ok({"videos": [_video(ask.world, post, fields) for post in posts]})


def _video(world: World, post: Thing, fields: list[str]) -> dict[str, Any]:
    seen = audience.views(post["id"], world.now() - post["done"])
    done = audience.behaviour(post["id"], seen)
    creator = world.things[post["creator"]]["creator_username"]
    values = {
        "id": post["id"], "title": post["info"].get("title", ""), "duration": 20, "view_count": seen,
        "like_count": done["likes"], "comment_count": done["comments"], "share_count": done["shares"],
        "share_url": f"https://www.tiktok.com/@{creator}/video/{post['id']}",
    }  # fmt: skip
    return {name: values[name] for name in fields if name in values}


def post_draft(world: World, post: Thing) -> Thing:
    """The person posts a draft in the app, for everybody."""
    return world.change(post, posted=True)


def told(post: Thing, said: Mapping[str, Any]) -> dict[str, Any]:
    """What a webhook says of a post: its upload, itself where everybody sees it (or did), and why it failed."""
    content = {"publish_id": f"v_{'inbox' if post['inbox'] else 'pub'}_file~v2-1.{post['id']}"}
    content["publish_type"] = "INBOX_SHARE" if post["inbox"] else "DIRECT_PUBLISH"
    event = str(said["event"])
    if event == "authorization.removed":
        return {"reason": 1}
    if event == "post.publish.failed":
        content["reason"] = str(post["failed"] or "internal")
    return content | ({"post_id": post["id"]} if "public" in event.removeprefix("post.publish.") else {})


def _creator(ask: Ask) -> Thing:
    assert ask.token is not None
    return ask.world.things[ask.token["creator"]]


ROUTES: list[tuple[str, str, str, Act, bool]] = [
    ("GET", "/tiktok/v2/user/info/", "GET TikTok/user", person, True),
    ("POST", "/tiktok/v2/post/publish/creator_info/query/", "POST TikTok/creator_info", creator_info, True),
    ("POST", "/tiktok/v2/post/publish/video/init/", "POST TikTok/init", init, True),
    ("POST", "/tiktok/v2/post/publish/inbox/video/init/", "POST TikTok/inbox", inbox, True),
    ("POST", "/tiktok/v2/post/publish/status/fetch/", "POST TikTok/status", status, True),
    ("POST", "/tiktok/v2/video/query/", "POST TikTok/query", query, True),
    ("PUT", "/tiktok/upload/{upload_id}", "PUT TikTok/upload", receive, False),
]
