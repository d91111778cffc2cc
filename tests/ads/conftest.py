"""The house of the publishers, and who advertises in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.ads.stand import Stand
from tests.api.conftest import People
from tests.api.serving import House
from tests.publishing.conftest import house, world  # noqa: F401 - fixtures

from stakazo.platforms.sandbox.world import World


@pytest.fixture
def stand(house: House, world: World) -> Iterator[Stand]:  # noqa: F811 - the fixtures
    world.faults.play("calm")
    site = house.site()
    with site.client() as http:
        stand = Stand(site, world, http)
        yield stand
        stand.leave()


@pytest.fixture
def people(stand: Stand) -> Iterator[People]:
    made = People(stand.site)
    yield made
    made.close()
