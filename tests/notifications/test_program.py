"""Webhooks from a terminal."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks import Webhook
from tests.notifications.receiver import FINE, Receiver
from tests.terminal import ask


@pytest.mark.usefixtures("quiet")
def test_from_an_address_to_what_it_was_told(site: Any, receiver: Receiver) -> None:
    assert "webhooks add" in ask(site, "webhooks", "list")
    place = f"/{uuid4().hex}"
    receiver.answer = lambda _: FINE
    made = json.loads(
        ask(site, "webhooks", "add", receiver.url + place, "-e", "clip.*", "--description", "ours", "--json")
    )
    webhook = made["webhook"]["id"][-8:]
    assert "clip.*" in ask(site, "webhooks", "list")
    assert "DELIVERED" in ask(site, "webhooks", "test", webhook)
    (got,) = receiver.wait(place)
    Webhook(made["secret"]).verify(got.body, got.headers)
    (delivery,) = json.loads(ask(site, "webhooks", "deliveries", webhook, "--json"))
    assert "webhook.tested" in ask(site, "webhooks", "deliveries", webhook)
    assert "1 are sent again" in ask(site, "webhooks", "replay", webhook, "--delivery", delivery["id"])
    receiver.wait(place, 2)
    assert "0 are sent again" in ask(site, "webhooks", "replay", webhook, "--since", "2026-01-01 00:00", "--dead")
    assert "whsec_" in ask(site, "webhooks", "rotate", webhook)
    receiver.answer = lambda _: (500, {}, b"broken")
    ask(site, "webhooks", "test", webhook, fails=True)
    assert "is off" in ask(site, "webhooks", "off", webhook)
    assert "is on" in ask(site, "webhooks", "on", webhook)
    assert "is forgotten" in ask(site, "webhooks", "remove", receiver.url + place)
    assert "webhooks add" in ask(site, "webhooks", "list")
