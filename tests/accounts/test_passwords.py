"""Which passwords are taken, and how they are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from argon2 import extract_parameters

from stakazo.accounts.passwords import LONGEST, WAITING, Passwords, WeakPassword, require_good
from stakazo.core.errors import Unavailable
from stakazo.core.settings import Settings


@pytest.fixture
def passwords(app_settings: Settings) -> Iterator[Passwords]:
    passwords = Passwords(app_settings)
    yield passwords
    passwords.close()


@pytest.mark.parametrize(
    "password",
    [
        "a quiet sentence",
        "correct horse battery staple",
        "Tr0ub4dor",
        "ЁжикВТумане",
        "密码密码密码密码很长",
        "x" * 20 + "yz",
        " spaces  count ",
    ],
)
def test_good_ones_are_taken(password: str):
    require_good(password, "Ann Example", "ann@example.org")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("seven77", "needs 8"),
        ("x" * (LONGEST + 1), "at most"),
        ("password1", "first"),
        ("PASSWORD1", "first"),
        ("qwertyuiop", "first"),
        ("Stakazo2026!", "first"),
        ("annexample1", "sentence"),
        ("ann@example.org", "first"),
        ("example.org", "first"),
        ("11112222", "first"),
    ],
)
def test_bad_ones_are_refused_with_what_to_do(password: str, why: str):
    with pytest.raises(WeakPassword, match=why):
        require_good(password, "annexample", "ann@example.org")


async def test_a_hash_is_argon2id_and_verifies(passwords: Passwords):
    hashed = await passwords.hash("a quiet sentence")
    assert hashed.startswith("$argon2id$")
    assert await passwords.hash("a quiet sentence") != hashed
    assert await passwords.verify("a quiet sentence", hashed) == (True, None)
    assert await passwords.verify("another", hashed) == (False, None)


async def test_nobodys_password_is_hashed_too(passwords: Passwords):
    asked: list[str] = []
    somebodys = await passwords.hash("a quiet sentence")
    verify = passwords._hasher.verify_and_update

    class Watched:
        def verify_and_update(self, password: str, hashed: str) -> object:
            asked.append(hashed)
            return verify(password, hashed)

    passwords._hasher = Watched()  # type: ignore[assignment]
    assert await passwords.verify("of whoever does not exist", None) == (False, None)
    assert extract_parameters(asked[0]) == extract_parameters(somebodys)  # so that it takes as long


async def test_who_comes_when_too_many_wait_is_told_at_once(passwords: Passwords):
    hashed = await passwords.hash("a quiet sentence")
    tries = [asyncio.ensure_future(passwords.verify("another", hashed)) for _ in range(WAITING + 40)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert 0 < len(refused) < len(answers)
    assert await passwords.verify("a quiet sentence", hashed) == (True, None)  # and then there is room again


async def test_who_gives_up_waiting_frees_no_memory_for_others(app_settings: Settings):
    """However many break off, no more than the threads are at work."""
    passwords = Passwords(app_settings.model_copy(update={"password_threads": 1}))
    for _ in range(5):
        waiting = asyncio.ensure_future(passwords.hash("a quiet sentence"))
        await asyncio.sleep(0)
        waiting.cancel()
    assert passwords._threads._max_workers == 1
    await passwords.hash("a quiet sentence")
    assert passwords._asked == 0
    passwords.close()
