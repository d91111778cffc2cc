"""What whoever runs an installation does beside serving: look after it, save it, bring it back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stakazo.cli.options import AsJson

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", metavar="FILE", help="A file whose first line is the passphrase that seals the backup."
    ),
]


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Remove files that killed processes have left.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check database, FFmpeg, models, files, disk and workers, and say what to do. Exit code 1: something is missing.

    Example: stakazo doctor --repair
    """
    from stakazo.cli import checkup as command
    from stakazo.core.settings import Settings

    raise typer.Exit(command.doctor(Settings(), as_json=as_json, repair=repair))


def migrate() -> None:
    """Bring the database up to date, and make the first workspace and key."""
    import asyncio

    from stakazo.cli import server as command
    from stakazo.cli.output import console
    from stakazo.core.settings import Settings

    console().print(f"The database is at revision {asyncio.run(command.bring_up_to_date(Settings()))}.")


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave out what must stay secret; keep that elsewhere.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Write one file with everything: rows, stored files, keys; of one moment, while everything goes on.

    With its keys it is as secret as the installation itself. Ctrl-C leaves nothing behind.

    Example: stakazo backup /mnt/elsewhere/stakazo-2026-11-22.zip --passphrase-file ~/.stakazo-backup
    """
    from stakazo.cli import backups as command
    from stakazo.core.settings import Settings

    command.take(
        Settings(), file, replace=force, with_keys=not without_keys, passphrase_file=passphrase_file, as_json=as_json
    )


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.", show_default=False)],
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="DIR", help="A new data folder with its own database, whatever settings say."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only read the backup, and check every byte of it.")] = False,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", metavar="FILE", help="Ledger checkpoints kept elsewhere; may be repeated."),
    ] = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Bring no keys back, though what they sealed stays closed.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make an installation of a backup, in an empty place; then verify its ledgers, files and secrets.

    Without --into it goes where the settings say: the data folder and the database must be empty. One that was broken
    off goes on with the same command. Exit code 1 when something is not as it should be.

    Example: stakazo restore stakazo-2026-11-22.zip --into /srv/stakazo
    """
    from stakazo.cli import backups as command
    from stakazo.core.settings import Settings

    where = command.Where(file, into, tuple(checkpoint or ()), passphrase_file)
    raise typer.Exit(command.restore(Settings(), where, only_check=check, without_keys=without_keys, as_json=as_json))


def upgrade() -> None:
    """Bring the embedded database's files to the PostgreSQL of this version, once `stakazo serve` asks for it.

    Nothing may run meanwhile. The old files are kept beside the new ones.

    Example: stakazo upgrade
    """
    from stakazo.cli import server as command
    from stakazo.core.settings import Settings

    command.upgrade(Settings())


def owner_link() -> None:
    """Print a link with which whoever opens it becomes an owner of the first workspace: for a lost way in.

    Example: stakazo owner-link
    """
    from stakazo.cli import accounts as command
    from stakazo.core.settings import Settings

    command.owner_link(Settings())


def rescue(email: Annotated[str, typer.Argument(metavar="ADDRESS", help="Whose.", show_default=False)]) -> None:
    """Take a lost second factor away, and print a link with which its owner chooses a new password.

    Example: stakazo rescue ann@example.com
    """
    from stakazo.cli import accounts as command
    from stakazo.core.settings import Settings

    command.rescue(Settings(), email)
