"""Publishing from a terminal."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.publishing.browser import Browser
from tests.publishing.press import Desk, public
from tests.terminal import ask

from stakazo.cli import connecting
from stakazo.platforms.sandbox import world as known


@pytest.mark.usefixtures("quiet")
def test_from_a_channel_to_a_post_and_what_became_of_it(desk: Desk) -> None:
    assert "channels connect" in ask(desk.site, "channels", "list")
    connected = json.loads(ask(desk.site, "channels", "connect", "facebook", "--zone", "Europe/Berlin", "--json"))
    assert (connected["platform"], connected["time_zone"]) == ("facebook", "Europe/Berlin")
    assert "sandbox" in ask(desk.site, "channels", "list")
    (variant,) = desk.variants("facebook_feed")
    clip = desk.http.get(f"/variants/{variant}").json()["clip_id"]
    wish = ["publish", clip, "--to", "facebook", "--caption", "from a terminal", "--tag", "jazz"]
    assert "would go out" in ask(desk.site, *wish, "--dry-run")
    answer: dict[str, Any] = json.loads(ask(desk.site, *wish, "--json"))
    (wanted,) = answer["publications"]
    done = desk.until(wanted)
    assert public(desk.world)["from a terminal\n\n#jazz"] == 1
    assert done["url"] in ask(desk.site, "publications", "list", "--state", "published")
    assert done["external_id"] in ask(desk.site, "publications", "show", wanted["id"][-12:])
    later = ask(desk.site, *wish, "--at", "2030-01-01 18:00", "--json")
    assert json.loads(later)["plan"][0]["existed"] is True
    assert "PUBLISHED" in ask(desk.site, *wish, "--dry-run")
    confirm = ["publications", "confirm", variant, done["external_id"], "--to", "facebook", "--json"]
    assert json.loads(ask(desk.site, *confirm))["id"] == wanted["id"]
    ask(desk.site, "publications", "remove", wanted["id"])
    assert desk.until(wanted, "REMOVED")["removed_at"]
    (again,) = json.loads(ask(desk.site, *wish, "--at", "2030-01-01 18:00", "--json"))["publications"]
    moved = ask(desk.site, "publications", "reschedule", again["id"], "2030-01-02 18:00", "--json")
    assert json.loads(moved)["due_at"] > again["due_at"]
    ask(desk.site, "publications", "cancel", again["id"])
    ask(desk.site, "channels", "disconnect", "facebook")
    assert "No channels" in ask(desk.site, "channels", "list")


@pytest.mark.usefixtures("quiet")
def test_an_account_is_connected_by_signing_in_anywhere(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STAKAZO_API_KEY", desk.site.key)
    said: list[str] = []

    def person(question: str) -> str:
        """Opens the address elsewhere, and types what that browser showed; then takes the second account."""
        if "code" not in question:
            return "2"
        (url,) = re.findall(r"http://\S+", said[0])
        browser = Browser(desk)
        try:
            return browser.receipt(url)
        finally:
            browser.http.close()

    body = {"platform": "instagram", "live": False, "again": False}
    connecting.sign_in(desk.site.settings, desk.site.url, body, ask=person, say=said.append, as_json=False)
    assert [line.split()[:2] for line in said[1:]] == [["1", "facebook"], ["2", "instagram"]]
    (channel,) = desk.http.get("/channels").json()["items"]
    assert (channel["platform"], channel["health"]) == ("instagram", "ok")
    assert f"is connected: {channel['id']}" in capsys.readouterr().out.replace("\n", "")
    said.clear()
    account = connecting.sign_in_to_advertise(  # the only one, with the only Page
        desk.site.settings, desk.site.url, {}, live=False, ask=person, say=said.append
    )
    assert (account["name"], account["page_id"]) == ("Blue Note ads (sandbox)", known.PAGE)
