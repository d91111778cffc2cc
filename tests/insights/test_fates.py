"""What TikTok and YouTube tell over HTTP, signed, and what comes of it: through the sandbox and a real worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from tests.insights.test_measuring import posted
from tests.insights.test_news import happens, subscribed
from tests.near import NEAR
from tests.publishing.press import Desk

from stakazo.core import postgres
from stakazo.jobs.models import Job
from stakazo.platforms.sandbox.faults import Fault


@pytest.fixture
def told(desk: Desk) -> None:
    """TikTok knows where to send."""
    named = {"tiktok_callback": f"{desk.site.url}/webhook/tiktok"}
    httpx.post(f"{desk.site.settings.sandbox_url}/sandbox/settings", json=named, **NEAR).raise_for_status()


def error(desk: Desk, publication: dict[str, Any]) -> str | None:
    return (desk.show(publication)["error"] or {}).get("code")


@pytest.mark.usefixtures("told")
def test_tiktok_says_which_post_it_is_and_when_it_is_gone(desk: Desk) -> None:
    desk.world.faults.add(Fault("moderation", times=1))
    publication = posted(desk, "tiktok", "tiktok")
    assert (publication["external_id"], error(desk, publication)) == (None, "post_unknown")
    post = next(desk.world.of("TikTokPost"))["id"]
    assert happens(desk, tiktok=post, event="post.publish.publicly_available") == 1
    desk.eventually(lambda: desk.show(publication)["external_id"] == post)
    assert error(desk, publication) is None
    happens(desk, tiktok=post, event="post.publish.no_longer_publicaly_available")
    desk.eventually(lambda: error(desk, publication) == "not_public")
    assert desk.events(publication)[-2:] == ["publication_seen", "publication_hidden"]


@pytest.mark.usefixtures("told")
def test_access_that_was_withdrawn_at_tiktok_ends_the_channel(desk: Desk) -> None:
    publication = posted(desk, "tiktok", "tiktok")
    happens(desk, tiktok=publication["external_id"], event="authorization.removed")
    path = f"/channels/{publication['channel_id']}"
    desk.eventually(lambda: desk.http.get(path).json()["health"] == "needs_reauth")
    assert desk.http.get(path).json()["error"]["code"] == "revoked"


@pytest.mark.usefixtures("told")
def test_tiktok_s_word_that_it_is_done_ends_the_waiting(desk: Desk) -> None:
    """Jobs that wait for their next look look at once, and find out how it ended."""
    desk.world.faults.add(Fault("post_failed", times=1, detail={"fail_reason": "frame_rate_check_failed"}))
    patient, desk.world.processing = desk.world.processing, 3600.0
    try:
        wanted = desk.want(desk.variants("tiktok", count=2), [desk.channel("tiktok")])
        jobs = [desk.show(one)["job_id"] for one in wanted]
        desk.eventually(lambda: all(desk.http.get(f"/jobs/{job}").json()["state"] == "RETRY" for job in jobs))
        for job in jobs:
            _never(desk, job)
        assert [desk.show(one)["state"] for one in wanted] == ["PUBLISHING"] * 2
        desk.world.move_on(3600.0)
        found = [desk.until(one) for one in wanted]
    finally:
        desk.world.processing = patient
    ends = {(one["state"], (one["error"] or {}).get("code"), one["external_id"] is not None) for one in found}
    assert ends == {("PUBLISHED", None, True), ("FAILED", "media", False)}


@pytest.mark.usefixtures("told")
def test_a_draft_that_its_person_posts_in_the_app_is_out(desk: Desk) -> None:
    (wanted,) = desk.want(desk.variants("tiktok"), [desk.channel("tiktok")], kind="inbox")
    found = desk.until(wanted, "NEEDS_HUMAN")
    assert (found["error"]["code"], found["ask_at"] is not None) == ("in_inbox", True)
    happens(desk, tiktok=found["handle"], event="post.publish.complete")
    found = desk.until(wanted, "PUBLISHED")
    assert (found["error"], bool(found["external_id"]), found["ask_at"]) == (None, True, None)


def _never(desk: Desk, job_id: str) -> None:
    """So that it is the platform's word that wakes it, and not its own patience."""
    later = datetime.now(UTC) + timedelta(days=1)

    async def put_off(session: AsyncSession) -> None:
        await session.execute(update(Job).where(Job.id == UUID(job_id)).values(run_at=later))

    desk.site.within(put_off)
    with psycopg.connect(postgres.conninfo(desk.site.urls.owner), autocommit=True) as owner:
        owner.execute(
            "update procrastinate_jobs set scheduled_at = %s where args->>'job_id' = %s and status = 'todo'",
            [later, job_id],
        )


def test_youtube_s_hub_tells_by_itself_that_a_video_came_out_and_that_it_is_gone(desk: Desk) -> None:
    channel = desk.channel("youtube")
    desk.eventually(lambda: desk.http.get(f"/channels/{channel}").json()["subscription"]["state"] == "subscribed")
    publication = posted(desk, "youtube", "youtube_short")
    desk.eventually(lambda: "publication_seen" in desk.events(publication) or _heard(desk, publication))
    desk.world.drop(publication["external_id"])  # as its owner does in YouTube's own app
    desk.eventually(lambda: error(desk, publication) == "not_public")


def _heard(desk: Desk, publication: dict[str, Any]) -> bool:
    return bool(desk.show(publication)["checked_at"] > publication["published_at"])


def test_youtube_s_hub_tells_what_is_there_and_what_is_gone(desk: Desk) -> None:
    publication = posted(desk, "youtube", "youtube_short")
    subscribed(desk, publication)
    before = desk.show(publication)["checked_at"]
    assert happens(desk, youtube=publication["external_id"]) == 1
    desk.eventually(lambda: desk.show(publication)["checked_at"] > before)
    happens(desk, youtube=publication["external_id"], gone=True)
    desk.eventually(lambda: error(desk, publication) == "not_public")


def test_nobody_else_is_believed(desk: Desk) -> None:
    for path, header, body in (
        ("tiktok", "TikTok-Signature", b'{"event":"authorization.removed"}'),
        ("youtube", "X-Hub-Signature", b"<feed/>"),
    ):
        for signature in ("", "t=1,s=00", "sha1=00"):
            answer = httpx.post(f"{desk.site.url}/webhook/{path}", content=body, headers={header: signature}, **NEAR)
            assert answer.status_code == 403, (path, signature)
    asked = {"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": "guess"}
    for topic in ("https://www.youtube.com/xml/feeds/videos.xml?channel_id=UC1", "https://evil.example/"):
        answer = httpx.get(f"{desk.site.url}/webhook/youtube", params=asked | {"hub.topic": topic}, **NEAR)
        assert answer.status_code == 403
