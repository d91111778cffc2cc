"""Whether a restored installation is what was backed up: its ledgers, its files, its secrets. Nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from stakazo import orphans
from stakazo.backup.manifest import Manifest
from stakazo.backup.taking import HASHED
from stakazo.core import isolation, rotation, storage
from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.ledger import checkpoint, keeping
from stakazo.ledger.checkpoint import Note, VerifierKey
from stakazo.ledger.keeping import Checked
from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.outlets import CheckpointFile
from stakazo.orphans import NAMED


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, in a sentence."""

    ok: bool
    says: str


async def verify(db: Database, settings: Settings, manifest: Manifest, outside: Sequence[Note]) -> list[Finding]:
    """Look at everything; `outside` are checkpoints that were kept elsewhere, of any of the ledgers."""
    found = [await _files(db, settings, manifest), await _secrets(db, settings), await _tables(db)]
    keys = KeyFolder(settings.ledger_key_dir)
    for workspace in manifest.workspaces:
        workspace_id = UUID(workspace)
        ours = checkpoint.read(manifest.ledgers[workspace]) if workspace in manifest.ledgers else None
        try:
            handed_out = list(CheckpointFile(settings.checkpoint_dir).all(workspace_id))
        except (ValueError, OSError) as error:
            found.append(Finding(ok=False, says=f"The checkpoints of {workspace} can't be read: {error}."))
            handed_out = []
        theirs = [*handed_out, *(note for note in outside if note.checkpoint.origin.endswith(f"/{workspace}"))]
        found += await _ledger(db, workspace_id, keys, ours, theirs)
    strangers = {note.checkpoint.origin for note in outside} - {
        note.checkpoint.origin for note in outside if note.checkpoint.origin.rpartition("/")[2] in manifest.workspaces
    }
    found += [
        Finding(ok=False, says=f"The ledger {origin} is not in this backup: it was begun later, or is another's.")
        for origin in sorted(strangers)
    ]
    return found


# --- the ledgers --------------------------------------------------------------------------------------------


async def _ledger(
    db: Database, workspace_id: UUID, keys: KeyFolder, ours: Note | None, theirs: Sequence[Note]
) -> list[Finding]:
    size = ours.checkpoint.size if ours else 0
    newer = [note for note in theirs if note.checkpoint.size > size]
    kept = [note for note in theirs if note.checkpoint.size <= size] + ([ours] if ours else [])
    checked = await keeping.examine(db, workspace_id, keys, kept)
    found = [_as_signed(checked, len(kept) - bool(ours))]
    found += [
        Finding(ok=False, says=f"{len(rows)} rows of {table} have no event that made them; the first is {rows[0]}.")
        for table, rows in checked.missing.items()
        if rows
    ]
    if newer:
        found.append(_older(workspace_id, size, max(newer, key=lambda note: note.checkpoint.size), keys))
    return found


def _as_signed(checked: Checked, outside: int) -> Finding:
    name, report = f"The ledger of {checked.workspace_id}", checked.report
    if checked.unreadable:
        return Finding(ok=False, says=f"{name} can't be verified: {checked.unreadable}.")
    if report is None:
        return Finding(ok=True, says=f"{name} had nothing signed yet.")
    if report.fault is not None:
        return Finding(ok=False, says=f"{name} is NOT as it was signed: {report.fault}.")
    if report.gaps:
        where = ", ".join(map(str, report.gaps[:10]))
        return Finding(ok=False, says=f"{name}: events name one before them that is not there (positions {where}).")
    beside = f", and agree with {outside} checkpoints kept elsewhere" if outside else ""
    return Finding(ok=True, says=f"{name}: all {report.events} events are as they were signed{beside}.")


def _older(workspace_id: UUID, size: int, newest: Note, keys: KeyFolder) -> Finding:
    """That the world has seen more of a ledger than the backup has."""
    said = newest.checkpoint
    known = [VerifierKey(said.origin, public) for public in keys.every_public()]
    doubt = "" if newest.signer(known) else ", signed with a key that is not in this backup"
    return Finding(
        ok=False,
        says=f"The ledger of {workspace_id} is OLDER than what was handed out: it has {size} events, and a checkpoint "
        f"of {said.size} is known{doubt}. What happened after the backup is lost here: {said.size - size} events. To "
        f"seal on all the same: stakazo ledger accept-restore {workspace_id}",
    )


# --- the rest -----------------------------------------------------------------------------------------------


async def _files(db: Database, settings: Settings, manifest: Manifest) -> Finding:
    missing = set(await orphans.missing(db, storage.of(settings))) - set(manifest.lost)
    if missing:
        return Finding(ok=False, says=f"{len(missing)} files that rows name are not there: {_some(missing)}.")
    said = await _hashes(db, [UUID(one) for one in manifest.workspaces])
    files = await asyncio.to_thread(lambda: manifest.files)
    changed = [key for key, sha256 in said.items() if key in files and files[key].sha256 != sha256]
    if changed:
        return Finding(
            ok=False,
            says=f"{len(changed)} files are not what their rows say; they were so when they were backed up: "
            f"{_some(changed)}.",
        )
    if manifest.lost:
        return Finding(
            ok=False,
            says=f"{len(manifest.lost)} files were lost before the backup was taken: {_some(manifest.lost)}.",
        )
    return Finding(ok=True, says=f"All {len(files)} files are byte for byte what was backed up, and what rows say.")


async def _hashes(db: Database, workspaces: Iterable[UUID]) -> Mapping[str, str]:
    """What rows say of the files that they name."""
    found: dict[str, str] = {}
    for workspace_id in workspaces:
        async with db.transaction(Actor(workspace_id, "system", "backup")) as session:
            for column in (column for columns in NAMED.values() for column in columns):
                if (hashed := HASHED.get(str(column.expression))) is not None:
                    sha256 = column.class_.__table__.c[hashed.rpartition(".")[2]]
                    rows = await session.execute(select(column, sha256).where(column.is_not(None)))
                    found |= {key: value for key, value in rows if value is not None}
    return found


async def _secrets(db: Database, settings: Settings) -> Finding:
    if settings.master_keys is None and not settings.master_key_file.exists():
        return Finding(ok=False, says=f"No master key is in {settings.master_key_file}: secrets stay closed.")
    closed = await rotation.unreadable(db, Keyring(settings), rotation.every_table())
    if closed:
        return Finding(ok=False, says=f"{len(closed)} secrets don't open with the keys here; the first is {closed[0]}.")
    return Finding(ok=True, says="Every secret in the database opens with the keys that are here.")


async def _tables(db: Database) -> Finding:
    async with db.engine.connect() as connection:
        faults = await isolation.faults(connection)
    return Finding(ok=not faults, says=" ".join(faults) or "The database keeps workspaces and people apart.")


def _some(keys: Iterable[str]) -> str:
    several = sorted(keys)
    return ", ".join(several[:3]) + (" ..." if len(several) > 3 else "")
