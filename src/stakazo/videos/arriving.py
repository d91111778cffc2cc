"""A video's bytes on their way in: straight to disk, hashed on the way, judged by the first of them."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from stakazo.core.errors import NoSpace, StakazoError, TooLarge, UnsupportedMedia
from stakazo.media.containers import SNIFF_BYTES, Container, sniff

BUFFER = 1024 * 1024
"""Bytes that are gathered before a thread writes them."""
CHECK_SPACE_EVERY = 64 * BUFFER


class ToDisk:
    """A file being written by threads, with its hash: closed exactly once, whatever happens around it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._hash = hashlib.sha256()
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._lock = threading.Lock()
        """A cancelled request leaves its thread writing: closing must wait for it."""

    def write(self, block: bytes) -> None:
        with self._lock:
            self._hash.update(block)
            left = memoryview(block)
            while left:
                left = left[os.write(self._fd, left) :]
            self.size += len(block)

    def start_over(self) -> None:
        """Forget what was written."""
        with self._lock:
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)
            self._hash, self.size = hashlib.sha256(), 0

    def finish(self) -> str:
        """Everything is on the disk itself; returns the sha256."""
        with self._lock:
            os.fsync(self._fd)
        return self._hash.hexdigest()

    def close(self) -> None:
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1


class Door:
    """What every byte passes before it is written: the limit of size, the judgement, the room on the disk."""

    def __init__(self, max_bytes: int, space: Callable[[], None], name: str | None = None) -> None:
        self.max_bytes, self.space, self.name = max_bytes, space, name
        self.container: Container | None = None
        self._next_check = CHECK_SPACE_EVERY

    @property
    def wants(self) -> int:
        """How many bytes to gather before they are passed on."""
        return BUFFER if self.container else SNIFF_BYTES

    def check(self, size: int) -> None:
        """Raises TooLarge when the file would have more bytes than it may."""
        if size > self.max_bytes:
            raise TooLarge(f"A video may have {in_words(self.max_bytes)} at most.")

    def passes(self, block: bytes, before: int) -> Container:
        """Look at what comes after `before` bytes. Raises UnsupportedMedia, NoSpace."""
        self.container = self.container or judge(block, self.name)
        if before >= self._next_check:
            self.space()
            self._next_check += CHECK_SPACE_EVERY
        return self.container


def judge(head: bytes, name: str | None) -> Container:
    """What the file is by its first bytes. Raises UnsupportedMedia unless it can be a video."""
    if not head:
        raise UnsupportedMedia("The file is empty.")
    container = sniff(head)
    if container.kind != "video":
        called = repr(name) if name else "The file"
        raise UnsupportedMedia(
            f"{called} is {container.description}, not a video. Send MP4, MOV, MKV, WebM, AVI, MPEG-TS or the like."
        )
    return container


def not_written(error: OSError) -> StakazoError:
    """What to say when the file can't be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return NoSpace("The disk is full: what had arrived was thrown away. Make room and try again.")
    return StakazoError(f"The file could not be written: {error.strerror}.")


def shown(name: str) -> str:
    """A sender's file name as it may be shown: no folders, no control characters, never used as a path."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(sign for sign in last if sign.isprintable())[:255].strip()


def in_words(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} TB"
