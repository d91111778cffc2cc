"""The file of a backup: a ZIP, so that any machine can look into it, whose last entry says what the others must be.

    database/<table>      rows                        compressed
    files/<storage key>   stored files, as they are
    keys/...              what must stay secret
    public/...            public keys of ledgers
    manifest.json         sizes and hashes of all of these, and the ledgers' checkpoints

It appears under its name when it is whole and on the disk; until then it is `<name>.part`, which is locked while
somebody writes it and taken over by the next when that one was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from stakazo.backup import manifest as manifests
from stakazo.backup.manifest import Manifest, Member
from stakazo.backup.sealing import COST, MAGIC, SealedReader, SealedWriter
from stakazo.core.errors import Conflict, Invalid, Unavailable
from stakazo.core.workplace import enough_space

CHUNK = 1024 * 1024
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, RuntimeError, ValueError)
"""What a damaged ZIP makes the library say, beside what it finds out itself."""


class Damaged(Invalid):
    """The file is not the backup that was taken."""

    code = "backup_damaged"


# --- writing ------------------------------------------------------------------------------------------------


class Writer:
    """A backup that is being written, part by part."""

    def __init__(self, archive: zipfile.ZipFile, moment: datetime) -> None:
        self._zip, self._moment = archive, moment
        self.members: dict[str, Member] = {}

    def add(self, name: str, blocks: Iterable[bytes | memoryview], *, compressed: bool = True) -> Member:
        """Write one part."""
        info = zipfile.ZipInfo(name, self._moment.timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
        info.external_attr = 0o600 << 16
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as out:
            for block in blocks:
                digest.update(block)
                size += len(block)
                out.write(block)
        self.members[name] = Member(size, digest.hexdigest())
        return self.members[name]

    def finish(self, manifest: Manifest) -> str:
        """Write the manifest; gives the fingerprint of the whole backup."""
        data = manifests.dump(manifest)
        self.add(manifests.NAME, [data])
        del self.members[manifests.NAME]
        return fingerprint(data)


def fingerprint(manifest: bytes) -> str:
    """Of a backup: the hash of its manifest, which has the hashes of everything else."""
    return hashlib.sha256(manifest).hexdigest()


@contextlib.contextmanager
def writing(target: Path, moment: datetime, passphrase: str | None, cost: int = COST) -> Iterator[Writer]:
    """A new backup, which gets its name at the end, and of which nothing is left where something fails.

    Args:
        moment: What the parts are dated.
        passphrase: What it is sealed with, if it is.
        cost: Of a guess at the passphrase, as a power of two.
    """
    part = target.with_name(f"{target.name}.part")
    with enough_space(), _alone(part) as out:
        try:
            sealed = SealedWriter(out, passphrase, cost) if passphrase is not None else None
            # What can't be sought is written from the beginning to the end, as a sealed file must be.
            with zipfile.ZipFile(cast(BinaryIO, sealed or out), "w") as archive:
                yield Writer(archive, moment)
            if sealed is not None:
                sealed.finish()
            out.flush()
            os.fsync(out.fileno())
            part.replace(target)
            _sync(target.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[BinaryIO]:
    """The unfinished file, empty and ours alone. Raises Conflict while somebody else writes it."""
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "r+b") as out:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"Another backup is being written to {part} at this moment.") from None
        os.fchmod(handle, 0o600)
        os.ftruncate(handle, 0)
        yield out


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- reading ------------------------------------------------------------------------------------------------


class Reader:
    """A backup whose manifest has been read; the parts are believed only as far as they have been checked."""

    def __init__(self, archive: zipfile.ZipFile, where: Path) -> None:
        self._zip, self.where = archive, where
        with _readable(where, manifests.NAME):
            data = archive.read(manifests.NAME)
        try:
            self.manifest = manifests.load(data)
        except ValueError as error:
            raise Damaged(f"{where} can't be used: {error}.") from error
        self.fingerprint = fingerprint(data)
        names = archive.namelist()
        self.sizes = {info.filename: info.file_size for info in archive.infolist() if info.filename != manifests.NAME}
        if len(names) != len(set(names)):
            raise Damaged(f"{where} is damaged: it has two parts of the same name.")

    def blocks(self, name: str) -> Iterator[bytes]:
        """A part, piece by piece. Raises Damaged at its end, where it was not what the manifest says."""
        wanted, digest, size = self.manifest.members[name], hashlib.sha256(), 0
        with _readable(self.where, name), self._zip.open(name) as part:
            while block := part.read(CHUNK):
                digest.update(block)
                size += len(block)
                if size > wanted.size:
                    break
                yield block
        if (size, digest.hexdigest()) != (wanted.size, wanted.sha256):
            raise Damaged(f"{self.where} is damaged: {name} is not what was backed up.")

    def text(self, name: str) -> str:
        return b"".join(self.blocks(name)).decode()


@contextlib.contextmanager
def reading(source: Path, passphrase: str | None) -> Iterator[Reader]:
    """A backup, of which the manifest is read. Raises Damaged, and Unavailable without the right passphrase."""
    with source.open("rb") as file:
        sealed = file.read(len(MAGIC)) == MAGIC
        if sealed and passphrase is None:
            raise Unavailable(f"{source} is sealed. Say with which passphrase: --passphrase-file FILE.")
        whole: BinaryIO = file
        if sealed and passphrase is not None:
            whole = cast(BinaryIO, io.BufferedReader(SealedReader(file, passphrase), CHUNK))
        try:
            archive = zipfile.ZipFile(whole)
        except _BROKEN as error:
            raise Damaged(f"{source} was cut off, or is no backup: its end is not there.") from error
        with archive:
            if manifests.NAME not in archive.NameToInfo:
                raise Damaged(f"{source} is no backup of Stakazo: it has no {manifests.NAME}.")
            yield Reader(archive, source)


@contextlib.contextmanager
def _readable(where: Path, name: str) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise Damaged(f"{where} is damaged: {name} can't be read ({error}).") from error
