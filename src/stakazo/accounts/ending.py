"""The end of a workspace: everything it holds as files to take along, and then nothing of it but its ledger.

Both go by the tables themselves, so whatever is added to Stakazo is exported and removed without a word here.
"""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts import workspaces
from stakazo.core.db import actor_of
from stakazo.core.errors import FileMissing
from stakazo.core.storage import Stored
from stakazo.ledger import service as ledger

NAMELESS = "Deleted workspace"


_EXPORTS = """
    select c.relname, format(
        'select row_to_json(t)::text from (select %s from %I) t', string_agg(quote_ident(a.attname), ', '), c.relname
    )
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = current_schema()
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'p') and has_table_privilege(c.oid, 'select') and a.atttypid <> 'bytea'::regtype
      and (c.relname = 'workspaces' or exists (
          select from pg_attribute w where w.attrelid = c.oid and w.attname = 'workspace_id' and not w.attisdropped
      ))
    group by c.relname order by c.relname
"""
"""A query for each table whose rows belong to workspaces. What is kept as bytes are secrets and hashes: they stay."""


async def export_rows(session: AsyncSession, folder: Path) -> list[Path]:
    """Write every row of the actor's workspace to `<table>.jsonl` files in a new folder."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    written = []
    for table, query in (await session.execute(text(_EXPORTS))).all():
        file = folder / f"{table}.jsonl"
        with file.open("w", encoding="utf-8") as out:
            async for row in await session.stream_scalars(text(query)):
                out.write(f"{row}\n")
        written.append(file)
    await ledger.record(session, "workspace_exported", subject=("workspace", actor_of(session).workspace_id))
    return written


def packed(files: Iterable[tuple[str, Stored]]) -> Iterator[bytes]:
    """A ZIP of these files by their names in it, piece by piece: it needs no room of its own.

    Films don't get smaller, so nothing is compressed. A file that has gone meanwhile is left out.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, file in files:
            blocks = file.blocks()
            try:
                block = next(blocks, b"")
            except FileMissing:
                continue
            info = zipfile.ZipInfo(name, datetime.now(UTC).timetuple()[:6])
            with archive.open(info, "w", force_zip64=True) as entry:
                while block:
                    entry.write(block)
                    yield sink.taken()
                    block = next(blocks, b"")
            yield sink.taken()
    yield sink.taken()


async def delete(session: AsyncSession, workspace_id: UUID) -> None:
    """End the actor's workspace: members, keys and rows go, the ledger stays and says so. Files are the caller's."""
    workspace = await workspaces.get(session, workspace_id)
    await ledger.record(session, "workspace_deleted", subject=("workspace", workspace.id))
    workspace.name, workspace.deleted_at = NAMELESS, datetime.now(UTC)
    await session.flush()
    await session.execute(text("select purge_workspace()"))


class _Sink(io.RawIOBase):
    """Where a ZIP is written that is read while it grows."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting += data
        return len(data)

    def taken(self) -> bytes:
        piece, self._waiting = bytes(self._waiting), bytearray()
        return piece
