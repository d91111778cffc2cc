"""What can be done with rights and policy: say what may be published of a video, and who must agree."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core import rows
from stakazo.core.actor import new_id
from stakazo.core.db import actor_of
from stakazo.core.errors import Invalid
from stakazo.ledger import service as ledger
from stakazo.publishing.models import PublishingPolicy, VideoRights
from stakazo.publishing.preflight import ISRC, TERRITORY, Rights
from stakazo.publishing.states import Approval
from stakazo.videos.models import VideoAsset


async def of_video(session: AsyncSession, video_id: UUID) -> Rights:
    """A video's rights; where nobody has said anything, everything is allowed."""
    row = (await session.scalars(select(VideoRights).where(VideoRights.video_id == video_id))).one_or_none()
    if row is None:
        return Rights()
    territories = None if row.territories is None else frozenset(row.territories)
    return Rights(row.isrc, row.artist, row.embargo_until, territories, row.content_id)


async def hold(session: AsyncSession, video_id: UUID) -> Rights:
    """A video's rights, which nobody else changes until the transaction ends."""
    await rows.hold(session, VideoAsset, video_id, "video")
    return await of_video(session, video_id)


async def say(session: AsyncSession, video_id: UUID, rights: Rights) -> Rights:
    """Write down a video's rights. What is scheduled is checked against them when its time comes. Raises Invalid."""
    await hold(session, video_id)
    isrc = rights.isrc.replace("-", "").replace(" ", "").upper()
    if isrc and not ISRC.fullmatch(isrc):
        raise Invalid("An ISRC is a country, a registrant, a year and a number: DE-A12-26-00001.")
    if wrong := sorted(where for where in rights.territories or () if not TERRITORY.fullmatch(where)):
        raise Invalid(f"A territory is a country's two letters (ISO 3166-1): {', '.join(wrong)} is none.")
    if rights.embargo_until is not None and rights.embargo_until.tzinfo is None:
        raise Invalid("An embargo ends at a moment with its time zone: 2026-12-01T00:00:00+01:00.")
    row = (await session.scalars(select(VideoRights).where(VideoRights.video_id == video_id))).one_or_none()
    if row is None:
        row = VideoRights(id=new_id(), video_id=video_id)
        session.add(row)
    row.isrc, row.artist, row.content_id = isrc, rights.artist, rights.content_id
    row.embargo_until = rights.embargo_until
    row.territories = None if rights.territories is None else sorted(rights.territories)
    await session.flush()
    await ledger.follow(session, "video", video_id)
    await ledger.record(
        session,
        "rights_set",
        subject=("rights", row.id),
        video_id=str(video_id),
        isrc=isrc,
        artist=row.artist,
        embargo_until=row.embargo_until.astimezone(UTC).isoformat() if row.embargo_until else None,
        territories=row.territories,
        content_id=row.content_id.value,
    )
    return await of_video(session, video_id)


async def approval(session: AsyncSession) -> Approval:
    """Who must agree before something is published in this workspace."""
    return await session.scalar(select(PublishingPolicy.approval)) or Approval.NONE


async def hold_policy(session: AsyncSession) -> PublishingPolicy:
    """What the workspace demands, which nobody else changes until the transaction ends."""
    row = {"id": new_id(), "approval": Approval.NONE}
    await session.execute(insert(PublishingPolicy).values(row).on_conflict_do_nothing())
    found = select(PublishingPolicy).with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(found)).one()


async def demand(session: AsyncSession, wanted: Approval) -> Approval:
    """Say who must agree, from now on; what is scheduled stays so."""
    policy = await hold_policy(session)
    before, policy.approval = policy.approval, wanted
    await session.flush()
    if before is not wanted:
        await ledger.record(
            session,
            "publishing_policy_set",
            subject=("workspace", actor_of(session).workspace_id),
            approval=wanted.value,
        )
    return wanted


def moment(given: datetime) -> datetime:
    """A moment in UTC. Raises Invalid for one without its time zone."""
    if given.tzinfo is None:
        raise Invalid("A moment needs its time zone: 2026-12-01T18:00:00+01:00.")
    return given.astimezone(UTC)
