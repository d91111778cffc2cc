"""Hundreds of campaigns: wished, made, let run up to a limit, paused, and counted where they would spend."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx

if TYPE_CHECKING:
    from chaos.world import Sandbox, Wishes

BUDGET = 100_00
"""Of each campaign, in cents."""
ROOM = 40
"""Campaigns that may spend at once by the workspace's limit."""
WAITS = {"LAUNCHING", "ACTIVATING", "PAUSING", "ARCHIVING"}
PATIENCE = 900.0
LOOKS = 3
"""Ends of looks at the account that were seen when one look has certainly begun and ended in between."""
PARTS = ("Campaign", "AdSet", "AdCreative", "Ad")


@dataclass(slots=True)
class Counted:
    """What became of them."""

    wanted: int
    states: Counter[str]
    approved: int
    """Campaigns that were ever let run."""
    refused: int
    """Activations that the limit did not allow."""
    running: int
    peak: int
    """The most that could be spent at the platform at any moment that was looked at, in cents."""
    limit: int
    looks: int
    kept: int
    """Campaigns that rest, and keep their room within the limit: they may be let run late."""
    removed: int
    """Parts that came twice, by a request whose reply was lost or late, and were deleted before they could spend."""
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unapproved: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)


class Campaigns:
    """So many campaigns under one limit."""

    def __init__(self, sandbox: Sandbox, wishes: Wishes, count: int) -> None:
        self.sandbox, self.wishes, self.count = sandbox, wishes, count
        self.account, self.variants = "", list[str]()
        self.wanted: list[str] = []
        self.approved: set[str] = set()
        self.asked: set[str] = set()
        """Campaigns that somebody asked to let run, before it was answered."""
        self.refused = 0
        self.peak = self.looks = 0
        self.unapproved: set[str] = set()

    async def prepare(self, client: httpx.AsyncClient, variants: list[str]) -> None:
        """An ad account of the sandbox, and a limit that holds for all together."""
        self.variants = variants
        answer = await client.post("/ad-accounts", json={})
        self.account = answer.raise_for_status().json()["id"]
        limits = {"limits": {"EUR": {"campaign": BUDGET, "at_once": ROOM * BUDGET}}}
        (await client.put("/ads/policy", json=limits)).raise_for_status()

    async def want(self, client: httpx.AsyncClient) -> None:
        """Have them all acknowledged."""
        ends = (datetime.now(UTC) + timedelta(days=10)).isoformat()
        for number in range(self.count):
            body = {
                "ad_account_id": self.account,
                "variant_id": self.variants[number % len(self.variants)],
                "name": f"campaign {number}",
                "objective": "OUTCOME_ENGAGEMENT",
                "goal": "THRUPLAY",
                "countries": ["US"],
                "total_budget": BUDGET,
                "ends_at": ends,
                "link": "https://example.com/l",
            }
            made = await self.wishes.ask(client, "/campaigns", body)
            if made is not None:
                self.wanted.append(made["id"])

    async def settled(self, client: httpx.AsyncClient, say: Callable[[str], None]) -> None:
        """Let run what may, pause half of it, let others run in its place; each time until nothing is under way."""
        looking = asyncio.create_task(self._keep_looking())
        try:
            states = await self._rest(client, say)
            await self._activate(client, [one for one in self.wanted if states.get(one) == "PAUSED"])
            states = await self._rest(client, say)
            running = [one for one in self.wanted if states.get(one) == "ACTIVE"]
            for campaign in running[::2]:
                await self.wishes.ask(client, f"/campaigns/{campaign}/pause", None, 200)
            states = await self._rest(client, say)
            resting = [one for one in self.wanted if states.get(one) == "PAUSED" and one not in self.approved]
            await self._activate(client, resting)
            await self._rest(client, say)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _activate(self, client: httpx.AsyncClient, campaigns: Collection[str]) -> None:
        """Ask for all of them, several at once: the limit is for the server to keep."""
        queue = iter(list(campaigns))

        async def some() -> None:
            for campaign in queue:
                self.asked.add(campaign)
                if await self.wishes.ask(client, f"/campaigns/{campaign}/activate", None, 200) is None:
                    self.refused += 1
                else:
                    self.approved.add(campaign)

        await asyncio.gather(*(some() for _ in range(8)))

    async def _rest(self, client: httpx.AsyncClient, say: Callable[[str], None]) -> dict[str, str]:
        deadline = time.monotonic() + PATIENCE
        while True:
            states = {one["id"]: one["state"] for one in await self.wishes.every(client, "/campaigns")}
            say(f"campaigns: {dict(Counter(states.values()))}")
            if not WAITS & set(states.values()) or time.monotonic() > deadline:
                return states
            await asyncio.sleep(5)

    async def _keep_looking(self) -> None:
        """How much could be spent at the platform now, and by whose leave; again and again."""
        while True:
            with contextlib.suppress(httpx.HTTPError):
                await self._look()
            await asyncio.sleep(0.5)

    async def _look(self) -> set[str]:
        """The campaigns that run at the platform at this moment."""
        running = {one["id"]: one["name"] for one in await self.sandbox.things("Campaign") if one["status"] == "ACTIVE"}
        sets = [one for one in await self.sandbox.things("AdSet") if one["campaign_id"] in running]
        sets = [one for one in sets if one["status"] == "ACTIVE"]  # what came twice is paused, or removed by now
        let = {_mark(one) for one in self.asked}
        self.unapproved |= {f"{name} ran, and nobody let it" for name in running.values() if name[-32:] not in let}
        self.peak, self.looks = max(self.peak, sum(one["lifetime_budget"] for one in sets)), self.looks + 1
        return {name[-32:] for name in running.values()}

    async def swept(self, client: httpx.AsyncClient) -> None:
        """Wait until somebody has looked through the whole ad account, beginning from now."""
        deadline, looks = time.monotonic() + PATIENCE, set[str]()
        while len(looks) < LOOKS and time.monotonic() < deadline:
            looks.add(str((await self.wishes.get(client, f"/ad-accounts/{self.account}"))["watched_at"]))
            await asyncio.sleep(1)

    async def counted(self, client: httpx.AsyncClient) -> Counted:
        """Every wish beside what the platform has."""
        runs = await self._look()
        found = {one["id"]: one for one in await self.wishes.every(client, "/campaigns")}
        there = {kind: self._marked(await self.sandbox.things(kind)) for kind in PARTS}
        removed = [one for kind in PARTS for one in await self.sandbox.things(kind) if one["status"] == "DELETED"]
        kept = sum(one["state"] == "PAUSED" and one["room_until"] is not None for one in found.values())
        counted = Counted(
            wanted=len(self.wanted), states=Counter(one["state"] for one in found.values()),
            approved=len(self.approved), refused=self.refused, running=len(runs), peak=self.peak,
            limit=ROOM * BUDGET, looks=self.looks, kept=kept, removed=len(removed), unapproved=sorted(self.unapproved),
        )  # fmt: skip
        for campaign in self.wanted:
            one = found.get(campaign)
            if one is None or one["state"] in WAITS:
                counted.lost.append(f"{campaign}: {one['state'] if one else 'no such campaign'}")
                continue
            if one["state"] == "ACTIVE" and _mark(campaign) not in runs:
                counted.lost.append(f"{campaign}: called active, and does not run")
            if one["state"] in {"PAUSED", "FAILED", "ARCHIVED"} and _mark(campaign) in runs:
                counted.unapproved.append(f"{campaign} runs although it is {one['state']}")
            if one["state"] in {"FAILED", "NEEDS_HUMAN"} and not (one["error"] or {}).get("todo"):
                counted.silent.append(f"{campaign}: {one['state']} {one['error']}")
            for kind, marks in there.items():
                if marks[_mark(campaign)] > 1:
                    counted.twice.append(f"{campaign}: {marks[_mark(campaign)]} of {kind}")
                if one["state"] in {"PAUSED", "ACTIVE"} and not marks[_mark(campaign)]:
                    counted.lost.append(f"{campaign}: no {kind}")
        return counted

    def _marked(self, things: list[dict[str, Any]]) -> Counter[str]:
        """How many of them there are of each campaign; what was deleted is gone."""
        names = [one["name"] for one in things if one["status"] != "DELETED"]
        return Counter({_mark(one): sum(_mark(one) in name for name in names) for one in self.wanted})


def _mark(campaign: str) -> str:
    """With what the names of a campaign's parts end."""
    return UUID(campaign).hex
