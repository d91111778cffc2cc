"""What a person meets at the terminal: help, exit codes, and sentences instead of tracebacks."""

from __future__ import annotations

import errno
import functools
import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stakazo.cli import main
from stakazo.cli.client import Api
from stakazo.cli.output import Failure, made, trouble

COMMANDS = [
    "serve",
    "worker",
    "process",
    "demo",
    "analyse",
    "reframe",
    "sample",
    "models",
    "jobs",
    "doctor",
    "migrate",
    "sandbox",
]


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
        (["sandbox", "--scenario", "rain"], 2, "There is no scenario rain"),
        (["reframe", "notes.txt", "--aspect", "wide"], 2, "'wide' is no shape"),
        (["jobs", "list"], 1, "Start it with `stakazo serve`"),
        (["jobs", "list", "--server", "http://127.0.0.1:9", "--state", "failed"], 1, "does not answer"),
        (["jobs", "list", "--server", "nowhere"], 2, "'nowhere' is no address of a server"),
        (["jobs", "list", "--state", "lost"], 2, "'lost' is not one of"),
        (["openapi", "--out", "/dev/full"], 1, "The disk is full."),
        (["sample", "/dev/full"], 2, "no file that could be replaced"),
        (["demo", "--out", "notes.txt"], 1, "The folder notes.txt can't be made"),
        (["worker", "post"], 1, "There is no queue post; there are media, default"),
        (["fly"], 2, "No such command 'fly'"),
        (["process"], 2, "Missing argument"),
        (["serve", "--port", "99999"], 2, "Invalid value for"),
    ],
)
@pytest.mark.usefixtures("quiet")
def test_a_mistake_gets_a_sentence_and_an_exit_code(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "notes.txt").write_text("These are no moving pictures.\n" * 50)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("STAKAZO_")]:
        monkeypatch.delenv(name)
    for name, value in {"STAKAZO_DATA_DIR": str(tmp_path), "STAKAZO_API_KEY": "stk_x", "COLUMNS": "160"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:  # in this process: to start nineteen takes a quarter of a minute
        main(arguments)
    shown, error = capfd.readouterr()
    assert ended.value.code == code, error
    assert said in error
    assert "Traceback" not in error
    assert shown == ""


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


def test_a_setting_that_makes_no_sense_is_named(program: Any) -> None:
    ended = program.run("doctor", STAKAZO_PORT="many", STAKAZO_LOG_LEVEL="loud", DEBUG_ENDPOINTS_ENABLED="maybe")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    for name in ("STAKAZO_PORT: ", "STAKAZO_LOG_LEVEL: ", "DEBUG_ENDPOINTS_ENABLED: "):
        assert name in ended.stderr


def test_what_the_system_refuses_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file") as missing:
        (tmp_path / "no" / "such").write_text("x")
    assert trouble(missing.value) == f"{tmp_path}/no/such: No such file or directory."
    assert trouble(OSError(errno.EDQUOT, "Disk quota exceeded")) == "The disk is full. Make room, then do this again."
    assert trouble(TimeoutError()) == "TimeoutError."
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match=r"The folder .*/file can't be made: File exists."):
        made(tmp_path / "file")
    assert made(tmp_path / "a" / "b").is_dir()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """A server that has a film."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "film.mp4").write_bytes(b"film" * 1000)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "there"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_a_download_to_a_full_disk_says_so_and_leaves_nothing(elsewhere: str, tmp_path: Path) -> None:
    api, film = Api(elsewhere, "stk_x"), tmp_path / "film.mp4"
    try:
        film.with_name(".film.mp4.part").symlink_to("/dev/full")
        with pytest.raises(Failure, match=r"film.mp4 could not be kept. The disk is full."):
            await api.download("/film.mp4", film)
        await api.download("/film.mp4", film)
    finally:
        await api.close()
    assert film.stat().st_size == 4000
    assert not film.with_name(".film.mp4.part").is_symlink()
