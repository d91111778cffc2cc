"""What `stakazo webhooks` does."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from stakazo.cli.client import Api, Row
from stakazo.cli.finding import the_one
from stakazo.cli.output import USAGE, Failure, console, print_json
from stakazo.cli.posting import ask, moment, show, table
from stakazo.core.settings import Settings

STYLES = {"DELIVERED": "green", "DEAD": "bold red", "WAITING": "cyan"}
PATIENCE = 30.0
"""Seconds in which a test should have its answer."""


async def _one(api: Api, given: str) -> Row:
    return the_one(await api.every("/webhooks"), given, "webhook", "url")


def show_list(settings: Settings, server: str | None, *, as_json: bool) -> None:
    rows = ask(settings, server, lambda api: api.every("/webhooks"))
    if as_json:
        print_json(rows)
    elif rows:
        shown = [[row["id"], row["url"], " ".join(row["events"]), row["health"], row["description"]] for row in rows]
        table(("id", "url", "events", "health", "for"), shown)
    else:
        console().print("No webhooks. `stakazo webhooks add https://...` makes one.")


def add(
    settings: Settings, server: str | None, url: str, events: list[str], description: str, *, as_json: bool
) -> None:
    body = {"url": url, "events": events, "description": description}
    _made(ask(settings, server, lambda api: api.post("/webhooks", body)), as_json=as_json)


def rotate(settings: Settings, server: str | None, given: str, *, as_json: bool) -> None:
    async def work(api: Api) -> Any:
        return await api.post(f"/webhooks/{(await _one(api, given))['id']}/rotate")

    _made(ask(settings, server, work), as_json=as_json)


def _made(answer: Row, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    show(answer["webhook"], as_json=False)
    console().print(f"\nIts secret, shown this once: {answer['secret']}")


def try_out(settings: Settings, server: str | None, given: str, *, as_json: bool) -> None:
    async def work(api: Api) -> Row:
        path = f"/webhooks/{(await _one(api, given))['id']}"
        sent = await api.post(f"{path}/test")
        async with asyncio.timeout(PATIENCE):
            while True:
                (found,) = (await api.get(f"{path}/deliveries", event_id=sent["event_id"]))["items"]
                if found["attempts"]:
                    return dict(found)
                await asyncio.sleep(0.3)

    try:
        came = ask(settings, server, work)
    except TimeoutError:
        raise Failure("Nobody has sent it yet: does a worker run? `stakazo webhooks deliveries` shows it.") from None
    show(came, as_json=as_json)
    if came["state"] != "DELIVERED":
        raise Failure(f"It was not taken: {came['answer'] or came['status']}")


def deliveries(settings: Settings, server: str | None, given: str, limit: int, *, dead: bool, as_json: bool) -> None:
    async def work(api: Api) -> Any:
        path = f"/webhooks/{(await _one(api, given))['id']}/deliveries"
        return (await api.get(path, limit=limit, state="DEAD" if dead else None))["items"]

    rows = ask(settings, server, work)
    if as_json:
        print_json(rows)
        return
    shown = [
        [
            row["id"],
            row["type"],
            f"[{STYLES[row['state']]}]{row['state']}[/]",
            str(row["attempts"]),
            moment(row["due_at"] if row["state"] == "WAITING" else row["tried_at"] or row["created_at"]),
            f"{row['status'] or ''} {(row['answer'] or '')[:80]}".strip(),
        ]
        for row in rows
    ]
    table(("id", "type", "state", "tries", "when", "answer"), shown)


def replay(
    settings: Settings,
    server: str | None,
    given: str,
    since: datetime | None,
    until: datetime | None,
    delivery: str | None,
    *,
    dead: bool,
) -> None:
    if (since is None) == (delivery is None):
        raise Failure("Say either --since or --delivery.", USAGE)
    times = {"since": since, "until": until}
    body: Row = {name: when.astimezone().isoformat() for name, when in times.items() if when}
    body |= {"delivery_id": delivery} if delivery else {"dead_only": dead}

    async def work(api: Api) -> Any:
        return await api.post(f"/webhooks/{(await _one(api, given))['id']}/replay", body)

    console().print(f"{ask(settings, server, work)['deliveries']} are sent again.")


def switch(settings: Settings, server: str | None, given: str, *, enabled: bool) -> None:
    async def work(api: Api) -> Any:
        return await api.patch(f"/webhooks/{(await _one(api, given))['id']}", {"enabled": enabled})

    row = ask(settings, server, work)
    console().print(f"{row['url']} is {'on' if row['enabled'] else 'off'}.")


def remove(settings: Settings, server: str | None, given: str) -> None:
    async def work(api: Api) -> str:
        row = await _one(api, given)
        await api.delete(f"/webhooks/{row['id']}")
        return str(row["url"])

    console().print(f"{ask(settings, server, work)} is forgotten.")
