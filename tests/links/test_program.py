"""Links from a terminal."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.near import NEAR
from tests.terminal import ask

from stakazo.cli.linking import targets_of
from stakazo.cli.output import Failure

PERSON = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Version/17.4 Mobile Safari/604.1"}


@pytest.mark.usefixtures("quiet")
def test_from_an_address_to_who_followed_it(site: Any) -> None:
    assert "links add" in ask(site, "links", "list")
    slug = f"blue-{uuid4().hex[:8]}"
    here, there = "https://music.example.com/1", "https://listen.example.com/1"
    made = json.loads(
        ask(site, "links", "add", f"apple:ios={here}", f"any={there}", "--slug", slug, "--title", "Blue", "--json")
    )
    assert [(one["name"], one["devices"]) for one in made["targets"]] == [("apple", ["ios"]), ("any", [])]
    assert "apple any" in ask(site, "links", "list")
    assert "Nobody has followed it yet" in ask(site, "links", "show", slug)
    came = httpx.get(f"{site.url}/l/{slug}", headers=PERSON, **NEAR)
    assert (came.status_code, came.headers["location"].partition("?")[0]) == (302, here)
    counted = json.loads(ask(site, "links", "show", slug, "--json"))["counted"]
    assert (counted["clicks"], counted["targets"]) == (1, {"apple": 1})
    assert "targets: apple 1" in ask(site, "links", "show", made["id"][-8:])
    ask(site, "links", "lead", slug, f"any={there}")
    assert httpx.get(f"{site.url}/l/{slug}", headers=PERSON, **NEAR).headers["location"].startswith(there)
    assert "leads nowhere any more" in ask(site, "links", "end", made["url"])
    assert slug not in ask(site, "links", "list")
    assert "ended" in ask(site, "links", "list", "--ended")
    ask(site, "links", "show", "nowhere-else", fails=True)


@pytest.mark.parametrize("said", ["spotify", "=https://example.com", "spotify=", ":ios=https://example.com"])
def test_what_is_no_target_is_refused(said: str) -> None:
    with pytest.raises(Failure, match="is no target: say NAME=URL"):
        targets_of([said])
