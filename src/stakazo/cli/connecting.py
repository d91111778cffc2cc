"""What `stakazo channels connect --sign-in` does: through the platform's own page, in a browser anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from stakazo.cli.client import Api, Row, connected
from stakazo.cli.output import Failure, console, print_json
from stakazo.core.settings import Settings

Prompt = Callable[[str], str]
"""Asks the person, and says what they typed."""


def sign_in(
    settings: Settings, server: str | None, body: Row, *, ask: Prompt, say: Callable[[str], None], as_json: bool
) -> None:
    """Send the person to the platform, and connect what they choose of what it offers."""

    def reach(work: Callable[[Api], Awaitable[Any]]) -> Any:
        async def asked() -> Any:
            async with connected(settings, server) as api:
                return await work(api)

        return asyncio.run(asked())

    consent: Row = reach(lambda api: api.post("/channels/connect", body))
    say(f"Open this in a browser, on any machine, and say yes there:\n\n{consent['url']}\n")
    receipt = ask("The code that the browser showed in the end")
    found: Row = reach(lambda api: api.get(f"/channels/connect/{consent['id']}"))
    if found["error"] is not None:
        raise Failure(f"{found['error']['detail']} Nothing was connected.")
    offered = found["accounts"] or []
    if not offered:
        raise Failure("The platform offers no account: nothing was connected.")
    for number, one in enumerate(offered, 1):
        say(f"{number}  {one['platform']}  {one['name']}")
    wanted = _chosen(ask("Which of them, by number, separated by commas (all)"), offered)
    accounts = [{"platform": one["platform"], "external_id": one["external_id"]} for one in wanted]
    choice = {"receipt": receipt, "accounts": accounts}
    rows = reach(lambda api: api.post(f"/channels/connect/{consent['id']}/choose", choice))["channels"]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        console().print(f"{row['name']} ({row['platform']}) is connected: {row['id']}")
        if row["missing_scopes"]:
            console().print(f"  It lacks {', '.join(row['missing_scopes'])}: --again asks for them once more.")


def _chosen(said: str, offered: list[Row]) -> list[Row]:
    if said.strip().lower() in {"", "all"}:
        return offered
    numbers = [part.strip() for part in said.split(",")]
    if not all(part.isdigit() and 1 <= int(part) <= len(offered) for part in numbers):
        raise Failure(f"Say numbers from 1 to {len(offered)}, separated by commas.")
    return [offered[int(part) - 1] for part in dict.fromkeys(numbers)]
