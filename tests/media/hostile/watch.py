"""Sees what hostile files want: who calls the canary, who opens the secret."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

IN_OPEN = 0x20


class Canary:
    """An address on this machine at which nobody should call; counts those who do."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._tcp = socket.create_server(("127.0.0.1", 0))
        port = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", port))
        self.address = f"127.0.0.1:{port}"
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._listen, self._hear)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for listener in (self._tcp, self._udp):
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits
        self._udp.close()
        self._tcp.close()
        for thread in self._threads:
            thread.join(5)

    def _listen(self) -> None:
        while True:
            try:
                caller, _ = self._tcp.accept()
            except OSError:
                return
            with caller:
                caller.settimeout(1)
                try:
                    said = caller.recv(200)
                except OSError:
                    said = b""
                self.calls.append(f"tcp {said[:80]!r}")

    def _hear(self) -> None:
        while True:
            try:
                said = self._udp.recv(200)
            except OSError:
                return
            if not said:
                return
            self.calls.append(f"udp {said[:80]!r}")


class Opens:
    """Counts who opens some files, by inotify (Linux)."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC) if sys.platform == "linux" else -1
        self._names = {self._libc.inotify_add_watch(self._handle, os.fsencode(file), IN_OPEN): file for file in files}

    def seen(self) -> list[Path]:
        """What was opened since the last time."""
        found = []
        while self._handle >= 0:
            try:
                data = os.read(self._handle, 4096)
            except BlockingIOError:
                break
            at = 0
            while at < len(data):
                watch, _, _, length = struct.unpack_from("=iIII", data, at)
                found.append(self._names[watch])
                at += 16 + length
        return found

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
