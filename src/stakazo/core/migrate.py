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
from alembic.util import CommandError
from psycopg import Error
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from stakazo.core.errors import Unavailable
from stakazo.core.revisions import head


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
