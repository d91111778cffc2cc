from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.api.serving import House, Site, running

from stakazo.core.settings import Settings


@pytest.fixture(scope="module")
def house(server: Any, tmp_path_factory: pytest.TempPathFactory, uncounted: dict[str, Any]) -> Iterator[House]:
    name = f"t_{uuid4().hex}"
    urls = server.create(name)
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path_factory.mktemp("data"),
        database_url=urls.owner,
        app_database_url=urls.app,
        database_pool_size=5,
        min_free_bytes=1,
        **uncounted,
    )
    with running(settings, urls) as house:
        yield house
    server.drop(name)


@pytest.fixture
def site(house: House) -> Site:
    return house.site()


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client
