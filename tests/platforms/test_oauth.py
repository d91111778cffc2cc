"""Connecting accounts: the person's yes and no, codes, tokens, and how they are kept alive."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from tests.platforms.conftest import There

from stakazo.platforms import publishers
from stakazo.platforms.base import Account, Platform
from stakazo.platforms.errors import Reason, Rejected, TokenExpired
from stakazo.platforms.graph import Graph
from stakazo.platforms.meta_login import SCOPES, MetaConsent
from stakazo.platforms.oauth import Consent, GoogleConsent, Grant, TikTokConsent, missing, returned

BACK = "http://127.0.0.1:8400/channels/callback"


async def say(there: There, url: str, answer: str = "allow", without: str = "") -> dict[str, str]:
    """What a person does in the browser, who leaves one box empty; what they come back with."""
    page = await there.http.get(url)
    assert page.status_code == 200
    assert "Nothing here is real" in page.text
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text)
    boxes = [box for box in re.findall(r'name="granted" value="([^"]+)"', page.text) if box != without]
    form = {**{name: value.replace("&amp;", "&") for name, value in fields}, "granted": boxes, "answer": answer}
    sent = await there.http.post(url, data=form)
    assert sent.status_code == 303
    assert sent.headers["location"].startswith(BACK)
    return dict(parse_qsl(urlsplit(sent.headers["location"]).query))


async def connect(there: There, consent: Consent, scopes: tuple[str, ...], without: str = "") -> Grant:
    query = await say(there, consent.consent_url(BACK, "s1", scopes), without=without)
    return await consent.exchange(returned(query, "s1"), BACK)


@pytest.fixture
def meta(there: There) -> MetaConsent:
    return MetaConsent(there.connection, live=False)


async def test_a_page_and_its_instagram_account_are_connected(there: There, meta: MetaConsent):
    grant = await connect(there, meta, SCOPES)
    assert set(SCOPES) <= set(grant.scopes)
    assert missing(grant.scopes, SCOPES) == ()
    assert grant.expires_at == there.connection.now() + timedelta(days=60)
    [page] = await meta.pages(grant.token)
    assert (page.instagram_id, page.instagram_name) == (there.account(Platform.INSTAGRAM).id, "bluenote.sandbox")
    health = await meta.look(page.token)
    assert (health.valid, health.expires_at, health.kind) == (True, None, "PAGE")
    assert health.data_until is not None
    [ads] = await meta.ad_accounts(grant.token)
    assert (ads.currency, ads.time_zone) == ("EUR", "Europe/Berlin")
    account = Account(Platform.INSTAGRAM, page.instagram_id or "", page.token)
    assert await publishers.of(there.connection, account).quota()
    assert page.token not in repr(page) + repr(grant) + repr(account)


async def test_what_was_declined_is_seen_and_can_be_asked_for_again(there: There, meta: MetaConsent):
    grant = await connect(there, meta, SCOPES, without="instagram_content_publish")
    assert missing(grant.scopes, SCOPES) == ("instagram_content_publish",)
    again = meta.consent_url(BACK, "s", missing(grant.scopes, SCOPES), again=True)
    assert parse_qs(urlsplit(again).query)["auth_type"] == ["rerequest"]
    [page] = await meta.pages(grant.token)
    graph = Graph(there.connection, Account(Platform.INSTAGRAM, page.instagram_id or "", page.token))
    with pytest.raises(Rejected) as refused:
        await graph.post(f"{page.instagram_id}/media", {"media_type": "REELS"}, effect=False)
    assert refused.value.reason is Reason.PERMISSION


async def test_a_person_may_say_no(there: There, meta: MetaConsent):
    query = await say(there, meta.consent_url(BACK, "s", SCOPES), answer="decline")
    with pytest.raises(Rejected, match="Permissions error") as refused:
        returned(query, "s")
    assert refused.value.reason is Reason.PERMISSION


async def test_who_comes_back_must_be_who_was_sent(there: There, meta: MetaConsent):
    query = await say(there, meta.consent_url(BACK, "s", SCOPES))
    for state in ("", "t", "s2"):
        with pytest.raises(Rejected, match="belong"):
            returned(query, state)


async def test_a_code_works_once_and_only_where_it_was_asked_for(there: There, meta: MetaConsent):
    first = returned(await say(there, meta.consent_url(BACK, "s", SCOPES)), "s")
    with pytest.raises(Rejected):
        await meta.exchange(first, BACK + "/")
    code = returned(await say(there, meta.consent_url(BACK, "s", SCOPES)), "s")
    await meta.exchange(code, BACK)
    with pytest.raises(Rejected):
        await meta.exchange(code, BACK)


async def test_a_token_is_renewed_while_it_lives(there: There, meta: MetaConsent):
    grant = await connect(there, meta, SCOPES)
    there.world.move_on(30 * 86400)
    fresh = await meta.refresh(grant)
    assert fresh.expires_at is not None
    assert grant.expires_at is not None
    assert fresh.expires_at == grant.expires_at + timedelta(days=30)
    there.world.move_on(61 * 86400)
    with pytest.raises(TokenExpired) as dead:
        await meta.refresh(fresh)
    assert dead.value.reason is Reason.EXPIRED
    health = await meta.look(fresh.token)
    assert (health.valid, health.reason) == (False, Reason.EXPIRED)


async def test_a_changed_password_is_seen(there: There, meta: MetaConsent):
    grant = await connect(there, meta, SCOPES)
    known = there.world.token(grant.token)
    assert known is not None
    there.world.change(known, revoked=460)
    assert (await meta.look(grant.token)).reason is Reason.REVOKED


async def test_tiktoks_refresh_tokens_work_once(there: There):
    consent = TikTokConsent(there.connection, live=False)
    grant = await connect(there, consent, ("user.info.basic", "video.publish"))
    assert grant.scopes == ("user.info.basic", "video.publish")
    assert grant.user_id == there.account(Platform.TIKTOK).id
    assert grant.expires_at == there.connection.now() + timedelta(days=1)
    fresh = await consent.refresh(grant)
    assert fresh.refresh_token != grant.refresh_token
    with pytest.raises(TokenExpired) as used:
        await consent.refresh(grant)
    assert used.value.reason is Reason.REVOKED
    await consent.refresh(fresh)


async def test_googles_refresh_token_stays(there: There):
    consent = GoogleConsent(there.connection, live=False)
    grant = await connect(there, consent, ("https://www.googleapis.com/auth/youtube",))
    fresh = await consent.refresh(grant)
    assert fresh.refresh_token == grant.refresh_token
    account = Account(Platform.YOUTUBE, "UC", fresh.token)
    with pytest.raises(Rejected):
        await publishers.of(there.connection, account).measure("nothing")
    there.world.move_on(3601)
    with pytest.raises(TokenExpired):
        await publishers.of(there.connection, account).measure("nothing")


def test_without_an_app_there_is_no_login(there: There):
    with pytest.raises(Rejected, match="settings"):
        MetaConsent(there.connection, live=True)
    wrong = replace(there.connection, sandbox_apps={})
    with pytest.raises(Rejected, match="settings"):
        TikTokConsent(wrong, live=False)
