"""One house for the tests of a file, as for publishing; it knows Meta's secrets too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.api.serving import House
from tests.publishing.conftest import desk, people, world
from tests.publishing.press import a_house

from stakazo.platforms.sandbox.world import World

__all__ = ["desk", "house", "people", "world"]


@pytest.fixture(scope="module")
def house(
    server: Any, world: World, tmp_path_factory: pytest.TempPathFactory, uncounted: dict[str, Any]
) -> Iterator[House]:
    secrets: dict[str, Any] = {
        "meta_app_secret": "real",
        "instagram_app_secret": "insta",
        "meta_verify_token": "verify-me",
    }
    with a_house(server, world, data_dir=tmp_path_factory.mktemp("data"), **secrets, **uncounted) as house:
        yield house
