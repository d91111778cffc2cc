"""A server that asks to wait is waited for, and whoever watches hears of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import httpx
import pytest

from stakazo.cli.client import Api
from stakazo.cli.patience import LONGEST, TRIES, asked_to_wait, patiently


def refusal(status: int, after: str | None = "2") -> httpx.Response:
    return httpx.Response(status, headers={} if after is None else {"Retry-After": after})


class Server:
    """Answers as it is told, and counts."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers, self.asked, self.waited = answers, 0, list[float]()

    async def ask(self) -> httpx.Response:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]

    @property
    def wait(self) -> Callable[[float], Awaitable[None]]:
        async def wait(seconds: float) -> None:
            self.waited.append(seconds)

        return wait


async def test_it_waits_as_it_is_asked_to_and_says_so(capsys: pytest.CaptureFixture[str]):
    server = Server(refusal(429, "7"), refusal(503, "1"), httpx.Response(200))
    assert (await patiently(server.ask, wait=server.wait)).status_code == 200
    assert server.waited == [7, 1]
    said = capsys.readouterr().err.splitlines()
    assert "(429); trying again in 7 s" in said[0]
    assert "(503); trying again in 1 s" in said[1]


async def test_it_gives_up_after_so_many_tries():
    server = Server(refusal(429))
    assert (await patiently(server.ask, wait=server.wait)).status_code == 429
    assert (server.asked, len(server.waited)) == (TRIES + 1, TRIES)


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(200), refusal(429, None), refusal(503, "soon"), refusal(429, str(LONGEST + 1)), refusal(409)],
)
def test_what_is_an_answer_is_taken_as_one(answer: httpx.Response):
    assert asked_to_wait(answer) is None


class Busy(BaseHTTPRequestHandler):
    """Asks everybody to come again, once."""

    keys: ClassVar[list[str | None]] = []

    def do_POST(self) -> None:
        self.keys.append(self.headers["Idempotency-Key"])
        body = b"{}" if len(self.keys) == 1 else b'{"id": 7}'
        self.send_response(503 if len(self.keys) == 1 else 201)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


async def test_what_is_asked_again_is_done_once():
    """The second try carries the key of the first."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        api = Api(f"http://127.0.0.1:{server.server_port}", "stk_x")
        try:
            assert await api.post("/jobs", {}) == {"id": 7}
        finally:
            await api.close()
            server.shutdown()
            thread.join()
    first, second = Busy.keys
    assert first == second is not None
