"""A ledger to seal: somebody who writes, a sealer of the test's own, and someone with every right in the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import namedtuple_row
from sqlalchemy import make_url

from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.postgres import Urls, conninfo
from stakazo.core.security import Keyring
from stakazo.ledger import service as ledger
from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.outlets import CheckpointFile, Outlet
from stakazo.ledger.sealer import Sealed, Sealer

_WAITING = """
    select e.id from ledger_events e left join ledger_seals s on s.id = e.id
    where s.id is null and e.workspace_id <> all(%s)
"""
_TOO_YOUNG = """
    select id from ledger_events
    where xid >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    and xid < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
"""


class Notary:
    """One installation's ledger: its sealers, their keys and file, and the database as its owner's enemy sees it."""

    def __init__(self, urls: Urls, superuser: str, folder: Path, db: Database, keyring: Keyring) -> None:
        self.urls, self.superuser, self.db, self.keyring = urls, superuser, db, keyring
        self.keys, self.file = KeyFolder(folder / "keys"), CheckpointFile(folder / "checkpoints")
        self._open = AsyncExitStack()

    async def sealer(self, *, outlets: tuple[Outlet, ...] = (), keys: KeyFolder | None = None) -> Sealer:
        sealer = Sealer(self.urls.app, name="stakazo", keys=keys or self.keys, file=self.file, outlets=outlets)
        return await self._open.enter_async_context(sealer.open())

    async def close(self) -> None:
        await self._open.aclose()

    async def write(self, actor: Actor, count: int = 1, /, **data: Any) -> list[UUID]:
        """So many events, each in its own transaction; their subjects."""
        subjects = [new_id() for _ in range(count)]
        for number, subject in enumerate(subjects):
            async with self.db.transaction(actor) as session:
                await ledger.record(session, "clip_accepted", subject=("clip", subject), number=number, **data)
        return subjects

    async def seal(self, sealer: Sealer) -> Sealed:
        """Rounds until everything committed has a place, but for what is refused.

        Other tests' transactions on the same server may hold some of it up: the first round waits for them, so that
        what was written before it is sealed together.
        """
        events, checkpoints = 0, 0
        async with asyncio.timeout(60):
            while self.rows(_TOO_YOUNG):  # noqa: ASYNC110 - other processes hold them up
                await asyncio.sleep(0.005)
            while True:
                found = await sealer.round()
                events, checkpoints = events + found.events, checkpoints + found.checkpoints
                if not self.rows(_WAITING, list(found.refused)):
                    return Sealed(events, checkpoints, found.refused)
                await asyncio.sleep(0.005)

    @contextmanager
    def attacker(self):
        """Who has every right and switches the guard rails off."""
        with psycopg.connect(conninfo(self.superuser), autocommit=True, row_factory=namedtuple_row) as connection:
            tables = ("ledger_events", "ledger_seals", "ledger_checkpoints")
            for table in tables:
                connection.execute(f"alter table {table} disable trigger all")
            yield connection
            for table in tables:
                connection.execute(f"alter table {table} enable trigger all")
                connection.execute(f"alter table {table} enable always trigger append_only")

    def rows(self, statement: str, *values: Any) -> list[Any]:
        with psycopg.connect(conninfo(self.superuser), row_factory=namedtuple_row) as connection:
            return connection.execute(statement, values).fetchall()

    def events(self, workspace: UUID) -> list[Any]:
        """The sealed events in their order."""
        return self.rows(
            "select e.id, e.event, e.subject_id, e.canonical, s.position, s.hashes from ledger_events e "
            "join ledger_seals s on s.id = e.id where e.workspace_id = %s order by s.position",
            workspace,
        )

    def checkpoints(self, workspace: UUID) -> list[Any]:
        return self.rows("select * from ledger_checkpoints where workspace_id = %s order by size", workspace)


@pytest.fixture
async def notary(
    urls: Urls, server: Any, tmp_path: Path, database: Database, keyring: Keyring
) -> AsyncIterator[Notary]:
    notary = Notary(urls, server.superuser(make_url(urls.owner).database), tmp_path, database, keyring)
    yield notary
    await notary.close()


@pytest.fixture
def tell_when() -> Callable[..., Any]:
    """An outlet that remembers, and fails as often as it is told to."""

    class Remembers:
        name = "memory"

        def __init__(self, failures: int = 0) -> None:
            self.failures, self.asked = failures, 0
            self.taken: list[tuple[UUID, int, str]] = []
            self.has_it = asyncio.Event()

        async def hand_out(self, workspace_id: UUID, size: int, note: str) -> None:
            self.asked += 1
            if self.asked <= self.failures:
                raise OSError("not now")
            self.taken.append((workspace_id, size, note))
            self.has_it.set()

    return Remembers
