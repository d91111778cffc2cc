"""What whoever runs an installation does with its ledgers: change the key, check them, go on after a restore."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.errors import Conflict, NotFound, Unavailable
from stakazo.core.security import Keyring
from stakazo.core.workspaces import Workspace
from stakazo.ledger import checkpoint, line, proofs
from stakazo.ledger import service as ledger
from stakazo.ledger.checkpoint import Note, VerifierKey, fingerprint, public_key
from stakazo.ledger.keys import KeyFolder
from stakazo.ledger.outlets import CheckpointFile
from stakazo.ledger.rotation import ROTATED
from stakazo.ledger.sealer import connect, ledgers
from stakazo.ledger.verify import Report, verify

KEEPER = "ledger"
"""Who acts."""

BORN_WITH = {
    "video_assets": ("video", "video_uploaded"),
    "clips": ("clip", "clip_created"),
    "clip_variants": ("variant", "variant_ordered"),
    "jobs": ("job", "job_created"),
}
"""Rows that are never made without an event: table, kind of subject, event."""


@dataclass(slots=True)
class Checked:
    """What was found of one workspace's ledger."""

    workspace_id: UUID
    report: Report | None = None
    """None where nothing is sealed yet."""
    unreadable: str | None = None
    missing: dict[str, list[UUID]] = field(default_factory=dict)
    """Rows, by table, whose event is not in the ledger: it was removed."""

    @property
    def ok(self) -> bool:
        faultless = self.report is None or (self.report.fault is None and not self.report.gaps)
        return faultless and self.unreadable is None and not any(self.missing.values())


async def rotate(db: Database, url: str, name: str, keys: KeyFolder, file: CheckpointFile) -> str:
    """Make a new key, and have every ledger name it; its fingerprint. The sealer changes to it ledger by ledger.

    Raises Inconsistent where a ledger is not as it was signed, and Unavailable where its key is not here.
    """
    connection = await connect(url)
    try:
        known = []
        for workspace_id in await ledgers(connection):
            found = await line.look(connection, workspace_id, name=name, keys=keys, handed_out=file.last(workspace_id))
            private = keys.get(found.key)
            if private is None:
                raise Unavailable(f"The key {found.key} is not in {keys.folder}: rotate where it is.")
            known.append((found, private))
    finally:
        await connection.close()
    new = public_key(keys.create())
    for found, private in known:
        named = VerifierKey(found.origin, new)
        async with db.system_transaction() as session:
            await ledger.record(
                session,
                ROTATED,
                subject=("ledger", found.workspace_id),
                actor=Actor(found.workspace_id, "system", KEEPER),
                key=str(named),
                endorsement=checkpoint.endorse(private, named),
            )
    return fingerprint(new)


async def check(
    db: Database, keys: KeyFolder, file: CheckpointFile, keyring: Keyring | None = None
) -> Iterator[Checked]:
    """Every ledger of the installation, against its own keys, what was handed out, and the rows it tells of.

    With the keyring also what it says personally of people.
    """
    async with db.system_transaction() as session:
        workspaces = list(await session.scalars(select(Workspace.id).order_by(Workspace.id)))
    return iter([await _check(db, workspace_id, keys, file, keyring) for workspace_id in workspaces])


async def _check(
    db: Database, workspace_id: UUID, keys: KeyFolder, file: CheckpointFile, keyring: Keyring | None
) -> Checked:
    try:
        kept, unreadable = list(file.all(workspace_id)), None
    except (ValueError, OSError) as error:
        kept, unreadable = [], str(error)
    found = await examine(db, workspace_id, keys, kept, keyring)
    found.unreadable = found.unreadable or unreadable
    return found


async def examine(
    db: Database, workspace_id: UUID, keys: KeyFolder, kept: Sequence[Note], keyring: Keyring | None = None
) -> Checked:
    """One ledger, against these keys, checkpoints of it that were kept, and the rows it tells of."""
    found = Checked(workspace_id)
    async with db.transaction(Actor(workspace_id, "system", KEEPER)) as session:
        for table, (kind, event) in BORN_WITH.items():
            found.missing[table] = await _without(session, table, kind, event)
        try:
            found.report = await _verified(session, keys, kept, keyring)
        except NotFound:
            if kept:
                found.unreadable = "checkpoints were handed out, but nothing is sealed: an old backup was restored"
        except (ValueError, OSError) as error:
            found.unreadable = str(error)
    return found


async def _verified(session: AsyncSession, keys: KeyFolder, kept: Sequence[Note], keyring: Keyring | None) -> Report:
    signed = checkpoint.read((await proofs.latest(session)).note).checkpoint
    ours = [VerifierKey(signed.origin, public) for public in keys.every_public()]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as export:
        async for exported in proofs.export(session, keyring=keyring):
            export.write(exported)
        export.seek(0)
        return verify(export, ours, kept)


async def _without(session: AsyncSession, table: str, kind: str, event: str) -> list[UUID]:
    statement = f"""
        select t.id from {table} t where not exists (
            select from ledger_events e where e.workspace_id = t.workspace_id
            and e.subject_type = :kind and e.subject_id = t.id and e.event = :event)
        order by t.id
    """  # noqa: S608 (a table of ours)
    return list(await session.scalars(text(statement), {"kind": kind, "event": event}))


async def accept_restore(db: Database, workspace_id: UUID, file: CheckpointFile) -> Path:
    """Seal on from what the database has, although more was handed out; says where the old checkpoints are now.

    Whoever kept those will always see that the ledger was forked here, and the ledger itself says so too. Raises
    Conflict where nothing was lost.
    """
    actor = Actor(workspace_id, "system", KEEPER)
    last = file.last(workspace_id)
    async with db.transaction(actor) as session:
        try:
            here = await proofs.latest(session)
        except NotFound:
            here = None
        size, root = (here.size, here.root) if here else (0, b"")
        if last is None or (last.checkpoint.size, last.checkpoint.root) == (size, root):
            raise Conflict(f"The ledger of {workspace_id} is what was handed out: there is nothing to accept.")
        await ledger.record(
            session,
            "ledger_restored",
            subject=("ledger", workspace_id),
            size=size,
            abandoned={"size": last.checkpoint.size, "root": last.checkpoint.root.hex()},
        )
    kept = file.set_aside(workspace_id, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    assert kept is not None
    return kept
