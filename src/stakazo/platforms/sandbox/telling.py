"""What platforms tell of posts without being asked: TikTok of an upload's end, YouTube's hub of what its feed shows.

What has become of a thing follows from the clock, so somebody looks, some times a second, and tells what is new since
the last look. What was told stands in the thing itself: a sandbox that is started again tells nothing twice. Nobody is
told later what happened before they had asked to be told.
"""

from __future__ import annotations

import asyncio

from stakazo.platforms.sandbox import tiktok, youtube
from stakazo.platforms.sandbox.webhooks import Sender
from stakazo.platforms.sandbox.world import Thing, World

EVERY = 0.1
"""Seconds between two looks."""


class Teller:
    """Looks, and has sent what is new."""

    def __init__(self, world: World, sender: Sender) -> None:
        self._world, self._sender = world, sender
        self._shown: dict[str, Thing] = {video["id"]: video for video in world.of("YouTubeVideo") if video.get("told")}
        """The videos that the hub has told of, as they were then."""

    async def keep_looking(self) -> None:
        while True:
            self._world.catch_up()
            self.look()
            await asyncio.sleep(EVERY)

    def look(self) -> None:
        """Tell what has changed since the last look."""
        for post in self._world.of("TikTokPost"):
            self._look_at_post(post)
        for video in self._world.of("YouTubeVideo"):
            self._look_at_video(video)
        for gone in self._shown.keys() - self._world.things.keys():
            self._tell(self._shown.pop(gone), gone=True)

    def _look_at_post(self, post: Thing) -> None:
        told: list[str] = post.get("told", [])
        new = [event for event in tiktok.befallen(self._world, post) if event not in told]
        if new:
            post = self._world.change(post, told=[*told, *new])
        for event in new:
            self._sender.send_tiktok(post, event, tiktok.told(post, {"event": event}))

    def _look_at_video(self, video: Thing) -> None:
        """YouTube tells of what everybody sees: that it is there, another title or description, and that it is gone."""
        words = youtube.in_feed(self._world, video)
        if words == video.get("told"):
            return
        video = self._world.change(video, told=words)
        if words is None:
            self._shown.pop(video["id"], None)
        else:
            self._shown[video["id"]] = video
        self._tell(video, gone=words is None)

    def _tell(self, video: Thing, *, gone: bool) -> None:
        self._sender.send_youtube(video, self._world.things[video["channel"]], gone=gone)
