"""`stakazo sandbox` as a process: it says where it is, keeps what it is told to keep, and stops when asked."""

from __future__ import annotations

import re
import signal
from typing import Any

import httpx


def test_the_sandbox_plays_and_keeps_its_state(program: Any) -> None:
    first = program.start("sandbox", "--port", "0", "--state", "sandbox.db", "--scenario", "weather", "--seed", "7")
    url = _where(first)
    seen = httpx.get(f"{url}/sandbox").json()
    assert (seen["scenario"], seen["seed"]) == ("weather", 7)
    token = httpx.get(f"{url}/sandbox/accounts").json()["instagram"]["token"]
    assert httpx.post(f"{url}/sandbox/scenario", json={"scenario": "calm"}).json()["scenario"] == "calm"
    assert httpx.post(f"{url}/sandbox/scenario", json={"scenario": "rain"}).status_code == 422
    made = httpx.post(
        f"{url}/graph/v26.0/17840000000000030/media",
        data={"media_type": "REELS", "video_url": "https://example.com/f.mp4", "access_token": token},
    )
    assert made.headers["x-stakazo-sandbox"]
    httpx.post(f"{url}/sandbox/clock", json={"forward": 3600})
    assert _stop(first) == 0

    second = program.start("sandbox", "--port", "0", "--state", "sandbox.db")
    url = _where(second)
    found = httpx.get(
        f"{url}/graph/v26.0/{made.json()['id']}",
        params={"fields": "status_code"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert found.json()["status_code"] == "FINISHED"
    taken = program.run("sandbox", "--port", url.rpartition(":")[2])
    assert taken.returncode == 1
    assert "Choose another with --port" in taken.stderr
    assert _stop(second) == 0


def _where(child: Any) -> str:
    for line in child.stderr:
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError("it said nothing")


def _stop(child: Any) -> int:
    child.send_signal(signal.SIGTERM)
    child.stderr.read()
    return child.wait(60)
