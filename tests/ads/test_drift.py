"""What people are told of a campaign that isn't as approved."""

from __future__ import annotations

from typing import Any

import pytest

from stakazo.ads import drift
from stakazo.ads.comparing import Difference
from stakazo.ads.drift import Done
from stakazo.ads.states import Part


@pytest.mark.parametrize(
    ("what", "found", "approved", "words"),
    [
        ("budget", {"daily_budget": None, "lifetime_budget": 999_00}, {"daily_budget": 10_00, "lifetime_budget": None},
         "budget: 999.00 EUR in all, approved: 10.00 EUR a day"),
        ("spend_cap", None, 50_00, "spending cap: none, approved: 50.00 EUR"),
        ("end", None, "2026-12-24T18:00:00+00:00", "end: none, approved: 2026-12-24 18:00 UTC"),
        ("status", "ACTIVE", "PAUSED", "status: ACTIVE, approved: PAUSED"),
        ("bid", {"bid_strategy": "COST_CAP", "bid_amount": 250}, {"bid_strategy": None, "bid_amount": None},
         "bid: COST_CAP, 2.50 EUR, approved: any"),
        ("targeting", {"targeting_automation": {"advantage_audience": 1}}, {"targeting_automation": None},
         "targeting: targeting_automation advantage_audience 1, approved: targeting_automation none"),
        ("ads", ["7", "8"], ["7"], "running ads: 7, 8, approved: 7"),
    ],
)  # fmt: skip
def test_what_differs_is_said_in_words_and_money(what: str, found: Any, approved: Any, words: str) -> None:
    told = drift.trouble((Difference(Part.AD_SET, what, approved, found),), Done.STOPPING, "EUR")
    assert told.detail == f"Not as approved: the ad set's {words}. It is being stopped."
    assert told.said == {"found": [{"part": "ad_set", "what": what, "approved": approved, "found": found}]}


@pytest.mark.parametrize(
    ("what", "todo"),
    [
        (["budget"], "If it was meant, change it here"),
        (["status"], "Activate it here"),
        (["status", "targeting"], "for whom it is"),
        (["end"], "until when it is"),
        (["ads"], "Stop the other ads"),
        (["creative"], "show there what was approved"),
        (["targeting", "enhancements"], "Duplicate it"),
    ],
)
def test_what_to_do_fits_what_differs(what: list[str], todo: str) -> None:
    found = drift.trouble([Difference(Part.AD_SET, one, 1, 2) for one in what], Done.SETTING_RIGHT, "EUR")
    assert todo in found.todo
    assert ("whom" in found.todo) is ("targeting" in what and "enhancements" not in what)


def test_what_has_been_done_is_said_in_the_past_tense() -> None:
    found = (Difference(Part.AD_SET, "budget", 1, 2),)
    for done, past in ((Done.SETTING_RIGHT, "It was set right."), (Done.STOPPING, "It was stopped.")):
        error = drift.trouble(found, done, "EUR").as_json()
        after = drift.over(error)
        assert after == {**error, "detail": error["detail"].replace(done, past)} != error
        assert drift.over(after) == after
    assert drift.over({"code": "other", "detail": Done.STOPPING}) == {"code": "other", "detail": Done.STOPPING}
    assert drift.over(None) is None
