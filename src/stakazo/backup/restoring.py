"""An installation made of a backup, in an empty place.

    every part is what the manifest says -> "under way" -> keys, files -> tables of its revision -> rows, all or none
    -> tables of today -> what a restored installation must not believe -> is it what was backed up? -> done

Broken off at any point, the same restore goes on where it was: what is there already is looked at, and not done again.
Until it is done `stakazo serve` refuses to work on it.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.models import Link, Session
from stakazo.ads.models import Campaign
from stakazo.ads.states import UNDER_WAY as ADVERTISING
from stakazo.ads.states import CampaignState
from stakazo.backup import belongings, manifest, tables, verifying
from stakazo.backup.archive import Damaged, Reader
from stakazo.backup.manifest import KEYS, PUBLIC, ROWS, Manifest, Member
from stakazo.backup.taking import KEEPER, Told, living
from stakazo.backup.verifying import Finding
from stakazo.core import migrate, revisions, storage
from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.errors import Conflict, FileMissing, NoSpace
from stakazo.core.postgres import Urls
from stakazo.core.settings import Settings
from stakazo.core.storage import Storage
from stakazo.core.workplace import enough_space
from stakazo.jobs.models import Job
from stakazo.ledger import service as ledger
from stakazo.ledger.checkpoint import Note
from stakazo.ledger.models import LedgerEvent
from stakazo.publishing.models import Publication
from stakazo.publishing.states import EDITABLE, UNDER_WAY, PublicationState

OURS = {
    "postgres", "storage", "master_keys", "api_key", "ledger", "checkpoints", "outbox", belongings.SETTINGS_FILE,
    "serve.lock", "serve.json", "serve.log",
}  # fmt: skip
"""What a data folder may hold already: an older attempt's work, or keys that were put there."""
RESTORED = "backup_restored"


def check(reader: Reader, told: Told) -> None:
    """Read all of a backup. Raises Damaged where any part of it is not what was backed up."""
    wrong = manifest.disagreements(reader.manifest, reader.sizes, revisions.known())
    if wrong:
        raise Damaged(f"{reader.where} can't be restored: {'; '.join(wrong[:5])}.")
    done, total = 0, reader.manifest.bytes
    for name in reader.manifest.members:
        told(name, done, total)
        for block in reader.blocks(name):
            done += len(block)
    told("", done, total)


def require_place(settings: Settings, reader: Reader, *, without_keys: bool) -> None:
    """Raises Conflict for a data folder that something else lives in, or that lacks keys which aren't in the backup.

    Raises NoSpace where it has no room.
    """
    folder = settings.data_dir
    if folder.exists() and (others := sorted({path.name for path in folder.iterdir()} - OURS)):
        raise Conflict(
            f"{folder} is not empty: it has {others[0]}. Choose a folder that is, or that doesn't exist yet."
        )
    has_keys = reader.manifest.with_keys or settings.master_keys is not None or settings.master_key_file.exists()
    if not has_keys and not without_keys:
        raise Conflict(
            f"This backup has no keys. Put master_keys and the folder ledger of that installation into {folder} first; "
            "or say --without-keys, where they are lost: then what was sealed with them is lost too."
        )
    existing = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    there, free = _bytes_below(settings.storage_dir), shutil.disk_usage(existing).free
    wanted = _wanted(settings, reader.manifest)
    if free + there < wanted:
        raise NoSpace(
            f"The backup needs {wanted / 1e9:.2f} GB, and {existing} has {free / 1e9:.2f} GB free. "
            "Make room, or choose another disk."
        )


def _wanted(settings: Settings, said: Manifest) -> int:
    """Bytes on this disk: files that go to an object store pass through it one by one."""
    sizes = [member.size for member in said.files.values()]
    passing = sum(sizes) - max(sizes) if sizes and settings.storage_url is not None else 0
    return said.bytes - passing


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def fill(settings: Settings, owner_url: str, reader: Reader, *, without_keys: bool, told: Told) -> None:
    """Bring the keys, the files and the rows. Raises Conflict where the place isn't empty."""
    said, files = reader.manifest, storage.of(settings)
    with closing(tables.connect(owner_url)) as connection:
        before = tables.under_way(connection)
        if before is None:
            if asyncio.run(files.workspaces()):
                raise Conflict(f"There are files in {files.where}, but none of this backup's. Choose an empty place.")
            tables.begin(connection, said.id)
        elif before.backup != said.id:
            raise Conflict(
                f"The restore of another backup ({before.backup}) was begun here and not finished. Finish that one, or "
                "begin in an empty place."
            )
        for name in said.members:
            if name.startswith(PUBLIC) or (name.startswith(KEYS) and not without_keys):
                belongings.put_back(settings, name, reader.text(name))
        asyncio.run(_bring_files(files, reader, told))
        if before is None or not before.loaded:
            migrate.upgrade(owner_url, said.revision)
            told("rows", said.bytes, said.bytes)
            tables.load(connection, {rows: reader.blocks(f"{ROWS}{rows.table}") for rows in said.rows})
            connection.execute("analyze")
    told("migration", said.bytes, said.bytes)
    migrate.upgrade(owner_url)


async def _bring_files(files: Storage, reader: Reader, told: Told) -> None:
    done, total = 0, reader.manifest.bytes
    for key, member in reader.manifest.files.items():
        told(key, done, total)
        if not await _is_there(files, key, member):
            work = files.temporary()
            await asyncio.to_thread(_write, work, reader.blocks(f"{manifest.FILES}{key}"))
            await files.adopt(work, key)
        done += member.size


def _write(path: Path, blocks: Iterable[bytes]) -> None:
    with enough_space(), path.open("xb") as out:
        out.writelines(blocks)


async def _is_there(files: Storage, key: str, member: Member) -> bool:
    """Whether an attempt before this one has brought the file, and it is whole."""
    try:
        found = await files.stored(key)
    except FileMissing:
        return False
    if found.size != member.size:
        return False
    digest = hashlib.sha256()
    async for piece in found.read(0, found.size):
        digest.update(piece)
    return digest.hexdigest() == member.sha256


# --- what a restored installation must not believe ----------------------------------------------------------


async def settle(urls: Urls, settings: Settings, reader: Reader, outside: Sequence[Note]) -> list[Finding]:
    """Take back what may no longer be so, verify everything, and say that the restore is done."""
    db = Database(urls.app, pool_size=2)
    try:
        await _disbelieve(db)
        for workspace_id in await living(db):
            async with db.transaction(Actor(workspace_id, "system", KEEPER)) as session:
                await _hold(session, reader)
        found = await verifying.verify(db, settings, reader.manifest, outside)
    finally:
        await db.close()
    with closing(tables.connect(urls.owner)) as connection:
        tables.end(connection)
    return found


async def _disbelieve(db: Database) -> None:
    """End every sign-in, since one that was ended after the backup would live again; let every job be delivered anew.

    Links that were sent by e-mail go for the same reason.
    """
    async with db.system_transaction() as session:
        ended = {"ended_at": func.clock_timestamp(), "end_reason": RESTORED}
        await session.execute(update(Session).where(Session.ended_at.is_(None)).values(ended))
        await session.execute(delete(Link))
        # Deliveries count from 1 again: an old one's number must not be taken for a new one's.
        await session.execute(update(Job).where(Job.engine_job_id.is_not(None)).values(engine_job_id=None))


async def _hold(session: AsyncSession, reader: Reader) -> None:
    """Hold back what may have happened after the backup, and have the workspace's ledger say that it was restored.

    What was about to be published or to spend money may be out by now: a person has to look before it is done again.
    """
    said = reader.manifest
    told = select(LedgerEvent.id).where(LedgerEvent.event == RESTORED, LedgerEvent.subject_id == UUID(said.id))
    if (await session.scalars(told.limit(1))).first() is not None:
        return
    why = {
        "code": "restored",
        "detail": f"A backup of {said.taken_at} was restored: this may have been done after it. Look before you go on.",
        "retryable": False,
    }
    publications = (
        update(Publication)
        .where(Publication.state.in_(EDITABLE | UNDER_WAY))
        .values(state=PublicationState.NEEDS_HUMAN, error=why)
        .returning(Publication.id)
    )
    campaigns = (
        update(Campaign)
        .where(Campaign.state.in_(ADVERTISING))
        .values(state=CampaignState.NEEDS_HUMAN, error=why)
        .returning(Campaign.id)
    )
    await ledger.record(
        session,
        RESTORED,
        subject=("backup", UUID(said.id)),
        fingerprint=reader.fingerprint,
        taken_at=said.taken_at,
        held_publications=[str(one) for one in await session.scalars(publications)],
        held_campaigns=[str(one) for one in await session.scalars(campaigns)],
    )
