"""What the sandbox sends by itself, as the platforms do: after a handshake, signed, tried again.

Meta is subscribed to twice (the app, and each Page), YouTube at a hub, TikTok by naming an address in the app's
settings: here `{"tiktok_callback": "http://..."}` to `/sandbox/settings`. What is worth telling is found by `telling`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import httpx
from starlette.requests import Request

from stakazo.platforms.sandbox import messages
from stakazo.platforms.sandbox.calls import Answer, Answered, Asked, Call, Edges, Refused, page
from stakazo.platforms.sandbox.world import Thing, World

TRIES = (0.0, 0.2, 1.0, 5.0, 25.0)
"""Seconds before each try. Meta goes on for 36 hours."""
LATE = 0.5
PATIENCE = 5.0


class Sender:
    """Sends in the background; a delivery that fails is tried again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._http = httpx.AsyncClient(timeout=PATIENCE, trust_env=False, verify=False)  # noqa: S501 - no secrets here
        self._sending: set[asyncio.Task[None]] = set()

    async def verify(self, asked: Asked) -> None:
        """Ask the address whether it wants to be sent to. Raises Refused."""
        why = await self._ask(asked.params.get("callback_url", ""), {
            "hub.mode": "subscribe", "hub.verify_token": asked.params.get("verify_token", ""),
        })  # fmt: skip
        if why:
            raise Refused(2200, f"Callback verification failed: {why}")

    async def _ask(self, url: str, said: Mapping[str, str]) -> str:
        """Why an address doesn't want it; nothing where it does."""
        challenge = secrets.token_hex(8)
        try:
            answer = await self._http.get(url, params={**said, "hub.challenge": challenge})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__
        wanted = answer.status_code == 200 and answer.text == challenge
        return "" if wanted else "HTTP Status Code or challenge does not match"

    async def subscribe_hub(self, request: Request) -> Answered:
        """YouTube's hub: asks the address, and sends there what is new in the feed from then on, or no more."""
        async with request.form() as form:
            asked = {name: str(value) for name, value in form.items()}
        topic, url = asked.get("hub.topic", ""), asked.get("hub.callback", "")
        if not topic or not url or asked.get("hub.mode") not in {"subscribe", "unsubscribe"}:
            return Answered("hub.mode, hub.topic and hub.callback are required", 400)
        if self._world.faults.strikes("error", f"POST Hub/{asked['hub.mode']}"):
            return Answered("Try again later", 503)
        said = {
            name: asked.get(name, "") for name in ("hub.mode", "hub.topic", "hub.verify_token", "hub.lease_seconds")
        }
        if why := await self._ask(url, said):
            return Answered(f"The callback did not confirm: {why}", 409)
        for old in list(self._world.of("HubSubscription", topic=topic, callback=url)):
            self._world.drop(old["id"])
        if asked["hub.mode"] == "subscribe":
            self._world.new("HubSubscription", topic=topic, callback=url, secret=asked.get("hub.secret", ""))
        return Answered("", 204)

    def send(self, kind: str, account_id: str, field: str, value: dict[str, Any]) -> int:
        """Tell everybody who has subscribed at Meta; says how many deliveries that are."""
        what = {"messaging": [value]} if field == "messages" else {"changes": [{"field": field, "value": value}]}
        entry = {"id": account_id, "time": int(self._world.now()), **what}
        body = escaped({"object": kind, "entry": [entry]})
        started = 0
        for subscription in self._world.of("Subscription", object=kind):
            if field in subscription["fields"] and _page_tells(self._world, kind, account_id, field):
                secret = self._world.things[subscription["app"]]["secret"]
                header = {"X-Hub-Signature-256": signature(body, secret)}
                started += self._start(subscription["callback_url"], body, header, f"WEBHOOK {kind}/{field}")
        return started

    def send_tiktok(self, post: Thing, event: str, content: Mapping[str, Any]) -> int:
        """Tell the address that the app's settings name what has become of a post, or of an account."""
        url, now = self._world.callbacks.get("tiktok"), int(time.time())  # signed by everybody's clock, not ours
        if url is None:
            return 0
        said = {
            "client_key": "sandbox-tiktok-app", "event": event, "create_time": int(self._world.now()),
            "user_openid": post["creator"],
            "content": json.dumps(content, separators=(",", ":")),
        }  # fmt: skip
        body = json.dumps(said, separators=(",", ":")).encode()
        sign = hmac.new(b"sandbox-tiktok-secret", f"{now}.".encode() + body, hashlib.sha256).hexdigest()
        return self._start(url, body, {"TikTok-Signature": f"t={now},s={sign}"}, f"WEBHOOK tiktok/{event}")

    def send_youtube(self, video: Thing, channel: Thing, *, gone: bool) -> int:
        """Tell who has subscribed to a channel that a video is new there, or gone."""
        topic, started = f"https://www.youtube.com/xml/feeds/videos.xml?channel_id={channel['id']}", 0
        body = feed(video, channel, self._world.now(), gone=gone)
        for one in self._world.of("HubSubscription", topic=topic):
            sign = hmac.new(one["secret"].encode(), body, hashlib.sha1).hexdigest()
            header = {"X-Hub-Signature": f"sha1={sign}", "Content-Type": "application/atom+xml"}
            started += self._start(one["callback"], body, header, "WEBHOOK youtube/feed")
        return started

    def _start(self, url: str, body: bytes, headers: Mapping[str, str], operation: str) -> int:
        strikes = self._world.faults.strikes
        wait = LATE if strikes("webhook_late", operation) else 0.0
        times = 2 if strikes("webhook_twice", operation) else 1
        for _ in range(times):
            task = asyncio.create_task(self._deliver(url, body, {"Content-Type": "application/json", **headers}, wait))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return times

    async def _deliver(self, url: str, body: bytes, headers: Mapping[str, str], wait: float) -> None:
        for pause in TRIES:
            await asyncio.sleep(wait + pause)
            try:
                answer = await self._http.post(url, content=body, headers=headers)
            except httpx.HTTPError:
                continue
            if answer.is_success:
                return

    async def settle(self) -> None:
        """Wait until everything is sent, or given up."""
        while self._sending:
            await asyncio.wait(self._sending)

    async def close(self) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._http.aclose()


def _page_tells(world: World, kind: str, account_id: str, field: str) -> bool:
    """Whether the Page lets the app be told: of its own by field, of the Instagram account behind it by any."""
    if kind == "page":
        return field in (world.things.get(account_id, {}).get("subscribed_fields") or [])
    behind = [one.get("subscribed_fields") or [] for one in world.of("Page", ig=account_id)]
    return any("messages" in fields if field == "messages" else bool(fields) for fields in behind)


def escaped(value: dict[str, Any]) -> bytes:
    r"""JSON as Meta writes it: `\u00e4` in lower case, emoji as two halves, `\/`."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).replace("/", "\\/").encode()


def signature(body: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def feed(video: Thing, channel: Thing, now: float, *, gone: bool) -> bytes:
    """What YouTube's hub sends: an Atom feed with one entry, or with the tombstone of one."""
    moment, title = datetime.fromtimestamp(now, UTC).isoformat(), escape(str(video["snippet"].get("title", "")))
    home = f"https://www.youtube.com/channel/{channel['id']}"
    if gone:
        entry = (
            f'<at:deleted-entry ref="yt:video:{video["id"]}" when="{moment}">'
            f'<link href="https://www.youtube.com/watch?v={video["id"]}"/>'
            f"<at:by><name>{escape(channel['title'])}</name><uri>{home}</uri></at:by></at:deleted-entry>"
        )
    else:
        entry = (
            f"<entry><id>yt:video:{video['id']}</id><yt:videoId>{video['id']}</yt:videoId>"
            f"<yt:channelId>{channel['id']}</yt:channelId><title>{title}</title>"
            f'<link rel="alternate" href="https://www.youtube.com/watch?v={video["id"]}"/>'
            f"<author><name>{escape(channel['title'])}</name><uri>{home}</uri></author>"
            f"<published>{moment}</published><updated>{moment}</updated></entry>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<feed xmlns:yt="http://www.youtube.com/xml/schemas/2015" xmlns="http://www.w3.org/2005/Atom" '
        f'xmlns:at="http://purl.org/atompub/tombstones/1.0">{entry}</feed>'
    ).encode()


def subscribe(call: Call) -> Answer:
    """The app's subscription; whoever answers has said yes to the handshake already."""
    if not call.text("callback_url") or not call.text("object"):
        raise Refused(100, "The parameters object and callback_url are required")
    for old in list(call.world.of("Subscription", app=call.node["id"], object=call.text("object"))):
        call.world.drop(old["id"])
    call.world.new(
        "Subscription", app=call.node["id"], object=call.text("object"), callback_url=call.text("callback_url"),
        fields=call.json("fields", []),
    )  # fmt: skip
    return {"success": True}


def subscriptions(call: Call) -> Answer:
    rows: list[Answer] = [
        {
            "object": one["object"],
            "callback_url": one["callback_url"],
            "active": True,
            "fields": [{"name": name, "version": "v26.0"} for name in one["fields"]],
        }
        for one in call.world.of("Subscription", app=call.node["id"])
    ]
    return page(call, rows)


def subscribe_page(call: Call) -> Answer:
    wanted = call.json("subscribed_fields", [])
    if "messages" in wanted and not set(messages.ALLOWS.values()) & set(call.token["scopes"]):
        raise Refused(200, "To subscribe to the messages field, one of these permissions is needed: pages_messaging")
    call.world.change(call.node, subscribed_fields=wanted)
    return {"success": True}


def unsubscribe_page(call: Call) -> Answer:
    call.world.change(call.node, subscribed_fields=[])
    return {"success": True}


def page_subscriptions(call: Call) -> Answer:
    fields = call.node.get("subscribed_fields")
    app = call.world.things[call.token["app"]]
    return page(call, [{"id": app["id"], "name": app["name"], "subscribed_fields": fields}] if fields else [])


EDGES: Edges = {
    ("POST", "Application", "subscriptions"): subscribe,
    ("GET", "Application", "subscriptions"): subscriptions,
    ("POST", "Page", "subscribed_apps"): subscribe_page,
    ("GET", "Page", "subscribed_apps"): page_subscriptions,
    ("DELETE", "Page", "subscribed_apps"): unsubscribe_page,
}
