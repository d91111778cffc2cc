"""`stakazo campaigns` against a server, a worker and the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.ads.stand import Stand
from tests.terminal import ask

from stakazo.cli.output import Failure
from stakazo.cli.spending import major, minor


def test_money_is_written_as_people_write_it() -> None:
    assert [minor("99.50", "EUR"), minor("100", "JPY"), minor("0.01", "USD")] == [9950, 100, 1]
    assert [major(9950, "EUR"), major(100, "JPY"), major(None, "EUR")] == ["99.50 EUR", "100 JPY", ""]
    for wrong, currency in (("1.005", "EUR"), ("9.5", "JPY"), ("-1", "EUR"), ("much", "EUR")):
        with pytest.raises(Failure):
            minor(wrong, currency)


@pytest.mark.usefixtures("quiet")
def test_a_campaign_from_the_first_limit_to_the_stop(stand: Stand, tmp_path: Path) -> None:
    def run(*words: str) -> Any:
        said = ask(stand.site, "campaigns", *words)
        return json.loads(said) if "--json" in words else said

    assert run("connect", "--json")["currency"] == "EUR"
    assert "200.00 EUR" in run(
        "limits", "EUR", "--campaign", "200", "--second-person", "150", "--stop-loss", "90", "--step", "30"
    )
    assert run("limits", "EUR", "--day", "200", "--json")["limits"]["EUR"]["campaign"] == 200_00
    assert "Tell me of concerts" in run("forms")
    (variant,) = stand.variants("instagram_reel")
    wish = ["create", variant, "--total", "100", "--country", "US", "--ends", "2030-01-01 00:00"]
    assert "100.00 EUR" in run(*wish, "--dry-run")
    made = run(*wish, "--json")
    stand.rests(made, "PAUSED")
    assert run("activate", made["id"][-6:], "--json")["state"] == "ACTIVATING"
    stand.rests(made, "ACTIVE")
    assert "ACTIVE" in run("list")
    changed = run("change", made["id"], "--age", "18-40", "--interest", "jazz music", "--total", "90", "--json")
    assert (changed["plan"]["age_max"], changed["total_budget"]) == (40, 90_00)
    assert changed["plan"]["interests"] == [["6003139266461", "Jazz music"]]
    stand.rests(made, "ACTIVE")
    file = tmp_path / "rules.json"
    file.write_text('[{"name": "loser", "action": "pause", "metric": "cost_per_click", "above": 80}]')
    assert "No rules" in run("rules")
    assert "cost per click above 80" in run("rules", str(file))
    stand.measured(made, spend=100_00, clicks=1, impressions=10)
    assert "0.00 EUR would not have been spent" in run("simulate", made["id"], str(file))
    assert [one["action"] for one in run("simulate", made["id"], "--json")["decisions"]] == ["pause"]
    stand.rests(made, "PAUSED")
    assert run("undo", made["id"], "--json")["state"] == "ACTIVATING"
    stand.rests(made, "ACTIVE")
    assert "stopped" in run("stop")
    stand.rests(made, "PAUSED")
