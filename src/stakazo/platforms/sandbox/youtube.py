"""YouTube as the sandbox plays it: resumable uploads, processing, visibility, quota, comments, reports."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from stakazo.platforms.sandbox import audience
from stakazo.platforms.sandbox.calls import Answered, Cut
from stakazo.platforms.sandbox.plain import Act, Ask
from stakazo.platforms.sandbox.world import Thing, World

UNIT = 256 * 1024
"""Pieces that aren't the last are multiples of it."""
DAY = 86400.0
OPEN_FOR = 7 * DAY
REPORTED_AFTER = 2 * DAY
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _no(status: int, reason: str, message: str = "") -> Answered:
    error = {"code": status, "message": message or reason, "errors": [{"domain": "youtube", "reason": reason}]}
    return Answered({"error": error}, status)


def _before(ask: Ask) -> Answered | None:
    """What goes wrong before anything is done."""
    strikes = ask.world.faults.strikes
    if ask.token is None or "channel" not in ask.token or strikes("expired_token", ask.operation):
        return _no(401, "authError", "Invalid Credentials")
    if fault := strikes("rate_limit", ask.operation):
        return _no(403, str(fault.detail.get("reason", "rateLimitExceeded")))
    if fault := strikes("error", ask.operation):
        return _no(int(fault.detail.get("status", 503)), str(fault.detail.get("reason", "backendError")))
    return None


async def begin(ask: Ask) -> Answered:
    if wrong := _before(ask):
        return wrong
    snippet, status = ask.body.get("snippet") or {}, ask.body.get("status") or {}
    title = str(snippet.get("title", ""))
    if not 1 <= len(title) <= 100 or "<" in title or ">" in title:
        return _no(400, "invalidTitle")
    if len(str(snippet.get("description", "")).encode()) > 5000:
        return _no(400, "invalidDescription")
    since = ask.world.now() - DAY
    if sum(video["made"] > since for video in ask.world.of("YouTubeVideo")) >= ask.world.limits["youtube"]:
        return _no(403, "quotaExceeded", "The request cannot be completed because you have exceeded your quota.")
    size = int(ask.request.headers.get("x-upload-content-length", "0"))
    session = ask.world.new(
        "YouTubeSession", size=size, received=0, video=None, snippet=snippet, status=status, channel=_mine(ask)
    )
    return Answered({}, 200, {"Location": f"{ask.root}/google/session/{session['id']}?upload_id=sandbox"})


async def receive(ask: Ask) -> Answered:
    """Bytes of an upload, or the question how many there are."""
    world, request = ask.world, ask.request
    session = world.things.get(request.path_params["session_id"])
    gone = session is None or session["made"] < world.now() - OPEN_FOR
    if gone or session is None or world.faults.strikes("session_gone", ask.operation):
        if session is not None:
            world.drop(session["id"])
        return Answered("", 404)
    if session["video"]:
        return Answered(_shown(world, world.things[session["video"]]))
    where = request.headers.get("content-range", "")
    if where == f"bytes */{session['size']}":
        return _more(session)
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", where)
    if not found or int(found[3]) != session["size"] or int(found[1]) != session["received"]:
        return Answered("", 400)
    return await _take(ask, session, int(found[2]) + 1)


async def _take(ask: Ask, session: Thing, stop: int) -> Answered:
    world, received = ask.world, int(session["received"])
    ask.operation = "PUT YouTube/bytes"
    half = received + (stop - received) // 2
    cut_at = half - half % UNIT if world.faults.strikes("upload_cut", ask.operation) else None
    async for piece in ask.request.stream():
        received += len(piece)
        if cut_at is not None and received >= cut_at:
            world.change(session, received=cut_at)
            raise Cut
    received = received if received == session["size"] else received - received % UNIT
    session = world.change(session, received=received)
    if received != session["size"]:
        return _more(session)
    fault = world.faults.strikes("video_error", ask.operation)
    number = world.new("YouTubeNumber")["id"]
    video = world.save({
        "id": _name(int(number)), "kind": "YouTubeVideo", "made": world.now(), "snippet": session["snippet"],
        "status": session["status"], "failed": bool(fault), "channel": session["channel"],
    })  # fmt: skip
    world.change(session, video=video["id"])
    return Answered(_shown(world, video))


def _more(session: Thing) -> Answered:
    return Answered("", 308, {"Range": f"bytes=0-{session['received'] - 1}"} if session["received"] else {})


def _name(number: int) -> str:
    """Eleven letters, as YouTube's ids have."""
    found = ""
    for _ in range(11):
        number, digit = divmod(number * 31 + 7, 64)
        found += LETTERS[digit]
        number = number or 17
    return found


def _shown(world: World, video: Thing) -> dict[str, Any]:
    status = dict(video["status"])
    if world.now() < video["made"] + world.processing:
        status["uploadStatus"] = "uploaded"
    elif video["failed"]:
        status |= {"uploadStatus": "failed", "failureReason": "codec"}
    else:
        status["uploadStatus"] = "processed"
    if status.get("publishAt") and world.now() >= datetime.fromisoformat(status["publishAt"]).timestamp():
        status["privacyStatus"] = "public"
        status.pop("publishAt")
    seen = audience.views(video["id"], world.now() - video["made"]) if status["privacyStatus"] == "public" else 0
    done = audience.behaviour(video["id"], seen)
    statistics = {"viewCount": str(seen), "likeCount": str(done["likes"]), "commentCount": str(done["comments"])}
    return {
        "kind": "youtube#video",
        "id": video["id"],
        "snippet": {**video["snippet"], "publishedAt": _time(video["made"])},
        "status": status,
        "statistics": statistics,
    }


def in_feed(world: World, video: Thing) -> list[str] | None:
    """What the channel's feed says of a video; None while not everybody sees it."""
    status = _shown(world, video)["status"]
    if (status["uploadStatus"], status["privacyStatus"]) != ("processed", "public"):
        return None
    return [str(video["snippet"].get(name, "")) for name in ("title", "description")]


async def listed(ask: Ask) -> Answered:
    if wrong := _before(ask):
        return wrong
    wanted = (_video(ask, name) for name in ask.request.query_params.get("id", "").split(","))
    items = [_shown(ask.world, video) for video in wanted if video is not None]
    return Answered({"kind": "youtube#videoListResponse", "items": items})


async def playlist(ask: Ask) -> Answered:
    """What was uploaded to the channel, the newest first; also what only its owner sees."""
    if wrong := _before(ask):
        return wrong
    if ask.request.query_params.get("playlistId") != f"UU{_mine(ask)}":
        return _no(404, "playlistNotFound")
    videos = sorted(ask.world.of("YouTubeVideo", channel=_mine(ask)), key=lambda video: -float(video["made"]))
    most = int(ask.request.query_params.get("maxResults", "5"))
    return Answered({"items": [{"contentDetails": {"videoId": video["id"]}} for video in videos[:most]]})


async def update(ask: Ask) -> Answered:
    if wrong := _before(ask):
        return wrong
    video = _video(ask, str(ask.body.get("id", "")))
    if video is None:
        return _no(404, "videoNotFound")
    status = dict(ask.body.get("status") or {})
    assert ask.token is not None
    if ask.token.get("unaudited"):
        status = {**status, "privacyStatus": "private"}
    return Answered(_shown(ask.world, ask.world.change(video, status=status)))


async def delete(ask: Ask) -> Answered:
    if wrong := _before(ask):
        return wrong
    video = _video(ask, ask.request.query_params.get("id", ""))
    if video is None:
        return _no(404, "videoNotFound")
    ask.world.drop(video["id"])
    return Answered("", 204)


async def report(ask: Ask) -> Answered:
    if wrong := _before(ask):
        return wrong
    params = ask.request.query_params
    names = [*filter(None, params.get("dimensions", "").split(",")), *params["metrics"].split(",")]
    video = _video(ask, params.get("filters", "").removeprefix("video=="))
    rows: list[list[float]] = []
    if video is not None and ask.world.now() - video["made"] >= REPORTED_AFTER:
        if "elapsedVideoTimeRatio" in names:
            curve = audience.retention(video["id"], 100)
            rows = [[(int(slot) + 1) / 100, share] for slot, share in curve.items()]
        else:
            seen = audience.views(video["id"], ask.world.now() - video["made"] - REPORTED_AFTER)
            done = audience.behaviour(video["id"], seen)
            values = {
                "views": seen, "shares": done["shares"], "subscribersGained": done["follows"],
                "averageViewDuration": round(done["average_watch"] / 1000),
                "estimatedMinutesWatched": done["total_watch"] // 60000, "likes": done["likes"],
            }  # fmt: skip
            rows = [[values[name] for name in names]]
    return Answered(
        {"kind": "youtubeAnalytics#resultTable", "columnHeaders": [{"name": name} for name in names], "rows": rows}
    )


async def comments(ask: Ask) -> Answered:
    if wrong := _before(ask):
        return wrong
    found = ask.world.of("YouTubeComment", video=ask.request.query_params.get("videoId", ""))
    return Answered({"items": [{"id": one["id"], "snippet": {"topLevelComment": one["comment"]}} for one in found]})


async def comment(ask: Ask) -> Answered:
    if wrong := _before(ask):
        return wrong
    said = ask.body["snippet"]
    video = _video(ask, said["videoId"])
    if video is None:
        return _no(404, "videoNotFound")
    made = add_comment(
        ask.world, "YouTubeComment", said["topLevelComment"]["snippet"]["textOriginal"], author=_mine(ask),
        video=video["id"],
    )  # fmt: skip
    return Answered({"id": made["id"]})


async def channels(ask: Ask) -> Answered:
    """The channel that the token was given for."""
    if wrong := _before(ask):
        return wrong
    assert ask.token is not None
    mine = ask.world.things[ask.token["channel"]]
    playlists = {"relatedPlaylists": {"uploads": f"UU{mine['id']}"}}
    return Answered({"items": [{"id": mine["id"], "snippet": {"title": mine["title"]}, "contentDetails": playlists}]})


def add_comment(world: World, kind: str, text: str, *, author: str, name: str = "Blue Note", **place: str) -> Thing:
    """Somebody says something below a video, or answers it."""
    made = world.new(kind, **place)
    snippet = {
        "textDisplay": text, "authorDisplayName": name, "authorChannelId": {"value": author},
        "publishedAt": _time(world.now()),
    }  # fmt: skip
    return world.change(made, comment={"id": made["id"], "snippet": snippet})


async def replies(ask: Ask) -> Answered:
    if wrong := _before(ask):
        return wrong
    found = ask.world.of("YouTubeReply", parent=ask.request.query_params.get("parentId", ""))
    return Answered({"items": [one["comment"] for one in found]})


async def reply(ask: Ask) -> Answered:
    if wrong := _before(ask):
        return wrong
    parent = ask.world.things.get(ask.body["snippet"]["parentId"])
    if parent is None or parent["kind"] != "YouTubeComment":
        return _no(404, "commentNotFound")
    made = add_comment(
        ask.world, "YouTubeReply", ask.body["snippet"]["textOriginal"], author=_mine(ask), parent=parent["id"]
    )
    return Answered({"id": made["id"]})


def _mine(ask: Ask) -> str:
    """The channel that asks."""
    return str((ask.token or {}).get("channel", ""))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat()


def _video(ask: Ask, video_id: str) -> Thing | None:
    video = ask.world.things.get(video_id)
    return video if video and video["kind"] == "YouTubeVideo" else None


ROUTES: list[tuple[str, str, str, Act, bool]] = [
    ("POST", "/google/upload/youtube/v3/videos", "POST YouTube/upload", begin, True),
    ("PUT", "/google/session/{session_id}", "PUT YouTube/session", receive, False),
    ("GET", "/google/youtube/v3/videos", "GET YouTube/videos", listed, True),
    ("PUT", "/google/youtube/v3/videos", "PUT YouTube/videos", update, True),
    ("DELETE", "/google/youtube/v3/videos", "DELETE YouTube/videos", delete, True),
    ("GET", "/google/youtube/v3/channels", "GET YouTube/channels", channels, True),
    ("GET", "/google/youtube/v3/playlistItems", "GET YouTube/playlist", playlist, True),
    ("GET", "/google/youtube/v3/commentThreads", "GET YouTube/comments", comments, True),
    ("POST", "/google/youtube/v3/commentThreads", "POST YouTube/comments", comment, True),
    ("GET", "/google/youtube/v3/comments", "GET YouTube/replies", replies, True),
    ("POST", "/google/youtube/v3/comments", "POST YouTube/replies", reply, True),
    ("GET", "/google/v2/reports", "GET YouTube/report", report, True),
]
