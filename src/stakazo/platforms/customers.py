"""E-mail addresses and phone numbers as Meta matches them: written the same way by everybody, then SHA-256. Pure.

What people are called never leaves this file but as a hash, and no error repeats it.
https://developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences (Hashing and Normalizing Data)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

MOST = 10_000
"""Customers in one request; Meta's limit."""
SCHEMA = ("EMAIL", "PHONE")

_HASHED = re.compile(r"[0-9a-fA-F]{64}")
_ADDRESS = re.compile(r"[^@\s;,]+@[^@\s;,]+\.[^@\s;,]+")
_LENGTH = 32
_UNKNOWN = bytes(_LENGTH)

Customer = tuple[bytes, bytes]
"""SHA-256 of an e-mail address and of a phone number; empty where it isn't known."""


def email(given: str) -> bytes:
    """SHA-256 of an address, without the white space around it and in small letters; empty where it is none."""
    if _HASHED.fullmatch(given.strip()):
        return bytes.fromhex(given.strip())
    words = given.strip().lower()
    return _digest(words) if _ADDRESS.fullmatch(words) else b""


def phone(given: str) -> bytes:
    """SHA-256 of a number's digits with its country's, without signs, letters and zeros before them.

    Empty where it is none, or one without its country, like 030 1234567: nobody could be found by that.
    """
    if _HASHED.fullmatch(given.strip()):
        return bytes.fromhex(given.strip())
    words = given.strip().replace("(0)", "")
    digits = re.sub(r"[^0-9]", "", words)
    abroad = words.startswith("+") or digits.startswith("00") or not digits.startswith("0")
    digits = digits.lstrip("0")
    return _digest(digits) if abroad and 7 <= len(digits) <= 15 else b""


def customer(address: str | None, number: str | None) -> Customer | None:
    """Somebody as they are matched; None where they can't be."""
    found = email(address or ""), phone(number or "")
    return found if any(found) else None


def packed(customers: Iterable[Customer]) -> bytes:
    """As they are kept until they are sent: 64 bytes each."""
    return b"".join((one or _UNKNOWN) + (other or _UNKNOWN) for one, other in customers)


def unpacked(kept: bytes) -> Iterator[Customer]:
    for start in range(0, len(kept), 2 * _LENGTH):
        one, other = kept[start : start + _LENGTH], kept[start + _LENGTH : start + 2 * _LENGTH]
        yield (b"" if one == _UNKNOWN else one), (b"" if other == _UNKNOWN else other)


def payload(customers: Iterable[Customer]) -> dict[str, Any]:
    """As Meta takes them: hexadecimal, blank where it isn't known."""
    return {"schema": list(SCHEMA), "data": [[one.hex(), other.hex()] for one, other in customers]}


def _digest(words: str) -> bytes:
    return hashlib.sha256(words.encode()).digest()
