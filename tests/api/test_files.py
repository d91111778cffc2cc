"""Downloads as players and browsers do them."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest

CONTENT = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(range(256)) * 40


@pytest.fixture
def source(client: httpx.Client) -> str:
    answer = client.post("/upload", files={"file": ("a film.mp4", CONTENT)}, data={"title": "Drei Ännchen / live"})
    return f"/videos/{answer.json()['video']['id']}/source"


@pytest.mark.parametrize(
    ("wanted", "got", "span"),
    [
        ("bytes=0-99", CONTENT[:100], f"bytes 0-99/{len(CONTENT)}"),
        ("bytes=100-", CONTENT[100:], f"bytes 100-{len(CONTENT) - 1}/{len(CONTENT)}"),
        ("bytes=-10", CONTENT[-10:], f"bytes {len(CONTENT) - 10}-{len(CONTENT) - 1}/{len(CONTENT)}"),
        ("bytes=5-999999999", CONTENT[5:], f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"),
    ],
)
def test_a_range_is_answered_with_that_range(
    client: httpx.Client, source: str, wanted: str, got: bytes, span: str
) -> None:
    answer = client.get(source, headers={"Range": wanted})
    assert (answer.status_code, answer.content, answer.headers["content-range"]) == (206, got, span)
    assert answer.headers["accept-ranges"] == "bytes"


def test_a_range_behind_the_end_is_416(client: httpx.Client, source: str) -> None:
    answer = client.get(source, headers={"Range": f"bytes={len(CONTENT)}-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


def test_a_range_that_nobody_understands_is_ignored(client: httpx.Client, source: str) -> None:
    for header in ("lines=1-2", "bytes=", "bytes=x-y", "bytes=9-2"):
        assert client.get(source, headers={"Range": header}).status_code == 200, header


def test_several_ranges_come_as_parts(client: httpx.Client, source: str) -> None:
    answer = client.get(source, headers={"Range": "bytes=0-3,10-13"})
    assert answer.status_code == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges")


def test_the_tag_is_the_content_and_saves_a_second_download(client: httpx.Client, source: str) -> None:
    first = client.get(source)
    tag = f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert (first.content, first.headers["etag"]) == (CONTENT, tag)
    again = client.get(source, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(source, headers={"Range": "bytes=0-3", "If-Range": '"old"'}).status_code == 200
    assert client.get(source, headers={"Range": "bytes=0-3", "If-Range": tag}).status_code == 206


def test_a_download_has_a_name_that_means_something(client: httpx.Client, source: str) -> None:
    shown, saved = client.get(source), client.get(source, params={"download": True})
    assert shown.headers["content-disposition"].startswith("inline")
    assert saved.headers["content-disposition"] == "attachment; filename*=utf-8''Drei-%C3%84nnchen-live.mp4"


def test_a_file_that_is_gone_is_404(site: Any, client: httpx.Client, source: str) -> None:
    [file] = site.files
    file.unlink()
    assert client.get(source).status_code == 404
