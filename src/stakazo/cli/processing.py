"""`stakazo process` around the story: what the person asked for, what they see, and the report at its end."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from stakazo.cli.output import USAGE, Failure, clock, console, print_json
from stakazo.cli.report import write
from stakazo.cli.screen import Bars, Lines, Screen, Silent
from stakazo.cli.story import Done, Order, process
from stakazo.core.settings import Settings
from stakazo.core.telemetry import setup_logging
from stakazo.variants.recipes import RECIPES


def run(
    video: Path,
    out: Path,
    platforms: Sequence[str] | None,
    clips: int | None,
    title: str | None,
    server: str | None,
    *,
    as_json: bool,
) -> None:
    """The command."""
    order = Order(video, out, recipes_for(platforms), clips, title, server or os.environ.get("STAKAZO_SERVER"))
    done = carry_out(order, as_json=as_json)
    if as_json:
        print_json(done.as_json() | {"report": str(out / "report.html")})
    else:
        show(done, out)
    if done.failures:
        raise Failure(f"{len(done.failures)} variants could not be rendered: " + "; ".join(done.failures))


def carry_out(
    order: Order, *, as_json: bool = False, comparison: Callable[[Done], Sequence[str]] = lambda _: ()
) -> Done:
    """The story with its progress on the screen, and the report in the folder."""
    settings = Settings()
    setup_logging(settings.model_copy(update={"log_level": "ERROR"}))
    screen: Screen = Silent() if as_json else Bars() if sys.stderr.isatty() else Lines()
    with screen:
        done = asyncio.run(process(settings, order, screen))
        screen.note("Writing the report ...")
        write(order.out / "report.html", done, order.video, comparison(done))
    return done


def recipes_for(platforms: Sequence[str] | None) -> tuple[str, ...] | None:
    """Recipes by the names of platforms or recipes; None for all."""
    if not platforms:
        return None
    wanted: list[str] = []
    for given in platforms:
        name = given.lower().replace("-", "_")
        found = [recipe.name for recipe in RECIPES.values() if name in {recipe.name, recipe.platform}]
        if not found:
            there = sorted({recipe.platform for recipe in RECIPES.values()} | set(RECIPES))
            raise Failure(f"There is no platform or recipe {given!r}; there are {', '.join(there)}.", code=USAGE)
        wanted += found
    return tuple(dict.fromkeys(wanted))


def show(done: Done, out: Path) -> None:
    """The clips with their reasons, and where everything is."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, title=done.video["title"], title_justify="left", title_style="bold")
    for column in ("clip", "from", "to", "score", "why", "variants"):
        table.add_column(column, overflow="fold", justify="right" if column == "score" else "left")
    for clip in done.clips:
        table.add_row(
            str(clip["rank"]),
            clock(clip["start"]),
            clock(clip["end"]),
            f"{clip['score']:.0f}",
            "\n".join(clip["reasons"][:3]),
            "\n".join(f"{variant['recipe']} {variant['width']}x{variant['height']}" for variant in clip["variants"]),
        )
    result = console()
    result.print(table)
    files = sum(len(clip["variants"]) for clip in done.clips)
    seconds = ", ".join(f"{stage} {value:.1f} s" for stage, value in done.seconds.items())
    result.print(f"\n{files} files in {out.absolute()} ({seconds})")
    result.print(f"Look at it: {(out / 'report.html').absolute()}")
