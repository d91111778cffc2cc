"""A clip with five variants in one process, beside five commands: `python bench/render.py [--media DIR] [--seconds N]`.

By turns, in the same run: our one FFmpeg for Reel, TikTok, Short, Facebook feed and Instagram feed; five FFmpeg
commands with the same settings, one variant each, one after the other and both at a time; and our one command with
the encoders left out, which is what decoding and filtering cost. The films are analysed and framed beforehand, as
the product does. Exits with 1 when one process isn't faster than five.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from stakazo.media import ffmpeg
from stakazo.media.command import arguments
from stakazo.media.plan import RenderPlan
from stakazo.media.probe import probe
from stakazo.media.render import render
from stakazo.media.see import see
from stakazo.media.types import Analysis, Span
from stakazo.variants import recipes

ROOT = Path(__file__).resolve().parents[1]
FIVE = ("instagram_reel", "tiktok", "youtube_short", "facebook_feed", "instagram_feed")
FILMS = {"bbb_1min_720p30.mp4": 30.0, "bbb_full_v5.mp4": 125.0}
"""And where the clip starts, in seconds."""


@dataclass(frozen=True)
class Cost:
    """What a way of rendering took, with all processes it waited for."""

    wall: float
    cpu: float


def measured(work: Callable[[], object]) -> Cost:
    before, start = _cpu(), time.perf_counter()
    work()
    return Cost(time.perf_counter() - start, _cpu() - before)


def _cpu() -> float:
    children, own = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    return children.ru_utime + children.ru_stime + own.ru_utime + own.ru_stime


def run(argv: Sequence[str]) -> None:
    subprocess.run([ffmpeg.executable(), "-hide_banner", "-nostdin", "-loglevel", "error", *argv], check=True)


def without_encoders(argv: Sequence[str], plan: RenderPlan) -> list[str]:
    """The same input and filters; the pictures and the sound are thrown away."""
    head = list(argv[: argv.index("-filter_complex") + 2])
    labels = [argv[number + 1] for number, word in enumerate(argv) if word == "-map"]
    kept = [word for label in labels for word in ("-map", label)]
    assert len([label for label in labels if label.startswith("[v")]) == len(plan.groups)
    return [*head, *kept, "-c:v", "wrapped_avframe", "-c:a", "pcm_s16le", "-f", "null", "-"]


def median(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(c.wall for c in costs), statistics.median(c.cpu for c in costs))


def compare(film: Path, start: float, seconds: float, rounds: int) -> dict[str, Cost]:
    info = probe(film)
    assert info.video
    analysis = Analysis(info, see(film, info.video), None)
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.mp4" for name in FIVE}
        (plan,) = recipes.plans(film, analysis, Span(start, start + seconds), files)
        single = [arguments(replace(plan, outputs=(output,))) for output in plan.outputs]
        together = arguments(plan)

        def one_after_the_other() -> None:
            for argv in single:
                run(argv)

        def side_by_side() -> None:
            with ThreadPoolExecutor(2) as threads:
                list(threads.map(run, single))

        ways: dict[str, Callable[[], object]] = {
            "one process": lambda: run(together),
            "five commands, one after the other": one_after_the_other,
            "five commands, two at a time": side_by_side,
            "decoding and filters alone": lambda: run(without_encoders(together, plan)),
            "all of it: measure loudness, render, verify": lambda: asyncio.run(render(plan)),
        }
        run(without_encoders(together, plan))  # warms the caches
        costs: dict[str, list[Cost]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, work in ways.items():
                costs[name].append(measured(work))
    return {name: median(found) for name, found in costs.items()}


def report(film: str, seconds: float, costs: dict[str, Cost]) -> list[str]:
    one, five = costs["one process"], costs["five commands, one after the other"]
    pair, bare = costs["five commands, two at a time"], costs["decoding and filters alone"]
    lines = [f"## {film}, {seconds:g} s", "", "| way | wall s | CPU s |", "|---|---|---|"]
    lines += [f"| {name} | {cost.wall:.1f} | {cost.cpu:.1f} |" for name, cost in costs.items()]
    encoding = 1 - bare.cpu / one.cpu
    lines += [
        "",
        f"One process takes **{one.wall / five.wall:.0%}** of the time and **{one.cpu / five.cpu:.0%}** of the CPU of",
        f"five commands one after the other ({one.wall / pair.wall:.0%} of the time of two at a time).",
        f"Decoding and filters are {bare.cpu / one.cpu:.0%} of its CPU time, {encoding:.0%} is encoding alone.",
        "",
    ]
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--media", type=Path, default=ROOT.parent / "shared" / "media")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--report", type=Path, default=ROOT / "bench" / "reports" / "render.md")
    given = parser.parse_args()
    lines = [
        "# Five variants in one process",
        "",
        f"Written by `bench/render.py`: medians of {given.rounds} rounds by turns in one run, FFmpeg",
        f"{ffmpeg.capabilities().version}, {platform.machine()}, {os.cpu_count()} cores, load average",
        f"{os.getloadavg()[0]:.1f} at the start. Reel, TikTok and Short have the same pixels and are encoded once;",
        "each file has its own sound.",
        "",
    ]
    slower = False
    for name, start in FILMS.items():
        costs = compare(given.media / name, start, given.seconds, given.rounds)
        lines += report(name, given.seconds, costs)
        slower |= costs["one process"].wall >= costs["five commands, one after the other"].wall
    print("\n".join(lines))
    given.report.write_text("\n".join(lines), encoding="utf-8")
    return int(slower)


if __name__ == "__main__":
    sys.exit(main())
