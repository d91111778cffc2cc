from __future__ import annotations

import asyncio
import stat
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import func, select

from stakazo.accounts import service as accounts
from stakazo.accounts.models import ApiKey
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.errors import NotFound, Unauthenticated
from stakazo.core.postgres import Urls, conninfo
from stakazo.core.settings import Settings
from stakazo.core.workspaces import Workspace


async def test_the_first_start_makes_a_workspace_and_a_key(database: Database, app_settings: Settings):
    first = await accounts.ensure_first(database, app_settings)
    assert first.key_created
    assert first.note is None
    assert stat.S_IMODE(app_settings.key_file.stat().st_mode) == 0o600
    token = app_settings.key_file.read_text()
    who = await accounts.authenticate(database, token)
    assert (who.workspace_id, who.kind) == (first.workspace_id, "api_key")

    again = await accounts.ensure_first(database, app_settings)
    assert again == accounts.FirstStart(first.workspace_id, key_created=False)
    assert app_settings.key_file.read_text() == token


async def test_starts_at_once_make_one(database: Database, app_settings: Settings):
    starts = await asyncio.gather(*(accounts.ensure_first(database, app_settings) for _ in range(5)))
    assert sum(start.key_created for start in starts) == 1
    assert len({start.workspace_id for start in starts}) == 1
    async with database.system_transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Workspace)) == 1
        assert await session.scalar(select(func.count()).select_from(ApiKey)) == 1


async def test_a_lost_key_file_is_made_again_and_said_so(database: Database, app_settings: Settings):
    first = await accounts.ensure_first(database, app_settings)
    lost = app_settings.key_file.read_text()
    app_settings.key_file.unlink()
    again = await accounts.ensure_first(database, app_settings)
    assert again.key_created
    assert again.workspace_id == first.workspace_id
    assert "revoke" in (again.note or "")
    assert app_settings.key_file.read_text() != lost
    for token in (lost, app_settings.key_file.read_text()):
        assert (await accounts.authenticate(database, token)).workspace_id == first.workspace_id


async def test_the_secret_is_not_in_the_database(urls: Urls, database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        made = await accounts.create_key(session, "ci")
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
        await accounts.authenticate(database, token)


async def test_a_key_with_another_secret_is_refused(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        made, other = [await accounts.create_key(session, "ci") for _ in range(2)]
    mixed = "_".join([*made.token.split("_")[:2], other.token.split("_", 2)[2]])
    with pytest.raises(Unauthenticated):
        await accounts.authenticate(database, mixed)
    assert (await accounts.authenticate(database, f" {made.token}\n")).id == str(made.key.id)


async def test_revoked_and_expired_keys_are_refused(database: Database, actor: Actor):
    soon = datetime.now(UTC) + timedelta(hours=1)
    async with database.transaction(actor) as session:
        good = await accounts.create_key(session, "good", expires_at=soon)
        revoked = await accounts.create_key(session, "revoked")
        expired = await accounts.create_key(session, "expired", expires_at=datetime.now(UTC) - timedelta(seconds=1))
        await accounts.revoke_key(session, revoked.key.id)
        when = (await accounts.revoke_key(session, revoked.key.id)).revoked_at
        assert (await accounts.revoke_key(session, revoked.key.id)).revoked_at == when
    assert (await accounts.authenticate(database, good.token)).workspace_id == actor.workspace_id
    for key in (revoked, expired):
        with pytest.raises(Unauthenticated):
            await accounts.authenticate(database, key.token)
    async with database.transaction(actor) as session:
        assert [key.name for key in await accounts.keys(session)] == ["good"]


async def test_keys_are_of_one_workspace(database: Database, actor: Actor, other_actor: Actor):
    async with database.transaction(actor) as session:
        made = await accounts.create_key(session, "ours")
    async with database.transaction(other_actor) as session:
        assert await accounts.keys(session) == []
        for key_id in (made.key.id, new_id()):
            with pytest.raises(NotFound):
                await accounts.revoke_key(session, key_id)


async def test_use_is_noted_to_the_minute(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        made = await accounts.create_key(session, "ci")
    seen = []
    for _ in range(2):
        await accounts.authenticate(database, made.token)
        async with database.transaction(actor) as session:
            seen.append((await session.get_one(ApiKey, made.key.id)).last_used_at)
    assert seen[0] is not None
    assert seen[0] == seen[1]
