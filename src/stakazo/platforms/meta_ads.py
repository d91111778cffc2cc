"""Meta's Marketing API for one advertising account: campaigns, ad sets, creatives, ads.

Everything is made PAUSED, and carries a mark of ours in its name: nothing is spent by making it, and after a lost
answer `find` says by the mark whether it was made. `set_status` and `set_budget` are the acts that cost money; both are
assignments, so repeating them does no harm. Money is integer minor units of the account's currency (`ads.minor_units`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from stakazo.platforms.ads import AdSet, Budget, Campaign, Creative, Goal, Live, Preview, Run, Terms, live
from stakazo.platforms.base import Account, Source
from stakazo.platforms.errors import PlatformError, Reason, Rejected, TryLater
from stakazo.platforms.graph import Graph, Part
from stakazo.platforms.http import Connection
from stakazo.platforms.targeting import Targeting

CHUNK = 8 * 1024 * 1024
MAX_STALLS = 5
VALIDATE = {"execution_options": ["validate_only"]}


class Level(StrEnum):
    """What is found, by its edge of the account."""

    CAMPAIGN = "campaigns"
    AD_SET = "adsets"
    CREATIVE = "adcreatives"
    AD = "ads"


FIELDS = {
    Level.CAMPAIGN: "id,name,status,effective_status,objective,daily_budget,lifetime_budget,spend_cap,issues_info",
    Level.AD_SET: (
        "id,name,status,effective_status,campaign_id,daily_budget,lifetime_budget,targeting,start_time,end_time,"
        "bid_strategy,bid_amount,bid_constraints,adset_schedule,dsa_beneficiary,dsa_payor,issues_info"
    ),
    Level.CREATIVE: "id,name,status",
    Level.AD: "id,name,status,effective_status,adset_id,campaign_id,creative,ad_review_feedback,issues_info",
}

LOOKED_AT = FIELDS | {
    Level.CAMPAIGN: f"{FIELDS[Level.CAMPAIGN]},ads.limit(50){{id,status}}",
    Level.CREATIVE: f"{FIELDS[Level.CREATIVE]},degrees_of_freedom_spec",
}
"""Of one thing: a campaign with the ads below it, whoever made them; a creative with what is done to it."""


class MetaAds:
    """One advertising account.

    Args:
        account: Its id without `act_`, with the token of a person or a system user.
    """

    def __init__(self, connection: Connection, account: Account) -> None:
        self.graph = Graph(connection, account, allowances=("ads_management", "ad_account"))
        self.act = f"act_{account.id.removeprefix('act_')}"

    # --- making, always paused ------------------------------------------------------------------------------

    async def create_campaign(self, campaign: Campaign) -> str:
        """Make it, PAUSED; says its id. After `Unknown`: `find` it by the mark in its name."""
        return await self._create(Level.CAMPAIGN, campaign.params())

    async def create_ad_set(self, ad_set: AdSet) -> str:
        """Make it, PAUSED."""
        return await self._create(Level.AD_SET, ad_set.params())

    async def create_creative(self, creative: Creative) -> str:
        """Make what people will see."""
        return await self._create(Level.CREATIVE, creative.params())

    async def create_ad(self, name: str, ad_set_id: str, creative_id: str) -> str:
        """Make it, PAUSED; its review begins."""
        return await self._create(Level.AD, ad(name, ad_set_id, creative_id))

    async def validate(self, thing: Campaign | AdSet | Creative) -> None:
        """A dry run: nothing is made. Raises Rejected with what Meta would refuse."""
        level = {Campaign: Level.CAMPAIGN, AdSet: Level.AD_SET, Creative: Level.CREATIVE}[type(thing)]
        await self.graph.post(f"{self.act}/{level}", {**thing.params(), **VALIDATE}, effect=False)

    async def validate_terms(self, ad_set_id: str, terms: Terms) -> None:
        """A dry run of `set_terms`. Raises Rejected with what Meta would refuse."""
        await self.graph.post(ad_set_id, {**terms.params(), **VALIDATE}, effect=False)

    async def _create(self, level: Level, params: Mapping[str, Any]) -> str:
        return str((await self.graph.post(f"{self.act}/{level}", params, effect=True))["id"])

    # --- asking ---------------------------------------------------------------------------------------------

    async def find(self, level: Level, mark: str) -> list[Live]:
        """What has this mark in its name: at most one, if marks are unique and doubts are asked about."""
        filtering = [{"field": "name", "operator": "CONTAIN", "value": mark}]
        params = {"fields": FIELDS[level], "filtering": filtering}
        return [
            live(row) async for row in self.graph.pages(f"{self.act}/{level}", params) if mark in str(row.get("name"))
        ]

    async def get(self, level: Level, thing_id: str) -> Live:
        """What it is now."""
        return live(await self.graph.get(thing_id, {"fields": LOOKED_AT[level]}))

    async def get_all(self, wanted: Sequence[tuple[Level, str]]) -> list[Live | PlatformError]:
        """Many in few requests, each with its own answer or error, in their order."""
        parts = [Part("GET", thing_id, {"fields": LOOKED_AT[level]}) for level, thing_id in wanted]
        found = await self.graph.batch(parts, effect=False)
        return [answer if isinstance(answer, PlatformError) else live(answer) for answer in found]

    async def running(self) -> list[Live]:
        """The campaigns that may spend, whoever made them."""
        params = {"fields": FIELDS[Level.CAMPAIGN], "effective_status": ["ACTIVE"]}
        return [live(row) async for row in self.graph.pages(f"{self.act}/{Level.CAMPAIGN}", params)]

    async def preview(self, targeting: Targeting, goal: Goal) -> Preview:
        """How many people that reaches, roughly."""
        params = {"targeting_spec": targeting.params(), "optimization_goal": goal.value}
        answer = await self.graph.get(f"{self.act}/delivery_estimate", params, urgent=False)
        for row in answer.get("data", []):
            lowest, highest = (int(row.get(f"estimate_mau_{side}_bound", 0)) for side in ("lower", "upper"))
            return Preview(bool(row.get("estimate_ready")), lowest, highest)
        return Preview(ready=False, lowest_reach=0, highest_reach=0)

    # --- what costs money, or stops it ----------------------------------------------------------------------

    async def set_status(self, thing_id: str, run: Run) -> None:
        """Let a campaign, an ad set or an ad run, or stop it. After `Unknown`: `get`, or set it again."""
        await self.graph.post(thing_id, {"status": run.value}, effect=True)

    async def set_status_of_all(self, thing_ids: Sequence[str], run: Run) -> dict[str, PlatformError]:
        """The same for many; says which could not be done. A kill switch: what is left in doubt is named too."""
        parts = [Part("POST", thing_id, {"status": run.value}) for thing_id in thing_ids]
        found = await self.graph.batch(parts, effect=True)
        return {
            thing_id: answer
            for thing_id, answer in zip(thing_ids, found, strict=True)
            if isinstance(answer, PlatformError)
        }

    async def set_budget(self, thing_id: str, budget: Budget) -> None:
        """Another budget for a campaign or an ad set; Meta allows four changes an hour."""
        await self.graph.post(thing_id, budget.params(), effect=True)

    async def set_terms(self, ad_set_id: str, terms: Terms) -> None:
        """Other people, times or bids for an ad set."""
        await self.graph.post(ad_set_id, terms.params(), effect=True)

    async def set_spend_cap(self, campaign_id: str, cap: int) -> None:
        """What a campaign may cost altogether, whatever its daily budgets; Meta stops it there by itself."""
        await self.graph.post(campaign_id, {"spend_cap": cap}, effect=True)

    async def remove(self, thing_id: str) -> None:
        """Remove what was made by mistake; what isn't there is removed already."""
        try:
            await self.graph.delete(thing_id)
        except Rejected as refused:
            if refused.reason is not Reason.NOT_FOUND:
                raise

    # --- videos, and the account ------------------------------------------------------------------------------

    async def upload(self, source: Source, name: str) -> str:
        """A video into the account's library, in pieces; says its id. `ready` before it is used."""
        start = {"upload_phase": "start", "file_size": source.size}
        answer = await self.graph.post(f"{self.act}/advideos", start, effect=False)
        video_id, session = str(answer["video_id"]), str(answer["upload_session_id"])
        begin, end, stalls = int(answer["start_offset"]), int(answer["end_offset"]), 0
        while begin < end:
            end = min(end, begin + CHUNK)
            chunk = b"".join([piece async for piece in source.read(begin, end)])
            where = {"upload_phase": "transfer", "upload_session_id": session, "start_offset": begin}
            try:
                answer = await self.graph.send_chunk(f"{self.act}/advideos", where, "video_file_chunk", chunk)
            except TryLater as later:
                stalls += 1
                if "start_offset" not in later.said.data or stalls > MAX_STALLS:
                    raise
                answer = dict(later.said.data)
            begin, end = int(answer["start_offset"]), int(answer["end_offset"])
        finish = {"upload_phase": "finish", "upload_session_id": session, "title": name}
        await self.graph.post(f"{self.act}/advideos", finish, effect=False)
        return video_id

    async def story_of(self, video_id: str) -> str:
        """The Page's post that shows a video, as `page_post`. Raises Rejected where it isn't out."""
        found = await self.graph.get(video_id, {"fields": "post_id,from"})
        post, page = str(found.get("post_id") or ""), str((found.get("from") or {}).get("id") or "")
        if not post or ("_" not in post and not page):
            raise Rejected("The video has no post on its Page that could be advertised.", Reason.NOT_FOUND)
        return post if "_" in post else f"{page}_{post}"

    async def account_facts(self) -> tuple[str, str, str]:
        """The account's name, currency and time zone."""
        found = await self.graph.get(self.act, {"fields": "name,currency,timezone_name"})
        return str(found.get("name", "")), str(found["currency"]), str(found["timezone_name"])

    async def ready(self, video_id: str) -> bool:
        """Whether a video can be used. Raises Rejected where it never will be."""
        status = (await self.graph.get(video_id, {"fields": "status"})).get("status") or {}
        if status.get("video_status") == "error":
            raise Rejected("Meta could not work on the video.", Reason.MEDIA)
        return status.get("video_status") == "ready"

    async def thumbnail(self, video_id: str) -> str | None:
        """The picture that Meta prefers of a video."""
        answer = await self.graph.get(f"{video_id}/thumbnails", {"fields": "uri,is_preferred"})
        rows = answer.get("data") or []
        preferred = [row for row in rows if row.get("is_preferred")] or rows
        return str(preferred[0]["uri"]) if preferred else None


def ad(name: str, ad_set_id: str, creative_id: str) -> dict[str, Any]:
    """The parameters of an ad."""
    return {"name": name, "adset_id": ad_set_id, "creative": {"creative_id": creative_id}, "status": Run.PAUSED.value}
