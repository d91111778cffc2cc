"""Uploads that are wanted no more are removed at their platform; what anybody may see, or still wants, stays."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from tests.platforms.conftest import There, film, there  # noqa: F401 - fixtures
from tests.publishing.press import Desk, public

from stakazo.jobs.models import Job
from stakazo.platforms.base import Kind, Left, Leftover, Media, Platform, Post
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


def test_what_has_failed_is_removed_without_waiting_for_a_retry(desk: Desk) -> None:
    desk.world.faults.add(Fault("video_error", "PUT YouTube/bytes", times=1))
    before = list(desk.world.of("YouTubeVideo"))
    found = desk.until(_wanted(desk)[0])
    assert (found["state"], bool(found["handle"])) == ("FAILED", True)
    desk.eventually(lambda: list(desk.world.of("YouTubeVideo")) == before)


def _wanted(desk: Desk) -> list[dict[str, Any]]:
    return desk.want(desk.variants("youtube_short"), [desk.channel("youtube")], details={"title": f"called {uuid4()}"})


class CalledOff:
    """A video that was called off when the answer to its last bytes, or they, had been lost."""

    def __init__(self, desk: Desk, fault: str) -> None:
        self.desk = desk
        self.before = {one["id"] for one in desk.world.of("YouTubeVideo")}
        desk.world.faults.add(Fault(fault, "PUT YouTube/bytes", times=1))
        (self.wanted,) = _wanted(desk)
        desk.eventually(lambda: self.desk.show(self.wanted)["job_id"] and _waits(desk, self.desk.show(self.wanted)))
        desk.world.faults.play("calm")
        self.session = max(desk.world.of("YouTubeSession"), key=lambda one: float(one["made"]))

    def call_off(self) -> None:
        answer = self.desk.http.post(f"/publications/{self.wanted['id']}/cancel").json()
        assert (answer["state"], answer["handle"]) == ("CANCELLED", "")

    def made(self) -> set[str]:
        return {one["id"] for one in self.desk.world.of("YouTubeVideo")} - self.before

    def job(self) -> str:
        async def read(session: AsyncSession) -> Any:
            mine = Job.payload["publication_id"].astext == self.wanted["id"]
            return await session.scalar(select(Job.id).where(Job.type == "discard_upload", mine))

        return str(self.desk.site.within(read))


def test_a_video_of_whose_last_byte_nothing_was_heard_is_removed(desk: Desk) -> None:
    off = CalledOff(desk, "lost_reply")
    assert len(off.made()) == 1
    off.call_off()
    desk.eventually(lambda: not off.made())
    desk.eventually(lambda: "upload_discarded" in desk.events(off.wanted))


def test_bytes_that_arrive_after_it_was_called_off_leave_no_video(desk: Desk) -> None:
    off = CalledOff(desk, "upload_cut")
    off.call_off()
    desk.eventually(lambda: desk.http.get(f"/jobs/{off.job()}").json()["state"] == "RETRY")
    received, size = off.desk.world.things[off.session["id"]]["received"], off.session["size"]
    where = {"Content-Range": f"bytes {received}-{size - 1}/{size}"}
    url = f"{desk.site.settings.sandbox_url}/google/session/{off.session['id']}"
    assert httpx.put(url, content=bytes(size - received), headers=where).status_code == 200
    assert len(off.made()) == 1
    desk.hurry(off.job())
    desk.eventually(lambda: not off.made())


def test_what_is_only_alike_is_left_alone_and_shown_to_a_person(desk: Desk) -> None:
    """The upload's session is gone: nothing says which video came of it, and one of that name may be a person's."""
    off = CalledOff(desk, "lost_reply")
    desk.world.drop(off.session["id"])
    off.call_off()
    desk.eventually(lambda: desk.show(off.wanted)["error"])
    (video,) = off.made()
    error = desk.show(off.wanted)["error"]
    assert (error["code"], video in error["detail"]) == ("upload_left", True)
    assert "upload_left" in desk.events(off.wanted)


@pytest.mark.parametrize("platform", [Platform.YOUTUBE, Platform.FACEBOOK])
async def test_what_anybody_may_see_is_left_alone(there: There, film: Media, platform: Platform) -> None:  # noqa: F811
    publisher, post = there.publisher(platform), Post(kind=Kind.VIDEO, title="t")
    handles = [await publisher.upload(await publisher.begin(post, film), film) for _ in range(2)]
    there.world.move_on(there.world.processing)
    await publisher.finish(handles[0], post, film)
    assert [(await publisher.discard(one, post)).left for one in handles] == [Left.SEEN, Left.REMOVED]
    assert [one.id in there.world.things for one in handles] == [True, False]
    assert await publisher.discard(handles[1], post) == Leftover(Left.NOTHING)
