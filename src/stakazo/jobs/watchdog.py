"""Ends a worker process that can't say any more that it is alive."""

from __future__ import annotations

import contextlib
import os
import threading
import time

import psutil

EXIT = 70
"""The code with which it ends the process: start another."""


class Watchdog:
    """A thread that ends the process, children first, when its heartbeat can't be written in time.

    By then others are about to take its jobs, so it must not go on: whatever hangs, a connection whose other end is
    gone or an event loop that somebody blocks.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._last = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        self.beat()
        self._thread.start()

    def beat(self) -> None:
        self._last = time.monotonic()

    def stop(self) -> None:
        self._done.set()

    def _watch(self) -> None:
        while not self._done.wait(min(0.25, self.limit / 10)):
            silent = time.monotonic() - self._last
            if silent > self.limit:
                # Not by the logger: whoever hangs may hold its lock.
                os.write(2, f"watchdog: no heartbeat for {silent:.1f} s, ending process {os.getpid()}\n".encode())
                kill_children()
                os._exit(EXIT)


def kill_children() -> None:
    """Kill every process that this one has started, and theirs."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()
