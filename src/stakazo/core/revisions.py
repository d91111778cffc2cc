"""How far a database's tables are, and how far this version of Stakazo needs them; `migrate` brings them there.

Every process asks when it starts, and nearly always all is well: so it is known without Alembic and its history.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from stakazo.core.db import Database
from stakazo.core.errors import Unavailable

RESTORING = "stakazo_restore"
"""A table that is there for as long as a restore is not done."""


@cache
def known() -> tuple[str, ...]:
    """Every revision that this version of Stakazo knows, the oldest first: their files begin with their names."""
    folder = files("stakazo") / "migrations" / "versions"
    return tuple(sorted(file.name.partition("_")[0] for file in folder.iterdir() if file.name[:4].isdecimal()))


def head() -> str:
    """The revision that this version of Stakazo needs."""
    return known()[-1]


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
