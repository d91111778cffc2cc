"""YouTube's publisher against the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.platforms.conftest import There

from stakazo.platforms.base import Audience, Kind, Media, Platform, Post, Stage
from stakazo.platforms.errors import PlatformError, Reason, Rejected, TokenExpired, TryLater, Unknown
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.youtube import until_midnight

POST = Post(kind=Kind.VIDEO, title="Ça ira", caption="Live 🎺", tags=("jazz", "live"))


async def ready(there: There, film: Media, post: Post = POST) -> tuple:
    """A private video that is processed."""
    youtube = there.publisher(Platform.YOUTUBE)
    handle = await youtube.upload(await youtube.begin(post, film), film)
    there.world.move_on(60)
    return youtube, handle


def videos(there: There) -> list[dict]:
    return list(there.world.of("YouTubeVideo"))


async def test_a_short_is_private_until_it_is_finished(there: There, film: Media):
    youtube = there.publisher(Platform.YOUTUBE)
    handle = await youtube.begin(POST, film)
    assert (await youtube.ask(handle, POST)).stage is Stage.UPLOADING
    handle = await youtube.upload(handle, film)
    assert (await youtube.ask(handle, POST)).stage is Stage.PROCESSING
    there.world.move_on(60)
    assert (await youtube.ask(handle, POST)).stage is Stage.READY
    [video] = videos(there)
    assert video["status"]["privacyStatus"] == "private"
    assert (video["snippet"]["title"], video["snippet"]["tags"]) == ("Ça ira", ["jazz", "live"])
    done = await youtube.finish(handle, POST, film)
    assert (done.stage, done.post_id) == (Stage.PUBLISHED, video["id"])
    assert done.url == f"https://www.youtube.com/watch?v={video['id']}"
    assert await youtube.ask(handle, POST) == done


async def test_a_lost_answer_to_the_upload_makes_no_second_video(there: There, film: Media):
    youtube = there.publisher(Platform.YOUTUBE)
    handle = await youtube.begin(POST, film)
    there.world.faults.add(Fault("lost_reply", "PUT YouTube/bytes", times=1))
    with pytest.raises(TryLater):
        await youtube.upload(handle, film)
    assert len(videos(there)) == 1
    handle = await youtube.upload(handle, film)
    again = await youtube.upload(handle, film)
    assert again == handle
    assert [video["id"] for video in videos(there)] == [handle.id]


async def test_an_upload_that_broke_off_is_gone_on_with(there: There, film: Media):
    youtube = there.publisher(Platform.YOUTUBE)
    handle = await youtube.begin(POST, film)
    await youtube.ask(handle, POST)
    there.world.faults.add(Fault("upload_cut", times=1))
    with pytest.raises(TryLater):
        await youtube.upload(handle, film)
    received = (await youtube.ask(handle, POST)).received
    assert received
    assert received % (256 * 1024) == 0
    done = await youtube.upload(handle, film)
    assert (await youtube.upload(handle, film)).id == done.id
    assert len(videos(there)) == 1


@pytest.mark.parametrize("what", ["lost_reply", "never_arrived"])
async def test_making_it_public_may_be_repeated(there: There, film: Media, what: str):
    youtube, handle = await ready(there, film)
    there.world.faults.add(Fault(what, "PUT YouTube/videos", times=1))
    with pytest.raises(Unknown):
        await youtube.finish(handle, POST, film)
    expected = {"lost_reply": Stage.PUBLISHED, "never_arrived": Stage.READY}[what]
    assert (await youtube.ask(handle, POST)).stage is expected
    assert (await youtube.finish(handle, POST, film)).stage is Stage.PUBLISHED
    assert len(videos(there)) == 1


async def test_youtube_itself_publishes_at_a_time(there: There, film: Media):
    post = Post(title="t", publish_at=datetime.fromtimestamp(there.world.now(), UTC) + timedelta(hours=2))
    youtube, handle = await ready(there, film, post)
    assert (await youtube.finish(handle, post, film)).stage is Stage.SCHEDULED
    there.world.move_on(3 * 3600)
    assert (await youtube.ask(handle, post)).stage is Stage.PUBLISHED


async def test_a_private_post_is_done_when_it_is_processed(there: There, film: Media):
    post = Post(title="t", audience=Audience.PRIVATE)
    youtube, handle = await ready(there, film, post)
    assert (await youtube.finish(handle, post, film)).stage is Stage.PUBLISHED


async def test_a_project_that_is_not_audited_stays_private(there: There, film: Media):
    youtube, handle = await ready(there, film)
    token = there.world.token("sandbox-youtube")
    assert token is not None
    there.world.change(token, unaudited=True)
    with pytest.raises(Rejected, match="audited"):
        await youtube.finish(handle, POST, film)


async def test_a_session_that_is_gone_is_begun_anew(there: There, film: Media):
    youtube = there.publisher(Platform.YOUTUBE)
    handle = await youtube.begin(POST, film)
    there.world.faults.add(Fault("session_gone", times=1))
    assert (await youtube.ask(handle, POST)).reason is Reason.GONE
    with pytest.raises(Rejected) as gone:
        await youtube.upload(handle, film)
    assert gone.value.reason.anew


async def test_a_video_that_cant_be_worked_on_says_so(there: There, film: Media):
    there.world.faults.add(Fault("video_error"))
    youtube, handle = await ready(there, film)
    status = await youtube.ask(handle, POST)
    assert (status.stage, status.reason) == (Stage.FAILED, Reason.MEDIA)


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        (Fault("rate_limit"), TryLater, Reason.RATE),
        (Fault("rate_limit", detail={"reason": "quotaExceeded"}), TryLater, Reason.QUOTA),
        (Fault("expired_token"), TokenExpired, Reason.EXPIRED),
        (Fault("error"), TryLater, Reason.BUSY),
        (Fault("error", detail={"status": 403, "reason": "forbidden"}), Rejected, Reason.PERMISSION),
    ],
)
async def test_codes_say_what_an_error_means(
    there: There, film: Media, fault: Fault, kind: type[PlatformError], reason: Reason
):
    there.world.faults.add(fault)
    with pytest.raises(kind) as raised:
        await there.publisher(Platform.YOUTUBE).begin(POST, film)
    assert raised.value.reason is reason


@pytest.mark.parametrize(
    ("now", "hours"),
    [("2026-11-22T08:00:00+00:00", 24), ("2026-11-22T20:00:00+00:00", 12), ("2026-07-01T06:00:00+00:00", 1)],
)
def test_a_quota_is_new_at_midnight_in_california(now: str, hours: float):
    assert until_midnight(datetime.fromisoformat(now)) == hours * 3600


async def test_what_was_published_is_measured_talked_about_and_taken_down(there: There, film: Media):
    youtube, handle = await ready(there, film)
    await youtube.finish(handle, POST, film)
    there.world.move_on(86400)
    early = await youtube.measure(handle.id)
    assert early.views
    assert (early.average_watch, early.retention) == (None, ())
    there.world.move_on(5 * 86400)
    late = await youtube.measure(handle.id)
    assert late.average_watch
    assert late.retention[0] > late.retention[-1]
    comment = await youtube.comment(handle.id, "First! ü")
    [found] = await youtube.comments(handle.id)
    assert (found.id, found.text) == (comment, "First! ü")
    await youtube.delete(handle.id)
    await youtube.delete(handle.id)
    assert (await youtube.ask(handle, POST)).reason is Reason.GONE
