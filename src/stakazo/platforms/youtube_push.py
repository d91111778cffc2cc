"""YouTube's push notifications (WebSub 0.4 as Google's hub speaks it): which videos of a channel are new or gone. Pure.

    topic = topic_of(channel_id)                     what is subscribed to at the hub
    channel_id = channel_of(topic)                   ... and asked about, when the hub wants to know whether that is so
    require_signature(body, header, secret)          over the raw bytes, before anything is parsed
    changes(body)                                    an Atom feed with what is new, or gone

Nothing is told of numbers or comments: those are asked for.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree.ElementTree import Element, ParseError, XMLParser

from stakazo.platforms.errors import Reason, Rejected
from stakazo.platforms.webhooks import Change

TOPIC = "https://www.youtube.com/xml/feeds/videos.xml"
LEASE = 10 * 86_400
"""Seconds that a subscription should last; the hub decides."""
MODES = ("subscribe", "unsubscribe")
"""What the hub asks about, before it does it."""
NEW, GONE = "video", "deleted"
FIELDS = (NEW, GONE)
"""What it tells."""
_ATOM, _YT, _AT = (
    "{http://www.w3.org/2005/Atom}", "{http://www.youtube.com/xml/schemas/2015}", "{http://purl.org/atompub/tombstones/1.0}",
)  # fmt: skip


def topic_of(channel_id: str) -> str:
    return f"{TOPIC}?{urlencode({'channel_id': channel_id})}"


def channel_of(topic: str) -> str | None:
    """Whose feed that is; None where it isn't a channel's."""
    address, _, query = topic.partition("?")
    found = parse_qs(query).get("channel_id", [])
    return found[0] if address == TOPIC and len(found) == 1 else None


def require_signature(body: bytes, header: str | None, secret: str) -> None:
    """Whether the bytes are from the hub that was told the secret: `X-Hub-Signature`. Raises Rejected."""
    expected = "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
    if not hmac.compare_digest((header or "").encode(), expected.encode()):
        raise Rejected("The signature is not that of our subscription.", Reason.PERMISSION)


def changes(body: bytes) -> list[Change]:
    """What a feed says, in its order. Rejected for what isn't one."""
    try:
        feed = _parsed(body)
        new = [_new(entry) for entry in feed.iter(f"{_ATOM}entry")]
        return new + [_gone(entry) for entry in feed.iter(f"{_AT}deleted-entry")]
    except (ParseError, ValueError, KeyError) as error:
        raise Rejected("This is no notification of YouTube's.", Reason.INVALID) from error


def _parsed(body: bytes) -> Element:
    """The feed; a document type has no business in one, and what it may define is never expanded."""
    text = body.decode("utf-8")
    if "<!" in text:
        raise ValueError("a feed declares nothing")
    parser = XMLParser()  # noqa: S314 - without declarations there is nothing to expand
    parser.feed(text)
    found: Element = parser.close()
    return found


def _new(entry: Element) -> Change:
    def text(name: str) -> str:
        return entry.findtext(name) or ""

    video, channel = text(f"{_YT}videoId"), text(f"{_YT}channelId")
    if not video or not channel:
        raise ValueError("an entry is of a video")
    value = {
        "video_id": video,
        "title": text(f"{_ATOM}title"),
        "published": text(f"{_ATOM}published"),
        "updated": text(f"{_ATOM}updated"),
    }
    at = value["updated"] or value["published"]
    return Change("youtube", channel, NEW, value, datetime.fromisoformat(at).timestamp())


def _gone(entry: Element) -> Change:
    """`ref` is `yt:video:<id>`; whose it was, its address says."""
    video = entry.attrib["ref"].rpartition(":")[2]
    uri = entry.findtext(f"{_AT}by/{_ATOM}uri") or ""
    channel = urlsplit(uri).path.rpartition("/")[2]
    at = datetime.fromisoformat(entry.attrib["when"]).timestamp()
    return Change("youtube", channel, GONE, {"video_id": video}, at)
