from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stakazo.core.errors import Invalid
from stakazo.links import choosing
from stakazo.links.choosing import Device, Target, Visit

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36"

PEOPLE = [
    (f"{IPHONE} Mobile/22B83 Instagram 358.0.0.29.90 (iPhone16,1; iOS 18_1)", "", Device.IOS, "instagram"),
    (f"{IPHONE} Mobile/22B83 [FBAN/FBIOS;FBAV/488.0.0.61;FBDV/iPhone16,1]", "", Device.IOS, "facebook"),
    (f"{ANDROID} Safari/537.36 musical_ly_2023 JsSdk/1.0 BytedanceWebview/d8a21c6", "", Device.ANDROID, "tiktok"),
    (f"{ANDROID} Safari/537.36", "https://www.youtube.com/", Device.ANDROID, "youtube"),
    (f"{MAC}", "https://l.instagram.com/?u=x", Device.DESKTOP, "instagram"),
    (f"{MAC}", "https://notinstagram.com/", Device.DESKTOP, "other"),
    (f"{MAC}", "", Device.DESKTOP, "direct"),
    (f"{MAC}", "https://[broken", Device.DESKTOP, "direct"),
    (f"{IPHONE} Mobile/15E148 [Pinterest/iOS] Pinterest for iOS/13.1", "", Device.IOS, "pinterest"),
    (f"{ANDROID} Safari/537.36 Telegram-Android/11.4.2 (Google Pixel 9)", "", Device.ANDROID, "direct"),
    (f"{IPHONE} Mobile/22B83 [LinkedInApp]/9.30", "", Device.IOS, "direct"),
    ("Mozilla/5.0 (PlayStation 5)", "", Device.OTHER, "direct"),
]
PROGRAMS = [
    "",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "WhatsApp/2.23.20.0",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) Chrome/131 Mobile Safari/537.36 (compatible; Googlebot/2.1)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/131.0.0.0 Safari/537.36",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 Mobile Safari/537.36 (compatible; Bytespider)",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "Mozilla/5.0 (compatible; Pinterestbot/1.0; +http://www.pinterest.com/bot.html)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "python-httpx/0.28.1",
    "curl/8.5.0",
]


@pytest.mark.parametrize(("agent", "referer", "device", "source"), PEOPLE)
def test_people_and_where_they_come_from(agent: str, referer: str, device: Device, source: str) -> None:
    visit = choosing.read({"user-agent": agent, "referer": referer}, [])
    assert (visit.device, visit.source, visit.bot) == (device, source, False)


@pytest.mark.parametrize("agent", PROGRAMS)
def test_programs_are_nobody(agent: str) -> None:
    assert choosing.read({"user-agent": agent}, []).bot


@pytest.mark.parametrize(
    "ahead", [{"purpose": "prefetch"}, {"sec-purpose": "prefetch;prerender"}, {"x-moz": "prefetch"}]
)
def test_who_only_fetches_in_advance_is_nobody_yet(ahead: dict[str, str]) -> None:
    assert choosing.read({"user-agent": MAC, **ahead}, []).bot
    assert choosing.read({"user-agent": MAC}, [], head=True).bot


APPLE = Target("apple_music", "https://music.apple.com/album/1", frozenset({Device.IOS}))
SPOTIFY = Target("spotify", "https://open.spotify.com/track/1?si=a%20b")
YOUTUBE = Target("youtube", "https://www.youtube.com/watch?v=1", frozenset({Device.ANDROID, Device.DESKTOP}))


@pytest.mark.parametrize(
    ("device", "wanted", "target"),
    [
        (Device.IOS, None, APPLE),
        (Device.ANDROID, None, YOUTUBE),
        (Device.OTHER, None, SPOTIFY),
        (Device.IOS, "spotify", SPOTIFY),
        (Device.IOS, "https://evil.example/", APPLE),
    ],
)
def test_each_is_led_where_they_listen(device: Device, wanted: str | None, target: Target) -> None:
    visit = Visit(device, "direct", bot=False, wanted=wanted)
    assert choosing.choose([SPOTIFY, APPLE, YOUTUBE], visit) is target


def test_who_is_meant_by_nothing_gets_the_first() -> None:
    assert choosing.choose([APPLE, YOUTUBE], Visit(Device.OTHER, "direct", bot=False)) is APPLE


def _query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_campaign_parameters_say_where_it_came_from() -> None:
    visit = Visit(Device.IOS, "instagram", bot=False, utm={"content": "story"})
    found = choosing.address(SPOTIFY, {"campaign": "blue night"}, visit, "proof")
    assert _query(found) == {
        "si": "a b",
        "utm_source": "instagram",
        "utm_medium": "social",
        "utm_campaign": "blue night",
        "utm_content": "story",
        "stk": "proof",
    }


@pytest.mark.parametrize(
    ("link", "clicked", "expected"),
    [({}, {}, "own"), ({"source": "link"}, {}, "link"), ({"source": "link"}, {"source": "clicked"}, "clicked")],
)
def test_what_is_nearer_to_the_click_goes_first(link: dict[str, str], clicked: dict[str, str], expected: str) -> None:
    target = Target("shop", "https://shop.example/?utm_source=own&source=kept")
    found = choosing.address(target, link, Visit(Device.IOS, "tiktok", bot=False, utm=clicked))
    assert _query(found) == {"source": "kept", "utm_source": expected, "utm_medium": "social"}


@given(
    query=st.lists(st.tuples(st.sampled_from(["to", "url", "next", "utm_source", "utm_term", "x"]), st.text())),
    agent=st.text(),
    referer=st.text(),
)
def test_nothing_that_a_visitor_says_leads_anywhere_else(
    query: list[tuple[str, str]], agent: str, referer: str
) -> None:
    visit = choosing.read({"user-agent": agent, "referer": referer}, query)
    found = choosing.address(choosing.choose([SPOTIFY, APPLE], visit), {}, visit)
    assert found.isascii()
    assert found.isprintable()
    assert (urlsplit(found).hostname, urlsplit(found).path) in {
        ("open.spotify.com", "/track/1"),
        ("music.apple.com", "/album/1"),
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://open.spotify.com/track/1",
        "javascript:alert(1)",
        "https://open.spotify.com@evil.example/",
        "//evil.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://intranet/",
        "https://clips.example.com/l/abc",
        "https://evil.example\\@open.spotify.com/",
        "https://a.example/\r\nSet-Cookie: a=b",
    ],
)
def test_a_link_leads_to_public_https_addresses_only(url: str) -> None:
    with pytest.raises(Invalid):
        choosing.checked_targets([{"name": "spotify", "url": url}], "clips.example.com")


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"name": "a", "url": "https://a.example/"}, {"name": "a", "url": "https://b.example/"}],
        [{"name": "Spotify!", "url": "https://a.example/"}],
        [{"name": f"t{n}", "url": "https://a.example/"} for n in range(31)],
    ],
)
def test_targets_that_make_no_link(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(Invalid):
        choosing.checked_targets(rows, "clips.example.com")


def test_a_target_is_kept_as_it_was_meant() -> None:
    rows = [{"name": "apple_music", "url": "https://MUSIC.apple.com/album/1?i=2#top", "devices": ["ios"]}]
    assert choosing.checked_targets(rows, "x.example") == [
        {"name": "apple_music", "url": "https://music.apple.com/album/1?i=2#top", "devices": ["ios"]}
    ]
