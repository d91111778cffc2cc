"""How much of an allowance is used, as Meta's headers say, and when to stop before it does. Pure.

Meta answers requests beyond its limits with an error that costs more than the request: the account stays closed for as
long as one goes on asking. So each answer's headers are read, and a request that would come too soon isn't sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FULL, CLOSE = 97.0, 80.0
"""Percent used: from here on nothing is asked; from here on only what can't wait."""
REST = 300.0
"""Seconds without requests after a full allowance, where the platform doesn't say how long. It counts a moving hour."""
BREATH = 30.0
"""Seconds that what can wait waits when an allowance is close to full."""

APP, AD_ACCOUNT, INSIGHTS = "app", "ad_account", "ads_insights"


@dataclass(frozen=True, slots=True)
class Reading:
    """How full one allowance was at one moment."""

    what: str
    """`app`, or Meta's name of a business use case: `instagram`, `pages`, `ads_management`, `ads_insights`, ..."""
    percent: float
    at: float
    """Seconds, of the caller's clock."""
    closed_for: float = 0.0
    """Seconds for which the platform says that it answers nothing."""

    def opens(self, *, urgent: bool) -> float:
        """When a request may be sent again, of the same clock."""
        if self.closed_for:
            return self.at + self.closed_for
        if self.percent >= FULL:
            return self.at + REST
        return self.at + BREATH if self.percent >= CLOSE and not urgent else self.at


def read(headers: Mapping[str, str], now: float) -> list[Reading]:
    """What an answer's headers say. What can't be understood says nothing."""
    found = []
    if app := _object(headers.get("x-app-usage")):
        found.append(Reading(APP, _highest(app, "call_count", "total_time", "total_cputime"), now))
    for entries in _object(headers.get("x-business-use-case-usage")).values():
        found += [_business(entry, now) for entry in _entries(entries)]
    if throttle := _object(headers.get("x-fb-ads-insights-throttle")):
        found.append(Reading(INSIGHTS, _highest(throttle, "app_id_util_pct", "acc_id_util_pct"), now))
    if account := _object(headers.get("x-ad-account-usage")):
        percent = _highest(account, "acc_id_util_pct")
        closed = _number(account.get("reset_time_duration")) if percent >= FULL else 0.0  # seconds
        found.append(Reading(AD_ACCOUNT, percent, now, closed))
    return found


def pause(readings: Iterable[Reading], now: float, *, urgent: bool) -> float:
    """Seconds until the next request should be sent; 0.0 for now."""
    return max(0.0, *(reading.opens(urgent=urgent) - now for reading in readings), 0.0)


class Meter:
    """The newest reading of each allowance of one account."""

    def __init__(self) -> None:
        self._newest: dict[str, Reading] = {}

    def note(self, headers: Mapping[str, str], now: float) -> None:
        for reading in read(headers, now):
            self._newest[reading.what] = reading

    def close(self, what: str, now: float, seconds: float) -> None:
        """The platform has said by an error that it is closed."""
        self._newest[what] = Reading(what, 100.0, now, seconds)

    def pause(self, what: Iterable[str], now: float, *, urgent: bool) -> float:
        """Seconds to wait before a request that counts against these allowances."""
        counted = [self._newest[name] for name in what if name in self._newest]
        return pause(counted, now, urgent=urgent)

    def fullest(self) -> Reading | None:
        """The allowance with the least left, for people."""
        return max(self._newest.values(), key=lambda reading: reading.percent, default=None)


def _business(entry: Mapping[str, Any], now: float) -> Reading:
    percent = _highest(entry, "call_count", "total_time", "total_cputime")
    closed_for = 60 * _number(entry.get("estimated_time_to_regain_access"))  # it comes in minutes
    return Reading(str(entry.get("type", "")), percent, now, closed_for)


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _entries(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _highest(values: Mapping[str, Any], *names: str) -> float:
    return max(_number(values.get(name)) for name in names)
