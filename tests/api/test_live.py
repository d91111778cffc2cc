"""GET /live: what changes comes at once, and the stream ends with the server."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Queue
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from tests.near import NEAR

from stakazo.core import postgres

FILE = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + b"\0" * 500
PATIENCE = 20


class Listener:
    """A reader of the stream: its events, as they come."""

    def __init__(self, client: httpx.Client, **query: Any) -> None:
        self._client, self._query = client, query
        self.events: Queue[tuple[str, Any] | None] = Queue()
        self._thread = threading.Thread(target=self._read)
        self._left = False

    def _read(self) -> None:
        try:
            with self._client.stream(
                "GET", "/live", params=self._query, headers={"Last-Event-ID": "7"}, timeout=PATIENCE
            ) as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                self._socket = answer.extensions["network_stream"].get_extra_info("socket")
                name = ""
                for line in answer.iter_lines():
                    if line.startswith("event: "):
                        name = line[7:]
                    elif line.startswith("data: "):
                        self.events.put((name, json.loads(line[6:])))
        except httpx.HTTPError:
            assert self._left, "the stream broke"
        finally:
            self.events.put(None)

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        self._thread.start()
        try:
            yield self
        finally:
            self._left = True
            with suppress(OSError):  # the server was first
                self._socket.shutdown(socket.SHUT_RDWR)
            self._thread.join(PATIENCE)
            self._client.close()

    def until(self, wanted: Callable[[str, Any], bool]) -> Any:
        """The data of the next event that is meant."""
        while True:
            event = self.events.get(timeout=PATIENCE)
            assert event is not None, "the stream has ended"
            if wanted(*event):
                return event[1]


@pytest.fixture
def live(site: Any) -> Callable[..., Listener]:
    return lambda **query: Listener(site.client(), **query)


def _upload(client: httpx.Client) -> Any:
    return client.post("/upload", files={"file": ("a.mp4", FILE + uuid4().bytes)}).json()


def test_a_connection_begins_with_the_active_jobs(client: httpx.Client, live: Callable[..., Listener]) -> None:
    active, ended = _upload(client)["job"]["id"], _upload(client)["job"]["id"]
    client.post(f"/jobs/{ended}/cancel")
    with live(job_id=[ended]).listening() as stream:
        first = [stream.until(lambda name, _: name == "job") for _ in range(2)]
        assert {row["id"]: row["row"]["state"] for row in first} == {active: "PENDING", ended: "CANCELLED"}
        assert stream.until(lambda name, _: name == "ready") == {"jobs": 2}


def test_a_connection_begins_with_all_of_them(site: Any, live: Callable[..., Listener]) -> None:
    """However many there are: whoever listens has no other way to know of the rest."""
    with psycopg.connect(postgres.conninfo(site.urls.owner)) as connection:
        connection.execute("select set_config('stakazo.workspace', %s, true)", [str(site.workspace_id)])
        connection.execute(
            "insert into jobs (id, type, queue, correlation_id)"
            " select gen_random_uuid(), 'cut_analysis', 'none', gen_random_uuid() from generate_series(1, 450)"
        )
    with live().listening() as stream:
        seen = {stream.until(lambda name, _: name == "job")["id"] for _ in range(450)}
        assert len(seen) == 450
        assert stream.until(lambda name, _: name == "ready") == {"jobs": 450}


def test_a_change_comes_with_its_row(client: httpx.Client, live: Callable[..., Listener]) -> None:
    with live().listening() as stream:
        stream.until(lambda name, _: name == "ready")
        job = _upload(client)["job"]["id"]
        seen = stream.until(lambda name, data: name == "job" and data["id"] == job)
        assert seen["row"]["state"] == "PENDING"
        client.post(f"/jobs/{job}/cancel")
        stream.until(lambda name, data: name == "job" and data["row"]["state"] == "CANCELLED")


def test_the_changes_of_others_are_not_told(site: Any, client: httpx.Client, live: Callable[..., Listener]) -> None:
    with live().listening() as stream:
        stream.until(lambda name, _: name == "ready")
        with site.house.site().client() as stranger:
            theirs = _upload(stranger)["job"]["id"]
        ours = _upload(client)["job"]["id"]
        seen = stream.until(lambda name, _: name == "job")
        assert (seen["id"], seen["id"] != theirs) == (ours, True)


def test_the_stream_ends_with_the_server(house: Any, site: Any, live: Callable[..., Listener]) -> None:
    """As in `stakazo serve`: before open requests are waited for, streams are told to close."""
    stream = live()
    with stream.listening():
        stream.until(lambda name, _: name == "ready")
        house.loop.call_soon_threadsafe(house.app.state.stopping.set)
        assert stream.events.get(timeout=PATIENCE) is None
    house.app.state.stopping.clear()


def test_who_may_listen_no_more_is_cut_off(site: Any, client: httpx.Client, people: Any) -> None:
    ann, bob = people.join("EDITOR"), people.join("MANAGER")
    key = client.post("/api-keys", json={"name": "robot", "permissions": ["live:read"]}).json()
    robots = bob.http.post("/api-keys", json={"name": "bob's robot", "permissions": ["live:read"]}).json()["token"]

    def listens(token: str) -> Listener:
        headers = {"Authorization": f"Bearer {token}"}
        return Listener(httpx.Client(base_url=site.url, headers=headers, **NEAR))

    streams = [listens(token) for token in (ann.session["access_token"], key["token"], robots)]
    with streams[0].listening(), streams[1].listening(), streams[2].listening():
        for stream in streams:
            stream.until(lambda name, _: name == "ready")
        for cut, act in zip(
            streams,
            (f"/members/{ann.id}", f"/api-keys/{key['key']['id']}", f"/members/{bob.id}"),
            strict=True,
        ):
            assert client.delete(act).status_code == 204
            while (event := cut.events.get(timeout=PATIENCE)) is not None:
                assert event[0] in {"ready", "everything", "member", "api_key"}
