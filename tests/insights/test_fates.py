"""What TikTok and YouTube tell over HTTP, signed, and what comes of it: through the sandbox and a real worker."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.insights.test_measuring import posted
from tests.insights.test_news import happens, subscribed
from tests.near import NEAR
from tests.publishing.press import Desk

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
