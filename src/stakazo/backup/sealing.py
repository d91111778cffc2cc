"""A file under a passphrase: AES-256-GCM in pieces, with a key that scrypt makes of the passphrase.

    magic | cost (1) | salt (16) | piece | piece | ... | last piece

Each piece is 256 KiB and a tag. Its place, and whether it is the last, are sealed in with it: pieces can't be moved,
left out or cut off unseen. Any place can be read without what comes before it.
"""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from stakazo.core.errors import Unavailable

MAGIC = b"stakazo sealed backup 1\n"
PIECE = 256 * 1024
_SALT, _TAG = 16, 16
_HEAD = len(MAGIC) + 1 + _SALT
COST, _DEAREST = 17, 20
"""Of scrypt, as a power of two: 128 MiB and about half a second for each guess; and what is never tried."""


def _cipher(passphrase: str, head: bytes) -> AESGCM:
    cost, salt = head[len(MAGIC)], head[-_SALT:]
    return AESGCM(Scrypt(salt=salt, length=32, n=2**cost, r=8, p=1).derive(passphrase.encode()))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class SealedWriter(io.RawIOBase):
    """What is written to it goes sealed to another file, from the beginning to the end; that one stays open."""

    def __init__(self, out: BinaryIO, passphrase: str, cost: int = COST) -> None:
        head = MAGIC + bytes([cost]) + os.urandom(_SALT)
        self._out, self._cipher = out, _cipher(passphrase, head)
        self._number, self._waiting = 0, bytearray()
        out.write(head)

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._waiting += data
        while len(self._waiting) > PIECE:
            self._piece(bytes(self._waiting[:PIECE]), last=False)
            del self._waiting[:PIECE]
        return len(data)

    def finish(self) -> None:
        """Write the last piece. Without it the file counts as cut off."""
        self._piece(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _piece(self, data: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._number, last=last), data, MAGIC))
        self._number += 1


class SealedReader(io.RawIOBase):
    """What was sealed, from any place. Raises Unavailable for a wrong passphrase, and where the file was changed."""

    def __init__(self, sealed: BinaryIO, passphrase: str) -> None:
        sealed.seek(0)
        head = sealed.read(_HEAD)
        if len(head) < _HEAD or not head.startswith(MAGIC) or not 0 < head[len(MAGIC)] <= _DEAREST:
            raise Unavailable("This is no sealed backup, or its beginning is damaged.")
        length = sealed.seek(0, io.SEEK_END) - _HEAD
        self._sealed, self._cipher = sealed, _cipher(passphrase, head)
        self._count = max(1, -(-length // (PIECE + _TAG)))
        self._size = max(0, length - self._count * _TAG)
        self._at, self._held = 0, (-1, b"")
        self._piece(0, "The passphrase is not the one that this backup was sealed with, or its beginning is damaged.")
        self._piece(self._count - 1, "This backup was cut off or changed at its end.")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._at >= self._size:
            return 0
        number, start = divmod(self._at, PIECE)
        data = self._piece(number, f"This backup was changed: piece {number} of {self._count} is not as it was sealed.")
        part = data[start : start + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _piece(self, number: int, otherwise: str) -> bytes:
        if self._held[0] != number:
            self._sealed.seek(_HEAD + number * (PIECE + _TAG))
            try:
                nonce = _nonce(number, last=number == self._count - 1)
                data = self._cipher.decrypt(nonce, self._sealed.read(PIECE + _TAG), MAGIC)
            except (InvalidTag, ValueError) as error:
                raise Unavailable(otherwise) from error
            self._held = number, data
        return self._held[1]
