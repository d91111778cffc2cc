"""Outgoing webhooks from end to end: an API, a worker, and somebody's server, over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from standardwebhooks import Webhook, WebhookVerificationError
from tests.notifications.receiver import FINE, Got, Receiver

from stakazo.core import outside
from stakazo.core.actor import new_id
from stakazo.core.addresses import Allowed
from stakazo.core.db import Database
from stakazo.ledger import service as ledger
from stakazo.notifications import courier
from stakazo.notifications.deliveries import Batch, Letter
from stakazo.notifications.jobs import attempt


class Told:
    """A webhook of the test's own, at an address of its own."""

    def __init__(self, site: Any, client: httpx.Client, receiver: Receiver, *events: str) -> None:
        self.site, self.http, self.receiver, self.place = site, client, receiver, f"/{uuid4().hex}"
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

    def hurry(self) -> None:
        """Let what waits be due now."""
        webhook = {"id": self.path.rpartition("/")[2]}
        self.sql("update webhook_endpoints set rests_until = null where id = :id", **webhook)
        self.sql("update webhook_deliveries set due_at = now() where endpoint_id = :id", **webhook)

    def sql(self, statement: str, **values: Any) -> None:
        self.site.within(lambda session: session.execute(text(statement), values))


Tell = Callable[..., Told]


@pytest.fixture
def tell(site: Any, client: httpx.Client, receiver: Receiver) -> Tell:
    """Makes webhooks for these events."""
    return lambda *events: Told(site, client, receiver, *events)


@pytest.fixture(autouse=True)
def fine(receiver: Receiver) -> None:
    receiver.answer = lambda _: FINE


def invite(client: httpx.Client) -> str:
    """Something happens: `invitation.created`."""
    return str(client.post("/invitations", json={"role": "VIEWER"}).raise_for_status().json()["invitation"]["id"])


def test_what_happens_is_told_signed_and_nothing_else(client: httpx.Client, receiver: Receiver, tell: Tell) -> None:
    some, all_, none = (tell(*events) for events in (("invitation.*",), ("*",), ("clip.*",)))
    invited = invite(client)
    (got,) = some.wait()
    said = Webhook(some.secret).verify(got.body, got.headers)
    assert (said["type"], said["data"]["subject"]) == ("invitation.created", {"type": "invitation", "id": invited})
    (event,) = client.get("/ledger/events", params={"subject": f"invitation/{invited}"}).json()["items"]
    assert got.id == said["data"]["id"] == event["id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(all_.secret).verify(got.body, got.headers)
    (delivery,) = some.until(lambda found: found[0]["state"] == "DELIVERED")
    assert (delivery["status"], delivery["attempts"], delivery["event_id"]) == (204, 1, event["id"])
    # telling of being told would never end
    invite(client)
    some.wait(2)
    assert {json.loads(one.body)["type"] for one in all_.wait(2)} == {"invitation.created"}
    assert not none.deliveries()


def test_what_was_not_taken_is_sent_again_with_the_same_id(
    client: httpx.Client, receiver: Receiver, tell: Tell
) -> None:
    told = tell("invitation.*")
    answers = iter([(500, {}, b"oops, token=abcdef0123456789"), (302, {"Location": "/elsewhere"}, b"")])
    receiver.answer = lambda _: next(answers, FINE)
    invite(client)
    (delivery,) = told.until(lambda found: found and found[0]["attempts"] == 1)
    assert (delivery["state"], delivery["status"], delivery["answer"]) == ("WAITING", 500, "oops, token=***")
    assert told.show()["health"] == "failing"
    told.hurry()
    (delivery,) = told.until(lambda found: found[0]["attempts"] == 2)
    assert "redirects elsewhere" in delivery["answer"]
    assert not receiver.of("/elsewhere")
    told.hurry()
    told.until(lambda found: found[0]["state"] == "DELIVERED")
    assert told.show()["health"] == "ok"
    got = told.wait(3)
    assert len({one.id for one in got}) == 1
    assert len({one.body for one in got}) == 1
    Webhook(told.secret).verify(got[2].body, got[2].headers)


def test_of_what_every_attempt_was_in_vain_for_one_hears_and_it_can_be_replayed(
    client: httpx.Client, receiver: Receiver, tell: Tell
) -> None:
    told = tell("invitation.*")
    receiver.answer = lambda _: (503, {"Retry-After": "7200"}, b"later")
    before = datetime.now(UTC) - timedelta(minutes=1)
    invite(client)
    (delivery,) = told.until(lambda found: found and found[0]["attempts"] == 1)
    wait = datetime.fromisoformat(delivery["due_at"]) - datetime.fromisoformat(delivery["tried_at"])
    assert wait == timedelta(hours=2)
    told.sql("update webhook_deliveries set attempts = 9 where id = :id", id=delivery["id"])
    told.hurry()
    told.until(lambda found: found[0]["state"] == "DEAD")
    events = client.get("/ledger/events", params={"event": "webhook_delivery_died"}).json()["items"]
    assert [event["data"]["delivery_id"] for event in events] == [delivery["id"]]
    receiver.answer = lambda _: FINE
    invite(client)  # with its endpoint it waits for the rest to end
    again = client.post(f"{told.path}/replay", json={"since": before.isoformat(), "dead_only": True})
    assert (again.status_code, again.json()) == (202, {"deliveries": 1})
    done = told.until(lambda found: {one["state"] for one in found} == {"DELIVERED"} and len(found) == 2)
    assert Counter(one.id for one in told.wait(4))[delivery["event_id"]] == 3
    # one by its id, whatever became of it
    once_more = client.post(f"{told.path}/replay", json={"delivery_id": done[0]["id"]})
    assert once_more.json() == {"deliveries": 1}
    told.wait(5)
    # and a time, also of what it was never sent
    late = tell("invitation.*")
    assert client.post(f"{late.path}/replay", json={"since": before.isoformat()}).json() == {"deliveries": 2}
    assert {one.id for one in late.wait(2)} == {one["event_id"] for one in done}


def test_a_secret_changes_without_a_gap(client: httpx.Client, receiver: Receiver, tell: Tell) -> None:
    told = tell("invitation.*")
    made = client.post(f"{told.path}/rotate").json()
    assert made["secret"] != told.secret
    assert made["webhook"]["old_secret_until"]
    assert made["secret"] not in client.get(told.path).text  # nobody is shown it again
    invite(client)
    (got,) = told.wait()
    for secret in (told.secret, made["secret"]):
        Webhook(secret).verify(got.body, got.headers)
    told.sql("update webhook_endpoints set old_secret_until = now()")
    invite(client)
    got = told.wait(2)[1]
    Webhook(made["secret"]).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(told.secret).verify(got.body, got.headers)


def test_who_says_that_it_is_gone_is_switched_off_and_on_again_by_hand(
    client: httpx.Client, receiver: Receiver, tell: Tell
) -> None:
    told = tell("invitation.*")
    receiver.answer = lambda _: (410, {}, b"")
    first = invite(client)
    told.until(lambda found: found and found[0]["state"] == "DEAD")
    shown = told.show()
    assert (shown["enabled"], shown["health"]) == (False, "off")
    assert "410" in shown["disabled_why"]
    assert client.post(f"{told.path}/test").status_code == 409
    receiver.answer = lambda _: FINE
    invite(client)  # of this nothing is told
    client.patch(told.path, json={"enabled": True}).raise_for_status()
    last = invite(client)
    got = told.wait(2)[1:]
    assert [json.loads(one.body)["data"]["subject"]["id"] for one in got if first not in one.body.decode()] == [last]


def test_the_test_button_sends_a_test_whatever_is_told_else(
    client: httpx.Client, receiver: Receiver, tell: Tell
) -> None:
    told = tell("clip.*")
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


async def test_a_name_that_leads_inside_is_found_when_it_is_sent_to() -> None:
    async def inside(_: str) -> list[IPv4Address]:
        return [IPv4Address("10.0.0.7")]

    batch = Batch("https://hooks.example.com/in", (b"secret",), ())
    async with outside.client(Allowed(), resolver=inside) as http:
        answered = await attempt(http, batch, Letter(new_id(), new_id(), b"{}"))
    assert answered.status is None
    assert "no public address" in answered.words


async def test_nothing_is_passed_over_or_written_twice_however_many_look(house: Any, site: Any, tell: Tell) -> None:
    """Events of transactions that overlap, while the worker's courier and four others look at once."""
    told = tell("link.sung")
    count = 120

    def sing(session: AsyncSession, number: int) -> Any:
        return ledger.record(session, "link_sung", subject=("link", new_id()), number=number)

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
