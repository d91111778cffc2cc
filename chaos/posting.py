"""A thousand posts: wished, brought out while everything breaks, and counted where everybody sees them."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from stakazo.clips.models import Clip, ClipState
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.settings import Settings
from stakazo.core.storage import DiskStorage
from stakazo.variants.models import ClipVariant, VariantState
from stakazo.videos.models import VideoAsset, VideoState

if TYPE_CHECKING:
    import httpx

    from chaos.house import House
    from chaos.world import Sandbox, Wishes

PLATFORMS = {
    "instagram": ("instagram_reel", 1080, 1920),
    "facebook": ("facebook_feed", 1080, 1080),
    "tiktok": ("tiktok", 1080, 1920),
    "youtube": ("youtube_short", 1080, 1920),
}
A_CHANNEL = 15
"""Posts on one channel: what the strictest platform, TikTok, allows in a day; more would be put off to tomorrow."""
OVER = {"PUBLISHED", "FAILED", "NEEDS_HUMAN", "CANCELLED", "REMOVED"}
PATIENCE = 1500.0
"""Seconds for all of them to settle."""
FILE = 24_000
"""Bytes of a variant."""


@dataclass(slots=True)
class Counted:
    """What became of them."""

    wanted: int
    states: Counter[str]
    public: int
    """Posts of ours that anybody can see."""
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Acknowledged, and neither out nor said to be in trouble."""
    silent: list[str] = field(default_factory=list)
    """In trouble without saying what to do."""
    troubles: Counter[str] = field(default_factory=Counter)
    """Why posts didn't come out, by the code that people are told."""
    crashes: int = 0
    """Attempts whose worker vanished."""


class Posts:
    """So many posts on as many channels as that takes."""

    def __init__(self, house: House, sandbox: Sandbox, wishes: Wishes, workspace: UUID, count: int) -> None:
        self.house, self.sandbox, self.wishes, self.workspace, self.count = house, sandbox, wishes, workspace, count
        self.variants: dict[str, list[str]] = {}
        """Rendered variants by platform."""
        self.channels: dict[str, list[str]] = {}
        self.wanted: dict[str, str] = {}
        """Acknowledged publications and their captions."""

    async def prepare(self, client: httpx.AsyncClient) -> None:
        """Variants as a worker would have rendered them, and channels at the sandbox."""
        each = -(-self.count // len(PLATFORMS))
        self.variants = await self._render(each)
        for platform in PLATFORMS:
            for _ in range(-(-each // A_CHANNEL)):
                account = await self.sandbox.account(platform)
                body = {"platform": platform, "external_id": account["id"], "token": account["token"]}
                made = await self.wishes.ask(client, "/channels", body)
                self.channels.setdefault(platform, []).append(made["id"])

    async def _render(self, clips: int) -> dict[str, list[str]]:
        settings = Settings(data_dir=self.house.data)
        storage, database = DiskStorage(settings.storage_dir), Database(self.house.urls().app)
        made: dict[str, list[str]] = {platform: [] for platform in PLATFORMS}
        try:
            async with database.transaction(Actor(self.workspace, "system", "chaos")) as session:
                video = VideoAsset(
                    id=new_id(), title="Blue", filename="b.mp4", storage_key="none", size_bytes=1, sha256="0" * 64,
                    content_type="video/mp4", state=VideoState.READY, duration=3600.0,
                )  # fmt: skip
                session.add(video)
                await session.flush()
                for rank in range(clips):
                    clip = Clip(
                        id=new_id(), video_id=video.id, rank=rank + 1, start=10.0 * rank, end=10.0 * rank + 8,
                        starts_on="bar", ends_on="bar", score=50, score_parts=[], reasons=[], state=ClipState.ACCEPTED,
                    )  # fmt: skip
                    session.add(clip)
                    await session.flush()
                    for platform, (recipe, width, height) in PLATFORMS.items():
                        variant = await self._variant(storage, clip, platform, recipe, width, height)
                        session.add(variant)
                        made[platform].append(str(variant.id))
        finally:
            await database.close()
        return made

    async def _variant(
        self, storage: DiskStorage, clip: Clip, platform: str, recipe: str, width: int, height: int
    ) -> ClipVariant:
        variant_id = new_id()
        content = (variant_id.bytes * (FILE // 16))[:FILE]
        key = f"{self.workspace}/variants/{variant_id}.mp4"
        temporary = storage.temporary(".mp4")
        temporary.write_bytes(content)
        await storage.adopt(temporary, key)
        return ClipVariant(
            id=variant_id, clip_id=clip.id, recipe=recipe, platform=platform, state=VariantState.READY,
            clip_start=clip.start, clip_end=clip.end, storage_key=key, sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=FILE, width=width, height=height, duration=8.0, fps=30.0, video_codec="h264", audio_codec="aac",
        )  # fmt: skip

    async def want(self, client: httpx.AsyncClient) -> None:
        """Have them all acknowledged, each platform's one after the other."""
        await asyncio.gather(*(self._want_on(client, platform) for platform in PLATFORMS))

    async def _want_on(self, client: httpx.AsyncClient, platform: str) -> None:
        for number, variant in enumerate(self.variants[platform][: self._share(platform)]):
            caption = f"{platform}-{number}"
            channel = self.channels[platform][number // A_CHANNEL]
            body = {"variant_ids": [variant], "channel_ids": [channel], "caption": caption, "details": {"title": "t"}}
            answer = await self.wishes.ask(client, "/publications", body)
            if answer is not None:
                self.wanted[answer["publications"][0]["id"]] = caption

    def _share(self, platform: str) -> int:
        """How many of all are on this platform."""
        place = list(PLATFORMS).index(platform)
        return self.count // len(PLATFORMS) + (place < self.count % len(PLATFORMS))

    async def settled(self, client: httpx.AsyncClient, say: Callable[[str], None]) -> None:
        """Wait until nothing more happens to any of them."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = await self.wishes.every(client, "/publications")
            states = Counter(one["state"] for one in found)
            say(f"posts: {dict(states)}")
            if set(states) <= OVER:
                return
            await asyncio.sleep(10)

    async def counted(self, client: httpx.AsyncClient) -> Counted:
        """Every wish beside what anybody sees."""
        found = {one["id"]: one for one in await self.wishes.every(client, "/publications")}
        seen = await self.public()
        counted = Counted(len(self.wanted), Counter(one["state"] for one in found.values()), sum(seen.values()))
        counted.twice = [f"{caption} is public {count} times" for caption, count in seen.items() if count > 1]
        for publication_id, caption in self.wanted.items():
            one = found.get(publication_id)
            if one is None or one["state"] not in OVER:
                counted.lost.append(f"{caption}: {one['state'] if one else 'no such publication'}")
            elif one["state"] == "PUBLISHED" and not seen[caption]:
                counted.lost.append(f"{caption}: called public, and nobody sees it")
            elif one["state"] == "FAILED" and seen[caption]:
                counted.lost.append(f"{caption}: called failed, and everybody sees it")
            elif one["state"] != "PUBLISHED" and not (one["error"] or {}).get("todo"):
                counted.silent.append(f"{caption}: {one['state']} {one['error']}")
            if one is not None and one["error"] is not None and one["state"] != "PUBLISHED":
                counted.troubles[one["error"]["code"]] += 1
        async with self.house.connection(str(self.workspace)) as connection:
            row = await (await connection.execute("select coalesce(sum(crashes), 0) from jobs")).fetchone()
            counted.crashes = int(row[0]) if row else 0
        return counted

    async def public(self) -> Counter[str]:
        """How often each caption can be seen, on whatever platform."""
        seen: Counter[str] = Counter()
        seen.update(one["caption"] for one in await self.sandbox.things("IGMedia"))
        seen.update(one["description"] for one in await self.sandbox.things("AdVideo") if one["finished"] is not None)
        seen.update(one["info"]["title"] for one in await self.sandbox.things("TikTokPost") if one["done"])
        for one in await self.sandbox.things("YouTubeVideo"):
            if one["status"]["privacyStatus"] == "public":
                seen[one["snippet"]["description"]] += 1
        return Counter({caption: count for caption, count in seen.items() if caption in set(self.wanted.values())})
