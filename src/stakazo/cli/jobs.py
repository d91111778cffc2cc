"""`stakazo jobs`: what is being done, from a terminal."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

from stakazo.cli.client import Row, connected
from stakazo.cli.output import Failure, console, print_json
from stakazo.core.settings import Settings
from stakazo.jobs.states import JobState

STYLES = {"COMPLETED": "green", "FAILED": "red", "CANCELLED": "dim", "RETRY": "yellow", "PROCESSING": "cyan"}
WIDE = 120
"""Columns of a terminal that has room for whole ids; a shorter one is understood, too."""
SHORT = 18


def show_list(
    settings: Settings, server: str | None, *, state: list[JobState], kind: str | None, limit: int, as_json: bool
) -> None:
    """The newest jobs."""

    async def ask() -> Row:
        async with connected(settings, server) as api:
            query: dict[str, Any] = {"state": [one.value for one in state] or None, "type": kind, "limit": limit}
            return dict(await api.get("/jobs", **query))

    page = asyncio.run(ask())
    if as_json:
        print_json(page["items"])
        return
    if not page["items"]:
        console().print("No jobs.")
        return
    from rich.table import Table

    out = console()
    table = Table(box=None)
    for column in ("id", "type", "state", "done", "tries"):
        table.add_column(column, no_wrap=True)
    table.add_column("", overflow="fold")
    for row in page["items"]:
        table.add_row(
            row["id"] if not out.is_terminal or out.width >= WIDE else row["id"][:SHORT],
            row["type"],
            f"[{STYLES.get(row['state'], 'default')}]{row['state']}[/]",
            f"{100 * row['progress']:.0f} %",
            str(row["attempt"]),
            (row["error"] or {}).get("detail") or (JobState(row["state"]).active and row["stage"]) or "",
        )
    out.print(table)
    if page["next_cursor"]:
        console(stderr=True).print(f"[dim]The newest {limit}; more with --limit.[/]")


def act(settings: Settings, server: str | None, given: str, verb: str | None, *, as_json: bool) -> None:
    """Show a job; cancel or retry it first."""

    async def ask() -> Row:
        async with connected(settings, server) as api:
            job_id = await _whole_id(api, given)
            if verb:
                return dict(await api.post(f"/jobs/{job_id}/{verb}"))
            return dict(await api.get(f"/jobs/{job_id}"))

    row = asyncio.run(ask())
    if as_json:
        print_json(row)
        return
    from rich.table import Table

    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in row.items():
        if value is not None:
            table.add_row(name, str(value))
    console().print(table)


async def _whole_id(api: Any, given: str) -> str:
    """A job's id by its beginning or end, as long as only one recent job has it."""
    with suppress(ValueError):
        return str(UUID(given))
    found = [row["id"] for row in (await api.get("/jobs", limit=200))["items"] if _matches(row["id"], given)]
    if len(found) == 1:
        return str(found[0])
    if found:
        raise Failure(f"{given!r} fits {len(found)} jobs; write more of the id.")
    raise Failure(f"There is no recent job {given!r}. `stakazo jobs list` shows what there is.")


def _matches(job_id: str, given: str) -> bool:
    return bool(given) and (job_id.startswith(given) or job_id.endswith(given))
