"""What `stakazo ledger` does through the API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from stakazo.cli.client import Api, Refused, connected
from stakazo.cli.output import Failure, console, print_json, say
from stakazo.cli.verification import how_to_verify
from stakazo.core.settings import Settings
from stakazo.ledger import checkpoint as checkpoints

PATIENCE = 30.0
"""Seconds in which what has just happened must have been sealed."""


def events(wanted: dict[str, Any], server: str | None, *, as_json: bool) -> None:
    """What happened."""
    page = _ask(server, "/ledger/events", **wanted)
    if as_json:
        print_json(page["items"])
        return
    from rich.table import Table

    table = Table(box=None)
    for column in ("place", "when", "what", "to", "by"):
        table.add_column(column, no_wrap=column != "by", justify="right" if column == "place" else "left")
    for row in page["items"]:
        table.add_row(
            "-" if row["position"] is None else str(row["position"]),
            row["time"][:19].replace("T", " "),
            row["event"],
            f"{row['subject_type']}/{row['subject_id']}",
            f"{row['actor_kind']}/{row['actor_id']}",
        )
    console().print(table)
    if page["next_cursor"]:
        say(f"The newest {len(page['items'])}; more with --limit.")


def trace(subject: str, server: str | None, *, as_json: bool) -> None:
    """A life."""
    story = _ask(server, f"/ledger/trace/{subject.rpartition('/')[2]}")
    if as_json:
        print_json(story)
        return
    out = console()
    numbers = {step["id"]: number for number, step in enumerate(story["steps"], 1)}
    for number, step in enumerate(story["steps"], 1):
        cause = f", from {numbers[step['cause']]}" if step["cause"] in numbers else ""
        out.print(f"[bold]{number:3}[/]  [dim]{step['time'][:19].replace('T', ' ')}[/]  {step['says']}")
        out.print(f"     [dim]by {step['because']}{cause}[/]")


def export(out: Path, wanted: dict[str, Any], server: str | None) -> None:
    """The ledger as files."""

    async def fetch() -> None:
        async with connected(Settings(), server) as api:
            await take_away(api, out, wanted)

    asyncio.run(fetch())
    beside = [out.with_suffix(ending) for ending in (".checkpoint", ".pub")]
    say(f"{out}, with {beside[0].name} (keep it elsewhere) and {beside[1].name}. To check it, anywhere:")
    say(f"  {how_to_verify(out)}")


def _ask(server: str | None, path: str, **query: Any) -> Any:
    async def ask() -> Any:
        async with connected(Settings(), server) as api:
            return await api.get(path, **query)

    return asyncio.run(ask())


async def take_away(api: Api, out: Path, wanted: dict[str, Any] | None = None) -> None:
    """Write `ledger.jsonl`, `ledger.checkpoint` and `ledger.pub`, once everything up to now is sealed."""
    await _sealed(api)
    out.with_suffix(".pub").write_text(await api.text("/ledger/keys"), encoding="utf-8")
    out.with_suffix(".checkpoint").write_text(await api.text("/ledger/checkpoints/latest"), encoding="utf-8")
    query = {name: value for name, value in (wanted or {}).items() if value is not None}
    await api.download("/ledger/export" + (f"?{urlencode(query)}" if query else ""), out)


async def _sealed(api: Api) -> None:
    newest = (await api.get("/ledger/events", limit=1))["items"]
    if not newest:
        raise Failure("The ledger is empty: nothing has happened yet.")
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await api.get(f"/ledger/proof/{newest[0]['id']}")
                    return  # noqa: TRY300 (the loop ends here)
                except Refused as refused:
                    if refused.status != 409:
                        raise
                await asyncio.sleep(0.25)
    except TimeoutError:
        raise Failure("The newest events are not sealed. Is a worker running where the ledger's key is?") from None


def checkpoint(out: Path | None, server: str | None) -> None:
    """The newest one."""

    async def fetch() -> str:
        async with connected(Settings(), server) as api:
            return await api.text("/ledger/checkpoints/latest")

    note = asyncio.run(fetch())
    if out is None:
        console().print(note, end="", markup=False)
        return
    with out.open("a", encoding="utf-8") as file:
        file.write(f"\n{note}")
    say(f"The checkpoint of {checkpoints.read(note).checkpoint.size} events is in {out}.")


def erase(person: str, server: str | None, *, yes: bool) -> None:
    """Forget someone."""
    import typer

    if not yes:
        typer.confirm(f"Make everything personal that the ledger says of {person} unreadable, for good?", abort=True)

    async def ask() -> None:
        async with connected(Settings(), server) as api:
            await api.post("/ledger/erasures", {"person": person})

    asyncio.run(ask())
    say(f"What the ledger says of {person} can't be read any more. Backups made before hold the key until they expire.")
