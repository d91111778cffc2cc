"""The sealer: gives committed events their place in their workspace's tree, and signs what the tree has become.

    events that are older than every running transaction -> places -> tree -> checkpoint -> out of the database

A transaction that is still running may yet commit an event, so only events older than every running transaction are
taken: nothing ever comes in before what has a place. One sealer works at a time in the whole cluster: it holds an
advisory lock on the connection that it writes with, so one that has lost the lock can't write either.

Before it signs anything it checks that the tree in the database is the one that was signed last, and that it holds
what was handed out. Where that isn't so it signs nothing for that workspace, and says so until someone has looked
(`stakazo ledger check`). Killed at any point it goes on where the last commit left off: places and checkpoint are
written in one transaction, and handing out is made good at the next start.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg.rows import namedtuple_row

from stakazo.core.errors import StakazoError, Unavailable
from stakazo.core.postgres import SYSTEM, conninfo
from stakazo.core.settings import Settings
from stakazo.ledger import line as lines
from stakazo.ledger.checkpoint import Note
from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.line import Connection, Inconsistent, Line
from stakazo.ledger.merkle import Frontier
from stakazo.ledger.outlets import CheckpointFile, Courier, Outlet

LOCK = 0x5345414C  # "SEAL"
"""Of `pg_try_advisory_lock`: whoever seals."""
BATCH = 2000
"""Events taken at once; what is left follows at once in the next round."""
LOOK_AGAIN = 30.0
"""Seconds after which a ledger that was refused is looked at anew."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one round has done."""

    events: int = 0
    checkpoints: int = 0
    refused: frozenset[UUID] = frozenset()
    """Workspaces whose ledger is not what was signed."""
    more: bool = False
    """Whether the next round should follow at once."""


class Sealer:
    """One candidate for sealing; `round()` does nothing while another one leads. Use inside `open()`.

    Args:
        url: The app's way into the database.
        name: What the origins of new ledgers begin with.
        keys: The private keys. The first one is made here, unless another machine of the installation has it.
        file: Where every checkpoint is written before anyone else hears of it.
        outlets: Where else they go.
    """

    def __init__(
        self, url: str, *, name: str, keys: KeyFolder, file: CheckpointFile, outlets: Sequence[Outlet] = ()
    ) -> None:
        self.url, self.name, self.keys, self.file = url, name, keys, file
        self._couriers = [Courier(outlet) for outlet in outlets]
        self._connection: Connection | None = None
        self._forget()

    def _forget(self) -> None:
        self._leads = False
        self._since: int | None = None
        """Every event of an older transaction has its place; None where nothing is known."""
        self._signed: dict[UUID, Frontier] = {}
        self._refused: dict[UUID, float] = {}
        self._handed_out: dict[UUID, int] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Sealer]:
        """Serve the outlets meanwhile, and let another one lead afterwards."""
        tasks = [asyncio.create_task(courier.run()) for courier in self._couriers]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()

    async def round(self) -> Sealed:
        """Seal what can be sealed. Raises psycopg.Error where the database is away, and Unavailable without a key."""
        try:
            connection = self._connection = self._connection or await connect(self.url)
            if not self._leads and not await self._lead(connection):
                return Sealed()
            return await self._seal(connection)
        except BaseException:
            await self._close()
            raise

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        self._forget()
        if connection is not None:
            await connection.close()

    # --- leading ----------------------------------------------------------------------------------------------

    async def _lead(self, connection: Connection) -> bool:
        """Take the lock unless another has it, and look at every ledger before anything is added to one."""
        [got] = await _all(connection, "select pg_try_advisory_lock(%s) as got", LOCK)
        if not got.got:
            return False
        known = await ledgers(connection)
        if self.keys.newest() is None:
            if known:
                raise Unavailable(
                    f"The ledger's key is not in {self.keys.folder}, so this machine can't seal. Run a worker on the "
                    "machine that has it, or bring it from your backup."
                )
            self.keys.create()
        self._leads = True
        log.info("ledger_sealer_leads", ledgers=len(known))
        for workspace_id in known:
            if await self._look(connection, workspace_id) is not None:
                await self._hand_out(connection, workspace_id)
        return True

    async def _look(self, connection: Connection, workspace_id: UUID) -> Line | None:
        """The ledger, where it is as it was signed; None where nothing may be signed."""
        try:
            line = await lines.look(
                connection, workspace_id, name=self.name, keys=self.keys, handed_out=self._last_handed_out(workspace_id)
            )
        except Inconsistent as error:
            self._refuse(workspace_id, str(error))
            return None
        known = self._signed.get(workspace_id, line.tree)
        if known != line.tree:
            why = f"{known.size} events were signed; the {line.tree.size} that are there are others"
            self._refuse(workspace_id, why)
            return None
        return line

    def _refuse(self, workspace_id: UUID, why: str) -> None:
        log.critical("ledger_inconsistent", workspace_id=str(workspace_id), why=why)
        self._refused[workspace_id] = time.monotonic()

    def _last_handed_out(self, workspace_id: UUID) -> Note | None:
        """The newest checkpoint outside of the database; read once, then this sealer knows what it has signed."""
        if workspace_id in self._handed_out:
            return None
        try:
            return self.file.last(workspace_id)
        except (ValueError, OSError) as error:
            raise Inconsistent(
                f"what was handed out can't be read from {self.file.path(workspace_id)}: {error}"
            ) from error

    # --- sealing ----------------------------------------------------------------------------------------------

    async def _seal(self, connection: Connection) -> Sealed:
        self._look_again()
        async with connection.transaction():
            # One snapshot for both: what it sees of "older than every running transaction" is what it takes.
            await connection.execute("set transaction isolation level repeatable read, read only")
            [now] = await _all(connection, _NOW)
            found = _PENDING_SINCE if self._since is not None else _PENDING_EVER
            rows = await _all(connection, found, now.oldest, self._since or now.next, list(self._refused), BATCH)
        events = checkpoints = 0
        for workspace_id, theirs in _by_workspace(rows).items():
            if await self._extend(connection, workspace_id, theirs):
                events, checkpoints = events + len(theirs), checkpoints + 1
        more = len(rows) == BATCH
        if more:
            self._since = rows[-1].xid if self._since is not None else None
        else:
            self._since = now.oldest
        return Sealed(events, checkpoints, frozenset(self._refused), more)

    async def _extend(self, connection: Connection, workspace_id: UUID, events: Sequence[Any]) -> bool:
        """Seal these events of one workspace; says whether that could be done."""
        try:
            async with connection.transaction():
                line = await self._look(connection, workspace_id)
                if line is None:
                    return False
                tree = await lines.extend(connection, line, events, self.keys)
        except Inconsistent as error:
            self._refuse(workspace_id, str(error))
            return False
        self._signed[workspace_id] = tree
        await self._hand_out(connection, workspace_id)
        return True

    def _look_again(self) -> None:
        """Give ledgers that were refused a while ago another chance, as one that nothing is known of."""
        now = time.monotonic()
        for workspace_id in [one for one, since in self._refused.items() if now - since > LOOK_AGAIN]:
            del self._refused[workspace_id]
            self._signed.pop(workspace_id, None)
            self._handed_out.pop(workspace_id, None)
            self._since = None

    async def _hand_out(self, connection: Connection, workspace_id: UUID) -> None:
        """Bring every checkpoint that the file doesn't have, in order, and the newest to the other outlets."""
        try:
            if workspace_id not in self._handed_out:
                last = self.file.last(workspace_id)
                self._handed_out[workspace_id] = last.checkpoint.size if last else 0
            for row in await _all(connection, _CHECKPOINTS, workspace_id, self._handed_out[workspace_id]):
                await asyncio.to_thread(self.file.append, workspace_id, row.note)
                self._handed_out[workspace_id] = row.size
                for courier in self._couriers:
                    courier.offer(workspace_id, row.size, row.note)
        except (OSError, ValueError, StakazoError) as error:  # made good with the next checkpoint, or at the next start
            log.critical("checkpoint_not_written", file=str(self.file.path(workspace_id)), error=str(error))


def _by_workspace(rows: Sequence[Any]) -> dict[UUID, list[Any]]:
    """In the order in which they were written, as far as one batch goes."""
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.id.bytes):
        found[row.workspace_id].append(row)
    return found


_LEDGERS = "select distinct workspace_id from ledger_checkpoints order by workspace_id"
_NOW = """
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest,
           pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next
"""
_PENDING = """
    select e.id, e.workspace_id, e.xid, e.canonical from ledger_events e
    where {taken} and e.workspace_id <> all(%s)
      and not exists (select from ledger_seals s where s.id = e.id)
    order by e.xid limit %s
"""
_PENDING_SINCE = _PENDING.format(taken="e.xid < %s and e.xid >= %s")
# A transaction number that this server hasn't reached came with a restored database, and is over in any case.
_PENDING_EVER = _PENDING.format(taken="(e.xid < %s or e.xid >= %s)")
_CHECKPOINTS = "select size, note from ledger_checkpoints where workspace_id = %s and size > %s order by size"


async def _all(connection: Connection, statement: str, *values: Any) -> list[Any]:
    return await (await connection.execute(statement.encode(), values)).fetchall()


async def connect(url: str) -> Connection:
    """A connection of the machinery's own, whose commits are durable: what was handed out is never forgotten."""
    connection: Connection = await psycopg.AsyncConnection.connect(
        conninfo(url), autocommit=True, row_factory=namedtuple_row
    )
    try:
        await connection.execute(f"set role {SYSTEM}".encode())
        await connection.execute("set synchronous_commit = on")
    except BaseException:
        await connection.close()
        raise
    return connection


async def ledgers(connection: Connection) -> list[UUID]:
    """The workspaces whose ledgers have been signed."""
    return [row.workspace_id for row in await _all(connection, _LEDGERS)]


async def keep_sealing(settings: Settings, url: str, outlets: Sequence[Outlet] = ()) -> None:
    """Seal for ever, every `settings.ledger_interval` seconds."""
    sealer = Sealer(
        url,
        name=settings.ledger_name,
        keys=KeyFolder(settings.ledger_key_dir),
        file=CheckpointFile(settings.checkpoint_dir),
        outlets=outlets,
    )
    async with sealer.open():
        while True:
            more = False
            try:
                more = (await sealer.round()).more
            except (psycopg.Error, OSError, StakazoError) as error:
                log.warning("sealing_failed", error=str(error).splitlines()[0][:300])
            if not more:
                await asyncio.sleep(settings.ledger_interval)
