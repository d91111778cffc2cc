"""Outgoing webhooks from end to end: an API, a worker, and somebody's server, over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from standardwebhooks import Webhook, WebhookVerificationError
from tests.notifications.receiver import FINE, Got, Receiver

from stakazo.core import postgres
from stakazo.core.actor import new_id
from stakazo.core.db import Database
from stakazo.ledger import service as ledger
from stakazo.notifications import courier


class Told:
    """A webhook of the test's own, at an address of its own."""

    def __init__(self, client: httpx.Client, receiver: Receiver, *events: str) -> None:
        self.http, self.receiver, self.place = client, receiver, f"/{uuid4().hex}"
        answer = client.post("/webhooks", json={"url": receiver.url + self.place, "events": list(events) or ["*"]})
        assert answer.status_code == 201, answer.text
        assert answer.headers["cache-control"] == "no-store"
        self.secret, self.path = answer.json()["secret"], f"/webhooks/{answer.json()['webhook']['id']}"

    def show(self) -> dict[str, Any]:
        return dict(self.http.get(self.path).json())

    def deliveries(self, **query: str) -> list[dict[str, Any]]:
        return list(self.http.get(f"{self.path}/deliveries", params=query).json()["items"])

    def wait(self, count: int = 1) -> list[Got]:
        return self.receiver.wait(self.place, count)

    def until(self, happens: Callable[[list[dict[str, Any]]], object]) -> list[dict[str, Any]]:
        deadline = time.monotonic() + 60
        while not happens(found := self.deliveries()):
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found

    def hurry(self, house: Any) -> None:
        """Let what waits be due now."""
        with psycopg.connect(postgres.conninfo(house.urls.owner), autocommit=True) as owner:
            webhook, workspace = self.path.rpartition("/")[2], self.workspace
            owner.execute("select set_config('stakazo.workspace', %s, false)", [workspace])
            owner.execute("update webhook_endpoints set rests_until = null where id = %s", [webhook])
            owner.execute("update webhook_deliveries set due_at = now() where endpoint_id = %s", [webhook])

    @property
    def workspace(self) -> str:
        return str(self.http.get("/workspaces").json()["items"][0]["id"])


@pytest.fixture(autouse=True)
def fine(receiver: Receiver) -> None:
    receiver.answer = lambda _: FINE


def propose(client: httpx.Client) -> str:
    """Something happens: `rule.proposed`."""
    said = {"platform": "tiktok", "rule": {}, "evidence": {"why": uuid4().hex}}
    return str(client.post("/rules", json=said).raise_for_status().json()["id"])


def test_what_happens_is_told_signed_and_nothing_else(client: httpx.Client, receiver: Receiver) -> None:
    rules, all_, none = (Told(client, receiver, *events) for events in (("rule.*",), ("*",), ("clip.*",)))
    rule = propose(client)
    (got,) = rules.wait()
    said = Webhook(rules.secret).verify(got.body, got.headers)
    assert (said["type"], said["data"]["subject"]) == ("rule.proposed", {"type": "rule", "id": rule})
    (event,) = client.get("/ledger/events", params={"subject": f"rule/{rule}"}).json()["items"]
    assert got.id == said["data"]["id"] == event["id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(all_.secret).verify(got.body, got.headers)
    (delivery,) = rules.until(lambda found: found[0]["state"] == "DELIVERED")
    assert (delivery["status"], delivery["attempts"], delivery["event_id"]) == (204, 1, event["id"])
    # telling of being told would never end
    propose(client)
    rules.wait(2)
    assert {json.loads(one.body)["type"] for one in all_.wait(2)} == {"rule.proposed"}
    assert not none.deliveries()


def test_what_was_not_taken_is_sent_again_with_the_same_id(
    house: Any, client: httpx.Client, receiver: Receiver
) -> None:
    told = Told(client, receiver, "rule.*")
    answers = iter([(500, {}, b"oops, token=abcdef0123456789"), (302, {"Location": "/elsewhere"}, b"")])
    receiver.answer = lambda _: next(answers, FINE)
    propose(client)
    (delivery,) = told.until(lambda found: found and found[0]["attempts"] == 1)
    assert (delivery["state"], delivery["status"], delivery["answer"]) == ("WAITING", 500, "oops, token=***")
    assert told.show()["health"] == "failing"
    told.hurry(house)
    (delivery,) = told.until(lambda found: found[0]["attempts"] == 2)
    assert "redirects elsewhere" in delivery["answer"]
    assert not receiver.of("/elsewhere")
    told.hurry(house)
    told.until(lambda found: found[0]["state"] == "DELIVERED")
    assert told.show()["health"] == "ok"
    got = told.wait(3)
    assert len({one.id for one in got}) == 1
    assert len({one.body for one in got}) == 1
    Webhook(told.secret).verify(got[2].body, got[2].headers)


def test_of_what_every_attempt_was_in_vain_for_one_hears_and_it_can_be_replayed(
    house: Any, client: httpx.Client, receiver: Receiver
) -> None:
    told = Told(client, receiver, "rule.*")
    receiver.answer = lambda _: (503, {"Retry-After": "7200"}, b"later")
    before = datetime.now(UTC) - timedelta(minutes=1)
    propose(client)
    (delivery,) = told.until(lambda found: found and found[0]["attempts"] == 1)
    wait = datetime.fromisoformat(delivery["due_at"]) - datetime.fromisoformat(delivery["tried_at"])
    assert wait == timedelta(hours=2)
    with psycopg.connect(postgres.conninfo(house.urls.owner), autocommit=True) as owner:
        owner.execute("select set_config('stakazo.workspace', %s, false)", [told.workspace])
        owner.execute("update webhook_deliveries set attempts = 9 where id = %s", [delivery["id"]])
    told.hurry(house)
    told.until(lambda found: found[0]["state"] == "DEAD")
    events = client.get("/ledger/events", params={"event": "webhook_delivery_died"}).json()["items"]
    assert [event["data"]["delivery_id"] for event in events] == [delivery["id"]]
    receiver.answer = lambda _: FINE
    propose(client)  # with its endpoint it waits for the rest to end
    again = client.post(f"{told.path}/replay", json={"since": before.isoformat(), "dead_only": True})
    assert (again.status_code, again.json()) == (202, {"deliveries": 1})
    done = told.until(lambda found: {one["state"] for one in found} == {"DELIVERED"} and len(found) == 2)
    assert Counter(one.id for one in told.wait(4))[delivery["event_id"]] == 3
    # one by its id, whatever became of it
    once_more = client.post(f"{told.path}/replay", json={"delivery_id": done[0]["id"]})
    assert once_more.json() == {"deliveries": 1}
    told.wait(5)
    # and a time, also of what it was never sent
    late = Told(client, receiver, "rule.*")
    assert client.post(f"{late.path}/replay", json={"since": before.isoformat()}).json() == {"deliveries": 2}
    assert {one.id for one in late.wait(2)} == {one["event_id"] for one in done}


def test_a_secret_changes_without_a_gap(house: Any, client: httpx.Client, receiver: Receiver) -> None:
    told = Told(client, receiver, "rule.*")
    made = client.post(f"{told.path}/rotate").json()
    assert made["secret"] != told.secret
    assert made["webhook"]["old_secret_until"]
    assert client.get(told.path).json().keys() == made["webhook"].keys()  # and nobody is shown it again
    propose(client)
    (got,) = told.wait()
    for secret in (told.secret, made["secret"]):
        Webhook(secret).verify(got.body, got.headers)
    with psycopg.connect(postgres.conninfo(house.urls.owner), autocommit=True) as owner:
        owner.execute("select set_config('stakazo.workspace', %s, false)", [told.workspace])
        owner.execute("update webhook_endpoints set old_secret_until = now()")
    propose(client)
    got = told.wait(2)[1]
    Webhook(made["secret"]).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(told.secret).verify(got.body, got.headers)


def test_who_says_that_it_is_gone_is_switched_off_and_on_again_by_hand(
    client: httpx.Client, receiver: Receiver
) -> None:
    told = Told(client, receiver, "rule.*")
    receiver.answer = lambda _: (410, {}, b"")
    first = propose(client)
    told.until(lambda found: found and found[0]["state"] == "DEAD")
    shown = told.show()
    assert (shown["enabled"], shown["health"]) == (False, "off")
    assert "410" in shown["disabled_why"]
    assert client.post(f"{told.path}/test").status_code == 409
    receiver.answer = lambda _: FINE
    propose(client)  # of this nothing is told
    client.patch(told.path, json={"enabled": True}).raise_for_status()
    last = propose(client)
    got = told.wait(2)[1:]
    assert [json.loads(one.body)["data"]["subject"]["id"] for one in got if first not in one.body.decode()] == [last]


def test_the_test_button_sends_a_test_whatever_is_told_else(client: httpx.Client, receiver: Receiver) -> None:
    told = Told(client, receiver, "clip.*")
    sent = client.post(f"{told.path}/test")
    assert (sent.status_code, sent.json()["type"]) == (202, "webhook.tested")
    (got,) = told.wait()
    assert json.loads(got.body)["type"] == "webhook.tested"
    assert got.id == sent.json()["event_id"]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/in",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.7/",
        "https://[::1]/",
        "https://user:word@hooks.example.com/",
        "ftp://hooks.example.com/",
        "https://hooks.example.com/ in",
    ],
)
def test_addresses_that_nobody_outside_has_are_refused(client: httpx.Client, url: str) -> None:
    answer = client.post("/webhooks", json={"url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "address_refused")


def test_a_name_that_leads_inside_is_found_when_it_is_sent_to(client: httpx.Client) -> None:
    made = client.post("/webhooks", json={"url": "https://localhost/in"}).json()["webhook"]
    client.post(f"/webhooks/{made['id']}/test")
    deadline = time.monotonic() + 60
    while not (found := client.get(f"/webhooks/{made['id']}/deliveries").json()["items"])[0]["attempts"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "no public address" in found[0]["answer"]


async def test_nothing_is_passed_over_or_written_twice_however_many_look(
    house: Any, site: Any, client: httpx.Client, receiver: Receiver
) -> None:
    """Events of transactions that overlap, while the worker's courier and four others look at once."""
    told = Told(client, receiver, "song.*")
    count = 120

    def sing(session: AsyncSession, number: int) -> Any:
        return ledger.record(session, "song_sung", subject=("song", new_id()), number=number)

    db, looking = Database(house.urls.app, pool_size=8), True

    async def write(start: int) -> None:
        for number in range(start, count, 4):
            async with db.transaction(site.actor) as session:
                await sing(session, number)
                await asyncio.sleep(0.003 * (number % 5))

    async def look() -> None:
        while looking:
            await courier.look(db)
            await asyncio.sleep(0.02)

    try:
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(look())
            writers = [asyncio.create_task(write(start)) for start in range(4)]
            async with db.transaction(site.actor) as session:  # never committed: never told
                await sing(session, -1)
                await session.rollback()
            await asyncio.gather(*writers)
            await asyncio.to_thread(told.wait, count)
            looking = False
    finally:
        await db.close()
    numbers = Counter(json.loads(one.body)["data"]["details"]["number"] for one in told.wait(count))
    assert sorted(numbers) == list(range(count))
    assert set(numbers.values()) == {1}
