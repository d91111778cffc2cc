"""`stakazo process` and what it rests on: the real system, from a file to files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.near import NEAR

from stakazo import media
from stakazo.cli.proof import faults_of
from stakazo.cli.story import Done


def _children(program: Any) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cwd", "cmdline"])
        if process.info["cwd"] == str(program.folder) and process.status() != "zombie"
    ]


def test_a_video_becomes_files_that_are_what_they_should_be(serving: Any, tiny: Path) -> None:
    order = ["process", tiny, "--out", "made", "--platform", "facebook", "--clips", "1", "--json"]
    ended = serving.run(*order)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    out = serving.folder / "made"
    [clip] = result["clips"]
    assert [variant["recipe"] for variant in clip["variants"]] == ["facebook_feed"]
    assert (out / "report.html").is_file()

    for row in (clip, *clip["variants"]):  # as the program saw them, from where it ran
        for name in ("thumbnail", "filmstrip", "path"):
            if name in row:
                row[name] = str(serving.folder / row[name])
    done = Done(video=result["video"], analysis={}, clips=[clip])
    analysis = media.analyse(tiny)
    assert faults_of(out, done, analysis) == []

    # The proof sees what is wrong: a file that is cut off, and a report that lacks its film.
    film = Path(clip["variants"][0]["path"])
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) // 2])
    assert faults_of(out, done, analysis)
    film.unlink()
    assert any("which is not in it" in fault for fault in faults_of(out, done, analysis))

    again = serving.run(*order)  # what is known is used: nothing is rendered twice
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["clips"][0]["variants"][0]["id"] == clip["variants"][0]["id"]
    assert film.read_bytes() == whole


def test_a_film_that_can_not_be_read_ends_with_the_reason(serving: Any) -> None:
    (serving.folder / "film.mp4").write_bytes(b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2" + b"\0" * 900)
    ended = serving.run("process", "film.mp4")
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.strip().splitlines()[-1].startswith("stakazo: ")
    assert "Traceback" not in ended.stderr


def test_ctrl_c_cancels_what_runs(serving: Any, long: Path, interrupt: Any, until: Any) -> None:
    url = json.loads((serving.folder / "var" / "serve.json").read_text())["url"]
    key = (serving.folder / "var" / "api_key").read_text().strip()
    with httpx.Client(base_url=url, headers={"X-API-Key": key}, **NEAR) as client:

        def running() -> list[Any]:
            return list(client.get("/jobs", params={"state": "PROCESSING"}).json()["items"])

        child = serving.start("process", long)
        [job] = until(running)
        workshop = serving.folder / "var" / "storage" / "tmp"  # where the sweep finds what a kill -9 leaves
        [left] = until(lambda: list(workshop.glob("*/analysis-*")))
        interrupt(child)
        _, err = child.communicate(timeout=60)
        assert child.returncode == 130, err
        assert "Traceback" not in err
        until(lambda: client.get(f"/jobs/{job['id']}").json()["state"] == "CANCELLED")
        until(lambda: not any("stakazo.media" in process.info["cmdline"] for process in _children(serving)))
        until(lambda: not left.exists())


def test_a_private_server_comes_and_goes_with_its_command(installed: Any) -> None:
    (installed.folder / "text.mp4").write_text("hello " * 100)
    ended = installed.run("process", "text.mp4")
    assert ended.returncode == 1, ended.stderr
    assert "Starting a private Stakazo" in ended.stderr
    assert "is a text, not a video" in ended.stderr.strip().splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert _children(installed) == []


def test_a_private_server_ends_with_its_command_even_when_that_is_killed(
    installed: Any, tiny: Path, until: Any
) -> None:
    child = installed.start("process", tiny)
    until((installed.folder / "var" / "serve.json").exists)
    child.kill()
    child.wait()
    until(lambda: _children(installed) == [])


@pytest.mark.parametrize("command", ["models", "doctor"])
def test_what_looks_around_answers(installed: Any, command: str, tmp_path: Path) -> None:
    models = tmp_path / "models"
    ended = installed.run(command, *(["--check"] if command == "models" else []), STAKAZO_MODELS_DIR=str(models))
    assert ended.returncode == (1 if command == "models" else 0), ended.stdout + ended.stderr
    assert "stakazo models" in ended.stdout + ended.stderr
    shutil.rmtree(models, ignore_errors=True)
