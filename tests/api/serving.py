"""A running API for tests: uvicorn on a free port of this machine, in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import structlog
import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession
from tests.near import NEAR

from stakazo.accounts import keys
from stakazo.core import postgres
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.core.workspaces import Workspace
from stakazo.main import create_app

T = TypeVar("T")


class Site:
    """One running API, a workspace of the test's own in it, and the key to that."""

    def __init__(self, house: House, workspace_id: UUID, key: str) -> None:
        self.house, self.workspace_id, self.key = house, workspace_id, key
        self.settings, self.urls, self.port, self.url = house.settings, house.urls, house.port, house.url
        self.actor = Actor(workspace_id, "system", "test")

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=90, **NEAR, **options
        )

    def within(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Do something in a transaction of this workspace."""

        async def transact() -> T:
            async with self.house.database.transaction(self.actor) as session:
                return await work(session)

        return self.house.do(transact())

    @property
    def files(self) -> list[Path]:
        """Every file of this workspace in storage, and every unfinished one."""
        root = self.settings.storage_dir
        folders = (root / str(self.workspace_id), root / "tmp")
        return sorted(
            path for folder in folders for path in folder.rglob("*") if path.is_file() and path.name != "alive"
        )


@dataclass(frozen=True)
class House:
    """A running API on a database."""

    settings: Settings
    urls: postgres.Urls
    app: FastAPI
    port: int
    loop: asyncio.AbstractEventLoop
    """The server's; not the test's."""
    database: Database
    """The test's own way into the database, on the server's loop."""

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the server's loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def site(self) -> Site:
        """A new workspace with a key."""

        async def make() -> tuple[UUID, str]:
            workspace = Workspace(id=new_id(), name="Blue Note")
            made = keys.new_key(workspace.id, "test")
            async with self.database.system_transaction() as session:
                session.add(workspace)
                await session.flush()
                session.add(made.key)
            return workspace.id, made.token

        return Site(self, *self.do(make()))


@contextmanager
def running(
    settings: Settings, urls: postgres.Urls, *, change: Callable[[FastAPI], None] = lambda _: None
) -> Iterator[House]:
    """The API on a free port, in a thread; `change` may do something to the application before it starts."""
    # A traceback with every local variable, as the default would have it, takes half a minute.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, plain])
    with socket.socket() as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as `stakazo serve` does
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        settings = settings.model_copy(update={"port": port})
        app = create_app(settings)
        change(app)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, lifespan="on", timeout_graceful_shutdown=2
        )
        server = Server(config, app)
        thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listener]),))
        thread.start()
        assert server.up.wait(120)
        house = House(settings, urls, app, port, server.loop, Database(urls.app, keyring=Keyring(settings)))
        try:
            yield house
        finally:
            house.do(house.database.close())
            server.should_exit = True
            thread.join(120)
            assert not thread.is_alive()


class Server(uvicorn.Server):
    """Like the one of `stakazo serve`: ends its live streams before it waits for them."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self.app, self.up = app, threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.app.state.stopping.set()
        await super().shutdown(sockets)
