"""Following a link, and hearing what came of it: what anybody may ask, and what is written down of it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database, now
from stakazo.core.errors import Invalid, NotFound, StakazoError
from stakazo.core.security import Keyring
from stakazo.links import choosing
from stakazo.links.choosing import Target, Visit
from stakazo.links.models import LinkClick, LinkConversion, LinkSalt, SmartLink
from stakazo.links.service import SECRET

WINDOW = timedelta(days=30)
"""After a click, in which something can still have come of it."""
_PROOF_BYTES = 16


class Gone(StakazoError):
    """It was there, and leads nowhere any more."""

    status, code = 410, "gone"


@dataclass(frozen=True, slots=True)
class Found:
    """A link, before it is looked at as its workspace's."""

    id: UUID
    workspace_id: UUID

    @property
    def actor(self) -> Actor:
        return Actor(self.workspace_id, "system", "links")


async def look_up(db: Database, slug: str) -> Found:
    """Whose link this is. Raises NotFound."""
    async with db.system_transaction() as session:
        found = text("select id, workspace_id from smart_links where slug = :slug")
        row = (await session.execute(found, {"slug": slug})).one_or_none()
    if row is None:
        raise NotFound("There is no such link.")
    return Found(row.id, row.workspace_id)


async def follow(session: AsyncSession, keys: Keyring, link_id: UUID, visit: Visit, who: tuple[str, str] | None) -> str:
    """Where this visitor is led; and their click, written down.

    Args:
        session: The transaction, of the link's workspace.
        keys: What the link's secret is sealed with.
        link_id: The link.
        visit: Who comes.
        who: Their address and browser, for the hash that tells one visitor of a day from another; None where nothing
            is to be written down.

    Raises:
        Gone: Where the link has ended.
    """
    link = await session.get_one(SmartLink, link_id)
    if link.ended_at is not None:
        raise Gone("This link has ended.")
    target = choosing.choose([Target.of(row) for row in link.targets], visit)
    proof = None
    if who is not None:
        click = LinkClick(
            id=new_id(),
            link_id=link.id,
            target=target.name,
            source=visit.source,
            device=visit.device.value,
            bot=visit.bot,
            visitor=hashed(await _salt(session), *who),
        )
        session.add(click)
        if link.conversions and not visit.bot:
            proof = signed(_secret(keys, link), click.id)
    return choosing.address(target, link.utm, visit, proof)


async def convert(
    session: AsyncSession,
    keys: Keyring,
    link_id: UUID,
    proof: str,
    kind: str,
    value: int | None = None,
    currency: str | None = None,
) -> bool:
    """Something came of a click; whether that was news. Raises Invalid for a proof that is none, or too old."""
    link = await session.get_one(SmartLink, link_id)
    click_id = read(_secret(keys, link), proof)
    click = await session.get(LinkClick, click_id) if click_id else None
    if click is None or click.link_id != link_id or not link.conversions:
        raise Invalid("This is no click on this link.")
    if click.created_at < await now(session) - WINDOW:
        raise Invalid(f"This click is older than {WINDOW.days} days.")
    row = {"id": new_id(), "link_id": link_id, "click_id": click.id, "kind": kind, "value": value, "currency": currency}
    done = insert(LinkConversion).values(row).on_conflict_do_nothing(
        index_elements=["workspace_id", "click_id", "kind"]
    )  # fmt: skip
    return (await session.execute(done.returning(LinkConversion.id))).one_or_none() is not None


def _secret(keys: Keyring, link: SmartLink) -> bytes:
    return keys.unseal(link.secret, SECRET, owner=link.workspace_id, row=link.id)


def signed(secret: bytes, click_id: UUID) -> str:
    """The proof of a click: its id and a signature."""
    mac = hmac.new(secret, click_id.bytes, hashlib.sha256).digest()[:_PROOF_BYTES]
    return base64.urlsafe_b64encode(click_id.bytes + mac).rstrip(b"=").decode()


def read(secret: bytes, proof: str) -> UUID | None:
    """The click that this proves; None where it proves none."""
    try:
        raw = base64.b64decode(proof + "=" * (-len(proof) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 16 + _PROOF_BYTES:
        return None
    click_id = UUID(bytes=raw[:16])
    return click_id if hmac.compare_digest(signed(secret, click_id), proof) else None


def hashed(salt: bytes, address: str, agent: str) -> bytes:
    """A visitor under the salt of a day."""
    return hashlib.sha256(salt + f"{address}\n{agent}".encode()).digest()[:16]


async def _salt(session: AsyncSession) -> bytes:
    """Today's, made by the day's first visitor."""
    today = (await now(session)).astimezone(UTC).date()
    found = select(LinkSalt.salt).where(LinkSalt.day == today)
    salt = await session.scalar(found)
    if salt is None:
        ends = datetime.combine(today, time(), UTC) + timedelta(days=2)
        row = {"id": new_id(), "day": today, "salt": os.urandom(32), "expires_at": ends}
        await session.execute(insert(LinkSalt).values(row).on_conflict_do_nothing())
        salt = await session.scalar(found)
    assert salt is not None
    return salt


async def forget(session: AsyncSession) -> None:
    """Forget the salts whose time is up; for the machinery."""
    await session.execute(text("delete from link_salts where expires_at <= clock_timestamp()"))
