"""How long a platform waits for our 200, by how much it tells at once; and that each effect is there once.

    python bench/webhooks.py            writes bench/reports/webhooks.md

The real program on a database of its own, with one worker: signed deliveries are sent over HTTP one after the other,
each size in turn, so that a busy machine is busy for all. Half of what is sent has been sent before.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))
from stakazo.platforms import webhooks
from stakazo.platforms.sandbox.world import IG_USER as ACCOUNT
from stakazo.publishing.outside import SANDBOX

REPORT = Path(__file__).parent / "reports" / "webhooks.md"
SIZES = (1, 10, 100, 1000)
SECRET = SANDBOX["meta"].secret
BAR = 0.1
"""Seconds in which a delivery is answered."""


@contextmanager
def program(folder: Path) -> Iterator[httpx.Client]:
    """`stakazo serve` with one worker and a sandbox, and a client that has its key."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STAKAZO_")}
    environment |= {
        "STAKAZO_DATA_DIR": str(folder),
        "STAKAZO_MIN_FREE_BYTES": "1",
        "STAKAZO_LIMIT_READ": "1000000/minute",
    }
    log = (folder / "log").open("wb")
    argv = [sys.executable, "-m", "stakazo.cli", "sandbox", "--port", "0"]
    sandbox = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    assert sandbox.stdout is not None
    environment["STAKAZO_SANDBOX_URL"] = re.findall(r"http://[\d.:]+", sandbox.stdout.readline())[0]
    argv = [sys.executable, "-m", "stakazo.cli", "serve", "--port", "0", "--workers", "1"]
    child = subprocess.Popen(argv, env=environment, stdout=log, stderr=log)
    try:
        while not (folder / "serve.json").exists():
            if child.poll() is not None:
                raise SystemExit((folder / "log").read_text())
            time.sleep(0.1)
        url = json.loads((folder / "serve.json").read_text())["url"]
        key = (folder / "api_key").read_text().strip()
        with httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=60, trust_env=False) as http:
            yield http
    finally:
        for started in (child, sandbox):
            started.terminate()
            started.wait(60)
        log.close()


def comments(first: int, count: int) -> bytes:
    """A delivery as Meta writes it, of comments that are numbered from `first`."""
    changes = [
        {
            "field": "comments",
            "value": {
                "id": f"c{number}", "from": {"id": f"9{number}", "username": f"bob{number}"},
                "text": f"Wann kommt der ganze Song? Schön! {number}", "media": {"id": "m"},
            },
        }
        for number in range(first, first + count)
    ]  # fmt: skip
    entry = {"id": ACCOUNT, "time": int(time.time()), "changes": changes}
    return json.dumps({"object": "instagram", "entry": [entry]}, separators=(",", ":")).replace("/", "\\/").encode()


def signed(body: bytes) -> dict[str, str]:
    made = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={made}", "Content-Type": "application/json"}


def timed(act: Callable[[], Any]) -> float:
    since = time.perf_counter()
    act()
    return time.perf_counter() - since


def measured(http: httpx.Client, rounds: int, told: int = 0) -> tuple[dict[int, list[float]], int]:
    """Seconds of each answer by size, and how many comments were told by then, beginning at so many."""
    dice = random.Random(7)
    seconds: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(rounds):
        for size in dice.sample(SIZES, len(SIZES)):
            body = comments(told, size)
            told += size
            for _ in range(2):  # each comes twice
                head = signed(body)
                since = time.perf_counter()
                answer = http.post("/webhook/instagram", content=body, headers=head)
                seconds[size].append(time.perf_counter() - since)
                assert answer.status_code == 200, answer.text
            time.sleep(0.05)
    return seconds, told


def settled(http: httpx.Client, told: int) -> tuple[float, int]:
    """Seconds until everything was read, and how many comments there are in the inbox then."""
    since = time.perf_counter()
    while True:
        items, cursor = 0, None
        while True:
            query: dict[str, Any] = {"limit": 200} | ({"cursor": cursor} if cursor else {})
            page = http.get("/inbox", params=query).raise_for_status().json()
            items, cursor = items + len(page["items"]), page["next_cursor"]
            if cursor is None:
                break
        busy = http.get("/jobs", params={"type": "read_news", "limit": 200}).raise_for_status().json()["items"]
        if items >= told and all(job["finished_at"] for job in busy):
            break
        if time.perf_counter() - since > 600:
            raise SystemExit(f"only {items} of {told} have been read")
        time.sleep(0.5)
    return time.perf_counter() - since, items


def parts(body: bytes) -> list[tuple[str, float]]:
    """Milliseconds that the parts take which grow with the delivery."""
    header = signed(body)["X-Hub-Signature-256"]
    found = webhooks.changes(body)
    acts: list[tuple[str, Callable[[], Any]]] = [
        ("verify (HMAC over the raw bytes)", lambda: webhooks.require_signature(body, header, SECRET)),
        ("parse", lambda: webhooks.changes(body)),
        ("name each change (SHA-256 of it; the job does)", lambda: [change.key for change in found]),
    ]
    return [(name, 1000 * statistics.median(timed(act) for _ in range(9))) for name, act in acts]


REPORT_TEXT = """\
# Webhooks

How long a platform waits for our 200, by how many changes it tells at once. `python bench/webhooks.py` on
{machine}: `stakazo serve` with one worker
that reads meanwhile, embedded PostgreSQL with its usual durability; one delivery after the other, each sent twice.

| changes | deliveries | median ms | 95 % ms | slowest ms |
|---:|---:|---:|---:|---:|
{rows}

{good} of {total} within {bar:.0f} ms.

{told:,} comments were told, each twice. {seconds:.0f} s after the last answer all were read: {items:,} in the inbox.

What grows with a delivery, for 1,000 changes:

{parts}

The answer waits for the first two, one row and one job; taking apart, naming and writing down each change is the job's.
{before}
"""


def report(seconds: dict[int, list[float]], told: int, read: tuple[float, int], before: str) -> str:
    rows = []
    for size, took in seconds.items():
        order = sorted(took)
        late = order[min(len(order) - 1, int(0.95 * len(order)))]
        shown = [f"{1000 * value:.0f}" for value in (statistics.median(order), late, order[-1])]
        rows.append(f"| {size:,} | {len(took)} | {' | '.join(shown)} |")
    every = [value for took in seconds.values() for value in took]
    return REPORT_TEXT.format(
        machine=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        rows="\n".join(rows),
        good=sum(value <= BAR for value in every),
        total=len(every),
        bar=1000 * BAR,
        told=told,
        seconds=read[0],
        items=read[1],
        parts="\n".join(f"* {name}: {took:.1f} ms" for name, took in parts(comments(0, 1000))),
        before=f"\n{before}" if before else "",
    )


def main() -> None:
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--rounds", type=int, default=25, help="how often each size is sent (twice each)")
    said.add_argument("--before", default="", help="a sentence about an earlier state, for the report")
    given = said.parse_args()
    with tempfile.TemporaryDirectory() as folder, program(Path(folder)) as http:
        http.post("/channels", json={"platform": "instagram"}).raise_for_status()
        _, told = measured(http, 1)  # what is slow once is slow before
        seconds, told = measured(http, given.rounds, told)
        read = settled(http, told)
    text = report(seconds, told, read, given.before)
    REPORT.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
