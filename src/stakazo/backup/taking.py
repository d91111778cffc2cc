"""Taking a backup while everything goes on.

    one snapshot -> hold the files that its rows name -> rows -> files -> keys -> manifest -> its name

Files never change once they have a key, and lose it only after their row is gone; the storage holds each of them until
it is copied. Where one was gone before it was held, another snapshot is taken: what is named there and missing again
was lost before, and is said to be.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from psycopg import sql
from sqlalchemy import select

import stakazo
from stakazo.backup import archive, belongings, tables
from stakazo.backup.archive import Writer
from stakazo.backup.manifest import FILES, ROWS, Manifest, Rows
from stakazo.backup.tables import Snapshot
from stakazo.core import revisions, storage
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.errors import Conflict, Invalid, NoSpace, Unavailable
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.core.storage import Hold, Stored
from stakazo.core.workspaces import Workspace
from stakazo.ledger import service as ledger
from stakazo.orphans import NAMED
from stakazo.variants.models import ClipVariant
from stakazo.videos.models import VideoAsset

KEEPER = "backup"
"""Who acts."""
ATTEMPTS = 5
"""Snapshots that are tried until every file of one could be held."""

Told = Callable[[str, int, int], None]
"""Hears what is being written, how many bytes of all are, and how many there are."""

HASHED: Mapping[str, str] = {
    str(key.expression): str(sha256.expression)
    for key, sha256 in ((VideoAsset.storage_key, VideoAsset.sha256), (ClipVariant.storage_key, ClipVariant.sha256))
}
"""Columns that name a file, and those that say its hash."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that is there."""

    target: Path
    bytes: int
    """Of the file."""
    fingerprint: str
    manifest: Manifest
    changed: tuple[str, ...]
    """The keys of files that are not what their rows say; they are in the backup as they are."""


def take(
    settings: Settings,
    owner_url: str,
    target: Path,
    *,
    with_keys: bool = True,
    passphrase: str | None = None,
    replace: bool = False,
    told: Told = lambda *_: None,
) -> Taken:
    """Write a backup. Raises Conflict where there is a file of that name, and NoSpace before or when room runs out."""
    files = storage.of(settings)
    _require_place(target, settings, replace=replace)
    keyring = Keyring(settings)
    before = keyring.keys
    with contextlib.ExitStack() as stack:
        opened, shot, named, held = _hold(owner_url, stack.enter_context(files.holding()))
        with opened:
            total = storage.total(held)
            _require_room(target.parent, total + shot.size)
            out = stack.enter_context(archive.writing(target, datetime.fromisoformat(shot.taken_at), passphrase))
            rows: list[Rows] = []
            for table in shot.tables:
                told(table.name, 0, total)
                out.add(f"{ROWS}{table.name}", shot.rows(table, rows))
            ledgers = {str(one): note for one in shot.workspaces for note in _checkpoint(shot, one)}
        changed = list(_files(out, named, held, told))
        for name, text in belongings.public_of(settings):
            out.add(name, [text.encode()])
        if with_keys:
            for name, text in belongings.secrets_of(settings, belongings.merged(keyring.keys, before)):
                out.add(name, [text.encode()])
        manifest = Manifest(
            id=str(new_id()),
            taken_at=shot.taken_at,
            stakazo=stakazo.__version__,
            revision=shot.revision,
            postgres=shot.postgres,
            with_keys=with_keys,
            rows=tuple(rows),
            members=out.members,
            lost=tuple(sorted(named.keys() - held.keys())),
            ledgers=ledgers,
            workspaces=tuple(map(str, shot.workspaces)),
        )
        mark = out.finish(manifest)
    return Taken(target, target.stat().st_size, mark, manifest, tuple(changed))


def _require_place(target: Path, settings: Settings, *, replace: bool) -> None:
    if target.is_dir():
        raise Conflict(f"{target} is a folder. Say what the backup shall be called in it.")
    if target.exists() and not replace:
        raise Conflict(f"{target} is there already. Choose another name, or say --force to have it replaced.")
    if not target.parent.is_dir():
        raise Invalid(f"There is no folder {target.parent}. Make it first.")
    if target.resolve().is_relative_to(settings.storage_dir.resolve()):
        raise Invalid(f"{target} is among the files that are backed up. Choose another folder, best on another disk.")


def _require_room(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise NoSpace(
            f"The backup may need {wanted / 1e9:.2f} GB, and {folder} has {free / 1e9:.2f} GB free. Make room, or "
            "choose another disk."
        )


def _hold(
    owner_url: str, hold: Hold
) -> tuple[contextlib.ExitStack, Snapshot, dict[str, str | None], dict[str, Stored]]:
    """A snapshot, the files that it names with what their rows say of their hash, and those of them that are held."""
    gone_before: set[str] = set()
    for _ in range(ATTEMPTS):
        with contextlib.ExitStack() as stack:
            shot = stack.enter_context(tables.snapshot(owner_url))
            if shot.revision not in revisions.known():
                raise Unavailable(
                    f"The database is at revision {shot.revision}, which this program doesn't know: take the backup "
                    "with the version of Stakazo that works on it."
                )
            named = _named(shot)
            held = hold(named)
            gone = named.keys() - held.keys()
            if gone <= gone_before:
                return stack.pop_all(), shot, named, held
            gone_before = gone
    raise Unavailable("Files are removed faster than a backup can hold them. Try again when less is going on.")


def _named(shot: Snapshot) -> dict[str, str | None]:
    """The keys that rows name, and the hash that the row says, where it says one."""
    found: dict[str, str | None] = {}
    there = {table.name: table.columns for table in shot.tables}
    for key, sha256 in _columns():
        table, _, column = key.partition(".")
        if column not in there.get(table, ()):  # a database that is older than this program
            continue
        said = sql.Identifier(sha256.partition(".")[2]) if sha256 else sql.SQL("null")
        query = sql.SQL("select {0} as key, {1} as sha256 from {2} where {0} is not null and workspace_id = {3}")
        for workspace_id in shot.workspaces:
            wanted = query.format(sql.Identifier(column), said, sql.Identifier(table), workspace_id)
            found |= {row.key: row.sha256 for row in shot.ask(wanted, workspace_id)}
    return found


def _columns() -> Iterator[tuple[str, str | None]]:
    for columns in NAMED.values():
        for column in columns:
            yield str(column.expression), HASHED.get(str(column.expression))


def _checkpoint(shot: Snapshot, workspace_id: UUID) -> list[str]:
    """The newest of the workspace's ledger, if it has one."""
    if "ledger_checkpoints" not in {table.name for table in shot.tables}:
        return []
    query = sql.SQL("select note from ledger_checkpoints where workspace_id = {} order by size desc limit 1")
    return [row.note for row in shot.ask(query.format(workspace_id), workspace_id)]


def _files(out: Writer, named: Mapping[str, str | None], held: Mapping[str, Stored], told: Told) -> Iterator[str]:
    """Copy every file; gives the keys of those that are not what their rows say."""
    total, done = storage.total(held), 0
    for key in sorted(held):
        told(key, done, total)
        member = out.add(f"{FILES}{key}", held[key].blocks(), compressed=False)
        done += member.size
        if named[key] not in (None, member.sha256):
            yield key
    told("keys", done, total)


async def living(db: Database) -> list[UUID]:
    """The workspaces in which somebody may still act."""
    async with db.system_transaction() as session:
        found = select(Workspace.id).where(Workspace.deleted_at.is_(None)).order_by(Workspace.id)
        return list(await session.scalars(found))


async def note(db: Database, taken: Taken) -> None:
    """Have the ledger of every workspace say that a copy of it was taken away."""
    for workspace_id in await living(db):
        actor = Actor(workspace_id, "system", KEEPER)
        async with db.transaction(actor) as session:
            await ledger.record(
                session,
                "backup_taken",
                subject=("backup", UUID(taken.manifest.id)),
                fingerprint=taken.fingerprint,
                keys=taken.manifest.with_keys,
            )
