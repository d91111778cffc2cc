"""One house for the tests of a file: API, worker and sandbox; each test has a workspace of its own in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.api.conftest import People
from tests.api.serving import House
from tests.publishing.press import Desk, a_house

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
    with a_house(server, world, data_dir=tmp_path_factory.mktemp("data"), ads_watch_interval=1.0, **uncounted) as house:
        yield house


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
