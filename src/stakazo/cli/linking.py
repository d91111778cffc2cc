"""What `stakazo links` does."""

from __future__ import annotations

from collections.abc import Sequence

from stakazo.cli.client import Api, Row
from stakazo.cli.finding import the_one
from stakazo.cli.output import USAGE, Failure, console, print_json
from stakazo.cli.posting import ask, show, table
from stakazo.core.settings import Settings


def targets_of(said: Sequence[str]) -> list[Row]:
    """Where a link leads, from `spotify=https://...` and `apple:ios=https://...`. Raises Failure for anything else."""
    found = []
    for one in said:
        who, is_there, url = one.partition("=")
        name, _, device = who.partition(":")
        if not (name and is_there and url):
            raise Failure(f"{one!r} is no target: say NAME=URL, like spotify=https://open.spotify.com/track/1.", USAGE)
        found.append({"name": name, "url": url, "devices": [device] if device else []})
    return found


async def _one(api: Api, given: str) -> Row:
    return the_one(await api.every("/links", ended=True), given, "link", "slug", "url")


def show_list(settings: Settings, server: str | None, clip: str | None, *, ended: bool, as_json: bool) -> None:
    rows = ask(settings, server, lambda api: api.every("/links", clip_id=clip, ended=ended))
    if as_json:
        print_json(rows)
    elif rows:
        shown = [
            [row["id"], row["url"], row["title"], " ".join(target["name"] for target in row["targets"]), _state(row)]
            for row in rows
        ]
        table(("id", "address", "for", "leads to", ""), shown)
    else:
        console().print("No links. `stakazo links add spotify=https://...` makes one.")


def _state(row: Row) -> str:
    return "[dim]ended[/]" if row["ended_at"] else ""


def add(
    settings: Settings,
    server: str | None,
    targets: Sequence[str],
    title: str,
    slug: str | None,
    clip: str | None,
    *,
    conversions: bool,
    as_json: bool,
) -> None:
    wanted = {"targets": targets_of(targets), "title": title, "slug": slug, "clip_id": clip, "conversions": conversions}
    show(ask(settings, server, lambda api: api.post("/links", wanted)), as_json=as_json)


def show_clicks(settings: Settings, server: str | None, given: str, *, as_json: bool) -> None:
    async def work(api: Api) -> tuple[Row, Row]:
        link = await _one(api, given)
        return link, await api.get(f"/links/{link['id']}/clicks")

    link, said = ask(settings, server, work)
    if as_json:
        print_json(link | {"counted": said})
        return
    show(link, as_json=False)
    if not said["days"]:
        console().print("\nNobody has followed it yet.")
        return
    rows = [
        [day["day"], str(day["clicks"]), str(day["visitors"]), str(day["bots"]), _shares(day["conversions"])]
        for day in said["days"]
    ]
    table(("day (UTC)", "clicks", "visitors", "programs", "what came of it"), rows)
    for name in ("targets", "sources", "devices"):
        console().print(f"{name}: {_shares(said[name])}")


def _shares(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def lead(settings: Settings, server: str | None, given: str, targets: Sequence[str], *, as_json: bool) -> None:
    wanted = {"targets": targets_of(targets)}

    async def work(api: Api) -> Row:
        return dict(await api.patch(f"/links/{(await _one(api, given))['id']}", wanted))

    show(ask(settings, server, work), as_json=as_json)


def end(settings: Settings, server: str | None, given: str) -> None:
    async def work(api: Api) -> str:
        row = await _one(api, given)
        await api.delete(f"/links/{row['id']}")
        return str(row["url"])

    console().print(f"{ask(settings, server, work)} leads nowhere any more.")
