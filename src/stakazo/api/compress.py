"""JSON answers, compressed: zstd where it is understood, else gzip.

Only whole JSON documents are. Files keep their bytes, since ranges count them; streams of events go out as they come;
and an answer that may not be stored (`no-store`: it carries a secret) stays as it is, since the length of compressed
text beside words of a sender's choice can give it away (BREACH).
"""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEAST = 1000
"""Bytes; below it compression saves no packet."""

_JSON = re.compile(r"application/(?:[\w.-]+\+)?json\b")
_CODING = re.compile(r"\s*(zstd|gzip|\*)\s*(?:;\s*q\s*=\s*([\d.]+))?\s*", re.IGNORECASE)

CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstd.compress(body, 3),
    "gzip": lambda body: gzip.compress(body, 5, mtime=0),
}
"""By their names in HTTP, the better first."""


def coding(accepted: str) -> str | None:
    """The best coding that an Accept-Encoding header allows; None for as it is."""
    weights: dict[str, float] = {}
    for word in accepted.split(","):
        found = _CODING.fullmatch(word)
        if found:
            weights[found[1].lower()] = float(found[2] or 1) if (found[2] or "1").count(".") < 2 else 0.0
    allowed = {name: weights.get(name, weights.get("*", 0.0)) for name in CODINGS}
    best = max(allowed, key=lambda name: allowed[name])
    return best if allowed[best] > 0 else None


class Compress:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "HEAD":
            await self.app(scope, receive, send)
            return
        wanted = coding(Headers(scope=scope).get("accept-encoding", ""))
        start: Message | None = None

        async def answer(message: Message) -> None:
            """Holds the head back until the body has come: only then is it known whether that is whole."""
            nonlocal start
            if message["type"] == "http.response.start":
                if _document(message):
                    start = message
                    return
            elif start is not None and message["type"] == "http.response.body":
                head, start = start, None
                if not message.get("more_body"):
                    message = {**message, "body": _packed(head, message.get("body", b""), wanted)}
                await send(head)
            await send(message)

        await self.app(scope, receive, answer)


def _document(start: Message) -> bool:
    """Whether this begins an answer that compression is for."""
    headers = Headers(raw=start["headers"])
    return (
        start["status"] not in {204, 206, 304}
        and _JSON.match(headers.get("content-type", "")) is not None
        and "content-encoding" not in headers
        and "accept-ranges" not in headers
        and "no-store" not in headers.get("cache-control", "")
    )


def _packed(start: Message, body: bytes, wanted: str | None) -> bytes:
    """The body as it goes out, and its head set right."""
    headers = MutableHeaders(raw=start["headers"])
    headers.add_vary_header("Accept-Encoding")
    if wanted is None or len(body) < LEAST:
        return body
    packed = CODINGS[wanted](body)
    headers["Content-Encoding"] = wanted
    headers["Content-Length"] = str(len(packed))
    if "etag" in headers and not headers["etag"].startswith("W/"):
        headers["ETag"] = f"W/{headers['etag']}"  # equal in meaning, no longer byte for byte
    return packed
