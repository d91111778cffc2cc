"""The permissions that accounts are asked for, and those without which they can't do their part."""

from __future__ import annotations

from collections.abc import Collection

from stakazo.platforms import facebook, instagram, meta_login, tiktok, youtube
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
    Platform.INSTAGRAM: instagram.SCOPES,
    Platform.FACEBOOK: facebook.SCOPES,
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


def may_publish(platform: Platform, scopes: Collection[str]) -> bool:
    """Whether the person has allowed to publish, as far as it is known what they have."""
    return not missing(scopes, (TO_PUBLISH[platform],))


def declined(given: Collection[str], wanted: Collection[str]) -> tuple[str, ...]:
    """What was asked for and not given."""
    return missing(given, tuple(wanted))


def lacks(platform: Platform, scopes: Collection[str]) -> tuple[str, ...]:
    """The permissions that a channel misses, as far as it is known what it has."""
    return missing(scopes, NEEDED[platform])
