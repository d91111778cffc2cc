"""What people hear of, from the event to the inbox, the letter and the browser."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, generate_private_key
from sqlalchemy import text
from tests.api.conftest import People, letters
from tests.notifications.receiver import FINE, Receiver

from stakazo.core.actor import new_id
from stakazo.ledger import service as ledger
from stakazo.notifications import webpush


def fail(site: Any, event: str = "publication_failed", subject: str = "publication", **data: Any) -> UUID:
    """Something goes wrong."""
    thing = new_id()
    said = {"platform": "tiktok", "code": "too_long", "detail": "It is too long.", "todo": "Cut it.", **data}
    site.within(lambda session: ledger.record(session, event, subject=(subject, thing), **said))
    return thing


def until(happens: Callable[[], Any], patience: float = 60.0) -> Any:
    deadline = time.monotonic() + patience
    while not (found := happens()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def inbox(person: Any, **query: Any) -> list[dict[str, Any]]:
    return list(person.http.get("/notifications", params=query).json()["items"])


@pytest.fixture(autouse=True)
def fine(receiver: Receiver) -> None:
    receiver.answer = lambda _: FINE


def test_what_went_wrong_is_in_the_inbox_once_until_it_is_read(site: Any, people: People) -> None:
    ann, bob = people.join("EDITOR"), people.join("VIEWER")
    thing = fail(site)
    fail(site, "publication_published")
    fail(site, "webhook_disabled", "webhook", host="hooks.example.com", by_itself=True, why="It took nothing.")
    (found,) = until(lambda: inbox(ann))
    assert (found["kind"], found["urgency"], found["read"]) == ("publication.failed", "warning", False)
    assert (found["title"], found["detail"], found["todo"]) == (
        "A post on TikTok did not go out",
        "It is too long.",
        "Cut it.",
    )
    assert (found["subject_type"], found["subject_id"]) == ("publication", str(thing))
    # who may see webhooks hears of them too
    manager = people.join("MANAGER")
    both = {"publication.failed", "webhook.disabled"}
    until(lambda: {one["kind"] for one in inbox(manager)} == both)
    path = f"/notifications/{found['id']}"
    assert ann.http.patch(path, json={"read": True}).json()["read"] is True
    assert (inbox(ann, unread=True), len(inbox(bob, unread=True))) == ([], 1)
    assert ann.http.patch(path, json={"read": False}).json()["read"] is False
    assert manager.http.post("/notifications/read").json() == {"read": 2}
    assert manager.http.post("/notifications/read").json() == {"read": 0}
    assert len(inbox(ann, unread=True)) == 1
    hidden = next(one for one in inbox(manager) if one["kind"] == "webhook.disabled")
    assert ann.http.get(f"/notifications/{hidden['id']}").status_code == 404
    with site.client() as key:
        assert key.get(path).json()["read"] is False
        assert key.patch(path, json={"read": True}).status_code == 403


class Browser:
    """A browser with a push service at the receiver."""

    def __init__(self, receiver: Receiver) -> None:
        self.key, self.secret = generate_private_key(SECP256R1()), os.urandom(16)
        self.receiver, self.place = receiver, f"/push/{uuid4().hex}"

    @property
    def subscription(self) -> dict[str, Any]:
        keys = {"p256dh": webpush.written(webpush.point(self.key)), "auth": webpush.written(self.secret)}
        return {"endpoint": self.receiver.url + self.place, "expirationTime": None, "keys": keys, "name": "Firefox"}

    def read(self, number: int = 0) -> dict[str, Any]:
        got = self.receiver.wait(self.place, number + 1)[number]
        assert (got.headers["content-encoding"], got.headers["ttl"]) == ("aes128gcm", "86400")
        opened = http_ece.decrypt(got.body, private_key=self.key, auth_secret=self.secret, version="aes128gcm")
        return dict(json.loads(opened))


def test_a_browser_is_told_at_once_sealed_and_by_who_it_expects(site: Any, people: People, receiver: Receiver) -> None:
    ann, browser = people.join("EDITOR"), Browser(receiver)
    public = ann.http.get("/notifications/push-key").json()["public_key"]
    assert ann.http.get("/notifications/push-key").json()["public_key"] == public
    assert ann.http.post("/notifications/subscriptions", json=browser.subscription).status_code == 201
    assert ann.http.post("/notifications/subscriptions", json=browser.subscription).status_code == 200
    fail(site)
    said = browser.read()
    assert (said["title"], said["body"]) == ("A post on TikTok did not go out", "It is too long.")
    (got,) = receiver.of(browser.place)
    token, _, key = got.headers["authorization"].removeprefix("vapid t=").partition(", k=")
    assert key == public
    point = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), webpush.unwritten(public))
    assert jwt.decode(token, point, algorithms=["ES256"], audience=receiver.url)["sub"] == "mailto:stakazo@localhost"
    (mine,) = until(lambda: [one for one in _browsers(ann) if one["pushed_at"]])
    assert (mine["name"], mine["service"]) == ("Firefox", "127.0.0.1")
    # who has muted a kind, or may not see the thing, isn't told
    ann.http.put("/notifications/settings", json={"muted": ["publication.*"]}).raise_for_status()
    fail(site)
    fail(site, "webhook_disabled", "webhook", host="hooks.example.com", by_itself=True)
    fail(site, "channel_token_expired", "channel", name="Blue")
    assert browser.read(1)["title"] == "The channel Blue on TikTok must be connected again"
    # a browser that is gone is forgotten
    receiver.answer = lambda _: (410, {}, b"")
    fail(site, "channel_token_expired", "channel", name="Blue")
    until(lambda: not _browsers(ann))


def test_a_browser_can_be_told_once_a_day(site: Any, people: People, receiver: Receiver) -> None:
    ann, browser = people.join("EDITOR"), Browser(receiver)
    ann.http.post("/notifications/subscriptions", json=browser.subscription).raise_for_status()
    said = ann.http.put("/notifications/settings", json={"push_daily": True, "muted": ["job.*"]}).json()
    assert (said["email"], said["push"], said["next_at"] is not None) == (False, True, True)
    fail(site)
    fail(site)
    fail(site, "job_processing_failed", "job", type="cut_analysis")
    until(lambda: len(inbox(ann)) == 3)
    due(site)
    told = browser.read()
    assert (told["kind"], told["title"], told["count"]) == ("digest", "2 things to look at", 2)
    assert len(receiver.of(browser.place)) == 1, "and nothing at once"


def due(site: Any) -> None:
    """The hour has come."""
    site.within(
        lambda session: session.execute(
            text("update notification_settings set next_at = now() where next_at is not null")
        )
    )


def _browsers(person: Any) -> list[dict[str, Any]]:
    return list(person.http.get("/notifications/subscriptions").json()["items"])


def test_a_browser_is_whoever_s_it_is(people: People, receiver: Receiver) -> None:
    ann, bob, browser = people.join(), people.join(), Browser(receiver)
    made = ann.http.post("/notifications/subscriptions", json=browser.subscription).json()
    path = f"/notifications/subscriptions/{made['id']}"
    assert _browsers(bob) == []
    assert bob.http.delete(path).status_code == 404
    assert ann.http.delete(path).status_code == 204
    inside = browser.subscription | {"endpoint": "https://169.254.169.254/push"}
    assert ann.http.post("/notifications/subscriptions", json=inside).json()["code"] == "address_refused"


def test_a_letter_a_day_tells_what_was_not_read(site: Any, people: People) -> None:
    ann = people.join("EDITOR")
    wanted = {"email": True, "hour": 7, "time_zone": "Europe/Berlin", "muted": ["job.*"]}
    assert ann.http.put("/notifications/settings", json=wanted | {"time_zone": "Mars/X"}).status_code == 422
    said = ann.http.put("/notifications/settings", json=wanted).json()
    assert said["next_at"]
    assert ann.http.get("/notifications/settings").json() == said
    fail(site)
    fail(site, "job_processing_failed", "job", type="cut_analysis")
    seen = fail(site, "publication_needs_human")
    found = until(lambda: len(inbox(ann)) == 3 and inbox(ann))
    (one,) = [one["id"] for one in found if one["subject_id"] == str(seen)]
    ann.http.patch(f"/notifications/{one}", json={"read": True})

    confirm(site, ann.id)
    due(site)
    (letter,) = until(lambda: [one for one in letters(site.settings, ann.email) if "did not go out" in one["Subject"]])
    assert "Cut it." in letter.get_content()
    assert "cut_analysis" not in letter.get_content()
    assert ann.http.get("/notifications/settings").json()["next_at"] == said["next_at"]
    # nothing new, no letter; and none to who has left
    before = len(letters(site.settings, ann.email))
    due(site)
    until(lambda: ann.http.get("/notifications/settings").json()["next_at"] == said["next_at"])
    fail(site)
    with site.client() as key:
        key.delete(f"/members/{ann.id}").raise_for_status()
        due(site)
        until(lambda: _ended(key) >= 3)
    assert len(letters(site.settings, ann.email)) == before


def _ended(key: Any) -> int:
    jobs = key.get("/jobs", params={"type": "send_digest", "state": "COMPLETED"}).json()["items"]
    return len(jobs)


def confirm(site: Any, user_id: str) -> None:
    async def work(session: Any) -> None:
        await session.execute(text("set local role stakazo_system"))
        await session.execute(text("update users set email_confirmed_at = now() where id = :id"), {"id": user_id})

    site.within(work)
