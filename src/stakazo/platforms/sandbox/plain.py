"""What TikTok and YouTube have in common as the sandbox plays them: JSON in, JSON out, a bearer's token, faults."""

from __future__ import annotations

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


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
