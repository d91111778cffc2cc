"""How much a workspace may keep."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import actor_of
from stakazo.core.errors import OverQuota
from stakazo.variants.models import ClipVariant
from stakazo.videos.models import VideoAsset


async def require(session: AsyncSession, quota: int | None, coming: int = 0) -> None:
    """Raises OverQuota where the workspace's videos and variants, and what is coming, take more than `quota` bytes.

    Transactions that ask this wait for one another: together they don't take more either.
    """
    if quota is None:
        return
    workspace_id = str(actor_of(session).workspace_id)
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"quota:{workspace_id}", 0))))
    await session.flush()
    sums = (select(func.coalesce(func.sum(table.size_bytes), 0)) for table in (VideoAsset, ClipVariant))
    taken = sum([await session.scalar(one) or 0 for one in sums])
    if taken + coming > quota:
        raise OverQuota(
            f"This workspace may keep {quota} bytes; with this it would have {taken + coming}. Delete videos that are "
            "done, or have the quota raised (STAKAZO_STORAGE_QUOTA_BYTES)."
        )
