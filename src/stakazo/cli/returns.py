"""What `stakazo metrics` and `stakazo inbox` do."""

from __future__ import annotations

from typing import Any

from stakazo.cli.client import Api, Row
from stakazo.cli.finding import the_one
from stakazo.cli.output import console, print_json
from stakazo.cli.posting import ask, moment, table
from stakazo.core.settings import Settings
from stakazo.platforms.ads import offset


def _said(value: float | None, form: str = ",") -> str:
    return "-" if value is None else format(value, form)


def _money(amount: float | None, currency: str) -> str:
    """Minor units as a person writes them: 12.34 EUR, 1,234 JPY."""
    if amount is None:
        return "-"
    unit = offset(currency)
    return f"{amount / unit:,.{2 if unit == 100 else 0}f} {currency}"


# --- metrics ------------------------------------------------------------------------------------------------


def of_post(settings: Settings, server: str | None, publication: str, *, as_json: bool) -> None:
    rows = ask(settings, server, lambda api: api.every(f"/publications/{publication}/metrics"))
    if as_json:
        print_json(rows)
    elif rows:
        counts = ("views", "reach", "likes", "comments", "shares", "saves")
        shown = [
            [moment(row["sampled_at"]), *(_said(row[name]) for name in counts), _said(row["average_watch"], ".1f"),
             _said(row["hold_rate"], ".0%"), "corrected" if row["restated"] else ""]
            for row in rows
        ]  # fmt: skip
        table(("when", *counts, "watched s", "held", ""), shown)
    else:
        console().print("Nothing was said yet. The first look is ten minutes after it is public.")


def of_campaign(settings: Settings, server: str | None, campaign: str, *, as_json: bool) -> None:
    found = ask(settings, server, lambda api: api.get(f"/campaigns/{campaign}/metrics"))
    if as_json:
        print_json(found)
        return
    shown = [_paid(row["day"], row["paid"]) for row in found["days"]]
    if found["total"]:
        shown.append(_paid("all", found["total"]))
    table(("day", "spend", "views", "clicks", "purchases", "per view", "ROAS"), shown)


def _paid(name: str, paid: Row) -> list[str]:
    currency = paid["currency"]
    return [
        name, _money(paid["spend"], currency), _said(paid["views"]), _said(paid["clicks"]), _said(paid["conversions"]),
        _money(paid["cost_per_view"], currency), _said(paid["roas"], ".2f"),
    ]  # fmt: skip


def of_clip(settings: Settings, server: str | None, clip: str, time_zone: str, *, as_json: bool) -> None:
    found = ask(settings, server, lambda api: api.get(f"/clips/{clip}/series", time_zone=time_zone))
    if as_json:
        print_json(found)
        return
    counts = ("views", "likes", "comments", "shares")
    shown = [
        [point["day"], *(_said(point["organic"][name]) for name in counts),
         " + ".join(_money(one["spend"], one["currency"]) for one in point["paid"]) or "-"]
        for point in found["points"]
    ]  # fmt: skip
    table(("day", *counts, "spent"), shown)


# --- the inbox ----------------------------------------------------------------------------------------------


def show_inbox(settings: Settings, server: str | None, state: str, *, as_json: bool) -> None:
    rows = ask(settings, server, lambda api: api.every("/inbox", state=state))
    if as_json:
        print_json(rows)
    elif rows:
        shown = [[row["id"], row["kind"], moment(row["said_at"]), row["author"], row["text"]] for row in rows]
        table(("id", "kind", "said", "by", "what"), shown)
    else:
        console().print("Nothing is there.")


def reply(settings: Settings, server: str | None, given: str, text: str) -> None:
    _act(settings, server, given, "reply", {"text": text})
    console().print("The answer is on its way; `stakazo inbox list` shows what comes of it.")


def done(settings: Settings, server: str | None, given: str) -> None:
    _act(settings, server, given, "done", None)
    console().print("Done.")


def _act(settings: Settings, server: str | None, given: str, verb: str, body: Any) -> None:
    async def work(api: Api) -> Any:
        item = the_one(await api.every("/inbox"), given, "item", listing="stakazo inbox list")
        return await api.post(f"/inbox/{item['id']}/{verb}", body)

    ask(settings, server, work)
