"""What campaigns brought and cost, as it was last said."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads.models import AdMetric, Campaign
from stakazo.variants.models import ClipVariant


async def of_clip(session: AsyncSession, clip_id: UUID) -> list[AdMetric]:
    """Of every campaign that shows a clip, and every day, what was last said; in the order of days."""
    found = (
        select(AdMetric)
        .ext(distinct_on(AdMetric.day, AdMetric.campaign_id))
        .join(Campaign, Campaign.id == AdMetric.campaign_id)
        .join(ClipVariant, ClipVariant.id == Campaign.variant_id)
        .where(ClipVariant.clip_id == clip_id)
        .order_by(AdMetric.day, AdMetric.campaign_id, AdMetric.sampled_at.desc())
    )
    return list(await session.scalars(found))
