"""Being asked to wait: 429 and 503 with `Retry-After` are obeyed, a few times, and whoever watches is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx

from stakazo.cli.output import say

TRIES = 5
"""How often a request is sent again."""
LONGEST = 60
"""Seconds that one is willing to wait for each of these; asked for more, one hears the refusal itself."""


def asked_to_wait(answer: httpx.Response) -> int | None:
    """The seconds after which to ask again; None where the answer is an answer, or the wait too long."""
    said = answer.headers.get("Retry-After", "")
    if answer.status_code not in {429, 503} or not said.isdecimal() or int(said) > LONGEST:
        return None
    return int(said)


async def patiently(
    ask: Callable[[], Awaitable[httpx.Response]], *, wait: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> httpx.Response:
    """The answer once the server has time for the request; after so many tries its refusal."""
    for left in reversed(range(TRIES)):
        answer = await ask()
        seconds = asked_to_wait(answer)
        if seconds is None:
            return answer
        why = "is asked too much" if answer.status_code == 429 else "can't do this now"
        say(f"The server {why} ({answer.status_code}); trying again in {seconds} s, {left} more times after that.")
        await wait(seconds)
    return await ask()
