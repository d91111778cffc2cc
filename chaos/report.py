"""The report: what was done, how it went, and the counts. Every number in it was counted by the program."""

from __future__ import annotations

import os
import platform
import statistics
from datetime import UTC, datetime

from chaos.phases import Tally
from chaos.reckoning import Reckoning

BAR = 10.0
"""Seconds within which it is healthy again."""


def kept(tally: Tally, found: Reckoning) -> bool:
    """Whether every bar is kept."""
    slow = [fault for fault, took in tally.healthy.items() if max(took) > BAR]
    return not (tally.failed or found.lost or found.twice or found.orphans or found.odd or slow)


def written(tally: Tally, found: Reckoning, *, seed: int, seconds: float, argv: list[str]) -> str:
    """As Markdown; its last line is the sum of it."""
    lines = [
        "# Chaos",
        "",
        (
            f"`python -m chaos {' '.join(argv)}`".replace(" `", "`")
            + f", seed {seed}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {seconds:.0f} s on {os.cpu_count()} cores "
            f"({platform.system()} {platform.machine()}, load {os.getloadavg()[1]:.1f} in the last five minutes). "
            "Default settings of heartbeats; durable commits; workers kept as `stakazo serve` keeps its own."
        ),
        "",
        "| | |",
        "|---|---|",
        *[f"| SIGKILLs of a {what} | {count} |" for what, count in tally.kills.most_common()],
        f"| Immediate stops of PostgreSQL | {tally.stops} |",
        f"| Jobs, all of them in the database and in the ledger | {found.jobs} |",
        f"| Attempts that they took | {found.attempts} |",
        f"| Wishes acknowledged, each checked in database and ledger, and by its effect | {found.acknowledged} |",
        f"| Requests that this took | {found.asked} |",
        f"| Acknowledged or begun, and lost | {len(found.lost)} |",
        f"| Effects that happened twice (rows, ledger events, the platform outside) | {len(found.twice)} |",
        f"| Created twice outside, inert, and never switched on | {found.inert_twice} |",
        f"| Processes and files that nobody owns | {len(found.orphans)} |",
        f"| Answers that nobody should get (500, 4xx for a right request) | {len(found.odd)} |",
        "",
        f"## How soon it is healthy again (bar: {BAR:g} s)",
        "",
        "| after | times | p50 | p95 | longest |",
        "|---|---|---|---|---|",
        *[_spread(fault, took) for fault, took in tally.healthy.items()],
    ]
    if found.recoveries:
        lines.append(_spread("a kill: until a job that it hit is begun again elsewhere", found.recoveries))
    lines += [
        "",
        "Healthy: something that was wished after the fault is done, from its request to its effect.",
        "Workers are killed as soon as they take jobs.",
        "",
    ]
    lines += [f"* {note}" for note in tally.notes]
    wrong = [*tally.failed, *found.lost, *found.twice, *found.orphans, *found.odd]
    if wrong:
        lines += ["", "## What was wrong", "", *[f"* {one[:400]}" for one in wrong[:60]]]
        lines += [f"* and {len(wrong) - 60} more"] if len(wrong) > 60 else []
    lines += [
        "",
        (f"{sum(tally.kills.values())} kills, {found.jobs} jobs, {len(found.lost)} lost, {len(found.twice)} twice"),
        "",
    ]
    return "\n".join(lines)


def _spread(what: str, samples: list[float]) -> str:
    ordered = sorted(samples)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"| {what} | {len(ordered)} | {statistics.median(ordered):.1f} s | {p95:.1f} s | {ordered[-1]:.1f} s |"
