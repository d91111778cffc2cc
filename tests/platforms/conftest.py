"""A sandbox of the test's own over real HTTP, with a clock that only the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from tests.platforms.source import FileSource

from stakazo.core.outside import trusted
from stakazo.platforms import hosts, publishers
from stakazo.platforms.base import Account, Media, Platform, Publisher
from stakazo.platforms.http import App, Connection, client
from stakazo.platforms.sandbox.control import ACCOUNTS
from stakazo.platforms.sandbox.server import running
from stakazo.platforms.sandbox.world import World

START = 1_795_000_000.0
"""A moment in November 2026."""


class There:
    """A running sandbox, and how to reach it."""

    def __init__(self, world: World, url: str, http: httpx.AsyncClient) -> None:
        self.world, self.url, self.http = world, url, http
        self.connection = Connection(
            http, sandbox=hosts.sandbox(url), clock=world.now, meters={},
            sandbox_apps={
                name.removesuffix("_app"): App(known["id"], known["secret"])
                for name, known in ACCOUNTS.items()
                if name.endswith("_app")
            },
        )  # fmt: skip

    def account(self, platform: Platform) -> Account:
        known = ACCOUNTS[platform.value]
        return Account(platform, known["id"], known["token"])

    @property
    def advertiser(self) -> Account:
        known = ACCOUNTS["meta_ads"]
        return Account(Platform.FACEBOOK, known["id"], known["token"])

    def publisher(self, platform: Platform) -> Publisher:
        return publishers.of(self.connection, self.account(platform))

    def operations(self, like: str = "") -> list[str]:
        """What was asked, in order."""
        return [call["operation"] for call in self.world.calls if like in call["operation"]]


@asynccontextmanager
async def sandboxed(world: World) -> AsyncIterator[There]:
    async with running(world) as url, client(trusted()) as http:
        yield There(world, url, http)


@pytest.fixture
async def there() -> AsyncIterator[There]:
    """The sandbox; what is asked of it must be as Meta's contract has it."""
    world = World(clock=lambda: START)
    async with sandboxed(world) as there:
        yield there
    assert world.violations == []


@pytest.fixture
def film(tmp_path: Path) -> Media:
    """Three megabytes and a bit, as a file."""
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(range(256)) * 4 * 1024 * 3 + b"end")
    return Media(FileSource(path))
