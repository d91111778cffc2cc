"""What can be done with uploads that come in parts: begin one, keep it alive, end it as a video or without one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.errors import NotFound, StakazoError
from stakazo.ledger import service as ledger
from stakazo.videos.models import HeldRoom, Upload, VideoAsset


class Expired(StakazoError):
    """Nothing came for too long."""

    status, code = 410, "upload_expired"


@dataclass(frozen=True, slots=True)
class Announced:
    """What a sender says before the first byte."""

    length: int
    """Bytes."""
    filename: str
    title: str | None = None
    dedup_key: str | None = None
    metadata: str = ""
    """The sender's own words, which are given back as they came."""


async def begin(session: AsyncSession, announced: Announced, keep_for: float) -> Upload:
    """Expect a video in parts; it waits `keep_for` seconds for each of them."""
    upload = Upload(
        length=announced.length,
        filename=announced.filename,
        title=announced.title,
        dedup_key=announced.dedup_key,
        client_metadata=announced.metadata,
        expires_at=_in(keep_for),
    )
    session.add(upload)
    await session.flush()
    await ledger.record(
        session, "upload_begun", subject=("upload", upload.id), length=upload.length, filename=upload.filename
    )
    return upload


async def get(session: AsyncSession, upload_id: UUID) -> Upload:
    """Raises NotFound, Expired."""
    return _alive(await session.get(Upload, upload_id), upload_id)


async def extend(session: AsyncSession, upload_id: UUID, keep_for: float) -> Upload:
    """Let it wait so many seconds from now. Raises NotFound, Expired."""
    found = select(Upload).where(Upload.id == upload_id).with_for_update()
    upload = _alive((await session.scalars(found)).one_or_none(), upload_id)
    if upload.video_id is None:
        upload.expires_at = _in(keep_for)
    return upload


async def finish(session: AsyncSession, upload_id: UUID, video: VideoAsset, *, created: bool) -> None:
    """It has become this video, or the one that was there before."""
    upload = await get(session, upload_id)
    upload.video_id, upload.created = video.id, created
    await session.flush()
    await ledger.record(
        session, "upload_completed", subject=("upload", upload_id), video_id=str(video.id), created=created
    )


async def terminate(session: AsyncSession, upload_id: UUID) -> None:
    """Forget an upload; a video that it has become stays. The caller removes the file once this has committed."""
    upload = await get(session, upload_id)
    await session.delete(upload)
    await ledger.record(
        session,
        "upload_terminated",
        subject=("upload", upload_id),
        video_id=str(upload.video_id) if upload.video_id else None,
    )


async def sweep(session: AsyncSession) -> int:
    """Forget the uploads whose time is up, of all workspaces, and room that died; for the machinery. Says how many."""
    over = delete(HeldRoom).where(HeldRoom.expires_at <= func.clock_timestamp())
    await session.execute(over.execution_options(synchronize_session=False))
    gone = await session.execute(
        delete(Upload).where(Upload.expires_at <= func.clock_timestamp()).execution_options(synchronize_session=False)
    )
    return int(gone.rowcount)  # type: ignore[attr-defined]  # what a DELETE gives has one


def _alive(upload: Upload | None, upload_id: UUID) -> Upload:
    if upload is None:
        raise NotFound(f"There is no upload {upload_id}.")
    if upload.expires_at <= datetime.now(UTC):
        raise Expired("Nothing came for this upload for too long: what was there is gone. Begin a new one.")
    return upload


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
