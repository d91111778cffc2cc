"""Idempotency-Key over HTTP: every POST takes one, or says why not; and what it stands for is done once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pyotp
import pytest
from fastapi import Response
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from tests.ads.stand import Stand
from tests.api.committed import CONTRACT
from tests.near import NEAR
from tests.publishing.press import Desk

from stakazo.accounts import keys
from stakazo.accounts.models import User
from stakazo.api import ROUTERS
from stakazo.api.deps import DB
from stakazo.api.once import keyless
from stakazo.api.routes import Route, Router
from stakazo.core import postgres
from stakazo.core.actor import new_id
from stakazo.core.db import Database
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.idempotency import service as idempotency
from stakazo.idempotency.models import IdempotencyKey
from stakazo.ledger import service as ledger
from stakazo.ledger.models import LedgerEvent
from stakazo.platforms.base import Platform
from stakazo.publishing import consents
from stakazo.publishing.channels import Given
from stakazo.publishing.models import Publication
from stakazo.publishing.states import PublicationState
from stakazo.rules import service as rules
from stakazo.rules.models import PlatformRule

Asked = tuple[str, Any]
"""Path and body of a POST that works."""


def _events(site: Any) -> int:
    async def count(session: AsyncSession) -> int:
        return await session.scalar(select(func.count()).select_from(LedgerEvent)) or 0

    return int(site.within(count))


def _keyed(client: httpx.Client, path: str, body: Any = None, key: str = "k1") -> httpx.Response:
    return client.post(path, json=body, headers={"Idempotency-Key": key})


# --- every POST ---------------------------------------------------------------------------------------------


def _job(client: httpx.Client, catalogue: Any) -> str:
    wanted = {"type": "propose_clips", "video_id": str(catalogue.video_id)}
    return f"/jobs/{client.post('/jobs', json=wanted).json()['id']}"


def _cancelled(client: httpx.Client, catalogue: Any) -> str:
    job = _job(client, catalogue)
    client.post(f"{job}/cancel")
    return job


def _proposed(client: httpx.Client) -> str:
    return f"/rules/{client.post('/rules', json={'platform': 'tiktok', 'rule': {}, 'evidence': {'n': 1}}).json()['id']}"


def _person(catalogue: Any) -> str:
    """Somebody of whom the ledger knows something."""
    person = new_id()

    async def write(session: AsyncSession) -> None:
        await ledger.record(session, "person_met", subject=("user", person), personal={"name": "Ann"})

    catalogue.site.within(write)
    return f"user/{person}"


LATER = "2030-01-01T18:00:00Z"


def _wish(client: httpx.Client, catalogue: Any, **said: Any) -> dict[str, Any]:
    """A variant and a channel that nothing stands between."""
    desk = Desk(catalogue.site, None, client)
    channel = desk.channel("facebook", unseen="page")
    return {"variant_ids": desk.variants("facebook_feed"), "channel_ids": [channel], "at": LATER, **said}


def _planned(client: httpx.Client, catalogue: Any, **said: Any) -> str:
    made = client.post("/publications", json=_wish(client, catalogue, **said)).json()["publications"][0]
    return f"/publications/{made['id']}"


def _awaiting(client: httpx.Client, catalogue: Any) -> str:
    client.put("/publishing/policy", json={"approval": "anyone"})
    return _planned(client, catalogue)


def _stopped(client: httpx.Client, catalogue: Any) -> str:
    publication = _planned(client, catalogue)
    client.post(f"/jobs/{client.get(publication).json()['job_id']}/cancel")
    return publication


def _offered(client: httpx.Client, catalogue: Any) -> Asked:
    """A sign-in from which the browser is back."""
    consent = client.post("/channels/connect", json={"platform": "tiktok"}).json()["id"]
    given = Given(Platform.TIKTOK, "blue", "Blue", "sandbox-blue")

    async def come_back(session: AsyncSession) -> str:
        return await consents._keep(session, Keyring(catalogue.site.settings), UUID(consent), (), [given])

    account = {"platform": "tiktok", "external_id": "blue"}
    body = {"receipt": catalogue.site.within(come_back), "accounts": [account]}
    return f"/channels/connect/{consent}/choose", body


def _posted(client: httpx.Client, catalogue: Any) -> dict[str, Any]:
    (variant,) = _wish(client, catalogue)["variant_ids"]
    return {"variant_id": variant, "platform": "tiktok", "url": "https://www.tiktok.com/@blue/video/7"}


def _measured(client: httpx.Client, catalogue: Any) -> str:
    wish = _wish(client, catalogue)
    (variant,), (channel,) = wish["variant_ids"], wish["channel_ids"]
    said = {"variant_id": variant, "platform": "facebook", "channel_id": channel, "external_id": "7"}
    return f"/publications/{client.post('/confirm_publish', json=said).json()['id']}/metrics"


def _uncommented(client: httpx.Client, catalogue: Any) -> str:
    """What is public, and lacks its first comment."""
    publication = _planned(client, catalogue, first_comment="First!")
    known = {"state": PublicationState.PUBLISHED, "external_id": "7", "published_at": datetime.now(UTC)}
    missing = {"comment_error": {"code": "rejected", "detail": "No.", "todo": "Write it anew."}}

    async def publish(session: AsyncSession) -> None:
        ours = Publication.id == UUID(publication.rpartition("/")[2])
        await session.execute(update(Publication).where(ours).values(known | missing))

    catalogue.site.within(publish)
    return publication


HOOK = {"url": "https://hooks.example.com/in"}


def _webhook(client: httpx.Client) -> str:
    return f"/webhooks/{client.post('/webhooks', json=HOOK).json()['webhook']['id']}"


def _stand(client: httpx.Client, catalogue: Any) -> Stand:
    return Stand(catalogue.site, None, client)


def _campaign(client: httpx.Client, catalogue: Any, state: str = "PAUSED") -> str:
    return f"/campaigns/{_stand(client, catalogue).launched(state)}"


def _audience(client: httpx.Client, catalogue: Any, state: str = "MADE") -> str:
    return f"/audiences/{_stand(client, catalogue).audience(state)}"


CUSTOMER = {"people": [{"email": "ann@example.com"}], "consent": True}


def _said(client: httpx.Client, catalogue: Any) -> str:
    desk = Desk(catalogue.site, None, client)
    return desk.said(desk.channel("facebook", unseen="page"))


REQUESTS: dict[str, Callable[[httpx.Client, Any], Asked]] = {
    "/jobs": lambda _, catalogue: ("/jobs", {"type": "propose_clips", "video_id": str(catalogue.video_id)}),
    "/jobs/{job_id}/cancel": lambda client, catalogue: (f"{_job(client, catalogue)}/cancel", None),
    "/jobs/{job_id}/retry": lambda client, catalogue: (f"{_cancelled(client, catalogue)}/retry", None),
    "/clips/{clip_id}/accept": lambda _, catalogue: (f"{catalogue.clip}/accept", None),
    "/clips/{clip_id}/reject": lambda _, catalogue: (f"{catalogue.clip}/reject", None),
    "/clips/{clip_id}/variants": lambda _, catalogue: (f"{catalogue.clip}/variants", {"recipes": ["tiktok"]}),
    "/rules": lambda *_: ("/rules", {"platform": "tiktok", "rule": {}}),
    "/rules/{rule_id}/activate": lambda client, _: (f"{_proposed(client)}/activate", None),
    "/rules/{rule_id}/retire": lambda client, _: (f"{_proposed(client)}/retire", None),
    "/channels/connect": lambda *_: ("/channels/connect", {"platform": "tiktok"}),
    "/channels/connect/{consent_id}/choose": _offered,
    "/channels/{channel_id}/live": lambda client, catalogue: (
        f"/channels/{_wish(client, catalogue)['channel_ids'][0]}/live",
        {"live": False},
    ),
    "/publications": lambda client, catalogue: ("/publications", _wish(client, catalogue)),
    "/publications/{publication_id}/submit": lambda client, catalogue: (
        f"{_planned(client, catalogue, draft=True)}/submit",
        None,
    ),
    "/publications/{publication_id}/approve": lambda client, catalogue: (
        f"{_awaiting(client, catalogue)}/approve",
        None,
    ),
    "/publications/{publication_id}/cancel": lambda client, catalogue: (f"{_planned(client, catalogue)}/cancel", None),
    "/publications/{publication_id}/retry": lambda client, catalogue: (f"{_stopped(client, catalogue)}/retry", None),
    "/publications/{publication_id}/first_comment": lambda client, catalogue: (
        f"{_uncommented(client, catalogue)}/first_comment",
        None,
    ),
    "/publications/{publication_id}/metrics": lambda client, catalogue: (_measured(client, catalogue), None),
    "/campaigns/{campaign_id}/metrics": lambda client, catalogue: (f"{_campaign(client, catalogue)}/metrics", None),
    "/inbox/{item_id}/done": lambda client, catalogue: (f"{_said(client, catalogue)}/done", None),
    "/inbox/{item_id}/reopen": lambda client, catalogue: (f"{_said(client, catalogue)}/reopen", None),
    "/inbox/{item_id}/reply": lambda client, catalogue: (f"{_said(client, catalogue)}/reply", {"text": "Thanks"}),
    "/confirm_publish": lambda client, catalogue: ("/confirm_publish", _posted(client, catalogue)),
    "/webhooks": lambda *_: ("/webhooks", HOOK),
    "/webhooks/{webhook_id}/rotate": lambda client, _: (f"{_webhook(client)}/rotate", None),
    "/webhooks/{webhook_id}/test": lambda client, _: (f"{_webhook(client)}/test", None),
    "/webhooks/{webhook_id}/replay": lambda client, _: (
        f"{_webhook(client)}/replay",
        {"since": "2026-01-01T00:00:00Z"},
    ),
    "/links": lambda *_: ("/links", {"targets": [{"name": "spotify", "url": "https://open.spotify.com/track/1"}]}),
    "/ad-accounts/{ad_account_id}/live": lambda client, catalogue: (
        f"/ad-accounts/{_stand(client, catalogue).account()}/live",
        {"live": False},
    ),
    "/ads/stop": lambda *_: ("/ads/stop", None),
    "/campaigns": lambda client, catalogue: ("/campaigns", _stand(client, catalogue).wish()),
    "/campaigns/{campaign_id}/duplicate": lambda client, catalogue: (f"{_campaign(client, catalogue)}/duplicate", None),
    "/campaigns/{campaign_id}/simulate": lambda client, catalogue: (f"{_campaign(client, catalogue)}/simulate", None),
    "/campaigns/{campaign_id}/undo": lambda client, catalogue: (f"{_campaign(client, catalogue, 'ACTIVE')}/undo", None),
    "/campaigns/{campaign_id}/activate": lambda client, catalogue: (f"{_campaign(client, catalogue)}/activate", None),
    "/campaigns/{campaign_id}/pause": lambda client, catalogue: (
        f"{_campaign(client, catalogue, 'ACTIVE')}/pause",
        None,
    ),
    "/campaigns/{campaign_id}/archive": lambda client, catalogue: (f"{_campaign(client, catalogue)}/archive", None),
    "/campaigns/{campaign_id}/retry": lambda client, catalogue: (
        f"{_campaign(client, catalogue, 'FAILED')}/retry",
        None,
    ),
    "/audiences": lambda client, catalogue: (
        "/audiences",
        {"ad_account_id": _stand(client, catalogue).account(), "name": "Fans", "crowd": "page"},
    ),
    "/audiences/{audience_id}/people": lambda client, catalogue: (f"{_audience(client, catalogue)}/people", CUSTOMER),
    "/audiences/{audience_id}/retry": lambda client, catalogue: (
        f"{_audience(client, catalogue, 'FAILED')}/retry",
        None,
    ),
    "/api-keys": lambda *_: ("/api-keys", {"name": "robot"}),
    "/invitations": lambda *_: ("/invitations", {"role": "VIEWER"}),
    "/imports": lambda *_: ("/imports", {"url": "https://cdn.example.com/a.mp4"}),
    "/ledger/erasures": lambda _, catalogue: ("/ledger/erasures", {"person": _person(catalogue)}),
}
"""A request that works, for every POST that takes a key. A new endpoint needs its line here."""


def _accepting(_: Any, site: Any) -> Asked:
    with site.house.site().client() as stranger:
        link = stranger.post("/invitations", json={"role": "VIEWER"}).json()["link"]
    return "/invitations/accept", {"token": link.partition("=")[2]}


def _confirming(ann: Any, _: Any = None) -> Asked:
    begun = ann.http.post("/auth/totp", json={"password": ann.password}).json()
    return "/auth/totp/confirm", {"code": pyotp.TOTP(begun["secret"]).now()}


def _sure(ann: Any) -> dict[str, str]:
    path, body = _confirming(ann)
    return {"password": ann.password, "code": ann.http.post(path, json=body).json()["recovery_codes"][0]}


OF_PEOPLE: dict[str, Callable[[Any, Any], Asked]] = {
    "/workspaces": lambda *_: ("/workspaces", {"name": "Verve"}),
    "/invitations/accept": _accepting,
    "/auth/totp": lambda ann, _: ("/auth/totp", {"password": ann.password}),
    "/auth/totp/confirm": _confirming,
    "/auth/totp/remove": lambda ann, _: ("/auth/totp/remove", _sure(ann)),
    "/auth/recovery-codes": lambda ann, _: ("/auth/recovery-codes", _sure(ann)),
}
"""Likewise of those about oneself."""

EXEMPT = {
    # nobody is known yet whose key it could be; and every proof that they take works once
    "/auth/register",
    "/auth/register/confirm",
    "/auth/login",
    "/auth/refresh",
    "/auth/logout",
    "/auth/password/forgot",
    "/auth/password/reset",
    "/auth/email/confirm",
    "/auth/oidc/second-factor",
    "/invitations/look",
    # afterwards there is nobody any more who could ask again, or nobody who may
    "/auth/me/delete",
    "/workspaces/{workspace_id}/leave",
    "/workspaces/{workspace_id}/transfer",
    # done twice it is the same, or the last one counts
    "/auth/password/change",
    "/auth/email/change",
    "/workspaces/{workspace_id}/switch",
    "/channels",
    "/l/{slug}/conversion",
    "/ad-accounts",
    "/notifications/read",
    "/notifications/subscriptions",
    # the key stays with the video; and tus has its own way: offsets
    "/upload",
    "/uploads",
    "/uploads/{upload_id}",
    # told again, what happened has the same key
    "/webhook/instagram",
    "/webhook/tiktok",
    "/webhook/youtube",
    # for development
    "/jobs/process",
    "/jobs/{job_id}/process",
}
"""The POSTs that take no key; each says why where it stands. A new one is a decision."""

POSTS = {path: operations["post"] for path, operations in CONTRACT["paths"].items() if "post" in operations}
KEYLESS = {
    route.path: route.endpoint.keyless
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, Route) and hasattr(route.endpoint, "keyless")
}


def test_every_route_has_the_habits_and_every_post_takes_a_key_or_says_why_not() -> None:
    assert all(isinstance(route, Route) for router in ROUTERS for route in router.routes)
    takes = {
        path
        for path, operation in POSTS.items()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    }
    assert takes - {"/upload"} == REQUESTS.keys() | OF_PEOPLE.keys() == POSTS.keys() - KEYLESS.keys()
    assert KEYLESS.keys() == EXEMPT
    assert all(len(reason) > 10 for reason in KEYLESS.values())


@pytest.mark.parametrize("path", REQUESTS)
def test_the_same_key_gets_the_same_answer_and_nothing_is_done_twice(
    site: Any, client: httpx.Client, catalogue: Any, path: str
) -> None:
    address, body = REQUESTS[path](client, catalogue)
    first = _keyed(client, address, body)
    assert first.is_success, first.text
    assert "idempotent-replayed" not in first.headers
    done = _events(site)
    again = _keyed(client, address, body)
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    for name in ("content-type", "location", "etag"):
        assert again.headers.get(name) == first.headers.get(name)
    assert _events(site) == done
    other = _keyed(client, address, {"other": 1})
    assert (other.status_code, other.json()["code"]) in {(422, "idempotency_key_reused"), (422, "invalid")}


@pytest.mark.parametrize("path", OF_PEOPLE)
def test_people_have_keys_of_their_own(site: Any, people: Any, path: str) -> None:
    ann, bob = people.join(), people.join()
    address, body = OF_PEOPLE[path](ann, site)
    first = _keyed(ann.http, address, body)
    assert first.is_success, first.text
    done = _events(site), ann.http.get("/workspaces").json()
    again = _keyed(ann.http, address, body)
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (_events(site), ann.http.get("/workspaces").json()) == done
    other = _keyed(ann.http, address, {"other": 1})
    assert (other.status_code, other.json()["code"]) in {(422, "idempotency_key_reused"), (422, "invalid")}
    theirs = _keyed(bob.http, "/workspaces", {"name": "Bob's"})
    assert theirs.status_code == 201
    assert "idempotent-replayed" not in theirs.headers


def test_a_post_without_a_transaction_must_say_why_it_takes_no_key() -> None:
    router = Router()

    async def act() -> None: ...

    with pytest.raises(TypeError, match="keyless"):
        router.post("/act")(act)
    router.post("/act")(keyless("nothing is done here")(act))


# --- what a key stands for ----------------------------------------------------------------------------------


def test_a_key_stands_for_one_request(client: httpx.Client, catalogue: Any) -> None:
    first = _keyed(client, "/rules", {"platform": "tiktok", "rule": {"clips": {}}, "evidence": {"a": 1, "b": 2}})
    assert first.status_code == 201
    shuffled = '{ "evidence":{"b":2, "a":1}, "rule": {"clips":{}},\n"platform":"tiktok" }'
    same = client.post(
        "/rules", content=shuffled, headers={"Idempotency-Key": "k1", "Content-Type": "application/json"}
    )
    assert (same.status_code, same.json()) == (201, first.json())
    for path, body in (
        ("/rules", {"platform": "tiktok", "rule": {"clips": {}}, "evidence": {"a": 1, "b": 3}}),
        ("/rules?x=1", {"platform": "tiktok", "rule": {"clips": {}}, "evidence": {"a": 1, "b": 2}}),
        (f"{catalogue.clip}/accept", None),
    ):
        answer = _keyed(client, path, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused"), path
    assert client.get("/rules", params={"platform": "tiktok", "state": "PROPOSED"}).json()["items"] == [first.json()]


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_that_is_none_is_refused(client: httpx.Client, catalogue: Any, key: str) -> None:
    answer = _keyed(client, f"{catalogue.clip}/accept", key=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert client.get(catalogue.clip).json()["state"] == "PROPOSED"


def test_keys_are_each_actors_and_each_workspaces_own(site: Any, client: httpx.Client) -> None:
    wanted = {"platform": "tiktok", "rule": {}}
    first = _keyed(client, "/rules", wanted).json()
    token = site.within(lambda session: keys.create_key(session, "another")).token
    with (
        httpx.Client(base_url=site.url, headers={"X-API-Key": token}, **NEAR) as colleague,
        site.house.site().client() as stranger,
    ):
        assert "idempotent-replayed" not in _keyed(colleague, "/rules", wanted).headers
        assert _keyed(stranger, "/rules", wanted).json()["id"] != first["id"]
        assert _keyed(client, "/rules", wanted).json() == first


def test_what_was_refused_has_done_nothing_and_may_be_asked_again(client: httpx.Client, catalogue: Any) -> None:
    client.post(f"{catalogue.clip}/reject")
    assert _keyed(client, f"{catalogue.clip}/variants").status_code == 409
    client.post(f"{catalogue.clip}/accept")
    done = _keyed(client, f"{catalogue.clip}/variants")
    assert done.status_code == 202
    assert _keyed(client, f"{catalogue.clip}/variants").json() == done.json()


# --- at once, and interrupted -------------------------------------------------------------------------------


def test_a_hundred_at_once_are_one(site: Any) -> None:
    wanted = {"platform": "tiktok", "rule": {}}
    with site.client(limits=httpx.Limits(max_connections=100)) as client, ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: _keyed(client, "/rules", wanted), range(100)))
    seen = Counter(answer.status_code for answer in answers)
    assert set(seen) <= {201, 409}
    assert seen[201] >= 1
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert (answer.json()["code"], answer.json()["retryable"]) == ("idempotency_key_in_flight", True)
            assert answer.headers["retry-after"] == "1"
    made = site.within(lambda session: rules.find(session, platform="tiktok"))
    assert len(made.items) == 2  # the seed, and one proposal


@contextmanager
def _held(site: Any, table: str, row_id: Any) -> Iterator[None]:
    """Nobody else can change this row for as long as this takes."""
    with psycopg.connect(postgres.conninfo(site.urls.owner)) as connection:
        connection.execute("select set_config('stakazo.workspace', %s, true)", [str(site.workspace_id)])
        connection.execute(f"select from {table} where id = %s for update", [row_id])
        yield


def test_a_key_in_flight_is_409_until_it_is_answered(site: Any, client: httpx.Client, catalogue: Any) -> None:
    address = f"{catalogue.clip}/accept"
    with ThreadPoolExecutor(2) as pool:
        with _held(site, "clips", catalogue.clip_ids[0]):
            both = {pool.submit(_keyed, client, address) for _ in range(2)}
            [answered], [working] = wait(both, return_when=FIRST_COMPLETED)
            assert (answered.result().status_code, answered.result().json()["code"]) == (
                409,
                "idempotency_key_in_flight",
            )
        assert working.result().status_code == 200
    assert _keyed(client, address).headers["idempotent-replayed"] == "true"


def test_effect_and_answer_are_kept_together_or_not_at_all(site_with: Callable[..., Any]) -> None:
    """Whatever ends the transaction between the work and the commit takes both; asked again, it is done once."""
    site = site_with()
    wanted = {"platform": "tiktok", "rule": {}}
    with psycopg.connect(postgres.conninfo(site.urls.owner), autocommit=True) as owner:
        owner.execute("create function refuse() returns trigger language plpgsql as 'begin raise ''too late''; end'")
        owner.execute(
            "create constraint trigger late after insert on idempotency_keys deferrable initially deferred"
            " for each row execute function refuse()"
        )
        with site.client() as client:
            assert _keyed(client, "/rules", wanted).status_code == 500
            assert client.get("/rules", params={"state": "PROPOSED"}).json()["items"] == []
            owner.execute("drop trigger late on idempotency_keys")
            made = _keyed(client, "/rules", wanted)
            assert made.status_code == 201
            assert _keyed(client, "/rules", wanted).json() == made.json()
            assert client.get("/rules", params={"state": "PROPOSED"}).json()["items"] == [made.json()]


# --- what is not kept ---------------------------------------------------------------------------------------

trial = Router()


@trial.post("/trial/failing")
async def failing(db: DB) -> Response:
    await rules.propose(db, "tiktok", {}, evidence={"n": uuid4().hex})
    return Response(status_code=503)


@trial.post("/trial/secret")
async def secret(db: DB, response: Response) -> dict[str, str]:
    await rules.propose(db, "tiktok", {}, evidence={"n": uuid4().hex})
    response.headers["Cache-Control"] = "no-store"
    response.set_cookie("session", "hush-cookie")
    return {"token": "hush-token"}


async def _versions(session: AsyncSession) -> int:
    return await session.scalar(select(func.max(PlatformRule.version)).where(PlatformRule.platform == "tiktok")) or 0


def test_what_failed_here_is_not_kept(site_with: Callable[..., Any]) -> None:
    site = site_with()
    site.house.app.include_router(trial)
    with site.client() as client:
        assert [_keyed(client, "/trial/failing").status_code for _ in range(2)] == [503, 503]
    assert site.within(_versions) == 3


def test_a_secret_in_an_answer_is_not_written_down(site_with: Callable[..., Any]) -> None:
    site = site_with()
    site.house.app.include_router(trial)
    with site.client() as client:
        first, again = _keyed(client, "/trial/secret"), _keyed(client, "/trial/secret")
        assert first.json() == again.json() == {"token": "hush-token"}
        assert "set-cookie" in first.headers
        assert "set-cookie" not in again.headers  # a cookie is its connection's
    assert site.within(_versions) == 2

    async def kept(session: AsyncSession) -> str:
        return str((await session.execute(text("select * from idempotency_keys"))).all())

    assert "hush" not in site.within(kept)


def test_after_a_day_a_key_is_new(site: Any, client: httpx.Client) -> None:
    first = _keyed(client, "/rules", {"platform": "tiktok", "rule": {}}).json()
    asked = {"platform": "tiktok", "rule": {}, "evidence": {"n": 2}}
    assert _keyed(client, "/rules", asked).status_code == 422

    async def age(session: AsyncSession) -> None:
        await session.execute(text("update idempotency_keys set expires_at = expires_at - interval '24 hours'"))

    site.within(age)
    assert _keyed(client, "/rules", asked).json()["version"] == first["version"] + 1


async def test_the_sweep_takes_what_has_expired_in_every_workspace(
    database: Database, app_settings: Settings, actor: Any, other_actor: Any
) -> None:
    keyring = Keyring(app_settings)
    answer = idempotency.Answer(200, (("content-type", "application/json"),), b"{}")
    for who in (actor, other_actor):
        async with database.transaction(who) as session:
            for key in ("old", "new"):
                await idempotency.keep(session, keyring, key, bytes(32), answer)
            await session.execute(text("update idempotency_keys set expires_at = now() where key = 'old'"))
    ann = User(id=new_id(), email="ann@example.org")
    async with database.system_transaction() as session:
        session.add(ann)
    async with database.personal_transaction(ann.id) as session:
        await idempotency.keep(session, keyring, "old", bytes(32), answer)
        await session.execute(text("update personal_idempotency_keys set expires_at = now()"))
    async with database.system_transaction() as session:
        assert await idempotency.sweep(session) == 3
    for who in (actor, other_actor):
        async with database.transaction(who) as session:
            assert [row.key for row in await session.scalars(select(IdempotencyKey))] == ["new"]
            assert await idempotency.claim(session, keyring, "new", bytes(32)) == answer
            assert await idempotency.claim(session, keyring, str(uuid4()), bytes(32)) is None
