"""Uploads that are wanted no more are removed at their platform; what anybody may see, or still wants, stays."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platforms.conftest import There, film, there  # noqa: F401 - fixtures
from tests.publishing.press import Desk, public

from stakazo.platforms.base import Kind, Media, Platform, Post
from stakazo.platforms.sandbox.faults import Fault

KIND = {"YouTubeVideo": ("youtube", "youtube_short"), "AdVideo": ("facebook", "facebook_feed")}


def uploaded(desk: Desk, kind: str) -> dict[str, Any]:
    """A post whose file is at the platform, which puts its publication off."""
    platform, recipe = KIND[kind]
    channel, variants = desk.channel(platform), desk.variants(recipe)
    desk.world.faults.add(Fault("error", "PUT YouTube/videos", detail={"status": 403, "reason": "quotaExceeded"}))
    desk.world.faults.add(Fault("error", "GET AdVideo", detail={"code": 2, "status": 500}))
    (wanted,) = desk.want(variants, [channel], caption=f"let go {kind}", details={"title": "t"})
    desk.eventually(lambda: desk.show(wanted)["handle"] and _waits(desk, wanted))
    return desk.show(wanted)


def _waits(desk: Desk, wanted: dict[str, Any]) -> bool:
    return bool(desk.http.get(f"/jobs/{wanted['job_id']}").json()["state"] == "RETRY")


@pytest.mark.parametrize("kind", KIND)
def test_what_is_called_off_does_not_lie_at_the_platform(desk: Desk, kind: str) -> None:
    found = uploaded(desk, kind)
    assert found["handle"] in desk.world.things
    desk.world.faults.play("calm")
    assert desk.http.post(f"/publications/{found['id']}/cancel").json()["state"] == "CANCELLED"
    desk.eventually(lambda: found["handle"] not in desk.world.things)
    assert public(desk.world)[f"let go {kind}"] == 0


def test_what_is_begun_anew_leaves_nothing_behind(desk: Desk) -> None:
    desk.world.faults.add(Fault("video_error", "PUT YouTube/bytes", times=1))
    before = {one["id"] for one in desk.world.of("YouTubeVideo")}
    channel, variants = desk.channel("youtube"), desk.variants("youtube_short")
    (wanted,) = desk.want(variants, [channel], caption="begun anew", details={"title": "t"})
    found = desk.until(wanted)
    if found["state"] == "FAILED":  # the codec is wrong, says YouTube: a person tries once more
        desk.http.post(f"/publications/{wanted['id']}/retry").raise_for_status()
        found = desk.until(wanted, "PUBLISHED")
    desk.eventually(lambda: {one["id"] for one in desk.world.of("YouTubeVideo")} - before == {found["external_id"]})


@pytest.mark.parametrize("platform", [Platform.YOUTUBE, Platform.FACEBOOK])
async def test_what_anybody_may_see_is_left_alone(there: There, film: Media, platform: Platform) -> None:  # noqa: F811
    publisher, post = there.publisher(platform), Post(kind=Kind.VIDEO, title="t")
    handles = [await publisher.upload(await publisher.begin(post, film), film) for _ in range(2)]
    there.world.move_on(there.world.processing)
    await publisher.finish(handles[0], post, film)
    assert [await publisher.discard(one.id) for one in handles] == [False, True]
    assert [one.id in there.world.things for one in handles] == [True, False]
    assert await publisher.discard(handles[1].id), "twice is once"
