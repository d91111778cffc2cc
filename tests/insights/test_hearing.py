"""What a platform's news comes to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stakazo.insights.hearing import Befallen, Fate, ItemKind, News, Said, Told, understood
from stakazo.platforms import instagram
from stakazo.platforms.base import Platform

AT = datetime(2026, 11, 22, tzinfo=UTC)
COMMENT = {"id": "c1", "from": {"id": "7", "username": "bob"}, "text": "Schön 🎺", "media": {"id": "m1"}}


def heard(field: str, value: dict[str, Any], platform: Platform = Platform.INSTAGRAM) -> Said | Told | Fate | None:
    return understood(News(platform, "1", field, value, AT))


def said(found: Said | Told | Fate | None) -> Said:
    assert isinstance(found, Said)
    return found


def test_a_comment_says_who_what_and_below_which_post() -> None:
    found = said(heard("comments", COMMENT))
    assert (found.kind, found.id, found.author, found.text, found.post_id) == (
        ItemKind.COMMENT, "c1", "bob", "Schön 🎺", "m1"
    )  # fmt: skip
    boosted = {"media": {"id": "ad", "ad_id": "5", "original_media_id": "m1"}, "parent_id": "c0"}
    found = said(heard("comments", COMMENT | boosted | {"unknown": [1]}))
    assert (found.post_id, found.parent_id) == ("m1", "c0")


def test_our_own_words_need_no_answer() -> None:
    assert heard("comments", COMMENT | {"from": {"id": "1"}}) is None
    echo = {"sender": {"id": "1"}, "message": {"mid": "x", "text": "Hi", "is_echo": True}}
    assert heard("messages", echo) is None
    assert heard("messages", {"sender": {"id": "7"}, "read": {"mid": "x"}}) is None


def test_messages_and_mentions() -> None:
    found = said(heard("messages", {"sender": {"id": "7"}, "message": {"mid": "x", "text": "Hi"}}))
    assert (found.kind, found.id, found.author_id, found.text) == (ItemKind.MESSAGE, "x", "7", "Hi")
    assert said(heard("messages", {"sender": {"id": "7"}, "message": {"mid": "x", "is_deleted": True}})).removed
    assert said(heard("mentions", {"media_id": "m", "comment_id": "c"})).id == "c"
    assert said(heard("mentions", {"media_id": "m"})).id == "m"


def test_of_a_page_s_feed_we_want_the_comments() -> None:
    value = {"item": "comment", "verb": "add", "comment_id": "2_9", "post_id": "1_2", "parent_id": "1_2",
             "from": {"id": "7", "name": "Bob"}, "message": "Nice"}  # fmt: skip
    found = said(heard("feed", value, Platform.FACEBOOK))
    assert (found.id, found.post_id, found.parent_id, found.text, found.removed) == ("2_9", "2", None, "Nice", False)
    assert said(heard("feed", value | {"verb": "remove"}, Platform.FACEBOOK)).removed
    assert said(heard("feed", value | {"parent_id": "2_8"}, Platform.FACEBOOK)).parent_id == "2_8"
    assert heard("feed", {"item": "reaction", "verb": "add"}, Platform.FACEBOOK) is None


def test_a_page_s_post_is_known_by_any_of_its_names() -> None:
    value: dict[str, Any] = {"item": "comment", "verb": "add", "comment_id": "2_9", "post_id": "1_2", "message": ""}
    value |= {"parent_id": "1_2", "from": {"id": "7"}, "post": {"permalink_url": "https://www.facebook.com/reel/33/"}}
    found = said(heard("feed", value, Platform.FACEBOOK))
    assert (found.post_id, found.also) == ("2", ("1_2", "2", "33"))
    found = said(heard("feed", value | {"comment_id": "33_9", "parent_id": "33"}, Platform.FACEBOOK))
    assert (found.also, found.parent_id) == (("1_2", "33"), None)


@pytest.mark.parametrize(
    ("platform", "field", "value", "what", "named"),
    [
        (Platform.TIKTOK, "post.publish.complete", {"publish_id": "v.1"}, Befallen.WORKED_ON, (None, ("v.1",))),
        (Platform.TIKTOK, "post.publish.failed", {"publish_id": "v.1"}, Befallen.WORKED_ON, (None, ("v.1",))),
        (
            Platform.TIKTOK,
            "post.publish.publicly_available",
            {"publish_id": "v.1", "post_id": 7},
            Befallen.PUBLIC,
            ("7", ("v.1",)),
        ),
        (
            Platform.TIKTOK,
            "post.publish.no_longer_publicaly_available",
            {"publish_id": "v.1", "post_id": "7"},
            Befallen.NOT_PUBLIC,
            ("7", ("v.1",)),
        ),
        (Platform.TIKTOK, "authorization.removed", {"reason": 1}, Befallen.WITHDRAWN, (None, ())),
        (Platform.YOUTUBE, "video", {"video_id": "dQw"}, Befallen.PUBLIC, ("dQw", ())),
        (Platform.YOUTUBE, "deleted", {"video_id": "dQw"}, Befallen.NOT_PUBLIC, ("dQw", ())),
    ],
)
def test_what_becomes_of_posts(
    platform: Platform, field: str, value: dict[str, Any], what: Befallen, named: tuple[str | None, tuple[str, ...]]
) -> None:
    found = heard(field, value, platform)
    assert isinstance(found, Fate)
    assert (found.what, (found.post_id, found.also)) == (what, named)


def test_a_story_s_replies_are_its_comments_whether_told_or_asked_for() -> None:
    told = heard("story_insights", {"media_id": "m1", "replies": 28})
    assert isinstance(told, Told)
    assert told.metrics.comments == instagram.metrics({"views": 120, "replies": 28}).comments == 28
    assert instagram.metrics({"comments": 3}).comments == 3
    assert instagram.metrics({"views": 3}).comments is None


def test_a_story_s_numbers_below_five_are_not_known() -> None:
    found = heard("story_insights", {"media_id": "m1", "impressions": 120, "reach": 90, "replies": -1, "exits": 3})
    assert isinstance(found, Told)
    assert (found.post_id, found.at) == ("m1", AT)
    assert (found.metrics.views, found.metrics.reach, found.metrics.comments) == (120, 90, None)
    assert found.metrics.raw["exits"] == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("comments", {}),
        ("comments", {"id": "c", "from": "bob"}),
        ("comments", {"id": "", "from": {"id": "7"}}),
        ("mentions", {}),
        ("messages", {"message": {"text": "who?"}}),
        ("story_insights", {"media_id": "m", "reach": "many"}),
        ("follow", {"id": "7"}),
    ],
)
def test_what_is_not_understood_is_nothing_and_no_mistake(field: str, value: dict[str, Any]) -> None:
    assert heard(field, value) is None
