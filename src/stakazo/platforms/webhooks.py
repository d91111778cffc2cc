r"""What Meta sends by itself: who may, whether it is from Meta, and what it says. Pure.

    challenge = handshake(query, verify_token)       GET: what to answer, as plain text
    require_signature(body, header, app_secret)      POST: over the raw bytes, before anything is parsed
    changes(body)                                    ... and what it says

Meta signs what it sends, with `\u00e4` and `\/` in it: who parses and writes it anew gets other bytes for every
umlaut. Deliveries are batches, come twice, late and in any order: `Change.key` is the same for the same change.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from stakazo.platforms.errors import Reason, Rejected


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened."""

    object: str
    """instagram, page, ..."""
    account_id: str
    """Whose: the Instagram user's, the Page's."""
    field: str
    """comments, mentions, story_insights, feed, messages, ...; what isn't known is kept all the same."""
    value: Mapping[str, Any]
    at: float
    """Seconds since 1970, as Meta says."""

    @property
    def key(self) -> str:
        """The same whenever the same change comes."""
        value = json.dumps(self.value, sort_keys=True, separators=(",", ":"))
        what = f"{self.object}\n{self.account_id}\n{self.field}\n{value}"
        return hashlib.sha256(what.encode()).hexdigest()


def handshake(query: Mapping[str, str], verify_token: str, modes: Collection[str] = ("subscribe",)) -> str:
    """What to answer Meta's question whether it may send here. Rejected for anybody else's."""
    given = query.get("hub.verify_token", "")
    if query.get("hub.mode") not in modes or not hmac.compare_digest(given.encode(), verify_token.encode()):
        raise Rejected("This isn't the webhook that was asked for.", Reason.PERMISSION)
    return query.get("hub.challenge", "")


def require_signature(body: bytes, header: str | None, app_secret: str) -> None:
    """Whether the bytes are from Meta: `X-Hub-Signature-256`. Raises Rejected."""
    expected = "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest((header or "").encode(), expected.encode()):
        raise Rejected("The signature is not that of our app.", Reason.PERMISSION)


def changes(body: bytes) -> list[Change]:
    """What a delivery says, in its order. Rejected for what isn't one."""
    try:
        said = json.loads(body)
        entries = said["entry"]
        return [change for entry in entries for change in _of_entry(str(said["object"]), entry)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Rejected("This is no delivery of Meta's.", Reason.INVALID) from error


def only(body: bytes, accounts: Collection[str]) -> bytes:
    """The delivery without what is about other accounts, and so no longer the bytes that were signed."""
    said = json.loads(body)
    said["entry"] = [entry for entry in said["entry"] if str(entry.get("id", "")) in accounts]
    return json.dumps(said, separators=(",", ":")).encode()


def _of_entry(kind: str, entry: Mapping[str, Any]) -> list[Change]:
    """Instagram Login puts field and value on the entry itself; messages have a list of their own."""
    account, at = str(entry.get("id", "")), float(entry.get("time", 0))
    found = [
        Change(kind, account, str(one["field"]), _value(one.get("value")), at) for one in entry.get("changes") or []
    ]
    found += [Change(kind, account, "messages", _value(one), at) for one in entry.get("messaging") or []]
    if "field" in entry:
        found.append(Change(kind, account, str(entry["field"]), _value(entry.get("value")), at))
    return found


def _value(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, dict) else {"value": given}
