"""Following jobs while they run: the latest row of each, from the live stream, with polling as the net below it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from stakazo.cli.client import Api, Row
from stakazo.cli.output import Failure

POLL = 3.0
"""Seconds without news after which the rows are read: the stream is quick, reading is certain."""
NO_WORKER_AFTER = 30.0
"""Seconds that a job may wait untouched before the person is told."""

ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})


class Watch:
    """The jobs of one run, as they are now."""

    def __init__(self, api: Api, heard: Callable[[Row], None]) -> None:
        self._api = api
        self._heard = heard
        self._news = asyncio.Event()
        self.jobs: dict[str, Row] = {}
        self.correlations: set[str] = set()
        """Jobs with one of these correlation ids are ours, whoever started them."""
        self.video_id: str | None = None
        """And so are the active jobs on this video: one of them may do what ours would have done."""

    def add(self, *rows: Row) -> None:
        for row in rows:
            before = self.jobs.get(row["id"])
            if before is None or _newer(row, before):
                self.jobs[row["id"]] = row
                self._heard(row)
        self._news.set()

    def of(self, kind: str) -> list[Row]:
        """Our jobs of one type, the newest last."""
        return sorted((row for row in self.jobs.values() if row["type"] == kind), key=lambda row: str(row["id"]))

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until something holds for the rows; reads them when the stream is silent."""
        while not done():
            self._news.clear()
            try:
                async with asyncio.timeout(POLL):
                    await self._news.wait()
            except TimeoutError:
                await self._read()

    async def _read(self) -> None:
        for correlation in self.correlations:
            self.add(*await self._api.every("/jobs", correlation_id=correlation))
        if self.video_id:
            self.add(*await self._api.every("/jobs", video_id=self.video_id, state=["PENDING", "PROCESSING", "RETRY"]))
        for job in [row["id"] for row in self.jobs.values() if row["state"] not in ENDED]:
            self.add(await self._api.get(f"/jobs/{job}"))

    async def _listen(self) -> None:
        async for name, data in self._api.events([]):
            row = data.get("row") if name == "job" else None
            if row and (row["id"] in self.jobs or row["correlation_id"] in self.correlations):
                self.add(row)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Watch]:
        task = asyncio.create_task(self._listen())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Failure):
                await task

    async def cancel_all(self) -> None:
        """Ask for the end of whatever of ours still runs."""
        for row in list(self.jobs.values()):
            if row["state"] not in ENDED:
                with suppress(Failure):
                    await self._api.post(f"/jobs/{row['id']}/cancel")


def _newer(row: Row, before: Row) -> bool:
    """Rows may arrive out of order: an ended job or a later attempt is never overwritten by an earlier sight of it."""
    if before["state"] in ENDED and row["state"] not in ENDED:
        return bool(row["attempt"] > before["attempt"])
    return (row["attempt"], row["progress"] or 0) >= (before["attempt"], before["progress"] or 0) or (
        row["state"] != before["state"]
    )


class Waiting:
    """Notices that nobody takes the work, so that a person isn't left before a still bar."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._told = False

    def too_long(self, rows: Iterable[Row]) -> bool:
        """True, once, when jobs wait and none has been begun for a while."""
        open_rows = [row for row in rows if row["state"] not in ENDED]
        if not open_rows or any(row["state"] == "PROCESSING" for row in open_rows):
            self._since = time.monotonic()
        if self._told or time.monotonic() - self._since < NO_WORKER_AFTER:
            return False
        self._told = True
        return True
