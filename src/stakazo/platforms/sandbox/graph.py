"""Meta's Graph API as the sandbox plays it: who asks, what for, is it as Meta's contract has it, what goes wrong."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from stakazo.platforms.sandbox import ads, contract, instagram, login, messages, pages, webhooks
from stakazo.platforms.sandbox.calls import Answered, Asked, Call, Edges, Handler, Refused, missing
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.world import Thing, World

EDGES: Edges = {
    **instagram.EDGES, **pages.EDGES, **messages.EDGES, **login.EDGES, **ads.EDGES, **webhooks.EDGES,
}  # fmt: skip

HOUR = 3600.0
USE_CASE = {
    "IGUser": "instagram", "IGMedia": "instagram", "IGComment": "instagram", "ShadowIGMediaBuilder": "instagram",
    "Page": "pages", "AdVideo": "pages", "Comment": "pages",
}  # fmt: skip
ADS = {"AdAccount", "Campaign", "AdSet", "Ad", "AdCreative", "AdReportRun", "CustomAudience", "TargetingSearch"}
SEARCH: Thing = {"id": "search", "kind": "TargetingSearch"}
"""What belongs to nobody."""
USE_CASE |= dict.fromkeys(ADS, "ads_management")
SCOPES: dict[str, frozenset[str]] = {
    "POST IGUser/media": frozenset({"instagram_content_publish"}),
    "POST IGUser/media_publish": frozenset({"instagram_content_publish"}),
    "GET IGMedia/insights": frozenset({"instagram_manage_insights"}),
    "POST IGMedia/comments": frozenset({"instagram_manage_comments"}),
    "POST Page/video_reels": frozenset({"pages_manage_posts"}),
    "POST Page/videos": frozenset({"pages_manage_posts"}),
    "GET AdVideo/video_insights": frozenset({"read_insights"}),
    **dict.fromkeys(
        (
            "POST AdAccount/campaigns",
            "POST AdAccount/adsets",
            "POST AdAccount/adcreatives",
            "POST AdAccount/ads",
            "POST Campaign",
            "POST AdSet",
            "POST Ad",
            "POST AdAccount/customaudiences",
            "POST CustomAudience/users",
            "DELETE CustomAudience",
        ),
        frozenset({"ads_management"}),
    ),
}
UNDECLARED = {"Comment"}
"""Kinds that are here and not in Meta's SDK as something that can be asked for."""
EXPIRED = 463


def answer(world: World, asked: Asked) -> Answered:
    """Do what is asked, or go wrong."""
    if asked.method == "POST" and asked.params.get("method", "").upper() in {"GET", "DELETE"}:
        asked.method = asked.params.pop("method").upper()
    if asked.method == "POST" and not asked.path and "batch" in asked.params:
        return _batch(world, asked)
    operation = f"{asked.method} {asked.path}"
    world.catch_up(looked=asked.method == "GET")
    try:
        if asked.path in login.UNADDRESSED:
            return _before(world, operation) or login.UNADDRESSED[asked.path](world, asked)
        token = _authenticated(world, asked)
        node, edge = _addressed(world, asked.path, token)
        operation = f"{asked.method} {node['kind']}" + (f"/{edge}" if edge else "")
        _check_contract(world, asked, node, edge, operation)
        _require_scopes(token, operation)
        found = _befallen(world, asked, node, edge, token, operation)
    except Refused as refused:
        found = Answered(refused.body, refused.status)
    world.calls.append({"at": world.now(), "operation": operation, "status": 0 if found.cut else found.status,
                        "path": asked.path, "params": _harmless(asked.params)})  # fmt: skip
    found.headers = _usage(world, asked.token, operation) | found.headers
    return found


def _befallen(world: World, asked: Asked, node: Thing, edge: str, token: Thing, operation: str) -> Answered:
    """The handler's answer, with what goes wrong before and after it."""
    strikes = world.faults.strikes
    if before := _before(world, operation):
        return before
    handler = EDGES.get((asked.method, node["kind"], edge))
    if handler is None:
        raise Refused(
            100, f"Unsupported {asked.method.lower()} request to {node['kind']}/{edge}", kind="GraphMethodException"
        )
    call = Call(world, operation, node, asked.params, token, asked.files, asked.root)
    if asked.method != "GET" and (fault := strikes("late_effect", operation)):
        world.postpone(lambda: _unheard(handler, call), fault.detail)
        return Answered(None, cut=True)
    found = _done(handler, call)
    if strikes("lost_reply", operation):
        return Answered(None, cut=True)
    if fault := strikes("error_after", operation):
        refused = _error(fault, code=4, subcode=2207051, message="Action is blocked")
        return Answered(refused.body, refused.status)
    if fault := strikes("late_reply", operation):
        found.delay = float(fault.detail.get("seconds", world.late))
    return found


def _done(handler: Handler, call: Call) -> Answered:
    found = Answered(handler(call))
    for act in call.later:
        act()
    return found


def _unheard(handler: Handler, call: Call) -> None:
    """Do it when nobody waits for the answer any more, whatever that is."""
    if call.node["id"] in call.world.things:
        call.node = call.world.things[call.node["id"]]  # as it is by then
        with contextlib.suppress(Refused):
            _done(handler, call)


def _before(world: World, operation: str) -> Answered | None:
    """What goes wrong before anything is done."""
    strikes = world.faults.strikes
    if strikes("never_arrived", operation):
        return Answered(None, cut=True)
    if strikes("busy_text", operation):
        return Answered("Service Unavailable")
    if fault := strikes("expired_token", operation):
        raise _error(fault, code=190, subcode=EXPIRED, message="Error validating access token: Session has expired")
    if fault := strikes("rate_limit", operation):
        refused = _error(fault, code=4, message="Application request limit reached", is_transient=True)
        return Answered(refused.body, refused.status, _closed(int(refused.error["code"])))
    if fault := strikes("error_in_200", operation):
        return Answered(_error(fault, code=4, message="Application request limit reached").body, 200)
    if fault := strikes("error", operation):
        raise _error(fault, code=2, message="An unexpected error has occurred. Please retry your request later.")
    return None


def _error(fault: Fault, *, code: int, message: str, subcode: int | None = None, **more: Any) -> Refused:
    said = {"code": code, "message": message, "subcode": subcode, **more, **fault.detail}
    return Refused(**said)


def _closed(code: int) -> dict[str, str]:
    """The headers of an account that is closed for five minutes."""
    if code < 80000:
        return {"X-App-Usage": json.dumps({"call_count": 100, "total_time": 40, "total_cputime": 40})}
    kind = {80000: "ads_insights", 80001: "pages", 80002: "instagram", 80004: "ads_management"}.get(code, "pages")
    entry = {
        "type": kind,
        "call_count": 100,
        "total_cputime": 10,
        "total_time": 10,
        "estimated_time_to_regain_access": 5,
    }
    return {"X-Business-Use-Case-Usage": json.dumps({"1000000000000099": [entry]})}


def _batch(world: World, asked: Asked) -> Answered:
    """Each part as if it had come alone; one that breaks off is null."""
    try:
        parts = json.loads(asked.params["batch"])
    except ValueError:
        return Answered(Refused(100, "Param batch must be JSON").body, 400)
    if len(parts) > 50:
        return Answered(Refused(100, "Too many requests in batch message. Maximum batch size is 50").body, 400)
    answers: list[Any] = []
    for part in parts:
        url = urlsplit(part["relative_url"])
        params = dict(parse_qsl(url.query, keep_blank_values=True)) | dict(
            parse_qsl(part.get("body", ""), keep_blank_values=True)
        )
        token = params.pop("access_token", asked.token)
        path = re.sub(r"^v\d+\.\d+/", "", url.path.strip("/"))
        found = answer(world, Asked(part["method"].upper(), path, params, token, root=asked.root))
        headers = [{"name": name, "value": value} for name, value in found.headers.items()]
        answers.append(
            None if found.cut else {"code": found.status, "headers": headers, "body": json.dumps(found.body)}
        )
    return Answered(answers)


def _authenticated(world: World, asked: Asked) -> Thing:
    token = world.token(asked.token) or _app_token(world, asked.token)
    if not asked.token:
        raise Refused(104, "An access token is required to request this resource", status=400)
    if token is None:
        raise Refused(190, "Invalid OAuth access token - Cannot parse access token")
    if token.get("revoked"):
        raise Refused(190, "Error validating access token: the session was invalidated", subcode=token["revoked"])
    if token["expires_at"] and token["expires_at"] <= world.now():
        raise Refused(190, "Error validating access token: Session has expired", subcode=EXPIRED)
    proof = asked.params.get("appsecret_proof")
    app = world.things[token["app"]]
    if proof is not None:
        expected = hmac.new(app["secret"].encode(), asked.token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof, expected):
            raise Refused(100, "Invalid appsecret_proof provided in the API argument", kind="GraphMethodException")
    return token


def _app_token(world: World, token: str) -> Thing | None:
    """`id|secret` is the app itself."""
    app_id, _, secret = token.partition("|")
    app = world.things.get(app_id, {})
    if app.get("kind") != "Application" or app["secret"] != secret:
        return None
    return {"type": "APP", "app": app_id, "scopes": [], "expires_at": 0}


def _addressed(world: World, path: str, token: Thing) -> tuple[Thing, str]:
    """The node that is meant, and the edge."""
    first, _, edge = path.strip("/").partition("/")
    if first == SEARCH["id"]:
        return SEARCH, edge
    if first == "me":
        first = token.get("page") or token.get("user", "")
    node = world.things.get(first)
    if node is None or not _visible(world, node, token):
        raise missing()
    return node, edge


def _visible(world: World, node: Thing, token: Thing) -> bool:
    """Whether this token may know of it: a Page's token its Page and what belongs to it, a person's all they have."""
    if node["kind"] in {"Token", "Ids", "Clock", "Code"}:
        return False
    if token["type"] != "PAGE":
        return True
    mine = {token["page"], world.things[token["page"]].get("ig")}
    belongs_to = {node["id"], node.get("owner"), node.get("page")}
    if below := world.things.get(node.get("media") or node.get("video") or ""):  # a comment
        belongs_to |= {below.get("owner"), below.get("page")}
    return bool(mine & belongs_to)


def _check_contract(world: World, asked: Asked, node: Thing, edge: str, operation: str) -> None:
    meta = contract.installed()
    if meta is None or node["kind"] in UNDECLARED:
        return
    for fault in meta.violations(asked.method, node["kind"], edge, asked.params, tuple(asked.files)):
        world.violations.append({"operation": operation, "fault": fault, "params": _harmless(asked.params)})


def _require_scopes(token: Thing, operation: str) -> None:
    if needed := SCOPES.get(operation, frozenset()) - set(token["scopes"]):
        raise Refused(10, f"Application does not have permission for this action: {', '.join(sorted(needed))}")


def _usage(world: World, token: str, operation: str) -> dict[str, str]:
    """How much of the allowance is used, as Meta's headers say it."""
    now = world.now()
    spent = world.spent.setdefault(token, deque())
    spent.append(now)
    while spent and spent[0] < now - HOUR:
        spent.popleft()
    percent = min(100, int(100 * len(spent) / world.allowance))
    used = {"call_count": percent, "total_time": percent // 2, "total_cputime": percent // 2}
    headers = {"X-App-Usage": json.dumps(used), "facebook-api-version": "v26.0"}
    kind = operation.rsplit(" ", maxsplit=1)[-1].split("/", maxsplit=1)[0]
    use = "ads_insights" if kind in ADS and operation.endswith("/insights") else USE_CASE.get(kind)
    if use == "ads_insights":
        throttle = {"app_id_util_pct": percent, "acc_id_util_pct": percent, "ads_api_access_tier": "standard_access"}
        headers["x-fb-ads-insights-throttle"] = json.dumps(throttle)
    if use:
        entry = {"type": use, **used, "estimated_time_to_regain_access": 0}
        headers["X-Business-Use-Case-Usage"] = json.dumps({"1000000000000099": [entry]})
    return headers


def _harmless(params: Mapping[str, str]) -> dict[str, str]:
    return {name: value[:500] for name, value in params.items() if "secret" not in name and "token" not in name}
