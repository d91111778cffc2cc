"""Instagram as the sandbox plays it: containers, uploads, publishing, posts, comments, insights."""

from __future__ import annotations

import re

from stakazo.platforms.sandbox import audience
from stakazo.platforms.sandbox.calls import Answer, Call, Edges, Refused, chosen, invalid, missing, page
from stakazo.platforms.sandbox.world import Thing, World, iso

DAY = 86400.0
CAPTION, HASHTAGS, COLLABORATORS = 2200, 30, 3


def create(call: Call) -> Answer:
    world, user = call.world, call.node["id"]
    _check_text(call)
    resumable = call.text("upload_type") == "resumable"
    if not resumable:
        _check_address(call.text("video_url"))
    since = call.now - DAY
    if sum(one["made"] > since for one in world.of("ShadowIGMediaBuilder", owner=user)) >= world.limits["containers"]:
        raise Refused(-1, "Container creation limit reached", subcode=2207032)
    container = world.new(
        "ShadowIGMediaBuilder", owner=user, media_type=call.text("media_type"), caption=call.text("caption"),
        params=dict(call.params), resumable=resumable, received=0, size=None, media=None, failed=None,
        worked_since=None if resumable else call.now,
    )  # fmt: skip
    if fault := call.struck("container_error"):
        world.change(container, failed=fault.detail.get("subcode", 2207076))
    answer: Answer = {"id": container["id"]}
    if resumable:
        answer["uri"] = f"{call.root}/rupload/ig-api-upload/v26.0/{container['id']}"
    return answer


def _check_text(call: Call) -> None:
    if call.text("media_type") not in {"REELS", "STORIES"}:
        raise invalid("media_type must be REELS or STORIES here", 2207023)
    if len(call.text("caption")) > CAPTION:
        raise invalid("The caption was too long", 2207010)
    if call.text("caption").count("#") > HASHTAGS:
        raise invalid("Too many hashtags", 2207011)
    if len(call.json("collaborators", [])) > COLLABORATORS:
        raise invalid("Too many collaborators", 2207012)
    trial = call.json("trial_params")
    if trial is not None and trial.get("graduation_strategy") not in {"MANUAL", "SS_PERFORMANCE"}:
        raise invalid("Invalid graduation_strategy")


def _check_address(url: str) -> None:
    if not url:
        raise invalid("The parameter video_url is required", 2207026)
    if not url.startswith(("http://", "https://")):
        raise Refused(9004, "The media could not be fetched from this URI", subcode=2207052, is_transient=False)


def status_code(world: World, container: Thing) -> str:
    now = world.now()
    if container["media"]:
        return "PUBLISHED"
    if now - container["made"] > DAY:
        return "EXPIRED"
    worked = container["worked_since"]
    if worked is None or now < worked + world.processing:
        return "IN_PROGRESS"
    return "ERROR" if container["failed"] else "FINISHED"


def show_container(call: Call) -> Answer:
    container = call.node
    code = status_code(call.world, container)
    words = {
        "ERROR": f"Error: Media upload has failed with error code {container['failed']}",
        "EXPIRED": "Expired: The container has expired",
        "FINISHED": "Finished: Media has been uploaded and it is ready to be published.",
        "PUBLISHED": "Published: Media has been published.",
    }.get(code, "In Progress: Media is still being processed.")
    found: Thing = {**container, "status_code": code, "status": words}
    if container["resumable"]:
        complete = container["worked_since"] is not None
        found["video_status"] = {
            "uploading_phase": {
                "status": "complete" if complete else "in_progress",
                "bytes_transferred": container["received"],
            },
            "processing_phase": {"status": "complete" if code == "FINISHED" else "not_started"},
        }
    return chosen(found, call.fields())


def publish(call: Call) -> Answer:
    world, user = call.world, call.node["id"]
    container = world.things.get(call.text("creation_id"))
    if container is None or container["kind"] != "ShadowIGMediaBuilder" or container["owner"] != user:
        raise Refused(24, "The requested resource does not exist", subcode=2207006)
    code = status_code(world, container)
    if code == "PUBLISHED":
        raise Refused(100, "The media has already been published")
    if code == "EXPIRED":
        raise Refused(24, "The media you are trying to publish has expired", subcode=2207008)
    if code == "ERROR":
        raise Refused(-1, "Failed to create media", subcode=2207032)
    if code == "IN_PROGRESS" or call.struck("not_ready_after_finished"):
        raise Refused(9007, "The media is not ready for publishing, please wait for a moment", subcode=2207027)
    if used(world, user, call.now) >= world.limits["instagram"]:
        raise Refused(9, "The user has reached the maximum number of posts", subcode=2207042)
    story = container["media_type"] == "STORIES"
    said = container["params"]
    media = world.new(
        "IGMedia", owner=user, caption=container["caption"], media_type="VIDEO", container=container["id"],
        media_product_type="STORY" if story else "REELS", timestamp=iso(call.now),
        is_ai_generated=said.get("is_ai_generated") == "true", is_shared_to_feed=said.get("share_to_feed") == "true",
    )  # fmt: skip
    world.change(media, permalink=f"https://www.instagram.com/{'stories' if story else 'reel'}/S{media['id'][-9:]}/")
    world.change(container, media=media["id"])
    return {"id": media["id"]}


def used(world: World, user: str, now: float) -> int:
    return sum(media["made"] > now - DAY for media in world.of("IGMedia", owner=user))


def limit(call: Call) -> Answer:
    found: Answer = {"quota_usage": used(call.world, call.node["id"], call.now)}
    if "config" in call.fields():
        found["config"] = {"quota_total": call.world.limits["instagram"], "quota_duration": int(DAY)}
    return {"data": [found]}


def posts(call: Call) -> Answer:
    return _posts(call, stories=False)


def stories(call: Call) -> Answer:
    return _posts(call, stories=True)


def _posts(call: Call, *, stories: bool) -> Answer:
    rows = [
        chosen(media, call.fields())
        for media in call.world.of("IGMedia", owner=call.node["id"])
        if (media["media_product_type"] == "STORY") == stories
    ]
    return page(call, rows)


def show_media(call: Call) -> Answer:
    if call.struck("no_permalink"):
        raise missing()
    counts = audience.instagram(call.world, call.node)
    found = {
        **call.node,
        "like_count": counts["likes"],
        "comments_count": counts["comments"],
        "username": "bluenote.sandbox",
    }
    return chosen(found, call.fields())


def insights(call: Call) -> Answer:
    values = audience.instagram(call.world, call.node, restated=call.struck("restated_insights") is not None)
    wanted = call.json("metric", [])
    unknown = [name for name in wanted if name not in values]
    if unknown:
        raise invalid(f"The metric {unknown[0]} is not supported for this media", 2207065)
    return {"data": [_row(call.node["id"], name, values[name]) for name in wanted]}


def _row(media_id: str, name: str, value: float) -> Answer:
    where = f"{media_id}/insights/{name}/lifetime"
    return {"name": name, "period": "lifetime", "values": [{"value": value}], "title": name, "id": where}


def comments(call: Call) -> Answer:
    rows = [
        chosen(one, call.fields(), ("text", "timestamp")) for one in call.world.of("IGComment", media=call.node["id"])
    ]
    return page(call, rows)


def comment(call: Call) -> Answer:
    return {"id": add_comment(call.world, call.node, call.text("message"), author=call.node["owner"])["id"]}


def replies(call: Call) -> Answer:
    found = call.world.of("IGComment", parent_id=call.node["id"])
    return page(call, [chosen(one, call.fields(), ("text", "timestamp")) for one in found])


def reply(call: Call) -> Answer:
    media = call.world.things[call.node["media"]]
    made = add_comment(call.world, media, call.text("message"), author=media["owner"], parent=call.node["id"])
    return {"id": made["id"]}


def add_comment(
    world: World, media: Thing, text: str, *, author: str, name: str = "", parent: str | None = None
) -> Thing:
    """Somebody says something below a post."""
    if not text.strip():
        raise invalid("Param message must not be empty")
    name = name or str(world.things.get(author, {}).get("username", "somebody"))
    return world.new(
        "IGComment", media=media["id"], text=text, timestamp=iso(world.now()), parent_id=parent, hidden=False,
        **{"from": {"id": author, "username": name}},
    )  # fmt: skip


def hide(call: Call) -> Answer:
    call.world.change(call.node, hidden=call.flag("hide"))
    return {"success": True}


def remove(call: Call) -> Answer:
    call.world.drop(call.node["id"])
    return {"success": True}


def show_user(call: Call) -> Answer:
    media = sum(1 for _ in call.world.of("IGMedia", owner=call.node["id"]))
    return chosen({**call.node, "media_count": media, **_mentioned(call)}, call.fields())


_MENTIONED = re.compile(r"(mentioned_comment|mentioned_media)\.(?:comment_id|media_id)\((\w+)\)\{([\w,]+)\}")


def _mentioned(call: Call) -> Answer:
    """What names the account, and only that."""
    found: Answer = {}
    for name, thing_id, fields in _MENTIONED.findall(call.text("fields")):
        thing = call.world.things.get(thing_id, {})
        if call.node["id"] not in thing.get("mentions", ()):
            raise missing()
        found[name] = chosen(thing, fields.split(","))
    return found


def add_mention(world: World, user: str, text: str, *, name: str, commented: bool) -> Answer:
    """Somebody names an account, in a post of their own or in a comment below it; gives what is told of it."""
    made = world.new(
        "IGMedia", owner="", caption="" if commented else text, media_type="VIDEO", media_product_type="REELS",
        timestamp=iso(world.now()), username=name, mentions=[user],
    )  # fmt: skip
    world.change(made, permalink=f"https://www.instagram.com/reel/S{made['id'][-9:]}/")
    if not commented:
        return {"media_id": made["id"]}
    comment = add_comment(world, made, text, author="", name=name)
    world.change(comment, username=name, mentions=[user])
    return {"media_id": made["id"], "comment_id": comment["id"]}


EDGES: Edges = {
    ("POST", "IGUser", "media"): create,
    ("POST", "IGUser", "media_publish"): publish,
    ("GET", "IGUser", "media"): posts,
    ("GET", "IGUser", "stories"): stories,
    ("GET", "IGUser", "content_publishing_limit"): limit,
    ("GET", "IGUser", ""): show_user,
    ("GET", "ShadowIGMediaBuilder", ""): show_container,
    ("GET", "IGMedia", ""): show_media,
    ("GET", "IGMedia", "insights"): insights,
    ("GET", "IGMedia", "comments"): comments,
    ("POST", "IGMedia", "comments"): comment,
    ("DELETE", "IGMedia", ""): remove,
    ("GET", "IGComment", "replies"): replies,
    ("POST", "IGComment", "replies"): reply,
    ("POST", "IGComment", ""): hide,
    ("DELETE", "IGComment", ""): remove,
}
