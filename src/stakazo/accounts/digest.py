"""The newest checkpoints, once a day by e-mail: in an inbox nobody who has the database can reach them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from uuid import UUID

from stakazo.accounts import letters
from stakazo.accounts.mail import Post
from stakazo.core.settings import Settings
from stakazo.ledger.outlets import Outlet

DAY = 86_400.0


class Digest:
    """An outlet that gathers, and writes one letter a day; the moment of the last one is a file's."""

    name = "e-mail"

    def __init__(self, post: Post, to: str, stamp: Path, *, every: float = DAY) -> None:
        self.post, self.to, self.stamp, self.every = post, to, stamp, every
        self._gathered: dict[UUID, str] = {}
        self._waiting: asyncio.Task[None] | None = None

    async def hand_out(self, workspace_id: UUID, size: int, note: str) -> None:  # noqa: ARG002 (the note says it)
        self._gathered[workspace_id] = note
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.create_task(self._write())

    async def _write(self) -> None:
        last = self.stamp.stat().st_mtime if self.stamp.exists() else 0.0
        await asyncio.sleep(max(0.0, last + self.every - time.time()))
        gathered, self._gathered = self._gathered, {}
        await self.post.send(letters.checkpoints(self.to, list(gathered.values())))
        self.stamp.parent.mkdir(parents=True, exist_ok=True)
        self.stamp.touch()


def of(settings: Settings, post: Post) -> list[Outlet]:
    """The digest, where somebody wants it."""
    if settings.ledger_email is None:
        return []
    return [Digest(post, settings.ledger_email, settings.data_dir / "ledger" / "digest_sent")]
