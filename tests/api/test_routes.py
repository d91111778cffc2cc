"""What every route does without saying so: HEAD, the next page, trying without doing, farewells."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from stakazo.api.once import keyless
from stakazo.api.routes import Router, retiring
from stakazo.core.errors import Conflict

# --- HEAD ---------------------------------------------------------------------------------------------------


def test_a_get_answers_head_with_the_same_headers_and_nothing_else(client: httpx.Client, catalogue: Any) -> None:
    for path in ("/health", "/clips", catalogue.clip, f"/videos/{catalogue.video_id}/source"):
        full, head = client.get(path, headers={"Accept-Encoding": "identity"}), client.head(path)
        assert (head.status_code, head.content) == (200, b""), path
        for name in ("content-length", "content-type", "etag", "accept-ranges"):
            assert head.headers.get(name) == full.headers.get(name), (path, name)
    missing = client.head("/nowhere")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    stream = client.head("/live")
    assert stream.status_code == 405
    assert "GET" in stream.headers["allow"]
    assert client.head(f"{catalogue.clip}/accept").status_code == 405


# --- pages --------------------------------------------------------------------------------------------------


def test_a_page_says_where_the_next_one_is(client: httpx.Client, catalogue: Any) -> None:
    """Also in a header, so that a program can walk any list without knowing what it holds."""
    seen: list[str] = []
    path: str | None = "/clips?limit=1&sort=rank&min_score=1"
    while path:
        answer = client.get(path)
        seen += [clip["id"] for clip in answer.json()["items"]]
        link = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
        assert (link is None) == (answer.json()["next_cursor"] is None)
        path = link[1] if link else None
    assert seen == [str(clip) for clip in catalogue.clip_ids]


@pytest.mark.parametrize("path", ["/videos", "/jobs", "/variants"])
def test_lists_go_both_ways(client: httpx.Client, catalogue: Any, path: str) -> None:
    client.post(f"{catalogue.clip}/variants")
    client.post("/upload", files={"file": ("b.mp4", b"\0\0\0\x20ftypisom" + b"\0" * 900)}, data={"title": "50% Blue"})

    def ids(**query: Any) -> list[str]:
        found, cursor = [], None
        while True:
            page = client.get(path, params=query | {"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
            found += [row["id"] for row in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    assert len(ids()) > 1
    assert ids(sort="oldest") == ids(sort="newest")[::-1] == ids()[::-1]
    if path == "/videos":
        assert len(ids(title="0% bL")) == 1
        assert ids(title="_") == []  # a sign like any other
        assert sorted(ids(sort="title")) == sorted(ids())
        assert client.get("/videos", params={"sort": "title"}).json()["items"][0]["title"] == "50% Blue"


UNPAGED = {
    "/debug/ledger/recent",
    "/debug/ledger/trace/{correlation_id}",
    "/ledger/trace/{subject}",
    "/ad-accounts/{ad_account_id}/targeting",
}
"""A look at the newest, a thread and a life, whole; and what a platform finds for a few words."""
ELSEWHERE = {"/ad-accounts/{ad_account_id}/audiences", "/ad-accounts/{ad_account_id}/lead-forms"}
"""A platform's lists, in its order."""


def test_every_list_has_pages_filters_and_an_order(client: httpx.Client) -> None:
    contract = client.get("/openapi.json").json()
    seen = set()
    for path, verbs in contract["paths"].items():
        content = verbs.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        said = content.get("application/json", {}).get("schema", {})
        schema = contract["components"]["schemas"].get(said.get("$ref", "").rpartition("/")[2], said)
        if schema.get("type") != "array" and "items" not in schema.get("properties", {}):
            continue
        if path in UNPAGED:
            continue
        asked = {parameter["name"] for parameter in verbs["get"]["parameters"] if parameter["in"] == "query"}
        assert asked > {"cursor", "limit"} | ({"sort"} if path not in ELSEWHERE else set()), path
        seen.add(path)
    assert len(seen) >= 12


def test_people_and_their_places_come_in_pages_too(site: Any, client: httpx.Client, people: Any) -> None:
    ann, bob = people.join("OWNER"), people.join("EDITOR")
    for role in ("VIEWER", "EDITOR"):
        client.post("/invitations", json={"role": role})
        client.post("/api-keys", json={"name": role})
        ann.http.post("/workspaces", json={"name": role})
        ann.sign_in()
    for http, path, key, wanted in (
        (client, "/members", "user_id", {"role": "EDITOR"}),
        (client, "/invitations", "id", {"role": "EDITOR"}),
        (client, "/api-keys", "id", {"ended": "true"}),
        (ann.http, "/workspaces", "id", {"role": "OWNER"}),
        (ann.http, "/auth/sessions", "id", {"address": "192.0.2.1"}),
    ):
        whole = [row[key] for row in http.get(path).json()["items"]]
        assert len(whole) >= 2, path
        paged, cursor = [], None
        while True:
            page = http.get(path, params={"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
            paged += [row[key] for row in page["items"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert paged == whole, path
        ways = [
            [row[key] for row in http.get(path, params={"sort": way}).json()["items"]] for way in ("newest", "oldest")
        ]
        assert ways[0] == ways[1][::-1], path
        fewer = [row[key] for row in http.get(path, params=wanted).json()["items"]]
        assert set(fewer) < set(whole) or wanted == {"role": "OWNER"}, path
    revoked = client.get("/api-keys").json()["items"][0]["id"]
    client.delete(f"/api-keys/{revoked}")
    assert [key["id"] for key in client.get("/api-keys", params={"ended": True}).json()["items"]] == [revoked]
    taken = client.get("/invitations", params={"ended": True, "sort": "oldest"}).json()["items"]
    assert [one["role"] for one in taken] == ["OWNER", "EDITOR"]  # those that made Ann and Bob members
    assert client.get(f"/invitations/{taken[0]['id']}").json() == taken[0]
    assert client.get(f"/members/{bob.id}").json()["role"] == "EDITOR"
    assert client.get(f"/members/{site.workspace_id}").status_code == 404


# --- trying -------------------------------------------------------------------------------------------------


def test_an_order_can_be_tried_without_placing_it(client: httpx.Client, catalogue: Any) -> None:
    path = f"{catalogue.clip}/variants"
    events = client.get("/debug/ledger/recent").json()
    tried = client.post(f"{path}?dry_run=true", json={"recipes": ["tiktok", "landscape"]})
    assert (tried.status_code, tried.json()["job"], tried.json()["variants"]) == (200, None, [])
    assert "location" not in tried.headers
    plan = {one["recipe"]: one for one in tried.json()["plan"]}
    assert (plan["tiktok"]["width"], plan["tiktok"]["height"], plan["tiktok"]["action"]) == (1080, 1920, "render")
    assert plan["landscape"]["duration"] == pytest.approx(8.0)
    assert client.get("/variants").json()["items"] == []
    assert client.get("/debug/ledger/recent").json() == events
    placed = client.post(path, json={"recipes": ["tiktok"]})
    assert placed.headers["location"] == f"/jobs/{placed.json()['job']['id']}"
    assert [one["action"] for one in placed.json()["plan"]] == ["render"]
    assert client.post(f"{path}?dry_run=true", json={"recipes": ["myspace"]}).status_code == 422


def test_a_plan_says_what_a_platform_would_not_take(client: httpx.Client, catalogue: Any) -> None:
    client.patch(catalogue.clip, json={"start": 0.0, "end": 2.0})
    plan = client.post(f"{catalogue.clip}/variants?dry_run=true", json={"recipes": ["tiktok", "landscape"]}).json()[
        "plan"
    ]
    assert {one["recipe"]: bool(one["warnings"]) for one in plan} == {"tiktok": True, "landscape": False}


def test_a_rule_can_be_tried_and_a_key_is_not_used_up_by_that(client: httpx.Client) -> None:
    wanted = {"platform": "tiktok", "rule": {"clips": {"max_duration": 40.0}}}
    key = {"Idempotency-Key": "k1"}
    tried = client.post("/rules?dry_run=true", json=wanted, headers=key)
    assert (tried.status_code, tried.json()["rule"]["clips"]["max_duration"]) == (200, 40.0)
    assert client.get(f"/rules/{tried.json()['id']}").status_code == 404
    wrong = client.post("/rules?dry_run=true", json=wanted | {"rule": {"clips": {"max_duration": -1}}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")
    made = client.post("/rules", json=wanted, headers=key)
    assert (made.status_code, made.headers["location"]) == (201, f"/rules/{made.json()['id']}")
    assert made.json()["version"] == tried.json()["version"]


# --- farewells ----------------------------------------------------------------------------------------------

SINCE, UNTIL = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 5, 1, tzinfo=UTC)
old = Router(prefix="/old")


@old.get("/things", **retiring(since=SINCE, until=UNTIL, successor="/things"))
async def things() -> list[int]:
    return [1]


@old.post("/refused", **retiring(since=SINCE, until=UNTIL, successor="/things"))
@keyless("it does nothing")
async def refused() -> None:
    raise Conflict("no")


def test_a_route_that_is_to_go_says_when(site_with: Callable[..., Any]) -> None:
    site = site_with()
    site.house.app.include_router(old)
    with site.client() as client:
        for answer in (client.get("/old/things"), client.post("/old/refused")):
            assert answer.headers["deprecation"] == f"@{int(SINCE.timestamp())}"
            assert parsedate_to_datetime(answer.headers["sunset"]) == UNTIL
            assert answer.headers["link"] == '</things>; rel="successor-version"'
        assert client.get("/old/things").json() == [1]
        assert client.get("/openapi.json").json()["paths"]["/old/things"]["get"]["deprecated"] is True
        assert "deprecation" not in client.get("/clips").headers


def test_who_calls_a_route_deprecated_must_say_since_when() -> None:
    async def gone() -> None: ...

    with pytest.raises(TypeError, match="since when"):
        Router().get("/gone", deprecated=True)(gone)
