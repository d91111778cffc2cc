"""Where checkpoints go once they are signed: out of the database, to whoever should be able to contradict it.

The file comes first and gets every checkpoint. The others get the newest, repeated until it has arrived: it stands for
all before it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import UUID

import structlog

from stakazo.core.workplace import enough_space
from stakazo.ledger import checkpoint
from stakazo.ledger.checkpoint import Note

LONGEST = 300.0
"""Seconds between two attempts at an outlet that fails."""

TAIL = 16 * 1024
"""Bytes of a file's end in which its last checkpoint surely is."""
_SIGNATURE = re.compile("^— [^\n]*\n".encode(), re.MULTILINE)

log = structlog.get_logger(__name__)


class Outlet(Protocol):
    """A place outside the database."""

    @property
    def name(self) -> str: ...

    async def hand_out(self, workspace_id: UUID, size: int, note: str) -> None:
        """Take a checkpoint; being given one twice changes nothing. Raises any exception to be given it again."""


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """One file for each workspace in a folder, only ever appended to: `<folder>/<workspace>.log`."""

    folder: Path

    def path(self, workspace_id: UUID) -> Path:
        return self.folder / f"{workspace_id}.log"

    def append(self, workspace_id: UUID, note: str) -> None:
        """Write a checkpoint to the end, durably; of one that a power cut or a full disk broke off, nothing is left."""
        with enough_space():
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.path(workspace_id)
            new = not path.exists()
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                end = _whole_end(handle)
                os.ftruncate(handle, end)
                data = f"\n{note}".encode()
                if os.pwrite(handle, data, end) < len(data):
                    raise OSError(errno.ENOSPC, "the disk is full", str(path))
                os.fsync(handle)
            finally:
                os.close(handle)
            if new:
                sync_folder(self.folder)

    def last(self, workspace_id: UUID) -> Note | None:
        """The newest whole checkpoint in the file. Raises ValueError where the file has been damaged."""
        try:
            handle = os.open(self.path(workspace_id), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            start, tail = _tail(handle)
            tail = tail[: _whole_end(handle) - start]
        finally:
            os.close(handle)
        notes = list(checkpoint.read_all(tail.decode(errors="replace")))
        return notes[-1] if notes else None

    def all(self, workspace_id: UUID) -> Iterator[Note]:
        """Every whole checkpoint in the file. Raises ValueError where it has been damaged."""
        path = self.path(workspace_id)
        return checkpoint.read_all(path.read_text(encoding="utf-8") if path.exists() else "")

    def set_aside(self, workspace_id: UUID, suffix: str) -> Path | None:
        """Begin a new file, and keep the old one beside it."""
        path = self.path(workspace_id)
        if not path.exists():
            return None
        kept = path.with_name(f"{path.name}.{suffix}")
        path.rename(kept)
        sync_folder(self.folder)
        return kept


@dataclass(slots=True)
class Courier:
    """Brings the newest checkpoint of each workspace to one outlet, however long that takes; nobody waits for it."""

    outlet: Outlet
    _waiting: dict[UUID, tuple[int, str]] = field(default_factory=dict)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, workspace_id: UUID, size: int, note: str) -> None:
        self._waiting[workspace_id] = (size, note)
        self._arrived.set()

    async def run(self) -> None:
        """For ever."""
        pause = 1.0
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            if await self._deliver():
                pause = 1.0
            else:
                await asyncio.sleep(pause)
                pause = min(LONGEST, 2 * pause)
                self._arrived.set()

    async def _deliver(self) -> bool:
        """Bring what waits; says whether nothing is left behind."""
        for workspace_id, (size, note) in list(self._waiting.items()):
            try:
                await self.outlet.hand_out(workspace_id, size, note)
            except Exception as error:  # noqa: BLE001 - the outlet is somebody else's, and is asked again
                log.warning("checkpoint_not_handed_out", outlet=self.outlet.name, size=size, error=repr(error)[:200])
                return False
            if self._waiting.get(workspace_id) == (size, note):
                del self._waiting[workspace_id]
        return True


def _tail(handle: int) -> tuple[int, bytes]:
    """The end of a file, from behind a signature on where it doesn't fit; and where that begins."""
    size = os.fstat(handle).st_size
    start = max(0, size - TAIL)
    data = os.pread(handle, TAIL, start)
    if start:
        first = _SIGNATURE.search(data)
        skipped = first.end() if first else len(data)
        start, data = start + skipped, data[skipped:]
    return start, data


def _whole_end(handle: int) -> int:
    """Where the last whole checkpoint ends."""
    start, data = _tail(handle)
    ends = [found.end() for found in _SIGNATURE.finditer(data)]
    return start + (ends[-1] if ends else 0)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
