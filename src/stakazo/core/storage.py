"""Where finished files lie: in a folder on disk, or in an object store (`core/objects.py`).

What every kind of storage does: a key is written once and then never changes; it appears whole or not at all; work in
progress lies on this machine's own disk (`core/workplace.py`), and is adopted when it is done.

    <workspace id>/<kind>/<name>     a key
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from stakazo.core.actor import new_id
from stakazo.core.errors import FileMissing, Unavailable
from stakazo.core.settings import Settings
from stakazo.core.workplace import Workplace, enough_space

PIECE = 1024 * 1024
"""Bytes of a file on disk that are in memory at once."""
_KEY = re.compile(r"[0-9a-zA-Z_-][0-9a-zA-Z._-]*(/[0-9a-zA-Z_-][0-9a-zA-Z._-]*)+")
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}
"""What a filesystem says that knows no second names."""


def of(settings: Settings) -> Storage:
    """The storage that the settings name. Raises Unavailable for one that can't be used here."""
    if settings.storage_url is None:
        return DiskStorage(settings.storage_dir)
    from stakazo.core.objects import ObjectStorage  # noqa: PLC0415 (an extra)

    return ObjectStorage.of(settings)


def checked(key: str) -> str:
    """A key, if it is one. Raises ValueError."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a storage key: {key!r}")
    return key


class Stored(ABC):
    """A finished file, as it was when it was asked for. Any range of it can be read, flat in memory."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes."""

    @property
    @abstractmethod
    def changed(self) -> int:
        """When it got its bytes or its key, whatever was later, in nanoseconds of the storage's own clock."""

    @property
    @abstractmethod
    def tag(self) -> str:
        """Another one as soon as the bytes are others."""

    @abstractmethod
    def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to and without `stop`, in pieces."""

    @abstractmethod
    def blocks(self) -> Iterator[bytes]:
        """All of it in pieces, for who works in a thread. Raises FileMissing where it has gone meanwhile."""


Hold = Callable[[Iterable[str]], dict[str, Stored]]
"""Keeps files from going; those of the keys of which there is one."""


class Storage(Workplace, ABC):
    """Finished files by their keys, `<workspace id>/<kind>/<name>`: made by us, never from a sender's words."""

    where: str
    """For people: which folder or which store."""

    @abstractmethod
    async def adopt(self, temporary: Path, key: str, *, keep: bool = False) -> None:
        """Give a finished file of the workplace its key, durably: it is there whole, or not at all.

        With `keep` it also keeps its old name, where that can be: for who may have to do it again.
        """

    @abstractmethod
    async def stored(self, key: str) -> Stored:
        """The file of this key, to be read. Raises FileMissing."""

    @abstractmethod
    def fetched(self, key: str) -> AbstractAsyncContextManager[Path]:
        """The file of this key on this machine's disk, for programs that want a path; it must not be changed.

        It stays for as long as the context does. Raises FileMissing.
        """

    async def exists(self, key: str) -> bool:
        try:
            await self.stored(key)
        except FileMissing:
            return False
        return True

    @abstractmethod
    async def delete(self, *keys: str) -> bool:
        """Remove files; one that isn't there is removed already. Says whether they are gone: where a backup reads them
        they stay, for who looks for orphans.
        """

    @abstractmethod
    async def delete_workspace(self, workspace_id: UUID) -> None:
        """Remove every file of a workspace."""

    @abstractmethod
    async def workspaces(self) -> list[UUID]:
        """Whose files there are."""

    @abstractmethod
    async def list(self, prefix: str) -> dict[str, Stored]:
        """The files below this prefix (`<workspace id>`, `<workspace id>/<kind>`) by their keys."""

    async def probe(self) -> None:
        """Put a small file there, read it, list it and remove it. Raises what doesn't work."""
        key, said = f"probe/{new_id().hex}", new_id().bytes
        file = self.temporary()
        try:
            await asyncio.to_thread(file.write_bytes, said)
            await self.adopt(file, key)
            found = (await self.list("probe"))[key]
            there = b"".join([piece async for piece in found.read(0, found.size)])
            await self.delete(key)
        finally:
            file.unlink(missing_ok=True)
        if there != said:
            raise Unavailable(f"{self.where} gave back other bytes than were put there.")

    @abstractmethod
    def holding(self) -> AbstractContextManager[Hold]:
        """What is held within stays readable until the end, whoever deletes it meanwhile; for who works in a thread."""


@dataclass(frozen=True, slots=True)
class DiskFile(Stored):
    """A file on this disk."""

    path: Path
    status: os.stat_result

    @classmethod
    def at(cls, path: Path) -> DiskFile:
        return cls(path, path.stat())

    @property
    def size(self) -> int:
        return self.status.st_size

    @property
    def changed(self) -> int:
        return max(self.status.st_mtime_ns, self.status.st_ctime_ns)

    @property
    def tag(self) -> str:
        return f"{self.status.st_size:x}-{self.status.st_mtime_ns:x}"

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        while start < stop:
            piece = await asyncio.to_thread(self._piece, start, min(PIECE, stop - start))
            if not piece:
                raise EOFError(f"{self.path.name} is shorter than it was")
            start += len(piece)
            yield piece

    def _piece(self, start: int, size: int) -> bytes:
        """Opened for each: whoever stops reading, or is stopped, leaves nothing open."""
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(size)

    def blocks(self) -> Iterator[bytes]:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            raise FileMissing(f"The file {self.path} is not there any more.") from None
        with file:
            while block := file.read(PIECE):
                yield block


class DiskStorage(Storage):
    """Files in a folder, `<root>/<key>`."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.where = str(root.absolute())

    def path(self, key: str) -> Path:
        """Where the file of this key lies, or would."""
        return self.root / checked(key)

    async def adopt(self, temporary: Path, key: str, *, keep: bool = False) -> None:
        await asyncio.to_thread(self._adopt, temporary, self.path(key), keep=keep)

    def _adopt(self, temporary: Path, target: Path, *, keep: bool) -> None:
        with enough_space():
            sync(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            (second_name(temporary) if keep else temporary).replace(target)
            sync(target.parent)

    async def stored(self, key: str) -> DiskFile:
        return await asyncio.to_thread(self._found, key)

    @contextlib.asynccontextmanager
    async def fetched(self, key: str) -> AsyncIterator[Path]:
        yield (await self.stored(key)).path

    def _found(self, key: str) -> DiskFile:
        path = self.path(key)
        if not path.is_file():
            raise FileMissing(
                f"The file {key} is not in {self.where}. Every worker and the API need the same storage: "
                "STAKAZO_DATA_DIR says where this one has it."
            )
        return DiskFile.at(path)

    async def delete(self, *keys: str) -> bool:
        await asyncio.to_thread(self._remove, [self.path(key) for key in keys])
        return True

    def _remove(self, paths: Iterable[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)

    async def delete_workspace(self, workspace_id: UUID) -> None:
        await asyncio.to_thread(shutil.rmtree, self.root / str(workspace_id), ignore_errors=True)

    async def workspaces(self) -> list[UUID]:
        names = await asyncio.to_thread(lambda: [folder.name for folder in self.root.glob("*-*-*-*-*")])
        return ids(names)

    async def list(self, prefix: str) -> dict[str, Stored]:
        return await asyncio.to_thread(self._list, prefix)

    def _list(self, prefix: str) -> dict[str, Stored]:
        found: dict[str, Stored] = {}
        for path in self.root.joinpath(*prefix.split("/")).rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    found[str(path.relative_to(self.root))] = DiskFile.at(path)
        return found

    @contextlib.contextmanager
    def holding(self) -> Iterator[Hold]:
        """A second name for each file, so that it outlives its key; itself, where there are no second names."""
        folder = self.temporary()
        folder.mkdir()

        def hold(keys: Iterable[str]) -> dict[str, Stored]:
            held: dict[str, Stored] = {}
            for key in keys:
                with contextlib.suppress(FileMissing, FileNotFoundError):
                    path = second_name(self._found(key).path, folder / new_id().hex)
                    held[key] = DiskFile.at(path)
            return held

        try:
            yield hold
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def ids(names: Iterable[str]) -> list[UUID]:
    """Those of these names that are of workspaces."""
    found = []
    for name in names:
        with contextlib.suppress(ValueError):
            found.append(UUID(name))
    return found


def total(files: Mapping[str, Stored]) -> int:
    """The bytes of them all."""
    return sum(file.size for file in files.values())


def second_name(path: Path, second: Path | None = None) -> Path:
    """The same file under another name, beside it where none is said; itself, where there are no second names."""
    second = second or path.with_name(f"{path.name}.{new_id().hex}")
    try:
        second.hardlink_to(path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return path
    return second


def sync(path: Path) -> None:
    """Wait until what is written there survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
