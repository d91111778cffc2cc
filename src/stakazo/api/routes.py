"""The route: what every endpoint of the API does without saying so.

    router = Router(prefix="/clips", tags=["clips"])

* A POST takes an `Idempotency-Key` (`once.py`).
* A GET answers HEAD too.
* A page of a list says in `Link: rel="next"` where the next one is (RFC 8288).
* A route that is to go says when in `Deprecation` and `Sunset` (RFC 9745, RFC 8594).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Message, Receive, Scope, Send

from stakazo.api import once
from stakazo.api.deps import tried
from stakazo.api.errors import Responses, responses

HEAD = "stakazo.head"
"""In the scope: the request was a HEAD, which is worked out as a GET."""
_NEXT = re.compile(rb'"next_cursor":"([\w=-]+)"}$')
"""What a page ends with when there is another one."""


class Route(APIRoute):
    """One endpoint with the habits of all of them."""

    def __init__(self, path: str, endpoint: once.Endpoint, **options: Any) -> None:
        if "POST" in (options.get("methods") or ()):
            endpoint = once.answered_once(endpoint)
            if not hasattr(endpoint, "keyless"):
                extra: dict[str, Any] = options.get("openapi_extra") or {}
                options["openapi_extra"] = extra | {"parameters": [*extra.get("parameters", ()), once.PARAMETER]}
                said: Responses = options.get("responses") or {}
                options["responses"] = responses(409, 422) | said
        super().__init__(path, endpoint, **options)
        if self.deprecated and "x-deprecated-at" not in (self.openapi_extra or {}):
            raise TypeError(f"{path}: say since when it is deprecated and when it goes: **retiring(...)")

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            """Still inside the endpoint's transaction, which ends after this."""
            response = await answer(request)
            await once.keep_answer(request, response)
            if tried(request):
                response.status_code = 200
                response.headers.update({"Dry-Run": "true"})
                del response.headers["location"]  # there is nothing
            _point_on(request, response)
            if HEAD in request.scope:
                request.scope["method"] = "HEAD"  # a file then sends its headers only
            return response

        return handle

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        if match is Match.PARTIAL and self._answers_head(scope):
            return Match.FULL, child
        return match, child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._answers_head(scope):
            scope = {**scope, "method": "GET", HEAD: True}
        await super().handle(scope, receive, self._with_farewell(send) if self.deprecated else send)

    def _answers_head(self, scope: Scope) -> bool:
        """Whether this is a HEAD for a GET; a stream without an end has no head to wait for."""
        return scope["method"] == "HEAD" and self.methods == {"GET"} and not self.is_sse_stream

    def _with_farewell(self, send: Send) -> Send:
        said = self.openapi_extra or {}
        headers = [
            (b"deprecation", f"@{int(datetime.fromisoformat(said['x-deprecated-at']).timestamp())}".encode()),
            (b"sunset", format_datetime(datetime.fromisoformat(said["x-sunset"]), usegmt=True).encode()),
            (b"link", f'<{said["x-successor"]}>; rel="successor-version"'.encode()),
        ]

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *headers]
            await send(message)

        return answer


def retiring(*, since: datetime, until: datetime, successor: str) -> dict[str, Any]:
    """Options of a route that is to go: `@router.get("/old", **retiring(...))`.

    Args:
        since: From when on it should not be used any more; with its time zone.
        until: When it stops to answer.
        successor: The path to use instead.
    """
    return {
        "deprecated": True,
        "openapi_extra": {
            "x-deprecated-at": since.astimezone(UTC).isoformat(),
            "x-sunset": until.astimezone(UTC).isoformat(),
            "x-successor": successor,
        },
    }


class Router(APIRouter):
    """Routes of one resource."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"route_class": Route, "generate_unique_id_function": _operation_id, **options})


def _operation_id(route: APIRoute) -> str:
    """`clips_find`: what generated clients call it."""
    return f"{route.tags[0] if route.tags else 'root'}_{route.name}"


def _point_on(request: Request, response: Response) -> None:
    """Where there is a next page, say so in the header too."""
    found = _NEXT.search(response.body) if request.method == "GET" and hasattr(response, "body") else None
    if found:
        query = [pair for pair in request.query_params.multi_items() if pair[0] != "cursor"]
        path = request.scope.get("root_path", "") + request.url.path
        address = f"{path}?{urlencode([*query, ('cursor', found[1].decode())])}"
        response.headers.append("Link", f'<{address}>; rel="next"')
