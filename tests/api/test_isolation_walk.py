"""Nobody reaches what is another workspace's: every operation, asked by everybody who may not, about what is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from tests.api.isolation import mutants, reach
from tests.api.isolation.asks import ASKS, Ask
from tests.api.isolation.fill import fill
from tests.api.isolation.stage import Stage
from tests.api.isolation.walk import Operation, Walk, committed, unasked
from tests.api.isolation.watch import WITHOUT_WORDS
from tests.api.serving import House, running

from stakazo.core.postgres import conninfo

pytestmark = pytest.mark.timeout(900)  # a thousand requests, one after the other


@dataclass(frozen=True)
class Ground:
    """A running API with the stage, and the way in for who sees all."""

    house: House
    stage: Stage
    superuser: str
    walk: Walk


@pytest.fixture(scope="module")
def ground(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    name = f"t_{uuid4().hex}"
    urls = server.create(name)
    settings = mutants.settings(urls, tmp_path_factory.mktemp("data"))
    with running(settings, urls) as house:
        stage = fill(house, server.superuser(name))
        walk = Walk(house, stage, server.superuser(name))
        yield Ground(house, stage, server.superuser(name), walk)
        walk.close()
    server.drop(name)


def test_every_operation_of_the_contract_is_asked() -> None:
    assert unasked(committed(), ASKS) == []


def test_an_operation_without_its_ask_is_named() -> None:
    new = Operation("GET", "/songs/{song_id}", "videos:read", frozenset({"path song_id"}))
    assert unasked([new], {}) == [
        "GET /songs/{song_id} has no ask: say in asks.py how it is asked about a workspace's things"
    ]
    assert unasked([new], {new.name: [Ask()]}) == [
        "GET /songs/{song_id} takes song_id (path), and no ask names a thing there"
    ]
    filtered = Operation("GET", "/videos", "videos:read", frozenset({"query song_id"}))
    assert unasked([filtered], {filtered.name: [Ask()]}) == [
        "GET /videos takes song_id (query), and no ask names a thing there"
    ]
    assert unasked([], {"GET /gone": [Ask()]}) == ["GET /gone is not in the contract"]


def test_there_is_one_of_everything_and_each_has_the_mark(ground: Ground) -> None:
    assert set(ground.walk.watch.unmarked()) == WITHOUT_WORDS


def test_the_api_is_the_committed_one(ground: Ground) -> None:
    assert set(ground.walk.contract) == set(committed())


def test_a_policy_that_lets_all_in_is_found(ground: Ground) -> None:
    with psycopg.connect(conninfo(ground.house.urls.owner), autocommit=True) as owner:
        every = {(one.table, one.policy, one.how): one for one in mutants.policies(owner)}
        mutant = every["clips", "one_workspace", "opened"]
        owner.execute(mutant.statement)
        found = [str(one) for one in ground.walk.strangers("GET /clips/{clip_id}")]
        owner.execute(mutant.undone)
    assert any("shows" in one for one in found)
    assert any("of what isn't there" in one for one in found)
    assert [*ground.walk.strangers("GET /clips/{clip_id}")] == []


def test_a_permission_that_nobody_asks_for_is_found(ground: Ground) -> None:
    with mutants.without_permission(ground.house.app, "GET /ledger/events"):
        found = {one.who for one in ground.walk.strangers("GET /ledger/events")}
    assert found == {"VIEWER", "a key without ledger:read"}
    assert [*ground.walk.strangers("GET /ledger/events")] == []


def test_nobody_is_shown_or_changes_what_is_anothers(ground: Ground) -> None:
    assert [str(one) for one in ground.walk.strangers()] == []


def test_no_transaction_reaches_more_than_it_is_for_and_none_less(ground: Ground) -> None:
    assert [*reach.faults(ground.stage, ground.superuser)] == []


def test_members_are_shown_and_change_what_nobody_else_is(ground: Ground) -> None:
    """Last, since little is left of it: that there was something to be found, by the same questions."""
    assert [str(one) for one in ground.walk.members()] == []
