"""What TikTok and YouTube send by themselves: only theirs is believed, and every kind is read."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from stakazo.platforms import tiktok_webhooks, youtube_push
from stakazo.platforms.errors import Rejected
from stakazo.platforms.sandbox.webhooks import feed

NOW = 1_790_000_000.0
BODY = json.dumps(
    {
        "client_key": "k",
        "event": "post.publish.publicly_available",
        "create_time": 1_790_000_000,
        "user_openid": "act.1",
        "content": '{"publish_id":"v_pub~1","post_id":"73"}',
    }
).encode()
VIDEO, CHANNEL = {"id": "dQw4w9WgXcQ", "snippet": {"title": "A & <B>"}}, {"id": "UC1", "title": "Blue & Note"}


def signed(body: bytes = BODY, at: float = NOW, secret: str = "secret") -> str:
    made = hmac.new(secret.encode(), f"{int(at)}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={int(at)},s={made}"


def test_only_tiktok_s_fresh_signature_is_believed() -> None:
    tiktok_webhooks.require_signature(BODY, signed(), "secret", NOW + 200)
    forged = signed().replace("t=1790000000", "t=1790000001")
    for header, body, now in (
        (None, BODY, NOW), ("", BODY, NOW), ("t=,s=", BODY, NOW), (signed(secret="guess"), BODY, NOW),
        (signed(), BODY + b" ", NOW), (forged, BODY, NOW), (signed(), BODY, NOW + 301), (signed(), BODY, NOW - 301),
        (signed(at=-NOW), BODY, NOW), ("s=ä,t=ä", BODY, NOW),
    ):  # fmt: skip
        with pytest.raises(Rejected):
            tiktok_webhooks.require_signature(body, header, "secret", now)


def test_tiktok_s_event_is_read_whole() -> None:
    [change] = tiktok_webhooks.changes(BODY)
    assert (change.object, change.account_id, change.field) == ("tiktok", "act.1", tiktok_webhooks.PUBLIC)
    assert (change.value["post_id"], change.value["create_time"], change.at) == ("73", 1_790_000_000, NOW)
    later = json.loads(BODY) | {"create_time": 1_790_000_600}
    assert tiktok_webhooks.changes(json.dumps(later).encode())[0].key != change.key
    for wrong in (b"", b"[]", b"{}", json.dumps(later | {"content": "x"}).encode()):
        with pytest.raises(Rejected):
            tiktok_webhooks.changes(wrong)


def test_youtube_s_feed_says_what_is_new_and_what_is_gone() -> None:
    [new] = youtube_push.changes(feed(VIDEO, CHANNEL, NOW, gone=False))
    assert (new.object, new.account_id, new.field, new.at) == ("youtube", "UC1", youtube_push.NEW, NOW)
    assert (new.value["video_id"], new.value["title"]) == ("dQw4w9WgXcQ", "A & <B>")
    [gone] = youtube_push.changes(feed(VIDEO, CHANNEL, NOW, gone=True))
    assert (gone.account_id, gone.field, dict(gone.value)) == ("UC1", youtube_push.GONE, {"video_id": "dQw4w9WgXcQ"})
    bomb = b'<!DOCTYPE feed [<!ENTITY a "b">]><feed/>'
    for wrong in (b"", b"<feed>", bomb, b'<feed xmlns="http://www.w3.org/2005/Atom"><entry/></feed>', b"\xff\xfe<"):
        with pytest.raises(Rejected):
            youtube_push.changes(wrong)


@pytest.mark.parametrize(
    ("topic", "channel"),
    [
        (youtube_push.topic_of("UC1"), "UC1"),
        ("https://www.youtube.com/xml/feeds/videos.xml", None),
        ("https://evil.example/xml/feeds/videos.xml?channel_id=UC1", None),
    ],
)
def test_a_topic_is_a_channel_s(topic: str, channel: str | None) -> None:
    assert youtube_push.channel_of(topic) == channel


def test_only_our_hub_s_signature_is_believed() -> None:
    body: Any = feed(VIDEO, CHANNEL, NOW, gone=False)
    right = "sha1=" + hmac.new(b"secret", body, hashlib.sha1).hexdigest()
    youtube_push.require_signature(body, right, "secret")
    for given, secret in ((right, "other"), (None, "secret"), ("sha1=", "secret"), (right[5:], "secret")):
        with pytest.raises(Rejected):
            youtube_push.require_signature(body, given, secret)
