"""`stakazo process` and what it rests on: the real system, from a file to files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from stakazo import media
from stakazo.cli.proof import faults_of
from stakazo.cli.story import Done


def _children(program: Any) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cwd", "cmdline"])
        if process.info["cwd"] == str(program.folder) and process.status() != "zombie"
    ]


def test_a_video_becomes_files_that_are_what_they_should_be(installed: Any, tiny: Path) -> None:
    order = ["process", tiny, "--out", "made", "--platform", "facebook", "--clips", "1", "--json"]
    ended = installed.run(*order)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    out = installed.folder / "made"
    [clip] = result["clips"]
    assert [variant["recipe"] for variant in clip["variants"]] == ["facebook_feed"]
    assert (out / "report.html").is_file()

    for row in (clip, *clip["variants"]):  # as the program saw them, from where it ran
        for name in ("thumbnail", "filmstrip", "path"):
            if name in row:
                row[name] = str(installed.folder / row[name])
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

    again = installed.run(*order)  # what is known is used: nothing is rendered twice
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["clips"][0]["variants"][0]["id"] == clip["variants"][0]["id"]
    assert film.read_bytes() == whole
    assert _children(installed) == []


def test_a_file_that_is_no_film_is_refused_with_its_reason(installed: Any) -> None:
    (installed.folder / "film.mp4").write_bytes(b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2" + b"\0" * 900)
    (installed.folder / "text.mp4").write_text("hello " * 100)
    for name, said in (("film.mp4", ""), ("text.mp4", "is a text, not a video")):
        ended = installed.run("process", name)
        assert ended.returncode == 1, ended.stderr
        last = ended.stderr.strip().splitlines()[-1]
        assert last.startswith("stakazo: ")
        assert said in last
        assert "Traceback" not in ended.stderr
    assert _children(installed) == []


def test_ctrl_c_cancels_the_jobs_and_leaves_no_process(installed: Any, tiny: Path, until: Any, interrupt: Any) -> None:
    server = installed.start("serve", "--port", "0", "--workers", "0")
    note = installed.folder / "var" / "serve.json"
    until(note.exists)
    url = json.loads(note.read_text())["url"]
    key = (installed.folder / "var" / "api_key").read_text().strip()
    with httpx.Client(base_url=url, headers={"X-API-Key": key}, trust_env=False) as client:
        child = installed.start("process", tiny)  # nobody works: it waits for the analysis
        until(lambda: client.get("/jobs").json()["items"])
        interrupt(child)
        _, err = child.communicate(timeout=60)
        assert child.returncode == 130, err
        assert "Traceback" not in err
        assert [job["state"] for job in client.get("/jobs").json()["items"]] == ["CANCELLED"]
    interrupt(server)
    assert server.wait(60) == 0
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
