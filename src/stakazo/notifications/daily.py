"""The digest: when it goes out, and what it says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stakazo.accounts.letters import Letter
from stakazo.core.errors import Invalid

MOST = 50
"""Notices that one letter tells; of the rest it says how many there are."""


@dataclass(frozen=True, slots=True)
class Item:
    """One notice, as a letter tells it."""

    at: datetime
    title: str
    detail: str
    todo: str


def zone(name: str) -> ZoneInfo:
    """Raises Invalid for a time zone that there isn't."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(f"There is no time zone {name!r}; one is called Europe/Berlin, another UTC.") from error


def next_moment(now: datetime, hour: int, where: ZoneInfo) -> datetime:
    """The next time that the clock there shows this hour; an hour that summer time leaves out comes an hour later."""
    local = now.astimezone(where)
    for days in (0, 1, 2):
        day = local.date() + timedelta(days=days)
        moment = datetime.combine(day, time(hour), where).astimezone(UTC)
        if moment > now:
            return moment
    raise AssertionError("there is an hour like that every day")


def subject(items: Sequence[Item]) -> str:
    """What there is, in a line."""
    return items[0].title if len(items) == 1 else f"{len(items)} things to look at"


def letter(to: str, workspace: str, base_url: str, items: Sequence[Item], where: ZoneInfo) -> Letter:
    """What happened in one workspace since the last letter."""
    shown, rest = items[:MOST], len(items) - MOST
    told = [
        "\n".join(
            line
            for line in (f"{item.at.astimezone(where):%a %d %b %H:%M}  {item.title}", item.detail, item.todo)
            if line
        )
        for item in shown
    ]
    more = [f"And {rest} more."] if rest > 0 else []
    end = f"All of it: {base_url}/notifications\n\nYou asked for this once a day; PUT /notifications/settings ends it."
    return Letter(to, f"{workspace}: {subject(items)}", "\n\n".join([*told, *more, end]))
