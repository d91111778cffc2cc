"""Meta's Graph API for one account: tokens in headers, parameters as Meta takes them, pages, batches, allowances."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from stakazo.platforms import graph_errors
from stakazo.platforms.base import Account, Source, Stage, Status
from stakazo.platforms.errors import PlatformError, Reason, Rejected, Said, TryLater, Unknown
from stakazo.platforms.http import PAUSE, UPLOAD_PAUSE, Connection, Reply, send
from stakazo.platforms.usage import APP

MAX_PAGES = 1000
MAX_BATCH = 50
"""Requests in one batch; Meta's limit."""

Params = Mapping[str, Any]
"""Plain values; lists and objects are sent as JSON, None is left out."""


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch."""

    method: str
    path: str
    params: Params = field(default_factory=dict)


_NONE: Params = {}


class Graph:
    """The Graph API as one account.

    Args:
        allowances: Meta's names of the business use cases that the requests count against.
        proof: Whether to prove that we are the app; not with the app's own token, which is its secret.
    """

    def __init__(
        self,
        connection: Connection,
        account: Account,
        *,
        allowances: Sequence[str] = (),
        proof: bool = True,
    ) -> None:
        self.hosts = connection.hosts(account)
        self.account = account
        self._connection = connection
        self._app = connection.app("meta", live=account.live) if proof else None
        self._allowances = (APP, *allowances)
        self.meter = connection.meter(account)

    async def get(self, path: str, params: Params = _NONE, *, urgent: bool = True) -> dict[str, Any]:
        """One node or one page of an edge.

        Args:
            urgent: False for what can wait when an allowance is nearly used up.
        """
        return await self._ask("GET", path, params, effect=False, urgent=urgent)

    async def post(self, path: str, params: Params, *, effect: bool, patience: float = PAUSE) -> dict[str, Any]:
        """Change something.

        Args:
            effect: Whether it must not happen twice; see `http.send`.
        """
        return await self._ask("POST", path, params, effect=effect, patience=patience)

    async def delete(self, path: str) -> None:
        """Remove a node; repeating it does no harm."""
        await self._ask("DELETE", path, {}, effect=False)

    async def pages(
        self,
        path: str,
        params: Params = _NONE,
        *,
        size: int = 100,
        urgent: bool = True,
    ) -> AsyncIterator[dict[str, Any]]:
        """Everything below an edge. An empty page isn't the end: Meta's filters leave some. A missing `next` is."""
        after: str | None = None
        for _ in range(MAX_PAGES):
            rows, following = await self.page(path, params, size=size, after=after, urgent=urgent)
            for thing in rows:
                yield thing
            before, after = after, following
            if after is None or after == before:
                return

    async def page(
        self, path: str, params: Params = _NONE, *, size: int, after: str | None = None, urgent: bool = True
    ) -> tuple[list[dict[str, Any]], str | None]:
        """What is below an edge after a cursor, and the cursor of what follows; None where nothing does."""
        found = await self.get(path, {**params, "limit": size, "after": after}, urgent=urgent)
        return list(found.get("data", [])), _next(found)

    async def batch(self, parts: Sequence[Part], *, effect: bool) -> list[dict[str, Any] | PlatformError]:
        """Several requests in as few as possible, each with its own answer or error, in their order.

        A part that Meta ran out of time for is TryLater; with `effect` it is Unknown.
        """
        answers: list[dict[str, Any] | PlatformError] = []
        for start in range(0, len(parts), MAX_BATCH):
            asked = [_batched(part) for part in parts[start : start + MAX_BATCH]]
            reply = await self._send("POST", "", {"batch": asked, "include_headers": True}, effect=effect)
            found = reply.json()
            if not isinstance(found, list) or len(found) != len(asked):
                raise self._refused(reply, effect=effect)
            answers += [self._part(part, effect=effect) for part in found]
        return answers

    async def rupload(self, url: str, source: Source, start: int) -> dict[str, Any]:
        """Send a file from `start` to its end to where Meta told us to; it keeps what came when this breaks off."""
        self._require_ours(url)
        headers = {
            "Authorization": f"OAuth {self.account.token}",
            "offset": str(start),
            "file_size": str(source.size),
            "Content-Length": str(source.size - start),
            "Content-Type": "application/octet-stream",
        }
        reply = await send(
            self._connection.http, self.hosts, "POST", url,
            effect=False, headers=headers, content=source.read(start, source.size), patience=UPLOAD_PAUSE,
        )  # fmt: skip
        return self._understood(reply, effect=False)

    async def resume(self, url: str, source: Source, ask: Callable[[], Awaitable[Status]]) -> None:
        """Send what Meta doesn't have yet of a file; `ask` says how far it is.

        "ProcessingFailedError" is often said of what ends well: it is believed only where bytes are missing still.
        """
        status = await ask()
        if status.stage is not Stage.UPLOADING:
            return
        try:
            await self.rupload(url, source, status.received or 0)
        except Rejected as refused:
            if refused.said.code != 0 or (await ask()).stage is Stage.UPLOADING:
                raise

    async def rupload_from(self, url: str, address: str) -> dict[str, Any]:
        """Have Meta fetch the file from an address."""
        self._require_ours(url)
        headers = {"Authorization": f"OAuth {self.account.token}", "file_url": address}
        reply = await send(
            self._connection.http, self.hosts, "POST", url, effect=False, headers=headers, patience=UPLOAD_PAUSE
        )
        return self._understood(reply, effect=False)

    async def send_chunk(self, path: str, params: Params, name: str, chunk: bytes) -> dict[str, Any]:
        """A piece of a file as multipart, to the host for videos; sending it again does no harm."""
        reply = await self._send(
            "POST", path, params, effect=False, files={name: ("chunk", chunk, "application/octet-stream")},
            root=self.hosts.graph_video, patience=UPLOAD_PAUSE,
        )  # fmt: skip
        return self._understood(reply, effect=False)

    # --- how a request goes ---------------------------------------------------------------------------------

    async def _ask(
        self, method: str, path: str, params: Params, *, effect: bool, urgent: bool = True, patience: float = PAUSE
    ) -> dict[str, Any]:
        reply = await self._send(method, path, params, effect=effect, urgent=urgent, patience=patience)
        return self._understood(reply, effect=effect)

    async def _send(
        self,
        method: str,
        path: str,
        params: Params,
        *,
        effect: bool,
        urgent: bool = True,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        root: str | None = None,
        patience: float = PAUSE,
    ) -> Reply:
        wait = self.meter.pause(self._allowances, self._connection.clock(), urgent=urgent)
        if wait > 0:
            raise TryLater(
                "Meta's allowance for this account is nearly used up, so nothing was asked.", Reason.RATE, after=wait
            )
        values = encoded({**params, **self._proof()})
        reply = await send(
            self._connection.http,
            self.hosts,
            method,
            f"{root or self.hosts.graph}/{self.hosts.graph_version}/{path}",
            effect=effect,
            params=values if method != "POST" else None,
            data=values if method == "POST" else None,
            files=files,
            headers={"Authorization": f"Bearer {self.account.token}"},
            patience=patience,
        )
        self.meter.note(reply.headers, self._connection.clock())
        return reply

    def _proof(self) -> dict[str, str]:
        """That the request comes from the app the token was made for; its secret never leaves."""
        if self._app is None:
            return {}
        return {"appsecret_proof": appsecret_proof(self.account.token, self._app.secret)}

    def _understood(self, reply: Reply, *, effect: bool) -> dict[str, Any]:
        body = reply.json()
        if reply.status < 300 and isinstance(body, dict) and graph_errors.parse(body) is None:
            return body
        raise self._refused(reply, effect=effect)

    def _refused(self, reply: Reply, *, effect: bool) -> PlatformError:
        error = graph_errors.parse(reply.json())
        if error is not None and (error.code or reply.status < 500):
            refusal = graph_errors.refusal(reply.status, error, effect=effect)
            if isinstance(refusal, TryLater) and refusal.reason is Reason.RATE:
                refusal.after = self._closed_for(refusal.after)
            return refusal
        said = Said(reply.status, message=reply.body[:200].decode("utf-8", "replace"))
        if effect:
            return Unknown(f"Meta answered with HTTP {reply.status} and nothing that says what happened.", said=said)
        return TryLater(f"Meta has troubles of its own (HTTP {reply.status}).", Reason.BUSY, said, after=30.0)

    def _closed_for(self, guess: float) -> float:
        """How long the account is closed: what the headers say, else our guess. Nothing is asked meanwhile."""
        now = self._connection.clock()
        said = self.meter.pause(self._allowances, now, urgent=True)
        if not said:
            self.meter.close(self._allowances[-1], now, guess)
        return said or guess

    def _part(self, answer: Any, *, effect: bool) -> dict[str, Any] | PlatformError:
        if answer is None:  # Meta ran out of time before, or while, it looked at this one
            if effect:
                return Unknown("Meta ran out of time in the middle of a batch.")
            return TryLater("Meta ran out of time in the middle of a batch.", Reason.BUSY, after=1.0)
        try:
            body = json.loads(answer["body"])
            error = graph_errors.parse(body)
        except (KeyError, TypeError, ValueError):
            return Unknown("Meta's answer to a part of a batch can't be read.")
        self.meter.note(_headers(answer), self._connection.clock())
        if error is not None:
            return graph_errors.refusal(int(answer.get("code", 0)), error, effect=effect)
        return body if isinstance(body, dict) else {"data": body}

    def _require_ours(self, url: str) -> None:
        if not self.hosts.may_receive(url):
            raise Rejected("The platform named a place for the upload that isn't its own.", Reason.INVALID)


def appsecret_proof(token: str, secret: str) -> str:
    """HMAC-SHA256 of the token with the app's secret, in hex."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def encoded(params: Params) -> dict[str, str]:
    """Parameters as Graph takes them in a form or a query."""
    return {name: _value(value) for name, value in params.items() if value is not None}


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case Mapping() | list() | tuple():
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _next(page: Mapping[str, Any]) -> str | None:
    """The cursor of the next page, from where Meta put it; its `next` address itself carries the token."""
    paging = page.get("paging") or {}
    if not paging.get("next"):
        return None
    after = (paging.get("cursors") or {}).get("after")
    return after or next(iter(parse_qs(urlsplit(paging["next"]).query).get("after", [])), None)


def _batched(part: Part) -> dict[str, Any]:
    values = urlencode(encoded(part.params))
    if part.method != "POST":
        return {"method": part.method, "relative_url": f"{part.path}?{values}" if values else part.path}
    return {"method": "POST", "relative_url": part.path, "body": values}


def _headers(answer: Mapping[str, Any]) -> dict[str, str]:
    pairs = answer.get("headers") or []
    return {str(pair["name"]).lower(): str(pair["value"]) for pair in pairs if isinstance(pair, dict)}
