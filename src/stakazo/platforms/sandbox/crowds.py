"""Audiences as the sandbox lets them be made: Meta's rules for each kind, lists of customers, and how they fill."""

from __future__ import annotations

import re
from typing import Any

from stakazo.platforms.sandbox.calls import Answer, Call, Edges, Refused, invalid, missing
from stakazo.platforms.sandbox.world import Thing, World

SMALLEST = 100
"""People, with fewer of whom an audience isn't delivered to, nor another made like it."""
FOUND = 25_000
"""People whom a rule finds."""
DAY = 86400
MOST_VIDEOS, MOST_CUSTOMERS, MOST_DAYS, MOST_DAYS_OF_WEBSITE = 100, 10_000, 365, 180
SUBTYPES = {"page": "ENGAGEMENT", "ig_business": "ENGAGEMENT", "pixel": "WEBSITE"}
NODES = {"page": "Page", "ig_business": "IGUser", "pixel": "AdsPixel"}
EVENTS = {"page": {"page_engaged"}, "ig_business": {"ig_business_profile_all"}}
WATCHED = {
    "video_watched", "video_completed", "video_view_10s", "video_view_15s", "video_view_25_percent",
    "video_view_50_percent", "video_view_75_percent",
}  # fmt: skip
SOURCES = {"USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED"}
_HASHED = re.compile(r"[0-9a-f]{64}|")


def create(call: Call) -> Answer:
    if not call.text("name"):
        raise invalid("Param name must be non-empty")
    subtype = call.text("subtype")
    made: Thing = {"rule": call.json("rule"), "lookalike_spec": call.json("lookalike_spec"), "people": FOUND}
    if subtype == "LOOKALIKE":
        _check_lookalike(call)
    elif subtype == "CUSTOM":
        _require_terms(call, "custom_audience_tos", Refused(200, "Terms not accepted", subcode=1870090))
        if call.text("customer_file_source") not in SOURCES:
            raise invalid("The parameter customer_file_source is required", 1870147)
        made |= {"people": 0, "customers": []}
    elif isinstance(made["rule"], list):
        _check_viewers(call, made["rule"])
        subtype = "ENGAGEMENT"
    elif subtype:
        raise Refused(2654, "Failed to create custom audience: the subtype isn't taken", subcode=1870053)
    else:
        subtype = _ruled(call, made["rule"])
    audience = call.world.new(
        "CustomAudience", account=call.node["id"], name=call.text("name"), description=call.text("description"),
        subtype=subtype, flagged=False, special=True, changed=call.now, **made,
    )  # fmt: skip
    return {"id": audience["id"]}


def _check_lookalike(call: Call) -> None:
    spec, origin = call.json("lookalike_spec") or {}, call.world.things.get(call.text("origin_audience_id"))
    if origin is None or origin["kind"] != "CustomAudience":
        raise missing()
    if not re.fullmatch(r"[A-Z]{2}", str(spec.get("country"))):
        raise invalid("lookalike_spec.country must be a country", 1713152)
    if not 0.01 <= float(spec.get("ratio", 0)) <= 0.2:
        raise invalid("lookalike_spec.ratio must be between 0.01 and 0.20", 1713153)
    if origin["people"] < SMALLEST:
        raise Refused(2654, "The origin audience needs at least 100 people", subcode=1713154)


def _check_viewers(call: Call, rule: list[Any]) -> None:
    if not 1 <= len(rule) <= MOST_VIDEOS or not all(isinstance(one, dict) for one in rule):
        raise Refused(2654, "Failed to create custom audience: too many videos, or none")
    if call.text("subtype") != "ENGAGEMENT" or not 1 <= call.whole("retention_days") <= MOST_DAYS:
        raise Refused(2654, "Failed to create custom audience")
    for one in rule:
        video, page = (
            call.world.things.get(str(one.get("object_id"))),
            call.world.things.get(str(one.get("context_id"))),
        )
        if one.get("event_name") not in WATCHED:
            raise Refused(2654, "Invalid event name", subcode=1713151)
        if video is None or video["kind"] != "AdVideo" or page is None or page["kind"] != "Page":
            raise Refused(2654, "Failed to create custom audience: the video isn't there")


def _ruled(call: Call, rule: Any) -> str:
    """The kind that a rule makes of it."""
    found = (rule or {}).get("inclusions", {}).get("rules") or []
    if len(found) != 1 or not found[0].get("event_sources") or not (found[0].get("filter") or {}).get("filters"):
        raise invalid("The JSON rule format is invalid", 1713098)
    (source,), (condition, *_) = found[0]["event_sources"], found[0]["filter"]["filters"]
    kind, days = str(source.get("type")), int(found[0].get("retention_seconds", 0)) / DAY
    if kind not in SUBTYPES or not 1 <= days <= (MOST_DAYS_OF_WEBSITE if kind == "pixel" else MOST_DAYS):
        raise invalid("The JSON rule is invalid", 1713098)
    if kind == "pixel":
        _require_terms(call, "web_custom_audience_tos", Refused(2663, "Terms of service has not been accepted"))
    elif condition.get("value") not in EVENTS[kind]:
        raise Refused(2654, "Invalid event name", subcode=1713151)
    node = call.world.things.get(str(source.get("id")))
    if node is None or node["kind"] != NODES[kind]:
        raise Refused(2654, "Failed to create custom audience: its source isn't there")
    return SUBTYPES[kind]


def _require_terms(call: Call, name: str, otherwise: Refused) -> None:
    if not call.node.get("tos_accepted", {name: 1}).get(name):
        raise otherwise


def add_users(call: Call) -> Answer:
    """Hashed customers; what isn't a hash is an entry that can't be read, and no client may send it."""
    if call.node["subtype"] != "CUSTOM":
        raise Refused(2650, "Only a list of customers takes users")
    payload, session = call.json("payload") or {}, call.json("session") or {}
    rows = payload.get("data")
    if payload.get("schema") != ["EMAIL", "PHONE"] or not isinstance(rows, list) or len(rows) > MOST_CUSTOMERS:
        raise invalid("Invalid payload", 1870145)
    readable = [row for row in rows if len(row) == 2 and all(_HASHED.fullmatch(str(one)) for one in row) and any(row)]
    if len(readable) < len(rows):
        call.world.violations.append({"operation": call.operation, "fault": "payload: not SHA-256", "params": {}})
    known = {tuple(one) for one in call.node.get("customers", [])} | {tuple(one) for one in readable}
    call.world.change(call.node, customers=sorted(known), people=max(call.node["people"], len(known)), changed=call.now)
    return {"audience_id": call.node["id"], "session_id": str(session.get("session_id", "")),
            "num_received": len(rows), "num_invalid_entries": len(rows) - len(readable),
            "invalid_entry_samples": {}}  # fmt: skip


def remove(call: Call) -> Answer:
    call.world.drop(call.node["id"])
    return {"success": True}


def is_filling(world: World, thing: Thing) -> bool:
    """Whether people are still being found for it."""
    return world.now() < float(thing.get("changed") or thing["made"]) + world.processing


EDGES: Edges = {
    ("POST", "AdAccount", "customaudiences"): create,
    ("POST", "CustomAudience", "users"): add_users,
    ("DELETE", "CustomAudience", ""): remove,
}
