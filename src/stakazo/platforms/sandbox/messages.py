"""Messages to a Page, and to the Instagram account behind it, as the sandbox plays them."""

from __future__ import annotations

import json
from typing import Any

from stakazo.platforms.sandbox.calls import Answer, Call, Edges, Refused, invalid, page
from stakazo.platforms.sandbox.world import Thing, World, iso

WINDOW = 86400.0
"""Seconds after somebody's last message for which they can be answered."""
ALLOWS = {"instagram": "instagram_manage_messages", "page": "pages_messaging"}
"""The permission of each."""
_PLATFORM = {"INSTAGRAM": "instagram", "MESSENGER": "page"}


def receive(world: World, kind: str, page_id: str, person: str, text: str) -> Thing:
    """Somebody writes to a Page (`kind` is "page") or to its Instagram account."""
    return _add(world, kind, page_id, person, person, text)


def _add(world: World, kind: str, page_id: str, person: str, author: str, text: str) -> Thing:
    place = {"page": page_id, "inbox": kind, "person": person}
    number = world.new("MessageNumber")["id"]
    said = {"message": text, "created_time": iso(world.now()), "from": {"id": author}}
    return world.save({"id": f"m_{number}", "kind": "Message", "made": world.now(), **place, **said})


def account_of(world: World, message: Thing) -> str:
    """Whom the Page speaks as: itself, or its Instagram account."""
    return str(message["page"] if message["inbox"] == "page" else world.things[message["page"]]["ig"])


def told(world: World, message: Thing) -> dict[str, Any]:
    """What a webhook says of a message."""
    return {
        "sender": message["from"],
        "recipient": {"id": account_of(world, message)},
        "timestamp": int(float(message["made"]) * 1000),
        "message": {"mid": message["id"], "text": message["message"]},
    }


def answer(call: Call) -> Answer:
    """A Page answers who has written to it, or to its Instagram account, within a day."""
    person, text = str(_object(call, "recipient").get("id", "")), str(_object(call, "message").get("text", ""))
    theirs = [one for one in call.world.of("Message", page=call.node["id"], person=person) if _is_theirs(one)]
    if not theirs:
        raise Refused(100, "No matching user found", subcode=2018001)
    last = max(theirs, key=lambda one: float(one["made"]))
    _require(call, last["inbox"])
    if call.now - float(last["made"]) > WINDOW:
        raise Refused(10, "This message is sent outside of allowed window.", subcode=2018278)
    if not text or len(text.encode()) > (1000 if last["inbox"] == "instagram" else 2000):
        raise invalid("Length of param message[text] must be less than or equal to 2000")
    made = _add(call.world, last["inbox"], call.node["id"], person, account_of(call.world, last), text)
    return {"recipient_id": person, "message_id": made["id"]}


def _object(call: Call, name: str) -> dict[str, Any]:
    found = json.loads(call.text(name) or "{}")
    return found if isinstance(found, dict) else {}


def _is_theirs(message: Thing) -> bool:
    return bool(message["from"]["id"] == message["person"])


def _require(call: Call, kind: str) -> None:
    if ALLOWS[kind] not in call.token["scopes"]:
        raise Refused(10, f"Application does not have permission for this action: {ALLOWS[kind]}")


def conversations(call: Call) -> Answer:
    """The messages between the Page, or its Instagram account, and somebody."""
    kind = _PLATFORM[call.text("platform").upper() or "MESSENGER"]
    _require(call, kind)
    person = call.text("user_id")
    said = list(call.world.of("Message", page=call.node["id"], inbox=kind, person=person))
    newest = sorted(said, key=lambda one: -float(one["made"]))
    rows = [{name: one[name] for name in ("id", "message", "from", "created_time")} for one in newest]
    return page(call, [{"id": f"t_{person}", "messages": {"data": rows}}] if rows else [])


EDGES: Edges = {
    ("POST", "Page", "messages"): answer,
    ("GET", "Page", "conversations"): conversations,
}
