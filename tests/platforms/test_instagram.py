"""Instagram's publisher against the sandbox, on good days and on bad ones."""

from __future__ import annotations

import pytest
from tests.platforms.conftest import There

from stakazo.platforms.base import Handle, Kind, Media, Mention, Platform, Post, Stage, Status, Trial
from stakazo.platforms.errors import Reason, Rejected, TokenExpired, TryLater, Unknown
from stakazo.platforms.instagram import Instagram
from stakazo.platforms.sandbox import world as known
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.instagram import add_mention

POST = Post(caption="Ça ira 🎺  #jazz", cover_at=1.5, collaborators=("monk", "mingus"))
PUBLISH = "POST IGUser/media_publish"


async def ready(there: There, film: Media, post: Post = POST) -> tuple:
    """A container that may be published."""
    publisher = there.publisher(Platform.INSTAGRAM)
    handle = await publisher.upload(await publisher.begin(post, film), film)
    there.world.move_on(60)
    assert await publisher.ask(handle, post) == Status(Stage.READY)
    return publisher, handle


def public(there: There) -> list[dict]:
    return list(there.world.of("IGMedia"))


async def test_a_reel_goes_from_a_file_to_the_public(there: There, film: Media):
    publisher = there.publisher(Platform.INSTAGRAM)
    handle = await publisher.begin(POST, film)
    assert (await publisher.ask(handle, POST)).stage is Stage.UPLOADING
    assert Handle.of(handle.as_json()) == handle
    await publisher.upload(handle, film)
    assert (await publisher.ask(handle, POST)).stage is Stage.PROCESSING
    there.world.move_on(60)
    assert (await publisher.ask(handle, POST)).stage is Stage.READY
    assert public(there) == []
    done = await publisher.finish(handle, POST, film)
    [post] = public(there)
    assert (done.stage, done.post_id, done.url) == (Stage.PUBLISHED, post["id"], post["permalink"])
    assert post["caption"] == POST.caption
    assert await publisher.ask(handle, POST) == done


async def test_what_a_post_says_is_what_the_container_gets(there: There):
    publisher = there.publisher(Platform.INSTAGRAM)
    post = Post(
        kind=Kind.FEED, caption="c", cover_url="https://example.com/c.jpg", cover_at=2, trial=Trial.MANUAL,
        made_with_ai=True, share_to_feed=False, audio_name="Blue", location_id="7", paid_partnership=True,
    )  # fmt: skip
    handle = await publisher.begin(post, Media(url="https://example.com/film.mp4"))
    sent = there.world.things[handle.id]["params"]
    sent.pop("appsecret_proof")
    assert sent == {
        "media_type": "REELS", "video_url": "https://example.com/film.mp4", "caption": "c", "share_to_feed": "true",
        "cover_url": "https://example.com/c.jpg", "trial_params": '{"graduation_strategy":"MANUAL"}',
        "is_ai_generated": "true", "audio_name": "Blue", "location_id": "7", "is_paid_partnership": "true",
    }  # fmt: skip


async def test_a_lost_answer_is_settled_by_asking(there: There, film: Media):
    publisher, handle = await ready(there, film)
    there.world.faults.add(Fault("lost_reply", PUBLISH, times=1))
    with pytest.raises(Unknown):
        await publisher.finish(handle, POST, film)
    [post] = public(there)
    assert (await publisher.ask(handle, POST)).post_id == post["id"]
    assert there.operations(PUBLISH) == [PUBLISH]


async def test_an_answer_that_came_late_is_none(there: There, film: Media):
    publisher, handle = await ready(there, film)
    there.world.faults.add(Fault("never_arrived", PUBLISH, times=1))
    with pytest.raises(Unknown):
        await publisher.finish(handle, POST, film)
    assert (await publisher.ask(handle, POST)).stage is Stage.READY
    assert (await publisher.finish(handle, POST, film)).stage is Stage.PUBLISHED
    assert len(public(there)) == 1


async def test_a_block_may_be_said_of_what_is_live(there: There, film: Media):
    publisher, handle = await ready(there, film)
    there.world.faults.add(Fault("error_after", PUBLISH, times=1))
    with pytest.raises(Unknown) as doubt:
        await publisher.finish(handle, POST, film)
    assert (doubt.value.reason, doubt.value.said.subcode) == (Reason.BLOCKED, 2207051)
    assert (await publisher.ask(handle, POST)).stage is Stage.PUBLISHED


async def test_a_container_is_never_published_twice(there: There, film: Media):
    publisher, handle = await ready(there, film)
    await publisher.finish(handle, POST, film)
    with pytest.raises(Rejected):
        await publisher.finish(handle, POST, film)
    assert len(public(there)) == 1


async def test_of_two_posts_that_could_be_it_none_is_taken(there: There, film: Media):
    publisher, one = await ready(there, film)
    _, two = await ready(there, film)
    first = await publisher.finish(one, POST, film)
    there.world.faults.add(Fault("lost_reply", PUBLISH, times=1))
    with pytest.raises(Unknown):
        await publisher.finish(two, POST, film)
    unsure = await publisher.ask(two, POST)
    assert (unsure.stage, unsure.post_id) == (Stage.PUBLISHED, None)
    sure = await publisher.ask(two, POST, taken={first.post_id or ""})
    assert sure.post_id not in {None, first.post_id}


async def test_finished_may_still_be_too_early(there: There, film: Media):
    publisher, handle = await ready(there, film)
    there.world.faults.add(Fault("not_ready_after_finished", times=1))
    with pytest.raises(TryLater) as early:
        await publisher.finish(handle, POST, film)
    assert (early.value.reason, early.value.after) == (Reason.NOT_READY, 20)
    assert (await publisher.finish(handle, POST, film)).stage is Stage.PUBLISHED


async def test_an_address_that_cant_be_read_changes_nothing(there: There, film: Media):
    publisher, handle = await ready(there, film)
    there.world.faults.add(Fault("no_permalink"))
    done = await publisher.finish(handle, POST, film)
    assert (done.stage, done.url) == (Stage.PUBLISHED, None)
    assert done.post_id == public(there)[0]["id"]


@pytest.mark.parametrize(
    ("subcode", "reason"),
    [(2207026, Reason.MEDIA), (2207076, Reason.PROCESSING), (2207077, Reason.FETCH), (2209999, Reason.PROCESSING)],
)
async def test_a_container_that_failed_says_why(there: There, film: Media, subcode: int, reason: Reason):
    there.world.faults.add(Fault("container_error", detail={"subcode": subcode}))
    publisher = there.publisher(Platform.INSTAGRAM)
    handle = await publisher.upload(await publisher.begin(POST, film), film)
    there.world.move_on(60)
    status = await publisher.ask(handle, POST)
    assert (status.stage, status.reason) == (Stage.FAILED, reason)
    assert reason.anew is (reason is not Reason.MEDIA)


async def test_a_container_expires_and_is_forgotten(there: There, film: Media):
    publisher, handle = await ready(there, film)
    there.world.move_on(25 * 3600)
    assert (await publisher.ask(handle, POST)).reason is Reason.GONE
    there.world.drop(handle.id)
    assert (await publisher.ask(handle, POST)).reason is Reason.GONE


async def test_an_upload_that_broke_off_is_gone_on_with(there: There, film: Media):
    assert film.source is not None
    publisher = there.publisher(Platform.INSTAGRAM)
    handle = await publisher.begin(POST, film)
    there.world.faults.add(Fault("upload_cut", times=1))
    with pytest.raises(TryLater) as broken:
        await publisher.upload(handle, film)
    assert broken.value.reason is Reason.UNREACHABLE
    half = (await publisher.ask(handle, POST)).received
    assert half is not None
    assert 0 < half < film.source.size
    await publisher.upload(handle, film)
    assert there.world.things[handle.id]["received"] == film.source.size


async def test_a_processing_error_after_the_upload_is_settled_by_the_container(there: There, film: Media):
    there.world.faults.add(Fault("processing_failed_error"))
    _, handle = await ready(there, film)
    assert there.world.things[handle.id]["received"]


async def test_the_daily_quota_is_read_and_met(there: There, film: Media):
    publisher, handle = await ready(there, film)
    for _ in range(100):
        there.world.new("IGMedia", owner=there.account(Platform.INSTAGRAM).id, media_product_type="REELS")
    quota = await publisher.quota()
    assert quota is not None
    assert (quota.used, quota.total, quota.seconds) == (100, 100, 86400)
    with pytest.raises(TryLater) as full:
        await publisher.finish(handle, POST, film)
    assert full.value.reason is Reason.QUOTA


@pytest.mark.parametrize(
    ("subcode", "reason"), [(463, Reason.EXPIRED), (460, Reason.REVOKED), (459, Reason.CHECKPOINT)]
)
async def test_a_dead_token_says_what_it_needs(there: There, film: Media, subcode: int, reason: Reason):
    there.world.faults.add(Fault("expired_token", detail={"subcode": subcode}))
    with pytest.raises(TokenExpired) as dead:
        await there.publisher(Platform.INSTAGRAM).begin(POST, film)
    assert dead.value.reason is reason


async def test_what_was_published_is_measured_talked_about_and_taken_down(there: There, film: Media):
    publisher, handle = await ready(there, film)
    post_id = (await publisher.finish(handle, POST, film)).post_id
    assert post_id
    there.world.move_on(86400)
    metrics = await publisher.measure(post_id)
    raw = metrics.raw
    assert metrics.views == raw["views"] > 0
    assert metrics.average_watch == raw["ig_reels_avg_watch_time"] / 1000
    assert metrics.skip_rate == raw["reels_skip_rate"] / 100
    comment = await publisher.comment(post_id, "First! ü")
    [found] = await publisher.comments(post_id)
    assert (found.id, found.text, found.author) == (comment, "First! ü", "bluenote.sandbox")
    await publisher.delete(post_id)
    await publisher.delete(post_id)
    assert public(there) == []


async def test_a_story_is_found_among_the_stories(there: There, film: Media):
    story = Post(kind=Kind.STORY)
    publisher, handle = await ready(there, film, story)
    there.world.faults.add(Fault("lost_reply", PUBLISH, times=1))
    with pytest.raises(Unknown):
        await publisher.finish(handle, story, film)
    assert (await publisher.ask(handle, story)).post_id == public(there)[0]["id"]
    post_id = public(there)[0]["id"]
    there.world.move_on(3600)
    assert (await publisher.measure(post_id)).views is not None


async def test_who_has_named_us_is_asked_for(there: There):
    publisher = there.publisher(Platform.INSTAGRAM)
    assert isinstance(publisher, Instagram)
    comment = add_mention(there.world, known.IG_USER, "Hi @us", name="bob", commented=True)
    post = add_mention(there.world, known.IG_USER, "With @us", name="eve", commented=False)
    asked = [(one["media_id"], one.get("comment_id")) for one in (comment, post)]
    there.world.faults.add(Fault("error", "GET IGUser", times=1, detail={"code": 2, "is_transient": True}))
    with pytest.raises(TryLater):
        await publisher.mentions(asked)
    urls = [there.world.things[media]["permalink"] for media, _ in asked]
    found = await publisher.mentions([*asked, ("gone", None), ("gone", "too")])
    assert found == [Mention("Hi @us", "bob", urls[0]), Mention("With @us", "eve", urls[1]), None, None]
