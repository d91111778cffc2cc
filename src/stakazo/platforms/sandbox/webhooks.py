"""What the sandbox sends by itself, as Meta does: after a handshake, signed, escaped, tried again."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from typing import Any

import httpx

from stakazo.platforms.sandbox.calls import Answer, Asked, Call, Edges, Refused, page
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
        challenge = secrets.token_hex(8)
        said = {
            "hub.mode": "subscribe",
            "hub.verify_token": asked.params.get("verify_token", ""),
            "hub.challenge": challenge,
        }
        try:
            answer = await self._http.get(asked.params.get("callback_url", ""), params=said)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Refused(2200, f"(#2200) Callback verification failed: {type(error).__name__}") from error
        if answer.status_code != 200 or answer.text != challenge:
            raise Refused(2200, "Callback verification failed: HTTP Status Code or challenge does not match")

    def send(self, kind: str, account_id: str, field: str, value: dict[str, Any]) -> int:
        """Tell everybody who has subscribed; says how many deliveries that are."""
        entry = {"id": account_id, "time": int(self._world.now()), "changes": [{"field": field, "value": value}]}
        body = escaped({"object": kind, "entry": [entry]})
        strikes, started = self._world.faults.strikes, 0
        for subscription in self._world.of("Subscription", object=kind):
            if field in subscription["fields"]:
                secret = self._world.things[subscription["app"]]["secret"]
                wait = LATE if strikes("webhook_late", f"WEBHOOK {kind}/{field}") else 0.0
                for _ in range(2 if strikes("webhook_twice", f"WEBHOOK {kind}/{field}") else 1):
                    self._start(subscription, body, secret, wait)
                    started += 1
        return started

    def _start(self, subscription: Thing, body: bytes, secret: str, wait: float) -> None:
        task = asyncio.create_task(self._deliver(subscription["callback_url"], body, secret, wait))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, url: str, body: bytes, secret: str, wait: float) -> None:
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": signature(body, secret)}
        for pause in TRIES:
            await asyncio.sleep(wait + pause)
            try:
                answer = await self._http.post(url, content=body, headers=headers)
            except httpx.HTTPError:
                continue
            if answer.status_code == 200:
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


def escaped(value: dict[str, Any]) -> bytes:
    r"""JSON as Meta writes it: `\u00e4` in lower case, emoji as two halves, `\/`."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).replace("/", "\\/").encode()


def signature(body: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


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
        {"object": one["object"], "callback_url": one["callback_url"], "active": True, "fields": one["fields"]}
        for one in call.world.of("Subscription", app=call.node["id"])
    ]
    return page(call, rows)


def subscribe_page(call: Call) -> Answer:
    call.world.change(call.node, subscribed_fields=call.json("subscribed_fields", []))
    return {"success": True}


EDGES: Edges = {
    ("POST", "Application", "subscriptions"): subscribe,
    ("GET", "Application", "subscriptions"): subscriptions,
    ("POST", "Page", "subscribed_apps"): subscribe_page,
}
