"""The page that the links lead to, in a real browser that fills in its forms."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.near import NEAR

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--no-default-browser-check", "--disable-default-apps", "--mute-audio", "--dump-dom",
    "--virtual-time-budget=20000",
)  # fmt: skip

HAND = """
;(() => {
  const steps = %s;
  const shown = () => [...document.querySelectorAll("#form input:not(:disabled)")].map((input) => input.name).join();
  const next = () => {
    const step = steps.shift();
    const wait = () => {
      document.body.dataset.says = document.getElementById("says").textContent;
      document.body.dataset.shown = document.getElementById("form").hidden ? "" : shown();
      if (step === undefined) return setTimeout(wait, 50);
      if (!document.getElementById("says").textContent.includes(step.when)) return setTimeout(wait, 50);
      if (step.click) document.querySelector(step.click).click();
      const form = document.getElementById("form");
      for (const [name, value] of Object.entries(step.fill || {})) form.elements[name].value = value;
      if (step.fill) form.requestSubmit();
      setTimeout(next, 50);
    };
    wait();
  };
  setTimeout(next, 50);
})();
"""
"""Fills in the forms as they come; what stands there in the end is written where a dump of the page shows it."""


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        said = "needs Chromium (Debian: apt-get install chromium) to use the page as a person does"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    return found


@pytest.fixture
def use(site: Any, chromium: str, tmp_path: Path) -> Iterator[Callable[..., tuple[str, str]]]:
    """Open the page at a fragment and do the steps: what it says in the end, and which fields it shows.

    The browser reaches the site through a server that adds our hand to the page's own script.
    """
    steps: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
            given = httpx.request(
                self.command, f"{site.url}{self.path}", content=body, headers=headers, timeout=30, **NEAR
            )
            content = given.content + (
                (HAND % json.dumps(steps)).encode() if self.path == "/account/account.js" else b""
            )
            self.send_response(given.status_code)
            for name, value in given.headers.multi_items():
                if name not in {"content-length", "transfer-encoding", "connection", "date", "server"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815 (its names)

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def use(fragment: str, *wanted: dict[str, Any]) -> tuple[str, str]:
        steps[:] = wanted
        profile = tmp_path / uuid4().hex
        address = f"http://127.0.0.1:{server.server_port}/account{fragment}"
        command = [chromium, *FLAGS, f"--user-data-dir={profile}", address]
        dump = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        said, shown = (re.search(f'data-{name}="([^"]*)"', dump) for name in ("says", "shown"))
        assert said is not None, dump
        return html.unescape(said[1]), shown[1] if shown else ""

    yield use
    server.shutdown()
    server.server_close()


def test_an_owner_sets_name_address_and_password(site: Any, use: Any) -> None:
    with site.client() as client:
        link = client.post("/invitations", json={"role": "OWNER"}).json()["link"]
        email = f"{uuid4().hex}@example.org"
        says, shown = use(
            f"#{link.partition('#')[2]}",
            {
                "when": "You are invited to Blue Note, as owner",
                "fill": {"name": "Ann", "email": email, "password": "short"},
            },
            {"when": "it needs 8", "fill": {"password": "a quiet sentence"}},
        )
        assert (says, shown) == ("Welcome to Blue Note. You are signed in.", "")
        [owner] = client.get("/members").json()["items"]
        assert (owner["name"], owner["email"], owner["role"]) == ("Ann", email, "OWNER")
        says, _ = use(f"#{link.partition('#')[2]}")
        assert "was used" in says


def test_who_has_an_account_signs_in_to_accept(site: Any, people: Any, use: Any) -> None:
    ann = people.join(site=site.house.site())
    with site.client() as client:
        link = client.post("/invitations", json={"role": "EDITOR"}).json()["link"]
        says, _ = use(
            f"#{link.partition('#')[2]}",
            {"when": "You are invited", "click": "[data-for=elsewhere]"},
            {"when": "Sign in to accept", "fill": {"email": ann.email, "password": ann.password}},
        )
        assert says == "Welcome to Blue Note."
        assert [row["user_id"] for row in client.get("/members").json()["items"]] == [ann.id]


def test_a_forgotten_password(site: Any, people: Any, use: Any, letter_from: Any) -> None:
    ann = people.join()
    says, shown = use("", {"when": "Sign in", "click": "[data-for=forgot]"})
    assert shown == "email"
    says, _ = use("#forgot", {"when": "We send you a link", "fill": {"email": ann.email}})
    assert "a letter is on its way" in says
    _, token = letter_from(site.settings, ann.email, "new password")
    says, shown = use(f"#reset={token}", {"when": "Choose a new password", "fill": {"password": "another sentence"}})
    assert says == "Your password is changed. Sign in with it."
    says, shown = use(
        "",
        {"when": "Sign in", "fill": {"email": ann.email, "password": ann.password}},
        {"when": "is not right", "fill": {"password": "another sentence"}},
    )
    assert (says, shown) == ("You are signed in.", "")


def test_an_address_is_confirmed(site: Any, people: Any, use: Any, letter_from: Any) -> None:
    ann = people.join()
    _, token = letter_from(site.settings, ann.email, "Confirm your address")
    says, _ = use(f"#email={token}", {"when": "Is this address yours", "fill": {}})
    assert says == "Thank you. The address is confirmed."
    assert ann.http.get("/auth/me").json()["email_confirmed"] is True


def test_the_page_asks_nobody_else_for_anything(site: Any) -> None:
    with httpx.Client(base_url=site.url, **NEAR) as browser:
        page = browser.get("/account")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert all(address.startswith(("/", "#")) for address in addresses)
        assert "<script>" not in page.text
        assert browser.get("/account/account.js").headers["content-type"].startswith("text/javascript")
        assert browser.get("/account/account.css").headers["content-type"].startswith("text/css")
        assert browser.get("/account/..%2f..%2fsettings.py").status_code in {404, 422}
