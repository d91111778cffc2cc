"""What ads brought and cost, as Meta reports it: at once, or as a job for much.

Numbers come as strings, money in major units (budgets are in minor ones), what had no delivery isn't there at all, and
all of it is corrected for about 28 days: a row is what was said at one moment. Days are the advertising account's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from stakazo.platforms.ads import minor_units
from stakazo.platforms.base import Account
from stakazo.platforms.errors import Reason, Rejected, Said, TryLater
from stakazo.platforms.graph import Graph
from stakazo.platforms.http import Connection

FIELDS = (
    "campaign_id,campaign_name,adset_id,adset_name,ad_id,ad_name,account_currency,impressions,reach,clicks,"
    "inline_link_clicks,spend,actions,action_values,video_thruplay_watched_actions,video_p25_watched_actions,"
    "video_p50_watched_actions,video_p75_watched_actions,video_p100_watched_actions,video_play_actions,"
    "video_avg_time_watched_actions,date_start,date_stop"
)
OWN = {"account": "", "campaign": "campaign_id", "adset": "adset_id", "ad": "ad_id"}


class Progress(StrEnum):
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A report."""

    since: date
    until: date
    """Inclusive."""
    level: str = "ad"
    """account, campaign, adset or ad."""
    breakdowns: tuple[str, ...] = ()
    """age, gender, country, publisher_platform, platform_position, ..."""
    by_day: bool = True
    windows: tuple[str, ...] = ("7d_click", "1d_view")
    """Attribution: within how long after a click or a view an action counts."""
    only: tuple[str, ...] = ()
    """Ids of campaigns; none is all."""

    def params(self) -> dict[str, Any]:
        filtering = [{"field": "campaign.id", "operator": "IN", "value": list(self.only)}] if self.only else None
        return {
            "level": self.level,
            "fields": FIELDS,
            "time_range": {"since": self.since.isoformat(), "until": self.until.isoformat()},
            "time_increment": 1 if self.by_day else None,
            "breakdowns": list(self.breakdowns) or None,
            "action_attribution_windows": list(self.windows) or None,
            "filtering": filtering,
        }


@dataclass(frozen=True, slots=True)
class Row:
    """What one campaign, ad set or ad brought on one day (or over the whole range)."""

    id: str
    level: str
    day: date
    until: date
    currency: str
    spend: int
    """Minor units, as budgets are."""
    impressions: int
    reach: int
    clicks: int
    link_clicks: int
    plays: int
    thruplays: int
    watched: tuple[int, int, int, int]
    """To 25, 50, 75 and 100 percent."""
    average_watch: float | None
    """Seconds."""
    actions: Mapping[str, int] = field(default_factory=dict)
    """By Meta's type of action: link_click, landing_page_view, omni_purchase, ..."""
    values: Mapping[str, int] = field(default_factory=dict)
    """What actions were worth, minor units; by the same types."""
    raw: Mapping[str, Any] = field(default_factory=dict)


class MetaReports:
    """The reports of one advertising account; they have an allowance of their own."""

    def __init__(self, connection: Connection, account: Account) -> None:
        self.graph = Graph(connection, account, allowances=("ads_insights",))
        self.act = f"act_{account.id.removeprefix('act_')}"

    async def rows(self, wanted: Wanted) -> AsyncIterator[Row]:
        """A report at once. Rejected (TOO_MUCH_DATA): ask for it as a job."""
        async for found in self.graph.pages(f"{self.act}/insights", wanted.params(), size=500, urgent=False):
            yield row(found, wanted.level)

    async def start(self, wanted: Wanted) -> str:
        """A report as a job; says the job's id. A lost answer leaves one that nobody reads: start another."""
        answer = await self.graph.post(f"{self.act}/insights", wanted.params(), effect=False)
        return str(answer["report_run_id"])

    async def look(self, run_id: str) -> Progress:
        """How far a job is; it may take an hour.

        Raises TryLater where it failed: start another; and Rejected (TOO_MUCH_DATA): split it.
        """
        fields = "async_status,async_percent_completion,error_code,error_subcode,error_message"
        found = await self.graph.get(run_id, {"fields": fields}, urgent=False)
        match found.get("async_status"):
            case "Job Completed" if int(found.get("async_percent_completion", 0)) == 100:
                return Progress.DONE
            case "Job Failed" | "Job Skipped":
                raise _failed(found)
        return Progress.RUNNING

    async def results(self, run_id: str, level: str) -> AsyncIterator[Row]:
        """What a job that is DONE has found."""
        async for found in self.graph.pages(f"{run_id}/insights", {}, size=500, urgent=False):
            yield row(found, level)


def row(found: Mapping[str, Any], level: str) -> Row:
    """From a row of Meta's."""
    currency = str(found["account_currency"])
    watched = [_sum(found.get(f"video_p{percent}_watched_actions")) for percent in (25, 50, 75, 100)]
    average = found.get("video_avg_time_watched_actions") or []
    return Row(
        id=str(found.get(OWN[level], found.get("account_id", ""))),
        level=level,
        day=date.fromisoformat(found["date_start"]),
        until=date.fromisoformat(found["date_stop"]),
        currency=currency,
        spend=minor_units(str(found.get("spend", "0")), currency),
        impressions=_number(found, "impressions"),
        reach=_number(found, "reach"),
        clicks=_number(found, "clicks"),
        link_clicks=_number(found, "inline_link_clicks"),
        plays=_sum(found.get("video_play_actions")),
        thruplays=_sum(found.get("video_thruplay_watched_actions")),
        watched=(watched[0], watched[1], watched[2], watched[3]),
        average_watch=float(average[0]["value"]) if average else None,
        actions={str(one["action_type"]): int(float(one["value"])) for one in found.get("actions") or []},
        values={
            str(one["action_type"]): minor_units(str(one["value"]), currency)
            for one in found.get("action_values") or []
        },
        raw=found,
    )


def _failed(found: Mapping[str, Any]) -> TryLater | Rejected:
    code, subcode = int(found.get("error_code") or -2), int(found.get("error_subcode") or 2490547)
    said = Said(200, code, subcode, str(found.get("error_message") or "")[:500])
    sentence = f"{said.message or 'The report failed'} [Meta {code}/{subcode}]"
    if (code, subcode) in TOO_MUCH:
        return Rejected(sentence, Reason.TOO_MUCH_DATA, said)
    return TryLater(sentence, Reason.BUSY, said, after=60.0)


TOO_MUCH: Sequence[tuple[int, int]] = ((1, 99), (100, 1487534), (100, 1504018), (2, 1504038))


def _number(found: Mapping[str, Any], name: str) -> int:
    return int(float(found.get(name) or 0))


def _sum(actions: Any) -> int:
    return sum(int(float(one.get("value", 0))) for one in actions or [])
