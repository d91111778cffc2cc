"""Signed checkpoints: a ledger's size and root, in the formats of C2SP tlog-checkpoint and signed-note. Pure.

    stakazo/0199...                                        the ledger's origin: a name that no other ledger has
    128                                                    how many events
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=           the Merkle tree's root, base64

    — stakazo/0199... Az3grlgtzPICa5OS8npVmf1Myq/5IZ...    the key's name, then 4 bytes of its id and the signature

The key's name is the origin, so one line (`name+id+key`, a *verifier key*) says all that an outsider must know.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stakazo.ledger.merkle import Hash

_ED25519 = b"\x01"
_SIGNED = "— "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_NAME = re.compile(r"[^\s+]+")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """That a ledger had this root at this size."""

    origin: str
    size: int
    root: Hash

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name that it signs under."""

    name: str
    public: bytes
    """32 bytes."""

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Raises ValueError."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _base64(encoded)
        if not _NAME.fullmatch(name) or len(raw) != 33 or raw[:1] != _ED25519:
            raise ValueError("not an Ed25519 verifier key: it looks like name+01234567+AbCd...")
        key = cls(name, raw[1:])
        if key.id.hex() != key_id:
            raise ValueError("the verifier key is damaged: its id is not that of its name and key")
        return key

    def signed(self, text: str, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint as it was found, with its signatures, which nobody has checked yet."""

    checkpoint: Checkpoint
    signatures: tuple[Signature, ...]
    body: str
    """What the signatures are over."""

    def signer(self, keys: Iterable[VerifierKey]) -> VerifierKey | None:
        """The first of these keys that has signed; None where none has, or where a signature in its name is wrong."""
        for key in keys:
            for one in self.signatures:
                if (one.name, one.key_id) == (key.name, key.id):
                    return key if key.signed(self.body, one.signature) else None
        return None


def public_key(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes_raw()


def fingerprint(public: bytes) -> str:
    """What a key is called where its name doesn't matter: in the folder of keys, and beside the checkpoints."""
    return hashlib.sha256(public).hexdigest()[:16]


def sign(checkpoint: Checkpoint, private: Ed25519PrivateKey) -> str:
    """The checkpoint as a signed note, ending with a line feed."""
    if not _NAME.fullmatch(checkpoint.origin):
        raise ValueError(f"not an origin: {checkpoint.origin!r}")
    key = VerifierKey(checkpoint.origin, public_key(private))
    signed = base64.b64encode(key.id + private.sign(checkpoint.text.encode())).decode()
    return f"{checkpoint.text}\n{_SIGNED}{key.name} {signed}\n"


def endorse(private: Ed25519PrivateKey, successor: VerifierKey) -> str:
    """The old key's word that checkpoints are signed with another one from now on, base64."""
    return base64.b64encode(private.sign(_endorsement(successor).encode())).decode()


def endorsed(old: VerifierKey, successor: VerifierKey, signature: str) -> bool:
    """Whether the old key has said so."""
    return old.name == successor.name and old.signed(_endorsement(successor), _base64(signature))


def _endorsement(successor: VerifierKey) -> str:
    return f"stakazo ledger key\n{successor}\n"


def read(note: str) -> Note:
    """A signed note. Raises ValueError where it isn't a checkpoint."""
    body, blank, rest = note.rpartition("\n\n")
    lines, signed = body.split("\n"), rest.removesuffix("\n").split("\n")
    if not blank or not note.endswith("\n") or len(lines) < 3 or not all(lines):
        raise ValueError("not a checkpoint: an origin, a size, a root, an empty line and signatures are expected")
    origin, size, root = lines[:3]
    if not _SIZE.fullmatch(size):
        raise ValueError(f"not a checkpoint: {size[:40]!r} is no size")
    checkpoint = Checkpoint(origin, int(size), _base64(root))
    if len(checkpoint.root) != 32:
        raise ValueError("not a checkpoint: its root is not of 32 bytes")
    return Note(checkpoint, tuple(map(_signature, signed)), body + "\n")


def read_all(text: str) -> Iterator[Note]:
    """The checkpoints of a file that they were appended to. One whose writing was broken off at the end is left out."""
    for note in _notes(text):
        yield read(note)


def _notes(text: str) -> Iterator[str]:
    lines: list[str] = []
    signed = False
    for line in text.splitlines(keepends=True):
        if signed and not line.startswith(_SIGNED):
            yield "".join(lines)
            lines, signed = [], False
        if not lines and not line.strip():
            continue
        lines.append(line)
        signed = line.startswith(_SIGNED) and line.endswith("\n")
    if signed:
        yield "".join(lines)


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_SIGNED).partition(" ")
    raw = _base64(encoded)
    if not line.startswith(_SIGNED) or not _NAME.fullmatch(name) or len(raw) < 5:
        raise ValueError(f"not a signature: {line[:80]!r}")
    return Signature(name, raw[:4], raw[4:])


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"not base64: {text[:40]!r}") from error
