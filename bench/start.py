"""What it costs to start: processor seconds of each program, from its first instruction to its first useful act.

    python bench/start.py            writes bench/reports/start.md

Every figure is the least of several starts, in seconds of processor time that the program and its children took, so
that a machine with other work gives nearly the same. Beside each, in the same run: what the same Python takes to
import the one library that such a program can't do without.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import imageio_ffmpeg
import psutil
import psycopg

from stakazo.core import migrate, postgres
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.postgres import Urls
from stakazo.core.workspaces import Workspace
from stakazo.pipeline import propose_clips

REPORT = Path(__file__).parent / "reports" / "start.md"
PATIENCE = 60.0


def once(argv: list[str], environment: dict[str, str]) -> float:
    """Processor seconds of a program that ends by itself."""
    before = _children()
    subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def until(argv: list[str], environment: dict[str, str], acted: Callable[[], bool], log: Path) -> float:
    """Processor seconds of a program until it has acted; it is ended then."""
    with log.open("wb") as out:
        process = subprocess.Popen(argv, env=environment, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + PATIENCE
        while not acted():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{' '.join(argv)} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.02)
        used = psutil.Process(process.pid).cpu_times()
        return used.user + used.system + used.children_user + used.children_system
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


class House:
    """An installation that is up to date, in which nothing runs but its database."""

    def __init__(self, folder: Path, urls: Urls) -> None:
        self.folder, self.urls = folder, urls
        self.data = folder / "var"
        self.data.mkdir()
        self.film = folder / "film.mp4"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("STAKAZO_")} | {
            "STAKAZO_DATA_DIR": str(self.data),
            "STAKAZO_DATABASE_URL": urls.owner,
            "STAKAZO_APP_DATABASE_URL": urls.app,
            "STAKAZO_API_KEY": "stk_x",
        }

    def make_film(self) -> None:
        sources = ["-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=1", "-f", "lavfi", "-i", "sine=f=330:d=1"]
        program = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *sources, "-shortest", str(self.film)]
        subprocess.run(program, check=True)

    async def wish(self) -> UUID:
        """A job that waits for a worker."""
        db = Database(self.urls.app, pool_size=1)
        actor = Actor(new_id(), "user", "bench")
        try:
            async with db.system_transaction() as session:
                session.add(Workspace(id=actor.workspace_id, name="bench"))
            async with db.transaction(actor) as session:
                return (await propose_clips.start(session, new_id())).id
        finally:
            await db.close()

    def cli(self, *arguments: str) -> float:
        return once([sys.executable, "-m", "stakazo.cli", *arguments], self.environment)

    def api(self) -> float:
        """Until its first answer."""
        note = self.data / "serve.json"

        def answers() -> bool:
            with suppress(OSError, ValueError):
                url = json.loads(note.read_text())["url"]
                with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                    return bool(answer.status == 200)
            return False

        argv = [sys.executable, "-m", "stakazo.cli", "serve", "--port", "0", "--workers", "0"]
        return until(argv, self.environment, answers, self.folder / "api.log")

    def worker(self) -> float:
        """Until it has taken the first job."""
        job_id = asyncio.run(self.wish())

        def taken() -> bool:
            with psycopg.connect(postgres.conninfo(self.urls.app), autocommit=True) as connection:
                connection.execute("set role stakazo_system")
                found = connection.execute("select attempt from jobs where id = %s", [job_id]).fetchone()
                return found is not None and found[0] > 0

        argv = [sys.executable, "-m", "stakazo.worker"]
        return until(argv, self.environment, taken, self.folder / "worker.log")

    def analysis(self) -> float:
        """Of one second of film."""
        return once([sys.executable, "-P", "-m", "stakazo.media", str(self.film)], self.environment)

    def peer(self, *names: str) -> float:
        return once([sys.executable, "-c", f"import {', '.join(names)}"], self.environment)


@contextmanager
def house() -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="stakazo-bench-") as folder:
        Path(folder).chmod(0o711)  # the database's user passes through
        server = Path(folder) / "server"
        server.mkdir()
        urls = postgres.ensure(server)
        try:
            migrate.upgrade(urls.owner)
            yield House(Path(folder), urls)
        finally:
            postgres.stop(server, force=True)


def measured(here: House, runs: int) -> list[tuple[str, float, str, float]]:
    def least(measure: Callable[[], float]) -> float:
        return min(measure() for _ in range(runs))

    typer, web = least(lambda: here.peer("typer")), least(lambda: here.peer("fastapi"))
    database = least(lambda: here.peer("sqlalchemy.ext.asyncio", "sqlalchemy.orm"))
    pictures = least(lambda: here.peer("numpy", "av", "cv2"))
    here.api()  # the first writes keys
    return [
        ("`stakazo --help`", least(lambda: here.cli("--help")), "typer", typer),
        ("`stakazo jobs list`, nobody there", least(lambda: here.cli("jobs", "list")), "typer", typer),
        ("`stakazo openapi`", least(lambda: here.cli("openapi")), "fastapi", web),
        ("`stakazo serve --workers 0`, to the first answer", least(here.api), "fastapi", web),
        ("`stakazo worker`, to the first job taken", least(here.worker), "sqlalchemy", database),
        ("the analysis of a second of film", least(here.analysis), "numpy, av, cv2", pictures),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="starts of each program")
    parser.add_argument("--out", type=Path, default=REPORT)
    options = parser.parse_args()
    load = os.getloadavg()[1]
    with house() as here:
        here.make_film()
        rows = measured(here, options.runs)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    lines = [
        "# Starts",
        "",
        f"`python bench/start.py`, {at}, Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}.",
        f"Processor seconds, the least of {options.runs} starts each. The database is up; its seconds don't count.",
        "",
        "| start | seconds | beside it: to import | seconds | ratio |",
        "|---|---|---|---|---|",
        *(f"| {what} | {took:.2f} | {peer} | {base:.2f} | {took / base:.1f} |" for what, took, peer, base in rows),
    ]
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
