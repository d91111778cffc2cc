"""Copies of stored files on this machine's disk, for programs that want a path. Bounded: the longest unused go first.

    <hash of the key>-<hash of the tag>.<suffix>     so it is never out of date, and found when its file is deleted

Who uses one holds a shared lock on it; who makes one has `<copy>.part` locked for himself alone. The kernel drops both
with the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from stakazo.core.storage import second_name, sync

UNUSED = 24 * 3600.0
"""Seconds after which a copy goes that nobody used: another machine may have deleted its file."""
_PART = ".part"


class Copies:
    """A folder of copies, which all processes of this machine share."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder, self.most = folder, most

    def path(self, key: str, tag: str) -> Path:
        """Where the copy of these bytes lies, or would."""
        return self.folder / f"{_named(key)}-{_named(tag)}{PurePosixPath(key).suffix}"

    def use(self, copy: Path, size: int) -> int | None:
        """A descriptor that keeps the copy there until it is closed; None where there is none of so many bytes.

        One of another size goes: a disk that lost its power has names without bytes.
        """
        try:
            handle = os.open(copy, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        fcntl.flock(handle, fcntl.LOCK_SH)  # held against us for no longer than a removal takes
        whole = os.fstat(handle).st_size == size
        if not whole and _is_ours(handle, copy):
            copy.unlink()
        if not whole or not _is_at(handle, copy):
            os.close(handle)
            return None
        os.utime(copy)
        return handle

    @contextlib.contextmanager
    def making(self, copy: Path) -> Iterator[BinaryIO | None]:
        """A file to write the copy to, until it is `made`; None where somebody else does it or did."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = _part(copy)
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
            finally:
                if _is_at(out.fileno(), part):
                    part.unlink()

    def made(self, out: BinaryIO, copy: Path) -> int | None:
        """Give what was written its name, durably; a descriptor as of `use`, None where it is gone already."""
        out.flush()
        os.fsync(out.fileno())
        _part(copy).replace(copy)
        fcntl.flock(out, fcntl.LOCK_SH)  # of the same opened file as the descriptor: it stays when `out` is closed
        return os.dup(out.fileno()) if _is_at(out.fileno(), copy) else None

    def adopt(self, file: Path, copy: Path, *, keep: bool) -> None:
        """Make a finished file the copy, if there is none; with `keep` only where it can have its old name too."""
        named = second_name(file) if keep else file
        if keep and named == file:
            return
        with self.making(copy) as ours:
            if ours is not None:
                sync(named)
                named.replace(copy)
        named.unlink(missing_ok=True)

    def make_room(self, coming: int, lacking: int = 0) -> int:
        """Remove copies that nobody uses, the longest unused first, until so many bytes more are within bounds, and so
        many that are lacking are given back to the disk. Those unused for a day go in any case. Says how many went.
        """
        there: list[tuple[float, Path, int]] = []
        for path in self.folder.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                there.append((status.st_mtime, path, status.st_blocks * 512))
        used, limit, count = sum(size for _, _, size in there), time.time() - UNUSED, 0
        for since, path, size in sorted(there):
            if used + coming <= self.most and lacking <= 0 and since >= limit:
                break
            with contextlib.suppress(FileNotFoundError):
                if _remove(path):
                    used, lacking, count = used - size, lacking - size, count + 1
        return count

    def forget(self, keys: Iterable[str]) -> None:
        """Remove the copies of files that are deleted, whoever uses them."""
        names = {_named(key) for key in keys}
        for path in self.folder.glob("*"):
            if path.name.partition("-")[0] in names:
                with contextlib.suppress(FileNotFoundError):
                    _remove(path) if path.suffix == _PART else path.unlink()


def _part(copy: Path) -> Path:
    """What the copy is called while it is made."""
    return copy.with_name(f"{copy.name}{_PART}")


def _named(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:32]


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
