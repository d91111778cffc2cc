"""Addresses and numbers as Meta matches them: its own examples, and what can't be found by anything."""

from __future__ import annotations

import hashlib

import pytest

from stakazo.platforms.customers import customer, email, packed, payload, phone, unpacked


def sha(words: str) -> bytes:
    return hashlib.sha256(words.encode()).digest()


@pytest.mark.parametrize(
    ("given", "matched"),
    [
        ("  Mary@Example.com\n", "mary@example.com"),
        ("your.name+blue@gmail.com", "your.name+blue@gmail.com"),  # as it is written, not as a mailbox reads it
        ("ÄNN@example.com", "änn@example.com"),
    ],
)
def test_an_address_is_trimmed_and_in_small_letters(given: str, matched: str) -> None:
    assert email(given) == sha(matched)


@pytest.mark.parametrize(
    ("given", "matched"),
    [
        ("1-234-567-8910", "12345678910"),
        ("12345678910", "12345678910"),
        ("+44 844 412 4653", "448444124653"),
        ("0049 (0)30 / 123 45-67", "49301234567"),
        (" +49 30 1234567 ", "49301234567"),
    ],
)
def test_a_number_is_its_digits_with_the_country_s(given: str, matched: str) -> None:
    assert phone(given) == sha(matched)


def test_a_hash_is_taken_as_it_is_and_what_is_none_is_nobody() -> None:
    known = sha("mary@example.com")
    assert email(known.hex().upper()) == phone(known.hex()) == known
    for nobody in ("", "mary", "mary@example", "a b@example.com", "mary@example.com;+4930", "a@b.c,d"):
        assert email(nobody) == b""
    for nobody in ("", "030 1234567", "+49", "1" * 16, "call me"):
        assert phone(nobody) == b""
    assert customer("mary", "030 1234567") is None
    assert customer(None, "+49 30 1234567") == (b"", sha("49301234567"))


def test_what_is_kept_is_what_is_sent() -> None:
    some = [(sha("a"), b""), (b"", sha("b")), (sha("a"), sha("b"))]
    assert list(unpacked(packed(some))) == some
    assert payload(some)["data"][1] == ["", sha("b").hex()]
