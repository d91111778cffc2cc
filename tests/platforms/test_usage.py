"""Allowances as Meta's headers say them."""

from __future__ import annotations

import json

import pytest

from stakazo.platforms.usage import Meter, Reading, read


def business(**entry: object) -> dict[str, str]:
    return {"x-business-use-case-usage": json.dumps({"112130216863063": [entry]})}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-app-usage": '{"call_count":28,"total_time":25,"total_cputime":60}'}, Reading("app", 60, 7)),
        (
            business(type="instagram", call_count=1, total_cputime=2, total_time=3, estimated_time_to_regain_access=4),
            Reading("instagram", 3, 7, 240),
        ),
        ({"x-fb-ads-insights-throttle": '{"app_id_util_pct":40,"acc_id_util_pct":80}'}, Reading("ads_insights", 80, 7)),
        ({"x-ad-account-usage": '{"acc_id_util_pct":9.67,"reset_time_duration":100}'}, Reading("ad_account", 9.67, 7)),
        (
            {"x-ad-account-usage": '{"acc_id_util_pct":100,"reset_time_duration":100}'},
            Reading("ad_account", 100, 7, 100),
        ),
    ],
)
def test_every_header_is_read(headers: dict[str, str], expected: Reading):
    assert read(headers, 7) == [expected]


@pytest.mark.parametrize("text", ["", "x", "[]", "null", '{"a": 3}', '{"a": [3]}'])
def test_what_cant_be_read_closes_nothing(text: str):
    for name in ("x-app-usage", "x-business-use-case-usage", "x-fb-ads-insights-throttle", "x-ad-account-usage"):
        assert all(reading.percent == 0 for reading in read({name: text}, 7))


def test_an_allowance_counts_for_its_own_requests_alone():
    meter = Meter()
    meter.note(business(type="ads_insights", call_count=100, estimated_time_to_regain_access=10), 0)
    assert meter.pause(["app", "instagram"], 0, urgent=True) == 0
    assert meter.pause(["app", "ads_insights"], 0, urgent=True) == 600
    assert meter.pause(["app", "ads_insights"], 599, urgent=True) == 1
    assert meter.pause(["app", "ads_insights"], 601, urgent=True) == 0
    newest = meter.fullest()
    assert newest is not None
    assert newest.what == "ads_insights"
