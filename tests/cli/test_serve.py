"""`stakazo serve`: everything with one command, gone with Ctrl-C, and nothing lost."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from tests.near import NEAR

from stakazo.core.postgres import Urls, conninfo

FILE = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + b"\0" * 500


def _up(program: Any, data: Path, until: Any) -> tuple[Any, str]:
    """A serving program and its address."""
    child = program.start("serve", "--port", "0")
    note = data / "serve.json"

    def answers() -> str | None:
        assert child.poll() is None, child.communicate()
        if not note.exists():
            return None
        found = json.loads(note.read_text())
        return found["url"] if found["pid"] == child.pid else None

    return child, until(answers)


def _client(data: Path, url: str) -> httpx.Client:
    key = (data / "api_key").read_text().strip()
    return httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=30, **NEAR)


@pytest.fixture
def embedded(program: Any, data_dir: Path) -> Iterator[Any]:
    """The program on an embedded database of its own."""
    program.environment["STAKAZO_DATA_DIR"] = str(data_dir)
    program.environment["DEBUG_ENDPOINTS_ENABLED"] = "true"
    program.environment["STAKAZO_MIN_FREE_BYTES"] = "1"
    yield program
    program.end()


@pytest.mark.timeout(600)  # some ten programs are started
def test_one_command_brings_everything_up_and_ctrl_c_takes_it_down(
    embedded: Any, data_dir: Path, until: Any, interrupt: Any
) -> None:
    child, url = _up(embedded, data_dir, until)
    assert (data_dir / "api_key").stat().st_mode & 0o077 == 0
    with _client(data_dir, url) as client:
        until(lambda: client.get("/debug/health").status_code == 200)  # a worker is alive
        video = client.post("/upload", files={"file": ("a.mp4", FILE)}).json()
        done = until(lambda: [j for j in client.get("/jobs").json()["items"] if j["state"] == "FAILED"])
        assert done[0]["id"] == video["job"]["id"]  # real work: it was looked at, and is no film

        second = embedded.run("serve", "--port", "0")
        assert second.returncode == 1
        assert url in second.stderr
        assert "Traceback" not in second.stderr

        doctor = embedded.run("doctor", "--json")
        checks = {check["name"]: check["ok"] for check in json.loads(doctor.stdout)["checks"]}
        names = ("Database", "Tables", "Workspaces", "Workers", "FFmpeg", "Files", "Leftovers")
        assert [checks[name] for name in names] == [True] * 7

        retried = embedded.run("jobs", "retry", video["job"]["id"][-8:], "--json")
        assert json.loads(retried.stdout)["state"] in {"PENDING", "RETRY", "PROCESSING"}

    family = psutil.Process(child.pid).children(recursive=True)
    assert family
    interrupt(child)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "Traceback" not in out + err
    assert not any(process.is_running() and process.status() != "zombie" for process in family)
    assert not (data_dir / "serve.json").exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health", **NEAR)

    child, url = _up(embedded, data_dir, until)
    with _client(data_dir, url) as client:
        assert [row["id"] for row in client.get("/videos").json()["items"]] == [video["video"]["id"]]


def test_kill_9_loses_nothing_that_was_acknowledged(embedded: Any, data_dir: Path, until: Any) -> None:
    child, url = _up(embedded, data_dir, until)
    with _client(data_dir, url) as client:
        kept = [
            client.post("/upload", files={"file": ("a.mp4", FILE + bytes([n]))}).json()["video"]["id"] for n in range(5)
        ]
    (workshop,) = (data_dir / "storage" / "tmp").glob(f"*.{child.pid}.*")
    left = workshop / "half.upload"
    left.write_bytes(b"half of a video")
    family = psutil.Process(child.pid).children(recursive=True)
    child.send_signal(signal.SIGKILL)
    child.wait()
    until(lambda: not any(process.is_running() and process.status() != "zombie" for process in family))
    child, url = _up(embedded, data_dir, until)
    with _client(data_dir, url) as client:
        assert {row["id"] for row in client.get("/videos").json()["items"]} == set(kept)
    assert not left.exists()


def test_a_taken_port_is_said_before_anything_is_started(program: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = program.run("serve", "--port", str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert "is taken by another program" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (program.folder / "var" / "postgres").exists()


def test_a_database_that_shows_a_workspace_to_others_is_not_served(installed: Any, urls: Urls) -> None:
    with psycopg.connect(conninfo(urls.owner), autocommit=True) as owner:
        owner.execute("alter table clips disable row level security")
    fault = "The table clips is open: row-level security is off."

    ended = installed.run("serve", "--port", "0", "--workers", "0")
    assert ended.returncode == 1
    assert fault in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (installed.folder / "var" / "api_key").exists()

    doctor = installed.run("doctor", "--json")
    assert doctor.returncode == 1
    details = {check["name"]: check["detail"] for check in json.loads(doctor.stdout)["checks"] if not check["ok"]}
    assert details["Workspaces"] == fault
