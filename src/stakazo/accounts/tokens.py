"""Access tokens: JSON Web Tokens that live ten minutes, signed with Ed25519 by one of this installation's keys.

A token says who it is for, in which session and workspace; it says nothing of what they may do, which is looked up at
every request. Its `kid` names the key. Every process reads the keys anew every few seconds and when it meets a `kid`
that it doesn't know; a new key signs only when all have had the time to read it, and an old one counts until the last
token it signed has expired.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.models import SigningKey
from stakazo.core.actor import new_id
from stakazo.core.db import Database
from stakazo.core.errors import Unauthenticated
from stakazo.core.security import Keyring

ALGORITHM = "EdDSA"
ISSUER, AUDIENCE = "stakazo", "stakazo-api"
LIFETIME = 600.0
"""Seconds that an access token lives."""
LEEWAY = 5.0
"""Seconds that the clocks of two machines may differ."""
FRESH = 10.0
"""Seconds after which the keys are read again."""
SETTLED = timedelta(seconds=2 * FRESH)
"""Age of a key that every process has read by now."""
REQUIRED = ["exp", "iat", "aud", "iss", "sub", "jti", "typ"]
_LOCK = 0x57414B4A
"""Of `pg_advisory_xact_lock`: whoever makes a signing key."""
_PLACE = "signing_keys.private_key"


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    private: Ed25519PrivateKey
    made_at: datetime
    retires_at: datetime | None

    def counts(self, now: datetime) -> bool:
        return self.retires_at is None or now < self.retires_at


class Tokens:
    """Signs and reads the tokens of one installation."""

    def __init__(self, db: Database, keyring: Keyring) -> None:
        self._db, self._keyring = db, keyring
        self._keys: dict[str, _Key] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def access(self, user_id: UUID, session_id: UUID, workspace_id: UUID | None) -> str:
        """A token for one session and workspace."""
        where = {"wid": str(workspace_id)} if workspace_id else {}
        return await self.sign("access", str(user_id), LIFETIME, sid=str(session_id), **where)

    async def sign(self, kind: str, subject: str, lifetime: float, **claims: Any) -> str:
        """A token of some kind, that lives so many seconds."""
        if time.monotonic() - self._read_at > FRESH:
            await self._read()
        key = await self._signer()
        now = datetime.now(UTC)
        said = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + timedelta(seconds=lifetime),
            "jti": uuid4().hex,
            "typ": kind,
            **claims,
        }
        return jwt.encode(said, key.private, ALGORITHM, headers={"kid": key.id})

    async def read(self, token: str, kind: str) -> dict[str, Any]:
        """What a token says. Raises Unauthenticated unless one of our keys signed it as this kind, and it is alive."""
        refusal = Unauthenticated("This access token is not valid, or no longer. Refresh it, or sign in again.")
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = await self._known(kid) if isinstance(kid, str) else None
            if key is None:
                raise refusal
            said = jwt.decode(
                token,
                key.private.public_key(),
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=LEEWAY,
                options={"require": REQUIRED},
            )
        except jwt.InvalidTokenError as error:
            raise refusal from error
        if said["typ"] != kind:
            raise refusal
        return dict(said)

    async def _signer(self) -> _Key:
        """The newest key that every process has had the time to read; the only one at once."""
        now = datetime.now(UTC)
        if not any(key.counts(now) for key in self._keys.values()):
            async with self._db.system_transaction() as session:
                await session.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                alive = or_(SigningKey.retires_at.is_(None), SigningKey.retires_at > now)
                if await session.scalar(select(SigningKey.id).where(alive).limit(1)) is None:
                    await _add(session, self._keyring)
            await self._read()
        ours = sorted((key for key in self._keys.values() if key.counts(now)), key=lambda key: key.made_at)
        settled = [key for key in ours if key.made_at < now - SETTLED]
        return settled[-1] if settled else ours[0]

    async def _known(self, kid: str) -> _Key | None:
        if kid not in self._keys or time.monotonic() - self._read_at > FRESH:
            await self._read(least=0.5)  # made-up names must not make us ask all the time
        key = self._keys.get(kid)
        return key if key is not None and key.counts(datetime.now(UTC)) else None

    async def _read(self, *, least: float = 0.0) -> None:
        asked = time.monotonic()
        async with self._reading:
            if self._read_at > asked or time.monotonic() - self._read_at < least:
                return
            async with self._db.system_transaction() as session:
                rows = (await session.scalars(select(SigningKey))).all()
            self._keys = {str(row.id): self._open(row) for row in rows}
            self._read_at = time.monotonic()

    def _open(self, row: SigningKey) -> _Key:
        private = self._keyring.unseal(row.private_key, _PLACE, owner=row.id, row=row.id)
        return _Key(str(row.id), Ed25519PrivateKey.from_private_bytes(private), row.created_at, row.retires_at)


async def rotate(db: Database, keyring: Keyring, *, at_once: bool = False) -> UUID:
    """Make a new signing key, and let the others go: when their last token has expired, or at once.

    At once is for a key that was stolen: every access token dies within seconds, and is refreshed.
    """
    now = datetime.now(UTC)
    async with db.system_transaction() as session:
        await session.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        await session.execute(delete(SigningKey).where(SigningKey.retires_at < now))
        if at_once:
            await session.execute(delete(SigningKey))
        else:
            last = now + SETTLED + timedelta(seconds=FRESH + LIFETIME + LEEWAY)
            await session.execute(update(SigningKey).where(SigningKey.retires_at.is_(None)).values(retires_at=last))
        return await _add(session, keyring)


async def _add(session: AsyncSession, keyring: Keyring) -> UUID:
    key_id = new_id()
    private = Ed25519PrivateKey.generate().private_bytes_raw()
    session.add(SigningKey(id=key_id, private_key=keyring.seal(private, _PLACE, owner=key_id, row=key_id)))
    await session.flush()
    return key_id
