"""What events are called outside, which ones somebody wants, and what is sent of one. Pure.

Outside an event is called by what it happened to and what happened, with a dot between: the ledger's
`publication_published` is `publication.published`, and `job_processing_failed` is `job.processing_failed`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from stakazo.core.errors import Invalid
from stakazo.ledger.personal import KEY as PERSONAL

MOST_BYTES = 20_000
"""Of one body: what the Standard Webhooks ask senders to stay below."""
OWN_JOBS = frozenset({"deliver_webhook", "push_digest", "push_notice", "send_digest"})
"""Jobs that only tell: telling of them would never end."""

SUBJECTS = frozenset({
    "ad_account", "api_key", "audience", "backup", "campaign", "channel", "channel_consent", "clip", "import",
    "inbox_item", "invitation", "job", "ledger", "link", "publication", "rights", "rule", "session", "upload", "user",
    "variant", "video", "webhook", "workspace",
})  # fmt: skip
"""What events happen to."""

_PATTERN = re.compile(r"\*|(?:\*|[a-z][a-z0-9_]*)\.[a-z*][a-z0-9_*]*")


@dataclass(frozen=True, slots=True)
class News:
    """An event of the ledger that has its place there."""

    id: UUID
    position: int
    time: datetime
    event: str
    subject_type: str
    subject_id: UUID
    actor_kind: str
    actor_id: str
    correlation_id: UUID
    data: Mapping[str, Any]

    @property
    def type(self) -> str:
        """What it is called outside."""
        return type_of(self.event, self.subject_type)

    @property
    def own(self) -> bool:
        """Whether it is about telling others, and so nothing to tell them."""
        return self.subject_type == "webhook" or (self.subject_type == "job" and self.data.get("type") in OWN_JOBS)


def type_of(event: str, subject_type: str) -> str:
    return f"{subject_type}.{event.removeprefix(f'{subject_type}_')}"


def wanted(patterns: Iterable[str], type_: str) -> bool:
    """Whether one of the patterns is this type; a `*` stands for anything, dots too."""
    return any(_expression(pattern).fullmatch(type_) for pattern in patterns)


def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")))


def checked(patterns: Iterable[str]) -> list[str]:
    """The patterns, each once. Raises Invalid for one that no event could be."""
    found = list(dict.fromkeys(patterns))
    for pattern in found:
        if not _PATTERN.fullmatch(pattern):
            raise Invalid(
                f"{pattern!r} names no events. One is `publication.published`; `publication.*`, `*.failed` and `*` "
                "are several."
            )
        if (subject := pattern.partition(".")[0]) not in SUBJECTS | {"*"}:
            raise Invalid(f"{pattern!r} names no events: none happens to {subject!r}, but to {_listed()}.")
    return found


def _listed() -> str:
    *most, last = sorted(SUBJECTS)
    return f"{', '.join(most)} and {last}"


def body(news: News) -> bytes:
    """What is sent of an event, always the same bytes: its type, its moment, and what it says."""
    said = {name: value for name, value in news.data.items() if name != PERSONAL}
    whole = _written(news, said)
    return whole if len(whole) <= MOST_BYTES else _written(news, {}, cut=True)


def _written(news: News, details: Mapping[str, Any], *, cut: bool = False) -> bytes:
    data: dict[str, Any] = {
        "id": str(news.id),
        "subject": {"type": news.subject_type, "id": str(news.subject_id)},
        "actor": {"kind": news.actor_kind, "id": news.actor_id},
        "correlation_id": str(news.correlation_id),
        "details": details,
    }
    if cut:
        data["details_in"] = f"/ledger/events?subject={news.subject_type}/{news.subject_id}"
    time = news.time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    told = {"type": news.type, "timestamp": time, "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=str).encode()
