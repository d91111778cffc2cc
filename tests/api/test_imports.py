"""Videos by address: over the real API, from a real server that the operator has allowed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import httpx
import psycopg
import pytest

from stakazo.core.postgres import conninfo

HUSH = "X-Amz-Signature=5ecre7c0ffee"


class Shelf(BaseHTTPRequestHandler):
    """Files by path; what isn't there is 404."""

    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        found = self.files.get(self.path.partition("?")[0])
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def shelf(**files: bytes) -> Iterator[tuple[str, list[str]]]:
    """A server with these files: its address, and what it was asked for."""
    handler = type("Here", (Shelf,), {"files": {f"/{name}": held for name, held in files.items()}, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", handler.asked  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


def run(client: httpx.Client, wanted: dict[str, Any]) -> dict[str, Any]:
    """Let the job of an import run here and now; the import as it is then."""
    client.post(f"/jobs/{wanted['job']['id']}/process").raise_for_status()
    found: dict[str, Any] = client.get(f"/imports/{wanted['id']}").raise_for_status().json()
    return found


def test_a_video_is_fetched_and_is_then_like_any_other(site: Any, client: httpx.Client, mp4: bytes) -> None:
    with shelf(blue=mp4) as (there, asked):
        answer = client.post("/imports", json={"url": f"{there}/blue?{HUSH}", "title": "Blue", "dedup_key": "b1"})
        assert answer.status_code == 202
        wanted = answer.json()
        assert answer.headers["location"] == f"/imports/{wanted['id']}"
        assert (wanted["address"], wanted["video_id"]) == (f"{there}/blue", None)
        assert (wanted["job"]["type"], wanted["job"]["state"]) == ("import_video", "PENDING")
        done = run(client, wanted)
    assert asked == [f"/blue?{HUSH}"]
    assert done["job"]["state"] == "COMPLETED"
    video = client.get(f"/videos/{done['video_id']}").json()
    assert (video["title"], video["filename"], video["dedup_key"]) == ("Blue", "blue", "b1")
    assert (video["size_bytes"], video["content_type"], video["state"]) == (len(mp4), "video/mp4", "UPLOADED")
    assert client.get(f"/videos/{video['id']}/source").content == mp4
    [analysis] = client.get("/jobs", params={"type": "cut_analysis"}).json()["items"]
    assert analysis["payload"] == {"video_id": video["id"]}
    assert analysis["correlation_id"] == done["job"]["correlation_id"]
    events = [event["event"] for event in reversed(client.get("/debug/ledger/recent").json()["items"])]
    wanted_events = ["import_requested", "video_uploaded", "import_completed"]
    assert [event for event in events if event in wanted_events] == wanted_events
    assert [path.name for path in site.files if site.settings.storage_dir / "tmp" in path.parents] == []
    assert client.get("/imports").json()["items"] == [done]


def test_the_same_bytes_are_the_same_video(client: httpx.Client, mp4: bytes) -> None:
    sent = client.post("/upload", files={"file": ("a.mp4", mp4)}).json()["video"]["id"]
    with shelf(a=mp4, b=mp4 + b"b") as (there, asked):
        again = run(client, client.post("/imports", json={"url": f"{there}/a"}).json())
        assert again["video_id"] == sent
        first = run(client, client.post("/imports", json={"url": f"{there}/b", "dedup_key": "k"}).json())
        second = run(client, client.post("/imports", json={"url": f"{there}/b", "dedup_key": "k"}).json())
        assert first["video_id"] == second["video_id"] != sent
    assert asked == ["/a", "/b"]  # what is known by its key isn't even fetched
    assert len(client.get("/videos").json()["items"]) == 2
    assert len(client.get("/jobs", params={"type": "cut_analysis"}).json()["items"]) == 2


def test_one_key_starts_one_import(client: httpx.Client) -> None:
    body, headers = {"url": "https://a.example/b.mp4"}, {"Idempotency-Key": "once"}
    first, second = (client.post("/imports", json=body, headers=headers) for _ in range(2))
    assert first.json() == second.json()
    assert len(client.get("/imports").json()["items"]) == 1


@pytest.mark.parametrize("url", ["http://10.0.0.1:x/", "ftp://a.example/b", "http://u:p@a.example/", "nonsense", ""])
def test_what_can_not_be_meant_is_refused_at_once(client: httpx.Client, url: str) -> None:
    answer = client.post("/imports", json={"url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "address_refused")
    assert client.get("/imports").json()["items"] == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://169.254.169.254/latest/meta-data/", "address_refused"),
        ("http://127.0.0.2:{port}/x", "address_refused"),
        ("http://127.0.0.1:{port}/nothing", "not_at_address"),
        ("http://127.0.0.1:{port}/text", "unsupported_media"),
    ],
)
def test_what_can_not_be_fetched_fails_with_its_reason(site: Any, client: httpx.Client, url: str, code: str) -> None:
    with shelf(text=b"text") as (there, asked):
        url = url.format(port=there.rsplit(":", 1)[1])
        failed = run(client, client.post("/imports", json={"url": url}).json())
        assert (failed["job"]["state"], failed["job"]["error"]["code"]) == ("FAILED", code)
        assert failed["job"]["error"]["retryable"] is False
        assert failed["video_id"] is None
        assert client.get("/videos").json()["items"] == []
        assert "import_failed" in client.get("/debug/ledger/recent").text
    assert [path for path in asked if path == "/x"] == []
    assert site.files == []


def test_what_is_secret_in_a_link_is_nowhere_to_be_read(site: Any, client: httpx.Client, mp4: bytes) -> None:
    with shelf(blue=mp4) as (there, _):
        run(client, client.post("/imports", json={"url": f"{there}/blue?{HUSH}"}).json())
    with psycopg.connect(conninfo(site.urls.owner)) as owner:
        owner.execute("select set_config('stakazo.workspace', %s, true)", [str(site.workspace_id)])
        tables = owner.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        dump = "".join(str(row) for (table,) in tables for row in owner.execute(f"table {table}"))
    assert "/blue" in dump
    assert HUSH not in dump
    assert "5ecre7c0ffee" not in client.get("/imports").text + client.get("/jobs").text
