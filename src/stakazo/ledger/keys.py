"""The keys that sign checkpoints: private, in a folder that only their owner may read, never in the database.

<data>/ledger/keys/20261122T101500Z-0123456789abcdef.pem    private, 0600
                   20261122T101500Z-0123456789abcdef.pub    public, kept when the private one is destroyed
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stakazo.core.errors import Unavailable
from stakazo.core.private import read_private, write_private
from stakazo.ledger.checkpoint import fingerprint, public_key


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """The private keys of this installation, by their fingerprints; the newest signs for new workspaces."""

    folder: Path

    def newest(self) -> Ed25519PrivateKey | None:
        files = self._files()
        return _read(files[-1]) if files else None

    def get(self, wanted: str) -> Ed25519PrivateKey | None:
        """The key with this fingerprint; None where this machine doesn't have it."""
        found = [file for file in self._files() if file.stem.endswith(f"-{wanted}")]
        return _read(found[-1]) if found else None

    def public(self, wanted: str) -> bytes | None:
        """The public half of the key with this fingerprint, also when the private one is destroyed."""
        found = sorted(self.folder.glob(f"*-{wanted}.pub"))
        return bytes.fromhex(read_private(found[-1])) if found else None

    def every_public(self) -> list[bytes]:
        """The public halves of all keys, oldest first."""
        return [bytes.fromhex(read_private(file)) for file in sorted(self.folder.glob("*.pub"))]

    def create(self) -> Ed25519PrivateKey:
        """A new key, durably written before anything is signed with it."""
        private = Ed25519PrivateKey.generate()
        public = public_key(private)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{fingerprint(public)}"
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(self.folder / f"{name}.pub", public.hex() + "\n")
        write_private(self.folder / f"{name}.pem", pem.decode())
        return private

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.pem"))


def _read(file: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(read_private(file).encode(), password=None)
    except ValueError as error:
        raise Unavailable(f"The ledger's key {file} is damaged. Restore it from a backup.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Unavailable(f"The ledger's key {file} is not an Ed25519 key.")
    return key
