"""The file of an upload that comes in parts.

How far the upload is, is how long its file is: nothing stands beside it that could say otherwise after a crash. Only a
part that comes with a checksum doesn't count before it was checked: while it comes, a mark beside the file says where
it began.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
from pathlib import Path

from stakazo.core.errors import StakazoError

READ = 4 * 1024 * 1024


class Locked(StakazoError):
    """Somebody else is sending to the same upload."""

    status, code, retryable = 423, "upload_locked", True
    headers = {"Retry-After": "1"}  # noqa: RUF012 (never changed)


def arrived(path: Path) -> int:
    """How many bytes have come to stay."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return 0
    with contextlib.suppress(FileNotFoundError):
        return min(size, int(_mark(path).read_text()))
    return size


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.name}.unchecked")


class Partial:
    """The file, for as long as one request works on it: it is locked, also against other processes, until `close`.

    Its methods block, and may be called by threads. Raises Locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        """A cancelled request leaves its thread writing: closing must wait for it."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.size = arrived(path)
            """Bytes that have come."""
            self._back_to(self.size)
        except BlockingIOError:
            self.close()
            raise Locked("Another request is sending to this upload. Ask for its offset in a second.") from None
        except BaseException:
            self.close()
            raise
        self._start = self.size
        self._whole = hashlib.sha256() if self.size == 0 else None

    def write(self, block: bytes) -> None:
        with self._lock:
            left = memoryview(block)
            while left:
                count = os.write(self._fd, left)
                if self._whole is not None:
                    self._whole.update(left[:count])
                self.size += count
                left = left[count:]

    def expect_check(self) -> None:
        """What comes from here on counts only when `accept` has been called."""
        half = _mark(self.path).with_suffix(".half")
        half.write_text(str(self.size))
        half.replace(_mark(self.path))

    def accept(self) -> None:
        """What has come is there to stay, even if the power goes."""
        with self._lock:
            os.fsync(self._fd)
        _mark(self.path).unlink(missing_ok=True)
        self._start = self.size

    def reject(self) -> None:
        """Forget what has come since the last `accept`."""
        with self._lock:
            self._back_to(self._start)
            self.size, self._whole = self._start, None

    def head(self, count: int) -> bytes:
        """The first bytes."""
        with self._lock:
            return os.pread(self._fd, count, 0)

    def sha256(self) -> str:
        """Of everything; read again where it came in more than one request."""
        if self._whole is not None:
            return self._whole.hexdigest()
        found, at = hashlib.sha256(), 0
        while block := os.pread(self._fd, READ, at):
            found.update(block)
            at += len(block)
        return found.hexdigest()

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        _mark(self.path).unlink(missing_ok=True)

    def close(self) -> None:
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _back_to(self, size: int) -> None:
        os.ftruncate(self._fd, size)
        os.lseek(self._fd, size, os.SEEK_SET)
        _mark(self.path).unlink(missing_ok=True)
