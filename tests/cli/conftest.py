"""The program as a person runs it: as a process, in a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import imageio_ffmpeg
import psutil
import pytest
from tests.cli.program import forked
from tests.forks import FORKS

from stakazo.core import postgres

PATIENCE = 120.0


class Program:
    """`stakazo` with an environment and a folder."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("STAKAZO_")}
        self.environment |= {"COLUMNS": "160", "NO_COLOR": "1"} | environment
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str | Path, **changes: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "stakazo.cli", *map(str, arguments)]
        child = subprocess.Popen(
            argv,
            cwd=self.folder,
            env=self.environment | changes,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(child)
        return child

    def run(self, *arguments: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
        """To its end; in a process that has the program's modules already, which takes half the time."""
        argv = ["stakazo", *map(str, arguments)]
        with tempfile.TemporaryDirectory() as told:
            out, err = Path(told, "out"), Path(told, "err")
            given = (argv, self.folder, self.environment | changes, out, err)
            child = FORKS.Process(target=forked, args=given, daemon=False)
            child.start()
            child.join(PATIENCE)
            if child.exitcode is None:
                child.kill()
                child.join()
            assert child.exitcode is not None
            said = subprocess.CompletedProcess(argv, child.exitcode, out.read_text(), err.read_text())
            child.close()
            return said

    def end(self) -> None:
        for child in self.started:
            if child.poll() is None:
                with suppress(psutil.NoSuchProcess):
                    for grandchild in psutil.Process(child.pid).children(recursive=True):
                        grandchild.kill()
                child.kill()
            child.communicate()


def until(true: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What the condition gives once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """The program, with no database that it could reach."""
    program = Program(tmp_path, {"STAKAZO_DATA_DIR": str(tmp_path / "var")})
    yield program
    program.end()


def environment(folder: Path, urls: postgres.Urls) -> dict[str, str]:
    return {
        "STAKAZO_DATA_DIR": str(folder / "var"),
        "STAKAZO_DATABASE_URL": urls.owner,
        "STAKAZO_APP_DATABASE_URL": urls.app,
        "STAKAZO_MIN_FREE_BYTES": "1",
        "STAKAZO_MEDIA_WORKERS": "1",
    }


@pytest.fixture
def installed(tmp_path: Path, urls: postgres.Urls) -> Iterator[Program]:
    """The program on a migrated database of the test's own, and nothing running."""
    program = Program(tmp_path, environment(tmp_path, urls))
    yield program
    program.end()


@pytest.fixture(scope="module")
def serving(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program in a folder where `stakazo serve` runs, with one worker."""
    name, folder = f"t_{uuid4().hex}", tmp_path_factory.mktemp("serving")
    program = Program(folder, environment(folder, server.create(name)))
    child = program.start("serve", "--port", "0")
    until(lambda: (folder / "var" / "serve.json").exists() or child.poll() is not None)
    assert child.poll() is None, child.communicate()
    yield program
    interrupt(child)
    out, err = child.communicate(timeout=PATIENCE)
    program.end()
    server.drop(name)
    assert child.returncode == 0, out + err


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real video of four seconds with sound."""
    return a_film(tmp_path_factory.mktemp("tiny") / "tiny film.mp4", 4, "320x180")


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real video that takes some seconds to look at."""
    return a_film(tmp_path_factory.mktemp("long") / "long.mp4", 90, "640x360")


def a_film(path: Path, seconds: int, size: str) -> Path:
    """A test picture with a tone."""
    part, program = min(seconds, 5), [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error"]
    sources = ["-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d={part}", "-f", "lavfi", "-i", f"sine=f=330:d={part}"]
    encoding = ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-shortest"]
    once = path.with_stem("once")
    subprocess.run([*program, *sources, *encoding, str(once)], check=True, timeout=120)
    again = ["-stream_loop", str(seconds // part - 1), "-i", str(once), "-c", "copy", str(path)]
    subprocess.run([*program, *again], check=True, timeout=120)
    return path


def interrupt(child: subprocess.Popen[str]) -> None:
    """Ctrl-C."""
    child.send_signal(signal.SIGINT)


@pytest.fixture(name="until")
def _until() -> Callable[..., Any]:
    return until


@pytest.fixture(name="interrupt")
def _interrupt() -> Callable[..., None]:
    return interrupt
