"""Publications brought out over HTTP, through a real worker, at a sandbox with all its faults."""

from __future__ import annotations

from typing import Any

import pytest
from tests.publishing.press import Desk, public

from stakazo.platforms.sandbox.faults import Fault

PUBLISH = "POST IGUser/media_publish"


def test_a_clip_goes_out_on_four_platforms_once_each_and_its_trace_says_so(desk: Desk) -> None:
    platforms = ("instagram", "facebook", "tiktok", "youtube")
    made = desk.variants("instagram_reel", "facebook_feed", "tiktok", "youtube_short")
    wanted = desk.want(
        made, [desk.channel(platform) for platform in platforms], caption="Out now", hashtags=["jazz"],
        details={"title": "Blue"},
    )  # fmt: skip
    assert [(one["platform"], one["kind"]) for one in wanted] == [
        ("instagram", "reel"), ("facebook", "video"), ("tiktok", "video"), ("youtube", "video")
    ]  # fmt: skip
    done = [desk.until(one) for one in wanted]
    assert [one["state"] for one in done] == ["PUBLISHED"] * 4
    assert all(one["handle"] and one["published_at"] for one in done)
    assert [bool(one["url"]) for one in done] == [True] * 4
    assert public(desk.world)["Out now\n\n#jazz"] == 4
    told = desk.events(done[0])
    assert [name for name in told if name != "publication_processing"] == [
        "publication_created", "publication_due", "publication_begun", "publication_handle_kept",
        "publication_publishing", "publication_published",
    ]  # fmt: skip
    clip = desk.http.get(f"/variants/{made[0]}").json()["clip_id"]
    trace = desk.http.get(f"/ledger/trace/{clip}").json()["steps"]
    said = [step["says"] for step in trace]
    assert sum(words.startswith("It is public on ") for words in said) == 4
    assert any(done[0]["url"] in words for words in said)


FAULTS = {
    "the reply to the one act is lost": [Fault("lost_reply", PUBLISH, times=1)],
    "the act never arrives": [Fault("never_arrived", PUBLISH, times=1)],
    "an error is answered although it went live": [Fault("error_after", PUBLISH, times=1)],
    "the act has its effect when nobody waits any more": [Fault("late_effect", PUBLISH, times=1, detail={"looks": 4})],
    "the begin has its effect later": [Fault("late_effect", "POST IGUser/media", times=1, detail={"seconds": 1})],
    "it isn't ready although it said so": [Fault("not_ready_after_finished", PUBLISH, times=1)],
    "the container's processing fails once": [Fault("container_error", "POST IGUser/media", times=1)],
    "the reply to the begin is lost": [Fault("lost_reply", "POST IGUser/media", times=1)],
    "the upload breaks off": [Fault("upload_cut", times=1)],
    "the upload is called failed and isn't": [Fault("processing_failed_error", times=1)],
    "the permalink can't be read": [Fault("no_permalink", times=1)],
    "it is too much for a moment": [Fault("rate_limit", PUBLISH, times=1, detail={"code": 4})],
}


@pytest.mark.parametrize("what", FAULTS)
def test_whatever_goes_wrong_it_is_out_once(desk: Desk, what: str) -> None:
    channel, variants = desk.channel("instagram"), desk.variants("instagram_reel")
    for fault in FAULTS[what]:
        desk.world.faults.add(fault)
    (wanted,) = desk.want(variants, [channel], caption=what)
    if what == "it is too much for a moment":
        desk.until(wanted, "READY")
        desk.wake(wanted)
    done = desk.until(wanted, hurry=True)
    assert sum(desk.world.faults.struck.values()) >= 1
    assert (done["state"], public(desk.world)[what]) == ("PUBLISHED", 1)
    assert done["external_id"]


def test_a_dead_token_is_said_loudly_and_the_same_upload_goes_on_when_it_is_connected_again(desk: Desk) -> None:
    channel, variants = desk.channel("instagram"), desk.variants("instagram_reel")
    desk.world.faults.add(Fault("expired_token", PUBLISH, times=1, detail={"subcode": 463}))
    (wanted,) = desk.want(variants, [channel], caption="dead token")
    stuck = desk.until(wanted)
    assert (stuck["state"], stuck["error"]["code"]) == ("NEEDS_HUMAN", "token_expired")
    assert "Connect the channel again" in stuck["error"]["todo"]
    assert desk.http.get(f"/channels/{channel}").json()["health"] == "needs_reauth"
    assert "publication_needs_human" in desk.events(stuck)
    assert desk.http.post(f"/publications/{wanted['id']}/retry").status_code == 422
    assert desk.channel("instagram") == channel
    assert desk.http.get(f"/channels/{channel}").json()["health"] == "ok"
    desk.http.post(f"/publications/{wanted['id']}/retry").raise_for_status()
    done = desk.until(wanted, "PUBLISHED", "FAILED")
    assert (done["state"], done["handle"], public(desk.world)["dead token"]) == ("PUBLISHED", stuck["handle"], 1)


def test_a_file_that_the_platform_cannot_use_fails_with_its_words_and_can_be_retried(desk: Desk) -> None:
    channel, variants = desk.channel("instagram"), desk.variants("instagram_reel")
    desk.world.faults.add(Fault("container_error", "POST IGUser/media", times=3, detail={"subcode": 2207026}))
    (wanted,) = desk.want(variants, [channel], caption="unusable")
    failed = desk.until(wanted)
    assert (failed["state"], public(desk.world)["unusable"]) == ("FAILED", 0)
    assert "2207026" in failed["error"]["detail"]
    desk.world.faults.play("calm")
    desk.http.post(f"/publications/{wanted['id']}/retry").raise_for_status()
    assert desk.until(wanted, "PUBLISHED", "NEEDS_HUMAN")["state"] == "PUBLISHED"
    assert public(desk.world)["unusable"] == 1


def test_the_same_wish_is_one_publication_and_another_intent_is_another(desk: Desk) -> None:
    channel, variants = desk.channel("facebook"), desk.variants("facebook_feed")
    (first,) = desk.want(variants, [channel], caption="same")
    (again,) = desk.want(variants, [channel], caption="same")
    assert again["id"] == first["id"]
    desk.until(first)
    (encore,) = desk.want(variants, [channel], caption="same", intent_key="encore")
    assert encore["id"] != first["id"]
    assert desk.until(encore)["state"] == "PUBLISHED"
    assert public(desk.world)["same"] == 2


def test_the_first_comment_is_written_once_although_its_reply_is_lost(desk: Desk) -> None:
    channel, variants = desk.channel("instagram"), desk.variants("instagram_reel")
    desk.world.faults.add(Fault("lost_reply", "POST IGMedia/comments", times=1))
    (wanted,) = desk.want(variants, [channel], caption="talk", first_comment="Link in bio")
    done = desk.until(wanted)
    desk.eventually(lambda: "first_comment_written" in desk.events(done))
    said = [one for one in desk.world.of("IGComment") if one["media"] == done["external_id"]]
    assert [one["text"] for one in said] == ["Link in bio"]


def test_what_is_public_is_taken_down_or_says_that_only_a_person_can(desk: Desk) -> None:
    facebook, tiktok = desk.channel("facebook"), desk.channel("tiktok")
    wanted = desk.want(desk.variants("facebook_feed", "tiktok"), [facebook, tiktok], caption="down")
    done = [desk.until(one) for one in wanted]
    for one in done:
        assert desk.http.delete(f"/publications/{one['id']}").status_code == 202
    removed = desk.until(done[0], "REMOVED")
    assert removed["removed_at"]
    assert desk.http.post(f"/publications/{done[0]['id']}/cancel").status_code == 409
    stays = desk.until(done[1], "PUBLISHED")
    desk.eventually(lambda: desk.show(stays)["error"] is not None)
    assert desk.show(stays)["error"]["code"] == "still_there"
    told = desk.http.get("/ledger/events", params={"subject": f"publication/{stays['id']}", "limit": 1}).json()["items"]
    assert (told[0]["event"], "own app" in told[0]["data"]["todo"]) == ("publication_removal_failed", True)


def test_a_published_variant_keeps_its_clip_and_video(desk: Desk) -> None:
    channel, (variant,) = desk.channel("facebook"), desk.variants("facebook_feed")
    desk.until(desk.want([variant], [channel])[0])
    clip = desk.http.get(f"/variants/{variant}").json()["clip_id"]
    for path in (f"/variants/{variant}", f"/clips/{clip}", f"/videos/{desk.video_id}"):
        refused: Any = desk.http.delete(path)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict"), path


def test_what_a_person_posted_is_checked_at_the_platform(desk: Desk) -> None:
    channel, (variant,) = desk.channel("facebook"), desk.variants("facebook_feed")
    done = desk.until(desk.want([variant], [channel], caption="mine")[0])
    body = {"variant_id": variant, "platform": "facebook", "channel_id": channel}
    again = desk.http.post("/confirm_publish", json={**body, "external_id": done["external_id"]})
    assert (again.status_code, again.json()["id"]) == (200, done["id"])
    wrong = desk.http.post("/confirm_publish", json={**body, "url": "https://facebook.com/reel/1780000000009999"})
    assert wrong.status_code == 201
    lost = desk.until(wrong.json(), "NEEDS_HUMAN")
    assert lost["error"]["code"] == "not_there"
    away = {"variant_id": variant, "platform": "tiktok", "url": "https://www.tiktok.com/@blue/video/7"}
    mine = desk.http.post("/confirm_publish", json=away)
    assert (mine.status_code, mine.json()["state"], mine.json()["by_hand"]) == (201, "PUBLISHED", True)
    assert desk.http.post("/confirm_publish", json=away).json()["id"] == mine.json()["id"]
    assert desk.http.post("/confirm_publish", json=body).status_code == 422
    reel = desk.channel("instagram")
    (unseen,) = desk.variants("instagram_reel")
    said = {"variant_id": unseen, "platform": "instagram", "channel_id": reel, "url": "https://instagram.com/reel/No/"}
    nowhere = desk.until(desk.http.post("/confirm_publish", json=said).json(), "NEEDS_HUMAN")
    assert (nowhere["error"]["code"], nowhere["url"]) == ("not_there", None)
