"""A person's browser at a platform's sign-in page."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import httpx
from tests.near import NEAR
from tests.publishing.press import Desk

SHOWN = re.compile(r"/account#connected=([A-Z0-9-]{19})")
"""Where it ends up after a yes, with the code that it shows."""


class Browser:
    """A person at a platform's sign-in page."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.http = desk, httpx.Client(**NEAR)

    def ask(self, platform: str, **said: Any) -> dict[str, Any]:
        answer = self.desk.http.post("/channels/connect", json={"platform": platform, **said})
        assert answer.status_code == 201, answer.text
        assert answer.headers["cache-control"] == "no-store"
        return dict(answer.json())

    def answer(self, url: str, *, yes: bool = True, without: str = "") -> str:
        """Where the platform sends the browser back to."""
        page = self.http.get(url)
        assert page.status_code == 200, page.text
        fields = {
            name: value.replace("&amp;", "&")
            for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        }
        boxes = [box for box in re.findall(r'name="granted" value="([^"]+)"', page.text) if box != without]
        said = {**fields, "granted": boxes, "answer": "allow" if yes else "decline"}
        sent = self.http.post(url, data=said)
        assert sent.status_code == 303, sent.text
        return str(sent.headers["location"])

    def back(self, address: str) -> str:
        """What the browser shows in the end, when it was sent back to our own address."""
        parts = urlsplit(address)
        assert parts.path == "/channels/callback"
        with httpx.Client(base_url=str(self.desk.http.base_url), **NEAR) as stranger:  # it knows no key, and no cookie
            ended = stranger.get(f"{parts.path}?{parts.query}")
        assert ended.status_code == 302, ended.text
        return str(ended.headers["location"])

    def receipt(self, url: str, **said: Any) -> str:
        shown = SHOWN.fullmatch(self.back(self.answer(url, **said)))
        assert shown is not None
        return shown[1]

    def choose(self, consent: dict[str, Any], receipt: str, accounts: list[dict[str, str]]) -> httpx.Response:
        wanted = [{"platform": one["platform"], "external_id": one["external_id"]} for one in accounts]
        path = f"/channels/connect/{consent['id']}/choose"
        return self.desk.http.post(path, json={"receipt": receipt, "accounts": wanted})

    def connect(self, platform: str, **said: Any) -> dict[str, Any]:
        """All the way; says the channel of that platform."""
        consent = self.ask(platform)
        receipt = self.receipt(consent["url"], **said)
        offered = self.desk.http.get(f"/channels/connect/{consent['id']}").json()["accounts"]
        chosen = self.choose(consent, receipt, [one for one in offered if one["platform"] == platform])
        assert chosen.status_code == 200, chosen.text
        [channel] = chosen.json()["channels"]
        return dict(channel)
