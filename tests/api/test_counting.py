"""How often one may ask, over HTTP."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs
from tests.near import NEAR

from stakazo.api.counting import Slots, address_of
from stakazo.core.actor import new_id
from stakazo.core.limits import TooMany

SITE = Callable[..., Any]


async def ask_at_once(site: Any, count: int, method: str = "GET", path: str = "/rules", key: str = "") -> Counter[int]:
    """The statuses of so many requests at once."""
    headers = {"Authorization": f"Bearer {key or site.key}"}
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=site.url, headers=headers, timeout=120, limits=limits, **NEAR) as http:
        answers = await asyncio.gather(*(http.request(method, path) for _ in range(count)))
    return Counter(answer.status_code for answer in answers)


async def test_of_many_at_once_exactly_the_quota_passes_and_others_do_not_notice(site_with: SITE):
    site = await asyncio.to_thread(site_with, limit_read="50/hour")
    other = await asyncio.to_thread(site.house.site)
    assert await ask_at_once(site, 100) == {200: 50, 429: 50}
    assert await ask_at_once(other, 20) == {200: 20}


def test_says_how_one_stands_and_when_to_come_again(site_with: SITE):
    site = site_with(limit_read="2/hour", limit_write="2/hour")
    with site.client() as client:
        first, second, third = (client.get("/rules") for _ in range(3))
        assert first.headers["RateLimit-Policy"] == '"read-key";q=2;w=3600'
        assert first.headers["RateLimit"].startswith('"read-key";r=1;t=')
        assert second.headers["RateLimit"].startswith('"read-key";r=0;t=')
        assert third.status_code == 429
        assert third.json()["code"] == "too_many_requests"
        assert third.json()["retryable"] is True
        assert 3500 < int(third.headers["Retry-After"]) <= 3601
        missing = client.post("/jobs/00000000-0000-0000-0000-000000000000/cancel")
        assert missing.status_code == 404
        assert missing.headers["RateLimit"].startswith('"write-key";r=1;t=')  # counted on its own, and refused or not


def test_strangers_are_counted_by_address(site_with: SITE):
    site = site_with(limit_stranger="3/hour")
    with site.client() as stranger:
        stranger.headers["Authorization"] = "Bearer stk_wrong"
        assert [stranger.get("/rules").status_code for _ in range(4)] == [401, 401, 401, 429]
    with site.client() as client:
        assert client.get("/rules").status_code == 200
        assert [client.get("/health").status_code for _ in range(5)] == [200] * 5  # whoever watches us isn't counted


def test_logins_are_counted_by_address(site_with: SITE):
    site = site_with(limit_login="3/hour")
    with site.client() as client:
        said = {"email": "nobody@example.org", "password": "something else"}
        assert [client.post("/auth/login", json=said).status_code for _ in range(4)] == [401, 401, 401, 429]


@pytest.mark.parametrize("known", [True, False])
def test_wrong_passwords_lock_an_account_whether_it_exists_or_not(site_with: SITE, known: bool):  # noqa: FBT001
    site = site_with(limit_failed_login="3/hour", password_memory_kib=8, password_passes=1)
    with site.client() as client, capture_logs() as lines:
        if known:
            link = client.post("/invitations", json={"role": "VIEWER"}).json()["link"]
            said = {"email": "ann@example.org", "password": "a quiet sentence", "invitation": link.partition("=")[2]}
            assert client.post("/auth/register", json=said).status_code == 201
        wrong = {"email": "Ann@example.org", "password": "something else"}
        assert [client.post("/auth/login", json=wrong).status_code for _ in range(3)] == [401] * 3
        locked = client.post("/auth/login", json={"email": "ann@example.org", "password": "a quiet sentence"})
        assert (locked.status_code, locked.json()["code"]) == (429, "account_locked")
        other = client.post("/auth/login", json=wrong | {"email": "bob@example.org"})
        assert other.status_code == 401
    wrong_ones = [line for line in lines if line["event"] in {"wrong_password_or_code", "account_locked"}]
    assert [line["event"].split("_")[0] for line in wrong_ones] == ["wrong", "wrong", "wrong", "account", "wrong"]
    assert len({line["account"] for line in wrong_ones}) == 2
    assert "example.org" not in str(wrong_ones)


def test_a_right_password_forgives_wrong_ones(site_with: SITE):
    site = site_with(limit_failed_login="3/hour", password_memory_kib=8, password_passes=1)
    with site.client() as client:
        link = client.post("/invitations", json={"role": "VIEWER"}).json()["link"]
        said = {"email": "ann@example.org", "password": "a quiet sentence", "invitation": link.partition("=")[2]}
        client.post("/auth/register", json=said)
        right = {"email": "ann@example.org", "password": "a quiet sentence"}
        for _ in range(2):
            assert [client.post("/auth/login", json=right | {"password": "x"}).status_code for _ in range(2)] == [
                401
            ] * 2
            assert client.post("/auth/login", json=right).status_code == 200


def test_a_borrowed_session_can_not_try_passwords(site_with: SITE):
    site = site_with(limit_failed_login="2/hour", password_memory_kib=8, password_passes=1)
    with site.client() as client:
        link = client.post("/invitations", json={"role": "VIEWER"}).json()["link"]
        said = {"email": "ann@example.org", "password": "a quiet sentence", "invitation": link.partition("=")[2]}
        client.headers["Authorization"] = f"Bearer {client.post('/auth/register', json=said).json()['access_token']}"
        answers = [client.post("/auth/me/delete", json={"password": "x"}).status_code for _ in range(3)]
    assert answers == [403, 403, 429]


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_addresses_are_those_of_whoever_has_them(host: str, counted: str):
    assert address_of(Request({"type": "http", "client": (host, 1), "headers": []})) == counted


def test_a_workspace_keeps_no_more_than_its_quota(site_with: SITE, mp4: bytes):
    site = site_with(storage_quota_bytes=2 * len(mp4) + 50)
    other = site.house.site()
    with site.client() as client, other.client() as stranger:
        first = client.post("/upload", files={"file": ("a.mp4", mp4 + b"1")})
        assert client.post("/upload", files={"file": ("b.mp4", mp4 + b"2")}).status_code == 202
        third = client.post("/upload", files={"file": ("c.mp4", mp4 + b"3")})
        assert (third.status_code, third.json()["code"], third.json()["retryable"]) == (507, "over_quota", False)
        assert client.post("/upload", files={"file": ("a.mp4", mp4 + b"1")}).status_code == 200  # it is here already
        assert stranger.post("/upload", files={"file": ("c.mp4", mp4 + b"3")}).status_code == 202
        assert len(site.files) == 2
        client.delete(f"/videos/{first.json()['video']['id']}")
        assert client.post("/upload", files={"file": ("c.mp4", mp4 + b"3")}).status_code == 202


def test_a_workspace_that_is_full_orders_no_variants(site: Any, client: httpx.Client, catalogue: Any):
    orders, state = f"{catalogue.clip}/variants", site.house.app.state
    full = client.get(f"/videos/{catalogue.video_id}").json()["size_bytes"]
    here = state.services

    def keep(size: int) -> None:
        """Let workspaces keep so much from now on."""
        state.services = replace(here, settings=here.settings.model_copy(update={"storage_quota_bytes": size}))

    try:
        keep(full)
        for path in (orders, f"{orders}?dry_run=true"):
            refused = client.post(path, json={"recipes": ["tiktok"]})
            assert (refused.status_code, refused.json()["code"]) == (507, "over_quota")
        assert client.get("/variants").json()["items"] == []
        keep(full + 1)
        assert client.post(orders, json={"recipes": ["tiktok"]}).status_code == 202
    finally:
        state.services = here


TUS = {"Tus-Resumable": "1.0.0"}


def test_the_quota_is_asked_before_an_upload_in_parts_begins(site_with: SITE, mp4: bytes):
    site = site_with(storage_quota_bytes=len(mp4))
    with site.client() as client:
        assert client.post("/uploads", headers=TUS | {"Upload-Length": str(len(mp4))}).status_code == 201
        refused = client.post("/uploads", headers=TUS | {"Upload-Length": str(len(mp4) + 1)})
        assert (refused.status_code, refused.json()["code"]) == (507, "over_quota")


def test_an_upload_in_parts_holds_its_room_until_it_ends(site_with: SITE, mp4: bytes):
    """Of a quota for one and two thirds: two at once are one too many, however the first one ends."""
    site = site_with(storage_quota_bytes=5 * len(mp4) // 3)
    length = TUS | {"Upload-Length": str(len(mp4))}
    with site.client() as client, site.house.site().client() as stranger:
        with ThreadPoolExecutor(2) as pool:
            asked = list(pool.map(lambda _: client.post("/uploads", headers=length), range(2)))
        begun, refused = sorted(asked, key=lambda answer: answer.status_code)
        assert (begun.status_code, refused.status_code, refused.json()["code"]) == (201, 507, "over_quota")
        assert f"not finished hold {len(mp4)} of them: finish or delete those" in refused.json()["detail"]
        assert client.post("/upload", files={"file": ("a.mp4", mp4 + b"1")}).status_code == 507
        assert stranger.post("/uploads", headers=length).status_code == 201

        assert client.delete(begun.headers["location"], headers=TUS).status_code == 204
        assert client.post("/uploads", headers=length).status_code == 201
        site.within(_expire)
        begun = client.post("/uploads", headers=length)
        assert begun.status_code == 201

        part = TUS | {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        assert client.patch(begun.headers["location"], content=mp4, headers=part).status_code == 204
        assert client.post("/uploads", headers=length).status_code == 507
        assert client.post("/uploads", headers=TUS | {"Upload-Length": str(len(mp4) // 2)}).status_code == 201


async def _expire(session: AsyncSession) -> None:
    await session.execute(text("update uploads set expires_at = now()"))


def test_an_upload_that_begins_with_its_bytes_takes_a_slot_too(site_with: SITE, mp4: bytes):
    site = site_with(max_concurrent_uploads=1)
    slots, whole = site.house.app.state.services.slots, TUS | {"Upload-Length": str(len(mp4))}
    with_bytes = whole | {"Content-Type": "application/offset+octet-stream"}
    with site.client() as client:
        with slots.taken(site.workspace_id):
            refused = client.post("/uploads", headers=with_bytes, content=mp4)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
            assert client.post("/uploads", headers=whole).status_code == 201  # it brings nothing yet
        assert client.post("/uploads", headers=with_bytes, content=mp4).headers["upload-offset"] == str(len(mp4))


def test_a_workspace_has_so_many_uploads_under_way_and_no_more():
    slots, workspace, other = Slots(2), new_id(), new_id()
    with slots.taken(workspace), slots.taken(workspace):
        with pytest.raises(TooMany, match="2 uploads"), slots.taken(workspace):
            pass
        with slots.taken(other):
            pass
    with slots.taken(workspace), slots.taken(workspace):
        pass
