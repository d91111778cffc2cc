"""How requests to Graph go, whatever they are for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.far import far
from tests.platforms.conftest import There

from stakazo.platforms import hosts, publishers
from stakazo.platforms.base import Account, Platform
from stakazo.platforms.errors import PlatformError, Reason, Rejected, TokenExpired, TryLater, Unknown
from stakazo.platforms.graph import Graph, Part, encoded
from stakazo.platforms.graph_errors import parse, refusal
from stakazo.platforms.http import Connection
from stakazo.platforms.sandbox.faults import Fault


def graph(there: There, platform: Platform = Platform.INSTAGRAM, **how: Any) -> Graph:
    return Graph(there.connection, there.account(platform), **how)


def error(code: int, subcode: int | None = None, **more: object) -> dict:
    return {"error": {"message": "m", "type": "OAuthException", "code": code, "error_subcode": subcode, **more}}


@pytest.mark.parametrize(
    ("code", "subcode", "kind", "reason"),
    [
        (4, None, TryLater, Reason.RATE),
        (17, 2446079, TryLater, Reason.RATE),
        (613, 1487742, TryLater, Reason.RATE),
        (80004, 2446079, TryLater, Reason.RATE),
        (9, 2207042, TryLater, Reason.QUOTA),
        (9007, 2207027, TryLater, Reason.NOT_READY),
        (368, 1390008, TryLater, Reason.BLOCKED),
        (190, 463, TokenExpired, Reason.EXPIRED),
        (190, 460, TokenExpired, Reason.REVOKED),
        (190, None, TokenExpired, Reason.REVOKED),
        (10, None, Rejected, Reason.PERMISSION),
        (294, None, Rejected, Reason.PERMISSION),
        (100, 33, Rejected, Reason.NOT_FOUND),
        (100, 1885272, Rejected, Reason.BUDGET),
        (100, 99999, Rejected, Reason.INVALID),
        (1, 99, Rejected, Reason.TOO_MUCH_DATA),
        (506, None, Rejected, Reason.DUPLICATE),
    ],
)
def test_numbers_alone_say_what_an_error_means(code: int, subcode: int | None, kind: type, reason: Reason):
    for words in ("m", "Please retry, the token expired, rate limit"):
        found = parse(error(code, subcode, message=words))
        assert found is not None
        for effect in (True, False):
            raised = refusal(400, found, effect=effect)
            assert (type(raised), raised.reason) == (kind, reason)


@pytest.mark.parametrize(("code", "subcode"), [(1, None), (2, None), (-1, 2207001), (6000, 1363030), (4, 2207051)])
def test_metas_own_troubles_leave_doubt_only_where_something_may_have_happened(code: int, subcode: int | None):
    found = parse(error(code, subcode))
    assert found is not None
    assert isinstance(refusal(500, found, effect=True), Unknown)
    assert isinstance(refusal(500, found, effect=False), TryLater)


def test_numbers_that_nobody_knows_leave_doubt_too():
    found = parse(error(31337))
    assert found is not None
    assert isinstance(refusal(400, found, effect=True), Unknown)
    assert isinstance(refusal(400, found, effect=False), Rejected)


@pytest.mark.parametrize("data", [{"start_offset": "7"}, '{"start_offset": "7"}', "Please try again", None, 3, "[1]"])
def test_error_data_comes_in_any_shape(data: object):
    found = parse(error(6001, 1363037, error_data=data))
    assert found is not None
    assert found.data in ({"start_offset": "7"}, {})


@pytest.mark.parametrize("body", [None, [], "Service Unavailable", {"data": []}, {"error": "what"}, {"debug_info": 1}])
def test_what_is_no_error_is_none(body: object):
    assert parse(body) is None


def test_parameters_are_sent_as_graph_takes_them():
    given = {"a": None, "b": True, "c": ["ü", 1], "d": {"e": False}, "f": 2, "g": "x", "h": ()}
    assert encoded(given) == {"b": "true", "c": '["ü",1]', "d": '{"e":false}', "f": "2", "g": "x", "h": "[]"}


async def test_the_token_is_in_a_header_and_the_secret_nowhere(there: There):
    async with far(b"HTTP/1.1 200 OK\r\nX-Stakazo-Sandbox: 1\r\nContent-Length: 2\r\n\r\n{}") as spy:
        connection = replace(there.connection, sandbox=hosts.sandbox(f"http://127.0.0.1:{spy.port}"))
        await Graph(connection, there.account(Platform.INSTAGRAM)).get("me", {"fields": "id"})
    [asked] = spy.asked
    first, _, headers = asked.partition(b"\r\n")
    assert first.startswith(b"GET /graph/v26.0/me?fields=id&appsecret_proof=")
    assert b"sandbox-meta" not in first
    assert b"authorization: bearer sandbox-meta-page" in headers.lower()
    assert b"sandbox-meta-secret" not in asked


async def test_a_wrong_proof_is_refused(there: There):
    wrong = {"meta": replace(there.connection.sandbox_apps["meta"], secret="other")}
    with pytest.raises(Rejected):
        await Graph(replace(there.connection, sandbox_apps=wrong), there.account(Platform.INSTAGRAM)).get("me")


async def test_rate_limits_come_as_any_status_and_close_the_account(there: There):
    for what in ("rate_limit", "error_in_200"):
        there.world.faults.add(Fault(what, times=1))
        asking = graph(there)
        with pytest.raises(TryLater) as limited:
            await asking.get("me")
        assert (limited.value.reason, limited.value.after) == (Reason.RATE, 300)
        there.world.move_on(301)
    there.world.faults.add(Fault("busy_text", times=1))
    with pytest.raises(TryLater) as busy:
        await graph(there).get("me")
    assert busy.value.reason is Reason.BUSY


async def test_nothing_is_asked_while_an_allowance_is_used_up(there: There):
    asking = graph(there, allowances=("instagram",))
    there.world.faults.add(Fault("rate_limit", times=1, detail={"code": 80002}))
    with pytest.raises(TryLater) as closed:
        await asking.get("me")
    assert closed.value.after == 300
    before = len(there.world.calls)
    with pytest.raises(TryLater) as held:
        await asking.get("me")
    assert (held.value.after, len(there.world.calls)) == (300, before)
    there.world.move_on(301)
    await asking.get("me")


async def test_an_allowance_is_known_to_whoever_acts_for_the_account(there: There):
    there.world.faults.add(Fault("rate_limit", times=1, detail={"code": 80002}))
    with pytest.raises(TryLater):
        await there.publisher(Platform.INSTAGRAM).quota()
    before = len(there.world.calls)
    with pytest.raises(TryLater):
        await there.publisher(Platform.INSTAGRAM).quota()
    assert len(there.world.calls) == before


async def test_what_can_wait_waits_before_the_limit_is_hit(there: There):
    there.world.allowance = 10
    asking = graph(there)
    for _ in range(8):
        await asking.get("me")
    with pytest.raises(TryLater) as waits:
        await asking.get("me", urgent=False)
    assert waits.value.after == 30
    await asking.get("me")
    await asking.get("me")
    with pytest.raises(TryLater) as full:
        await asking.get("me")
    assert full.value.after == 300
    assert len(there.world.calls) == 10


async def test_an_empty_page_is_not_the_end(there: There):
    owner = there.account(Platform.INSTAGRAM).id
    made = [there.world.new("IGMedia", owner=owner, media_product_type="REELS")["id"] for _ in range(7)]
    there.world.faults.add(Fault("empty_page", times=1))
    found = [row["id"] async for row in graph(there).pages(f"{owner}/media", {"fields": "id"}, size=2)]
    assert found == made[::-1]
    assert there.world.faults.struck["empty_page"] == 1


async def test_the_parts_of_a_batch_have_their_own_answers(there: There):
    page = there.account(Platform.FACEBOOK).id
    there.world.faults.add(Fault("never_arrived", "GET IGUser/media", times=1))
    parts = [
        Part("GET", page, {"fields": "name"}),
        Part("GET", "17800000009999999"),
        Part("GET", f"{there.account(Platform.INSTAGRAM).id}/media", {"fields": "id"}),
        *(Part("GET", page) for _ in range(60)),
    ]
    found = await graph(there, Platform.FACEBOOK).batch(parts, effect=False)
    assert len(found) == 63
    name, missing, lost = found[:3]
    assert isinstance(name, dict)
    assert name["name"] == "Blue Note (sandbox)"
    assert isinstance(missing, Rejected)
    assert missing.reason is Reason.NOT_FOUND
    assert isinstance(lost, TryLater)
    assert not any(isinstance(one, PlatformError) for one in found[3:])


async def test_an_upload_goes_nowhere_else(there: There):
    publisher = there.publisher(Platform.FACEBOOK)
    for url in ("http://127.0.0.1:1/rupload", "https://example.com/x", f"{there.url}@example.com/"):
        with pytest.raises(Rejected):
            await graph(there).rupload_from(url, "https://example.com/film.mp4")
    del publisher


async def test_a_token_of_one_world_is_never_sent_to_the_other(there: There):
    sandbox = there.account(Platform.INSTAGRAM)
    for account in (replace(sandbox, live=True), replace(sandbox, token="EAAB-real")):
        with pytest.raises(Rejected):
            publishers.of(there.connection, account)
    assert len(there.world.calls) == 0


def test_live_is_reached_by_an_account_that_is_live_alone(there: There):
    real = Account(Platform.INSTAGRAM, "178", "EAAB-real", live=True)
    assert there.connection.hosts(real).graph == "https://graph.facebook.com"
    assert there.connection.hosts(there.account(Platform.INSTAGRAM)).sandbox


async def test_what_is_not_the_sandbox_is_not_taken_for_it(there: There):
    async with far(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"id":1} ') as other:
        connection = Connection(there.http, sandbox=hosts.sandbox(f"http://127.0.0.1:{other.port}"))
        with pytest.raises(Rejected, match="not a sandbox"):
            await Graph(connection, there.account(Platform.INSTAGRAM)).get("me")


@pytest.mark.parametrize("url", ["https://graph.facebook.com", "127.0.0.1:80", "http://h/x", "http://u@h", "ftp://h"])
def test_a_sandbox_is_at_a_plain_address(url: str):
    with pytest.raises(ValueError, match="sandbox"):
        hosts.sandbox(url)


async def test_nobody_there_means_nothing_happened(there: There):
    connection = Connection(there.http, sandbox=hosts.sandbox("http://127.0.0.1:9"))
    with pytest.raises(TryLater) as gone:
        await Graph(connection, there.account(Platform.INSTAGRAM)).post("1/x", {}, effect=True)
    assert gone.value.reason is Reason.UNREACHABLE


def test_said_is_json():
    found = parse(error(100, 33, error_data={"blame_field_specs": [["caption"]]}, fbtrace_id="A1"))
    assert found is not None
    raised = refusal(400, found, effect=False)
    assert json.loads(json.dumps(raised.said.as_json()))["trace"] == "A1"
    assert "(caption)" in str(raised)
