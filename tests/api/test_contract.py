"""What every endpoint has in common: keys, problems, ids, the contract, the switch of the debug endpoints."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from tests.api.committed import CONTRACT, FILE
from tests.near import NEAR

from stakazo.core import postgres
from stakazo.main import contract

PROMISED = {
    ("post", "/upload"),
    ("post", "/jobs"),
    ("get", "/jobs"),
    ("get", "/jobs/{job_id}"),
    ("post", "/jobs/process"),
    ("post", "/jobs/{job_id}/process"),
    ("get", "/clips"),
    ("post", "/clips/{clip_id}/variants"),
    ("get", "/rules"),
    ("post", "/rules"),
    ("get", "/debug/jobs/summary"),
    ("get", "/debug/clips/summary"),
    ("get", "/debug/health"),
    ("get", "/debug/ledger/recent"),
    ("get", "/live"),
    ("post", "/confirm_publish"),
}


def _endpoints(*, public: bool = True) -> list[tuple[str, str]]:
    return [
        (method, path)
        for path, methods in CONTRACT["paths"].items()
        for method, operation in methods.items()
        if public or operation["x-permission"] != "public"
    ]


def test_the_committed_contract_is_what_the_code_says() -> None:
    assert FILE.read_text(encoding="utf-8") == contract(), (
        "the API has changed: run `stakazo openapi --out openapi/openapi.json`"
    )


def test_the_promised_paths_are_there() -> None:
    assert set(_endpoints()) >= PROMISED


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for methods in CONTRACT["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))


def test_every_reference_in_the_contract_leads_somewhere() -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                at: Any = CONTRACT
                for part in node["$ref"].removeprefix("#/").split("/"):
                    at = at[part]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(CONTRACT)


@pytest.mark.parametrize("key", [None, "stk_nonsense", "stk_0123456789ab_" + "x" * 43])
def test_nothing_that_is_not_public_answers_without_a_key(site: Any, key: str | None) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=site.url, headers=headers, **NEAR) as nobody:
        for method, path in _endpoints(public=False):
            path = re.sub(r"{\w+}", lambda _: str(uuid4()), path)  # noqa: PLW2901
            answer = nobody.request(method.upper(), path)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert method == "head" or answer.json()["code"] == "unauthenticated"
        assert nobody.get("/health").json() == {"status": "ok", "name": "stakazo"}


def test_both_ways_to_send_a_key_work(site: Any) -> None:
    with httpx.Client(base_url=site.url, **NEAR) as client:
        assert client.get("/videos", headers={"X-API-Key": site.key}).status_code == 200
        assert client.get("/videos", headers={"Authorization": f"bearer {site.key}"}).status_code == 200


def test_a_problem_says_what_and_where(client: httpx.Client) -> None:
    missing = client.get(f"/clips/{uuid4()}")
    assert missing.status_code == 404
    problem = missing.json()
    assert problem["code"] == "not_found"
    assert problem["status"] == 404
    assert problem["retryable"] is False
    assert problem["request_id"] == missing.headers["x-request-id"]
    wrong = client.post("/jobs", json={"type": "brew_coffee", "video_id": "7"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")
    assert {error["field"] for error in wrong.json()["errors"]} == {"body.type", "body.video_id"}


def test_what_the_framework_refuses_is_a_problem_too(client: httpx.Client) -> None:
    nowhere, method = client.get("/nowhere"), client.put("/videos")
    broken = client.post("/jobs", content=b"{", headers={"Content-Type": "application/json"})
    huge = client.post("/jobs", content=b" " * 2_000_000, headers={"Content-Type": "application/json"})
    endless = client.post("/jobs", content=iter([b" " * 600_000] * 3), headers={"Content-Type": "application/json"})
    said = [(answer.status_code, answer.json()["code"]) for answer in (nowhere, method, broken, huge, endless)]
    assert said == [
        (404, "not_found"),
        (405, "method_not_allowed"),
        (422, "invalid"),
        (413, "too_large"),
        (413, "too_large"),
    ]


def test_what_no_database_can_hold_is_the_askers_fault(client: httpx.Client) -> None:
    nul = "a\0b"
    deep = b'{"platform":"tiktok","rule":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    json_type = {"Content-Type": "application/json"}
    upload = client.post("/upload", files={"file": ("a.mp4", b"\0\0\0\x20ftypisom" + b"\0" * 99)}, data={"title": nul})
    answers = [
        client.get("/rules", params={"platform": nul}),
        client.get("/videos", params={"title": nul}),
        client.post("/rules", json={"platform": "tiktok", "rule": {}, "evidence": {"why": nul}}),
        client.post("/rules", content=b'{"platform":"tiktok","rule":{},"evidence":{"a":"\\ud800"}}', headers=json_type),
        client.post("/rules", content=deep, headers=json_type | {"Idempotency-Key": "k"}),
        client.post("/rules", content=b'{"platform": "\xff"}', headers=json_type),
        client.get("/jobs", params={"limit": "9" * 5000}),
        client.get("/clips/%00"),
    ]
    for answer in (upload, *answers):
        assert answer.status_code in {400, 422}, (answer.status_code, answer.text[:300])
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_request_id_is_taken_over_when_it_is_sane(client: httpx.Client) -> None:
    assert client.get("/videos", headers={"X-Request-Id": "deploy-42"}).headers["x-request-id"] == "deploy-42"
    other = client.get("/videos", headers={"X-Request-Id": "a b;" * 90}).headers["x-request-id"]
    UUID(other)


def test_a_bad_cursor_is_refused(client: httpx.Client) -> None:
    for path in ("/videos", "/jobs", "/clips", "/variants", "/rules"):
        answer = client.get(path, params={"cursor": "nonsense"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), path
        assert client.get(path, params={"limit": 0}).status_code == 422
        assert client.get(path, params={"limit": 100_000}).status_code == 422


def test_the_debug_endpoints_can_be_switched_off(site_with: Callable[..., Any]) -> None:
    site = site_with(debug_endpoints_enabled=False)
    with site.client() as client:
        for path in ("/debug/health", "/debug/jobs/summary", "/debug/clips/summary", "/debug/ledger/recent"):
            assert client.get(path).status_code == 404


def test_jobs_are_run_by_hand_only_in_development(site_with: Callable[..., Any]) -> None:
    site = site_with(environment="production")
    with site.client() as client:
        assert client.post("/jobs/process").status_code == 404
        assert client.post(f"/jobs/{uuid4()}/process").status_code == 404


def test_every_endpoint_says_which_refusals_to_expect() -> None:
    for method, path in _endpoints(public=False):
        assert "401" in CONTRACT["paths"][path][method]["responses"], path


def test_what_can_not_be_committed_is_never_answered_as_done(site_with: Callable[..., Any]) -> None:
    """The commit comes before the answer: a check that fails only there must not follow a 201."""
    site = site_with()
    with psycopg.connect(postgres.conninfo(site.urls.owner), autocommit=True) as owner:
        owner.execute("create function refuse() returns trigger language plpgsql as 'begin raise ''too late''; end'")
        owner.execute(
            "create constraint trigger late after insert on platform_rules deferrable initially deferred"
            " for each row execute function refuse()"
        )
    with site.client() as client:
        answer = client.post("/rules", json={"platform": "tiktok", "rule": {}})
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert "too late" not in answer.text  # what went wrong inside is for the log
