"""Secrets that are planted through the real API, and are then in no log, no ledger and no dump of the database."""

from __future__ import annotations

import base64
import io
import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
import pytest
import structlog
from psycopg import sql
from sqlalchemy import make_url
from tests.near import NEAR

from stakazo.core.postgres import conninfo
from stakazo.core.telemetry import setup_logging

JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm4ifQ."


@dataclass
class Canaries:
    """Secrets by what they are, and everywhere that one could show up."""

    planted: dict[str, str] = field(default_factory=dict)

    def plant(self, what: str, secret: str | None = None) -> str:
        self.planted[what] = secret or secrets.token_urlsafe(24)
        return self.planted[what]

    def found_in(self, text: str) -> list[str]:
        """Which of them the text has: as they are, in hexadecimal, in base64."""
        return [what for what, secret in self.planted.items() if any(form in text for form in _forms(secret))]


def _forms(secret: str) -> list[str]:
    """How a secret can be written; in base64 at each of the three places where it can begin."""
    raw = secret.encode()
    parts = [base64.b64encode(b"." * shift + raw).decode()[4:-4] for shift in range(3)]
    return [secret, raw.hex(), raw.hex().upper(), *parts]


def dump(superuser: str) -> str:
    """Every row of every table, as text."""
    with psycopg.connect(conninfo(superuser)) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        blocks = []
        for names in tables:
            with connection.cursor().copy(sql.SQL("copy {} to stdout").format(sql.Identifier(*names))) as rows:
                blocks += [bytes(row).decode() for row in rows]
        return "".join(blocks)


@pytest.fixture(params=["json", "text"])
def log(request: pytest.FixtureRequest, site: Any) -> Iterator[io.StringIO]:
    """Everything that this process logs, down to the last level."""
    root, access = logging.getLogger(), logging.getLogger("uvicorn.access")
    handlers, level, was = root.handlers[:], root.level, access.disabled
    out = io.StringIO()
    setup_logging(site.settings.model_copy(update={"log_format": request.param, "log_level": "DEBUG"}), out)
    yield out
    root.handlers[:], access.disabled = handlers, was
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_canary_is_found_however_it_is_written() -> None:
    canaries = Canaries()
    secret = canaries.plant("it")
    assert canaries.found_in(f"x{secret}y") == ["it"]
    assert canaries.found_in(secret.encode().hex()) == ["it"]
    for shift in range(3):
        assert canaries.found_in(base64.b64encode(b"-" * shift + secret.encode() + b"--").decode()) == ["it"]
    assert canaries.found_in("stk_" + secrets.token_urlsafe(24)) == []


def test_what_is_secret_is_in_no_log_no_ledger_and_no_dump(
    site: Any, server: Any, client: httpx.Client, log: io.StringIO
) -> None:
    canaries = Canaries()
    canaries.plant("the key of this client", site.key.split("_", 2)[2])
    link = canaries.plant("the query of an import")
    wrong_key, jwt, password, cookie = (
        canaries.plant(what) for what in ("a wrong key", "a JWT", "a password", "a cookie")
    )

    # as it is meant
    wanted = client.post("/imports", json={"url": f"http://127.0.0.1:9/blue.mp4?X-Amz-Signature={link}"}).json()
    client.post(f"/jobs/{wanted['job']['id']}/process").raise_for_status()
    replay = {"Idempotency-Key": "k"}
    for _ in range(2):
        client.post("/imports", json={"url": f"https://a.example/?token={link}"}, headers=replay).raise_for_status()

    # and in every wrong place
    nobody = httpx.Client(base_url=site.url, **NEAR, timeout=30)
    with nobody:
        for headers in (
            {"Authorization": f"Bearer stk_0123456789ab_{wrong_key}"},
            {"Authorization": f"Bearer {JWT}{jwt}"},
            {"Authorization": f"Basic {base64.b64encode(f'ann:{password}'.encode()).decode()}"},
            {"X-API-Key": wrong_key},
            {"Cookie": f"stakazo_access={JWT}{jwt}; stakazo_refresh=str_{cookie}"},
        ):
            assert nobody.get("/videos", headers=headers).status_code == 401
            assert nobody.post("/jobs", headers=headers, json={"password": password}).status_code in {401, 403, 422}
    for body in ({"password": password}, {"url": f"https://ann:{password}@a.example/"}, {"url": [password]}):
        assert client.post("/imports", json=body).status_code == 422
    client.get("/nowhere", params={"access_token": cookie, "password": password})
    client.get("/videos", params={"cursor": password, "token": cookie})
    client.post("/jobs", content=f'{{"password": "{password}"'.encode(), headers={"Content-Type": "application/json"})
    client.post("/upload", data={"password": password}, files={"file": ("a.txt", f"password={password}".encode())})

    # also where nobody foresaw it
    with psycopg.connect(conninfo(site.urls.owner), autocommit=True) as owner:
        owner.execute("alter table video_imports rename to gone")
        try:
            assert client.post("/imports", json={"url": f"https://a.example/?token={link}"}).status_code == 500
        finally:
            owner.execute("alter table gone rename to video_imports")
    for said in (f"stk_0123456789ab_{wrong_key}", f"postgresql://ann:{password}@db/x", f"Bearer {JWT}{jwt}"):
        try:
            int(said)
        except ValueError:
            structlog.get_logger("stakazo.test").exception("failed", password=password, cookies={"a": cookie})

    lines = log.getvalue()
    assert lines.count("request") > 20
    assert "Traceback" in lines
    assert "stk_0123456789ab_***" in lines  # which one it was is still to be seen
    assert "[parameters:" not in lines  # what a statement that failed was given
    assert canaries.found_in(lines) == []
    everything = dump(server.superuser(make_url(site.urls.owner).database))
    assert "import_requested" in everything
    assert wanted["id"] in everything
    assert canaries.found_in(everything) == []
