"""The demo's second half: money behind the best clip, two days later what it brought, and what somebody said of it.

All of it over HTTP, with the sandbox as the platform: a campaign within a limit, its ads' and posts' numbers, and a
comment that the platform tells by a signed webhook.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from stakazo.cli.client import Api, Row
from stakazo.cli.output import Failure
from stakazo.cli.screen import Screen
from stakazo.core.outside import trusted
from stakazo.core.settings import Settings
from stakazo.platforms.ads import offset

BUDGET = 100_00
"""Cents that the campaign may cost in all."""
DAYS = 10
LATER = 2 * 86_400
"""Seconds by which the sandbox's clock goes on before anything is measured."""
COMMENT = "When is the whole song out?"
PATIENCE = 120.0


@dataclass(slots=True)
class Aftermath:
    """What became of the best clip."""

    campaign: Row | None
    """None where there is no Reel to advertise."""
    spent: Row | None
    """What the campaign cost and brought, as its metrics have it."""
    posts: dict[str, Row]
    """The newest numbers of each publication, by its id."""
    heard: Row | None
    """The comment, as it is in the inbox; None where nobody could write one, or the platform doesn't tell of it."""


async def follow(api: Api, screen: Screen, settings: Settings, posts: list[Row]) -> Aftermath | None:
    """Advertise the clip, let two days go by at the sandbox, and take in what came back; None if nothing is public."""
    out = [post for post in posts if post["state"] == "PUBLISHED"]
    if not out:
        return None
    reel, campaign, spent, heard = _reel(posts), None, None, None
    async with httpx.AsyncClient(
        base_url=settings.sandbox_url, verify=trusted(), timeout=30, trust_env=False
    ) as sandbox:
        if reel is None:
            screen.note("No Reel is out: there is nothing to advertise, and nobody who could comment.")
        else:
            campaign = await _advertise(api, screen, reel["variant_id"], await _now(sandbox))
        (await sandbox.post("/sandbox/clock", json={"forward": LATER})).raise_for_status()
        screen.note("Two days later (by the sandbox's clock): asking what came back ...")
        numbers = {}
        for post in out:
            await _job_of(api, f"/publications/{post['id']}/metrics")
            numbers[post["id"]] = (await api.get(f"/publications/{post['id']}/metrics", limit=1))["items"][0]
        if reel is not None and campaign is not None:
            await _job_of(api, f"/campaigns/{campaign['id']}/metrics")
            spent = (await api.get(f"/campaigns/{campaign['id']}/metrics"))["total"]
            heard = await _hear(api, screen, sandbox, reel)
            campaign = await api.get(f"/campaigns/{campaign['id']}")
    return Aftermath(campaign, spent, numbers, heard)


def _reel(posts: list[Row]) -> Row | None:
    """What is public on Instagram."""
    return next((one for one in posts if one["platform"] == "instagram" and one["state"] == "PUBLISHED"), None)


async def _now(sandbox: httpx.AsyncClient) -> datetime:
    said: str = (await sandbox.get("/sandbox")).raise_for_status().json()["now"]
    return datetime.fromisoformat(said)


async def _advertise(api: Api, screen: Screen, variant_id: str, now: datetime) -> Row:
    """A campaign that runs, behind the clip's Reel: the one of the last time, or a new one."""
    for known in await api.every("/campaigns", variant_id=variant_id):
        if known["state"] == "ACTIVE":
            return known
    account = await api.post("/ad-accounts", {})
    own = {account["currency"]: {"campaign": BUDGET, "at_once": BUDGET}}
    await api.edit("/ads/policy", lambda found: {"limits": own | found["limits"]})
    wish = {
        "ad_account_id": account["id"],
        "variant_id": variant_id,
        "name": "The demo's best clip",
        "objective": "OUTCOME_ENGAGEMENT",
        "goal": "THRUPLAY",
        "countries": ["US"],
        "total_budget": BUDGET,
        "ends_at": (now + timedelta(days=DAYS)).isoformat(),
        "link": "https://example.com/listen",
    }
    preview = (await api.post("/campaigns?dry_run=true", wish))["preview"]
    reach = f"{preview['lowest_reach'] or 0:,} to {preview['highest_reach'] or 0:,} people a month"
    screen.note(f"A campaign behind it: at most {money(preview['at_most'], account['currency'])}, {reach} ...")
    made = await api.post("/campaigns", wish)
    made = await _until(lambda: api.get(f"/campaigns/{made['id']}"), lambda row: row["state"] != "LAUNCHING")
    if made["state"] == "PAUSED":  # as it was made: nothing is spent before somebody says so
        await api.post(f"/campaigns/{made['id']}/activate")
        made = await _until(lambda: api.get(f"/campaigns/{made['id']}"), lambda row: row["state"] != "ACTIVATING")
    screen.note(f"campaign: {made['state'].lower()}")
    return made


async def _hear(api: Api, screen: Screen, sandbox: httpx.AsyncClient, post: Row) -> Row | None:
    """Somebody comments; the platform tells it, signed; it is in the inbox."""
    channel = await _until(
        lambda: api.get(f"/channels/{post['channel_id']}"), lambda row: row["subscription"]["state"] != "pending"
    )
    if channel["subscription"]["state"] != "subscribed":
        screen.note(f"Instagram doesn't tell what is said there: {channel['subscription']['error']['detail']}")
        return None
    said = {"comment": COMMENT, "on": post["external_id"], "author": "bob"}
    (await sandbox.post("/sandbox/webhooks", json=said)).raise_for_status()

    async def newest() -> Row:
        found = (await api.get("/inbox", limit=1))["items"]
        return dict(found[0]) if found else {}

    heard = await _until(newest, lambda row: row.get("text") == COMMENT)
    screen.note(f"inbox: {heard['author']} asks: {heard['text']}")
    return heard


async def _job_of(api: Api, path: str) -> None:
    """Start a job and wait until it has ended well."""
    job = await api.post(path)
    job = await _until(lambda: api.get(f"/jobs/{job['id']}"), lambda row: row["finished_at"] is not None)
    if job["state"] != "COMPLETED":
        raise Failure((job["error"] or {}).get("detail") or f"The job {job['type']} is {job['state'].lower()}.")


async def _until(look: Callable[[], Awaitable[Row]], good: Callable[[Row], bool]) -> Row:
    deadline = time.monotonic() + PATIENCE
    while not good(row := await look()):
        if time.monotonic() > deadline:
            raise Failure(
                f"Nothing more has happened for {PATIENCE:g} seconds: {row.get('state', 'nothing is there')}."
            )
        await asyncio.sleep(0.2)
    return row


def money(minor: int, currency: str) -> str:
    """For a person: 1,234.50 EUR."""
    each = offset(currency)
    return f"{minor / each:,.{2 if each > 1 else 0}f} {currency}"


def missing(after: Aftermath | None, posts: list[Row]) -> list[str]:
    """What should have come back from these posts and didn't, in sentences."""
    if after is None:
        return []
    faults = [f"Nothing is known of the post {post}." for post, row in after.posts.items() if not row["views"]]
    if _reel(posts) is None:
        return faults
    if after.campaign is None or after.campaign["state"] != "ACTIVE":
        campaign: Row = after.campaign or {"state": "not there", "error": None}
        faults.append(f"The campaign is {campaign['state']}. {(campaign['error'] or {}).get('detail', '')}".rstrip())
    if not after.spent or not after.spent["impressions"] or after.spent["spend"] > BUDGET:
        faults.append(f"The campaign's numbers are not there, or not within its budget: {after.spent}.")
    if after.heard is None:
        faults.append("The platform hasn't told what was said below the post.")
    return faults
