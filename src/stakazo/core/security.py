"""Secrets as they lie in the database: sealed with AES-256-GCM, so that a dump of it gives none away.

    class Channel(Owned, Base):
        token: Mapped[bytes] = mapped_column(Sealed(owner="workspace_id"))

    channel.token = keys.seal(b"...", "channels.token", owner=channel.workspace_id, row=channel.id)
    keys.unseal(channel.token, "channels.token", owner=channel.workspace_id, row=channel.id)

Column, owner and row are sealed in with the value: moved to another of either, it no longer opens. The type `Sealed`
tells `core.rotation` which columns to seal anew when the master key is changed.

A sealed value is `version (1 byte) | key id (8) | nonce (12) | ciphertext and tag`, and a key's id is the beginning of
its own hash, so nothing has to be remembered about keys but the keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import LargeBinary
from sqlalchemy.types import TypeDecorator

from stakazo.core.errors import Unavailable
from stakazo.core.private import read_private, write_private
from stakazo.core.settings import Settings

_VERSION = b"\x01"
KEY_BYTES = 32
_ID_BYTES, _NONCE_BYTES = 8, 12
HEADER_BYTES = len(_VERSION) + _ID_BYTES
"""The beginning of a sealed value that says which key it is sealed with."""

_FILE_SAYS = """\
# The master keys of this Stakazo, newest first: what is sealed in its database opens with these alone.
# Keep a copy in another place. `stakazo secrets rotate` adds a key; nobody needs to write here.
"""


class Unreadable(Unavailable):
    """A sealed value doesn't open: its key isn't here, or it was changed or moved."""

    code, retryable = "secret_unreadable", False


class Sealed(TypeDecorator[bytes]):
    """A column of sealed values; `owner` is the column of the same table that says whose they are."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, owner: str = "workspace_id") -> None:
        super().__init__()
        self.owner = owner


def new_key() -> bytes:
    return AESGCM.generate_key(8 * KEY_BYTES)


def key_id(key: bytes) -> bytes:
    """The name of a key, which doesn't give it away."""
    return hashlib.sha256(b"stakazo key id\x00" + key).digest()[:_ID_BYTES]


def encode(keys: Sequence[bytes]) -> str:
    """Keys as the setting and the file have them, newest first."""
    return "\n".join(base64.b64encode(key).decode() for key in keys)


def decode(text: str) -> tuple[bytes, ...]:
    """The keys of a setting or a file, separated by commas or lines. Raises Unavailable where one isn't a key."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    words = [word.strip() for line in lines for word in line.split(",") if word.strip()]
    try:
        keys = tuple(base64.b64decode(word, validate=True) for word in words)
    except binascii.Error:
        keys = ()
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise Unavailable(
            f"The master keys can't be read: each must be {KEY_BYTES} bytes in base64 (openssl rand -base64 32)."
        )
    return keys


class Keyring:
    """The master keys of an installation: the newest seals, any of them opens.

    They come from the setting `master_keys` where it is given, else from the file `settings.master_key_file`, which is
    made when it isn't there, and read again when it has changed: a rotation needs no restart.
    """

    def __init__(self, settings: Settings) -> None:
        self.file: Path | None = None
        self._keys: tuple[bytes, ...] = ()
        self._seen: tuple[int, int] | None = None
        if settings.master_keys is not None:
            self._keys = decode(settings.master_keys.get_secret_value())
        else:
            self.file = settings.master_key_file

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Newest first."""
        if self.file is None:
            return self._keys
        if not self.file.exists():
            write_private(self.file, _FILE_SAYS + encode([new_key()]) + "\n", replace=False)
        status = self.file.stat()
        seen = (status.st_ino, status.st_mtime_ns)
        if seen != self._seen:
            self._keys, self._seen = decode(read_private(self.file)), seen
        return self._keys

    def keep(self, keys: Sequence[bytes]) -> None:
        """Write these keys to the file, newest first. Raises Unavailable where a setting gives them."""
        if self.file is None:
            raise Unavailable("The master keys are given by STAKAZO_MASTER_KEYS: put a new key before the old ones.")
        write_private(self.file, _FILE_SAYS + encode(keys) + "\n")

    @property
    def header(self) -> bytes:
        """What every value begins with that is sealed with the newest key."""
        return _VERSION + key_id(self.keys[0])

    def words(self, purpose: str) -> list[str]:
        """Words that nobody else knows, the same whenever they are asked for: one for each key, the newest first.

        Args:
            purpose: What they are said for; each has its own.
        """
        said = b"stakazo word\x00" + purpose.encode()
        return [hmac.new(key, said, hashlib.sha256).hexdigest() for key in self.keys]

    def seal(self, plaintext: bytes, place: str, *, owner: UUID, row: UUID) -> bytes:
        """Seal a secret for one place.

        Args:
            plaintext: The secret.
            place: `table.column`.
            owner: Whose it is: the workspace's id, or the user's.
            row: The row's id.
        """
        key = self.keys[0]
        header, nonce = _VERSION + key_id(key), os.urandom(_NONCE_BYTES)
        return header + nonce + AESGCM(key).encrypt(nonce, plaintext, _bound(header, place, owner, row))

    def unseal(self, sealed: bytes, place: str, *, owner: UUID, row: UUID) -> bytes:
        """The secret that was sealed for this place. Raises Unreadable where it was not, or by another installation."""
        header, nonce = sealed[:HEADER_BYTES], sealed[HEADER_BYTES : HEADER_BYTES + _NONCE_BYTES]
        key = next((key for key in self.keys if _VERSION + key_id(key) == header), None)
        if key is None:
            raise Unreadable(
                f"A secret in {place} was sealed with a master key that is not here. Restore it from your backup "
                f"({self.file or 'STAKAZO_MASTER_KEYS'})."
            )
        try:
            return AESGCM(key).decrypt(nonce, sealed[HEADER_BYTES + _NONCE_BYTES :], _bound(header, place, owner, row))
        except (InvalidTag, ValueError) as error:
            raise Unreadable(
                f"A secret in {place} was changed or moved since it was sealed, and can't be read."
            ) from error


def _bound(header: bytes, place: str, owner: UUID, row: UUID) -> bytes:
    """What is sealed in beside the secret."""
    return header + place.encode() + b"\x00" + owner.bytes + row.bytes
