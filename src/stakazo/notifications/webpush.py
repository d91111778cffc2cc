"""Web push: a message for one browser, sealed so that the service which brings it can't read it. Pure.

RFC 8291 (encryption for one receiver), RFC 8188 (the form aes128gcm), RFC 8292 (VAPID: who sends).
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stakazo.core.errors import Invalid

RECORD = 4096
"""Bytes of the one record that a message is."""
MOST_BYTES = 3000
"""Of a message; services take 4096 with everything around it."""
POINT, SECRET, SALT = 65, 16, 16
"""Bytes of a public key, of a browser's secret, of a salt."""
TOKEN_SECONDS = 12 * 3600
"""How long the proof of who sends counts; at most 24 hours."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A browser's subscription, as `pushManager.subscribe()` gives it."""

    url: str = field(repr=False)
    """Where its messages go. Whoever knows it and our key can write there."""
    public_key: bytes = field(repr=False)
    """`keys.p256dh`, decoded."""
    secret: bytes = field(repr=False)
    """`keys.auth`, decoded."""

    @classmethod
    def of(cls, url: str, p256dh: str, auth: str) -> Receiver:
        """Raises Invalid for keys that are none."""
        try:
            public_key, secret = unwritten(p256dh), unwritten(auth)
            EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public_key)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Invalid("`keys.p256dh` is no public key on P-256.") from error
        if len(secret) != SECRET:
            raise Invalid(f"`keys.auth` has {SECRET} bytes.")
        return cls(url, public_key, secret)


def written(raw: bytes) -> str:
    """Bytes as keys are written on the web."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unwritten(text: str) -> bytes:
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)


def point(key: EllipticCurvePrivateKey) -> bytes:
    """A key's public half, as it is sent."""
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def encrypted(message: bytes, to: Receiver, once: EllipticCurvePrivateKey, salt: bytes) -> bytes:
    """The body of a push message.

    Args:
        message: At most `MOST_BYTES`.
        to: Who can read it.
        once: A new key for this message alone.
        salt: 16 random bytes.
    """
    if len(message) > MOST_BYTES:
        raise ValueError(f"A push message has {MOST_BYTES} bytes at most.")
    theirs = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), to.public_key)
    ours = point(once)
    shared = once.exchange(ECDH(), theirs)
    material = _derived(shared, to.secret, b"WebPush: info\x00" + to.public_key + ours, 32)
    key = _derived(material, salt, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derived(material, salt, b"Content-Encoding: nonce\x00", 12)
    sealed = AESGCM(key).encrypt(nonce, message + b"\x02", None)  # 2: the last record, and no padding
    return salt + struct.pack("!IB", RECORD, len(ours)) + ours + sealed


def _derived(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(material)


def authorization(key: EllipticCurvePrivateKey, url: str, contact: str, seconds: int) -> str:
    """The header that says who sends, to the service behind a subscription's URL, at this moment since 1970."""
    parts = urlsplit(url)
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": seconds + TOKEN_SECONDS, "sub": contact}
    return f"vapid t={jwt.encode(claims, key, algorithm='ES256')}, k={written(point(key))}"
