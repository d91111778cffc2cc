"""What can be done with smart links: make, change and end them, and count who followed them."""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import ColumnElement, case, cast, func, select
from sqlalchemy.dialects.postgresql import DATE
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.clips import service as clips
from stakazo.core import rows
from stakazo.core.actor import new_id
from stakazo.core.db import actor_of, now
from stakazo.core.errors import Conflict
from stakazo.core.paging import Page, page
from stakazo.core.security import Keyring
from stakazo.ledger import service as ledger
from stakazo.links import choosing
from stakazo.links.models import LinkClick, LinkConversion, SmartLink

SECRET = "smart_links.secret"  # noqa: S105 - the name of a column
SECRET_BYTES = 32
_SIGNS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Of slugs that nobody chose; none that is taken for another when it is read aloud."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A link as somebody wants it."""

    targets: Sequence[Mapping[str, Any]]
    title: str = ""
    slug: str | None = None
    clip_id: UUID | None = None
    utm: Mapping[str, str] = field(default_factory=dict)
    conversions: bool = False


async def make(session: AsyncSession, keys: Keyring, base_url: str, wanted: Wanted) -> SmartLink:
    """Make a link. Raises Invalid for a target that it must not lead to, Conflict for a slug that is taken."""
    if wanted.clip_id is not None:
        await clips.get(session, wanted.clip_id)
    row = new_id()
    link = SmartLink(
        id=row,
        slug=choosing.checked_slug(wanted.slug) if wanted.slug else _some_slug(),
        title=wanted.title,
        clip_id=wanted.clip_id,
        targets=choosing.checked_targets(wanted.targets, urlsplit(base_url).hostname or ""),
        utm=dict(wanted.utm),
        conversions=wanted.conversions,
        secret=keys.seal(os.urandom(SECRET_BYTES), SECRET, owner=actor_of(session).workspace_id, row=row),
    )
    try:
        async with session.begin_nested():
            session.add(link)
    except IntegrityError as error:
        if "uq_smart_links_slug" not in str(error):
            raise
        raise Conflict(f"There is a link {link.slug} already. Choose another slug, or none.") from error
    await _record(session, "link_created", link, targets=link.targets)
    return link


def _some_slug() -> str:
    return "".join(secrets.choice(_SIGNS) for _ in range(8))


async def get(session: AsyncSession, link_id: UUID) -> SmartLink:
    return await rows.get(session, SmartLink, link_id, "link")


async def hold(session: AsyncSession, link_id: UUID) -> SmartLink:
    """The link, locked."""
    return await rows.hold(session, SmartLink, link_id, "link")


async def find(
    session: AsyncSession,
    *,
    clip_id: UUID | None = None,
    ended: bool = False,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[SmartLink]:
    """Links; those that have ended only where they are asked for."""
    found = select(SmartLink)
    if clip_id is not None:
        found = found.where(SmartLink.clip_id == clip_id)
    if not ended:
        found = found.where(SmartLink.ended_at.is_(None))
    order = [SmartLink.created_at, SmartLink.id]
    return await page(session, found, [key.desc() for key in order] if sort == "newest" else order, cursor, limit)


async def change(session: AsyncSession, base_url: str, link_id: UUID, changes: Mapping[str, Any]) -> SmartLink:
    """Other targets, title, clip, campaign parameters; the slug stays, since it is out in the world."""
    link, wanted = await hold(session, link_id), dict(changes)
    if link.ended_at is not None:
        raise Conflict("This link has ended. Make another one.")
    if wanted.get("clip_id") is not None:
        await clips.get(session, wanted["clip_id"])
    if "targets" in wanted:
        wanted["targets"] = choosing.checked_targets(wanted["targets"], urlsplit(base_url).hostname or "")
    for name, value in wanted.items():
        setattr(link, name, value)
    await session.flush()
    said = {name: str(value) if isinstance(value, UUID) else value for name, value in wanted.items()}
    await _record(session, "link_changed", link, changed=said)
    return link


async def end(session: AsyncSession, link_id: UUID) -> None:
    """From now on it leads nowhere; its slug is never given to another, and what was counted stays."""
    link = await hold(session, link_id)
    if link.ended_at is None:
        link.ended_at = await now(session)
        await session.flush()
        await _record(session, "link_ended", link)


async def _record(session: AsyncSession, event: str, link: SmartLink, **data: Any) -> None:
    clip_id = str(link.clip_id) if link.clip_id else None
    await ledger.record(session, event, subject=("link", link.id), slug=link.slug, clip_id=clip_id, **data)


# --- counting -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counted:
    """What came over links on one day (UTC)."""

    day: date
    clicks: int = 0
    """Of people."""
    visitors: int = 0
    """Different ones: who comes on two days is two."""
    bots: int = 0
    conversions: Mapping[str, int] = field(default_factory=dict)
    """By their kind."""
    value: Mapping[str, int] = field(default_factory=dict)
    """What they were worth, in minor units by currency."""


async def counts(
    session: AsyncSession,
    clip_id: UUID | None = None,
    *,
    link_id: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    time_zone: str = "UTC",
) -> list[Counted]:
    """Clicks and conversions by day, of a clip's links or of one, in order; days without any are left out.

    A conversion belongs to the day on which it was told. `time_zone` says whose days; a visitor is known for one of
    UTC.
    """
    human = LinkClick.bot.is_(False)
    day = _day(LinkClick.created_at, time_zone)
    clicks = select(
        day,
        func.count().filter(human),
        func.count(LinkClick.visitor.distinct()).filter(human),
        func.count().filter(LinkClick.bot),
    ).where(*_asked(LinkClick, clip_id, link_id, since, until))
    found = {on: (people, visitors, bots) for on, people, visitors, bots in await session.execute(clicks.group_by(day))}
    day = _day(LinkConversion.created_at, time_zone)
    done = (
        select(day, LinkConversion.kind, LinkConversion.currency, func.count(), func.sum(LinkConversion.value))
        .where(*_asked(LinkConversion, clip_id, link_id, since, until))
        .group_by(day, LinkConversion.kind, LinkConversion.currency)
    )
    kinds: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    values: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for on, kind, currency, count, value in await session.execute(done):
        kinds[on][kind] += count
        if currency is not None:
            values[on][currency] += int(value or 0)
    return [
        Counted(on, *found.get(on, (0, 0, 0)), dict(kinds[on]), dict(values[on])) for on in sorted({*found, *kinds})
    ]


Grouping = Literal["target", "source", "device"]


async def shares(
    session: AsyncSession, link_id: UUID, by: Grouping, *, since: datetime | None = None, until: datetime | None = None
) -> dict[str, int]:
    """People's clicks on one link by where it led, where they came from, or with what; the most first."""
    column = {"target": LinkClick.target, "source": LinkClick.source, "device": LinkClick.device}[by]
    count = func.sum(case((LinkClick.bot, 0), else_=1))
    found = select(column, count).where(*_asked(LinkClick, None, link_id, since, until)).group_by(column)
    return {name: int(n) for name, n in await session.execute(found.order_by(count.desc(), column)) if n}


def _day(moment: Any, time_zone: str) -> ColumnElement[date]:
    return cast(func.timezone(time_zone, moment), DATE)


def _asked(
    table: type[LinkClick | LinkConversion],
    clip_id: UUID | None,
    link_id: UUID | None,
    since: datetime | None,
    until: datetime | None,
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if clip_id is not None:
        found.append(table.link_id.in_(select(SmartLink.id).where(SmartLink.clip_id == clip_id)))
    if link_id is not None:
        found.append(table.link_id == link_id)
    if since is not None:
        found.append(table.created_at >= since)
    if until is not None:
        found.append(table.created_at < until)
    return found
