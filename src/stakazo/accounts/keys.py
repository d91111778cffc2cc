"""API keys: what programs act with.

A key is `stk_<prefix>_<secret>`. The prefix finds it; of the secret only the SHA-256 is kept, which is enough for 256
random bits. It may do what it was made for, as long as the person who made it may still do that themselves.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import bindparam, func, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts import proofs
from stakazo.accounts.models import ApiKey, Membership, User
from stakazo.accounts.roles import Role, effective
from stakazo.core import rows
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database, actor_of
from stakazo.core.errors import Forbidden, Invalid, Unauthenticated
from stakazo.core.live import publish
from stakazo.core.paging import Page, page
from stakazo.core.workspaces import Workspace
from stakazo.ledger import service as ledger

_TOKEN = re.compile(r"stk_([0-9a-z]{12})_([0-9A-Za-z_-]{43})")
PREFIX = "stk_"

# Asked with every request, so it isn't made anew for each.
_HELD = (
    select(ApiKey, Membership.role)
    .join(Workspace, (Workspace.id == ApiKey.workspace_id) & Workspace.deleted_at.is_(None))
    .outerjoin(User, (User.id == ApiKey.made_by) & User.disabled_at.is_(None))
    .outerjoin(Membership, (Membership.workspace_id == Workspace.id) & (Membership.user_id == User.id))
    .where(ApiKey.prefix == bindparam("prefix"))
)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with its token, which is shown this once."""

    key: ApiKey
    token: str


async def authenticate(db: Database, token: str, address: str | None = None) -> Actor:
    """Whoever holds this key, acting in the key's workspace. Raises Unauthenticated.

    Args:
        address: From where it came; null where nothing came over a network.
    """
    refusal = Unauthenticated("This API key is unknown, revoked or expired.")
    parts = _TOKEN.fullmatch(token.strip())
    if parts is None:
        raise refusal
    async with db.system_transaction() as session:
        row = (await session.execute(_HELD, {"prefix": parts[1]})).one_or_none()
        if row is None:
            raise refusal
        key, role = row
        if not hmac.compare_digest(key.secret_hash, proofs.hashed(parts[2])):
            raise refusal
        now = datetime.now(UTC)
        if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
            raise refusal
        if key.made_by is None:
            role = Role.OWNER
        if role is None:
            raise Unauthenticated("Who made this API key is no member of its workspace any more.")
        if key.addresses is not None and not _among(address, key.addresses):
            raise Unauthenticated("This API key does not work from this address.")
        if key.last_used_at is None or key.last_used_at < now - timedelta(minutes=1):  # not a write per request
            used = {"last_used_at": func.now(), "updated_at": ApiKey.updated_at}  # no edit: its tag stays
            await session.execute(update(ApiKey).where(ApiKey.id == key.id).values(used))
    asked = None if key.permissions is None else frozenset(key.permissions)
    return Actor(key.workspace_id, "api_key", str(key.id), permissions=effective(asked, role))


async def create_key(
    session: AsyncSession,
    name: str,
    expires_at: datetime | None = None,
    permissions: Collection[str] | None = None,
    addresses: Sequence[str] | None = None,
) -> NewKey:
    """Make a key for the actor's workspace. Its token is known only now.

    Args:
        permissions: What it may do at most; null: whatever who makes it may.
        addresses: The networks from which it works, as CIDR; null: from everywhere.

    Raises Forbidden for permissions that the actor doesn't have, Invalid for what is no network.
    """
    actor = actor_of(session)
    if permissions is None and actor.kind == "api_key":
        permissions = actor.permissions
    if beyond := sorted(set(permissions or ()) - actor.permissions):
        raise Forbidden(f"A key can't be given what you don't have yourself: {', '.join(beyond)}.")
    made = new_key(
        actor.workspace_id,
        name,
        made_by=await maker(session, actor),
        expires_at=expires_at,
        permissions=None if permissions is None else sorted(permissions),
        addresses=None if addresses is None else [_network(address) for address in addresses],
    )
    session.add(made.key)
    await session.flush()
    await ledger.record(session, "key_created", subject=("api_key", made.key.id), permissions=made.key.permissions)
    return made


async def keys(
    session: AsyncSession,
    *,
    ended: bool = False,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 200,
) -> Page[ApiKey]:
    """The workspace's keys that still work, or those that do no more."""
    works = ApiKey.revoked_at.is_(None) & or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
    found = select(ApiKey).where(not_(works) if ended else works)
    return await page(session, found, [ApiKey.id.desc() if sort == "newest" else ApiKey.id], cursor, limit)


async def get(session: AsyncSession, key_id: UUID) -> ApiKey:
    return await rows.get(session, ApiKey, key_id, "API key")


async def revoke_key(session: AsyncSession, key_id: UUID) -> ApiKey:
    """Make a key useless from now on; doing it again changes nothing."""
    key = await get(session, key_id)
    if key.revoked_at is None:
        key.revoked_at = datetime.now(UTC)
        await ledger.record(session, "key_revoked", subject=("api_key", key.id))
        await publish(session, "api_key", key.id)
        await session.flush()
    return key


def new_key(workspace_id: UUID, name: str, **fields: object) -> NewKey:
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    hashed = proofs.hashed(secret)
    key = ApiKey(id=new_id(), workspace_id=workspace_id, name=name, prefix=prefix, secret_hash=hashed, **fields)
    return NewKey(key, f"{PREFIX}{prefix}_{secret}")


async def maker(session: AsyncSession, actor: Actor) -> UUID | None:
    """The person behind whoever makes something: themselves, or who made the key that makes it."""
    if actor.kind == "user":
        return UUID(actor.id)
    return (await get(session, UUID(actor.id))).made_by if actor.kind == "api_key" else None


def _network(address: str) -> str:
    try:
        return str(ipaddress.ip_network(address.strip()))
    except ValueError as error:
        raise Invalid(f"{address!r} is no network: 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32.") from error


def _among(address: str | None, networks: Sequence[str]) -> bool:
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    plain = found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
    return any(plain in ipaddress.ip_network(network) for network in networks)
