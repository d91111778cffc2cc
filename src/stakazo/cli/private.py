"""A server that lives as long as one command: the real one, on a free port of this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from stakazo.cli.client import running
from stakazo.cli.output import DATA, Failure, made
from stakazo.core.settings import Settings

START_TIMEOUT = 120.0
STOP_TIMEOUT = 30.0


def log_file(settings: Settings) -> Path:
    return settings.data_dir / "serve.log"


@asynccontextmanager
async def private_server(settings: Settings) -> AsyncIterator[str]:
    """Start `stakazo serve` beside us; it ends with us, even when we are killed. Gives its address."""
    made(settings.data_dir, DATA)
    argv = [sys.executable, "-m", "stakazo.cli", "serve", "--host", "127.0.0.1", "--port", "0"]
    with log_file(settings).open("wb") as log:
        child = subprocess.Popen(  # noqa: ASYNC220 - the kernel ties a child's end to the thread that starts it: ours
            [*argv, "--parent", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | _environment(settings),
            start_new_session=True,  # Ctrl-C is for us: jobs are cancelled through the server before it goes
        )
    try:
        yield await _ready(settings, child)
    finally:
        await asyncio.shield(_stop(child))


def _environment(settings: Settings) -> dict[str, str]:
    """What the server has to be told of our settings."""
    return {"STAKAZO_DATA_DIR": str(settings.data_dir), "STAKAZO_SANDBOX_URL": settings.sandbox_url}


async def _ready(settings: Settings, child: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise Failure(f"Stakazo did not start: {_last_lines(log_file(settings))}")
        url = await running(settings)
        if url is not None:
            return url
        await asyncio.sleep(0.1)
    raise Failure(f"Stakazo did not start within {START_TIMEOUT:g} seconds; its log is {log_file(settings)}.")


async def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        await asyncio.to_thread(child.wait, STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _last_lines(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    refusals = [line.removeprefix("stakazo: ") for line in lines if line.startswith("stakazo: ")]
    return refusals[-1] if refusals else " ".join(lines[-3:]) or "it says nothing."
