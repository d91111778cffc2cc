"""Somebody who advertises: an ad account of the sandbox, limits, campaigns; over HTTP."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tests.publishing.press import Desk

from stakazo.ads import accounts
from stakazo.ads.accounts import Given
from stakazo.ads.gathered import AudienceState
from stakazo.ads.models import AdAudience, AdMetric, Campaign
from stakazo.ads.states import CampaignState
from stakazo.core.actor import new_id
from stakazo.core.errors import Conflict
from stakazo.core.security import Keyring
from stakazo.jobs import service as jobs
from stakazo.platforms.crowds import Crowd
from stakazo.platforms.sandbox.world import Thing, World

RESTS = {"PAUSED", "ACTIVE", "COMPLETED", "ARCHIVED", "FAILED", "NEEDS_HUMAN"}
PLAN = {
    "objective": "OUTCOME_ENGAGEMENT",
    "goal": "THRUPLAY",
    "countries": ["DE", "US"],
    "age_max": 40,
    "interests": [{"id": "6003139266461", "name": "Jazz music"}],
    "instagram_positions": ["reels"],
    "placements": ["instagram"],
    "dsa_beneficiary": "Blue Note",
    "dsa_payor": "Blue Note",
    "text": "Ça ira 🎺",
    "link": "https://example.com/l",
    "button": "LISTEN_NOW",
    "utm": {"source": "ig"},
}


class Stand(Desk):
    """A desk at which money is spent."""

    def __init__(self, site: Any, world: World | None, http: httpx.Client) -> None:
        super().__init__(site, world, http)
        self.played = world is not None

    def account(self, external_id: str = "77") -> str:
        """The sandbox's ad account; one that nobody has looked at where none runs."""
        if not self.played:
            return self.unseen_account(external_id, "sandbox-unseen")
        made = self.http.post("/ad-accounts", json={})
        assert made.status_code in {200, 201}, made.text
        return str(made.json()["id"])

    def unseen_account(self, external_id: str, token: str, currency: str = "EUR") -> str:
        """An ad account as if Meta had been asked about its token: a real one, or one where no sandbox runs."""
        given = Given(
            external_id=external_id, token=token, page_id="7", name=f"Meta {external_id}", currency=currency,
            time_zone="Europe/Berlin",
        )  # fmt: skip

        async def connect(session: AsyncSession) -> str:
            return str((await accounts.connect(session, Keyring(self.site.settings), given))[0].id)

        return self.site.within(connect)

    def limit(self, **limits: int) -> None:
        answer = self.http.put("/ads/policy", json={"limits": {"EUR": limits}})
        assert answer.status_code == 200, answer.text

    def wish(self, **said: Any) -> dict[str, Any]:
        shown = {} if "publication_id" in said else {"variant_id": self.variants("instagram_reel")[0]}
        ends = (datetime.now(UTC) + timedelta(days=10)).isoformat()
        return {
            "ad_account_id": self.account(), "name": "Blue", "total_budget": 100_00, "ends_at": ends, **PLAN, **shown,
        } | said  # fmt: skip

    def campaign(self, **said: Any) -> dict[str, Any]:
        answer = self.http.post("/campaigns", json=self.wish(**said))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def launched(self, state: str = "PAUSED") -> UUID:
        """A campaign as a worker would have left it, at a platform that nobody asks; and limits to let it run."""
        self.limit(campaign=100_00)
        account, (variant,) = UUID(self.account()), self.variants("instagram_reel")
        campaign_id, name = new_id(), "x" + new_id().hex
        made = {} if state == "FAILED" else {"external_id": name, "ad_set_id": "2", "creative_id": "3", "ad_id": "4"}
        decision = {"action": "revive", "rule": "a", "day": "2026-11-22", "undone": False, "refused": None}
        plan = {"objective": "OUTCOME_ENGAGEMENT", "goal": "THRUPLAY", "countries": ["US"]}

        async def write(session: AsyncSession) -> None:
            session.add(
                Campaign(
                    id=campaign_id, variant_id=UUID(variant), account_id=account, platform="meta", name="Blue",
                    objective="OUTCOME_ENGAGEMENT", state=CampaignState(state), total_budget=100_00, currency="EUR",
                    ends_at=datetime.now(UTC) + timedelta(days=10), plan=plan, planned_by="user/ann",
                    activated_by="user/bob", decision=decision,
                    error={"code": "internal", "detail": "It broke."}, **made,
                )
            )  # fmt: skip

        self.site.within(write)
        return campaign_id

    def audience(self, state: str = "MADE") -> UUID:
        """A list of customers as a worker would have left it, at a platform that nobody asks."""
        account, audience_id = UUID(self.account()), new_id()

        async def write(session: AsyncSession) -> None:
            session.add(
                AdAudience(
                    id=audience_id, account_id=account, name=f"List {audience_id}", crowd=Crowd.CUSTOMERS,
                    state=AudienceState(state), wanted={"crowd": "customers"}, planned_by="user/ann",
                    begun_at=datetime.now(UTC), external_id=None if state == "FAILED" else audience_id.hex,
                    error={"code": "internal", "detail": "It broke."} if state == "FAILED" else None,
                )
            )  # fmt: skip

        self.site.within(write)
        return audience_id

    def watched(self, campaign: dict[str, Any]) -> None:
        """Wait until its account was looked at again, from the beginning."""
        looks = set[str]()

        def looked_twice() -> bool:
            looks.add(str(self.http.get(f"/ad-accounts/{campaign['ad_account_id']}").json()["watched_at"]))
            return len(looks) > 2

        self.eventually(looked_twice)

    def leave(self) -> None:
        """Nothing is watched any more; the house, and the others in it, stay."""

        async def waiting(session: AsyncSession) -> list[UUID]:
            return [job.id for job in await jobs.active(session)]

        for job_id in self.site.within(waiting):
            with suppress(Conflict):  # it has ended meanwhile
                self.site.within(lambda session, job_id=job_id: jobs.cancel(session, job_id))

    # --- looking --------------------------------------------------------------------------------------------

    def look(self, campaign: dict[str, Any]) -> dict[str, Any]:
        answer = self.http.get(f"/campaigns/{campaign['id']}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def rests(self, campaign: dict[str, Any], *states: str, patience: float = 60.0) -> dict[str, Any]:
        """The campaign once nothing of it is under way, or it is in one of these states."""
        deadline = time.monotonic() + patience
        while (found := self.look(campaign))["state"] not in (states or RESTS):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found

    def act(self, campaign: dict[str, Any], verb: str, body: Any = None, *, status: int = 200) -> dict[str, Any]:
        answer = self.http.post(f"/campaigns/{campaign['id']}/{verb}", json=body)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def told(self, campaign: dict[str, Any]) -> list[dict[str, Any]]:
        """What the ledger says of it, the oldest first."""
        query: dict[str, str | int] = {"subject": f"campaign/{campaign['id']}", "sort": "oldest", "limit": 200}
        found = self.http.get("/ledger/events", params=query)
        assert found.status_code == 200, found.text
        return list(found.json()["items"])

    def there(self, kind: str, campaign: dict[str, Any] | None = None) -> list[Thing]:
        """What the sandbox has of a kind that isn't deleted, of one campaign or of any."""
        mark = UUID(campaign["id"]).hex if campaign else ""
        return [one for one in self.world.of(kind) if one["status"] != "DELETED" and mark in one["name"]]

    def expire(self, campaign: dict[str, Any]) -> None:
        """Let its time be over, at the platform too."""
        (ad_set,) = self.there("AdSet", campaign)
        self.world.change(ad_set, end_time=datetime.now(UTC).isoformat(timespec="seconds"))

        async def write(session: AsyncSession) -> None:
            await session.execute(text("update campaigns set ends_at = now() where id = :id"), {"id": campaign["id"]})

        self.site.within(write)

    def settled(self, campaign: dict[str, Any], state: str) -> None:
        """As a job would have left it."""
        values = {"id": campaign["id"], "state": state}

        async def write(session: AsyncSession) -> None:
            changed = "update campaigns set state = cast(:state as campaign_state), job_id = null where id = :id"
            await session.execute(text(changed), values)

        self.site.within(write)

    def measured(self, campaign: dict[str, Any], **counts: int) -> None:
        """What it has brought today, as was last said."""
        moment = datetime.now(UTC)
        known = dict.fromkeys(("impressions", "clicks", "views", "spend"), 0) | counts

        async def write(session: AsyncSession) -> None:
            day = moment.astimezone(ZoneInfo("Europe/Berlin")).date()
            session.add(AdMetric(campaign_id=UUID(campaign["id"]), day=day, sampled_at=moment, currency="EUR", **known))

        self.site.within(write)
