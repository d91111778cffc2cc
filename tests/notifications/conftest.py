"""One house for the tests of a file: an API, a worker that tells others, and somebody who is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.api.conftest import People
from tests.api.serving import House, Site, running
from tests.notifications.receiver import Receiver, receiving
from tests.publishing.press import a_worker

from stakazo.core.settings import Settings
from stakazo.notifications.jobs import QUEUE


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
        password_memory_kib=8,
        password_passes=1,
        **uncounted,
        allowed_networks="127.0.0.1",
        min_free_bytes=1,
        ledger_interval=0.1,
    )
    with running(settings, urls) as house, a_worker(settings, urls, QUEUE):
        yield house
    server.drop(name)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def site(house: House) -> Site:
    return house.site()


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client


@pytest.fixture
def people(site: Site) -> Iterator[People]:
    people = People(site)
    yield people
    people.close()
