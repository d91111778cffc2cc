"""One event, one sequence of bytes: for every writer, every reader, and after a journey through jsonb."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from stakazo.core.postgres import Urls, conninfo
from stakazo.ledger.canonical import Event, canonical, event_bytes, read_event

EVENT = Event(
    id=UUID("01990000-0000-7000-8000-000000000001"),
    workspace_id=UUID("01990000-0000-7000-8000-000000000002"),
    time=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
    event="clip_accepted",
    subject_type="clip",
    subject_id=UUID("01990000-0000-7000-8000-000000000003"),
    actor_kind="user",
    actor_id="ann",
    correlation_id=UUID("01990000-0000-7000-8000-000000000004"),
    causation_id=None,
    after=None,
    data={"end": 12.5, "start": 3.0, "reasons": ["it drops", "Été"]},
)


def test_the_bytes_of_an_event():
    assert event_bytes(EVENT).decode() == (
        '{"actor":{"id":"ann","kind":"user"},"after":null,"causation":null,'
        '"correlation":"01990000-0000-7000-8000-000000000004",'
        '"data":{"end":12.5,"reasons":["it drops","Été"],"start":3},"event":"clip_accepted",'
        '"id":"01990000-0000-7000-8000-000000000001",'
        '"subject":{"id":"01990000-0000-7000-8000-000000000003","type":"clip"},'
        '"time":"2026-11-22T10:00:00.000000Z","v":1,"workspace":"01990000-0000-7000-8000-000000000002"}'
    )


def test_an_event_is_found_again_in_its_bytes():
    full = replace(EVENT, causation_id=UUID(int=7), after=b"\x01" * 32, time=EVENT.time + timedelta(microseconds=1))
    for event in (EVENT, full):
        assert read_event(event_bytes(event)) == event


def test_the_zone_makes_no_difference():
    there = EVENT.time.astimezone(timezone(timedelta(hours=-5)))
    assert event_bytes(replace(EVENT, time=there)) == event_bytes(EVENT)
    with pytest.raises(ValueError, match="without a zone"):
        event_bytes(replace(EVENT, time=EVENT.time.replace(tzinfo=None)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda b: b + b" ",
        lambda b: b.replace(b'"v":1', b'"v":2'),
        lambda b: b.replace(b'"v":1', b'"v":1.0'),
        lambda b: b.replace(b'"start":3', b'"start":3.0'),
        lambda b: b.replace(b'"v":1', b'"v":1,"v":1'),
        lambda b: b.replace(b'"after":null', b'"after":""'),
        lambda b: b.replace(b"10:00:00.000000Z", b"10:00:00Z"),
        lambda b: b.replace("É".encode(), rb"\u00c9"),
        lambda b: b[1:],
        lambda _: b"[]",
        lambda _: b"\xff",
        lambda _: b"[" * 100_000,
    ],
)
def test_bytes_that_are_not_canonical_are_no_event(spoil: Any):
    with pytest.raises(ValueError, match=r"\w"):
        read_event(spoil(event_bytes(EVENT)))


# RFC 8785, appendix B: doubles by their bits, and what ECMAScript writes for them.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_numbers_are_as_rfc_8785_has_them(bits: str, text: str):
    [number] = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number).decode() == text


def test_members_are_sorted_by_utf_16():
    value = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(canonical(value))) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_strings_are_as_rfc_8785_has_them():
    assert canonical('\u20ac$\u000f\nA\'B"\\\\"/\u007f').decode() == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f"'
    with pytest.raises(ValueError, match="surrogates"):
        canonical("\ud800")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, {"a": b"b"}, {"a": {2}}])
def test_what_is_not_json_is_refused(value: Any):
    with pytest.raises((ValueError, TypeError)):
        canonical(value)


texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_read_back_has_the_same_bytes(value: Any):
    assert canonical(json.loads(canonical(value))) == canonical(value)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=st.lists(values, max_size=8))
def test_jsonb_gives_back_what_has_the_same_bytes(urls: Urls, value: Any):
    with psycopg.connect(conninfo(urls.app)) as connection:
        [(back,)] = connection.execute("select %s", [Jsonb(value)]).fetchall()
    assert canonical(back) == canonical(value)
