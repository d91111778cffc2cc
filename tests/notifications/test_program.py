"""Webhooks from a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import structlog
from standardwebhooks import Webhook
from tests.notifications.receiver import FINE, Receiver
from typer.testing import CliRunner

from stakazo.cli import app


def ask(site: Any, *arguments: str, fails: bool = False) -> str:
    environment = {"STAKAZO_SERVER": site.url, "STAKAZO_API_KEY": site.key, "COLUMNS": "300", "NO_COLOR": "1"}
    said = CliRunner().invoke(app, ["webhooks", *arguments], env=environment)
    assert bool(said.exit_code) is fails, said.output or repr(said.exception)
    return said.stdout


@pytest.fixture
def quiet() -> Iterator[None]:
    """The house is in this process: what it logs isn't what the program says."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("quiet")
def test_from_an_address_to_what_it_was_told(site: Any, receiver: Receiver) -> None:
    assert "webhooks add" in ask(site, "list")
    place = f"/{uuid4().hex}"
    receiver.answer = lambda _: FINE
    made = json.loads(ask(site, "add", receiver.url + place, "-e", "clip.*", "--description", "ours", "--json"))
    webhook = made["webhook"]["id"][-8:]
    assert "clip.*" in ask(site, "list")
    assert "DELIVERED" in ask(site, "test", webhook)
    (got,) = receiver.wait(place)
    Webhook(made["secret"]).verify(got.body, got.headers)
    (delivery,) = json.loads(ask(site, "deliveries", webhook, "--json"))
    assert "webhook.tested" in ask(site, "deliveries", webhook)
    assert "1 are sent again" in ask(site, "replay", webhook, "--delivery", delivery["id"])
    receiver.wait(place, 2)
    assert "0 are sent again" in ask(site, "replay", webhook, "--since", "2026-01-01 00:00", "--dead")
    assert "whsec_" in ask(site, "rotate", webhook)
    receiver.answer = lambda _: (500, {}, b"broken")
    ask(site, "test", webhook, fails=True)
    assert "is off" in ask(site, "off", webhook)
    assert "is on" in ask(site, "on", webhook)
    assert "is forgotten" in ask(site, "remove", receiver.url + place)
    assert "webhooks add" in ask(site, "list")
