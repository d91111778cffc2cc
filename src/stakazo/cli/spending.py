"""What `stakazo campaigns` does."""

from __future__ import annotations

import json
import os
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import typer

from stakazo.cli import connecting
from stakazo.cli.client import Api, Row
from stakazo.cli.finding import whole_id
from stakazo.cli.output import USAGE, Failure, console, print_json
from stakazo.cli.posting import TOKEN, ask, show, table
from stakazo.core.settings import Settings
from stakazo.platforms.ads import major_units, offset

STYLES = {"ACTIVE": "green", "FAILED": "red", "NEEDS_HUMAN": "bold red", "PAUSED": "cyan", "ARCHIVED": "dim"}


def prompt(question: str) -> str:
    return str(typer.prompt(question, default="", show_default=False))


def minor(amount: str, currency: str) -> int:
    """`100` or `99.50` of a currency as its minor units. Raises Failure for what isn't money of it."""
    try:
        units = Decimal(amount) * offset(currency)
    except InvalidOperation:
        units = Decimal("0.5")
    if units != units.to_integral_value() or units < 0:
        example = "100" if offset(currency) == 1 else "99.50"
        raise Failure(f"{amount!r} is no amount of {currency}; write it like {example}.", USAGE)
    return int(units)


def major(units: int | None, currency: str) -> str:
    """Minor units as people write them."""
    return "" if units is None else major_units(units, currency)


def connect(settings: Settings, server: str | None, said: Row, *, sign_in: bool, live: bool, as_json: bool) -> None:
    body = {name: value for name, value in said.items() if value}
    if sign_in:
        made = connecting.sign_in_to_advertise(settings, server, body, live=live, ask=prompt, say=typer.echo)
        show(made, as_json=as_json)
        return
    token = os.environ.get(TOKEN)
    if said["external_id"] and not token:
        raise Failure(
            f"Put the account's token into the variable {TOKEN}: on the command line everybody sees it.", USAGE
        )
    if said["external_id"]:
        body["token"] = token

    async def work(api: Api) -> Row:
        return dict(await api.post("/ad-accounts", body))

    show(ask(settings, server, work), as_json=as_json)


def limits(
    settings: Settings, server: str | None, currency: str | None, said: Row, step: int | None, *, as_json: bool
) -> None:
    async def work(api: Api) -> Row:
        changed = {name: minor(value, currency or "") for name, value in said.items() if value is not None}
        changed |= {"step_percent": step} if step is not None else {}
        if currency is None or not changed:
            return dict(await api.get("/ads/policy"))

        def with_changes(found: Row) -> Row:
            before = found["limits"].get(currency, {})
            return {"limits": {**found["limits"], currency: {**before, **changed}}}

        return await api.edit("/ads/policy", with_changes)

    found = ask(settings, server, work)
    if as_json:
        print_json(found)
        return
    for name, one in found["limits"].items():
        rows = [[key.replace("_", " "), _limit(key, value, name)] for key, value in one.items() if value is not None]
        table((name, "at most"), rows)
    if not found["limits"]:
        console().print("No limits, so nothing is let run. `stakazo campaigns limits EUR --campaign 100` sets one.")
    if found["stopped_at"]:
        console().print(f"[bold red]Everything was stopped[/] by {found['stopped_by']} at {found['stopped_at']}.")


def _limit(name: str, value: int, currency: str) -> str:
    return f"{value} %" if name.endswith("percent") else major(value, currency)


async def account_of(api: Api, given: str | None) -> Row:
    """The ad account that is meant. Raises Failure where there are several, or none."""
    rows = await api.every("/ad-accounts")
    fits = [row for row in rows if given is None or given in {row["id"], row["name"], row["external_id"]}]
    if len(fits) == 1:
        return dict(fits[0])
    if fits:
        raise Failure(f"There are {len(fits)} ad accounts; say which with --account.", USAGE)
    raise Failure("There is no such ad account. `stakazo campaigns connect` connects the sandbox's.")


def audiences(settings: Settings, server: str | None, account: str | None, words: str, *, as_json: bool) -> None:
    async def work(api: Api) -> list[Row]:
        found = await account_of(api, account)
        return list(await api.every(f"/ad-accounts/{found['id']}/audiences", name=words or None))

    rows = ask(settings, server, work)
    if as_json:
        print_json(rows)
    elif not rows:
        console().print("No such audiences. `stakazo audiences --help` shows how to make one.")
    else:
        shown = [
            [row["id"], row["name"], row["kind"].lower(), _people(row), row["todo"] or row["fitness"]] for row in rows
        ]
        table(("id", "name", "kind", "people", "what to know"), shown)


def _people(row: Row) -> str:
    return f"{row['lowest']:,} to {row['highest']:,}" if row["lowest"] is not None else "not known"


def targeting(
    settings: Settings, server: str | None, account: str | None, kind: str, words: str, *, as_json: bool
) -> None:
    async def work(api: Api) -> list[Row]:
        found = await account_of(api, account)
        answer = await api.get(f"/ad-accounts/{found['id']}/targeting", kind=kind, words=words)
        return list(answer["items"])

    rows = ask(settings, server, work)
    if as_json:
        print_json(rows)
    elif not rows:
        console().print(f"The platform knows no {kind} of that name.")
    else:
        table(("key", "name"), [[row["key"], row["full_name"]] for row in rows])


def forms(settings: Settings, server: str | None, account: str | None, *, as_json: bool) -> None:
    async def work(api: Api) -> list[Row]:
        return list(await api.every(f"/ad-accounts/{(await account_of(api, account))['id']}/lead-forms"))

    rows = ask(settings, server, work)
    if as_json:
        print_json(rows)
    elif not rows:
        console().print("The Page has no forms; they are made in Meta's Ads Manager or in the Page's settings there.")
    else:
        table(("id", "name", ""), [[row["id"], row["name"], "" if row["open"] else "closed"] for row in rows])


def create(
    settings: Settings, server: str | None, account: str | None, said: Row, money: Row, *, dry_run: bool, as_json: bool
) -> None:
    async def work(api: Api) -> Row:
        row = await account_of(api, account)
        amounts = {name: minor(value, row["currency"]) for name, value in money.items() if value is not None}
        body = {"ad_account_id": row["id"], **amounts, **{name: value for name, value in said.items() if value}}
        return dict(await api.post(f"/campaigns{'?dry_run=true' if dry_run else ''}", body))

    made = ask(settings, server, work)
    if as_json or not dry_run:
        show(made, as_json=as_json)
    else:
        _preview(made)


def duplicate(settings: Settings, server: str | None, given: str, *, dry_run: bool, as_json: bool) -> None:
    async def work(api: Api) -> Row:
        campaign_id = await whole_id(api, "/campaigns", given, "campaign")
        return dict(await api.post(f"/campaigns/{campaign_id}/duplicate{'?dry_run=true' if dry_run else ''}"))

    made = ask(settings, server, work)
    if as_json or not dry_run:
        show(made, as_json=as_json)
    else:
        _preview(made)


def _preview(made: Row) -> None:
    shown, currency = made["preview"], made["currency"]
    reach = f"{shown['lowest_reach']:,} to {shown['highest_reach']:,} people" if shown["lowest_reach"] else "not known"
    rows = [
        ["at most", major(shown["at_most"], currency)],
        ["on one day", major(shown["worst_day"], currency)],
        ["reach", reach],
        ["second person", "yes" if shown["needs_second_person"] else "no"],
        *[["refused", words] for words in shown["refused"]],
        *[["over limits", words] for words in shown["over_limits"]],
    ]
    table(None, rows)


def show_list(settings: Settings, server: str | None, states: list[str], limit: int, *, as_json: bool) -> None:
    page = ask(settings, server, lambda api: api.get("/campaigns", state=states or None, limit=limit))
    if as_json:
        print_json(page["items"])
        return
    if not page["items"]:
        console().print("No campaigns.")
        return
    rows = [
        [
            row["id"],
            row["name"],
            f"[{STYLES.get(row['state'], 'default')}]{row['state']}[/]",
            major(row["total_budget"], row["currency"]),
            (row["error"] or {}).get("detail") or (row["review"] or {}).get("says", ""),
        ]
        for row in page["items"]
    ]
    table(("id", "name", "state", "at most", "what to know"), rows)


def act(settings: Settings, server: str | None, given: str, verb: str | None, *, as_json: bool) -> None:
    """Show a campaign; do something with it first."""

    async def work(api: Api) -> Any:
        campaign_id = await whole_id(api, "/campaigns", given, "campaign")
        if verb is None:
            return await api.get(f"/campaigns/{campaign_id}")
        return await api.post(f"/campaigns/{campaign_id}/{verb}")

    show(dict(ask(settings, server, work)), as_json=as_json)


def change(settings: Settings, server: str | None, given: str, said: Row, money: Row, *, as_json: bool) -> None:
    async def work(api: Api) -> Row:
        campaign_id = await whole_id(api, "/campaigns", given, "campaign")
        currency = (await api.get(f"/campaigns/{campaign_id}"))["currency"]
        amounts = {name: minor(value, currency) for name, value in money.items() if value is not None}
        body = {name: value for name, value in said.items() if value is not None} | amounts
        if not body:
            raise Failure("Say what is to be different; `stakazo campaigns change --help` shows what can be.", USAGE)
        return dict(await api.patch(f"/campaigns/{campaign_id}", body))

    show(ask(settings, server, work), as_json=as_json)


def _rules(file: Path) -> list[Row]:
    """Of a file: a list, or as the API answers it. Raises Failure for what isn't JSON."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Failure(f"{file} is no JSON: {error}.", USAGE) from error
    return list(found["rules"] if isinstance(found, dict) and "rules" in found else found)


def rules(settings: Settings, server: str | None, file: Path | None, *, as_json: bool) -> None:
    async def work(api: Api) -> list[Row]:
        if file is None:
            return list((await api.get("/ads/rules"))["rules"])
        wanted = _rules(file)
        return list((await api.edit("/ads/rules", lambda _: {"rules": wanted}))["rules"])

    found = ask(settings, server, work)
    if as_json:
        print_json(found)
    elif not found:
        console().print("No rules. `stakazo campaigns rules rules.json` says some; the guide on ads shows how.")
    else:
        rows = [[one["name"], one["action"], _when(one), f"{one['days']} days"] for one in found]
        table(("rule", "does", "where", "looking back"), rows)


def _when(rule: Row) -> str:
    bounds = [f"{word} {rule[word]:g}" for word in ("above", "below") if rule[word] is not None]
    return f"{rule['metric'].replace('_', ' ')} {' and '.join(bounds)}".strip()


def simulate(settings: Settings, server: str | None, given: str, file: Path | None, *, as_json: bool) -> None:
    async def work(api: Api) -> Row:
        campaign_id = await whole_id(api, "/campaigns", given, "campaign")
        body = {"rules": _rules(file)} if file is not None else None
        found = dict(await api.post(f"/campaigns/{campaign_id}/simulate", body))
        return found | {"currency": (await api.get(f"/campaigns/{campaign_id}"))["currency"]}

    found = ask(settings, server, work)
    if as_json:
        print_json(found)
        return
    rows = [
        [one["day"], one["rule"], one["action"], major(one["total"], found["currency"])] for one in found["decisions"]
    ]
    table(("day", "rule", "would have", "total"), rows)
    console().print(f"{major(found['saved'], found['currency'])} would not have been spent.")


def stop(settings: Settings, server: str | None, *, release: bool) -> None:
    found = ask(settings, server, lambda api: api.post("/ads/stop", {"stopped": not release}))
    if found["stopped_at"]:
        console().print("Everything is stopped: what runs is being paused. `stakazo campaigns stop --release` ends it.")
    else:
        console().print("Money may flow again; what was paused stays so until it is activated.")
