from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from stakazo.media import complaints, ffmpeg
from stakazo.media.confine import Access
from stakazo.media.errors import DiskFull, RenderFailed, Stopped, ToolMissing, Unreadable

ENDLESS = ["-re", "-f", "lavfi", "-i", "testsrc=s=64x64", "-f", "null", "-"]
NESTED = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
WORKER = """
import asyncio, contextlib, psutil
from stakazo.media import ffmpeg
from stakazo.media.confine import Access

def rendering():
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "ffmpeg" in child.name():
                yield child.pid

async def work():
    endless = ["-re", "-f", "lavfi", "-i", "testsrc=s=64x64", "-f", "null", "-"]
    running = asyncio.ensure_future(ffmpeg.run(endless, access=Access()))
    while not (found := [*rendering()]):
        await asyncio.sleep(0.01)
    print(found[0], flush=True)
    await running

asyncio.run(work())
"""


async def gone(pid: int) -> bool:
    """Whether a process ends soon."""
    for _ in range(200):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.05)
    return False


async def until(ready: Callable[[], object]) -> None:
    while not ready():  # noqa: ASYNC110 - nothing to wait on: it happens in another process
        await asyncio.sleep(0.01)


def children() -> list[int]:
    """The leaders of their own sessions among this process's children: what `ffmpeg.child` started."""
    return [one.pid for one in psutil.Process().children() if os.getsid(one.pid) == one.pid]


async def started() -> int:
    await until(children)
    return children()[0]


# --- which program ------------------------------------------------------------------------------------------


def test_the_program_asked_for_comes_first_then_the_environment_then_the_installed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("STAKAZO_FFMPEG", raising=False)
    assert "imageio" in ffmpeg.executable()
    named, asked = tmp_path / "named", tmp_path / "asked"
    for path in (named, asked):
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    monkeypatch.setenv("STAKAZO_FFMPEG", str(named))
    assert ffmpeg.executable() == str(named)
    assert ffmpeg.executable(asked) == str(asked)


def test_a_program_that_is_not_there_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STAKAZO_FFMPEG", "/nowhere/ffmpeg")
    with pytest.raises(ToolMissing, match="/nowhere/ffmpeg"):
        ffmpeg.executable()


def test_the_installed_program_can_do_all_that_rendering_needs():
    able = ffmpeg.capabilities()
    assert able.missing == ()
    assert able.tone_mapping
    assert able.version[:1] in {"n", "N"} or able.version[0].isdigit()


def test_what_a_poor_program_lacks_is_named():
    poor = ffmpeg.Capabilities("x", "1", ffmpeg.REQUIRED_FILTERS - {"fps"}, frozenset({"aac"}))
    assert poor.missing == ("filter fps", "encoder libx264")
    assert not poor.tone_mapping


# --- running ------------------------------------------------------------------------------------------------


async def test_progress_rises_to_one():
    heard: list[float] = []
    source = ["-re", "-f", "lavfi", "-i", "testsrc=s=64x64:d=1.3"]
    await ffmpeg.run([*source, "-f", "null", "-"], access=Access(), duration=1.3, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert any(0 < share < 1 for share in heard)


async def test_an_error_is_told_in_ffmpegs_own_words():
    with pytest.raises(RenderFailed, match="Unknown encoder 'nothere'") as caught:
        await ffmpeg.run(
            ["-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-c:v", "nothere", "-f", "null", "-"], access=Access()
        )
    assert "0x" not in str(caught.value)
    assert "lavfi @" not in str(caught.value)


async def test_a_file_that_is_no_media_is_unreadable(tmp_path: Path):
    file = tmp_path / "secret-name.mp4"
    file.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(Unreadable) as caught:
        await ffmpeg.run(["-i", f"file:{file}", "-f", "null", "-"], access=Access(reads=(file,)))
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
async def test_a_full_disk_is_said_to_be_full():
    source = ["-f", "lavfi", "-i", "testsrc=s=320x240:d=10"]
    with pytest.raises(DiskFull):
        await ffmpeg.run([*source, "-c:v", "rawvideo", "-f", "nut", "-y", "/dev/full"], access=None)


async def test_a_killed_program_is_named_with_its_signal():
    running = asyncio.ensure_future(ffmpeg.run(ENDLESS, access=Access()))
    os.kill(await started(), signal.SIGKILL)
    with pytest.raises(RenderFailed, match="SIGKILL"):
        await running


async def test_a_lot_of_output_does_not_block():
    writes = "import sys; sys.stdout.write('x' * 3_000_000); sys.stderr.write('why\\n' + 'y\\n' * 300_000 + 'end\\n')"
    result = await ffmpeg.child([sys.executable, "-c", writes], access=None)
    assert result.code == 0
    assert len(result.stdout) == 3_000_000
    assert result.stderr.splitlines() == ["why", *["y"] * (complaints.KEPT - 2), "end"]


# --- ending -------------------------------------------------------------------------------------------------


async def test_cancelling_takes_the_program_and_all_it_started_down():
    lines: list[str] = []
    running = asyncio.ensure_future(ffmpeg.child([sys.executable, "-c", NESTED], access=None, line=lines.append))
    child = await started()
    await until(lambda: lines)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not psutil.pid_exists(child)
    assert await gone(int(lines[0]))
    assert not children()


async def test_cancelling_a_program_whose_output_nobody_reads_does_not_hang():
    floods = "import sys\nwhile True: sys.stdout.write('x' * 100000 + chr(10))"

    def slow(_line: str) -> None:
        time.sleep(0.01)

    running = asyncio.ensure_future(ffmpeg.child([sys.executable, "-c", floods], access=None, line=slow))
    child = await started()
    await asyncio.sleep(0.2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not psutil.pid_exists(child)


async def test_a_program_that_takes_too_long_is_stopped():
    running = asyncio.ensure_future(ffmpeg.run(ENDLESS, access=Access(), timeout=0.5))
    child = await started()
    with pytest.raises(Stopped):
        await running
    assert not psutil.pid_exists(child)


async def test_an_error_of_the_listener_ends_the_program_and_goes_on():
    def refuse(_line: str) -> None:
        raise ZeroDivisionError

    waits = "print(1, flush=True); import time; time.sleep(600)"
    with pytest.raises(ZeroDivisionError):
        await ffmpeg.child([sys.executable, "-c", waits], access=None, line=refuse)
    assert not children()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of the dead")
async def test_killing_the_parent_takes_the_program_down():
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout
    child = int(await parent.stdout.readline())
    await until(lambda: "ffmpeg" in psutil.Process(child).name())
    parent.kill()
    await parent.wait()
    assert await gone(child)


def test_a_loop_in_a_thread_of_its_own_runs_programs_to_their_end():
    results: list[ffmpeg.Result] = []
    source = ["-re", "-f", "lavfi", "-i", "testsrc=s=64x64:d=0.3", "-f", "null", "-"]
    thread = threading.Thread(target=lambda: results.append(asyncio.run(ffmpeg.run(source, access=Access()))))
    thread.start()
    thread.join()
    assert [result.code for result in results] == [0]
