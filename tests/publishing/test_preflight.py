"""What speaks against publishing something: limits, rights, the account."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stakazo.platforms.base import Audience, Kind, Platform
from stakazo.publishing import limits, preflight
from stakazo.publishing.preflight import Allows, ContentId, File, Rights, Target, Words

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
REEL = File("instagram_reel", 20_000_000, 1080, 1920, 30.0, 30.0, "h264", "aac")
LANDSCAPE = replace(REEL, name="landscape", width=1920, height=1080)
INSTAGRAM, FACEBOOK, TIKTOK, YOUTUBE = (Target(platform) for platform in Platform)
TITLED, UNSAID, FREE = Words("Out now", "Blue"), Words(), Rights()


def codes(
    file: File = REEL, kind: Kind = Kind.REEL, target: Target = INSTAGRAM, words: Words = UNSAID,
    rights: Rights = FREE, at: datetime = NOW,
) -> list[str]:  # fmt: skip
    found = preflight.check(file, kind, target, words, rights, at)
    return [one.code for one in preflight.refusals(found)]


def test_what_fits_is_allowed_everywhere() -> None:
    assert codes(words=Words("Out now #jazz @bluenote", first_comment="Link in bio", cover_at=3.0)) == []
    assert codes(target=FACEBOOK) == []
    assert codes(kind=Kind.VIDEO, target=TIKTOK) == []
    assert codes(kind=Kind.VIDEO, target=YOUTUBE, words=TITLED) == []


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (replace(REEL, duration=2.0), "duration"),
        (replace(REEL, duration=901.0), "duration"),
        (replace(REEL, size=300_000_001), "size"),
        (replace(REEL, fps=61.0), "fps"),
        (replace(REEL, video_codec="av1"), "video_codec"),
        (replace(REEL, audio_codec="opus"), "audio_codec"),
        (replace(REEL, width=2160, height=3840), "picture"),
        (replace(REEL, ready=False), "not_rendered"),
    ],
)
def test_a_file_that_the_platform_refuses(file: File, code: str) -> None:
    assert codes(file) == [code]


def test_a_facebook_reel_is_upright_and_short() -> None:
    assert codes(LANDSCAPE, target=FACEBOOK) == ["shape"]
    assert codes(replace(REEL, duration=91.0), target=FACEBOOK) == ["duration"]
    assert limits.natural_kind(Platform.FACEBOOK, 1080, 1920, 91.0) is Kind.VIDEO
    assert limits.natural_kind(Platform.FACEBOOK, 1080, 1920, 60.0) is Kind.REEL
    assert limits.natural_kind(Platform.INSTAGRAM, 1080, 1350, 60.0) is Kind.FEED
    assert codes(kind=Kind.INBOX) == ["kind"]


def test_what_a_platform_does_not_know_is_named() -> None:
    said = Words("Out now", "Blue", details=frozenset({"title", "cover_url", "duets", "made_with_ai"}))
    found = preflight.check(LANDSCAPE, Kind.VIDEO, FACEBOOK, said, FREE, NOW)
    assert [(one.code, one.refused) for one in found] == [("left_out", False)]
    assert "knows no cover_url, duets" in found[0].sentence


def test_what_is_for_few_is_not_shown_to_everybody() -> None:
    few = replace(UNSAID, audience=Audience.PRIVATE, details=frozenset({"audience"}))
    found = preflight.check(REEL, Kind.REEL, FACEBOOK, few, FREE, NOW)
    assert [one.code for one in found] == codes(words=few) == ["audience"]


def test_words_are_counted_as_each_platform_counts_them() -> None:
    assert codes(words=Words("x" * 2200)) == []
    assert codes(words=Words("x" * 2201)) == ["caption"]
    assert codes(words=Words("🎷" * 1101)) == []
    assert codes(kind=Kind.VIDEO, target=TIKTOK, words=Words("🎷" * 1101)) == ["caption"]
    assert codes(kind=Kind.VIDEO, target=YOUTUBE, words=Words("é" * 2501, "Blue")) == ["caption"]
    assert codes(words=Words("#a #b #c #d #e")) == []
    assert codes(words=Words("#a #b #c #d #e #f")) == ["hashtags"]
    assert codes(words=Words(" ".join(f"@user{n}" for n in range(21)))) == ["mentions"]
    assert codes(kind=Kind.VIDEO, target=YOUTUBE, words=Words("text")) == ["title"]
    assert codes(kind=Kind.VIDEO, target=YOUTUBE, words=Words("a > b", "Blue")) == ["title"]
    assert codes(kind=Kind.VIDEO, target=YOUTUBE, words=Words("", "x" * 101)) == ["title"]
    assert codes(kind=Kind.VIDEO, target=TIKTOK, words=Words(first_comment="hi")) == ["first_comment"]
    assert codes(words=Words(cover_at=31.0)) == ["cover"]
    assert codes(words=Words(collaborators=("a", "b", "c", "d"))) == ["collaborators"]


def test_what_an_account_allows_at_this_moment_is_judged_when_it_is_known() -> None:
    private = Allows(frozenset({Audience.PRIVATE}), longest=20.0, duets=False)
    target = replace(TIKTOK, allows=private)
    assert codes(kind=Kind.VIDEO, target=target) == ["audience", "duration"]
    assert codes(kind=Kind.INBOX, target=target) == []
    words = Words(audience=Audience.PRIVATE, comments=True, duets=True)
    found = preflight.check(replace(REEL, duration=20.0), Kind.VIDEO, target, words, FREE, NOW)
    assert [(one.code, one.refused) for one in found] == [("duets", False)]
    assert codes(kind=Kind.VIDEO, target=replace(TIKTOK, allows=Allows())) == []


def test_hashtags_and_mentions_are_found_as_people_write_them() -> None:
    text = "New! #Jazz #2026 #späti me@mail.de @blue.note. C#major &#39; #a#b"
    assert preflight.hashtags(text) == ["Jazz", "späti", "a"]
    assert preflight.mentions(text) == ["blue.note"]
    assert preflight.with_hashtags("Hi #Jazz", ["jazz", "#live", "live"]) == "Hi #Jazz\n\n#live"
    assert preflight.with_hashtags("", ["live"]) == "#live"


def test_an_embargo_forbids_until_its_moment() -> None:
    rights = Rights(embargo_until=NOW)
    assert codes(rights=rights, at=NOW - timedelta(seconds=1)) == ["embargo"]
    assert codes(rights=rights, at=NOW) == []


def test_rights_for_some_countries_need_a_channel_that_addresses_one_of_them() -> None:
    rights = Rights(territories=frozenset({"DE", "AT"}))
    assert codes(rights=rights) == ["territory"]
    assert codes(rights=rights, target=replace(INSTAGRAM, territory="US")) == ["territory"]
    assert codes(rights=rights, target=replace(INSTAGRAM, territory="AT")) == []


def test_a_claimed_short_over_a_minute_is_refused_and_what_is_no_short_is_not() -> None:
    claimed = Rights(content_id=ContentId.MONETIZE)

    def on_youtube(file: File, rights: Rights = claimed) -> list[str]:
        return codes(file, Kind.VIDEO, YOUTUBE, TITLED, rights)

    assert on_youtube(replace(REEL, duration=61.0)) == ["claimed_short"]
    assert on_youtube(replace(REEL, duration=60.0)) == []
    assert on_youtube(replace(REEL, duration=61.0), Rights()) == []
    assert on_youtube(replace(LANDSCAPE, duration=61.0)) == []
    assert on_youtube(replace(REEL, duration=181.0)) == []
    assert on_youtube(REEL, Rights(content_id=ContentId.BLOCK)) == ["content_id"]
    assert codes(replace(REEL, duration=61.0), rights=claimed) == []


def test_an_account_must_be_connected_and_allowed_when_it_is_due() -> None:
    assert codes(target=replace(INSTAGRAM, connected=False)) == ["channel"]
    assert codes(target=replace(INSTAGRAM, allowed=False)) == ["not_live"]
    ends = replace(INSTAGRAM, expires_at=NOW + timedelta(days=1))
    assert codes(target=ends) == []
    assert codes(target=ends, at=NOW + timedelta(days=1)) == ["token_expires"]
    assert codes(target=replace(INSTAGRAM, expires_at=None), at=NOW + timedelta(days=1)) == []
    warned = preflight.check(REEL, Kind.REEL, ends, Words(), Rights(), NOW)
    assert [(one.code, one.refused) for one in warned] == [("token_expires", False)]
