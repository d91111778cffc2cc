"""Whether memory stays flat however large a file is that goes into a bucket and comes out of it, and how long it takes.

    python bench/object_storage.py            writes bench/reports/object_storage.md

Each line is a process of its own, whose peak memory is read when it ends; the bucket (`tests/s3.py`, which checks SigV4
and the hash of every part) is in this one, so the seconds are of both on this machine, and tell nothing of a network.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.s3 import Bucket, serving

from stakazo.core import storage
from stakazo.core.settings import Settings
from stakazo.core.storage import Storage

REPORT = Path(__file__).parent / "reports" / "object_storage.md"
MB = 1_000_000
KEY = "00000000-0000-7000-8000-000000000000/videos/film.mp4"
ACTS = {
    "nothing": "the program alone",
    "adopt": "into the bucket, in parts",
    "read": "out of it in ranges, as players and platforms get it",
    "fetch": "a copy on this disk, as FFmpeg gets it",
    "blocks": "out of it in a thread, as a backup gets it",
}


def peak() -> int:
    """The most memory this process had, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage would tell our parent's too
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def act(what: str, files: Storage, size: int) -> None:
    if what == "adopt":
        film = files.temporary(".mp4")
        with film.open("wb") as out:
            out.truncate(size)  # a hole: nothing but the way out is measured
        await files.adopt(film, KEY, keep=True)
        shutil.rmtree(files.root / "copies")
        return
    found = await files.stored(KEY)
    assert found.size == size
    if what == "read":
        assert sum([len(piece) async for piece in found.read(0, size)]) == size
    if what == "blocks":
        assert await asyncio.to_thread(lambda: sum(map(len, found.blocks()))) == size
    if what == "fetch":
        async with files.fetched(KEY) as path:
            assert path.stat().st_size == size


def measured(what: str, size: int, endpoint: str) -> tuple[float, int]:
    """Seconds, and bytes of memory at most."""
    argv = [sys.executable, __file__, "--act", what, "--size", str(size), "--endpoint", endpoint]
    seconds, most = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), int(most)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--act", choices=list(ACTS))
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--endpoint")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 512, 2048], help="MB")
    given = parser.parse_args()
    if given.act:
        with tempfile.TemporaryDirectory() as folder:
            said = {"storage_url": "s3://media/bench", "storage_endpoint": given.endpoint, "data_dir": folder}
            files = storage.of(Settings(_env_file=None, **said))
            begun = time.monotonic()
            if given.act != "nothing":
                asyncio.run(act(given.act, files, given.size))
            print(time.monotonic() - begun, peak())
        return
    rows = []
    with serving(Bucket()) as bucket:
        _, alone = measured("nothing", 0, bucket.url)
        for size in given.sizes:
            for what in list(ACTS)[1:]:
                seconds, most = measured(what, size * MB, bucket.url)
                rows.append((ACTS[what], size, seconds, size / seconds, (most - alone) / MB))
                print(*rows[-1])
            bucket.things.clear()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    lines = [
        "# Files in a bucket",
        "",
        f"`python bench/object_storage.py`, {now}, Python {platform.python_version()}, {os.cpu_count()} cores.",
        f"Memory is the process's peak, less the {alone / MB:.0f} MB that the program alone takes. The bucket, which",
        "checks every hash and signature, is in the same machine's memory.",
        "",
        "| what | file, MB | seconds | MB/s | memory, MB |",
        "|---|---|---|---|---|",
        *(
            f"| {what} | {size} | {seconds:.1f} | {speed:.0f} | {most:.0f} |"
            for what, size, seconds, speed, most in rows
        ),
    ]
    REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
