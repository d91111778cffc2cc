"""`stakazo keys`, `stakazo owner-link`, and the link that `stakazo serve` prints for whoever shall own it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from tests.near import NEAR
from typer.testing import CliRunner, Result

from stakazo.cli import app
from stakazo.cli.output import Failure
from stakazo.core.errors import NotFound


def ask(program: Any, *arguments: str) -> Result:
    """What a command answers, in this process: a program takes seconds to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(program.folder)
        return CliRunner().invoke(app, arguments, env=program.environment)


def _link(child: Any) -> str | None:
    """The owner's link of a server that has just come up, from what it says."""
    said = ""
    for line in child.stderr:
        said += line
        if "Ctrl-C stops it" in line:
            break
    links = [word for word in said.split() if "/account#invitation=" in word]
    return links[0] if links else None


def _key_works(url: str, token: str, path: str = "/clips") -> int:
    return httpx.get(f"{url}{path}", headers={"X-API-Key": token}, timeout=30, **NEAR).status_code


def test_from_the_first_start_to_a_key_of_ones_own(installed: Any, interrupt: Any) -> None:
    child = installed.start("serve", "--port", "0", "--workers", "0")
    link = _link(child)
    assert link is not None
    url, _, token = link.partition("/account#invitation=")
    said = {"email": "ann@example.org", "name": "Ann", "password": "a quiet sentence", "invitation": token}
    registered = httpx.post(f"{url}/auth/register", json=said, timeout=30, **NEAR)
    assert registered.status_code == 201
    bearer = {"Authorization": f"Bearer {registered.json()['access_token']}"}
    about = httpx.get(f"{url}/auth/me", headers=bearer, timeout=30, **NEAR).json()
    assert (about["role"], [place["name"] for place in about["workspaces"]]) == ("OWNER", ["Default"])

    made = ask(installed, "keys", "create", "robot", "-p", "clips:read", "--days", "30", "--address", "127.0.0.1")
    key = made.stdout.strip()
    assert key.startswith("stk_"), made.output
    assert (_key_works(url, key), _key_works(url, key, "/videos")) == (200, 403)
    listed = json.loads(ask(installed, "keys", "list", "--json").stdout)
    assert listed[0]["name"] == "robot"
    assert (listed[0]["permissions"], listed[0]["addresses"]) == (["clips:read"], ["127.0.0.1/32"])
    assert key not in str(listed)
    assert "robot" in ask(installed, "keys", "list").stdout
    assert ask(installed, "keys", "revoke", key.split("_")[1]).exit_code == 0
    assert _key_works(url, key) == 401
    assert isinstance(ask(installed, "keys", "revoke", key.split("_")[1]).exception, Failure)
    assert ask(installed, "keys", "rotate-signing", "--at-once").exit_code == 0
    another = ask(installed, "owner-link")  # although there is an owner: for a lost way in
    assert another.stdout.strip().startswith("http://127.0.0.1:8400/account#invitation=")

    rescued = ask(installed, "rescue", "Ann@example.org").stdout.strip().rpartition("=")[2]
    new = {"token": rescued, "password": "another quiet sentence"}
    assert httpx.post(f"{url}/auth/password/reset", json=new, timeout=30, **NEAR).status_code == 204
    assert isinstance(ask(installed, "rescue", "nobody@example.org").exception, NotFound)

    interrupt(child)
    assert child.communicate(timeout=60)[1].count("Traceback") == 0


def test_there_is_no_owner_link_before_there_is_a_workspace(installed: Any) -> None:
    done = ask(installed, "owner-link")
    assert isinstance(done.exception, Failure)
    assert "stakazo serve" in str(done.exception)
