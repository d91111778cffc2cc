"""Where a smart link leads whom, and whether they are somebody at all. Pure.

    visit = read(user_agent, referer, query, ...)     who comes, and from where
    target = choose(targets, visit)                   the first that is meant for them
    address(target, utm, visit)                       with what analytics call campaign parameters

A visitor is led only to addresses that somebody with the right to do so has written into the link.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from stakazo.core.addresses import parse, why_closed
from stakazo.core.errors import Invalid

CLICK = "stk"
"""The parameter that carries a click's proof to where it leads."""
UTM = ("source", "medium", "campaign", "content", "term")
MOST_TARGETS = 30
LONGEST = 200
"""Characters of one campaign parameter."""


class Device(StrEnum):
    IOS = "ios"
    ANDROID = "android"
    DESKTOP = "desktop"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Target:
    """One place that a link can lead to."""

    name: str
    """`spotify`, `apple_music`, `youtube`, ...: `?to=<name>` asks for it."""
    url: str
    devices: frozenset[Device] = frozenset()
    """For whom it is; nobody said: for all."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Target:
        return cls(row["name"], row["url"], frozenset(map(Device, row.get("devices") or ())))

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "url": self.url, "devices": sorted(self.devices)}


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a link, as far as it matters."""

    device: Device
    source: str
    """Where they come from: `instagram`, `tiktok`, ...; `direct` or `other`."""
    bot: bool
    """A program that looks at links for others, or before anybody has clicked."""
    wanted: str | None = None
    """The target that was asked for."""
    utm: Mapping[str, str] = field(default_factory=dict)
    """What the link carried when it was clicked."""


_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,39}")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,59}")

_BOTS = re.compile(
    r"bot\b|bots\b|crawl|spider|slurp|facebookexternalhit|facebookcatalog|meta-external|^whatsapp/|slack-img"
    r"|skypeuripreview|embedly|vkshare|iframely|preview|headless|phantomjs|puppeteer|playwright|selenium|lighthouse"
    r"|pingdom|uptime|curl/|wget/|python|httpx|aiohttp|okhttp|go-http|java/|apache-http|libwww|node-fetch|axios|scrapy"
    r"|inspectiontool|feedfetcher|mediapartners|google-read-aloud|apis-google|proofpoint|barracuda|mimecast",
    re.IGNORECASE,
)
"""Programs say what they are; people's browsers don't say any of this."""
_BROWSER = re.compile(r"mozilla/|opera/|dalvik/", re.IGNORECASE)

_APPS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("instagram", r"\bInstagram\b"),
        ("facebook", r"\bFBA[NV]\b|\bFB_IAB\b|\[FB"),
        ("tiktok", r"musical_ly|BytedanceWebview|\btrill_|\bTikTok\b"),
        ("snapchat", r"\bSnapchat\b"),
        ("x", r"\bTwitter for "),
        ("pinterest", r"\bPinterest for "),
    )
)
"""Apps whose own browser says their name."""
_PAGES: tuple[tuple[str, frozenset[str]], ...] = (
    ("instagram", frozenset({"instagram.com"})),
    ("facebook", frozenset({"facebook.com", "fb.com", "fb.me", "messenger.com"})),
    ("tiktok", frozenset({"tiktok.com"})),
    ("youtube", frozenset({"youtube.com", "youtu.be"})),
    ("x", frozenset({"x.com", "twitter.com", "t.co"})),
    ("google", frozenset({"google.com"})),
    ("snapchat", frozenset({"snapchat.com"})),
    ("reddit", frozenset({"reddit.com"})),
    ("pinterest", frozenset({"pinterest.com", "pin.it"})),
)


def read(headers: Mapping[str, str], query: Sequence[tuple[str, str]], *, head: bool = False) -> Visit:
    """Who comes.

    Args:
        headers: Of the request, with names in small letters.
        query: Of the request: `to`, `utm_...`.
        head: Whether only the headers of the answer are wanted.
    """
    agent = headers.get("user-agent", "")
    asked = dict(query)
    utm = {name: asked[f"utm_{name}"][:LONGEST] for name in UTM if asked.get(f"utm_{name}")}
    return Visit(
        device=device(agent),
        source=source(agent, headers.get("referer", "")),
        bot=head or is_bot(agent, headers),
        wanted=asked.get("to"),
        utm=utm,
    )


def device(agent: str) -> Device:
    if re.search(r"iPhone|iPad|iPod", agent):
        return Device.IOS
    if "Android" in agent:
        return Device.ANDROID
    if re.search(r"Windows NT|Macintosh|X11|CrOS|Linux x86", agent):
        return Device.DESKTOP
    return Device.OTHER


def source(agent: str, referer: str) -> str:
    """Where somebody comes from: the app whose browser it is, or else the page that had the link."""
    for name, pattern in _APPS:
        if pattern.search(agent):
            return name
    try:
        host = (urlsplit(referer).hostname or "").lower()
    except ValueError:
        host = ""
    for name, hosts in _PAGES:
        if any(host == one or host.endswith(f".{one}") for one in hosts):
            return name
    return "other" if host else "direct"


def is_bot(agent: str, headers: Mapping[str, str]) -> bool:
    """Whether this is nobody's click: a program, or a browser that only fetches in advance."""
    ahead = f"{headers.get('purpose', '')} {headers.get('sec-purpose', '')} {headers.get('x-moz', '')}".lower()
    if "prefetch" in ahead or "preview" in ahead:
        return True
    return not _BROWSER.search(agent) or _BOTS.search(agent) is not None


def choose(targets: Sequence[Target], visit: Visit) -> Target:
    """The target that was asked for, else the first that is meant for the device, else the first for all."""
    named = next((target for target in targets if target.name == visit.wanted), None)
    meant = next((target for target in targets if visit.device in target.devices), None)
    for_all = next((target for target in targets if not target.devices), None)
    return named or meant or for_all or targets[0]


def address(target: Target, utm: Mapping[str, str], visit: Visit, click: str | None = None) -> str:
    """Where they are led.

    What the clicked link carried goes before what the link itself says, that before what stands in the target's URL,
    and that before what we know by ourselves: where they come from.
    """
    parts = urlsplit(target.url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    defaults = {"source": visit.source, "medium": "social"}
    said = {f"utm_{name}": value for name, value in {**defaults, **utm, **visit.utm}.items()}
    weak = {f"utm_{name}" for name in defaults} - {f"utm_{name}" for name in {*utm, *visit.utm}}
    said = {name: value for name, value in said.items() if name not in weak or name not in dict(given)}
    kept = [(name, value) for name, value in given if name not in said]
    added = [(name, said[name]) for name in (f"utm_{one}" for one in UTM) if name in said]
    proof = [(CLICK, click)] if click else []
    return urlunsplit(parts._replace(query=urlencode([*kept, *added, *proof])))


# --- what somebody wants to write into a link ---------------------------------------------------------------


def checked_targets(rows: Sequence[Mapping[str, Any]], own_host: str) -> list[dict[str, Any]]:
    """The targets as they are kept. Raises Invalid.

    A link of ours must not be a way to anywhere (`javascript:`, a name that looks like another) nor to itself.
    """
    targets = [Target.of(row) for row in rows]
    if not 1 <= len(targets) <= MOST_TARGETS:
        raise Invalid(f"A link has 1 to {MOST_TARGETS} targets.")
    if len({target.name for target in targets}) != len(targets):
        raise Invalid("Each target has a name of its own.")
    return [Target(_named(target.name), _public(target.url, own_host), target.devices).as_json() for target in targets]


def checked_slug(slug: str) -> str:
    if not _SLUG.fullmatch(slug):
        raise Invalid("A slug has 3 to 60 letters, digits, - and _: `blue-night`.")
    return slug


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Invalid(f"A target is called by small letters, digits and _: spotify, apple_music. {name!r} is not.")
    return name


def _public(url: str, own_host: str) -> str:
    target = parse(url)
    if target.scheme != "https":
        raise Invalid(f"A link leads to https:// addresses; {target.host} is to be reached without.")
    if target.address is not None and (why := why_closed(target.address)):
        raise Invalid(f"A link can't lead to {target.host}: it is {why}.")
    if "." not in target.host and target.address is None:
        raise Invalid(f"A link leads to names that everybody knows; {target.host} is none.")
    if target.host == own_host:
        raise Invalid("A link doesn't lead to this server: that could go round in circles.")
    fragment = urlsplit(url).fragment
    return target.url + (f"#{fragment}" if fragment else "")
