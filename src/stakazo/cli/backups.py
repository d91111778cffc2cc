"""`stakazo backup` and `stakazo restore`: for whoever runs the installation, at its database and its files."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from stakazo.backup import archive, restoring, taking
from stakazo.backup.archive import Reader
from stakazo.backup.taking import Taken
from stakazo.backup.verifying import Finding
from stakazo.cli.output import DATA, FAILED, OK, Failure, console, made, print_json, say, size
from stakazo.cli.server import alone
from stakazo.core import postgres
from stakazo.core.db import Database
from stakazo.core.postgres import Urls
from stakazo.core.private import read_private
from stakazo.core.settings import Settings
from stakazo.ledger import checkpoint as checkpoints
from stakazo.ledger.checkpoint import Note

PACE = 1.0
"""Seconds between two lines of progress, where nobody looks at a terminal: ten times as many."""


@dataclass(frozen=True, slots=True)
class Where:
    """A backup, where it goes, and what it is held against."""

    file: Path
    into: Path | None
    checkpoints: tuple[Path, ...]
    passphrase_file: Path | None


def take(
    settings: Settings, target: Path, *, replace: bool, with_keys: bool, passphrase_file: Path | None, as_json: bool
) -> None:
    """Write a backup."""
    passphrase = _passphrase(passphrase_file)
    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        raise Failure(f"There is nothing to back up in {settings.data_dir.absolute()}: STAKAZO_DATA_DIR says where.")
    with _database(settings) as urls:
        taken = taking.take(
            settings,
            urls.owner,
            target,
            with_keys=with_keys,
            passphrase=passphrase,
            replace=replace,
            told=_progress(),
        )
        asyncio.run(_note(urls, taken))
    if as_json:
        print_json(_as_json(taken))
        return
    _say_taken(taken, sealed=passphrase is not None)


async def _note(urls: Urls, taken: Taken) -> None:
    db = Database(urls.app, pool_size=1)
    try:
        await taking.note(db, taken)
    finally:
        await db.close()


def _as_json(taken: Taken) -> dict[str, object]:
    said = taken.manifest
    return {
        "file": str(taken.target),
        "bytes": taken.bytes,
        "fingerprint": taken.fingerprint,
        "id": said.id,
        "taken_at": said.taken_at,
        "revision": said.revision,
        "rows": sum(rows.count for rows in said.rows),
        "files": len(said.files),
        "keys": said.with_keys,
        "lost": said.lost,
        "changed": taken.changed,
    }


def _say_taken(taken: Taken, *, sealed: bool) -> None:
    out, said = console(), taken.manifest
    rows = sum(one.count for one in said.rows)
    out.print(
        f"[green]✓[/] {taken.target}: {size(taken.bytes)}, {rows} rows and {len(said.files)} files of {said.taken_at}"
    )
    out.print(f"  fingerprint  {taken.fingerprint}")
    if not said.with_keys:
        out.print("  It has no keys: keep master_keys and the folder ledger of the data directory elsewhere.")
    elif not sealed:
        out.print("  It has the keys: whoever can read it has everything. --passphrase-file seals it.")
    for key in said.lost:
        out.print(f"[yellow]![/] {key} was not there any more: its row is in the backup, the file is lost.")
    for key in taken.changed:
        out.print(f"[yellow]![/] {key} is not what its row says: the file was damaged. It is in the backup as it is.")


# --- restore ------------------------------------------------------------------------------------------------


def restore(settings: Settings, where: Where, *, only_check: bool, without_keys: bool, as_json: bool) -> int:
    """Make an installation of a backup; the exit code."""
    if where.into is not None:
        # A trial must not touch what the settings name, nor be held against its checkpoints: that one goes on.
        settings = settings.model_copy(
            update={
                "data_dir": where.into,
                "database_url": None,
                "app_database_url": None,
                "ledger_checkpoint_dir": None,
                "storage_url": None,
            }
        )
    outside = [note for file in where.checkpoints for note in _notes(file)]
    with archive.reading(where.file, _passphrase(where.passphrase_file)) as reader:
        restoring.check(reader, _progress("checked"))
        if only_check:
            return _say_checked(reader, as_json=as_json)
        restoring.require_place(settings, reader, without_keys=without_keys)
        made(settings.data_dir, DATA)
        with alone(settings), _database(settings) as urls:
            restoring.fill(settings, urls.owner, reader, without_keys=without_keys, told=_progress())
            found = asyncio.run(restoring.settle(urls, settings, reader, outside))
        return _say_restored(settings, reader, found, as_json=as_json)


def _notes(file: Path) -> Iterator[Note]:
    try:
        notes = list(checkpoints.read_all(file.read_text(encoding="utf-8")))
    except ValueError as error:
        raise Failure(f"{file}: {error}.") from None
    if not notes:
        raise Failure(f"{file} has no checkpoint in it.")
    yield from notes


def _say_checked(reader: Reader, *, as_json: bool) -> int:
    said = reader.manifest
    if as_json:
        print_json({"ok": True, "fingerprint": reader.fingerprint, "id": said.id, "taken_at": said.taken_at})
        return OK
    rows = sum(one.count for one in said.rows)
    console().print(
        f"[green]✓[/] {reader.where}: {rows} rows and {len(said.files)} files of {said.taken_at} are what was backed up"
        f", with{'' if said.with_keys else 'out'} keys, by Stakazo {said.stakazo} (revision {said.revision})"
    )
    console().print(f"  fingerprint  {reader.fingerprint}")
    return OK


def _say_restored(settings: Settings, reader: Reader, found: list[Finding], *, as_json: bool) -> int:
    good = all(finding.ok for finding in found)
    if as_json:
        print_json({"ok": good, "backup": reader.manifest.id, "findings": [asdict(finding) for finding in found]})
        return OK if good else FAILED
    out = console()
    for finding in found:
        out.print(f"{'[green]✓[/]' if finding.ok else '[red]✗[/]'} {finding.says}", soft_wrap=True)
    out.print(f"Restored to {settings.data_dir.absolute()}: everything as it was on {reader.manifest.taken_at}.")
    out.print("  Everybody has to sign in anew. Members, keys and passwords are those of that day: what was taken back")
    out.print("  since then works again. Look through `stakazo keys list` and the members before others can reach it.")
    out.print(f"  Start it: STAKAZO_DATA_DIR={settings.data_dir.absolute()} stakazo serve")
    if not good:
        out.print("[red bold]Something is not as it should be[/]: see the lines with ✗.")
    return OK if good else FAILED


# --- both ---------------------------------------------------------------------------------------------------


@contextmanager
def _database(settings: Settings) -> Iterator[Urls]:
    urls = asyncio.run(postgres.resolve(settings))
    try:
        yield urls
    finally:
        if settings.database_url is None:
            postgres.stop(settings.data_dir)


def _passphrase(file: Path | None) -> str | None:
    if file is None:
        return None
    lines = read_private(file).splitlines()
    if not lines or not lines[0]:
        raise Failure(f"{file} has no passphrase in its first line.")
    return lines[0]


def _progress(what: str = "written") -> Callable[[str, int, int], None]:
    """Says how far it is: on one line of a terminal, else now and then on a new one."""
    terminal, last = sys.stderr.isatty(), time.monotonic()

    def told(name: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < (PACE if terminal else 10 * PACE):
            return
        last = now
        line = f"{size(done)} of {size(total)} {what}: {name}"
        if terminal:
            sys.stderr.write(f"\r\x1b[2K{line[:100]}")
            sys.stderr.flush()
        else:
            say(line)

    return told
