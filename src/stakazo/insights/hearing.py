"""What a platform's news comes to: something that somebody has said, or numbers; or nothing that we know. Pure.

News that isn't understood is no mistake: platforms add kinds and fields without a word. It is kept whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

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
    parent_id: str | None = None
    """The comment that it answers."""
    author: str = ""
    author_id: str = ""
    text: str = ""
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """Numbers of a post, as they were at a moment."""

    post_id: str
    metrics: Metrics
    at: datetime


def understood(news: News) -> Said | Told | None:
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
    """Who it was and what they said must be asked for; only that it happened is told."""
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
    return Said(
        kind=ItemKind.COMMENT,
        id=str(value["comment_id"]),
        at=news.at,
        post_id=post.rpartition("_")[2] or None,
        parent_id=None if parent == post else parent,
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


_READERS = {
    (Platform.INSTAGRAM, "comments"): _comment,
    (Platform.INSTAGRAM, "live_comments"): _comment,
    (Platform.INSTAGRAM, "mentions"): _mention,
    (Platform.INSTAGRAM, "messages"): _message,
    (Platform.INSTAGRAM, "story_insights"): _story,
    (Platform.FACEBOOK, "feed"): _feed,
    (Platform.FACEBOOK, "messages"): _message,
}
