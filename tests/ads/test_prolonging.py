"""Tokens of ad accounts that end: renewed while somebody looks, or said in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from tests.ads.stand import Stand

from stakazo.ads.models import AdAccount
from stakazo.platforms.sandbox.faults import Fault


def ends_in(stand: Stand, account: str, days: int) -> None:
    values = {"token_expires_at": datetime.now(UTC) + timedelta(days=days), "renewal_tried_at": None}

    async def write(session: AsyncSession) -> None:
        await session.execute(update(AdAccount).where(AdAccount.id == UUID(account)).values(values))

    stand.site.within(write)


def told(stand: Stand, account: str) -> list[str]:
    query: dict[str, str | int] = {"subject": f"ad_account/{account}", "sort": "oldest", "limit": 200}
    return [one["event"] for one in stand.http.get("/ledger/events", params=query).json()["items"]][1:]


def show(stand: Stand, account: str) -> dict[str, Any]:
    return dict(stand.http.get(f"/ad-accounts/{account}").json())


def test_a_token_is_renewed_while_campaigns_are_watched_or_its_end_is_announced(stand: Stand) -> None:
    made = stand.campaign()
    stand.rests(made)
    account = made["ad_account_id"]
    before = told(stand, account)
    ends_in(stand, account, 10)
    stand.eventually(lambda: told(stand, account)[len(before) :] == ["ad_account_renewed"])
    found = show(stand, account)
    assert datetime.fromisoformat(found["token_expires_at"]) > datetime.now(UTC) + timedelta(days=50)
    assert (found["health"], found["missing_scopes"]) == ("ok", [])
    stand.watched(made)  # with the new one

    stand.world.faults.add(Fault("error", "POST oauth/access_token", times=1, detail={"code": 100}))
    ends_in(stand, account, 3)
    wanted = ["ad_account_renewed", "ad_account_expiring", "ad_account_renewal_failed"]
    stand.eventually(lambda: told(stand, account)[len(before) :] == wanted)
    stand.watched(made)  # said once, and not asked again on the same day
    assert told(stand, account)[len(before) :] == wanted
    assert show(stand, account)["health"] == "expiring"
