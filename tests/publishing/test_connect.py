"""Connecting accounts as people do: their browser goes to the platform, comes back, and nothing is believed twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.serving import House
from tests.publishing.browser import SHOWN, Browser
from tests.publishing.press import Desk

from stakazo.core.db import Database
from stakazo.platforms.sandbox import world as known
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.world import World
from stakazo.publishing import renewals
from stakazo.publishing.models import Channel, ChannelConsent


@pytest.fixture
def browser(desk: Desk) -> Iterator[Browser]:
    made = Browser(desk)
    yield made
    made.http.close()


def events(desk: Desk, subject: str) -> list[dict[str, Any]]:
    found = desk.http.get("/ledger/events", params={"subject": subject, "sort": "oldest", "limit": 200})
    return list(found.json()["items"])


def told(desk: Desk, channel_id: str) -> list[str]:
    """What the ledger says of a channel, but for its subscription, which comes when a worker gets to it."""
    names = [str(event["event"]) for event in events(desk, f"channel/{channel_id}")]
    return [name for name in names if not name.startswith("channel_subscri")]


def set_back(desk: Desk, channel_id: str, **columns: Any) -> None:
    """Let a channel's row say something else, as time would have it."""

    async def change(session: AsyncSession) -> None:
        await session.execute(update(Channel).where(Channel.id == UUID(channel_id)).values(**columns))

    desk.site.within(change)


def due(desk: Desk, channel_id: str, ends: str = "1 minute") -> None:
    """Let its token end soon, and the clock look."""
    moment = text(f"clock_timestamp() + interval '{ends}'")
    set_back(desk, channel_id, token_expires_at=moment, look_at=text("clock_timestamp()"))
    look(desk)


def look(desk: Desk) -> None:
    """What a worker does every minute."""

    async def begin() -> None:
        db = Database(desk.site.urls.app, pool_size=1)
        try:
            await renewals.begin_due(db)
        finally:
            await db.close()

    asyncio.run(begin())


def show(desk: Desk, channel_id: str) -> dict[str, Any]:
    return dict(desk.http.get(f"/channels/{channel_id}").json())


# --- there and back -----------------------------------------------------------------------------------------


def test_the_ad_accounts_of_the_same_yes_are_offered_and_connected(desk: Desk, browser: Browser):
    consent = browser.ask("facebook")
    receipt = browser.receipt(consent["url"])
    found = desk.http.get(f"/channels/connect/{consent['id']}").json()
    [offered] = [one for one in found["ad_accounts"] if one["external_id"] == known.AD_ACCOUNT]
    assert (offered["currency"], offered["time_zone"]) == ("EUR", "Europe/Berlin")
    assert offered["name"] not in [one["name"] for one in found["accounts"]]
    said = {"consent_id": consent["id"], "receipt": receipt, "external_id": known.AD_ACCOUNT, "page_id": known.PAGE}
    for wrong, status in (
        ({"receipt": "AAAA"}, 403), ({"external_id": "5"}, 422), ({"page_id": "5"}, 422), ({"currency": "USD"}, 422),
        ({"token": "sandbox-rubbish"}, 422), ({"receipt": None}, 422),
    ):  # fmt: skip
        assert desk.http.post("/ad-accounts", json=said | wrong).status_code == status, wrong
    made = desk.http.post("/ad-accounts", json=said)
    assert made.status_code == 201, made.text
    account = made.json()
    assert (account["sandbox"], account["currency"], account["missing_scopes"]) == (True, "EUR", [])
    assert account["token_expires_at"]
    asked = desk.http.get(f"/ad-accounts/{account['id']}/lead-forms")  # its token works
    assert asked.status_code == 200, asked.text
    assert browser.choose(consent, receipt, found["accounts"]).status_code == 200  # and the channels are still there
    assert desk.http.post("/ad-accounts", json=said).status_code == 409
    declined = browser.ask("facebook")
    url = declined["url"].replace("ads_management", "").replace("ads_read", "")
    browser.receipt(url)
    assert desk.http.get(f"/channels/connect/{declined['id']}").json()["ad_accounts"] == []


@pytest.mark.parametrize("platform", ["instagram", "facebook", "tiktok", "youtube"])
def test_an_account_is_connected_and_publishes(desk: Desk, browser: Browser, platform: str):
    channel = browser.connect(platform)
    assert (channel["health"], channel["sandbox"], channel["live"]) == ("ok", True, False)
    assert channel["scopes"]
    assert channel["missing_scopes"] == []
    assert channel["token_expires_at"]
    recipe = {"instagram": "instagram_reel", "youtube": "youtube_short", "facebook": "facebook_feed"}
    details = {"title": "Blue"} if platform == "youtube" else {}
    [variant] = desk.variants(recipe.get(platform, platform))
    [wanted] = desk.want([variant], [channel["id"]], caption=f"By login {platform} {variant}", details=details)
    assert desk.until(wanted)["state"] == "PUBLISHED"


def test_meta_offers_pages_and_the_accounts_behind_them_at_once(desk: Desk, browser: Browser):
    consent = browser.ask("instagram")
    assert consent["accounts"] is None
    receipt = browser.receipt(consent["url"])
    found = desk.http.get(f"/channels/connect/{consent['id']}").json()
    assert {one["platform"] for one in found["accounts"]} == {"facebook", "instagram"}
    assert found["url"] is None
    assert "token" not in str(found)
    chosen = browser.choose(consent, receipt.lower().replace("-", " "), found["accounts"])
    assert {one["platform"] for one in chosen.json()["channels"]} == {"facebook", "instagram"}
    again = browser.choose(consent, receipt, found["accounts"])
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    told = [event["event"] for event in events(desk, f"channel_consent/{consent['id']}")]
    assert told == ["channel_consent_asked", "channel_consent_given"]


def test_googles_code_is_worth_nothing_without_its_proof(desk: Desk, browser: Browser, world: World):
    url = browser.ask("youtube")["url"]
    query = parse_qs(urlsplit(url).query)
    assert query["code_challenge_method"] == ["S256"]
    code = parse_qs(urlsplit(browser.answer(url)).query)["code"][0]
    asked = {
        "client_id": "sandbox-google-app", "client_secret": "sandbox-google-secret", "code": code,
        "grant_type": "authorization_code", "redirect_uri": query["redirect_uri"][0],
    }  # fmt: skip
    stolen = browser.http.post(f"{desk.site.settings.sandbox_url}/google/token", data=asked)
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")


# --- what isn't believed ------------------------------------------------------------------------------------


def test_a_person_may_say_no(desk: Desk, browser: Browser):
    consent = browser.ask("tiktok")
    assert browser.back(browser.answer(consent["url"], yes=False)) == "/account#not-connected=consent_refused"
    found = desk.http.get(f"/channels/connect/{consent['id']}").json()
    assert (found["accounts"], found["error"]["code"]) == (None, "permission")
    refused = browser.choose(consent, "AAAA", [{"platform": "tiktok", "external_id": "x"}])
    assert refused.status_code == 409
    assert "Permissions error" in refused.json()["detail"]
    assert [event["event"] for event in events(desk, f"channel_consent/{consent['id']}")][-1] == (
        "channel_consent_refused"
    )


def forged(address: str, how: Callable[[str], str]) -> str:
    state = parse_qs(urlsplit(address).query)["state"][0]
    return address.replace(state, how(state))


def test_what_comes_back_must_have_been_asked_and_counts_once(desk: Desk, browser: Browser):
    consent = browser.ask("youtube")
    address = browser.answer(consent["url"])
    forgeries: list[Callable[[str], str]] = [
        lambda _: "",
        lambda _: "x",
        lambda state: state[:-1] + ("A" if state[-1] != "A" else "B"),
        lambda state: "0" * 32 + state[32:],
        lambda state: state[:32] + "0" * 32 + state[64:],
    ]
    for how in forgeries:
        assert browser.back(forged(address, how)) == "/account#not-connected=not_asked"
    assert SHOWN.fullmatch(browser.back(address))
    assert browser.back(address) == "/account#not-connected=not_asked"


def test_what_is_answered_too_late_counts_no_more(desk: Desk, browser: Browser):
    consent = browser.ask("youtube")
    address = browser.answer(consent["url"])

    async def wait(session: AsyncSession) -> None:
        late = {"expires_at": text("clock_timestamp()")}
        await session.execute(update(ChannelConsent).where(ChannelConsent.id == UUID(consent["id"])).values(late))

    desk.site.within(wait)
    assert browser.back(address) == "/account#not-connected=not_asked"


def test_who_was_not_in_the_browser_connects_nothing(desk: Desk, house: House, browser: Browser):
    """An address that somebody was talked into opening connects their account to nobody."""
    consent = browser.ask("tiktok")
    receipt = browser.receipt(consent["url"])
    accounts = desk.http.get(f"/channels/connect/{consent['id']}").json()["accounts"]
    guessed = browser.choose(consent, "ABCD-EFGH-JKLM-NPQR", accounts)
    assert guessed.status_code == 403
    assert desk.http.get("/channels").json()["items"] == []
    strange = browser.choose(consent, receipt, [{"platform": "tiktok", "external_id": "another"}])
    assert (strange.status_code, "another was not offered" in strange.json()["detail"]) == (422, True)
    with house.site().client() as other:
        assert other.get(f"/channels/connect/{consent['id']}").status_code == 404
    assert browser.choose(consent, receipt, accounts).status_code == 200


def test_only_who_has_begun_it_ends_it(desk: Desk, people: Any, browser: Browser):
    consent = browser.ask("tiktok")
    receipt = browser.receipt(consent["url"])
    accounts = desk.http.get(f"/channels/connect/{consent['id']}").json()["accounts"]
    manager = people.join("MANAGER")
    body = {"receipt": receipt, "accounts": [{"platform": "tiktok", "external_id": accounts[0]["external_id"]}]}
    refused = manager.http.post(f"/channels/connect/{consent['id']}/choose", json=body)
    assert (refused.status_code, "has begun" in refused.json()["detail"]) == (403, True)


def test_the_real_platform_needs_an_app_of_ones_own(desk: Desk):
    for platform, setting in (("instagram", "META_APP_ID"), ("tiktok", "TIKTOK_CLIENT"), ("youtube", "GOOGLE_CLIENT")):
        answer = desk.http.post("/channels/connect", json={"platform": platform, "live": True})
        assert answer.status_code == 422
        assert setting in answer.json()["detail"]
        assert "/channels/callback" in answer.json()["detail"]


# --- what was declined --------------------------------------------------------------------------------------


def test_a_permission_that_was_declined_is_seen_and_asked_for_again(desk: Desk, browser: Browser):
    channel = browser.connect("instagram", without="instagram_content_publish")
    assert (channel["health"], channel["missing_scopes"]) == ("missing_scopes", ["instagram_content_publish"])
    assert [one["without"] for one in channel["lacking"]] == ["Nothing can be published on it."]
    [variant] = desk.variants("instagram_reel")
    said = {"variant_ids": [variant], "channel_ids": [channel["id"]]}
    refused = desk.http.post("/publications", json=said)
    assert (refused.status_code, refused.json()["code"]) == (422, "preflight_refused")
    assert "permission to publish" in refused.json()["detail"]
    again = browser.ask("instagram", again=True)
    assert parse_qs(urlsplit(again["url"]).query)["auth_type"] == ["rerequest"]
    channel = browser.connect("instagram")
    assert (channel["health"], channel["missing_scopes"]) == ("ok", [])
    assert desk.http.post("/publications", json=said).status_code == 201


# --- kept alive ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", ["facebook", "tiktok", "youtube"])
def test_a_token_is_renewed_before_it_ends(desk: Desk, browser: Browser, platform: str):
    channel = browser.connect(platform)
    due(desk, channel["id"])
    desk.eventually(lambda: show(desk, channel["id"])["renewed_at"])
    found = show(desk, channel["id"])
    assert found["health"] == "ok"
    assert found["token_expires_at"] >= channel["token_expires_at"]
    assert found["scopes"] == channel["scopes"]
    due(desk, channel["id"])  # what came of it renews again: a refresh token that works once is kept before its use
    desk.eventually(lambda: show(desk, channel["id"])["renewed_at"] > found["renewed_at"])
    assert told(desk, channel["id"]) == ["channel_connected", "channel_renewed", "channel_renewed"]


def test_a_refresh_token_that_died_is_loud(desk: Desk, browser: Browser, world: World):
    channel = browser.connect("youtube")
    for token in list(world.of("Token", type="GOOGLE")):
        world.change(token, revoked=460)
    due(desk, channel["id"])
    desk.eventually(lambda: show(desk, channel["id"])["health"] == "needs_reauth")
    found = show(desk, channel["id"])
    assert (found["error"]["code"], "again" in found["error"]["todo"]) == ("revoked", True)
    assert told(desk, channel["id"])[-1] == "channel_token_expired"
    assert browser.connect("youtube")["health"] == "ok"


def test_a_lost_answer_is_asked_for_again_and_then_loud_where_the_pair_is_gone(
    desk: Desk, browser: Browser, world: World
):
    """Google's refresh token stays: a lost answer costs nothing. TikTok's worked once: only the person can help."""
    there, gone = browser.connect("youtube"), browser.connect("tiktok")
    world.faults.add(Fault("lost_reply", "POST Google/token", times=1))
    world.faults.add(Fault("lost_reply", "POST TikTok/token", times=1))
    for channel in (there, gone):
        due(desk, channel["id"])
    for job in desk.http.get("/jobs", params={"type": "look_after_channel"}).json()["items"]:
        desk.hurry(job["id"])
    desk.eventually(lambda: show(desk, there["id"])["renewed_at"])
    desk.eventually(lambda: show(desk, gone["id"])["health"] == "needs_reauth")
    assert "lost" in show(desk, gone["id"])["error"]["detail"]


def test_one_worker_asks_at_a_time(desk: Desk, browser: Browser, world: World):
    channel = browser.connect("tiktok")
    set_back(desk, channel["id"], renewing_since=text("clock_timestamp()"))  # by a worker that vanished, or hasn't yet
    asked = len([call for call in world.calls if call["operation"] == "POST TikTok/token"])
    due(desk, channel["id"])
    look(desk)
    [job] = desk.http.get("/jobs", params={"type": "look_after_channel"}).json()["items"]
    desk.eventually(lambda: desk.http.get(f"/jobs/{job['id']}").json()["state"] == "RETRY")
    assert len([call for call in world.calls if call["operation"] == "POST TikTok/token"]) == asked
    set_back(desk, channel["id"], renewing_since=text("clock_timestamp() - interval '1 hour'"))
    desk.hurry(job["id"])
    desk.eventually(lambda: show(desk, channel["id"])["renewed_at"])


def test_the_end_of_what_a_person_allowed_is_announced_and_then_loud(desk: Desk, browser: Browser):
    channel = browser.connect("facebook")
    soon = {"consent_ends_at": text("clock_timestamp() + interval '3 days'"), "look_at": text("clock_timestamp()")}
    set_back(desk, channel["id"], **soon)
    look(desk)
    desk.eventually(lambda: "channel_expiring" in told(desk, channel["id"]))
    look(desk)  # said once
    assert show(desk, channel["id"])["health"] == "expiring"
    over = {"consent_ends_at": text("clock_timestamp()"), "look_at": text("clock_timestamp()")}
    set_back(desk, channel["id"], **over)
    look(desk)
    desk.eventually(lambda: show(desk, channel["id"])["error"])
    assert told(desk, channel["id"]) == ["channel_connected", "channel_expiring", "channel_token_expired"]


def test_a_publication_outlives_its_channels_token(desk: Desk, browser: Browser, world: World):
    """The platform takes the token no more, in the middle of it: it is renewed, and the post goes out once."""
    channel = browser.connect("youtube")
    for token in list(world.of("Token", type="GOOGLE")):
        world.change(token, expires_at=1)
    [variant] = desk.variants("youtube_short")
    caption = f"Outlives {variant}"
    [wanted] = desk.want([variant], [channel["id"]], caption=caption, details={"title": "Blue"})
    found = desk.until(wanted)
    assert (found["state"], found["error"]) == ("PUBLISHED", None)
    assert "channel_renewed" in [event["event"] for event in events(desk, f"channel/{channel['id']}")]
