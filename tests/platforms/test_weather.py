"""Many posts in bad weather, by a publisher that does as `base` says: none twice, none lost, none by mistake."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from tests.platforms.conftest import There
from tests.platforms.source import FileSource

from stakazo.platforms.base import Handle, Kind, Media, Platform, Post, Publisher, Stage, Status
from stakazo.platforms.errors import Rejected, TryLater, Unknown
from stakazo.platforms.sandbox import pages

POSTS = 8
KINDS = {
    Platform.INSTAGRAM: Kind.REEL,
    Platform.FACEBOOK: Kind.REEL,
    Platform.TIKTOK: Kind.VIDEO,
    Platform.YOUTUBE: Kind.VIDEO,
}


async def publish(there: There, publisher: Publisher, post: Post, media: Media) -> Status:
    """One post, with as many tries as it takes; what `publishing` does over days."""
    for _ in range(20):
        try:
            handle, status = await publisher.begin(post, media), Status(Stage.UPLOADING)
            for _ in range(60):
                handle, status = await step(there, publisher, handle, post, media)
                if status.stage is Stage.PUBLISHED or status.stage is Stage.FAILED:
                    break
            if status.stage is Stage.PUBLISHED:
                return status
            assert status.reason is not None
            assert status.stage.inert, "only what nobody can see is begun anew"
        except TryLater as later:
            there.world.move_on(later.after)
        except Rejected as refused:
            if not refused.reason.anew:
                raise
    raise AssertionError("it never went out")


async def step(there: There, publisher: Publisher, handle: Handle, post: Post, media: Media) -> tuple[Handle, Status]:
    try:
        status = await publisher.ask(handle, post)
        if status.stage is Stage.UPLOADING:
            handle = await publisher.upload(handle, media)
        elif status.stage is Stage.READY:
            status = await publisher.finish(handle, post, media)
    except Unknown:
        status = Status(Stage.SENT)  # asked about with the next step
    except TryLater as later:
        there.world.move_on(later.after)
        status = Status(Stage.PROCESSING)
    there.world.move_on(5)
    return handle, status


def public(there: There, platform: Platform) -> Counter[str]:
    """How often each caption is to be seen."""
    world = there.world
    match platform:
        case Platform.INSTAGRAM:
            return Counter(post["caption"] for post in world.of("IGMedia"))
        case Platform.FACEBOOK:
            seen = (video for video in world.of("AdVideo") if pages.published_at(world, video) is not None)
            return Counter(video["description"] for video in seen)
        case Platform.TIKTOK:
            return Counter(
                post["info"]["title"] for post in world.of("TikTokPost") if post["done"] and not post["failed"]
            )
    shown = (video for video in world.of("YouTubeVideo") if video["status"]["privacyStatus"] == "public")
    return Counter(video["snippet"]["description"] for video in shown)


@pytest.mark.parametrize("platform", list(Platform))
async def test_in_a_storm_every_post_goes_out_once(there: There, tmp_path: Path, platform: Platform):
    path = tmp_path / "film.mp4"
    path.write_bytes(random.Random(1).randbytes(600_000))
    media = Media(FileSource(path))
    there.world.faults.seed = 3
    there.world.faults.play("storm")
    there.world.late = 0.01
    publisher = there.publisher(platform)
    for number in range(POSTS):
        post = Post(kind=KINDS[platform], caption=f"Post {number} ü", title=f"Post {number}")
        status = await publish(there, publisher, post, media)
        assert status.stage is Stage.PUBLISHED
    assert public(there, platform) == {f"Post {number} ü": 1 for number in range(POSTS)}
    assert sum(there.world.faults.struck.values()) >= POSTS / 2, "there was weather"
