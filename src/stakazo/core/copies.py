"""Copies of stored files on this machine's disk, for programs that want a path. Bounded: the longest unused go first.

A copy is named after its key and the tag of its bytes, so it is never out of date. Who uses one holds a shared lock on
it; who makes one has `<copy>.part` locked for himself alone. The kernel drops both with the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from stakazo.core.storage import second_name


class Copies:
    """A folder of copies, which all processes of this machine share."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder, self.most = folder, most

    def path(self, key: str, tag: str) -> Path:
        """Where the copy of these bytes lies, or would."""
        name = hashlib.sha256(f"{key}\n{tag}".encode()).hexdigest()[:40]
        return self.folder / f"{name}{PurePosixPath(key).suffix}"

    def use(self, copy: Path) -> int | None:
        """A descriptor that keeps the copy there until it is closed; None where there is none."""
        try:
            handle = os.open(copy, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        fcntl.flock(handle, fcntl.LOCK_SH)  # held against us for no longer than a removal takes
        if not _is_at(handle, copy):
            os.close(handle)
            return None
        os.utime(copy)
        return handle

    @contextlib.contextmanager
    def making(self, copy: Path) -> Iterator[BinaryIO | None]:
        """A file to write the copy to, which gets its name at the end; None where somebody else does it or did."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = copy.with_name(f"{copy.name}.part")
        with part.open("ab") as out:
            if not _is_ours(out.fileno(), part):
                yield None
                return
            try:
                if copy.exists():
                    yield None
                else:
                    out.truncate(0)
                    yield out
                    out.flush()
                    part.replace(copy)
            finally:
                if _is_at(out.fileno(), part):
                    part.unlink()

    def adopt(self, file: Path, copy: Path, *, keep: bool) -> None:
        """Make a finished file the copy; with `keep` only where it can have its old name too."""
        self.folder.mkdir(parents=True, exist_ok=True)
        named = second_name(file) if keep else file
        if not keep or named != file:
            named.replace(copy)
        self.make_room(0)

    def make_room(self, coming: int) -> None:
        """Remove copies that nobody uses, the longest unused first, until so many bytes more are within bounds."""
        there: list[tuple[float, Path, int]] = []
        for path in self.folder.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                there.append((status.st_mtime, path, status.st_blocks * 512))
        used = sum(size for _, _, size in there)
        for _, path, size in sorted(there):
            if used + coming <= self.most:
                return
            with contextlib.suppress(FileNotFoundError):
                used -= size if _remove(path) else 0


def _remove(path: Path) -> bool:
    """Whether nobody used it, and it is gone."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ours := _is_ours(handle, path):
            path.unlink()
        return ours
    finally:
        os.close(handle)


def _is_ours(handle: int, path: Path) -> bool:
    """Lock what is open for us alone: whether nobody uses it, and it still has this name."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return _is_at(handle, path)


def _is_at(handle: int, path: Path) -> bool:
    """Whether what is open is still what has this name."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False
