"""A worker process for the kill tests, forked from a server that has everything imported."""

from __future__ import annotations

import asyncio
import os
import sys

from stakazo import pipeline  # noqa: F401 (its jobs are what this process can do)
from stakazo.core import postgres
from stakazo.core.settings import Settings
from stakazo.core.telemetry import setup_logging
from stakazo.worker.process import run_worker


async def main(queue: str) -> None:
    settings = Settings()
    setup_logging(settings)
    await run_worker(settings, await postgres.resolve(settings), [queue])


def forked(environment: dict[str, str], log: str, queue: str) -> None:
    """Be a worker of this queue; its output goes into a file."""
    os.environ |= environment
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.exit(asyncio.run(main(queue)))
