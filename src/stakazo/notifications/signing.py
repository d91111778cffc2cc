"""Signatures of outgoing webhooks, by the Standard Webhooks specification 1.0.0. Pure.

Receivers check them with any library of https://www.standardwebhooks.com, or in three lines of their own: HMAC-SHA256
of `id.timestamp.body` under the secret, in base64.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32


def written(secret: bytes) -> str:
    """A secret as it is handed over, once."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(secrets: Sequence[bytes], message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt.

    Args:
        secrets: Each gives a signature: the receiver needs to know one of them, so that it can be changed.
        message_id: The same for every attempt, by which the receiver knows what it has had before.
        seconds: Of the attempt, since 1970: old ones are refused as replayed.
        body: The very bytes that are sent.
    """
    signed = b".".join((message_id.encode(), str(seconds).encode(), body))
    signatures = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
