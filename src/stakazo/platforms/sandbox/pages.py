"""Facebook Pages as the sandbox plays them: Reels and stories in three phases, plain videos in pieces."""

from __future__ import annotations

import json
from typing import Any

from stakazo.platforms.sandbox import audience
from stakazo.platforms.sandbox.calls import Answer, Call, Edges, Refused, chosen, invalid, page
from stakazo.platforms.sandbox.world import Thing, World, iso

DAY = 86400.0
PIECE = 1024 * 1024
SOONEST, LATEST = 600.0, 29 * DAY


def reels(call: Call) -> Answer:
    return _phases(call, reel=True)


def stories(call: Call) -> Answer:
    return _phases(call, reel=False)


def _phases(call: Call, *, reel: bool) -> Answer:
    match call.text("upload_phase").lower():
        case "start":
            video = _new(call, reel=reel, story=not reel)
            where = f"{call.root}/rupload/video-upload/v26.0/{video['id']}"
            return {"video_id": video["id"], "upload_url": where}
        case "finish":
            return _finish_reel(call)
    raise invalid("upload_phase must be start or finish")


def _new(call: Call, *, reel: bool, story: bool = False, size: int | None = None) -> Thing:
    fault = call.struck("video_error")
    return call.world.new(
        "AdVideo", page=call.node["id"], reel=reel, story=story, received=0, size=size, uploaded=False, finished=None,
        failed=bool(fault), scheduled=None, description="", title="", account=None,
    )  # fmt: skip


def _finish_reel(call: Call) -> Answer:
    video = _own(call, call.text("video_id"))
    if not video["uploaded"]:
        raise Refused(6000, "There was a problem uploading your video file", subcode=1363130)
    if video["finished"] is not None:
        return {"success": True, "post_id": video["post_id"]}  # said before; it is one video
    state = call.params.get("video_state", "PUBLISHED")
    if state == "PUBLISHED" and video["reel"] and _today(call) >= call.world.limits["facebook"]:
        raise Refused(368, "The action attempted has been deemed abusive or is otherwise disallowed", subcode=1390008)
    return {"success": True, "post_id": _finish(call, video, scheduled=state == "SCHEDULED", draft=state == "DRAFT")}


def videos(call: Call) -> Answer:
    match call.text("upload_phase"):
        case "start":
            video = _new(call, reel=False, size=call.whole("file_size"))
            session = call.world.new("UploadSession", video=video["id"])
            return {
                "upload_session_id": session["id"], "video_id": video["id"],
                "start_offset": "0", "end_offset": str(min(PIECE, call.whole("file_size"))),
            }  # fmt: skip
        case "transfer":
            return _transfer(call)
        case "finish":
            video = _own(call, _session(call)["video"])
            if not video["uploaded"]:
                raise Refused(6000, "The upload is not complete", subcode=1363130)
            if video["finished"] is None:
                scheduled = "scheduled_publish_time" in call.params
                _finish(
                    call, video, scheduled=scheduled, draft=not call.flag("published", default=True) and not scheduled
                )
            return {"success": True}
    raise invalid("upload_phase must be start, transfer or finish")


def _transfer(call: Call) -> Answer:
    video = call.world.things[_session(call)["video"]]
    chunk, start, size = call.files.get("video_file_chunk", b""), call.whole("start_offset"), int(video["size"])
    wanted = {"start_offset": str(video["received"]), "end_offset": str(min(video["received"] + PIECE, size))}
    fault = call.struck("chunk_error")
    if fault or start != video["received"]:
        raise Refused(
            6001, "There was a problem uploading your video. Please try uploading it again.", subcode=1363037,
            error_data=shaped(wanted, (fault.detail.get("shape") if fault else None) or "object"), is_transient=True,
        )  # fmt: skip
    received = min(start + len(chunk), size)
    call.world.change(video, received=received, uploaded=received == size)
    return {"start_offset": str(received), "end_offset": str(min(received + PIECE, size))}


def _session(call: Call) -> Thing:
    session = call.world.things.get(call.text("upload_session_id"))
    if session is None or session["kind"] != "UploadSession":
        raise Refused(6000, "The video upload session does not exist", subcode=1363026)
    return session


def shaped(data: dict[str, str], shape: str) -> Any:
    """`error_data` as Meta sends it: an object, an object in a string, or words."""
    return {"object": data, "string": json.dumps(data)}.get(shape, "Please try again")


def _finish(call: Call, video: Thing, *, scheduled: bool, draft: bool) -> str:
    at = float(call.whole("scheduled_publish_time")) if scheduled else None
    if at is not None and not SOONEST <= at - call.now <= LATEST:
        raise invalid("The specified scheduled publish time is invalid.", 1363033)
    post_id = f"{call.node['id']}_{call.world.new('PostNumber')['id']}"  # a post is not the video that it shows
    call.world.change(
        video, finished=call.now, scheduled=at, draft=draft, post_id=post_id,
        description=call.text("description"), title=call.text("title"), is_ai_generated=call.flag("is_ai_generated"),
    )  # fmt: skip
    return post_id


def _today(call: Call) -> int:
    since = call.now - DAY
    mine = call.world.of("AdVideo", page=call.node["id"], reel=True)
    return sum(video["finished"] is not None and video["finished"] > since for video in mine)


def _own(call: Call, video_id: str) -> Thing:
    video = call.world.things.get(video_id)
    if video is None or video["kind"] != "AdVideo" or video["page"] != call.node["id"]:
        raise Refused(6000, "The video does not exist", subcode=1363026)
    return video


def published_at(world: World, video: Thing) -> float | None:
    """When it became public; None while it isn't."""
    if video["finished"] is None or video["failed"] or video.get("draft") or video["page"].startswith("act_"):
        return None
    due = max(video["finished"] + world.processing, video["scheduled"] or 0.0)
    return due if world.now() >= due else None


def status(world: World, video: Thing) -> dict[str, Any]:
    """The phases of a video."""
    now, finished = world.now(), video["finished"]
    worked = finished is not None and now >= finished + world.processing
    uploading: dict[str, Any] = {
        "status": "complete" if video["uploaded"] else ("in_progress" if video["received"] else "not_started"),
        "bytes_transferred": video["received"],
    }
    processing: dict[str, Any] = {"status": "not_started"}
    publishing: dict[str, Any] = {"status": "not_started"}
    name = "upload_complete" if video["uploaded"] else "processing"
    if finished is not None:
        name = "ready" if worked else "processing"
        processing["status"] = "complete" if worked else "in_progress"
        publishing["status"] = "not_started"
        if video["scheduled"]:
            publishing |= {"publish_status": "scheduled", "publish_time": int(video["scheduled"])}
        if worked and video["failed"]:
            name = "error"
            processing = {
                "status": "error",
                "errors": [{"code": 1363030, "message": "The video could not be processed."}],
            }
        elif (at := published_at(world, video)) is not None:
            publishing = {"status": "complete", "publish_status": "published", "publish_time": int(at)}
    return {
        "video_status": name,
        "uploading_phase": uploading,
        "processing_phase": processing,
        "publishing_phase": publishing,
    }


def show(call: Call) -> Answer:
    video, at = call.node, published_at(call.world, call.node)
    place = "reel" if video["reel"] else f"{video['page']}/videos"
    found = {
        **video,
        "status": status(call.world, video),
        "published": at is not None,
        "permalink_url": f"/{place}/{video['id']}/",
        "created_time": iso(video["made"]),
        "picture": f"https://sandbox.invalid/{video['id']}.jpg",
        "post_id": video.get("post_id", "").rpartition("_")[2],
        "from": {"id": video["page"], "name": call.world.things.get(video["page"], {}).get("name", "")},
    }
    return chosen(found, call.fields(), ("created_time", "description"))


def listed(call: Call) -> Answer:
    reel = call.operation.endswith("/video_reels")
    rows = [
        chosen({**video, "published": published_at(call.world, video) is not None}, call.fields())
        for video in call.world.of("AdVideo", page=call.node["id"])
        if video["finished"] is not None and (video["reel"] or not reel)
    ]
    return page(call, rows)


def insights(call: Call) -> Answer:
    at = published_at(call.world, call.node)
    if at is None:
        return {"data": []}
    values = audience.facebook(
        call.world, {**call.node, "made": at}, restated=call.struck("restated_insights") is not None
    )
    rows = [
        {
            "name": name,
            "period": "lifetime",
            "values": [{"value": value}],
            "id": f"{call.node['id']}/video_insights/{name}",
        }
        for name, value in values.items()
    ]
    return page(call, rows)


def comments(call: Call) -> Answer:
    rows = [
        chosen(one, call.fields(), ("message", "created_time"))
        for one in call.world.of("Comment", video=call.node["id"])
    ]
    return page(call, rows)


def comment(call: Call) -> Answer:
    author = call.world.things[call.node["page"]]
    return {"id": add_comment(call.world, call.node, call.text("message"), author["id"], author["name"])["id"]}


def reply(call: Call) -> Answer:
    video = call.world.things[call.node["video"]]
    page_ = call.world.things[video["page"]]
    made = add_comment(call.world, video, call.text("message"), page_["id"], page_["name"], parent=call.node["id"])
    return {"id": made["id"]}


def add_comment(world: World, video: Thing, text: str, author: str, name: str, *, parent: str = "") -> Thing:
    """Somebody says something below a video, or answers it. Comments are numbered below their post."""
    number = world.new("CommentNumber")["id"]
    below = (video.get("post_id") or video["id"]).rpartition("_")[2]
    said = {"message": text, "created_time": iso(world.now()), "from": {"id": author, "name": name}}
    place = {"id": f"{below}_{number}", "kind": "Comment", "made": world.now(), "video": video["id"]}
    return world.save({**place, **said, **({"parent": {"id": parent}} if parent else {})})


def told(video: Thing, comment: Thing) -> dict[str, Any]:
    """What a Page's feed says of a comment: the post has a name of its own, and its address the video's."""
    return {
        "item": "comment",
        "verb": "add",
        "from": comment["from"],
        "message": comment["message"],
        "comment_id": comment["id"],
        "post_id": video["post_id"],
        "parent_id": comment.get("parent", {}).get("id", video["post_id"]),
        "post": {
            "id": video["post_id"],
            "status_type": "added_video",
            "is_published": True,
            "permalink_url": f"https://www.facebook.com/reel/{video['id']}/",
            "promotion_status": "inactive",
            "updated_time": comment["created_time"],
        },
        "created_time": int(comment["made"]),
    }


def remove(call: Call) -> Answer:
    call.world.drop(call.node["id"])
    return {"success": True}


def token_of(call: Call, page: Thing) -> Thing:
    """A Page's token for who has it; one got with a long-lived token doesn't expire."""
    lasting = not call.token["expires_at"] or call.token["expires_at"] - call.now > DAY
    token = next(call.world.of("Token", page=page["id"], scopes=call.token["scopes"], expires_at=0), None)
    if token is not None and lasting:
        return token
    return call.world.new_token(
        type="PAGE", user=call.token["user"], page=page["id"], app=call.token["app"], scopes=call.token["scopes"],
        expires_at=0 if lasting else call.token["expires_at"],
    )  # fmt: skip


def show_page(call: Call) -> Answer:
    found = dict(call.node)
    if "access_token" in call.fields() and call.token["type"] == "USER" and call.token["user"] == call.node["owner"]:
        found["access_token"] = token_of(call, call.node)["token"]
    if call.node.get("ig"):
        found["instagram_business_account"] = {"id": call.node["ig"]}
    return chosen(found, call.fields(), ("name",))


def forms(call: Call) -> Answer:
    """Only a Page itself is told its forms."""
    if call.token["type"] != "PAGE":
        raise Refused(190, "This method must be called with a Page Access Token", subcode=2069032)
    found = [chosen(one, call.fields()) for one in call.world.of("LeadgenForm", page_id=call.node["id"])]
    return page(call, found)


EDGES: Edges = {
    ("GET", "Page", "leadgen_forms"): forms,
    ("POST", "Page", "video_reels"): reels,
    ("POST", "Page", "video_stories"): stories,
    ("POST", "Page", "videos"): videos,
    ("GET", "Page", "video_reels"): listed,
    ("GET", "Page", "videos"): listed,
    ("GET", "Page", ""): show_page,
    ("GET", "AdVideo", ""): show,
    ("GET", "AdVideo", "video_insights"): insights,
    ("GET", "AdVideo", "comments"): comments,
    ("POST", "AdVideo", "comments"): comment,
    ("POST", "Comment", "comments"): reply,
    ("DELETE", "AdVideo", ""): remove,
}
