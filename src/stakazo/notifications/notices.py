"""Which events a person should hear of, and in what words. Pure.

Only what went wrong or will: what went right is in the lists. Each notice says what happened, why, and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from stakazo.accounts.roles import Permission
from stakazo.ledger.story import platform
from stakazo.notifications.matching import News

OLD = timedelta(days=7)
"""What happened longer ago is no news, whoever hears of it first."""
TITLE, TEXT = 200, 2000
"""Characters at most."""


class Urgency(StrEnum):
    NOTICE = "notice"
    """To know."""
    WARNING = "warning"
    """Something didn't work."""
    URGENT = "urgent"
    """Something waits for a person."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person reads."""

    kind: str
    """The type of its event: `publication.failed`."""
    urgency: Urgency
    title: str
    detail: str
    todo: str
    needs: Permission
    """Who may not read the thing itself doesn't hear of it."""


@dataclass(frozen=True, slots=True)
class _Words:
    urgency: Urgency
    title: str
    """With the event's own words in braces."""
    needs: Permission
    todo: str = ""


_KNOWN: Mapping[str, _Words] = {
    "publication.failed": _Words(Urgency.WARNING, "A post on {platform} did not go out", Permission.PUBLICATIONS_READ),
    "publication.needs_human": _Words(Urgency.URGENT, "A post on {platform} needs you", Permission.PUBLICATIONS_READ),
    "publication.appeared": _Words(
        Urgency.URGENT, "A post on {platform} that was called off is public", Permission.PUBLICATIONS_READ
    ),
    "publication.removal_failed": _Words(
        Urgency.URGENT, "A post on {platform} could not be taken down", Permission.PUBLICATIONS_READ
    ),
    "publication.first_comment_failed": _Words(
        Urgency.WARNING, "A first comment on {platform} was not written", Permission.PUBLICATIONS_READ
    ),
    "publication.first_comment_doubtful": _Words(
        Urgency.WARNING, "A first comment on {platform} may not be there", Permission.PUBLICATIONS_READ
    ),
    "publication.upload_left": _Words(
        Urgency.WARNING, "An upload that is wanted no more may lie on {platform}", Permission.PUBLICATIONS_READ
    ),
    "channel.token_expired": _Words(
        Urgency.URGENT,
        "The channel {name} on {platform} must be connected again",
        Permission.CHANNELS_READ,
        "Connect the channel again, then retry what waits for it.",
    ),
    "channel.expiring": _Words(
        Urgency.WARNING,
        "The channel {name} on {platform} must be connected again soon",
        Permission.CHANNELS_READ,
        "Connect the channel again before its token ends.",
    ),
    "channel.renewal_failed": _Words(
        Urgency.WARNING,
        "The token of the channel {name} on {platform} could not be renewed",
        Permission.CHANNELS_READ,
        "It is tried again; where it goes on, connect the channel again.",
    ),
    "channel.goodbye_failed": _Words(
        Urgency.WARNING, "{platform} may go on telling what happens on a disconnected channel", Permission.CHANNELS_READ
    ),
    "inbox_item.reply_failed": _Words(
        Urgency.WARNING, "An answer in the inbox was not sent, or may not be there", Permission.INBOX_READ
    ),
    "ad_account.expiring": _Words(
        Urgency.WARNING,
        "The token of the advertising account {name} ends soon",
        Permission.CAMPAIGNS_READ,
        "Connect it again before: afterwards nothing of it can be stopped from here.",
    ),
    "ad_account.token_expired": _Words(
        Urgency.URGENT,
        "An advertising account must be connected again",
        Permission.CAMPAIGNS_READ,
        "Connect it again; until then nothing is launched or watched.",
    ),
    "job.processing_failed": _Words(
        Urgency.WARNING, "The job {type} failed", Permission.JOBS_READ, "See the job; retry it when the cause is gone."
    ),
    "webhook.disabled": _Words(
        Urgency.WARNING,
        "The webhook at {host} was switched off",
        Permission.WEBHOOKS_READ,
        "Mend the receiver, switch the webhook on, and replay what it missed.",
    ),
    "webhook.delivery_died": _Words(
        Urgency.WARNING,
        "A webhook was not delivered: {type}",
        Permission.WEBHOOKS_READ,
        "Mend the receiver, then replay what is dead.",
    ),
    **{
        f"campaign.{what}": _Words(urgency, title, Permission.CAMPAIGNS_READ)
        for what, urgency, title in (
            ("failed", Urgency.WARNING, "A campaign was not launched"),
            ("needs_human", Urgency.URGENT, "A campaign needs you"),
            ("drifted", Urgency.URGENT, "A campaign is not as it was approved"),
            ("disapproved", Urgency.URGENT, "An ad was refused by its platform"),
            ("refused", Urgency.WARNING, "A campaign was refused"),
        )
    },
    **{
        f"audience.{what}": _Words(Urgency.WARNING, title, Permission.CAMPAIGNS_READ)
        for what, title in (
            ("failed", "The audience {name} was not made"),
            ("needs_human", "The audience {name} needs you"),
        )
    },
}
KINDS = tuple(sorted(_KNOWN))
"""Every kind there is."""
_TOLD_OTHERWISE = frozenset(
    {"publish_variant", "take_down", "write_first_comment", "send_reply", "launch_campaign", "tend_audience"}
)
"""Jobs whose failure is told by what they were for."""


def of(news: News, now: datetime) -> Notice | None:
    """What a person should hear of an event; None for most."""
    words = _KNOWN.get(news.type)
    if words is None or news.time < now - OLD:
        return None
    if news.type == "webhook.disabled" and not news.data.get("by_itself"):
        return None
    if news.subject_type == "job" and (news.own or news.data.get("type") in _TOLD_OTHERWISE):
        return None
    said = _said(news.data)
    return Notice(
        kind=news.type,
        urgency=words.urgency,
        title=words.title.format_map(_Blank(_labelled(news.data)))[:TITLE],
        detail=str(said.get("detail") or said.get("why") or said.get("answer") or "")[:TEXT],
        todo=str(said.get("todo") or words.todo)[:TEXT],
        needs=words.needs,
    )


def _said(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The reason, where an event keeps it in a part of its own."""
    error = data.get("error")
    return {**data, **error} if isinstance(error, Mapping) else data


def _labelled(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the platform as it writes itself."""
    return {**data, "platform": platform(data)} if "platform" in data else data


class _Blank(dict[str, Any]):
    """The event's words, and nothing for those that it doesn't have."""

    def __missing__(self, key: str) -> str:
        return "?"
