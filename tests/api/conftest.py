"""A real server for the API's tests: uvicorn on a free port of this machine, in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from stakazo.accounts import service as accounts
from stakazo.core import postgres
from stakazo.core.db import Database
from stakazo.core.settings import Settings
from stakazo.main import create_app


class Site:
    """One running API and the key to it."""

    def __init__(self, url: str, key: str, settings: Settings, urls: postgres.Urls, app: Any, port: int) -> None:
        self.url, self.key, self.settings, self.urls, self.app, self.port = url, key, settings, urls, app, port

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=30, trust_env=False, **options
        )

    @property
    def files(self) -> list[Path]:
        """Every file in storage, finished or not."""
        root = self.settings.storage_dir
        return sorted(path for path in root.rglob("*") if path.is_file())


@contextmanager
def _running(settings: Settings, urls: postgres.Urls, key: str) -> Iterator[Site]:
    app = create_app(settings)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        started = threading.Event()

        async def serve() -> None:
            task = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started and not task.done():
                await asyncio.sleep(0.01)
            started.set()
            while not server.should_exit:
                await asyncio.sleep(0.01)
            app.state.stopping.set()
            await task

        thread = threading.Thread(target=asyncio.run, args=(serve(),))
        thread.start()
        assert started.wait(30)
        assert server.started
        try:
            yield Site(f"http://127.0.0.1:{port}", key, settings, urls, app, port)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture
def site_with(urls: postgres.Urls, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Start an API with these settings."""
    stack: list[Any] = []

    def start(**changes: Any) -> Site:
        settings = Settings(_env_file=None).model_copy(
            update={
                "data_dir": tmp_path / "data",
                "database_url": urls.owner,
                "app_database_url": urls.app,
                "database_pool_size": 5,
                "min_free_bytes": 0,
                "debug_endpoints_enabled": True,
                **changes,
            }
        )

        async def first() -> None:
            db = Database(urls.app, pool_size=1)
            await accounts.ensure_first(db, settings)
            await db.close()

        asyncio.run(first())
        running = _running(settings, urls, settings.key_file.read_text().strip())
        stack.append(running)
        return running.__enter__()

    yield start
    for running in reversed(stack):
        running.__exit__(None, None, None)


@pytest.fixture
def site(site_with: Callable[..., Site]) -> Site:
    """An API, and nobody who takes its jobs."""
    return site_with()


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    """Somebody with the key."""
    with site.client() as client:
        yield client


@pytest.fixture
async def db(site: Site) -> AsyncIterator[Database]:
    """The same database, as the app."""
    database = Database(site.urls.app, pool_size=2)
    yield database
    await database.close()


MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + b"\x00" * 2000
"""What an MP4 begins with; nothing that would play."""


@pytest.fixture
def mp4() -> bytes:
    return MP4
