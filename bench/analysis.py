"""What a full analysis costs, beside its peers: `python bench/analysis.py [--media DIR] [--rounds N]`.

Three whole programs on the same one-minute film, by turns, with warm caches: FFmpeg that only decodes, PySceneDetect
that only looks for cuts, and the full analysis. Then the memory of the analysis of a ten-minute film. Exits with 1
when a bar isn't met.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stakazo.media import ffmpeg

ROOT = Path(__file__).resolve().parents[1]
DECODES = 2.0
"""The CPU time of at most this many plain decodes."""
MEMORY = 700.0
"""MB, peak, of the ten-minute film."""
GROWTH = 1.2
"""Its peak memory against that of the one-minute film."""


@dataclass(frozen=True)
class Cost:
    """What a program took, with all processes it waited for."""

    wall: float
    cpu: float
    memory: float
    """MB, peak resident."""


def run(argv: Sequence[str]) -> Cost:
    """Run a whole program, start-up included; its output is thrown away."""
    start = time.perf_counter()
    process = os.posix_spawn(
        argv[0],
        list(argv),
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(process, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(argv)} failed")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def median(costs: Sequence[Cost]) -> Cost:
    return Cost(*(statistics.median(values) for values in zip(*(vars(cost).values() for cost in costs), strict=True)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--media", type=Path, default=ROOT.parent / "shared" / "media")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--report", type=Path, default=ROOT / "bench" / "reports" / "analysis.md")
    orders = parser.parse_args()
    minute, film = orders.media / "bbb_1min_720p30.mp4", orders.media / "bbb_full_v5.mp4"
    beside = Path(sys.executable).parent
    programs = {
        "FFmpeg, decode to null": [ffmpeg.executable(), "-v", "error", "-i", str(minute), "-f", "null", "-"],
        "PySceneDetect, detect-adaptive": [str(beside / "scenedetect"), "-q", "-i", str(minute), "detect-adaptive"],
        "Stakazo, full analysis (library)": [sys.executable, "-m", "stakazo.media", str(minute)],
        "Stakazo, full analysis (`stakazo analyse --json`)": [
            str(beside / "stakazo"),
            "analyse",
            str(minute),
            "--json",
        ],
    }
    costs: dict[str, list[Cost]] = {name: [] for name in programs}
    for argv in programs.values():
        run(argv)  # warms the caches
    for _ in range(orders.rounds):
        for name, argv in programs.items():
            costs[name].append(run(argv))
    middle = {name: median(taken) for name, taken in costs.items()}
    decodes, peers, *ours = costs.values()
    # Neighbours on the machine disturb a round as a whole: each is compared with its own round.
    ratios = [
        statistics.median(mine.cpu / theirs.cpu for mine, theirs in zip(taken, decodes, strict=True)) for taken in ours
    ]
    waits = [
        statistics.median(mine.wall / theirs.wall for mine, theirs in zip(taken, peers, strict=True)) for taken in ours
    ]
    long = run([sys.executable, "-m", "stakazo.media", str(film)])
    growth = long.memory / median(ours[0]).memory
    bars = [
        (
            f"CPU time: {ratios[0]:.2f} decodes, as the command {ratios[1]:.2f}; at most {DECODES}",
            max(ratios) <= DECODES,
        ),
        (f"Wall time: {waits[0]:.2f} of PySceneDetect's, as the command {waits[1]:.2f}; at most 1", max(waits) <= 1),
        (f"Peak memory of the 596 s film: {long.memory:.0f} MB; at most {MEMORY:.0f}", long.memory <= MEMORY),
        (f"Against the one-minute film: {growth:.2f} times; at most {GROWTH}", growth <= GROWTH),
    ]
    lines = [
        "# What a full analysis costs",
        "",
        f"Written by `bench/analysis.py`: medians of {orders.rounds} rounds by turns, warm caches, whole programs with",
        f"start-up and imports. {os.cpu_count()} cores ({platform.machine()}), load average {os.getloadavg()[0]:.1f}.",
        "",
        "| program, on bbb_1min_720p30.mp4 | CPU s | wall s | peak MB |",
        "|---|---|---|---|",
        *(f"| {name} | {cost.cpu:.2f} | {cost.wall:.2f} | {cost.memory:.0f} |" for name, cost in middle.items()),
        f"| Stakazo, on bbb_full_v5.mp4 (596 s) | {long.cpu:.2f} | {long.wall:.2f} | {long.memory:.0f} |",
        "",
        *(f"- {'met' if met else '**not met**'}: {text}" for text, met in bars),
        "",
    ]
    print("\n".join(lines))
    orders.report.write_text("\n".join(lines), encoding="utf-8")
    return 0 if all(met for _, met in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
