"""A file on its way out in parts, by the tus protocol: what breaks off is gone on with, not begun again."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx

from stakazo.cli.output import say
from stakazo.cli.patience import asked_to_wait, patiently

BLOCK = 1024 * 1024
TUS = {"Tus-Resumable": "1.0.0"}
PATIENCE = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each try that follows one without progress; after the last it is given up."""
NOT_NOW = {409, 423, 429, 502, 503, 504}
"""Answers after which it is worth asking again how far it came."""

Heard = Callable[[int], None]
"""Told how many bytes have gone out."""


async def in_parts(http: httpx.AsyncClient, path: Path, *, title: str | None, sent: Heard) -> httpx.Response:
    """Send a file to `/uploads`; the answer names the video in `X-Video-Id`, or is a refusal.

    Raises httpx.TransportError where the server stays away.
    """
    size = (await asyncio.to_thread(path.stat)).st_size
    begun = await patiently(lambda: http.post("/uploads", headers=_announcement(size, path.name, title)))
    if not begun.is_success:
        return begun
    sending = _Sending(http, begun.headers["Location"], path, size, sent)
    answer, waits = await sending.go_on(), iter(PATIENCE)
    while not _settled(answer):
        wait, before = next(waits, None), sending.offset
        if wait is None:
            return _given_up(answer)
        await asyncio.sleep(_as_asked(answer, wait))
        answer = await sending.look() or await sending.go_on()
        if sending.offset > before:
            waits = iter(PATIENCE)
    return _given_up(answer)


Outcome = httpx.Response | httpx.TransportError


def _settled(answer: Outcome) -> bool:
    return isinstance(answer, httpx.Response) and answer.status_code not in NOT_NOW


def _as_asked(answer: Outcome, wait: float) -> float:
    """Seconds: as the server wants it, where it says so."""
    asked = asked_to_wait(answer) if isinstance(answer, httpx.Response) else None
    if asked is None:
        return wait
    say(f"The server can't take more now ({_given_up(answer).status_code}); going on in {asked} s.")
    return asked


def _given_up(answer: Outcome) -> httpx.Response:
    if isinstance(answer, httpx.TransportError):
        raise answer
    return answer


def _announcement(size: int, filename: str, title: str | None) -> dict[str, str]:
    words = {"filename": filename} | ({"title": title} if title else {})
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in words.items())
    return TUS | {"Upload-Length": str(size), "Upload-Metadata": metadata}


class _Sending:
    """One upload, and how far it is by what the server last said."""

    def __init__(self, http: httpx.AsyncClient, upload: str, path: Path, size: int, sent: Heard) -> None:
        self.http, self.upload, self.path, self.size, self.sent = http, upload, path, size, sent
        self.offset = 0

    async def look(self) -> Outcome | None:
        """Ask how far it came; None where it is to be gone on with."""
        try:
            answer = await self.http.head(self.upload, headers=TUS)
        except httpx.TransportError as error:
            return error
        if not answer.is_success or "X-Video-Id" in answer.headers:  # refused; or done, and only the answer was lost
            return answer
        self.offset = int(answer.headers["Upload-Offset"])
        return None

    async def go_on(self) -> Outcome:
        """Send everything from the offset on, in one request."""
        headers = TUS | {
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(self.size - self.offset),
            "Upload-Offset": str(self.offset),
        }
        try:
            return await self.http.patch(
                self.upload, content=self._rest(), headers=headers, timeout=httpx.Timeout(None, connect=10)
            )
        except httpx.TransportError as error:
            return error

    async def _rest(self) -> AsyncIterator[bytes]:
        at = self.offset
        with self.path.open("rb") as file:
            file.seek(at)
            while block := await asyncio.to_thread(file.read, BLOCK):
                yield block
                at += len(block)
                self.sent(at)
