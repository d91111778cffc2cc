"""What a platform's news comes to: something that somebody has said, numbers, or what became of a post. Pure.

News that isn't understood is no mistake: platforms add kinds and fields without a word. It is kept whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from stakazo.platforms import tiktok_webhooks, youtube_push
from stakazo.platforms.base import Comment, Metrics, Platform


class ItemKind(StrEnum):
    """What may need an answer."""

    COMMENT = "comment"
    MENTION = "mention"
    MESSAGE = "message"


class ItemState(StrEnum):
    """Whether somebody still has to do something."""

    OPEN = "OPEN"
    DONE = "DONE"
    REMOVED = "REMOVED"
    """Who said it has taken it back."""


@dataclass(frozen=True, slots=True)
class News:
    """Something that a platform says has happened on an account."""

    platform: Platform
    account_id: str
    field: str
    value: Mapping[str, Any]
    at: datetime
    """As the platform says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Somebody has said something to us, or said it otherwise, or taken it back."""

    kind: ItemKind
    id: str
    """The platform's."""
    at: datetime
    post_id: str | None = None
    also: tuple[str, ...] = ()
    """What else the post may be called."""
    parent_id: str | None = None
    """The comment that it answers."""
    author: str = ""
    author_id: str = ""
    text: str = ""
    removed: bool = False


class Befallen(StrEnum):
    """What has happened to a post, or to what an account allows."""

    WORKED_ON = "worked_on"
    """The platform is done with an upload, or has given it up: ask it which."""
    PUBLIC = "public"
    """Everybody sees it."""
    NOT_PUBLIC = "not_public"
    """Nobody sees it any more."""
    WITHDRAWN = "withdrawn"
    """The account's person has taken their yes back."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What has become of a post, or of an account where no post is named."""

    what: Befallen
    at: datetime
    post_id: str | None = None
    also: tuple[str, ...] = ()
    """What else it may be called: the id of its upload."""
    detail: str = ""
    """The platform's words."""


@dataclass(frozen=True, slots=True)
class Told:
    """Numbers of a post, as they were at a moment."""

    post_id: str
    metrics: Metrics
    at: datetime


def understood(news: News) -> Said | Told | Fate | None:
    """What it comes to; None where it is nothing for us, our own words, or not understood."""
    read = _READERS.get((news.platform, news.field))
    try:
        found = read(news) if read else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    if isinstance(found, Said) and (not found.id or found.author_id == news.account_id):
        return None
    return found


def commented(comment: Comment, post_id: str) -> Said:
    """A comment that was found below a post."""
    return Said(
        kind=ItemKind.COMMENT,
        id=comment.id,
        at=comment.at,
        post_id=post_id,
        parent_id=comment.parent_id,
        author=comment.author,
        author_id=comment.author_id,
        text=comment.text,
    )


def _comment(news: News) -> Said:
    value = news.value
    author, media = value.get("from") or {}, value.get("media") or {}
    return Said(
        kind=ItemKind.COMMENT,
        id=str(value["id"]),
        at=news.at,
        post_id=_text(media.get("original_media_id") or media.get("id")),  # an ad shows a post under another id
        parent_id=_text(value.get("parent_id")),
        author=str(author.get("username", "")),
        author_id=str(author.get("id", "")),
        text=str(value.get("text", "")),
    )


def _mention(news: News) -> Said:
    """Only that it happened is told; who it was and what they said is asked for afterwards."""
    media, comment = _text(news.value.get("media_id")), _text(news.value.get("comment_id"))
    return Said(kind=ItemKind.MENTION, id=comment or media or "", at=news.at, post_id=media)


def _message(news: News) -> Said | None:
    message = news.value.get("message")
    if not message or message.get("is_echo"):
        return None  # read, typed, or written by ourselves
    return Said(
        kind=ItemKind.MESSAGE,
        id=str(message["mid"]),
        at=news.at,
        author_id=str(news.value["sender"]["id"]),
        text=str(message.get("text", "")),
        removed=bool(message.get("is_deleted")),
    )


def _feed(news: News) -> Said | None:
    """A Page's feed tells everything that happens on it; we want the comments."""
    value = news.value
    if value.get("item") != "comment":
        return None
    author, post = value.get("from") or {}, str(value.get("post_id", ""))
    parent = _text(value.get("parent_id"))
    below = str(value["comment_id"]).rpartition("_")[0]  # the post, or the video that it shows
    address = str((value.get("post") or {}).get("permalink_url") or "").rstrip("/").rpartition("/")[2]
    called = (post, below, str(value.get("video_id") or ""), address)
    return Said(
        kind=ItemKind.COMMENT,
        id=str(value["comment_id"]),
        at=news.at,
        post_id=post.rpartition("_")[2] or None,
        also=tuple(dict.fromkeys(name for name in called if name)),
        parent_id=None if parent in {post, below} else parent,
        author=str(author.get("name", "")),
        author_id=str(author.get("id", "")),
        text=str(value.get("message", "")),
        removed=value.get("verb") in {"remove", "hide"},
    )


def _story(news: News) -> Told:
    """A story's last numbers, an hour after it is gone. Less than five is said as -1."""

    def count(name: str) -> int | None:
        number = news.value.get(name)
        return int(number) if number is not None and int(number) >= 0 else None

    said = Metrics(views=count("impressions"), reach=count("reach"), comments=count("replies"), raw=dict(news.value))
    return Told(str(news.value["media_id"]), said, news.at)


def _text(given: Any) -> str | None:
    return str(given) if given else None


def _post_fate(news: News) -> Fate:
    """TikTok names an upload by its publish id, and a post by its own once everybody sees it."""
    value, what = news.value, _FATES[news.field]
    post, upload = _text(value.get("post_id")), _text(value.get("publish_id"))
    return Fate(what, news.at, post, (upload,) if upload else (), str(value.get("reason") or ""))


def _video_fate(news: News) -> Fate:
    return Fate(_FATES[news.field], news.at, str(news.value["video_id"]))


_FATES = {
    tiktok_webhooks.COMPLETE: Befallen.WORKED_ON,
    tiktok_webhooks.FAILED: Befallen.WORKED_ON,
    tiktok_webhooks.IN_INBOX: Befallen.WORKED_ON,
    tiktok_webhooks.PUBLIC: Befallen.PUBLIC,
    tiktok_webhooks.NOT_PUBLIC: Befallen.NOT_PUBLIC,
    tiktok_webhooks.REMOVED: Befallen.WITHDRAWN,
    youtube_push.NEW: Befallen.PUBLIC,
    youtube_push.GONE: Befallen.NOT_PUBLIC,
}
_READERS: dict[tuple[Platform, str], Callable[[News], Said | Told | Fate | None]] = {
    (Platform.INSTAGRAM, "comments"): _comment,
    (Platform.INSTAGRAM, "live_comments"): _comment,
    (Platform.INSTAGRAM, "mentions"): _mention,
    (Platform.INSTAGRAM, "messages"): _message,
    (Platform.INSTAGRAM, "story_insights"): _story,
    (Platform.FACEBOOK, "feed"): _feed,
    (Platform.FACEBOOK, "messages"): _message,
    **{(Platform.TIKTOK, field): _post_fate for field in tiktok_webhooks.FIELDS},
    **{(Platform.YOUTUBE, field): _video_fate for field in youtube_push.FIELDS},
}
