"""The course of a launch: each part is made PAUSED, under our mark, and its id is kept before the next is made.

What is about to be made is written down before it is. Whatever dies in between, the next run finds by the mark whether
it was made; and what was made twice all the same, by a request that came late, is removed: nothing of it could ever
spend.
"""

from __future__ import annotations

import asyncio
import time

from stakazo.ads import plan, progress
from stakazo.ads.plan import Shown
from stakazo.ads.progress import Order
from stakazo.ads.states import Part
from stakazo.jobs.run import NotYet, Run
from stakazo.platforms.ads import Live
from stakazo.platforms.base import Platform
from stakazo.platforms.errors import PlatformError, Rejected, Unknown
from stakazo.platforms.meta_ads import Level, MetaAds
from stakazo.publishing.states import pause

LEVELS = {Part.CAMPAIGN: Level.CAMPAIGN, Part.AD_SET: Level.AD_SET, Part.CREATIVE: Level.CREATIVE, Part.AD: Level.AD}
LINGER = 20.0
"""Seconds that a job waits for the platform to work on a video by itself; for longer it makes room for others."""
LOOK_AGAIN = 10.0
TRIES = 3
"""Calls that a part may take before the job rests."""


class Launch:
    """One attempt to make one campaign. `go` may be called again after anything."""

    def __init__(self, run: Run, order: Order, meta: MetaAds) -> None:
        self.run, self.order, self.meta = run, order, meta
        self.ids = dict(order.ids)
        self.doubtful = order.making
        self.video_id = order.video_id

    async def go(self) -> dict[Part, Live]:
        """Until all of it is there and paused. Raises the platform's errors, and NotYet for what takes longer."""
        shown = await self._shown()
        for number, part in enumerate(Part):
            self.run.report(0.3 + 0.15 * number, part.value)
            if part not in self.ids:
                await self._make(part, shown)
        for part in Part:
            await self._sweep(part)
        return await look(self.meta, self.ids)

    # --- what people will see -------------------------------------------------------------------------------

    async def _shown(self) -> Shown:
        if self.order.post is not None:
            platform, post_id = self.order.post
            if platform is Platform.INSTAGRAM:
                return Shown(instagram_media_id=post_id)
            return Shown(post_id=await self.meta.story_of(post_id))
        if self.video_id is None:
            assert self.order.storage_key is not None
            self.run.report(0.05, "sending the video")
            sent = await self.meta.upload(await self.run.storage.stored(self.order.storage_key), self.order.mark)
            async with self.run.transaction() as session:
                await progress.keep_video(session, self.order.campaign_id, self.run.job_id, sent)
            self.video_id = sent
        await self._until_ready(self.video_id)
        return Shown(video_id=self.video_id, thumbnail_url=await self.meta.thumbnail(self.video_id))

    async def _until_ready(self, video_id: str) -> None:
        since, looks = time.monotonic(), 0
        while not await self.meta.ready(video_id):
            self.run.report(0.2, "the platform works on the video")
            delay = pause(looks, LOOK_AGAIN)
            looks += 1
            if time.monotonic() - since + delay > LINGER:
                raise NotYet("The platform works on the video.", after=LOOK_AGAIN)
            await asyncio.sleep(delay)

    # --- making ---------------------------------------------------------------------------------------------

    async def _make(self, part: Part, shown: Shown) -> None:
        for _ in range(TRIES):
            if self.doubtful is part and (there := await self.meta.find(LEVELS[part], self.order.mark)):
                await self._keep(part, min(one.id for one in there), found=True)
                return
            doubtful = self.doubtful is part
            if not doubtful:
                async with self.run.transaction() as session:
                    await progress.make(session, self.order.campaign_id, self.run.job_id, part)
            self.doubtful = part
            try:
                made = await self._create(part, shown)
            except Unknown:
                continue  # asked about by its mark
            except Rejected:
                if not doubtful:
                    async with self.run.transaction() as session:
                        await progress.refuse(session, self.order.campaign_id, self.run.job_id, part)
                raise
            await self._keep(part, made, found=False)
            return
        raise NotYet(f"It isn't known whether the {part.value} was made.", after=LOOK_AGAIN)

    async def _keep(self, part: Part, made: str, *, found: bool) -> None:
        async with self.run.transaction() as session:
            await progress.keep(session, self.order.campaign_id, self.run.job_id, part, made, found=found)
        self.ids[part], self.doubtful = made, None

    async def _create(self, part: Part, shown: Shown) -> str:
        order, name = self.order, f"{self.order.name[:100]} {self.order.mark}"
        match part:
            case Part.CAMPAIGN:
                return await self.meta.create_campaign(plan.campaign(order.plan, order.money, name))
            case Part.AD_SET:
                wanted = plan.ad_set(order.plan, order.money, name, self.ids[Part.CAMPAIGN], order.page_id)
                return await self.meta.create_ad_set(wanted)
            case Part.CREATIVE:
                wanted_creative = plan.creative(order.plan, name, shown, order.page_id, order.instagram_id)
                return await self.meta.create_creative(wanted_creative)
            case Part.AD:
                return await self.meta.create_ad(name, self.ids[Part.AD_SET], self.ids[Part.CREATIVE])

    async def _sweep(self, part: Part) -> None:
        for one in await self.meta.find(LEVELS[part], self.order.mark):
            if one.id != self.ids[part]:
                await self.meta.remove(one.id)


async def look(meta: MetaAds, ids: dict[Part, str]) -> dict[Part, Live]:
    """What the parts are at the platform, now; without the creative, where that can't be read: nothing waits for it.

    Raises the first error of another that can't be read.
    """
    parts = [part for part in Part if part in ids]
    found = await meta.get_all([(LEVELS[part], ids[part]) for part in parts])
    for part, one in zip(parts, found, strict=True):
        if isinstance(one, PlatformError) and part is not Part.CREATIVE:
            raise one
    return {part: one for part, one in zip(parts, found, strict=True) if isinstance(one, Live)}
