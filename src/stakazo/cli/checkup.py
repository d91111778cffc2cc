"""`stakazo doctor`: is everything here that the work needs, and what to do where it isn't."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from sqlalchemy.exc import SQLAlchemyError

from stakazo import orphans
from stakazo.cli.client import running
from stakazo.cli.output import FAILED, OK, console, print_json, size
from stakazo.core import isolation, postgres, revisions, storage
from stakazo.core.db import Database
from stakazo.core.errors import FileMissing, StakazoError, StorageAway, Unavailable
from stakazo.core.settings import Settings
from stakazo.core.storage import Storage
from stakazo.jobs import service as jobs
from stakazo.media import ffmpeg, means, models
from stakazo.media.errors import MediaError

GB = 1024**3
OLD = 6 * 3600.0
"""Seconds after which a file that nothing names is certainly nobody's."""
OBJECTS = "`stakazo` needs to put, get, list and delete there: look at STAKAZO_STORAGE_URL, the keys and the region."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    advice: str = ""
    """What to do, where it is not ok."""
    needed: bool = True
    """Whether nothing works without it; what isn't needed is only said."""


def doctor(settings: Settings, *, as_json: bool, repair: bool) -> int:
    """Look at everything, and with `repair` remove what was left behind; gives the exit code."""
    findings = asyncio.run(_look(settings, repair=repair))
    good = all(finding.ok or not finding.needed for finding in findings)
    if as_json:
        print_json({"ok": good, "checks": [asdict(finding) for finding in findings]})
        return OK if good else FAILED
    out = console()
    for finding in findings:
        mark = "[green]✓[/]" if finding.ok else "[red]✗[/]" if finding.needed else "[yellow]![/]"
        out.print(f"{mark} [bold]{finding.name}[/]: {finding.detail}")
        if not finding.ok and finding.advice:
            out.print(f"    → {finding.advice}")
    out.print("[green]Everything is there.[/]" if good else "[red]Something is missing.[/]")
    return OK if good else FAILED


async def _look(settings: Settings, *, repair: bool) -> list[Finding]:
    findings = [_ffmpeg(), _confinement(), _models(), _disk(settings), _memory()]
    store = await objects(settings)
    findings += store
    findings += await _database(settings, repair=repair, files_too=all(finding.ok for finding in store))
    return findings


def _ffmpeg() -> Finding:
    try:
        found = ffmpeg.capabilities()
    except MediaError as error:
        return Finding("FFmpeg", ok=False, detail=str(error), advice="Install imageio-ffmpeg again.")
    missing = found.missing
    detail = f"{found.version} at {found.program}"
    if missing:
        detail += f"; it lacks {', '.join(missing)}"
    return Finding(
        "FFmpeg", ok=not missing, detail=detail, advice="Install imageio-ffmpeg again, or name another FFmpeg."
    )


def _confinement() -> Finding:
    found = means.here()
    return Finding(
        "Confinement of uploads", ok=not found.lacking, detail=found.words, advice=found.lacking, needed=False
    )


def _models() -> Finding:
    there = models.installed()
    missing = [model.purpose for name, model in models.catalogue().items() if not there[name]]
    return Finding(
        "Models",
        ok=not missing,
        detail=f"missing for {', '.join(missing)}" if missing else f"all {len(there)} in {models.folder()}",
        advice="`stakazo models` installs them. Without them the rest works, and faces are not found.",
        needed=False,
    )


def _disk(settings: Settings) -> Finding:
    where = settings.data_dir.absolute()
    existing = next(folder for folder in (where, *where.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    writable = _writable(existing)
    detail = f"{free / GB:.1f} GB free for {where}" if writable else f"{existing} can't be written to"
    return Finding(
        "Disk",
        ok=writable and free >= settings.min_free_bytes,
        detail=detail,
        advice=f"At least {settings.min_free_bytes / GB:.1f} GB should be free; STAKAZO_DATA_DIR moves the data.",
    )


def _writable(folder: Path) -> bool:
    probe = folder / ".stakazo-doctor"
    try:
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True


def _memory() -> Finding:
    free = psutil.virtual_memory().available
    return Finding(
        "Memory",
        ok=free >= GB,
        detail=f"{free / GB:.1f} GB available, {psutil.cpu_count()} processors",
        advice="An analysis and a rendering need about 1 GB together.",
        needed=False,
    )


async def objects(settings: Settings) -> list[Finding]:
    """Whether the object store does what it should; nothing, where files lie on disk."""
    if settings.storage_url is None:
        return []
    try:
        files = storage.of(settings)
        await files.probe()
    except StorageAway as error:
        return [Finding("Object store", ok=False, detail=error.said, advice=OBJECTS)]
    except (Unavailable, FileMissing) as error:
        return [Finding("Object store", ok=False, detail=str(error), advice=OBJECTS)]
    return [Finding("Object store", ok=True, detail=f"{files.where} takes, gives and removes files")]


async def _database(settings: Settings, *, repair: bool, files_too: bool) -> list[Finding]:
    advice = (
        "See STAKAZO_DATABASE_URL." if settings.database_url else "The log is in the data directory's postgres/log."
    )
    try:
        async with opened(settings) as db:
            at, head = await revisions.current(db), revisions.head()
            kind = "yours" if settings.database_url else "embedded"
            findings = [Finding("Database", ok=True, detail=f"PostgreSQL answers ({kind})")]
            findings.append(
                Finding(
                    "Tables",
                    ok=at == head,
                    detail=f"at revision {at or 'none'}, this version needs {head}",
                    advice="`stakazo migrate` brings them up to date; `stakazo serve` does so at its start.",
                    needed=at is not None,
                )
            )
            if at is not None:
                findings.append(await _isolation(db))
            if at == head and files_too:
                stored = storage.of(settings)
                findings += [await _files(db, stored), await leftovers(db, stored, repair=repair)]
            findings.append(await _workers(settings, db, up_to_date=at == head))
    except (StakazoError, SQLAlchemyError, OSError) as error:
        return [Finding("Database", ok=False, detail=str(error).partition("\n")[0], advice=advice)]
    return findings


async def _isolation(db: Database) -> Finding:
    async with db.engine.connect() as connection:
        faults = await isolation.faults(connection)
    return Finding(
        "Workspaces",
        ok=not faults,
        detail=" ".join(faults) or "kept apart by the database",
        advice="Someone changed tables or roles by hand: undo that. `stakazo serve` refuses to start until then.",
    )


async def _files(db: Database, files: Storage) -> Finding:
    lost = await orphans.missing(db, files)
    where = files.where
    return Finding(
        "Files",
        ok=not lost,
        detail=f"{len(lost)} are not in {where}: {_some(lost)}" if lost else f"all are in {where}",
        advice="Is it the storage that the others use (STAKAZO_STORAGE_URL, or else STAKAZO_DATA_DIR)? Else put these "
        "back from a backup.",
    )


async def leftovers(db: Database, files: Storage, *, repair: bool, older_than: float = OLD) -> Finding:
    """What processes that were killed have left, old enough to be nobody's."""
    limit = (time.time() - older_than) * 1e9
    left = {key: file for key, file in (await orphans.unnamed(db, files)).items() if file.changed <= limit}
    told = f"{len(left)} files ({size(storage.total(left))}) that nothing names"
    if left and repair:
        gone = await files.delete(*left)
        detail = f"removed {told}" if gone else f"{told}, kept by a backup that is being taken"
        return Finding("Leftovers", ok=gone, detail=detail, advice="Do this again after the backup.", needed=False)
    return Finding(
        "Leftovers",
        ok=not left,
        detail=f"{told}: {_some(list(left))}" if left else "none",
        advice="Workers remove them by themselves after a while; `stakazo doctor --repair` does so now.",
        needed=False,
    )


def _some(keys: Sequence[str]) -> str:
    return ", ".join(keys[:3]) + (" ..." if len(keys) > 3 else "")


async def _workers(settings: Settings, db: Database, *, up_to_date: bool) -> Finding:
    server = await running(settings)
    alive = []
    if up_to_date:
        async with db.system_transaction() as session:
            alive = await jobs.workers(session, settings)
    names = ", ".join(f"{worker.name} ({'+'.join(worker.queues)})" for worker in alive)
    if server is None and not alive:
        return Finding(
            "Workers",
            ok=False,
            detail="no server runs, so no worker either",
            advice="`stakazo serve` starts both; `stakazo process` brings its own.",
            needed=False,
        )
    return Finding(
        "Workers",
        ok=bool(alive),
        detail=f"{len(alive)} alive: {names}" if alive else "none is alive, so jobs wait",
        advice="`stakazo worker` starts one; the log of `stakazo serve` says why its own ended.",
    )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The database of these settings, which is stopped again where nobody else uses it."""
    urls = await postgres.resolve(settings)
    db = Database(urls.app, pool_size=1)
    try:
        yield db
    finally:
        await db.close()
        if settings.database_url is None:
            await asyncio.to_thread(postgres.stop, settings.data_dir)
