"""A Page's publisher against the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.platforms.conftest import There

from stakazo.platforms.base import Kind, Media, Platform, Post, Stage
from stakazo.platforms.errors import Reason, Rejected, TryLater, Unknown
from stakazo.platforms.sandbox.faults import Fault

REEL = Post(kind=Kind.REEL, caption="Ça ira 🎺")
VIDEO = Post(kind=Kind.VIDEO, caption="All of it", title="Live")


async def sent(there: There, film: Media, post: Post) -> tuple:
    """An upload that waits to be finished."""
    page = there.publisher(Platform.FACEBOOK)
    handle = await page.upload(await page.begin(post, film), film)
    assert (await page.ask(handle, post)).stage is Stage.READY
    return page, handle


@pytest.mark.parametrize("post", [REEL, VIDEO, Post(kind=Kind.STORY)], ids=lambda post: post.kind)
async def test_a_video_goes_from_a_file_to_the_public(there: There, film: Media, post: Post):
    page, handle = await sent(there, film, post)
    there.world.move_on(3600)
    assert (await page.ask(handle, post)).stage is Stage.READY, "nothing is public by itself"
    assert (await page.finish(handle, post, film)).stage is Stage.SENT
    assert (await page.ask(handle, post)).stage is Stage.SENT
    there.world.move_on(60)
    done = await page.ask(handle, post)
    assert (done.stage, done.post_id) == (Stage.PUBLISHED, handle.id)
    assert done.url is not None
    assert done.url.startswith("https://www.facebook.com/")
    assert there.world.things[handle.id]["description"] == post.caption
    there.world.move_on(86400)
    assert (await page.measure(handle.id)).views
    comment = await page.comment(handle.id, "Thanks!")
    assert [found.id for found in await page.comments(handle.id)] == [comment]
    await page.delete(handle.id)
    await page.delete(handle.id)
    assert (await page.ask(handle, post)).reason is Reason.GONE


@pytest.mark.parametrize("post", [REEL, VIDEO], ids=lambda post: post.kind)
async def test_a_lost_answer_is_settled_by_asking(there: There, film: Media, post: Post):
    page, handle = await sent(there, film, post)
    there.world.faults.add(Fault("lost_reply", "POST Page/*", times=1))
    with pytest.raises(Unknown):
        await page.finish(handle, post, film)
    assert (await page.ask(handle, post)).stage is Stage.SENT
    there.world.move_on(60)
    assert (await page.ask(handle, post)).stage is Stage.PUBLISHED


@pytest.mark.parametrize("post", [REEL, VIDEO], ids=lambda post: post.kind)
async def test_a_finish_that_never_arrived_is_done_again(there: There, film: Media, post: Post):
    page, handle = await sent(there, film, post)
    there.world.faults.add(Fault("never_arrived", "POST Page/*", times=1))
    with pytest.raises(Unknown):
        await page.finish(handle, post, film)
    assert (await page.ask(handle, post)).stage is Stage.READY
    await page.finish(handle, post, film)
    await page.finish(handle, post, film)
    assert len([video for video in there.world.of("AdVideo") if video["finished"]]) == 1


@pytest.mark.parametrize("kind", [Kind.REEL, Kind.VIDEO])
async def test_facebook_itself_publishes_at_a_time(there: There, film: Media, kind: Kind):
    post = Post(kind=kind, publish_at=datetime.fromtimestamp(there.world.now(), UTC) + timedelta(hours=1))
    page, handle = await sent(there, film, post)
    assert (await page.finish(handle, post, film)).stage is Stage.SCHEDULED
    there.world.move_on(600)
    assert (await page.ask(handle, post)).stage is Stage.SCHEDULED
    there.world.move_on(3600)
    assert (await page.ask(handle, post)).stage is Stage.PUBLISHED


async def test_a_time_too_soon_is_refused(there: There, film: Media):
    post = Post(publish_at=datetime.fromtimestamp(there.world.now(), UTC) + timedelta(minutes=5))
    page, handle = await sent(there, film, post)
    with pytest.raises(Rejected) as refused:
        await page.finish(handle, post, film)
    assert refused.value.reason is Reason.INVALID


async def test_a_lost_piece_is_sent_from_where_facebook_says(there: There, film: Media):
    there.world.faults.add(Fault("chunk_error", times=1, detail={"shape": "object"}))
    there.world.faults.add(Fault("chunk_error", times=1, detail={"shape": "string"}))
    await sent(there, film, VIDEO)
    assert there.world.faults.struck["chunk_error"] == 2


async def test_a_lost_piece_without_a_place_is_tried_later_from_there(there: There, film: Media):
    page = there.publisher(Platform.FACEBOOK)
    handle = await page.begin(VIDEO, film)
    there.world.faults.add(Fault("chunk_error", times=1, detail={"shape": "words"}))
    with pytest.raises(TryLater):
        await page.upload(handle, film)
    await page.upload(handle, film)
    assert (await page.ask(handle, VIDEO)).stage is Stage.READY


async def test_pieces_that_are_lost_for_ever_end(there: There, film: Media):
    page = there.publisher(Platform.FACEBOOK)
    handle = await page.begin(VIDEO, film)
    there.world.faults.add(Fault("chunk_error"))
    with pytest.raises(TryLater):
        await page.upload(handle, film)


async def test_an_upload_that_broke_off_is_gone_on_with(there: There, film: Media):
    page = there.publisher(Platform.FACEBOOK)
    handle = await page.begin(REEL, film)
    there.world.faults.add(Fault("upload_cut", times=1))
    with pytest.raises(TryLater):
        await page.upload(handle, film)
    assert (await page.ask(handle, REEL)).received
    await page.upload(handle, film)
    assert (await page.ask(handle, REEL)).stage is Stage.READY


async def test_a_reel_can_be_fetched_from_an_address(there: There):
    page = there.publisher(Platform.FACEBOOK)
    media = Media(url="https://example.com/film.mp4")
    handle = await page.upload(await page.begin(REEL, media), media)
    assert (await page.ask(handle, REEL)).stage is Stage.READY


async def test_a_video_that_cant_be_worked_on_says_so(there: There, film: Media):
    there.world.faults.add(Fault("video_error"))
    page, handle = await sent(there, film, REEL)
    await page.finish(handle, REEL, film)
    there.world.move_on(60)
    status = await page.ask(handle, REEL)
    assert (status.stage, status.reason) == (Stage.FAILED, Reason.MEDIA)


async def test_a_processing_error_after_the_upload_is_settled_by_the_video(there: There, film: Media):
    there.world.faults.add(Fault("processing_failed_error"))
    await sent(there, film, REEL)
    assert there.world.faults.struck["processing_failed_error"] == 1
