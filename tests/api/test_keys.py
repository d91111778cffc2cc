"""API keys over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.near import NEAR


def get(site: Any, token: str, path: str = "/clips") -> int:
    return httpx.get(f"{site.url}{path}", headers={"X-API-Key": token}, **NEAR).status_code


def test_a_key_may_what_it_was_made_for(site: Any, people: Any) -> None:
    ann = people.join("MANAGER")
    made = ann.http.post("/api-keys", json={"name": "robot", "permissions": ["clips:read"]})
    assert made.status_code == 201
    key, token = made.json()["key"], made.json()["token"]
    assert token.startswith(f"stk_{key['prefix']}_")
    assert (key["permissions"], key["made_by"]) == (["clips:read"], ann.id)
    assert get(site, token) == 200
    assert get(site, token, "/videos") == 403
    listed = ann.http.get("/api-keys").json()["items"]
    assert token not in str(listed)
    assert listed[0]["last_used_at"] is not None
    assert ann.http.get(f"/api-keys/{key['id']}").json()["name"] == "robot"
    assert ann.http.delete(f"/api-keys/{key['id']}").status_code == 204
    assert get(site, token) == 401
    assert ann.http.delete(f"/api-keys/{key['id']}").status_code == 204
    assert ann.http.delete(f"/api-keys/{uuid4()}").status_code == 404


def test_nobody_gives_a_key_what_they_lack(site: Any, people: Any) -> None:
    ann = people.join("MANAGER")
    refused = ann.http.post("/api-keys", json={"name": "robot", "permissions": ["clips:read", "workspace:delete"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "workspace:delete" in refused.json()["detail"]
    small = ann.http.post("/api-keys", json={"name": "small", "permissions": ["keys:write", "keys:read"]}).json()[
        "token"
    ]
    with httpx.Client(base_url=site.url, headers={"X-API-Key": small}, **NEAR) as robot:
        assert robot.post("/api-keys", json={"name": "child", "permissions": ["clips:read"]}).status_code == 403
        child = robot.post("/api-keys", json={"name": "child"}).json()  # everything: everything that it has itself
    assert sorted(child["key"]["permissions"]) == ["keys:read", "keys:write"]
    assert child["key"]["made_by"] == ann.id
    assert get(site, child["token"], "/api-keys") == 200
    assert get(site, child["token"]) == 403


def test_a_key_is_worth_what_its_maker_is(site: Any, people: Any, client: httpx.Client) -> None:
    ann = people.join("MANAGER")
    token = ann.http.post("/api-keys", json={"name": "robot"}).json()["token"]
    narrow = ann.http.post("/api-keys", json={"name": "robot", "permissions": ["keys:read"]}).json()["token"]
    assert get(site, token, "/api-keys") == get(site, narrow, "/api-keys") == 200
    client.patch(f"/members/{ann.id}", json={"role": "VIEWER"})
    assert get(site, token) == 200
    assert get(site, token, "/api-keys") == get(site, narrow, "/api-keys") == 403
    client.delete(f"/members/{ann.id}")
    assert get(site, token) == get(site, narrow) == 401


def test_a_key_works_until_it_expires_and_from_where_it_may(site: Any, client: httpx.Client) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    expired = client.post("/api-keys", json={"name": "k", "expires_at": past}).json()["token"]
    assert get(site, expired) == 401
    here = client.post("/api-keys", json={"name": "k", "addresses": ["10.0.0.0/8", "127.0.0.0/8"]}).json()
    assert here["key"]["addresses"] == ["10.0.0.0/8", "127.0.0.0/8"]
    assert get(site, here["token"]) == 200
    elsewhere = client.post("/api-keys", json={"name": "k", "addresses": ["10.0.0.0/8", "::1"]}).json()
    assert elsewhere["key"]["addresses"] == ["10.0.0.0/8", "::1/128"]
    assert get(site, elsewhere["token"]) == 401


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "k", "permissions": []},
        {"name": "k", "permissions": ["brew:coffee"]},
        {"name": "k", "addresses": ["10.0.0.1/8"]},
        {"name": "k", "addresses": ["everywhere"]},
        {"name": "k", "expires_at": "2026-12-01T00:00:00"},
    ],
)
def test_what_is_no_key_is_refused(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.post("/api-keys", json=body).status_code == 422
