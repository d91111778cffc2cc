"""What `stakazo channels`, `stakazo publish` and `stakazo publications` do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from stakazo.cli.client import Api, Row, connected
from stakazo.cli.finding import whole_id
from stakazo.cli.output import USAGE, Failure, console, print_json
from stakazo.core.settings import Settings
from stakazo.platforms.base import Platform

STYLES = {"PUBLISHED": "green", "FAILED": "red", "NEEDS_HUMAN": "bold red", "CANCELLED": "dim", "SCHEDULED": "cyan"}
TOKEN = "STAKAZO_TOKEN"  # noqa: S105 - the name of a variable


def ask(settings: Settings, server: str | None, work: Callable[[Api], Awaitable[Any]]) -> Any:
    async def asked() -> Any:
        async with connected(settings, server) as api:
            return await work(api)

    return asyncio.run(asked())


# --- channels -----------------------------------------------------------------------------------------------


def show_channels(settings: Settings, server: str | None, *, as_json: bool) -> None:
    rows = ask(settings, server, lambda api: api.every("/channels"))
    if as_json:
        print_json(rows)
    elif rows:
        shown = [
            [row["id"], row["platform"], row["name"], _world(row), row["health"], row["time_zone"]] for row in rows
        ]
        table(("id", "platform", "name", "world", "health", "zone"), shown)
        for row in rows:
            for lack in row["lacking"]:
                console().print(f"{row['name']} lacks {lack['scope']}. {lack['without']} {lack['todo']}")
    else:
        console().print("No channels. `stakazo channels connect instagram` connects the sandbox's.")


def _world(row: Row) -> str:
    return "sandbox" if row["sandbox"] else "live" if row["live"] else "real, not live"


def connect(
    settings: Settings,
    server: str | None,
    platform: str,
    account: str | None,
    name: str | None,
    time_zone: str | None,
    *,
    as_json: bool,
) -> None:
    token = os.environ.get(TOKEN)
    if account and not token:
        raise Failure(
            f"Put the account's token into the variable {TOKEN}: on the command line everybody sees it.", USAGE
        )
    body = {"platform": platform, "external_id": account, "name": name, "token": token if account else None}

    async def work(api: Api) -> Row:
        row = dict(await api.post("/channels", {key: value for key, value in body.items() if value is not None}))
        if time_zone:
            row = dict(await api.patch(f"/channels/{row['id']}", {"time_zone": time_zone}))
        return row

    show(ask(settings, server, work), as_json=as_json)


def allows(settings: Settings, server: str | None, given: str, *, as_json: bool) -> None:
    async def work(api: Api) -> Row:
        channel = await _channel(api, given)
        return dict(await api.get(f"/channels/{channel['id']}/allowance"))

    show(ask(settings, server, work), as_json=as_json)


def disconnect(settings: Settings, server: str | None, given: str) -> None:
    async def work(api: Api) -> str:
        channel = await _channel(api, given)
        await api.delete(f"/channels/{channel['id']}")
        return str(channel["name"])

    console().print(f"{ask(settings, server, work)} is disconnected.")


async def _channel(api: Api, given: str) -> Row:
    """A channel by its id, its name or its platform, as long as only one fits."""
    fits = [row for row in await api.every("/channels") if given in {row["id"], row["name"], row["platform"]}]
    if len(fits) == 1:
        return dict(fits[0])
    if fits:
        raise Failure(f"{given!r} fits {len(fits)} channels; say its id. `stakazo channels list` shows them.")
    raise Failure(f"There is no channel {given!r}. `stakazo channels list` shows what there is.")


# --- publications -------------------------------------------------------------------------------------------


def publish(
    settings: Settings, server: str | None, given: str, to: list[str], said: Row, *, dry_run: bool, as_json: bool
) -> None:
    """Want a clip's rendered variants, or one variant, on channels."""

    async def work(api: Api) -> tuple[Row, dict[str, str]]:
        found = await api.every("/variants", clip_id=given, state="READY")
        variant_ids = [row["id"] for row in found] or [given]
        channel_ids = [(await _channel(api, one))["id"] for one in to]
        body = {"variant_ids": variant_ids, "channel_ids": channel_ids, **said}
        answer = dict(await api.post(f"/publications{'?dry_run=true' if dry_run else ''}", body))
        known = {row["id"]: row["state"] for row in answer["publications"]}
        for one in answer["plan"]:
            if one["existed"] and (publication_id := one["publication_id"]) not in known:
                known[publication_id] = (await api.get(f"/publications/{publication_id}"))["state"]
        return answer, known

    answer, states = ask(settings, server, work)
    if as_json:
        print_json(answer)
        return
    rows = []
    for one in answer["plan"]:
        words = " ".join(found["sentence"] for found in one["findings"])
        state = states.get(one["publication_id"], "would be refused" if _refused(one) else "would go out")
        rows.append([one["publication_id"] or "-", one["kind"], moment(one["due_at"]), state, words])
    table(("publication", "kind", "due", "state", "what to know"), rows)


def _refused(planned: Row) -> bool:
    return any(found["refused"] for found in planned["findings"])


def show_list(
    settings: Settings, server: str | None, states: list[str], sort: str, limit: int, *, as_json: bool
) -> None:
    page = ask(settings, server, lambda api: api.get("/publications", state=states or None, sort=sort, limit=limit))
    if as_json:
        print_json(page["items"])
        return
    if not page["items"]:
        console().print("No publications.")
        return
    rows = [
        [
            row["id"],
            f"{row['platform']} {row['kind']}",
            f"[{STYLES.get(row['state'], 'default')}]{row['state']}[/]"
            + (" [red]overdue[/]" if row["overdue"] else ""),
            moment(row["due_at"]),
            row["url"] or (row["error"] or {}).get("detail", ""),
        ]
        for row in page["items"]
    ]
    table(("id", "where", "state", "due", "what came of it"), rows)


def confirm(
    settings: Settings, server: str | None, variant: str, post: str, to: str, at: datetime | None, *, as_json: bool
) -> None:
    """Say which post a variant is, by its address or id; where the account isn't connected, by its platform alone."""

    async def work(api: Api) -> Row:
        unconnected = to in set(Platform) and not any(row["platform"] == to for row in await api.every("/channels"))
        channel: Row = {"id": None, "platform": to} if unconnected else await _channel(api, to)
        body = {
            "variant_id": variant, "platform": channel["platform"], "channel_id": channel["id"],
            "url" if "://" in post else "external_id": post,
        }  # fmt: skip
        if at is not None:
            body["published_at"] = at.astimezone().isoformat()
        return dict(await api.post("/confirm_publish", body))

    show(ask(settings, server, work), as_json=as_json)


def reschedule(settings: Settings, server: str | None, given: str, at: datetime, *, as_json: bool) -> None:
    """Another time for what hasn't begun."""

    async def work(api: Api) -> Row:
        publication_id = await whole_id(api, "/publications", given, "publication")
        return dict(await api.patch(f"/publications/{publication_id}", {"at": at.astimezone().isoformat()}))

    show(ask(settings, server, work), as_json=as_json)


def act(
    settings: Settings, server: str | None, given: str, verb: str | None, body: Row | None, *, as_json: bool
) -> None:
    """Show a publication; do something with it first."""

    async def work(api: Api) -> Row:
        publication_id = await whole_id(api, "/publications", given, "publication")
        if verb == "remove":
            await api.delete(f"/publications/{publication_id}")
        elif verb:
            await api.post(f"/publications/{publication_id}/{verb}", body)
        return dict(await api.get(f"/publications/{publication_id}"))

    show(ask(settings, server, work), as_json=as_json)


def show(row: Row, *, as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    table(None, [[name, str(value)] for name, value in row.items() if value not in (None, "", [], {})])


def moment(text: str) -> str:
    """In this machine's time zone."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M}"


def table(columns: tuple[str, ...] | None, rows: list[list[str]]) -> None:
    from rich.table import Table

    shown = Table(box=None, show_header=columns is not None)
    for column in columns or ("", ""):
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*row)
    console().print(shown)
