"""Signing in as the sandbox plays it: the page that asks the person, codes, tokens, what was granted."""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from stakazo.platforms.sandbox import pages
from stakazo.platforms.sandbox import world as furniture
from stakazo.platforms.sandbox.calls import Answer, Answered, Asked, Call, Edges, Refused, chosen, page
from stakazo.platforms.sandbox.plain import Act, Ask
from stakazo.platforms.sandbox.world import Thing, World

HOUR, DAY = 3600.0, 86400.0
LONG = 60 * DAY
CODE_FOR = 600.0
DATA_FOR = 90 * DAY

PAGE = """<!doctype html><meta charset="utf-8"><title>Sandbox</title>
<body style="font:16px system-ui;max-width:34em;margin:4em auto;padding:0 1em">
<h1>Connect {who}?</h1><p>This is Stakazo's sandbox. Nothing here is real.</p>
<form method="post">{fields}{scopes}
<p><button name="answer" value="allow">Allow</button> <button name="answer" value="decline">Decline</button></p>
</form></body>"""


BOX = '<p><label><input type="checkbox" name="granted" value="{scope}" checked> {scope}</label></p>'


async def ask_person(ask: Ask) -> Answered:
    """The page on which a person says yes or no."""
    asked = dict(ask.request.query_params)
    fields = "".join(
        f'<input type="hidden" name="{html.escape(k)}" value="{html.escape(v)}">' for k, v in asked.items()
    )
    boxes = "".join(BOX.format(scope=html.escape(scope)) for scope in _split(asked.get("scope", "")))
    who = ask.request.url.path.split("/")[1].title()
    return Answered(
        PAGE.format(who=who, fields=fields, scopes=boxes), 200, {"Content-Type": "text/html; charset=utf-8"}
    )


async def answered(ask: Ask) -> Answered:
    """The person's answer: back to who has sent them, with a code or without."""
    form = await ask.request.form()
    said = {name: str(value) for name, value in form.items()}
    back, state = said.get("redirect_uri", ""), said.get("state", "")
    if not back.startswith(("http://", "https://")):
        return Answered("redirect_uri is missing", 400)
    if said.get("answer") != "allow":
        denied = {"error": "access_denied", "error_reason": "user_denied", "error_description": "Permissions error"}
        return Answered("", 303, {"Location": f"{back}?{urlencode({**denied, 'state': state})}"})
    granted = [str(scope) for scope in form.getlist("granted")] or _split(said.get("scope", ""))
    code = ask.world.new(
        "Code", code=secrets.token_urlsafe(24), redirect_uri=back, scopes=granted, used=False,
        client=said.get("client_id") or said.get("client_key", ""), challenge=said.get("code_challenge", ""),
    )  # fmt: skip
    return Answered("", 303, {"Location": f"{back}?{urlencode({'code': code['code'], 'state': state})}"})


def _split(scopes: str) -> list[str]:
    return [scope for scope in scopes.replace(",", " ").split() if scope]


def _redeemed(world: World, said: Mapping[str, str], client: str) -> Thing | None:
    """The code that is meant, used up from now on."""
    code = next(world.of("Code", code=said.get("code", "")), None)
    if code is None or code["used"] or code["made"] < world.now() - CODE_FOR:
        return None
    if code["redirect_uri"] != said.get("redirect_uri") or code["client"] != client:
        return None
    if code["challenge"] and code["challenge"] != _challenge(said.get("code_verifier", "")):
        return None
    return world.change(code, used=True)


def _challenge(verifier: str) -> str:
    """RFC 7636, 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


# --- Meta ---------------------------------------------------------------------------------------------------


def access_token(world: World, asked: Asked) -> Answered:
    """A code for a token of an hour, or a token for one of sixty days."""
    said = asked.params
    app = world.things.get(said.get("client_id", ""))
    if app is None or app["kind"] != "Application" or app["secret"] != said.get("client_secret"):
        return _no(101, "Error validating application. Cannot get application info")
    if said.get("grant_type") == "fb_exchange_token":
        old = world.token(said.get("fb_exchange_token", ""))
        if old is None or (old["expires_at"] and old["expires_at"] <= world.now()):
            return _no(190, "Error validating access token: Session has expired", 463)
        made = _new_token(world, old["scopes"], LONG)
        return Answered({"access_token": made["token"], "token_type": "bearer", "expires_in": int(LONG)})
    code = _redeemed(world, said, app["id"])
    if code is None:
        return _no(100, "This authorization code has been used, has expired, or its redirect_uri differs", 36009)
    made = _new_token(world, ["public_profile", *code["scopes"]], HOUR)
    return Answered({"access_token": made["token"], "token_type": "bearer", "expires_in": int(HOUR)})


def _new_token(world: World, scopes: list[str], seconds: float) -> Thing:
    return world.new_token(
        type="USER", user=furniture.USER, app=furniture.META_APP, scopes=list(dict.fromkeys(scopes)),
        expires_at=int(world.now() + seconds),
    )  # fmt: skip


def debug_token(world: World, asked: Asked) -> Answered:
    """What is known of a token."""
    app_id, _, secret = asked.token.partition("|")
    app = world.things.get(app_id, {})
    if app.get("secret") != secret:
        return _no(190, "Invalid OAuth access token")
    token = world.token(asked.params.get("input_token", ""))
    if token is None:
        error: Answer = {"code": 190, "message": "Malformed access token"}
        return Answered({"data": {"is_valid": False, "error": error, "scopes": []}})
    found: Answer = {
        "app_id": token["app"], "type": token["type"], "is_valid": True, "expires_at": token["expires_at"],
        "data_access_expires_at": int(token["made"] + DATA_FOR) if not token.get("lasting") else 0,
        "issued_at": int(token["made"]),
        "scopes": token["scopes"], "granular_scopes": [{"scope": scope} for scope in token["scopes"]],
        "user_id": token["user"], **({"profile_id": token["page"]} if "page" in token else {}),
    }  # fmt: skip
    expired = token["expires_at"] and token["expires_at"] <= world.now()
    if expired or token.get("revoked"):
        error = {"code": 190, "message": "Session has expired", "subcode": token.get("revoked") or 463}
        found |= {"is_valid": False, "error": error}
    return Answered({"data": found})


def permissions(call: Call) -> Answer:
    asked = {*furniture.META_SCOPES, *call.token["scopes"]}
    rows: list[Answer] = [
        {"permission": scope, "status": "granted" if scope in call.token["scopes"] else "declined"}
        for scope in sorted(asked)
    ]
    return page(call, rows)


def accounts(call: Call) -> Answer:
    """The Pages, each with its token; one got with a long-lived token doesn't expire."""
    rows = []
    for known in call.world.of("Page", owner=call.node["id"]):
        token = pages.token_of(call, known)
        instagram = call.world.things.get(known.get("ig") or "", {})
        found = {
            **known, "access_token": token["token"], "tasks": ["ADVERTISE", "CREATE_CONTENT", "MANAGE"],
            "instagram_business_account": {"id": instagram.get("id"), "username": instagram.get("username")},
        }  # fmt: skip
        rows.append(chosen(found, call.fields(), ("name", "access_token", "category")))
    return page(call, rows)


def ad_accounts(call: Call) -> Answer:
    rows = [
        chosen({**known, "account_id": known["id"].removeprefix("act_")}, call.fields(), ("account_id",))
        for known in call.world.of("AdAccount", owner=call.node["id"])
    ]
    return page(call, rows)


def show_user(call: Call) -> Answer:
    return chosen(call.node, call.fields(), ("name",))


def _no(code: int, message: str, subcode: int | None = None) -> Answered:
    return Answered(Refused(code, message, subcode=subcode).body, 400)


# --- TikTok and Google --------------------------------------------------------------------------------------


async def tiktok_token(ask: Ask) -> Answered:
    said = {name: str(value) for name, value in (await ask.request.form()).items()}
    if said.get("client_key") != "sandbox-tiktok-app" or said.get("client_secret") != "sandbox-tiktok-secret":
        return _oauth_error("invalid_client")
    refresh = f"sandbox-refresh-{secrets.token_urlsafe(12)}"
    if (scopes := _granted_scopes(ask.world, said, "sandbox-tiktok-app")) is None:
        return _oauth_error("invalid_grant")
    made = ask.world.new_token(
        type="TIKTOK", creator=furniture.CREATOR, scopes=scopes, expires_at=int(ask.world.now() + DAY), refresh=refresh
    )
    return Answered({
        "access_token": made["token"], "expires_in": int(DAY), "open_id": furniture.CREATOR, "token_type": "Bearer",
        "refresh_token": refresh, "refresh_expires_in": int(365 * DAY), "scope": ",".join(scopes),
    })  # fmt: skip


async def google_token(ask: Ask) -> Answered:
    said = {name: str(value) for name, value in (await ask.request.form()).items()}
    if said.get("client_id") != "sandbox-google-app" or said.get("client_secret") != "sandbox-google-secret":
        return _oauth_error("invalid_client")
    if (scopes := _granted_scopes(ask.world, said, "sandbox-google-app", rotate=False)) is None:
        return _oauth_error("invalid_grant")
    refresh = said.get("refresh_token") or f"sandbox-refresh-{secrets.token_urlsafe(12)}"
    made = ask.world.new_token(
        type="GOOGLE", channel=furniture.CHANNEL, scopes=scopes, expires_at=int(ask.world.now() + HOUR), refresh=refresh
    )
    answer: dict[str, Any] = {"access_token": made["token"], "expires_in": int(HOUR), "token_type": "Bearer"}
    answer["scope"] = " ".join(scopes)
    if "refresh_token" not in said:
        answer["refresh_token"] = refresh
    return Answered(answer)


async def google_tokeninfo(ask: Ask) -> Answered:
    """What is known of a token."""
    token = ask.world.token(str((await ask.request.form()).get("access_token", "")))
    if token is None or "channel" not in token or token.get("revoked"):
        return _oauth_error("invalid_token")
    found = {"scope": " ".join(token["scopes"]), "access_type": "offline"}
    if token["expires_at"]:
        ends = int(token["expires_at"] - ask.world.now())
        if ends <= 0:
            return _oauth_error("invalid_token")
        found["expires_in"] = str(ends)
    return Answered(found)


def _granted_scopes(world: World, said: Mapping[str, str], client: str, *, rotate: bool = True) -> list[str] | None:
    """What a code or a refresh token stands for. TikTok's refresh tokens work once."""
    if said.get("grant_type") == "refresh_token":
        old = next(world.of("Token", refresh=said.get("refresh_token", "")), None)
        if old is None or old.get("revoked"):
            return None
        if rotate:
            world.change(old, refresh=None)
        return list(old["scopes"])
    code = _redeemed(world, said, client)
    return None if code is None else list(code["scopes"])


def _oauth_error(code: str) -> Answered:
    return Answered({"error": code, "error_description": code.replace("_", " ")}, 400)


UNADDRESSED: dict[str, Callable[[World, Asked], Answered]] = {
    "oauth/access_token": access_token,
    "debug_token": debug_token,
}
"""What is asked of Graph without a node."""

EDGES: Edges = {
    ("GET", "User", ""): show_user,
    ("GET", "User", "permissions"): permissions,
    ("GET", "User", "accounts"): accounts,
    ("GET", "User", "adaccounts"): ad_accounts,
}

DIALOGS = ("/facebook/{version}/dialog/oauth", "/tiktok/v2/auth/authorize/", "/google/o/oauth2/v2/auth")
ROUTES: list[tuple[str, str, str, Act, bool]] = [
    *(("GET", path, "GET login", ask_person, True) for path in DIALOGS),
    *(("POST", path, "POST login", answered, True) for path in DIALOGS),
    ("POST", "/tiktok/v2/oauth/token/", "POST TikTok/token", tiktok_token, True),
    ("POST", "/google/token", "POST Google/token", google_token, True),
    ("POST", "/google/tokeninfo", "POST Google/tokeninfo", google_tokeninfo, True),
]
