"""What browsers are told with every answer, and what isn't taken from them; at last in a real one."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from stakazo.api.browsers import ALWAYS, HSTS, STRANGE_FILE, Places, from_elsewhere
from stakazo.core.settings import Settings

ORIGIN = "https://studio.example.com"


def places(**fields: Any) -> Places:
    return Places.of(Settings(_env_file=None, **fields))


# --- headers ------------------------------------------------------------------------------------------------


def test_every_answer_has_the_headers(client: httpx.Client, mp4: bytes) -> None:
    answers = [
        client.get("/health"),
        client.get("/videos"),
        client.get("/nowhere"),
        client.put("/videos"),
        client.post("/jobs", content=b" " * 2_000_000),
        client.post("/upload", files={"file": ("a.txt", b"text")}),
        client.get("/health", headers={"Host": "evil.example"}),
        client.post("/jobs", headers={"Origin": "https://evil.example"}),
        client.get("/openapi.json"),
        client.get("/videos", headers={"Authorization": ""}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 405, 413, 415, 421, 403, 200, 401]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS, answer.url
        assert "server" not in answer.headers
        assert "strict-transport-security" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_an_answer_that_breaks_has_them_too(site_with: Callable[..., Any]) -> None:
    site = site_with()
    site.house.app.state.services = None
    with site.client() as client:
        answer = client.get("/videos")
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == ALWAYS["Content-Security-Policy"]


def test_https_is_to_stay_https(site_with: Callable[..., Any]) -> None:
    with site_with(public_url="https://clips.example.com").client() as client:
        assert client.get("/health").headers["strict-transport-security"] == HSTS
        assert client.get("/health", headers={"Host": "clips.example.com"}).status_code == 200


def test_behind_a_proxy_that_speaks_https_too(client: httpx.Client) -> None:
    assert client.get("/health", headers={"X-Forwarded-Proto": "https"}).headers["strict-transport-security"] == HSTS


def test_a_stored_file_runs_nothing(client: httpx.Client, mp4: bytes) -> None:
    kinds = {"a.mp4": (mp4, "inline"), "page.html": (b"\x00\x00\x01\xba<script>alert(1)</script>" * 50, "attachment")}
    for name, (content, disposition) in kinds.items():
        sent = client.post("/upload", files={"file": (name, content, "text/html")}).json()
        answer = client.get(f"/videos/{sent['video']['id']}/source")
        assert answer.headers["content-type"].startswith("video/")
        assert answer.headers["content-security-policy"] == STRANGE_FILE
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-disposition"].startswith(disposition)
        assert "html" not in answer.headers["content-disposition"].split("filename")[1]


def test_a_head_is_only_so_long(site: Any) -> None:
    """uvicorn refuses it before the application sees it."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 200_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


# --- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "known", "unknown"),
    [
        (
            {},
            ["localhost", "LocalHost:8400", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8400"],
            ["evil.example", "localhost.evil.example", "127.0.0.2", "localhost@evil.example", ""],
        ),
        (
            {"public_url": "https://clips.example.com/", "trusted_hosts": " b.example , C.example"},
            ["clips.example.com", "b.example:443", "c.example", "127.0.0.1"],
            ["example.com", "evil.clips.example.com"],
        ),
        ({"host": "0.0.0.0", "trusted_hosts": "a.example"}, ["a.example"], ["127.0.0.1", "b.example"]),
        ({"host": "0.0.0.0"}, ["whatever.example", "10.0.0.1:80"], []),
    ],
)
def test_a_server_answers_to_its_names(fields: dict[str, str], known: list[str], unknown: list[str]) -> None:
    here = places(**fields)
    assert [host for host in known if not here.answers_to(host)] == []
    assert [host for host in unknown if here.answers_to(host)] == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:x", "[::1", "127.0.0.1:99999"])
def test_another_name_is_refused(client: httpx.Client, host: str) -> None:
    answer = client.get("/videos", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host")


# --- origins ------------------------------------------------------------------------------------------------

HERE = "clips.example.com"
FROM = {
    # what the browser says: whether it is refused
    (): False,
    (("sec-fetch-site", "same-origin"),): False,
    (("sec-fetch-site", "none"),): False,
    (("sec-fetch-site", "same-site"),): True,
    (("sec-fetch-site", "cross-site"),): True,
    (("sec-fetch-site", "cross-site"), ("origin", ORIGIN)): False,
    (("sec-fetch-site", "cross-site"), ("origin", f"https://{HERE}")): True,
    (("sec-fetch-site", "nonsense"),): True,
    (("origin", f"https://{HERE}"),): False,
    (("origin", f"https://{HERE.upper()}"),): False,
    (("origin", f"https://{HERE}:8443"),): True,
    (("origin", "https://evil.example"),): True,
    (("origin", f"https://{HERE}.evil.example"),): True,
    (("origin", f"https://evil.example/{HERE}"),): True,
    (("origin", "null"),): True,
    (("origin", ORIGIN.upper()),): False,
    (("origin", "http://studio.example.com"),): True,
}


@pytest.mark.parametrize(("said", "refused"), FROM.items(), ids=lambda said: str(said)[:70])
def test_a_change_is_taken_from_our_own_pages_and_from_programs(said: Any, refused: bool) -> None:  # noqa: FBT001
    headers = Headers(dict((*said, ("host", HERE))))
    for method in ("POST", "PUT", "PATCH", "DELETE", "BREW"):
        assert from_elsewhere(method, headers, frozenset({ORIGIN})) is refused
    for method in ("GET", "HEAD", "OPTIONS"):
        assert not from_elsewhere(method, headers, frozenset())


def test_another_page_may_not_change_anything_even_with_a_key(client: httpx.Client) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = client.post("/rules", json={"platform": "tiktok", "rule": {}}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin")
    assert client.get("/rules").json()["items"] == [] or all(
        rule["version"] == 1 for rule in client.get("/rules").json()["items"]
    )


def test_no_other_page_may_read_anything_unless_it_is_set(client: httpx.Client, site_with: Callable[..., Any]) -> None:
    asks = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    assert "access-control-allow-origin" not in client.get("/videos", headers={"Origin": ORIGIN}).headers
    assert "access-control-allow-origin" not in client.options("/videos", headers=asks).headers
    with site_with(cors_origins=ORIGIN).client() as open_to_one:
        answer = open_to_one.get("/videos", headers={"Origin": ORIGIN})
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "access-control-allow-credentials" not in answer.headers
        assert open_to_one.options("/videos", headers=asks).status_code == 200
        proposed = open_to_one.post("/rules", json={"platform": "tiktok", "rule": {}}, headers={"Origin": ORIGIN})
        assert proposed.status_code == 201
        evil = {"Origin": "https://evil.example"}
        assert "access-control-allow-origin" not in open_to_one.get("/videos", headers=evil).headers
        assert open_to_one.options("/videos", headers=asks | evil).status_code == 400


# --- the page of the contract -------------------------------------------------------------------------------


def test_the_docs_name_no_other_host(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert re.findall(r"https?://", page.text) == []
    assert "script-src 'self';" in page.headers["content-security-policy"]
    for source in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        answer = client.get(source)
        assert answer.status_code == 200, source
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/redoc").status_code == 404


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        said = "needs Chromium (Debian: apt-get install chromium) to open the page as a person does"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    return found


def test_a_browser_shows_the_docs_under_their_policy(site: Any, chromium: str, tmp_path: Path) -> None:
    flags = (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
        "--disable-extensions", "--enable-logging=stderr", "--v=0",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    )  # fmt: skip
    done = subprocess.run(
        [chromium, *flags, f"--user-data-dir={tmp_path}", "--dump-dom", "--virtual-time-budget=20000",
         f"{site.url}/docs"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "/clips/{clip_id}/variants" in done.stdout.replace("\u200b", "").replace("<wbr>", "")
    assert done.stdout.count("opblock-summary-path") > 20
    assert "INFO:CONSOLE" not in done.stderr  # where a browser says what a policy forbade
    assert "ERR_NAME_NOT_RESOLVED" not in done.stderr
