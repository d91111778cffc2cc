"""What is done with what came back of posts: written down, found, put side by side."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import new_id
from stakazo.core.db import now
from stakazo.core.errors import Conflict
from stakazo.core.paging import Key, Page, page
from stakazo.insights import figures
from stakazo.insights.models import PostMetric
from stakazo.insights.series import Sample
from stakazo.platforms.base import Metrics
from stakazo.publishing import rights
from stakazo.publishing import service as publications
from stakazo.publishing.models import Publication
from stakazo.publishing.states import PublicationState
from stakazo.variants.models import ClipVariant

COUNTS = ("views", "reach", "likes", "comments", "shares", "saves", "follows")


def measurable(publication: Publication) -> bool:
    """Whether the platform can be asked about it."""
    public = publication.state is PublicationState.PUBLISHED and publication.published_at is not None
    return public and publication.external_id is not None and publication.channel_id is not None


def require_measurable(publication: Publication) -> None:
    """Raises Conflict where nobody can be asked about it, and says why."""
    if measurable(publication):
        return
    if publication.state is not PublicationState.PUBLISHED:
        raise Conflict(f"Only what is public can be measured; this is {publication.state.value}.")
    raise Conflict(
        "It isn't known which post it is, or its account isn't connected: confirm it with its id, on a channel."
    )


async def keep(
    session: AsyncSession,
    publication: Publication,
    said: Metrics,
    duration: float | None,
    *,
    at: datetime | None = None,
) -> PostMetric:
    """Write down what a platform says of a post: at this moment, when it was asked, or told by itself, as of `at`."""
    told = at is not None
    before = await latest(session, publication.id)
    row = PostMetric(
        id=new_id(),
        publication_id=publication.id,
        sampled_at=at or await now(session),
        average_watch=said.average_watch,
        total_watch=said.total_watch,
        hold_rate=figures.hold_rate(said.skip_rate, said.retention, duration),
        retention=list(said.retention),
        restated=not told and _fewer(said.views, before.views if before else None),
        told=told,
        raw=dict(said.raw),
        **{name: getattr(said, name) for name in COUNTS},
    )
    session.add(row)
    await session.flush()
    known = {name: value for name in COUNTS if (value := getattr(said, name)) is not None}
    await publications.record(
        session, "publication_measured", publication, sampled_at=row.sampled_at.isoformat(), told=told, **known
    )
    return row


def _fewer(views: int | None, before: int | None) -> bool:
    return views is not None and before is not None and views < before


async def latest(session: AsyncSession, publication_id: UUID) -> PostMetric | None:
    """The newest sample of a post that was asked for."""
    of_post = select(PostMetric).where(PostMetric.publication_id == publication_id, PostMetric.told.is_(False))
    return (await session.scalars(of_post.order_by(PostMetric.sampled_at.desc()).limit(1))).one_or_none()


async def find(
    session: AsyncSession,
    publication_id: UUID,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[PostMetric]:
    """The samples of a post."""
    found = select(PostMetric).where(PostMetric.publication_id == publication_id)
    if since is not None:
        found = found.where(PostMetric.sampled_at >= rights.moment(since))
    if until is not None:
        found = found.where(PostMetric.sampled_at < rights.moment(until))
    keys: list[Key] = [PostMetric.sampled_at, PostMetric.id]
    if sort == "newest":
        keys = [PostMetric.sampled_at.desc(), PostMetric.id.desc()]
    return await page(session, found, keys, cursor, limit)


async def of_clip(session: AsyncSession, clip_id: UUID) -> list[Sample]:
    """Everything that was ever said of the posts of a clip, in the order of time."""
    found = (
        select(PostMetric, Publication.platform)
        .join(Publication, Publication.id == PostMetric.publication_id)
        .join(ClipVariant, ClipVariant.id == Publication.variant_id)
        .where(ClipVariant.clip_id == clip_id, PostMetric.told.is_(False))
        .order_by(PostMetric.sampled_at, PostMetric.id)
    )
    return [_sample(row, platform.value) for row, platform in await session.execute(found)]


def _sample(row: PostMetric, platform: str) -> Sample:
    counts: Mapping[str, Any] = {name: getattr(row, name) for name in (*COUNTS, "total_watch")}
    return Sample(post_id=row.publication_id, platform=platform, at=row.sampled_at, **counts)
