"""One house for the tests of a file: API, worker and sandbox; each test has a workspace of its own in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from tests.api.conftest import People
from tests.api.serving import House, running
from tests.publishing.press import Desk, a_sandbox, a_worker

from stakazo.core.settings import Settings
from stakazo.platforms.http import METERS
from stakazo.platforms.sandbox.world import World


@pytest.fixture(scope="module")
def world() -> World:
    made = World()
    made.processing = 0.2
    return made


@pytest.fixture(scope="module")
def house(
    server: Any, world: World, tmp_path_factory: pytest.TempPathFactory, uncounted: dict[str, Any]
) -> Iterator[House]:
    name = f"t_{uuid4().hex}"
    urls = server.create(name)
    with a_sandbox(world) as sandbox_url:
        settings = Settings(
            _env_file=None,
            data_dir=tmp_path_factory.mktemp("data"),
            database_url=urls.owner,
            app_database_url=urls.app,
            database_pool_size=5,
            password_memory_kib=8,
            password_passes=1,
            **uncounted,
            limit_spend="1000000/minute",
            min_free_bytes=1,
            sandbox_url=sandbox_url,
            ads_watch_interval=1.0,
        )
        with running(settings, urls) as house, a_worker(settings, urls):
            yield house
    server.drop(name)
    assert world.violations == []


@pytest.fixture
def desk(house: House, world: World) -> Iterator[Desk]:
    world.faults.play("calm")
    METERS.clear()
    site = house.site()
    with site.client() as http:
        yield Desk(site, world, http)


@pytest.fixture
def people(desk: Desk) -> Iterator[People]:
    made = People(desk.site)
    yield made
    made.close()
