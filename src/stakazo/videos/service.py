"""What can be done with a video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo import media
from stakazo.core import rows
from stakazo.core.errors import Conflict, NotFound
from stakazo.core.paging import Key, Page, page
from stakazo.ledger import service as ledger
from stakazo.videos.models import VideoAsset, VideoState


@dataclass(frozen=True, slots=True)
class Received:
    """A file that has arrived whole and lies in storage."""

    title: str
    filename: str
    """What the sender calls it; only ever shown, never used as a path."""
    storage_key: str
    size_bytes: int
    sha256: str
    content_type: str
    dedup_key: str | None = None


DELETED_MEANWHILE = "The video was deleted while it was uploaded again. Send it once more."
Sort = Literal["newest", "oldest", "title"]
_ORDERS: dict[Sort, list[Key]] = {
    "newest": [VideoAsset.created_at.desc(), VideoAsset.id.desc()],
    "oldest": [VideoAsset.created_at, VideoAsset.id],
    "title": [VideoAsset.title, VideoAsset.id],
}


async def same(session: AsyncSession, sha256: str | None, dedup_key: str | None) -> VideoAsset | None:
    """The video with the same bytes or the same dedup key, if this workspace has it already."""
    found = select(VideoAsset).where(
        or_(VideoAsset.sha256 == sha256, VideoAsset.dedup_key == dedup_key)
        if dedup_key is not None
        else VideoAsset.sha256 == sha256
    )
    return (await session.scalars(found.order_by(VideoAsset.created_at).limit(1))).first()


async def receive(session: AsyncSession, video_id: UUID, received: Received) -> tuple[VideoAsset, bool]:
    """Record an uploaded file: the new video and True, or the one that was there before and False.

    Two uploads of the same bytes at once end in one row: the second waits for the first and then finds it.
    """
    row = {
        "id": video_id,
        "title": received.title,
        "filename": received.filename,
        "storage_key": received.storage_key,
        "size_bytes": received.size_bytes,
        "sha256": received.sha256,
        "content_type": received.content_type,
        "dedup_key": received.dedup_key,
        "state": VideoState.UPLOADED,
    }
    created = await session.scalar(insert(VideoAsset).values(row).on_conflict_do_nothing().returning(VideoAsset))
    if created is None:
        before = await same(session, received.sha256, received.dedup_key)
        if before is None:
            raise NotFound(DELETED_MEANWHILE)
        return before, False
    await ledger.record(
        session,
        "video_uploaded",
        subject=("video", created.id),
        sha256=received.sha256,
        size_bytes=received.size_bytes,
        filename=received.filename,
        title=received.title,
    )
    return created, True


async def get(session: AsyncSession, video_id: UUID) -> VideoAsset:
    return await rows.get(session, VideoAsset, video_id, "video")


async def find(
    session: AsyncSession,
    *,
    state: VideoState | None = None,
    title: str | None = None,
    sort: Sort = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[VideoAsset]:
    """Videos; `title` is a part of theirs, in any case."""
    found = select(VideoAsset)
    if state is not None:
        found = found.where(VideoAsset.state == state)
    if title is not None:
        found = found.where(VideoAsset.title.icontains(title, autoescape=True))
    return await page(session, found, keys=_ORDERS[sort], cursor=cursor, limit=limit)


async def analysing(session: AsyncSession, video_id: UUID) -> VideoAsset:
    """Mark the video as being looked at."""
    video = await get(session, video_id)
    video.state, video.error = VideoState.ANALYSING, None
    return video


async def analysed(session: AsyncSession, video_id: UUID, analysis: media.Analysis, analysis_key: str) -> VideoAsset:
    """Keep what was found: the facts in the row, the whole under `analysis_key` in storage."""
    video = await get(session, video_id)
    info = analysis.info
    video.state = VideoState.READY
    video.info = media.analysis_to_dict(analysis)["info"]
    video.duration = info.duration
    video.width = info.video.display_width if info.video else None
    video.height = info.video.display_height if info.video else None
    video.analysis_key = analysis_key
    await ledger.record(
        session,
        "video_analysed",
        subject=("video", video.id),
        duration=info.duration,
        width=video.width,
        height=video.height,
        frame_rate=float(info.video.frame_rate) if info.video else None,
        shots=len(analysis.pictures.shots) if analysis.pictures else 0,
        tempo=analysis.sound.tempo if analysis.sound else None,
        notes=list(analysis.notes),
    )
    return video


def analysed_key(video: VideoAsset) -> str:
    """Where the video's analysis lies. Raises Conflict where there is none (yet)."""
    if video.analysis_key is None:
        raise Conflict(f"The video is {video.state.value}: there is no analysis (yet).")
    return video.analysis_key


async def failed(session: AsyncSession, video_id: UUID, error: dict[str, Any]) -> None:
    """The video couldn't be analysed: `error` says why. What an earlier analysis found stays good."""
    video = await get(session, video_id)
    if video.analysis_key is not None:
        video.state = VideoState.READY
    else:
        video.state, video.error = VideoState.FAILED, error
    await ledger.record(session, "video_failed", subject=("video", video.id), **error)


async def delete(session: AsyncSession, video_id: UUID) -> VideoAsset:
    """Forget a video with its clips and variants; the caller removes the files once this has committed."""
    video = await get(session, video_id)
    await session.delete(video)
    await ledger.record(session, "video_deleted", subject=("video", video_id), sha256=video.sha256)
    return video
