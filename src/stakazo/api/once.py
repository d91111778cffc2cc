"""`Idempotency-Key` on a POST: the same key and request get the same answer, and what it does is done once.

The answer is written into the endpoint's own transaction, just before that commits: see `idempotency.service`.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any, get_type_hints

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.api.deps import DB, PersonalDB, tried
from stakazo.idempotency import service as idempotency
from stakazo.idempotency.service import LONGEST, Answer

Endpoint = Callable[..., Any]

PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again with the same key, nothing is done again: the first answer comes back, for 24 h.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST},
}
"""What OpenAPI says of the header."""

_OF_THE_CONNECTION = {"content-length", "set-cookie"}
"""Headers that are not part of an answer that is kept."""


def keyless(reason: str) -> Callable[[Endpoint], Endpoint]:
    """Decorator: a POST that takes no Idempotency-Key, and why doing it twice does no harm."""

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.keyless = reason  # type: ignore[attr-defined]  # read by `answered_once` and by the tests
        return endpoint

    return mark


def answered_once(endpoint: Endpoint) -> Endpoint:
    """The endpoint, but what it was asked before under the same key it answers as before.

    Raises TypeError where the endpoint has no transaction to keep its answer in.
    """
    if hasattr(endpoint, "keyless"):
        return endpoint
    hints = get_type_hints(endpoint, include_extras=True)
    session_name = next((name for name, hint in hints.items() if hint in {DB, PersonalDB}), None)
    if session_name is None or not inspect.iscoroutinefunction(endpoint):
        raise TypeError(
            f"{endpoint.__qualname__}: a POST works in the request's transaction (`db: DB` or `db: PersonalDB`), "
            "where its answer is kept for its Idempotency-Key; or it says with @keyless(reason) why it takes none."
        )
    work: Callable[..., Awaitable[Any]] = endpoint

    @functools.wraps(endpoint)
    async def answered(**arguments: Any) -> Any:
        session: AsyncSession = arguments[session_name]
        request: Request = session.info["request"]
        key = request.headers.get("idempotency-key")
        if key is not None and not tried(request):
            asked = await fingerprint(request)
            keyring = request.app.state.services.keys
            before = await idempotency.claim(session, keyring, key, asked)
            if before is not None:
                return _again(before)
            request.state.claimed = (session, keyring, key, asked)
        return await work(**arguments)

    return answered


async def keep_answer(request: Request, response: Response) -> None:
    """Write the answer into the transaction that has claimed the request's key, if one has.

    What failed here (5xx) is not kept: the next try may go better.
    """
    claimed = getattr(request.state, "claimed", None)
    if claimed is None or response.status_code >= 500:
        return
    session, keyring, key, asked = claimed
    headers = tuple((name, value) for name, value in response.headers.items() if name not in _OF_THE_CONNECTION)
    await idempotency.keep(session, keyring, key, asked, Answer(response.status_code, headers, bytes(response.body)))


def _again(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    for name, value in answer.headers:
        response.headers[name] = value
    response.headers["Idempotent-Replayed"] = "true"
    return response


async def fingerprint(request: Request) -> bytes:
    """SHA-256 of what is asked: method, path, query and body, whatever the order of names in the last two."""
    asked = [request.method, request.url.path, sorted(request.query_params.multi_items())]
    return hashlib.sha256(json.dumps(asked).encode() + b"\n" + _canonical(await request.body())).digest()


def _canonical(body: bytes) -> bytes:
    try:
        return json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):  # no JSON: then its bytes are what it says
        return body
