"""What a person meets at the terminal: help, exit codes, and sentences instead of tracebacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

COMMANDS = ["serve", "worker", "process", "demo", "analyse", "reframe", "sample", "models", "jobs", "doctor", "migrate"]


def test_the_help_names_every_command(program: Any) -> None:
    shown = program.run("--help")
    assert shown.returncode == 0
    assert [command for command in COMMANDS if command not in shown.stdout] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["process", "nowhere.mp4"], 1, "There is no file nowhere.mp4."),
        (["process", "."], 1, ". is not a file."),
        (["process", "empty.mp4"], 1, "empty.mp4 is empty."),
        (["process", "notes.txt", "--platform", "myspace"], 2, "There is no platform or recipe 'myspace'"),
        (["analyse", "nowhere.mp4"], 1, "There is no file nowhere.mp4."),
        (["analyse", "notes.txt"], 1, "notes.txt"),
        (["reframe", "notes.txt", "--aspect", "wide"], 2, "'wide' is no shape"),
        (["jobs", "list"], 1, "Start it with `stakazo serve`"),
        (["jobs", "list", "--server", "http://127.0.0.1:9", "--state", "failed"], 1, "does not answer"),
        (["fly"], 2, "No such command 'fly'"),
        (["process"], 2, "Missing argument"),
        (["serve", "--port", "99999"], 2, "Invalid value for"),
    ],
)
def test_a_mistake_gets_a_sentence_and_an_exit_code(program: Any, arguments: list[str], code: int, said: str) -> None:
    (program.folder / "empty.mp4").touch()
    (program.folder / "notes.txt").write_text("These are no moving pictures.\n" * 50)
    ended = program.run(*arguments, STAKAZO_API_KEY="stk_x")
    assert ended.returncode == code, ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_analyse_prints_json_and_nothing_else(program: Any, tiny: Path) -> None:
    ended = program.run("analyse", tiny, "--json")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["info"]["video"]["width"] == 320
    assert found["pictures"]["shots"][0]["start"] == 0
    assert "loudness" in found["sound"]
    assert ended.stderr == ""


def test_analyse_tells_a_person_the_same(program: Any, tiny: Path) -> None:
    ended = program.run("analyse", tiny)
    assert ended.returncode == 0, ended.stderr
    for word in ("320x180 h264", "Shots", "LUFS"):
        assert word in ended.stdout


def test_reframe_prints_a_path_inside_the_frame(program: Any, tiny: Path) -> None:
    ended = program.run("reframe", tiny, "--aspect", "9:16", "--start", "1", "--end", "3", "--json")
    assert ended.returncode == 0, ended.stderr
    path = json.loads(ended.stdout)
    assert path["aspect"] == "9:16"
    assert (path["shots"][0]["start"], path["shots"][-1]["end"]) == (1.0, 3.0)
    for shot in path["shots"]:
        for _time, x, y, width, height in shot["keys"]:
            assert min(x, y) >= 0
            assert max(x + width, y + height) <= 1.0001


def test_the_contract_is_printed(program: Any) -> None:
    contract = json.loads(program.run("openapi").stdout)
    assert contract["openapi"].startswith("3.1")
    assert "/upload" in contract["paths"]
