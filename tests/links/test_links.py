"""Smart links over HTTP: made by who may, followed by anybody, counted by day."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest
from sqlalchemy import text
from tests.links.test_choosing import ANDROID, IPHONE, MAC
from tests.near import NEAR
from tests.publishing.press import Desk

from stakazo.core import postgres
from stakazo.links import following, service
from stakazo.links.service import Counted

TARGETS = [
    {"name": "apple_music", "url": "https://music.apple.com/album/1", "devices": ["ios"]},
    {"name": "spotify", "url": "https://open.spotify.com/track/1", "devices": []},
]


def make(client: httpx.Client, **said: Any) -> dict[str, Any]:
    answer = client.post("/links", json={"targets": TARGETS, **said})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def follow(site: Any, link: dict[str, Any], agent: str = IPHONE, method: str = "GET", **query: str) -> httpx.Response:
    """As somebody whom nobody knows."""
    address = f"{site.url}/l/{link['slug']}"
    return httpx.request(method, address, params=query, headers={"User-Agent": agent}, timeout=30, **NEAR)


def proof_of(answer: httpx.Response) -> str:
    return parse_qs(urlsplit(answer.headers["location"]).query)["stk"][0]


def test_each_visitor_is_led_where_they_listen_and_counted(site: Any, client: httpx.Client) -> None:
    link = make(client, title="Blue", utm={"campaign": "blue"})
    assert link["url"] == f"{site.settings.base_url}/l/{link['slug']}"
    answer = follow(site, link, f"{IPHONE} Instagram 358")
    assert (answer.status_code, answer.headers["cache-control"]) == (302, "no-store")
    assert answer.headers["location"] == (
        "https://music.apple.com/album/1?utm_source=instagram&utm_medium=social&utm_campaign=blue"
    )
    assert "set-cookie" not in answer.headers
    follow(site, link, f"{IPHONE} Instagram 358")  # the same one again
    follow(site, link, ANDROID)
    asked = follow(site, link, MAC, to="apple_music", utm_source="newsletter")
    assert asked.headers["location"].startswith("https://music.apple.com/album/1?utm_source=newsletter&")
    for agent in ("facebookexternalhit/1.1", "curl/8.5.0"):
        assert follow(site, link, agent).status_code == 302
    assert follow(site, link, MAC, "HEAD").status_code == 302
    clicks = client.get(f"/links/{link['id']}/clicks").json()
    today = datetime.now(UTC).date().isoformat()
    assert clicks == {
        "clicks": 4,
        "days": [{"day": today, "clicks": 4, "visitors": 3, "bots": 3, "conversions": {}, "value": {}}],
        "targets": {"apple_music": 3, "spotify": 1},
        "sources": {"direct": 2, "instagram": 2},
        "devices": {"ios": 2, "android": 1, "desktop": 1},
    }


def test_what_is_written_down_says_nothing_of_the_visitor(site: Any, client: httpx.Client) -> None:
    link = make(client)
    follow(site, link)

    async def rows(session: Any) -> list[str]:
        tables = ("link_clicks", "link_salts")
        return [row for table in tables for row in await session.scalars(text(f"select t::text from {table} t"))]

    click, salt = site.within(rows)
    assert "127.0.0.1" not in click
    assert "iPhone" not in click
    # and under another salt the same one is another: what is forgotten can't be found out again
    first = following.hashed(b"a" * 32, "127.0.0.1", IPHONE)
    assert first != following.hashed(b"b" * 32, "127.0.0.1", IPHONE)
    assert len(first) == 16
    assert salt


def test_salts_are_forgotten(site: Any, client: httpx.Client) -> None:
    link = make(client)
    follow(site, link)

    async def age(session: Any) -> None:
        await session.execute(text("set local role stakazo_system"))
        await following.forget(session)

    async def count(session: Any) -> int:
        return int(await session.scalar(text("select count(*) from link_salts")))

    site.within(age)
    assert site.within(count) == 1
    with psycopg.connect(postgres.conninfo(site.urls.owner), autocommit=True) as owner:
        owner.execute("select set_config('stakazo.workspace', %s, false)", [str(site.workspace_id)])
        owner.execute("update link_salts set expires_at = now() - interval '1 second'")
    site.within(age)
    assert site.within(count) == 0


def test_what_came_of_a_click_is_told_once_by_who_has_its_proof(site: Any, client: httpx.Client) -> None:
    link, other = make(client, conversions=True), make(client, conversions=True)
    proof = proof_of(follow(site, link))
    place = f"{site.url}/l/{link['slug']}/conversion"

    def tell(where: str = place, **said: Any) -> httpx.Response:
        return httpx.post(where, json={"click": proof, **said}, timeout=30, **NEAR)

    assert tell(kind="presave").json() == {"counted": True}
    assert tell(kind="presave").json() == {"counted": False}
    assert tell(kind="sale", value=1290, currency="EUR").json() == {"counted": True}
    assert tell(kind="sale", value=9999).status_code == 422
    forged = proof[:-1] + ("A" if proof[-1] != "A" else "B")
    for wrong in (forged, proof[:20], "ü", f"{proof}=", following.signed(b"x" * 32, uuid4())):
        assert tell(click=wrong).status_code == 422, wrong
    assert tell(f"{site.url}/l/{other['slug']}/conversion").status_code == 422
    assert "stk=" not in follow(site, link, "curl/8.5.0").headers["location"]
    assert "stk=" not in follow(site, make(client)).headers["location"]
    (day,) = client.get(f"/links/{link['id']}/clicks").json()["days"]
    assert (day["conversions"], day["value"]) == ({"presave": 1, "sale": 1}, {"EUR": 1290})


def test_a_clip_s_links_are_counted_together(site: Any, client: httpx.Client) -> None:
    (variant,) = Desk(site, None, client).variants("tiktok")
    clip = client.get(f"/variants/{variant}").json()["clip_id"]
    first, second, none = make(client, clip_id=clip), make(client, clip_id=clip, conversions=True), make(client)
    follow(site, first)
    follow(site, none)
    proof = proof_of(follow(site, second, ANDROID))
    httpx.post(f"{site.url}/l/{second['slug']}/conversion", json={"click": proof}, timeout=30, **NEAR)
    today = datetime.now(UTC).date()
    counted = site.within(lambda session: service.counts(session, UUID(clip)))
    assert counted == [Counted(today, 2, 2, 0, {"conversion": 1}, {})]
    (day,) = client.get(f"/clips/{clip}/series", params={"time_zone": "Pacific/Kiritimati"}).json()["links"]
    assert (day["clicks"], day["visitors"], day["conversions"]) == (2, 2, {"conversion": 1})
    assert day["day"] == datetime.now(ZoneInfo("Pacific/Kiritimati")).date().isoformat()
    assert [link["id"] for link in client.get("/links", params={"clip_id": clip}).json()["items"]] == [
        second["id"],
        first["id"],
    ]


def test_a_link_that_ended_leads_nowhere_and_its_slug_is_nobody_else_s(site: Any, client: httpx.Client) -> None:
    slug = f"blue-{uuid4().hex[:8]}"
    link = make(client, slug=slug)
    taken = client.post("/links", json={"targets": TARGETS, "slug": slug})
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict")
    follow(site, link)
    assert client.delete(f"/links/{link['id']}").status_code == 204
    assert follow(site, link).status_code == 410
    assert client.get(f"/links/{link['id']}/clicks").json()["clicks"] == 1
    assert client.post("/links", json={"targets": TARGETS, "slug": slug}).status_code == 409
    assert client.patch(f"/links/{link['id']}", json={"title": "x"}).status_code == 409
    assert link["id"] not in client.get("/links").text
    assert link["id"] in client.get("/links", params={"ended": "true"}).text
    assert follow(site, {"slug": "never-was"}).status_code == 404


def test_who_changes_a_link_leads_to_public_places_only(client: httpx.Client) -> None:
    link = make(client)
    path = f"/links/{link['id']}"
    for url in ("http://a.example/", "javascript:alert(1)", "https://127.0.0.1/", "https://a.example@b.example/"):
        changed = client.patch(path, json={"targets": [{"name": "a", "url": url}]})
        assert changed.status_code == 422, url
    assert client.get(path).json()["targets"] == link["targets"]
    there = [{"name": "deezer", "url": "https://www.deezer.com/track/1"}]
    assert client.patch(path, json={"targets": there}).json()["targets"] == [{**there[0], "devices": []}]


@pytest.mark.parametrize("slug", ["ab", "../x", "a b", "ä-night", "-abc"])
def test_slugs_that_are_none(client: httpx.Client, slug: str) -> None:
    assert client.post("/links", json={"targets": TARGETS, "slug": slug}).status_code == 422
