"""What the address of a post says."""

from __future__ import annotations

import pytest

from stakazo.platforms.base import Platform
from stakazo.publishing.addresses import NoAddress, named, post_id

INSTA, F, T, Y = Platform.INSTAGRAM, Platform.FACEBOOK, Platform.TIKTOK, Platform.YOUTUBE


@pytest.mark.parametrize(
    ("platform", "url", "name"),
    [
        (Y, "https://www.youtube.com/watch?list=x&v=abcdefghijk", "abcdefghijk"),
        (Y, "https://m.youtube.com/shorts/abc-_fghijk/", "abc-_fghijk"),
        (Y, "https://youtu.be/abcdefghijk?si=x", "abcdefghijk"),
        (INSTA, "https://www.instagram.com/reel/C8_b-c/?igsh=x", "C8_b-c"),
        (INSTA, "https://instagram.com/bluenote/p/C8abc", "C8abc"),
        (INSTA, "https://instagram.com/tv/C8abc/", "C8abc"),
        (F, "https://www.facebook.com/reel/77", "77"),
        (F, "https://m.facebook.com/bluenote/videos/blue-train/77/", "77"),
        (F, "https://www.facebook.com/watch/?v=77", "77"),
        (T, "https://www.tiktok.com/@blue/video/7?lang=en", "7"),
    ],
)
def test_an_address_names_a_post(platform: Platform, url: str, name: str) -> None:
    assert named(platform, url) == name
    assert post_id(platform, url) == (None if platform is INSTA else name)


@pytest.mark.parametrize(
    ("platform", "url", "why"),
    [
        (INSTA, "https://evil.org/reel/1", "evil.org is not Instagram"),
        (INSTA, "https://instagram.com@evil.org/reel/1", "evil.org is not Instagram"),
        (INSTA, "https://notinstagram.com/reel/1", "is not Instagram"),
        (Y, "https://www.tiktok.com/@blue/video/7", "is not YouTube"),
        (T, "https://vm.tiktok.com/ZMabc/", "or say the post's id"),
        (F, "https://fb.watch/abc/", "or say the post's id"),
        (F, "https://www.facebook.com/bluenote", "or say the post's id"),
        (Y, "https://www.youtube.com/@bluenotejz", "or say the post's id"),
    ],
)
def test_what_names_no_post_there_says_what_would(platform: Platform, url: str, why: str) -> None:
    with pytest.raises(NoAddress, match=why):
        named(platform, url)
