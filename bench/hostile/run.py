"""What every hostile file ends in, through the whole system: `python -m bench.hostile.run [--only NAME ...]`.

First the corpus is shown to a trusting FFmpeg, to see that its traps work: how many files make it call the canary or
open the secret. Then one real `stakazo serve` gets each of them as an upload, under its sender's name; what is
accepted is analysed, its best clip is rendered and everything made is fetched. What the upload refuses by its first
bytes is shown to the analysis all the same. At the end good films are sent under hostile names.

Exits with 1 when the canary is called, the secret is opened or found in anything that came out, a process of the
service ends, a child uses more memory than it may, something is left behind, or a file ends in an unspecific error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from tests.media.hostile.make import HOSTILE, Kit, written
from tests.media.hostile.odd import NAMES
from tests.media.hostile.watch import Canary, Opens

from stakazo.cli.private import private_server
from stakazo.core.settings import Settings
from stakazo.media import child, ffmpeg, means
from stakazo.media.confine import Limits
from stakazo.media.errors import MediaError

ROOT = Path(__file__).resolve().parents[2]
CHILDREN = re.compile(r"stakazo\.media |ffmpeg-|/ffmpeg ")
UNSPECIFIC = {"internal", "media_error", "analysis_failed", "render_failed", "crashed"}
RECIPES = ["instagram_feed"]
PROTOCOLS = ("-protocol_whitelist", "file,http,tcp,udp,rtp,rtsp,crypto,data,concat,subfile")
CARELESS = {
    "text_hls": ("-f", "hls", "-allowed_extensions", "ALL", "-allowed_segment_extensions", "ALL", *PROTOCOLS),
    "text_concat": ("-f", "concat", "-safe", "0", *PROTOCOLS),
    "text_sdp": PROTOCOLS,
    "reference": ("-enable_drefs", "1", "-use_absolute_path", "1", *PROTOCOLS),
}
"""Options with which FFmpeg 9 is as trusting as its versions of a few years ago were, by how the file's name begins."""


@dataclass
class Outcome:
    """What one file ended in."""

    name: str
    seconds: float = 0.0
    peak: int = 0
    """MB that its biggest child had."""
    clips: int = 0
    variants: int = 0
    code: str = ""
    said: str = ""
    faults: list[str] = field(default_factory=list)


class Peaks(threading.Thread):
    """Watches how much memory the children have."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.resident = 0
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.02):
            for process in _children():
                try:
                    self.resident = max(self.resident, process.memory_info().rss >> 20)
                except psutil.Error:
                    continue

    def taken(self) -> int:
        found, self.resident = self.resident, 0
        return found

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _children() -> Iterator[psutil.Process]:
    """The processes that decode or render."""
    for process in psutil.Process().children(recursive=True):
        try:
            if CHILDREN.search(" ".join(process.cmdline())[:4000]):
                yield process
        except psutil.Error:
            continue


@dataclass(frozen=True)
class Trial:
    """One upload."""

    name: str
    path: Path
    upload: str
    too_big: bool = False
    """Whether it is shown to the analysis alone, since sending it would only take time."""


def careless(trial: Trial, folder: Path) -> None:
    """What a careless service would do: the sender's name, and a trusting FFmpeg."""
    sent = folder / trial.upload
    sent.symlink_to(trial.path)
    for options in {(), *(found for start, found in CARELESS.items() if trial.name.startswith(start))}:
        argv = [ffmpeg.executable(), "-v", "quiet", "-nostdin", *options, "-i", str(sent), "-t", "2", "-f", "null", "-"]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(argv, timeout=10, check=False, capture_output=True, cwd=folder)
    sent.unlink()


class Site:
    """The service from outside."""

    def __init__(self, url: str, key: str, kit: Kit) -> None:
        self.http = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120, trust_env=False
        )
        self.secret = kit.word.encode()
        self.leaks: list[str] = []

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        response = await self.http.request(method, path, **options)
        if self.secret in response.content:
            self.leaks.append(path)
        if response.status_code >= 500:
            raise RuntimeError(f"{method} {path} answered {response.status_code}: {response.text[:200]}")
        return response.json() if "json" in response.headers.get("content-type", "") else response.content

    async def job(self, job_id: str, outcome: Outcome) -> bool:
        """Wait for a job's end; whether it succeeded."""
        while True:
            row = await self.ask("GET", f"/jobs/{job_id}")
            if row["state"] in {"COMPLETED", "FAILED", "CANCELLED"}:
                break
            await asyncio.sleep(0.1)
        error = row.get("error") or {}
        outcome.code, outcome.said = str(error.get("code", "")), str(error.get("detail", ""))
        return bool(row["state"] == "COMPLETED")

    async def send(self, path: Path, name: str) -> Any:
        with path.open("rb") as file:
            return await self.ask("POST", "/upload", files={"file": (name, file, "video/mp4")})

    async def whole_way(self, sent: Any, outcome: Outcome) -> None:
        """From an accepted upload to files."""
        if not await self.job(sent["job"]["id"], outcome):
            return
        video = sent["video"]["id"]
        for kind in ("", "/analysis"):
            await self.ask("GET", f"/videos/{video}{kind}")
        jobs = await self.ask("GET", "/jobs", params={"video_id": video, "type": "propose_clips"})
        if not await self.job(jobs["items"][0]["id"], outcome):
            return
        clips = (await self.ask("GET", "/clips", params={"video_id": video, "sort": "rank"}))["items"]
        outcome.clips = len(clips)
        for clip in clips[:1]:
            for picture in ("thumbnail", "filmstrip"):
                await self.ask("GET", f"/clips/{clip['id']}/{picture}")
            await self.ask("POST", f"/clips/{clip['id']}/accept")
            ordered = await self.ask("POST", f"/clips/{clip['id']}/variants", json={"recipes": RECIPES})
            if not await self.job(ordered["job"]["id"], outcome):
                continue
            for variant in ordered["variants"]:
                await self.ask("GET", f"/variants/{variant['id']}/file")
                outcome.variants += 1


class Range:
    """Where the trials are held, and what is watched meanwhile."""

    def __init__(self, folder: Path, canary: Canary, names: list[str]) -> None:
        folder.chmod(0o755)
        self.folder, self.canary = folder, canary
        self.kit = Kit(folder, canary.address)
        self.trials = [
            Trial(one.name, path, one.upload, too_big=one.grown > 0) for one, path in written(self.kit, iter(names))
        ]
        self.opens = Opens([self.kit.secret, self.kit.victim])
        self.peaks = Peaks()
        os.environ["STAKAZO_DATA_DIR"] = str(folder / "data")
        self.settings = Settings()

    def named(self) -> Iterator[Trial]:
        """A good film under hostile names; with other bytes each, since the same bytes are the same video."""
        for number, name in enumerate(NAMES):
            path = self.folder / "named.mp4"
            path.write_bytes(self.kit.film + b"\0\0\0\x10free%08d" % number)
            yield Trial(f"named {name[:40]!a}", path, name)

    def fell(self) -> list[str]:
        """The files for which a trusting FFmpeg calls the canary or opens the secret."""
        folder = self.folder / "careless"
        folder.mkdir()
        found = []
        for trial in self.trials:
            careless(trial, folder)
            if self.canary.calls or self.opens.seen():
                found.append(trial.name)
            self.canary.calls.clear()
        return found

    def seen(self, site: Site, outcome: Outcome) -> None:
        """Everything that must not be."""
        outcome.peak = self.peaks.taken()
        outcome.faults += [f"opened {file.name}" for file in self.opens.seen()]
        outcome.faults += [f"called: {call}" for call in self.canary.calls]
        outcome.faults += [f"the secret is in {place}" for place in site.leaks]
        left = (path for path in (self.settings.storage_dir / "tmp").rglob("*") if path.is_file())
        outcome.faults += [f"left {path.name}" for path in left if path.name != "alive"]  # a process that works here
        outcome.faults += [f"left running: {process.pid}" for process in _children()]
        if outcome.code in UNSPECIFIC:
            outcome.faults.append(f"unspecific: {outcome.code}")
        if outcome.peak > max(child.LIMITS.memory, Limits().memory) >> 20:
            outcome.faults.append("more memory than it may have")
        self.canary.calls.clear()
        site.leaks.clear()

    def found(self) -> list[str]:
        """Files of the installation with the secret in them: storage, database, log."""
        places = [path for path in self.settings.data_dir.rglob("*") if path.is_file()]
        word = self.kit.word.encode()
        return [f"the secret is in {path.name}" for path in places if word in path.read_bytes()]


async def attempted(site: Site, trial: Trial, outcome: Outcome) -> None:
    sent = {} if trial.too_big else await site.send(trial.path, trial.upload)
    if "job" in sent:
        await site.whole_way(sent, outcome)
        return
    outcome.code, outcome.said = str(sent.get("code", "")), str(sent.get("detail", "not sent"))
    try:  # as if it had come in all the same
        await child.analyse_in_child(trial.path, timeout=900)
    except MediaError as error:
        outcome.code, outcome.said = outcome.code or error.code, f"{outcome.said} / {error}"
        if site.secret in str(error).encode():
            site.leaks.append("a refusal")


async def run(place: Range) -> tuple[list[Outcome], list[str]]:
    """The outcomes, and the faults of the whole."""
    outcomes, faults = [], []
    place.peaks.start()
    async with private_server(place.settings) as url:
        site = Site(url, place.settings.key_file.read_text().strip(), place.kit)
        workers = _workers()
        for trial in itertools.chain(place.trials, place.named()):
            outcome, begun = Outcome(trial.name), time.monotonic()
            try:
                await attempted(site, trial, outcome)
            except (httpx.HTTPError, RuntimeError) as error:
                outcome.faults.append(f"{type(error).__name__}: {error}")
            outcome.seconds = time.monotonic() - begun
            place.seen(site, outcome)
            outcomes.append(outcome)
            print(f"{'BAD' if outcome.faults else 'ok '} {outcome}", flush=True)
        await site.http.aclose()
        if not workers <= _workers():
            faults.append("a process of the service ended")
    place.peaks.stop()
    faults += [f"left: process {process.pid}" for process in psutil.Process().children(recursive=True)]
    return outcomes, faults + place.found()


def _workers() -> set[int]:
    """The processes of the service itself."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        words = " ".join(process.cmdline())
        if "stakazo.worker" in words or "stakazo.cli serve" in words:
            found.add(process.pid)
    return found


def report(outcomes: list[Outcome], fell: list[str], faults: list[str]) -> str:
    def count(word: str) -> int:
        return sum(word in fault for fault in [*faults, *(fault for one in outcomes for fault in one.faults)])

    ends = Counter(one.code or ("clips" if one.clips else "no clip") for one in outcomes)
    bad = [one.name for one in outcomes if one.faults]
    limits = f"{child.LIMITS.memory >> 20} MB (analysis) or {Limits().memory >> 20} MB (rendering) of address space"
    lines = [
        "# Hostile files",
        "",
        f"Written by `bench/hostile/run.py`: {len(outcomes)} uploads ({len(NAMES)} of them names)",
        f"to a real server and worker on {os.cpu_count()} processors. Children are confined by {means.here().words}.",
        "",
        f"A trusting FFmpeg (`CARELESS`) calls the canary or opens the secret for **{len(fell)}** of the files:",
        f"{', '.join(fell)}.",
        "",
        "| Stakazo | |",
        "|---|---|",
        f"| calls of the canary | {count('called')} |",
        f"| openings of the secret | {count('opened')} |",
        f"| places where the secret came out | {count('secret is in')} |",
        f"| processes of the service that ended | {count('service ended')} |",
        f"| processes or files left behind | {count('left')} |",
        f"| unspecific errors | {count('unspecific')} |",
        f"| uploads with any fault | {len(bad)} {', '.join(bad)} |",
        f"| biggest child | {max(one.peak for one in outcomes)} MB; it may have {limits} |",
        f"| variants rendered | {sum(one.variants for one in outcomes)} |",
        "",
        f"Ends: {', '.join(f'{count} {end}' for end, count in ends.most_common())}.",
        *(f"- **{fault}**" for fault in faults),
        "",
        "| file | ends in | s | MB | |",
        "|---|---|---|---|---|",
        *(row(one) for one in outcomes),
        "",
    ]
    return "\n".join(lines)


def row(one: Outcome) -> str:
    end = one.code or f"{one.clips} clips, {one.variants} variants"
    said = "; ".join([*(f"**{fault}**" for fault in one.faults), one.said[:200]])
    cells = [one.name, end, f"{one.seconds:.1f}", str(one.peak), said]
    safe = [cell.replace("|", "&#124;").replace("<", "&lt;").replace("\n", " ") for cell in cells]
    return f"| {' | '.join(safe)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(HOSTILE))
    parser.add_argument("--report", type=Path, default=ROOT / "bench" / "reports" / "hostile.md")
    orders = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stakazo-hostile-") as folder, Canary() as canary:
        place = Range(Path(folder), canary, orders.only)
        fell = place.fell()
        print(f"a trusting FFmpeg fell for {len(fell)} of {len(place.trials)}", flush=True)
        outcomes, faults = asyncio.run(run(place))
        place.opens.close()
    text = report(outcomes, fell, faults)
    orders.report.write_text(text, encoding="utf-8")
    print(text.split("| file |")[0])
    return 1 if faults or any(one.faults for one in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
