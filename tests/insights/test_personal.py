"""Who somebody is and what they wrote, planted through the real API: where it lies, and what is left once erased."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url
from tests.ads.stand import Stand
from tests.api.conftest import People
from tests.api.test_canaries import Canaries
from tests.insights.test_inbox import answered
from tests.insights.test_measuring import look
from tests.insights.test_news import inbox, send, settled
from tests.publishing.press import Desk

from stakazo.core.actor import new_id
from stakazo.core.postgres import conninfo
from stakazo.ledger import personal
from stakazo.platforms.sandbox import instagram

HOMES = {
    "users", "sessions", "channels", "ad_accounts", "publications", "campaigns", "video_rights", "inbox_items",
    "platform_events", "links",
}  # fmt: skip
"""Tables whose rows are about somebody, and can be changed and removed."""


def test_personal_members_are_known_by_their_names_however_deep_they_stand() -> None:
    said = {
        "platform": "tiktok", "name": "Ann", "changed": {"caption": "Hi", "live": True, "name": None}, "text": 2,
        "rules": [{"name": "Ann's", "days": 3}, 7], "error": {"code": "rejected", "detail": "Ann may not."},
    }  # fmt: skip
    kept, about = personal.parted(said)
    assert kept == {
        "platform": "tiktok", "changed": {"live": True, "name": None}, "text": 2, "rules": [{"days": 3}, 7],
        "error": {"code": "rejected"},
    }  # fmt: skip
    assert about == {
        "name": "Ann", "changed.caption": "Hi", "rules.0.name": "Ann's", "error.detail": "Ann may not.",
    }  # fmt: skip
    event_id, key = new_id(), bytes(32)
    kept["personal"] = personal.enclose(key, "channel/1", about, event_id, bytes(32))
    assert personal.joined(kept, personal.disclose(key, kept["personal"], event_id)["values"]) == said
    erased = personal.joined(kept, personal.ERASED)
    assert (erased["name"], erased["changed"]) == ("[erased]", {"caption": "[erased]", "live": True, "name": None})
    assert erased["rules"] == [{"name": "[erased]", "days": 3}, 7]
    assert "caption" not in kept["changed"]


def test_what_is_personal_is_in_no_event_and_gone_when_it_is_erased(desk: Desk, people: People, server: Any) -> None:
    canaries, house = Canaries(), desk.site.house
    plant = canaries.plant
    stand = Stand(desk.site, desk.world, desk.http)

    # people who sign in
    ann = people.join("EDITOR", email=f"{plant('an e-mail address')}@example.org".lower())
    canaries.planted["an e-mail address"] = ann.email
    ann.http.headers["User-Agent"] = plant("a browser")
    ann.http.patch("/auth/me", json={"name": plant("a person's name")}).raise_for_status()
    ann.http.get("/clips").raise_for_status()
    said = {"email": ann.email, "password": ann.password}
    assert ann.http.post("/auth/login", json=said, headers={"Authorization": ""}).status_code == 200

    # accounts, recordings, posts, ads
    channel = desk.channel("instagram", name=plant("a channel's name"))
    (planned,) = desk.want(
        desk.variants("instagram_reel"), [channel], at="2030-01-01T00:00:00Z", caption=plant("a caption")
    )
    changed = {"caption": plant("another caption"), "first_comment": plant("a first comment")}
    desk.http.patch(f"/publications/{planned['id']}", json=changed).raise_for_status()
    video = f"/videos/{desk.video_id}"
    desk.http.put(f"{video}/rights", json={"artist": plant("an artist")}).raise_for_status()
    account = stand.account()
    desk.http.patch(f"/ad-accounts/{account}", json={"name": plant("an advertiser")}).raise_for_status()
    campaign = stand.campaign(text=plant("an ad"), dsa_payor=plant("who pays"), dsa_beneficiary="Blue Note")

    # and people who comment
    (public,) = desk.want(
        desk.variants("instagram_reel"), [channel], caption=plant("a public caption"),
        first_comment=plant("a public comment"), details={"title": "Blue"},
    )  # fmt: skip
    public = desk.until(public, "PUBLISHED")
    look(desk, public)
    media = desk.world.things[public["external_id"]]
    text, name = plant("a comment"), plant("a handle")
    made = instagram.add_comment(desk.world, media, text, author="99", name=name)
    value = {"id": made["id"], "from": made["from"], "text": text, "media": {"id": media["id"]}}
    assert send(desk, [{"field": "comments", "value": value}]).status_code == 200
    desk.eventually(settled(desk))
    (item,) = inbox(desk, publication_id=public["id"])
    assert (item["text"], item["author"]) == (text, name)
    answered(desk, item, plant("a reply"))

    superuser = server.superuser(make_url(house.urls.owner).database)
    assert set(_tables_with(canaries, superuser)) <= HOMES
    read = desk.http.get("/ledger/events", params={"limit": 200}).text
    for what in ("another caption", "a first comment", "a channel's name", "an artist", "an advertiser", "who pays"):
        assert canaries.planted[what] in read, what  # whoever may read the ledger still reads it

    subjects = [f"channel/{channel}", f"ad_account/{account}", f"campaign/{campaign['id']}"]
    subjects += [f"publication/{one['id']}" for one in (planned, public)]
    events = desk.http.get("/ledger/events", params={"limit": 200}).json()["items"]
    subjects += [f"rights/{one['subject_id']}" for one in events if one["event"] == "rights_set"]
    for subject in subjects:
        assert desk.http.post("/ledger/erasures", json={"person": subject}).status_code == 204, subject
    assert ann.http.post("/auth/me/delete", json={"password": ann.password}).status_code == 204

    read = desk.http.get("/ledger/events", params={"limit": 200}).text
    assert canaries.found_in(read) == []
    assert read.count("[erased]") >= len(subjects)
    left = _tables_with(canaries, superuser)
    assert set(left) <= HOMES - {"users", "sessions", "links"}
    assert not {"an e-mail address", "a browser", "a person's name"} & {what for told in left.values() for what in told}
    exported = _export(desk)
    assert f"channel/{channel}" in exported
    assert canaries.found_in(exported) == []
    story = desk.http.get(f"/ledger/trace/{planned['id']}").json()["steps"]
    assert [step["says"] for step in story if "connected" in step["says"]] == ["Instagram was connected: [erased]"]


def _tables_with(canaries: Canaries, superuser: str) -> dict[str, list[str]]:
    """What of the planted is found in which tables."""
    found: dict[str, list[str]] = {}
    with psycopg.connect(conninfo(superuser)) as connection:
        for (table,) in connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall():
            with connection.cursor().copy(sql.SQL("copy {} to stdout").format(sql.Identifier(table))) as rows:
                if what := canaries.found_in("".join(bytes(row).decode() for row in rows)):
                    found[table] = what
    return found


def _export(desk: Desk) -> str:
    """Once everything is sealed, by the worker."""
    last = desk.http.get("/ledger/events", params={"limit": 1}).json()["items"][0]["id"]
    desk.eventually(lambda: last in _exported(desk))
    return _exported(desk)


def _exported(desk: Desk) -> str:
    answer = desk.http.get("/ledger/export")
    return answer.text if answer.status_code == 200 else ""
