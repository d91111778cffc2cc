"""What `stakazo channels connect --sign-in` does, and `stakazo campaigns connect --sign-in`.

Both go through the platform's own page, in a browser anywhere.
"""

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
    found, receipt = _sent(settings, server, body, ask, say)
    offered = found["accounts"] or []
    if not offered:
        raise Failure("The platform offers no account: nothing was connected.")
    for number, one in enumerate(offered, 1):
        say(f"{number}  {one['platform']}  {one['name']}")
    wanted = _chosen(ask("Which of them, by number, separated by commas (all)"), offered)
    accounts = [{"platform": one["platform"], "external_id": one["external_id"]} for one in wanted]
    choice = {"receipt": receipt, "accounts": accounts}
    path = f"/channels/connect/{found['id']}/choose"
    rows = _reach(settings, server, lambda api: api.post(path, choice))["channels"]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        console().print(f"{row['name']} ({row['platform']}) is connected: {row['id']}")
        if row["missing_scopes"]:
            console().print(f"  It lacks {', '.join(row['missing_scopes'])}: --again asks for them once more.")


def sign_in_to_advertise(
    settings: Settings, server: str | None, said: Row, *, live: bool, ask: Prompt, say: Callable[[str], None]
) -> Row:
    """Send the person to Meta, and connect the ad account that they choose, with the Page that they choose."""
    found, receipt = _sent(settings, server, {"platform": "facebook", "live": live}, ask, say)
    account = said.get("external_id") or _one(found["ad_accounts"], "ad account", ask, say)
    pages = [one for one in found["accounts"] if one["platform"] == "facebook"]
    page = said.get("page_id") or _one(pages, "Page", ask, say)
    body = {**said, "consent_id": found["id"], "receipt": receipt, "external_id": account, "page_id": page}
    return dict(_reach(settings, server, lambda api: api.post("/ad-accounts", body)))


def _sent(
    settings: Settings, server: str | None, body: Row, ask: Prompt, say: Callable[[str], None]
) -> tuple[Row, str]:
    """What the platform offers once the person has said yes, and the receipt for it. Raises Failure."""
    consent: Row = _reach(settings, server, lambda api: api.post("/channels/connect", body))
    say(f"Open this in a browser, on any machine, and say yes there:\n\n{consent['url']}\n")
    receipt = ask("The code that the browser showed in the end")
    found: Row = _reach(settings, server, lambda api: api.get(f"/channels/connect/{consent['id']}"))
    if found["error"] is not None:
        raise Failure(f"{found['error']['detail']} Nothing was connected.")
    return found, receipt


def _reach(settings: Settings, server: str | None, work: Callable[[Api], Awaitable[Any]]) -> Any:
    async def asked() -> Any:
        async with connected(settings, server) as api:
            return await work(api)

    return asyncio.run(asked())


def _one(offered: list[Row] | None, what: str, ask: Prompt, say: Callable[[str], None]) -> str:
    if not offered:
        raise Failure(f"Meta offers no {what}: nothing was connected.")
    if len(offered) > 1:
        for number, one in enumerate(offered, 1):
            say(f"{number}  {one['name']}  {one['external_id']}")
        offered = _chosen(ask(f"Which {what}, by number"), offered)
    if len(offered) != 1:
        raise Failure(f"Say one {what}.")
    return str(offered[0]["external_id"])


def _chosen(said: str, offered: list[Row]) -> list[Row]:
    if said.strip().lower() in {"", "all"}:
        return offered
    numbers = [part.strip() for part in said.split(",")]
    if not all(part.isdigit() and 1 <= int(part) <= len(offered) for part in numbers):
        raise Failure(f"Say numbers from 1 to {len(offered)}, separated by commas.")
    return [offered[int(part) - 1] for part in dict.fromkeys(numbers)]
