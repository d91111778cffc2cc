"""Passwords: which are taken, and how they are kept.

The rules are those of ASVS 5.0 (6.2): long enough, not among the common ones, not the person's own name or address; no
rule about kinds of characters, and no expiry.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from stakazo.core.errors import Invalid, Unavailable
from stakazo.core.settings import Settings

T = TypeVar("T")

SHORTEST, LONGEST = 8, 256
WAITING = 64
"""How many may wait for their turn; beyond them it is better to be told at once."""


class WeakPassword(Invalid):
    code = "weak_password"


@cache
def _common() -> frozenset[str]:
    """The 3,000 commonest passwords that are long enough, in lower case."""
    return frozenset(resources.files(__package__).joinpath("common_passwords.txt").read_text("utf-8").split())


def require_good(password: str, *about: str) -> None:
    """Raises WeakPassword with what to do instead.

    Args:
        about: What others know of the person: name, address.
    """
    if len(password) < SHORTEST:
        raise WeakPassword(f"The password has {len(password)} characters; it needs {SHORTEST}. A sentence is good.")
    if len(password) > LONGEST:
        raise WeakPassword(f"The password may have {LONGEST} characters at most.")
    plain = password.casefold().strip("0123456789!?.,-_*#$ ")
    known = {word.casefold() for words in (*about, "stakazo") for word in (words, *words.replace("@", " ").split())}
    if password.casefold() in _common() or plain in known or len(set(password)) < 3:
        raise WeakPassword("This password is among the first that others would try. Take another; a sentence is good.")


def _of_no_password(settings: Settings) -> str:
    """A hash that nothing has, but that is compared with as slowly as any of today's parameters."""
    salt, digest = (base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (16, 32))
    return f"$argon2id$v=19$m={settings.password_memory_kib},t={settings.password_passes},p=1${salt}${digest}"


class Passwords:
    """Argon2id in a few threads and no more: each hash takes tens of megabytes for a moment."""

    def __init__(self, settings: Settings) -> None:
        self._hasher = PasswordHash(
            (Argon2Hasher(time_cost=settings.password_passes, memory_cost=settings.password_memory_kib, parallelism=1),)
        )
        self._threads = ThreadPoolExecutor(settings.password_threads, thread_name_prefix="passwords")
        self._asked = 0
        self._most = WAITING + settings.password_threads
        self._nobodys = _of_no_password(settings)

    async def hash(self, password: str) -> str:
        """Raises Unavailable when too many wait."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Whether it is the password, and its new hash where the old one is of other parameters than today's.

        Without a hash (nobody by that name) it is not, and saying so takes as long. Raises Unavailable when too many
        wait.
        """
        right, anew = await self._run(self._hasher.verify_and_update, password, hashed or self._nobodys)
        return (right, anew) if hashed else (False, None)

    async def _run(self, work: Callable[..., T], *arguments: str) -> T:
        if self._asked >= self._most:
            raise Unavailable("Too many are signing in at this moment. Try again in a few seconds.")
        self._asked += 1
        # In a pool of our own: whoever gives up waiting frees no thread, so there are never more at work.
        work_done = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        work_done.add_done_callback(self._answered)
        return await asyncio.shield(work_done)

    def _answered(self, _: object) -> None:
        self._asked -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
