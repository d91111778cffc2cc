"""`stakazo jobs`: what is being done, from a terminal."""

from __future__ import annotations

import asyncio
from typing import Any

from stakazo.cli.client import Row, connected
from stakazo.cli.finding import whole_id
from stakazo.cli.output import console, print_json
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
            job_id = await whole_id(api, "/jobs", given, "job")
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
