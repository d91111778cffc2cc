"""Looks for bytes that break a target: `python -m bench.hostile.fuzz probe|upload [--seconds N] [--reproduce FILE]`.

The search runs in a confined child. With atheris it is led by coverage (of our Python; FFmpeg itself is not
instrumented), without it files are changed at random. What is worth keeping stays in `var/fuzz/TARGET/corpus`, where
the next search begins; what breaks the target lies in `var/fuzz/TARGET` and ends the search with exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from pathlib import Path

from tests.fuzz.films import small_films
from tests.fuzz.targets import TARGETS, bodies

from stakazo.media import ffmpeg, means
from stakazo.media.confine import GB, Access, Limits

ROOT = Path(__file__).resolve().parents[2]
BROKEN = re.compile(r"(crash|timeout|oom|leak)-")
INSIDE = """
import sys, types
from pathlib import Path
tests = types.ModuleType("tests")  # its folder alone can be seen, not the one that it is in
tests.__path__ = [sys.argv[1]]
sys.modules["tests"] = tests
from tests.fuzz.search import search
sys.exit(search(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=list(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "fuzz")
    parser.add_argument("--reproduce", type=Path, help="run the target once, on this file")
    orders = parser.parse_args()
    if orders.reproduce:
        TARGETS[orders.target](orders.reproduce.read_bytes())
        print("nothing breaks")
        return 0
    folder = (orders.folder / orders.target).resolve()
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(bodies() if orders.target == "upload" else small_films(folder)):
        (corpus / f"seed-{number:02}").write_bytes(seed)
    ended = asyncio.run(confined(orders.target, folder, orders.seconds))
    found = [path for path in folder.iterdir() if BROKEN.match(path.name)]
    if ended.code or found:
        print(ended.stderr)
    for path in found:
        print(f"{path} breaks it: python -m bench.hostile.fuzz {orders.target} --reproduce {path}")
    tried = re.search(r"number_of_executed_units:\s*(\d+)", ended.stderr)
    print(
        f"{orders.target}: {tried[1] if tried else 0} tried in {orders.seconds} s, "
        f"{len(list(corpus.iterdir()))} in the corpus, {len(found)} that break it"
    )
    return 1 if ended.code or found else 0


async def confined(target: str, folder: Path, seconds: int) -> ffmpeg.Result:
    """Search in a child that sees nothing but its folder and the tests."""
    tests = str(ROOT / "tests")
    return await ffmpeg.child(
        [sys.executable, "-P", "-c", INSIDE, tests, target, str(folder), str(seconds)],
        access=Access(programs=(*means.python(), Path(tests)), folder=folder),
        limits=Limits(memory=16 * GB, cpu=20 * seconds + 600),
        timeout=seconds * 3 + 300,
    )


if __name__ == "__main__":
    sys.exit(main())
