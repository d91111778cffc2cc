"""What is compressed, how, and what never is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from backports import zstd
from fastapi import Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.requests import Request

from stakazo.api import ROUTERS
from stakazo.api.compress import CODINGS, coding
from stakazo.api.deps import SECRET
from stakazo.api.files import stored_file
from stakazo.api.routes import Route, Router

LONG = [{"reason": "the hook, on the downbeat", "n": n} for n in range(200)]
OPEN: dict[str, Callable[[bytes], bytes]] = {"zstd": zstd.decompress, "gzip": gzip.decompress}


@pytest.mark.parametrize(
    ("header", "best"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip", "gzip"),
        ("zstd;q=0.5, gzip", "gzip"),
        ("zstd;q=0, *", "gzip"),
        ("*;q=0.1", "zstd"),
        ("identity", None),
        ("gzip;q=0", None),
        ("", None),
        ("gzip;q=1.2.3, ;;;", None),
    ],
)
def test_the_best_coding_that_both_know_is_taken(header: str, best: str | None) -> None:
    assert coding(header) == best


trial = Router()


@trial.get("/trial/long")
async def long(response: Response) -> list[dict[str, Any]]:
    response.headers["ETag"] = '"7"'
    return LONG


@trial.get("/trial/short")
async def short() -> list[int]:
    return [1, 2, 3]


@trial.get("/trial/secret")
async def secret(response: Response) -> list[dict[str, Any]]:
    response.headers["Cache-Control"] = "no-store"
    return LONG


@trial.get("/trial/stream", response_class=StreamingResponse)
async def stream() -> StreamingResponse:
    def parts() -> Iterator[bytes]:
        yield b"[" + b" " * 5000
        yield b"]"

    return StreamingResponse(parts(), media_type="application/json")


@trial.get("/trial/file", response_class=Response)
async def file(request: Request) -> Response:
    here = request.app.state.services
    path = here.storage.path("trial/long.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(LONG))
    return await stored_file(request, here, "trial/long.json", content_type="application/json", filename="long.json")


@pytest.fixture(scope="module")
def trying(house: Any) -> Any:
    house.app.include_router(trial)
    return house


def _raw(site: Any, path: str, accepted: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """The answer and its bytes as they came."""
    with (
        site.client() as client,
        client.stream("GET", path, headers={"Accept-Encoding": accepted} | headers) as answer,
    ):
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize("name", CODINGS)
def test_json_is_compressed(trying: Any, site: Any, name: str) -> None:
    answer, body = _raw(site, "/trial/long", name)
    assert answer.headers["content-encoding"] == name
    assert json.loads(OPEN[name](body)) == LONG
    assert int(answer.headers["content-length"]) == len(body) < len(json.dumps(LONG)) / 5
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["etag"] == 'W/"7"'


def test_problems_are_compressed_like_other_answers_when_they_are_long(site: Any) -> None:
    answer, body = _raw(site, "/clips?cursor=x&sort=" + "y" * 3000, "gzip")
    assert answer.status_code == 422
    problem = gzip.decompress(body) if "content-encoding" in answer.headers else body
    assert json.loads(problem)["code"] == "invalid"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/trial/short", {}),
        ("/trial/secret", {}),
        ("/trial/stream", {}),
        ("/trial/file", {}),
        ("/trial/file", {"Range": "bytes=0-4000"}),
    ],
)
def test_what_is_short_secret_a_stream_or_a_file_is_not(
    trying: Any, site: Any, path: str, headers: dict[str, str]
) -> None:
    answer, body = _raw(site, path, "gzip, zstd", **headers)
    assert "content-encoding" not in answer.headers
    assert answer.status_code == (206 if headers else 200)
    if not headers:
        json.loads(body)


def test_without_a_wish_it_comes_as_it_is_but_says_that_it_varies(trying: Any, site: Any) -> None:
    answer, body = _raw(site, "/trial/long", "identity")
    assert json.loads(body) == LONG
    assert "content-encoding" not in answer.headers
    assert (answer.headers["vary"], answer.headers["etag"]) == ("Accept-Encoding", '"7"')


SECRETS = {"token", "access_token", "refresh_token", "secret", "uri", "recovery_codes", "link"}
"""What fields are called that hold one."""


def test_answers_with_secrets_are_marked_as_such() -> None:
    unmarked = [
        f"{route.path}: {route.response_model.__name__}"
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, Route)
        and isinstance(route.response_model, type)
        and issubclass(route.response_model, BaseModel)
        and SECRETS & set(route.response_model.model_fields)
        and SECRET not in route.dependencies
    ]
    # A sign-in says so itself, since it may also end in a redirect.
    assert [one for one in unmarked if not one.endswith("SessionOut")] == []


def test_events_come_as_they_happen(site: Any) -> None:
    with (
        site.client() as client,
        client.stream("GET", "/live", headers={"Accept-Encoding": "gzip, zstd"}) as answer,
    ):
        assert "content-encoding" not in answer.headers
        assert any("ready" in line for line in answer.iter_lines() if line.startswith("event:"))
