"""What it costs to confine children: `python bench/confine.py [--media DIR] [--rounds N]`.

By turns, in the same run, with warm caches: starting a program that does nothing, the analysis of a one-minute film,
and a clip of five variants with everything (measure, render, verify), each in children that have limits alone, in
children confined as this machine does it without bubblewrap, and with it where it is installed. Exits with 1 when the
analysis or the rendering takes more than 5 % more processor time confined.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from render import FIVE, Cost, measured

from stakazo import media
from stakazo.media import ffmpeg, means
from stakazo.media.confine import Access, Means
from stakazo.media.plan import RenderPlan
from stakazo.media.render import render
from stakazo.media.types import Analysis, Span
from stakazo.variants import recipes

ROOT = Path(__file__).resolve().parents[1]
MOST = 1.05
STARTS = 20


@dataclass(frozen=True)
class Work:
    """One thing that is done in every way."""

    name: str
    done: Callable[[Means], Coroutine[Any, Any, Any]]
    bar: bool = True


async def start(way: Means) -> None:
    for _ in range(STARTS):
        ended = await ffmpeg.child(
            [sys.executable, "-I", "-S", "-c", "pass"], access=Access(programs=means.python()), means=way
        )
        assert ended.code == 0, ended.stderr


def clip(film: Path, folder: Path) -> RenderPlan:
    info = media.probe(film)
    assert info.video
    analysis = Analysis(info, media.see(film, info.video), None)
    files = {name: folder / f"{name}.mp4" for name in FIVE}
    (plan,) = recipes.plans(film, analysis, Span(30.0, 40.0), files)
    return plan


def compared(works: list[Work], ways: dict[str, Means], rounds: int) -> dict[tuple[str, str], list[Cost]]:
    costs: dict[tuple[str, str], list[Cost]] = {(work.name, way): [] for work in works for way in ways}
    for work in works:
        asyncio.run(work.done(means.here()))  # warms the caches
    for turn in range(rounds):
        for work in works:
            for name, way in list(ways.items()) if turn % 2 else reversed(ways.items()):
                costs[work.name, name].append(measured(lambda work=work, way=way: asyncio.run(work.done(way))))  # type: ignore[misc]
    return costs


def ratio(mine: list[Cost], theirs: list[Cost]) -> float:
    """Of processor time: neighbours on the machine disturb it least. Each is compared with its own round."""
    return statistics.median(one.cpu / other.cpu for one, other in zip(mine, theirs, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--media", type=Path, default=ROOT.parent / "shared" / "media")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--report", type=Path, default=ROOT / "bench" / "reports" / "confine.md")
    orders = parser.parse_args()
    film = orders.media / "bbb_1min_720p30.mp4"
    here = means.here()
    ways = {"limits alone": means.bare(), "confined": replace(here, bubblewrap="")}
    if here.bubblewrap:
        ways["confined, with bubblewrap"] = here
    with tempfile.TemporaryDirectory() as folder:
        plan = clip(film, Path(folder))
        works = [
            Work(f"start a program, {STARTS} times", start, bar=False),
            Work("analyse one minute", lambda way: media.analyse_in_child(film, means=way)),
            Work("render a clip of 10 s, five variants", lambda way: render(plan, means=way)),
        ]
        costs = compared(works, ways, orders.rounds)
    lines = [
        "# What confining costs",
        "",
        f"Written by `bench/confine.py`: medians of {orders.rounds} rounds by turns on {film.name}, warm caches.",
        f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}. Confined by: {here.words}.",
        "",
        "| work | way | CPU s | wall s | CPU of limits alone |",
        "|---|---|---|---|---|",
    ]
    met = True
    for work in works:
        for way in ways:
            taken = costs[work.name, way]
            cpu, wall = (statistics.median(getattr(cost, kind) for cost in taken) for kind in ("cpu", "wall"))
            times = ratio(taken, costs[work.name, "limits alone"])
            met &= times <= MOST or not work.bar
            lines.append(f"| {work.name} | {way} | {cpu:.2f} | {wall:.2f} | {times:.3f} |")
    extra = {
        way: 1000
        * statistics.median(
            (one.cpu - other.cpu) / STARTS
            for one, other in zip(costs[works[0].name, way], costs[works[0].name, "limits alone"], strict=True)
        )
        for way in list(ways)[1:]
    }
    lines += ["", *(f"A child more costs {ms:.0f} ms of processor time {way}." for way, ms in extra.items())]
    lines += [f"{'Met' if met else '**Not met**'}: analysis and rendering at most {MOST:.2f} times.", ""]
    text = "\n".join(lines)
    orders.report.write_text(text, encoding="utf-8")
    print(text)
    return 0 if met else 1


if __name__ == "__main__":
    begun = time.monotonic()
    code = main()
    print(f"{time.monotonic() - begun:.0f} s")
    sys.exit(code)
