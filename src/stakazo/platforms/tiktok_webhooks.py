"""What TikTok sends by itself: whether it is from TikTok, and what it says. Pure.

    require_signature(body, header, client_secret, now)      `TikTok-Signature: t=<seconds>,s=<hex>`
    changes(body)                                            one event; what it is about is JSON in a string

The address is named in the app's own settings at TikTok; nothing is subscribed to. `content` names a post by the
`publish_id` of its upload, and by `post_id` once it is seen by everybody.
"""

from __future__ import annotations

import hashlib
import hmac
import json

from stakazo.platforms.errors import Reason, Rejected
from stakazo.platforms.webhooks import Change

TOLERANCE = 300.0
"""Seconds by which a signature's time may be off: TikTok signs each try anew."""
COMPLETE, FAILED = "post.publish.complete", "post.publish.failed"
IN_INBOX = "post.publish.inbox_delivered"
PUBLIC, NOT_PUBLIC = "post.publish.publicly_available", "post.publish.no_longer_publicaly_available"
"""The second is TikTok's own spelling."""
REMOVED = "authorization.removed"
FIELDS = (COMPLETE, FAILED, IN_INBOX, PUBLIC, NOT_PUBLIC, REMOVED)
"""What it tells."""


def require_signature(body: bytes, header: str | None, client_secret: str, now: float) -> None:
    """Whether the bytes are from TikTok, and were signed just now. Raises Rejected."""
    parts = dict(part.strip().partition("=")[::2] for part in (header or "").split(","))
    at, given = parts.get("t", ""), parts.get("s", "")
    expected = hmac.new(client_secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Rejected("The signature is not that of our app.", Reason.PERMISSION)
    if not at.isdecimal() or abs(now - int(at)) > TOLERANCE:
        raise Rejected("This was signed long ago, and whoever sends it now isn't TikTok.", Reason.PERMISSION)


def changes(body: bytes) -> list[Change]:
    """What a delivery says. Rejected for what isn't one."""
    try:
        said = json.loads(body)
        content = said.get("content") or "{}"
        value = json.loads(content) if isinstance(content, str) else dict(content)
        known = value if isinstance(value, dict) else {"value": value}
        # The same event of the same post may happen again another day: its moment is part of it.
        known |= {"client_key": str(said["client_key"]), "create_time": int(said["create_time"])}
        return [Change("tiktok", str(said["user_openid"]), str(said["event"]), known, float(said["create_time"]))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Rejected("This is no delivery of TikTok's.", Reason.INVALID) from error
