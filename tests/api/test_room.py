"""Videos that come in at once: each holds its room in the quota from its first byte on, and gives it back."""

from __future__ import annotations

import http.client
import json
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, text
from sqlalchemy import select as query
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.test_tus import film

from stakazo.videos.models import HeldRoom

SITE = Callable[..., Any]
SIZE = 2_000_000
AROUND = (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n', b"\r\n--b--\r\n")


class Sender:
    """One upload over a connection of its own, sent as far as one wants."""

    def __init__(self, site: Any, *, chunked: bool = False) -> None:
        there = urlsplit(site.url)
        self.http = http.client.HTTPConnection(there.hostname or "", there.port, timeout=30)
        self.body, self.sent, self.chunked = AROUND[0] + film(SIZE) + AROUND[1], 0, chunked
        self.http.putrequest("POST", "/upload")
        self.http.putheader("Authorization", f"Bearer {site.key}")
        self.http.putheader("Content-Type", "multipart/form-data; boundary=b")
        self.http.putheader(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(self.body)))))
        self.http.endheaders()

    def send(self, until: int | None = None) -> None:
        """Up to this byte, or all of it; no more once there is an answer."""
        until = len(self.body) if until is None else until
        while self.sent < until and not self.answered(0.0):
            piece = self.body[self.sent : min(self.sent + 100_000, until)]
            self.http.send(b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece)
            self.sent += len(piece)
        if self.chunked and self.sent == len(self.body):
            self.http.send(b"0\r\n\r\n")

    def answered(self, within: float) -> bool:
        return bool(select.select([self.http.sock], [], [], within)[0])

    def answer(self) -> tuple[int, Any]:
        response = self.http.getresponse()
        return response.status, json.loads(response.read())


@contextmanager
def senders(site: Any, count: int, *, chunked: bool = False) -> Iterator[list[Sender]]:
    """As many that have not sent their last bytes; the first of them has its room."""
    found: list[Sender] = []
    try:
        for _ in range(count):
            found.append(Sender(site, chunked=chunked))
            found[-1].send(SIZE)
            until(lambda: held(site) > SIZE - 200_000)
        yield found
    finally:
        for one in found:
            one.http.close()


def held(site: Any) -> int:
    async def total(session: AsyncSession) -> int:
        return await session.scalar(query(func.coalesce(func.sum(HeldRoom.size_bytes), 0))) or 0

    return int(site.within(total))


@pytest.mark.parametrize("chunked", [False, True], ids=["of a known length", "of an unknown length"])
def test_of_many_at_once_no_more_come_in_than_there_is_room_for(site_with: SITE, chunked: bool) -> None:  # noqa: FBT001
    site = site_with(storage_quota_bytes=5 * SIZE // 3)
    with senders(site, 4, chunked=chunked) as sent:
        first, *others = sent
        refused = [one.answer() for one in others]
        assert not first.answered(0.0)
        assert [(status, said["code"]) for status, said in refused] == [(507, "over_quota")] * 3
        assert all("not finished hold" in said["detail"] for _, said in refused)
        assert SIZE // 2 < held(site) <= 5 * SIZE // 3
        first.send()
        assert first.answer()[0] == 202
    assert held(site) == 0
    with site.client() as client:
        (video,) = client.get("/videos").json()["items"]
        assert video["size_bytes"] == SIZE
    assert len(site.files) == 1  # and nothing is left of the others


def test_what_breaks_off_or_whose_process_has_died_gives_its_room_back(site_with: SITE) -> None:
    site = site_with(storage_quota_bytes=5 * SIZE // 3)

    async def die(session: AsyncSession) -> None:
        await session.execute(text("update held_room set expires_at = now()"))

    with senders(site, 1):
        pass
    until(lambda: held(site) == 0)
    with senders(site, 1) as (dead,):
        site.within(die)
        other = Sender(site)
        other.send()
        assert other.answer()[0] == 202
        other.http.close()
        dead.send()
        assert dead.answer()[0] == 507  # the last word is had when it is whole


def until(ready: Callable[[], bool]) -> None:
    for _ in range(1000):
        if ready():
            return
    raise AssertionError("it never is")
