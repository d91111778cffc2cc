"""What is to be published where and when, with everything that speaks against it; nothing is written here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.clips.models import Clip
from stakazo.core.db import now
from stakazo.core.errors import Conflict, Invalid
from stakazo.platforms.base import Audience, Kind, Post
from stakazo.publishing import allowances, channels, preflight, rights, scopes, slots
from stakazo.publishing.limits import LIMITS, natural_kind
from stakazo.publishing.models import Channel, Publication
from stakazo.publishing.preflight import Allows, File, Finding, Target, Words
from stakazo.publishing.slots import Pace
from stakazo.publishing.states import OVER
from stakazo.variants import service as variants
from stakazo.variants.models import ClipVariant, VariantState

EVERYWHERE = frozenset({"web"})
"""Recipes' platforms that any platform takes."""
MOST = 500
"""Publications that one request can want."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants: these variants on these channels."""

    variant_ids: tuple[UUID, ...]
    channel_ids: tuple[UUID, ...]
    at: datetime | None = None
    """Not before; None: now."""
    queue: bool = False
    """In the channel's next free slots."""
    kind: Kind | None = None
    """None: what the file is by its shape."""
    caption: str = ""
    hashtags: tuple[str, ...] = ()
    first_comment: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `platforms.base.Post` by name."""
    intent_key: str | None = None
    """To publish the same variant on the same channel once more, on purpose."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One publication as it would be."""

    variant: ClipVariant
    channel: Channel
    kind: Kind
    due_at: datetime
    intent_key: str
    caption: str
    first_comment: str
    details: Mapping[str, Any]
    """What of the wish's its platform is told."""
    findings: tuple[Finding, ...]
    offers: tuple[UUID, ...]
    """Other variants of the same clip that may be published there, where this one may not."""
    existing: Publication | None
    """The same intent, wanted before."""


async def plan(session: AsyncSession, wish: Wish) -> list[Planned]:
    """Every publication that the wish means, in order. Raises Invalid, Conflict, NotFound.

    The channels stay locked until the transaction ends: two plans at once don't take the same moment.
    """
    if len(wish.variant_ids) * len(wish.channel_ids) > MOST:
        raise Invalid(f"One request can want up to {MOST} publications.")
    wanted = [await variants.get(session, variant_id) for variant_id in dict.fromkeys(wish.variant_ids)]
    # In the order of their ids, so that two plans never wait for each other.
    held = {channel_id: await channels.hold(session, channel_id) for channel_id in sorted(set(wish.channel_ids))}
    earliest = max(await now(session), rights.moment(wish.at)) if wish.at else await now(session)
    found: list[Planned] = []
    for channel in (held[channel_id] for channel_id in dict.fromkeys(wish.channel_ids)):
        if channel.disconnected_at is not None:
            raise Conflict(f"The channel {channel.name} was disconnected.")
        taken = await taken_moments(session, channel)
        for variant in _suiting(wanted, channel, alone=len(wanted) == len(held) == 1):
            planned = await _one(session, wish, variant, channel, earliest, taken, spread=len(held) > 1)
            found.append(planned)
            if planned.existing is None:
                taken.append(planned.due_at)
    if not found:
        raise Invalid("None of these variants was made for any of these channels' platforms.")
    return found


def _suiting(wanted: Sequence[ClipVariant], channel: Channel, *, alone: bool) -> Iterable[ClipVariant]:
    """Of a matrix the variants that were made for the channel's platform; a single pair is as it was asked for."""
    return [one for one in wanted if alone or one.platform in {channel.platform.value, *EVERYWHERE}]


async def _one(
    session: AsyncSession,
    wish: Wish,
    variant: ClipVariant,
    channel: Channel,
    earliest: datetime,
    taken: list[datetime],
    *,
    spread: bool,
) -> Planned:
    kind = wish.kind or natural_kind(channel.platform, variant.width, variant.height, variant.duration)
    key = intent(variant.id, channel.id, wish.intent_key)
    same = select(Publication).where(Publication.intent_key == key, Publication.state.not_in(OVER))
    existing = (await session.scalars(same)).one_or_none()
    caption = preflight.with_hashtags(wish.caption, wish.hashtags)
    words = words_of(caption, wish.first_comment, wish.details)
    words, left = preflight.fitted(words, channel.platform, kind) if spread else (words, ())
    details = {name: said for name, said in wish.details.items() if name != "collaborators" or words.collaborators}
    due_at, moved = _moment(wish, channel, kind, earliest, taken)
    findings = await judge(session, variant, channel, kind, words, due_at) + left + moved
    offers: tuple[UUID, ...] = ()
    if preflight.refusals(findings):
        offers = await _offers(session, variant, channel, wish.kind, words, due_at)
    return Planned(
        variant, channel, kind, due_at, key, caption, words.first_comment, details, findings, offers, existing
    )


def intent(variant_id: UUID, channel_id: UUID | None, key: str | None = None) -> str:
    """What makes two wishes the same: the variant, the channel, and a word for once more on purpose."""
    return f"{variant_id}:{channel_id}:{key or 'once'}"[:300]


def _moment(
    wish: Wish, channel: Channel, kind: Kind, earliest: datetime, taken: list[datetime]
) -> tuple[datetime, tuple[Finding, ...]]:
    pace = pace_of(channel, kind)
    where = slots.zone(channel.time_zone) or ZoneInfo("UTC")
    if wish.queue:
        weekly = channels.slots_of(channel)
        if not weekly:
            raise Conflict(f"The channel {channel.name} has no slots to queue in. Set them, or say when.")
        due_at = slots.next_slot(weekly, where, earliest, taken, pace)
    else:
        due_at = slots.place(earliest, taken, pace)
    if due_at is None:
        raise Conflict(f"The channel {channel.name} has no room within a year at its pace.")
    why = None if wish.queue or due_at == earliest else slots.why_not(earliest, sorted(taken), pace)
    return due_at, (Finding("moved", f"{why} It is moved to the next free moment.", refused=False),) if why else ()


async def judge(
    session: AsyncSession, variant: ClipVariant, channel: Channel, kind: Kind, words: Words, at: datetime
) -> tuple[Finding, ...]:
    """Everything that speaks against publishing this variant there at this moment."""
    clip = await session.get_one(Clip, variant.clip_id)
    allowed = await rights.of_video(session, clip.video_id)
    target = target_of(channel, allowances.recent(channel, await now(session)))
    return preflight.check(file_of(variant, clip), kind, target, words, allowed, at)


async def _offers(
    session: AsyncSession, variant: ClipVariant, channel: Channel, wished: Kind | None, words: Words, at: datetime
) -> tuple[UUID, ...]:
    """Other variants of the clip that may be published as what is wished."""
    found = []
    for other in await variants.of_clip(session, variant.clip_id):
        if other.id == variant.id or other.state is not VariantState.READY:
            continue
        kind = wished or natural_kind(channel.platform, other.width, other.height, other.duration)
        if not preflight.refusals(await judge(session, other, channel, kind, words, at)):
            found.append(other.id)
    return tuple(found)


def file_of(variant: ClipVariant, clip: Clip) -> File:
    start, end = variant.clip_start, variant.clip_end
    current = start is None or end is None or max(abs(start - clip.start), abs(end - clip.end)) < variants.SAME
    return File(
        variant.recipe, variant.size_bytes, variant.width, variant.height, variant.duration, variant.fps,
        variant.video_codec, variant.audio_codec, ready=variant.state is VariantState.READY, current=current,
    )  # fmt: skip


def target_of(channel: Channel, allows: Allows) -> Target:
    return Target(
        channel.platform,
        connected=channel.token is not None and channel.error is None,
        allowed=channel.sandbox or channel.live,
        may_publish=scopes.may_publish(channel.platform, channel.scopes),
        expires_at=channels.life(channel).ends,
        territory=channel.territory,
        allows=allows,
    )


def words_of(caption: str, first_comment: str, details: Mapping[str, Any]) -> Words:
    return Words(
        caption=caption,
        title=details.get("title", ""),
        first_comment=first_comment,
        cover_at=details.get("cover_at"),
        collaborators=tuple(details.get("collaborators", ())),
        audience=Audience(details.get("audience", Audience.PUBLIC)),
        comments=details.get("comments"),
        duets=details.get("duets"),
        stitches=details.get("stitches"),
        details=frozenset(name for name, said in details.items() if _says(name, said)),
    )


def _says(name: str, said: object) -> bool:
    """Whether it is anything else than what goes without saying."""
    return bool(said or said is False) and said != getattr(Post(), name)


def pace_of(channel: Channel, kind: Kind) -> Pace:
    """How densely the account may post: as its people want it, and as the platform takes it."""
    limits = LIMITS.get((channel.platform, kind))
    most = [most for most in (channel.per_day, limits.per_day if limits else None) if most is not None]
    return Pace(timedelta(minutes=channel.gap_minutes), min(most, default=None))


async def taken_moments(session: AsyncSession, channel: Channel, *, but: UUID | None = None) -> list[datetime]:
    """When something goes out on the channel, or went within the last day."""
    when = func.coalesce(Publication.published_at, Publication.due_at)
    found = select(when).where(
        Publication.channel_id == channel.id,
        Publication.state.not_in(OVER),
        when > await now(session) - slots.DAY,
    )
    if but is not None:
        found = found.where(Publication.id != but)
    return sorted(await session.scalars(found))
