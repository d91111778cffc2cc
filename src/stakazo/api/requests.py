"""Around every request: an id, and one line in the log when it is answered."""

from __future__ import annotations

import re
import time
from uuid import UUID

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stakazo.api.errors import problem
from stakazo.core.actor import new_id

log = structlog.get_logger("stakazo.api")

_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_QUIET = {"/health"}


def _request_id(scope: Scope) -> str:
    """The sender's X-Request-Id where it is sane, else one of ours."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            if _SANE.fullmatch(given):
                return str(given)
    return str(new_id())


def correlation_of(request_id: str) -> UUID:
    """The id under which the ledger keeps together what this request sets in motion."""
    try:
        return UUID(request_id)
    except ValueError:
        return new_id()


def _broken(request: Request) -> ASGIApp:
    return problem(
        request, 500, "internal", "Something went wrong here. The log has the details under this request_id."
    )


class RequestLog:
    """ASGI middleware: request id in, `X-Request-Id` out, one structured line per request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.monotonic(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, answer)
            except Exception:  # an edge: whatever nobody foresaw is written down, and answered
                log.exception("request_failed", method=scope["method"], path=scope["path"])
                if status:  # half an answer is out: only breaking the connection tells the reader
                    raise
                await _broken(Request(scope))(scope, receive, answer)
            finally:
                write = log.debug if scope["path"] in _QUIET else log.info
                write(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status or None,
                    seconds=round(time.monotonic() - started, 4),
                    workspace_id=scope["state"].get("workspace_id"),
                )


class BodyLimit:
    """ASGI middleware: no request but an upload has a body of more than so many bytes."""

    def __init__(self, app: ASGIApp, limit: int, exempt: re.Pattern[str]) -> None:
        self.app, self.limit, self.exempt = app, limit, exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.exempt.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self.limit:
            await problem(Request(scope), 413, "too_large", self._sentence)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                raise HTTPException(413, self._sentence)
            return message

        await self.app(scope, counted, send)

    @property
    def _sentence(self) -> str:
        return f"The body of this request may have {self.limit} bytes at most."
