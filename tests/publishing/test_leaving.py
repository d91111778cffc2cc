"""Channels that are disconnected: their platform is told to tell nothing more, and nobody else loses by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from tests.publishing.press import Desk
from tests.publishing.test_subscriptions import events, settled, shown

from stakazo.jobs.models import Job
from stakazo.jobs.states import JobState
from stakazo.platforms.sandbox import world as known
from stakazo.platforms.sandbox.faults import Fault
from stakazo.publishing import leaving
from stakazo.publishing.models import Channel

TOLD = ["feed", "messages"]
NOTHING = {"state": "never", "since": None, "error": None, "next_at": None}


def connected(desk: Desk, platform: str) -> str:
    channel = desk.channel(platform)
    assert settled(desk, channel)["state"] == "subscribed"
    return channel


def leave(desk: Desk, channel: str) -> None:
    assert desk.http.delete(f"/channels/{channel}").status_code == 204


def left(desk: Desk, channel: str) -> dict[str, Any]:
    desk.eventually(lambda: shown(desk, channel)["state"] != "leaving")
    return shown(desk, channel)


def told(desk: Desk) -> list[str]:
    return list(desk.world.things[known.PAGE].get("subscribed_fields") or [])


def token(desk: Desk) -> list[bytes | None]:
    async def read(session: AsyncSession) -> list[bytes | None]:
        return list(await session.scalars(select(Channel.leaving_token)))

    return list(desk.site.within(read))


@pytest.fixture(autouse=True)
def alone(desk: Desk) -> Iterator[None]:
    """What one test leaves connected must not keep the next one's subscription alive."""
    yield
    for channel in desk.http.get("/channels").json()["items"]:
        desk.http.delete(f"/channels/{channel['id']}")


def test_a_page_s_last_channel_ends_what_is_told_of_it(desk: Desk) -> None:
    channel = connected(desk, "facebook")
    assert told(desk) == TOLD
    leave(desk, channel)
    assert left(desk, channel) == NOTHING
    assert (told(desk), token(desk)) == ([], [None])
    assert events(desk, channel)[-2:] == ["channel_disconnected", "channel_unsubscribed"]
    leave(desk, channel)  # twice is once
    assert shown(desk, channel) == NOTHING


def test_what_is_connected_by_the_same_subscription_goes_on(desk: Desk) -> None:
    """An Instagram account is told of by its Page's; and another workspace has the same account."""
    page, instagram = connected(desk, "facebook"), connected(desk, "instagram")
    other_site = desk.site.house.site()
    with other_site.client() as http:
        other = Desk(other_site, desk.world, http)
        theirs = connected(other, "facebook")
        for channel in (page, instagram):
            leave(desk, channel)
            assert left(desk, channel) == NOTHING
            assert told(desk) == TOLD
            assert events(desk, channel)[-1] == "channel_disconnected"
        leave(other, theirs)
        assert left(other, theirs) == NOTHING
    assert told(desk) == []


def test_a_platform_that_is_away_keeps_nobody_from_disconnecting_and_is_told_later(desk: Desk) -> None:
    channel = connected(desk, "instagram")
    desk.world.faults.add(Fault("error", "DELETE Page/subscribed_apps", times=1, detail={"code": 2, "status": 500}))
    leave(desk, channel)
    found = desk.http.get(f"/channels/{channel}").json()
    assert (found["health"], found["subscription"]["state"]) == ("disconnected", "leaving")
    desk.hurry(_job(desk, JobState.RETRY))
    assert left(desk, channel) == NOTHING
    assert (told(desk), token(desk)) == ([], [None])


def _job(desk: Desk, state: JobState) -> str:
    async def read(session: AsyncSession) -> str | None:
        found = await session.scalar(select(Job.id).where(Job.type == "say_goodbye", Job.state == state))
        return str(found) if found else None

    desk.eventually(lambda: desk.site.within(read))
    return str(desk.site.within(read))


def test_a_goodbye_that_cannot_be_said_is_loud(desk: Desk) -> None:
    """Refused, or after days: what to do is said, and the token is gone all the same."""
    refused, late = connected(desk, "facebook"), connected(desk, "instagram")
    desk.world.faults.add(Fault("error", "GET Page", times=1, detail={"code": 200}))
    leave(desk, refused)
    found = left(desk, refused)
    assert (found["state"], found["error"]["code"]) == ("failed", "still_told")
    assert "Business integrations" in found["error"]["todo"]
    assert events(desk, refused)[-1] == "channel_goodbye_failed"
    desk.world.faults.add(Fault("error", "GET Page", detail={"code": 2, "status": 500}))
    leave(desk, late)
    job = _job(desk, JobState.RETRY)

    async def days_later(session: AsyncSession) -> None:
        await session.execute(update(Channel).values(leaving_since=text("leaving_since - interval '4 days'"))
                              .where(Channel.leaving_since.is_not(None)))  # fmt: skip

    desk.site.within(days_later)
    desk.hurry(job)
    assert left(desk, late)["error"]["code"] == "still_told"
    assert token(desk) == [None, None]


def test_an_account_that_comes_back_is_told_of_though_the_goodbye_comes_late(desk: Desk) -> None:
    channel = connected(desk, "facebook")
    desk.world.faults.add(Fault("late_effect", "DELETE Page/subscribed_apps", times=1, detail={"seconds": 3600}))
    leave(desk, channel)
    job = _job(desk, JobState.RETRY)
    assert desk.channel("facebook") == channel
    assert settled(desk, channel)["state"] == "subscribed"
    desk.world.move_on(3600)
    desk.eventually(lambda: told(desk) == [])
    desk.hurry(job)
    desk.eventually(lambda: told(desk) == TOLD)
    assert shown(desk, channel)["state"] == "subscribed"


def test_youtube_s_hub_is_told_too(desk: Desk) -> None:
    channel = connected(desk, "youtube")
    desk.world.faults.add(Fault("error", "POST Hub/unsubscribe", times=1))
    leave(desk, channel)
    assert token(desk) == [None], "the hub asks for none"
    desk.hurry(_job(desk, JobState.RETRY))
    assert left(desk, channel) == NOTHING
    assert list(desk.world.of("HubSubscription")) == []


def test_it_is_asked_ever_more_seldom_and_not_for_ever() -> None:
    asked, at = 0, 0.0
    while (after := leaving.pause(at)) is not None:
        asked, at = asked + 1, at + after
        assert 30 <= after <= 6 * 3600
    assert 15 < asked < 30
    assert 3 * 86_400 <= at <= 3 * 86_400 + 6 * 3600
