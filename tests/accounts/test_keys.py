"""API keys: what is kept of them, and which count."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from stakazo.accounts import keys
from stakazo.accounts.models import ApiKey
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.errors import NotFound, Unauthenticated
from stakazo.core.postgres import Urls, conninfo


@pytest.fixture
async def actor(actor: Actor) -> Actor:
    """The machine itself: a person would have to exist."""
    return replace(actor, kind="system")


async def test_the_secret_is_not_in_the_database(urls: Urls, database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        made = await keys.create_key(session, "ci")
    secret = made.token.rsplit("_", 1)[1]
    with psycopg.connect(conninfo(urls.app)) as connection:
        connection.execute("set role stakazo_system")
        [row] = connection.execute("select api_keys::text from api_keys").fetchall()
    assert secret not in row[0]
    assert made.key.prefix in row[0]


@pytest.mark.parametrize(
    "token", ["", "stk", "stk_a_b", "Bearer x", "stk_000000000000_" + "a" * 43, "stk_é_\0", "x" * 10**6]
)
async def test_other_tokens_are_refused(database: Database, actor: Actor, token: str):
    with pytest.raises(Unauthenticated):
        await keys.authenticate(database, token)


async def test_a_key_with_another_secret_is_refused(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        made, other = [await keys.create_key(session, "ci") for _ in range(2)]
    mixed = "_".join([*made.token.split("_")[:2], other.token.split("_", 2)[2]])
    with pytest.raises(Unauthenticated):
        await keys.authenticate(database, mixed)
    assert (await keys.authenticate(database, f" {made.token}\n")).id == str(made.key.id)


async def test_revoked_and_expired_keys_are_refused(database: Database, actor: Actor):
    soon = datetime.now(UTC) + timedelta(hours=1)
    async with database.transaction(actor) as session:
        good = await keys.create_key(session, "good", expires_at=soon)
        revoked = await keys.create_key(session, "revoked")
        expired = await keys.create_key(session, "expired", expires_at=datetime.now(UTC) - timedelta(seconds=1))
        await keys.revoke_key(session, revoked.key.id)
        when = (await keys.revoke_key(session, revoked.key.id)).revoked_at
        assert (await keys.revoke_key(session, revoked.key.id)).revoked_at == when
    assert (await keys.authenticate(database, good.token)).workspace_id == actor.workspace_id
    for key in (revoked, expired):
        with pytest.raises(Unauthenticated):
            await keys.authenticate(database, key.token)
    async with database.transaction(actor) as session:
        assert [key.name for key in (await keys.keys(session)).items] == ["good"]


async def test_keys_are_of_one_workspace(database: Database, actor: Actor, other_actor: Actor):
    async with database.transaction(actor) as session:
        made = await keys.create_key(session, "ours")
    async with database.transaction(other_actor) as session:
        assert (await keys.keys(session)).items == []
        for key_id in (made.key.id, new_id()):
            with pytest.raises(NotFound):
                await keys.revoke_key(session, key_id)


async def test_use_is_noted_to_the_minute(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        made = await keys.create_key(session, "ci")
    seen = []
    for _ in range(2):
        await keys.authenticate(database, made.token)
        async with database.transaction(actor) as session:
            seen.append((await session.get_one(ApiKey, made.key.id)).last_used_at)
    assert seen[0] is not None
    assert seen[0] == seen[1]
