"""How much a workspace may keep."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import actor_of
from stakazo.core.errors import OverQuota
from stakazo.variants.models import ClipVariant
from stakazo.videos.models import HeldRoom, Upload, VideoAsset


async def require(session: AsyncSession, quota: int | None, coming: int = 0, *, besides: UUID | None = None) -> None:
    """Raises OverQuota where the workspace's files, and what is coming, would take more than `quota` bytes.

    Its files are its videos, its variants, and what is under way: uploads in parts with what they announced, other
    videos with the room that they hold (`room.py`), but for the one `besides`. Room that somebody has been promised is
    given to nobody else. What expires, or is thrown away, gives it back. Transactions that ask this wait for one
    another: together they don't take more either.
    """
    if quota is None:
        return
    workspace_id = str(actor_of(session).workspace_id)
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"quota:{workspace_id}", 0))))
    await session.flush()
    sums = (select(func.coalesce(func.sum(table.size_bytes), 0)) for table in (VideoAsset, ClipVariant))
    kept = sum([await session.scalar(one) or 0 for one in sums])
    held = _HELD.where(HeldRoom.id != besides) if besides else _HELD
    promised = (await session.scalar(_UNDER_WAY) or 0) + (await session.scalar(held) or 0)
    if kept + promised + coming > quota:
        raise OverQuota(
            f"This workspace may keep {quota} bytes; with this it would have {kept + promised + coming}. "
            + (f"Uploads that are not finished hold {promised} of them: finish or delete those. " if promised else "")
            + "Delete videos that are done, or have the quota raised (STAKAZO_STORAGE_QUOTA_BYTES)."
        )


# In the transaction that makes a video of an upload both rows are there; they have the same id, and count once.
_UNDER_WAY = select(func.coalesce(func.sum(Upload.length), 0)).where(
    Upload.video_id.is_(None),
    Upload.expires_at > func.clock_timestamp(),
    ~select(VideoAsset.id).where(VideoAsset.id == Upload.id).exists(),
)
_HELD = select(func.coalesce(func.sum(HeldRoom.size_bytes), 0)).where(
    HeldRoom.expires_at > func.clock_timestamp(),
    ~select(VideoAsset.id).where(VideoAsset.id == HeldRoom.id).exists(),
)
