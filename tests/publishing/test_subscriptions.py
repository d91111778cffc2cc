"""Channels whose platform tells what happens: subscribed at connecting, looked after daily, and shown."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from tests.publishing.press import Desk

from stakazo.core import postgres
from stakazo.core.db import Database
from stakazo.platforms.sandbox import world as known
from stakazo.platforms.sandbox.faults import Fault
from stakazo.publishing import subscriptions


def shown(desk: Desk, channel: str) -> dict[str, Any]:
    return dict(desk.http.get(f"/channels/{channel}").json()["subscription"])


def settled(desk: Desk, channel: str) -> dict[str, Any]:
    desk.eventually(lambda: shown(desk, channel)["state"] != "pending")
    return shown(desk, channel)


def events(desk: Desk, channel: str) -> list[str]:
    found = desk.http.get("/ledger/events", params={"subject": f"channel/{channel}", "sort": "oldest", "limit": 100})
    return [event["event"] for event in found.json()["items"]]


def days_later(desk: Desk, channel: str) -> None:
    """As the clock does it, once it is time to look."""
    with psycopg.connect(postgres.conninfo(desk.site.urls.owner), autocommit=True) as owner:
        owner.execute("select set_config('stakazo.workspace', %s, false)", [str(desk.site.workspace_id)])
        found = owner.execute("update channels set subscribe_at = now() where id = %s", [channel])
        assert found.rowcount == 1

    async def begin() -> int:
        db = Database(desk.site.urls.app, pool_size=1)
        try:
            return await subscriptions.begin_due(db)
        finally:
            await db.close()

    assert asyncio.run(begin()) >= 1


def test_a_connected_account_is_subscribed_and_says_so(desk: Desk) -> None:
    page, instagram = desk.channel("facebook"), desk.channel("instagram")
    for channel in (page, instagram):
        found = settled(desk, channel)
        assert (found["state"], found["error"]) == ("subscribed", None)
        assert found["next_at"] > found["since"]
    assert "feed" in desk.world.things[known.PAGE]["subscribed_fields"]
    [ours] = list(desk.world.of("Subscription", object="instagram"))
    assert (ours["callback_url"], "comments" in ours["fields"]) == (f"{desk.site.url}/webhook/instagram", True)
    assert events(desk, page) == ["channel_connected", "channel_subscribed"]
    assert "messages" in ours["fields"]
    youtube = desk.channel("youtube")
    assert settled(desk, youtube)["state"] == "subscribed"
    assert [one["callback"] for one in desk.world.of("HubSubscription")] == [f"{desk.site.url}/webhook/youtube"]
    assert shown(desk, desk.channel("tiktok"))["state"] == "never"


def test_a_refusal_is_shown_with_what_to_do_and_mended_by_itself(desk: Desk) -> None:
    """The platform forgets what was agreed, and refuses once: the daily look finds it, and the next one mends it."""
    channel = desk.channel("facebook")
    assert settled(desk, channel)["state"] == "subscribed"
    desk.world.change(desk.world.things[known.PAGE], subscribed_fields=[])
    desk.world.faults.add(Fault("error", "POST Page/subscribed_apps", times=2, detail={"code": 200}))
    days_later(desk, channel)
    desk.eventually(lambda: shown(desk, channel)["state"] == "failed")
    found = shown(desk, channel)
    assert (found["error"]["code"], found["since"]) == ("permission", None)
    assert "Connect the channel again" in found["error"]["todo"]
    desk.http.post("/channels", json={"platform": "facebook"}).raise_for_status()  # as it says
    assert settled(desk, channel)["state"] == "subscribed"
    assert desk.world.things[known.PAGE]["subscribed_fields"] == ["feed", "messages"]
    assert events(desk, channel)[2:] == ["channel_subscription_failed", "channel_reconnected", "channel_subscribed"]


def test_a_dead_token_is_found_when_the_platform_is_asked_to_tell(desk: Desk) -> None:
    channel = desk.channel("facebook")
    assert settled(desk, channel)["state"] == "subscribed"
    desk.world.faults.add(Fault("expired_token", "GET Page/subscribed_apps"))
    days_later(desk, channel)
    desk.eventually(lambda: shown(desk, channel)["state"] == "failed")
    found = desk.http.get(f"/channels/{channel}").json()
    assert (found["health"], found["error"]["code"]) == ("needs_reauth", "expired")
    assert "channel_token_expired" in events(desk, channel)


def test_a_real_account_needs_an_address_that_can_be_reached(desk: Desk) -> None:
    channel = desk.unseen("instagram", "178414", "EAAB-real")
    found = settled(desk, channel)
    assert (found["state"], found["error"]["code"]) == ("failed", "no_address")
    assert "STAKAZO_PUBLIC_URL" in found["error"]["todo"]


def test_a_page_that_may_not_tell_of_messages_tells_the_rest(desk: Desk) -> None:
    (token,) = desk.world.of("Token", token=known.PAGE_TOKEN)
    page = desk.world.things[known.PAGE]
    desk.world.change(page, subscribed_fields=[])
    without = [one for one in token["scopes"] if not one.endswith(("_messages", "_messaging"))]
    desk.world.change(token, scopes=without)
    try:
        assert settled(desk, desk.channel("facebook"))["state"] == "subscribed"
        assert desk.world.things[known.PAGE]["subscribed_fields"] == ["feed"]
    finally:
        desk.world.save(dict(token))
