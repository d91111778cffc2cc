"""What TikTok and YouTube have in common as the sandbox plays them: JSON in, JSON out, a bearer's token, faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from stakazo.platforms.sandbox.calls import Answered, Cut
from stakazo.platforms.sandbox.world import Thing, World


@dataclass(slots=True)
class Ask:
    """A request, understood."""

    world: World
    operation: str
    """What is named like Graph's operations; an act may say it more exactly."""
    request: Request
    token: Thing | None
    body: dict[str, Any]
    root: str


Act = Callable[[Ask], Awaitable[Answered]]

LOOKS = frozenset({"POST TikTok/creator_info", "POST TikTok/status", "POST TikTok/query"})
"""What changes nothing, although it is posted."""


async def answer(world: World, request: Request, operation: str, act: Act, *, body: bool = True) -> Answered:
    """Do what is asked, or go wrong.

    Args:
        body: Whether there is JSON to be read; not where the file itself comes.
    """
    strikes = world.faults.strikes
    if strikes("never_arrived", operation):
        raise Cut
    given = _object(await request.body()) if body else {}
    token = world.token(request.headers.get("authorization", "").removeprefix("Bearer "))
    if token is not None and token["expires_at"] and token["expires_at"] <= world.now():
        token = None
    root = f"{request.url.scheme}://{request.url.netloc}"
    ask = Ask(world, operation, request, token, given, root)
    world.catch_up(looked=operation in LOOKS or request.method == "GET")
    if operation not in LOOKS and request.method != "GET" and (fault := strikes("late_effect", operation)):
        await request.body()  # all of it is there; it is the answer that never comes
        world.postpone(lambda: _unheard(act, ask), fault.detail)
        raise Cut
    found = await act(ask)
    operation = ask.operation
    world.calls.append(
        {"at": world.now(), "operation": operation, "status": found.status, "path": request.url.path, "params": {}}
    )
    if strikes("lost_reply", operation):
        raise Cut
    if fault := strikes("late_reply", operation):
        found.delay = float(fault.detail.get("seconds", world.late))
    return found


_UNHEARD: set[asyncio.Future[Answered]] = set()


def _unheard(act: Act, ask: Ask) -> None:
    """Do it when nobody waits for the answer any more."""
    doing = asyncio.ensure_future(act(ask))
    _UNHEARD.add(doing)
    doing.add_done_callback(_UNHEARD.discard)


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
