"""Commands that work at the database itself, for whoever runs the installation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from stakazo.core import postgres
from stakazo.core.db import Database
from stakazo.core.postgres import Urls
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings

T = TypeVar("T")


def at_the_database(settings: Settings, act: Callable[[Database, Urls], Awaitable[T]]) -> T:
    """Do something with the database of these settings, whether a server runs or not."""

    async def run() -> T:
        urls = await postgres.resolve(settings)
        db = Database(urls.app, pool_size=2, keyring=Keyring(settings))
        try:
            return await act(db, urls)
        finally:
            await db.close()
            if settings.database_url is None:
                await asyncio.to_thread(postgres.stop, settings.data_dir)

    return asyncio.run(run())
