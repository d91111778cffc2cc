"""Bringing a database's tables to what this version of Stakazo needs.

python -m stakazo.core.migrate                   upgrade the database of the settings
python -m stakazo.core.migrate revision "why"    write the next revision from what changed in the models
"""

from __future__ import annotations

import asyncio
import sys
from importlib.resources import as_file, files
from io import StringIO
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg import Error
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError

from stakazo.core.db import Database
from stakazo.core.errors import Unavailable

RESTORING = "stakazo_restore"
"""A table that is there for as long as a restore is not done."""


def _config(owner_url: str | None = None) -> Config:
    with as_file(files("stakazo") / "migrations") as folder:  # a real folder: wheels are installed unpacked
        config = Config(attributes={"url": owner_url}, stdout=StringIO())
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
    return config


def upgrade(owner_url: str, revision: str = "head") -> None:
    """Bring the database up to date, as its owner; processes that do so at once wait for one another."""
    try:
        command.upgrade(_config(owner_url), revision)
    except CommandError as error:
        raise Unavailable(
            f"The database can't be brought up to date: {error} It may come from a newer version of Stakazo."
        ) from error
    except SQLAlchemyError as error:
        why = (
            error.orig.diag.message_primary
            if isinstance(error, DBAPIError) and isinstance(error.orig, Error)
            else error
        )
        raise Unavailable(f"The database can't be brought up to date: {why}") from error


def head() -> str:
    """The revision that this version of Stakazo needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def revisions() -> list[str]:
    """Every revision that this version of Stakazo knows, the oldest first."""
    return [one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


async def current(db: Database) -> str | None:
    """The revision that the database is at; None for an empty one."""
    try:
        async with db.engine.connect() as connection:
            revision: str | None = await connection.scalar(text("select version_num from alembic_version"))
            return revision
    except ProgrammingError:
        return None


async def is_current(db: Database) -> bool:
    """Whether the database is what this version of Stakazo needs, and whole."""
    return await current(db) == head() and not await is_being_restored(db)


async def is_being_restored(db: Database) -> bool:
    """Whether a backup is being restored to it, or the restore was broken off."""
    async with db.engine.connect() as connection:
        return await connection.scalar(text("select to_regclass(:table)"), {"table": RESTORING}) is not None


async def require_whole(db: Database) -> None:
    """Raises Unavailable for a database whose restore isn't done."""
    if await is_being_restored(db):
        raise Unavailable(
            "The restore of this database is not done. Wait for it; where it was broken off, give the same `stakazo "
            "restore` again."
        )


def differences(owner_url: str) -> None:
    """Raise when the models and the migrations say different things."""
    command.check(_config(owner_url))


def main(arguments: list[str]) -> None:
    from stakazo.core import postgres  # noqa: PLC0415
    from stakazo.core.settings import settings  # noqa: PLC0415

    urls = asyncio.run(postgres.resolve(settings()))
    try:
        upgrade(urls.owner)
        match arguments:
            case []:
                sys.stdout.write(f"The database is at revision {head()}.\n")
            case ["revision", message]:
                made: Any = command.revision(_config(urls.owner), message, autogenerate=True, rev_id=_next())
                sys.stdout.write(f"{Path(made.path).name}: read it, and protect its tables.\n")
            case _:
                sys.exit(__doc__)
    finally:
        if settings().database_url is None:
            postgres.stop(settings().data_dir)


def _next() -> str:
    return f"{int(head()) + 1:04}"


if __name__ == "__main__":
    main(sys.argv[1:])
