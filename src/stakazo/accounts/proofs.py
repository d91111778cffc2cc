"""Random words that prove something to whoever shows them: keys, links, refresh tokens. Only their hash is kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets


def new_token(prefix: str) -> str:
    """256 random bits, after a prefix by which people and scanners know what it is."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def hashed(token: str) -> bytes:
    """What is kept of it: SHA-256, since there is nothing to guess in 256 random bits."""
    return hashlib.sha256(token.encode()).digest()


def new_salt() -> bytes:
    return secrets.token_bytes(32)


def successor(token: str, salt: bytes) -> str:
    """The refresh token that follows this one; only who has both the token and the server's salt can tell it."""
    prefix = token.partition("_")[0]
    following = hmac.digest(token.encode(), salt, "sha256")
    return f"{prefix}_{base64.urlsafe_b64encode(following).rstrip(b'=').decode()}"


def new_recovery_code() -> str:
    """125 random bits as a person can type them: five groups of five letters and digits."""
    letters = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(25))
    return "-".join(letters[start : start + 5] for start in range(0, 25, 5))


def plain_recovery_code(typed: str) -> str:
    """A recovery code as it was given out, whatever was typed between and around its letters."""
    letters = "".join(letter for letter in typed.casefold() if letter.isalnum())
    return "-".join(letters[start : start + 5] for start in range(0, len(letters), 5))
