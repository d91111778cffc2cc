"""The permissions that accounts are asked for, and those without which they can't do their part."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from stakazo.platforms import facebook, instagram, meta_login, meta_messages, tiktok, youtube
from stakazo.platforms.base import Platform
from stakazo.platforms.oauth import missing

ASKED: dict[Platform, tuple[str, ...]] = {
    Platform.INSTAGRAM: meta_login.SCOPES,
    Platform.FACEBOOK: meta_login.SCOPES,
    Platform.TIKTOK: tiktok.SCOPES,
    Platform.YOUTUBE: youtube.SCOPES,
}
"""What a person is asked for. Meta asks once for its Pages, Instagram accounts and advertising together."""

NEEDED: dict[Platform, tuple[str, ...]] = {
    Platform.INSTAGRAM: (*instagram.SCOPES, meta_messages.SCOPES[Platform.INSTAGRAM]),
    Platform.FACEBOOK: (*facebook.SCOPES, meta_messages.SCOPES[Platform.FACEBOOK]),
    Platform.TIKTOK: tiktok.SCOPES,
    Platform.YOUTUBE: youtube.SCOPES,
}
"""What a channel of this platform makes use of."""

TO_PUBLISH = {
    Platform.INSTAGRAM: "instagram_content_publish",
    Platform.FACEBOOK: "pages_manage_posts",
    Platform.TIKTOK: "video.publish",
    Platform.YOUTUBE: "https://www.googleapis.com/auth/youtube.upload",
}
"""Without which nothing can be published at all."""


_NO_POSTS = "Nothing can be published on it."
_NO_FIGURES = "What its posts bring isn't measured."
_NO_COMMENTS = "Comments can't be written or answered from here."
_NO_MESSAGES = "Messages to the account are neither told nor answered from here: they stay in the platform's own app."
WITHOUT: dict[str, str] = {
    **dict.fromkeys(TO_PUBLISH.values(), _NO_POSTS),
    **dict.fromkeys(meta_messages.SCOPES.values(), _NO_MESSAGES),
    "instagram_manage_comments": _NO_COMMENTS,
    "pages_manage_engagement": _NO_COMMENTS,
    "https://www.googleapis.com/auth/youtube.force-ssl": _NO_COMMENTS,
    "instagram_manage_insights": _NO_FIGURES,
    "read_insights": _NO_FIGURES,
    "https://www.googleapis.com/auth/yt-analytics.readonly": _NO_FIGURES,
    "video.list": _NO_FIGURES,
}
"""What can't be done without a permission."""
_ELSE = "Some of what it is asked to do, it will be refused."
TODO = (
    "Connect the channel again and allow it: POST /channels/connect with `again`, or "
    "`stakazo channels connect ... --again`."
)


@dataclass(frozen=True, slots=True)
class Lack:
    """A permission that a channel's person hasn't given."""

    scope: str
    without: str
    """What can't be done."""
    todo: str = TODO


def may_publish(platform: Platform, scopes: Collection[str]) -> bool:
    """Whether the person has allowed to publish, as far as it is known what they have."""
    return not missing(scopes, (TO_PUBLISH[platform],))


def declined(given: Collection[str], wanted: Collection[str]) -> tuple[str, ...]:
    """What was asked for and not given."""
    return missing(given, tuple(wanted))


def lacks(platform: Platform, scopes: Collection[str]) -> tuple[str, ...]:
    """The permissions that a channel misses, as far as it is known what it has."""
    return missing(scopes, NEEDED[platform])


def told(lacking: Collection[str]) -> list[Lack]:
    """What each missing permission means, and what a person does about it."""
    return [Lack(scope, WITHOUT.get(scope, _ELSE)) for scope in lacking]
