"""The short form of `make chaos`: real processes are really killed, and nothing is lost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_nothing_is_lost_and_nothing_happens_twice() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STAKAZO_")}
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    ended = subprocess.run(
        [sys.executable, "-m", "chaos", "--short", "--seed", "7"],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    last = ended.stdout.strip().splitlines()[-1]
    kills, jobs = map(int, re.fullmatch(r"(\d+) kills, (\d+) jobs, 0 lost, 0 twice", last).groups())  # type: ignore[union-attr]
    assert kills >= 8, ended.stdout
    assert jobs >= 30, ended.stdout
    for bar in ("What was wrong", "NOT tried"):
        assert bar not in ended.stdout, ended.stdout
