"""The sandbox's own controls, under `/sandbox`: what there is, what goes wrong, what time it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stakazo.platforms.sandbox import instagram, messages, pages, tiktok
from stakazo.platforms.sandbox import world as furniture
from stakazo.platforms.sandbox.faults import KNOWN, SCENARIOS, Fault
from stakazo.platforms.sandbox.webhooks import Sender
from stakazo.platforms.sandbox.world import World

SOMEBODY = "1000000000000077"
"""Who comments."""


async def overview(world: World, _request: Request) -> Response:
    """What this is, and what is in it."""
    counts: dict[str, int] = {}
    for thing in world.things.values():
        counts[thing["kind"]] = counts.get(thing["kind"], 0) + 1
    return JSONResponse(
        {
            "sandbox": "Nothing here is real: nothing is published and nothing is spent.",
            "scenario": world.faults.scenario,
            "seed": world.faults.seed,
            "scenarios": [*SCENARIOS, *KNOWN],
            "faults": KNOWN,
            "struck": dict(world.faults.struck),
            "things": counts,
            "violations": len(world.violations),
            "limits": world.limits,
            "now": furniture.iso(world.now()),
        }
    )


async def accounts(_world: World, _request: Request) -> Response:
    """What can be connected."""
    return JSONResponse(ACCOUNTS)


async def violations(world: World, _request: Request) -> Response:
    """Requests that Meta's contract doesn't have."""
    return JSONResponse(world.violations)


async def calls(world: World, request: Request) -> Response:
    """The newest requests."""
    limit = int(request.query_params.get("limit", "100"))
    return JSONResponse(list(world.calls)[-limit:])


async def things(world: World, request: Request) -> Response:
    """Everything of a kind, the newest first."""
    return JSONResponse(list(world.of(request.path_params["kind"])))


async def play(world: World, request: Request) -> Response:
    """Switch to a scenario."""
    body = await _body(request)
    try:
        world.faults.seed = int(body.get("seed", world.faults.seed))
        world.faults.play(str(body["scenario"]))
    except (KeyError, ValueError) as error:
        return _not_understood(error)
    return await overview(world, request)


async def add_fault(world: World, request: Request) -> Response:
    """Plan one fault: `{"what": "lost_reply", "where": "POST IGUser/media_publish", "times": 1}`."""
    body = await _body(request)
    try:
        world.faults.add(Fault(**body))
    except (TypeError, ValueError) as error:
        return _not_understood(error)
    return await overview(world, request)


async def move_on(world: World, request: Request) -> Response:
    """Make it later: `{"forward": 86400}`."""
    body = await _body(request)
    try:
        world.move_on(float(body["forward"]))
    except (KeyError, TypeError, ValueError) as error:
        return _not_understood(error)
    return await overview(world, request)


async def add_account(world: World, request: Request) -> Response:
    """One more account: `{"platform": "tiktok"}`."""
    body = await _body(request)
    try:
        return JSONResponse(world.add_account(str(body["platform"])))
    except KeyError as error:
        return _not_understood(error)


async def set_up(world: World, request: Request) -> Response:
    """How fast and how generous it is: `{"processing": 0.1, "allowance": 500, "limits": {"facebook": 1000}}`."""
    body = await _body(request)
    try:
        world.processing = float(body.get("processing", world.processing))
        world.late = float(body.get("late", world.late))
        world.allowance = int(body.get("allowance", world.allowance))
        if "tiktok_callback" in body:
            world.callbacks["tiktok"] = str(body["tiktok_callback"])
        world.limits |= {
            name: int(value) for name, value in dict(body.get("limits", {})).items() if name in world.limits
        }
    except (TypeError, ValueError) as error:
        return _not_understood(error)
    return await overview(world, request)


async def send(world: World, sender: Sender, request: Request) -> Response:
    """Let something happen, and tell who has subscribed.

    `{"comment": "Nice!", "on": "<post>", "author": "bob"}` makes a comment, on Instagram or below a Page's video;
    `{"mention": "@us!", "of": "<Instagram account>", "author": "bob", "comment": true}` names an account, in a
    comment or in what is said about a post of somebody else;
    `{"message": "Hi!", "to": "<Page or Instagram account>", "author": "bob"}` writes to an account;
    `{"tiktok": "<draft>", "event": "post.publish.complete"}` has its person post a draft in the app;
    `{"tiktok": "<post>", "event": "post.publish.no_longer_publicaly_available"}` and
    `{"youtube": "<video>", "gone": false}` tell of posts;
    `{"object", "id", "field", "value"}` sends anything else of Meta's.
    """
    body = await _body(request)
    try:
        if "mention" in body:
            sent = _mention(world, sender, body)
        elif "comment" in body:
            sent = _comment(world, sender, body)
        elif "message" in body:
            sent = _message(world, sender, body)
        elif "tiktok" in body:
            post = world.things[str(body["tiktok"]).rpartition(".")[2]]
            if post["inbox"] and body["event"] == tiktok.COMPLETE:
                tiktok.post_draft(world, post)  # and TikTok tells of it by itself
                return JSONResponse({"deliveries": 0})
            sent = sender.send_tiktok(post, str(body["event"]), tiktok.told(post, body))
        elif "youtube" in body:
            video = world.things[str(body["youtube"])]
            channel = world.things[video["channel"]]
            sent = sender.send_youtube(video, channel, gone=bool(body.get("gone")))
        else:
            sent = sender.send(str(body["object"]), str(body["id"]), str(body["field"]), body["value"])
    except (KeyError, TypeError) as error:
        return _not_understood(error)
    return JSONResponse({"deliveries": sent})


def _comment(world: World, sender: Sender, body: dict[str, Any]) -> int:
    post, text, name = world.things[body["on"]], str(body["comment"]), str(body.get("author", "bob"))
    if post["kind"] == "AdVideo":
        below = pages.add_comment(world, post, text, SOMEBODY, name)
        return sender.send("page", post["page"], "feed", pages.told(post, below))
    made = instagram.add_comment(world, post, text, author=SOMEBODY, name=name)
    media = {"id": post["id"], "media_product_type": post["media_product_type"]}
    value = {"id": made["id"], "from": made["from"], "text": made["text"], "media": media}
    return sender.send("instagram", post["owner"], "comments", value)


def _mention(world: World, sender: Sender, body: dict[str, Any]) -> int:
    account, name = str(body["of"]), str(body.get("author", "bob"))
    told = instagram.add_mention(world, account, str(body["mention"]), name=name, commented=bool(body.get("comment")))
    return sender.send("instagram", account, "mentions", told)


def _message(world: World, sender: Sender, body: dict[str, Any]) -> int:
    account, author = str(body["to"]), str(body.get("author", SOMEBODY))
    if world.things[account]["kind"] == "Page":
        kind, page_id = "page", account
    else:
        kind, page_id = "instagram", next(one["id"] for one in world.of("Page", ig=account))
    made = messages.receive(world, kind, page_id, author, str(body["message"]))
    return sender.send(kind, account, "messages", messages.told(world, made))


async def _body(request: Request) -> dict[str, Any]:
    try:
        found = await request.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _not_understood(error: Exception) -> Response:
    return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 422)


ACCOUNTS: dict[str, dict[str, Any]] = {
    "instagram": {"id": furniture.IG_USER, "token": furniture.PAGE_TOKEN},
    "facebook": {"id": furniture.PAGE, "token": furniture.PAGE_TOKEN},
    "tiktok": {"id": furniture.CREATOR, "token": furniture.TIKTOK_TOKEN,
               "scopes": furniture.TIKTOK_SCOPES},
    "youtube": {"id": furniture.CHANNEL, "token": furniture.YOUTUBE_TOKEN},
    "meta_ads": {"id": furniture.AD_ACCOUNT, "token": furniture.META_TOKEN, "page_id": furniture.PAGE,
                 "instagram_id": furniture.IG_USER, "pixel_id": furniture.PIXEL},
    "meta_app": {"id": furniture.META_APP, "secret": furniture.META_SECRET},
    "tiktok_app": {"id": "sandbox-tiktok-app", "secret": "sandbox-tiktok-secret"},
    "google_app": {"id": "sandbox-google-app", "secret": "sandbox-google-secret"},
}  # fmt: skip

ROUTES: list[tuple[str, str, Callable[[World, Request], Awaitable[Response]]]] = [
    ("GET", "/", overview),
    ("GET", "/sandbox", overview),
    ("GET", "/sandbox/accounts", accounts),
    ("POST", "/sandbox/accounts", add_account),
    ("POST", "/sandbox/settings", set_up),
    ("GET", "/sandbox/violations", violations),
    ("GET", "/sandbox/calls", calls),
    ("GET", "/sandbox/things/{kind}", things),
    ("POST", "/sandbox/scenario", play),
    ("POST", "/sandbox/faults", add_fault),
    ("POST", "/sandbox/clock", move_on),
]
