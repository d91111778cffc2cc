"""What can be done with accounts: the first start, and the keys that programs act with.

A key is `stk_<prefix>_<secret>`. The prefix finds it; of the secret only the SHA-256 is kept, which is enough for 256
random bits.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.models import ApiKey
from stakazo.accounts.roles import ROLES, Role
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database, actor_of
from stakazo.core.errors import NotFound, Unauthenticated
from stakazo.core.settings import Settings
from stakazo.core.workspaces import Workspace

_TOKEN = re.compile(r"stk_([0-9a-z]{12})_([0-9A-Za-z_-]{43})")
_FIRST_START = 0x57414B42
"""Of `pg_advisory_xact_lock`: whoever makes the first workspace."""


@dataclass(frozen=True, slots=True)
class FirstStart:
    """The default workspace, and what became of its first key."""

    workspace_id: UUID
    key_created: bool
    """Made just now, and written to the key file."""
    note: str | None = None
    """What the operator should know: that the key file was lost."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with its token, which is shown this once."""

    key: ApiKey
    token: str


async def ensure_first(db: Database, settings: Settings) -> FirstStart:
    """The default workspace, and an API key for it in `settings.key_file`; both are made at the very first start.

    Processes that start at once make one. Where the file is lost a new key is made, since only a hash of the lost one
    is kept: whoever can start Stakazo here can read its whole database anyway.
    """
    async with db.system_transaction() as session:
        await session.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _FIRST_START})
        workspace_id = await session.scalar(select(Workspace.id).order_by(Workspace.created_at, Workspace.id).limit(1))
        if workspace_id is not None and settings.key_file.exists():
            return FirstStart(workspace_id, key_created=False)
        note = None
        if workspace_id is None:
            workspace_id = new_id()
            session.add(Workspace(id=workspace_id, name="Default"))
            await session.flush()
        else:
            note = (
                f"There was no key in {settings.key_file}, so a new one was made and written there. Keys made before "
                "still work; revoke those that are lost."
            )
        made = _new_key(workspace_id, f"first key of {settings.data_dir.absolute()}"[:200], None)
        session.add(made.key)
        await session.flush()
        # Before the commit: a file without its row is replaced at the next start, a row without its file is lost.
        _write_secret(settings.key_file, made.token)
    return FirstStart(workspace_id, key_created=True, note=note)


async def authenticate(db: Database, token: str) -> Actor:
    """Whoever holds this key, acting in the key's workspace. Raises Unauthenticated."""
    refusal = Unauthenticated("This API key is unknown, revoked or expired.")
    parts = _TOKEN.fullmatch(token.strip())
    if parts is None:
        raise refusal
    async with db.system_transaction() as session:
        key = await session.scalar(select(ApiKey).where(ApiKey.prefix == parts[1]))
        if key is None or not hmac.compare_digest(key.secret_hash, _hash(parts[2])):
            raise refusal
        now = datetime.now(UTC)
        if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
            raise refusal
        if key.last_used_at is None or key.last_used_at < now - timedelta(minutes=1):  # not a write per request
            await session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=func.now()))
        return Actor(key.workspace_id, "api_key", str(key.id), permissions=ROLES[Role.OWNER])


async def create_key(session: AsyncSession, name: str, expires_at: datetime | None = None) -> NewKey:
    """Make a key for the actor's workspace. Its token is known only now."""
    made = _new_key(actor_of(session).workspace_id, name, expires_at)
    session.add(made.key)
    await session.flush()
    return made


async def keys(session: AsyncSession) -> Sequence[ApiKey]:
    """The workspace's keys that still work, newest first."""
    working = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
    found = select(ApiKey).where(ApiKey.revoked_at.is_(None), working).order_by(ApiKey.id.desc())
    return (await session.scalars(found)).all()


async def revoke_key(session: AsyncSession, key_id: UUID) -> ApiKey:
    """Make a key useless from now on; doing it again changes nothing."""
    key = await session.get(ApiKey, key_id)
    if key is None:
        raise NotFound(f"There is no API key {key_id}.")
    key.revoked_at = key.revoked_at or datetime.now(UTC)
    return key


def _new_key(workspace_id: UUID, name: str, expires_at: datetime | None) -> NewKey:
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey(workspace_id=workspace_id, name=name, prefix=prefix, secret_hash=_hash(secret), expires_at=expires_at)
    return NewKey(key, f"stk_{prefix}_{secret}")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _write_secret(file: Path, secret: str) -> None:
    """Whole or not at all, and readable by its owner only from its first moment."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}.{os.getpid()}")
    half.unlink(missing_ok=True)
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as out:
        out.write(secret + "\n")
        out.flush()
        os.fsync(handle)
    half.replace(file)
