"""What every reference file ends in, through the whole system: clips and variants, or a refusal that says why.

    python bench/every_file.py [--media DIR] [--clips N] [--report FILE]

One `stakazo serve`; then `stakazo process` for each file, whole or broken, with all recipes. At the end nothing may be
left: no process of ours, no temporary file, no job that isn't over.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import psutil

from stakazo.cli.private import private_server
from stakazo.core.settings import Settings
from stakazo.media.errors import MediaError
from stakazo.media.verify import Order, verify
from stakazo.variants.recipes import RECIPES

HERE = Path(__file__).parent
NOT_MEDIA = {"manifest.csv"}


@dataclass(frozen=True)
class Outcome:
    """What one file ended in."""

    name: str
    seconds: float
    clips: int
    variants: int
    said: str
    """The refusal, or what is wrong; empty where all is well."""
    good: bool


def attempt(file: Path, name: str, out: Path, clips: int) -> Outcome:
    """Run the program on one file and look at what it made."""
    begun = time.monotonic()
    argv = [
        sys.executable,
        "-m",
        "stakazo.cli",
        "process",
        str(file),
        "--out",
        str(out),
        "--clips",
        str(clips),
        "--json",
    ]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=1800, check=False)
    seconds = time.monotonic() - begun
    if ended.returncode:
        said = (ended.stderr.strip().splitlines() or ["nothing was said"])[-1].removeprefix("stakazo: ")
        clear = ended.returncode == 1 and "Traceback" not in ended.stderr and len(said) > 20
        return Outcome(name, seconds, 0, 0, said, clear)
    made = json.loads(ended.stdout)["clips"]
    files = [variant for clip in made for variant in clip["variants"]]
    faults = [fault for variant in files if (fault := faulty(variant))]
    whole = bool(made) and all(len(clip["variants"]) == len(RECIPES) for clip in made)
    return Outcome(name, seconds, len(made), len(files), "; ".join(faults), whole and not faults)


def faulty(variant: dict[str, object]) -> str:
    """What is wrong with a rendered file, by its own bytes."""
    recipe = RECIPES[str(variant["recipe"])]
    rate = Fraction(str(variant["fps"])).limit_denominator(1001)
    frames = round(float(str(variant["duration"])) * rate)
    try:
        verify(
            Path(str(variant["path"])), Order(recipe.width, recipe.height, rate, frames, visible=False, audible=False)
        )
    except MediaError as error:
        return str(error)
    return ""


def unfinished(settings: Settings) -> list[str]:
    """Work that nobody has finished, in storage; what a living process holds to show that it lives isn't that."""
    return [path.name for path in (settings.storage_dir / "tmp").glob("*/*") if path.name != "alive"]


async def run(media: Path, names: list[str], clips: int) -> tuple[list[Outcome], list[str]]:
    with tempfile.TemporaryDirectory(prefix="stakazo-every-") as folder:
        data = Path(folder) / "data"
        data.mkdir()
        os.environ["STAKAZO_DATA_DIR"] = str(data)
        settings = Settings()
        outcomes = []
        async with private_server(settings):
            for number, name in enumerate(names):
                out = Path(folder) / f"out-{number}"
                outcome = await asyncio.to_thread(attempt, media / name, name, out, clips)
                outcomes.append(outcome)
                print(f"{'ok ' if outcome.good else 'BAD'} {outcome}", flush=True)
            left = [f"temporary file {name}" for name in unfinished(settings)]
            workers = [
                child for child in psutil.Process().children(recursive=True) if child.name().startswith("ffmpeg")
            ]
            left += [f"process {child.pid} {child.name()}" for child in workers]
        left += [f"process {child.pid}" for child in psutil.Process().children(recursive=True)]
    return outcomes, left


def report(outcomes: list[Outcome], left: list[str], clips: int) -> str:
    count = Counter("clips" if outcome.clips else "refused" for outcome in outcomes)
    bad = [outcome for outcome in outcomes if not outcome.good]
    lines = [
        "# What every reference file ends in",
        "",
        f"Written by `bench/every_file.py`: `stakazo process` against one `stakazo serve`, all {len(RECIPES)} recipes,",
        f"the best {clips} clips of each file. Every variant was opened again and checked.",
        "",
        f"{len(outcomes)} files: {count['clips']} ended in clips with all their variants, {count['refused']} in a",
        f"refusal, {len(bad)} in anything else. Left behind: {', '.join(left) or 'nothing'}.",
        "",
        "| file | clips | variants | s | said |",
        "|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.clips} | {one.variants} | {one.seconds:.0f} | {one.said.replace('|', '/')} |"
            for one in outcomes
        ),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, default=HERE.parent.parent / "shared" / "media")
    parser.add_argument("--clips", type=int, default=1)
    parser.add_argument("--report", type=Path, default=HERE / "reports" / "every_file.md")
    options = parser.parse_args()
    if not options.media.is_dir():
        print(f"There are no reference files in {options.media}: nothing to measure here.")
        return 0
    names = sorted(str(path.relative_to(options.media)) for path in options.media.rglob("*") if path.is_file())
    names = [name for name in names if name not in NOT_MEDIA]
    outcomes, left = asyncio.run(run(options.media, names, options.clips))
    options.report.write_text(report(outcomes, left, options.clips), encoding="utf-8")
    return 1 if left or any(not outcome.good for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
