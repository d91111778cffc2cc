"""`python -m chaos`: every fault in turn, then the reckoning, then the report. Exit code 0 when every bar is kept."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import imageio_ffmpeg

from chaos import report
from chaos.disks import on_small_disks
from chaos.house import House, live_through
from chaos.people import Film, People
from chaos.phases import Chaos, Tally, workspace_of
from chaos.reckoning import Reckoning, check_ledger, reckon, remove_orphans, settled, tidied

REPORT = Path(__file__).with_name("report.md")
RECIPES = ["instagram_reel"]
PARTS = ("kills", "stops", "frozen", "network", "clocks", "same_key", "disks")


def film(path: Path, seconds: int, tone: int) -> Path:
    """A small real video with sound."""
    pictures, sound = f"testsrc2=s=320x180:r=25:d={seconds}", f"sine=f={tone}:d={seconds}"
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "lavfi", "-i", pictures]
    argv += ["-f", "lavfi", "-i", sound, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-shortest"]
    subprocess.run([*argv, str(path)], check=True, timeout=120)
    return path


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


async def run(options: argparse.Namespace, folder: Path) -> tuple[Tally, Reckoning]:
    """All of it: bring an installation up, do everything to it, let it come to rest, and count."""
    folder.chmod(0o711)
    async with House(folder / "house", seed=options.seed) as house:
        return await lived_through(house, options, folder)


async def lived_through(house: House, options: argparse.Namespace, folder: Path) -> tuple[Tally, Reckoning]:
    people = People(house, options.seed)
    chaos = Chaos(house, people, options.seed)
    count = options.films if "kills" in options.only else 0
    films = [Film(people, film(folder / f"{i}.mp4", 4, 300 + 40 * i), f"film {i}") for i in range(count)]
    parts: dict[str, Callable[[], Awaitable[None]]] = {
        "kills": lambda: chaos.kills(options.kills, options.jobs, films, RECIPES, options.every),
        "stops": lambda: chaos.stops(options.stops),
        "frozen": chaos.frozen,
        "network": chaos.network,
        "clocks": chaos.clocks,
        "same_key": lambda: chaos.same_key(options.same),
    }
    say(f"seed {options.seed}: {options.kills} kills, {options.jobs} jobs, {options.stops} stops of PostgreSQL")
    await house.open(workers=options.workers)
    probing = asyncio.create_task(people.keep_probing())
    try:
        for name in options.only:
            if name in parts:
                since = time.monotonic()
                house.keep_workers(options.workers)
                await parts[name]()
                say(f"{name}: {time.monotonic() - since:.0f} s, {len(chaos.tally.failed)} wrong so far")
    finally:
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
    found = await at_rest(chaos, films)
    chaos.tally.failed += [f"{place} had to be killed at the end" for place in await house.close()]
    if "disks" in options.only:
        since = time.monotonic()
        try:
            await on_small_disks(folder / "small", options.seed, chaos.tally, film(folder / "f.mp4", 4, 500), RECIPES)
        except PermissionError as error:
            chaos.tally.notes.append(f"Full disks were NOT tried: {error}")
        say(f"disks: {time.monotonic() - since:.0f} s, {len(chaos.tally.failed)} wrong so far")
    return chaos.tally, found


async def at_rest(chaos: Chaos, films: list[Film]) -> Reckoning:
    """Let it finish what it has begun, and count."""
    house, tally = chaos.house, chaos.tally
    workspace = await workspace_of(house)
    tally.failed += await settled(house, workspace, 120.0)
    tally.failed += await tidied(house, 60.0)
    removed = await remove_orphans(house)
    tally.notes.append(
        f"{len(removed)} stored files were named by no row, left by what was killed in between, and were found and "
        "removed by the product's own look."
    )
    found = await reckon(house, chaos.people, workspace, films=films, kills=tally.killed)
    said, wrong = await check_ledger(house, sealed_within=60.0)
    tally.notes.append(said)
    tally.failed += wrong
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--short", action="store_true", help="a minute of it, without a report")
    parser.add_argument("--kills", type=int)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--stops", type=int)
    parser.add_argument("--films", type=int)
    parser.add_argument("--same", type=int, help="identical requests at once")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two kills")
    parser.add_argument("--only", nargs="+", choices=PARTS)
    parser.add_argument("--keep", action="store_true", help="leave the folder with the logs")
    parser.add_argument("--report", type=Path, help="where to write the report")
    options = parser.parse_args()
    short = {"kills": 8, "jobs": 30, "stops": 1, "films": 0, "workers": 2, "same": 20}
    usual = {"kills": 500, "jobs": 2000, "stops": 20, "films": 3, "workers": 5, "same": 100}
    for name, value in (short if options.short else usual).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.only = options.only or (["kills", "stops", "same_key"] if options.short else list(PARTS))
    folder = Path(tempfile.mkdtemp(prefix="stakazo-chaos-"))
    since = time.monotonic()
    try:
        tally, found = live_through(run(options, folder))
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("ended before its end: nothing was counted")
        return 130
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say(f"left in {folder}")
    text = report.written(tally, found, seed=options.seed, seconds=time.monotonic() - since, argv=sys.argv[1:])
    print(text)
    where = options.report or (None if options.short or options.only != list(PARTS) else REPORT)
    if where is not None:
        where.write_text(text)
    return 0 if report.kept(tally, found) else 1


if __name__ == "__main__":
    os.environ.pop("STAKAZO_DATABASE_URL", None)
    sys.exit(main())
