"""The first start."""

from __future__ import annotations

import asyncio
import stat

import pytest
from sqlalchemy import func, select

from stakazo.accounts import first, invitations, keys
from stakazo.accounts.models import ApiKey, User
from stakazo.accounts.roles import Role
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.errors import NotFound
from stakazo.core.settings import Settings
from stakazo.core.workspaces import Workspace
from stakazo.ledger import service as ledger


async def test_the_first_start_makes_a_workspace_and_a_key(database: Database, app_settings: Settings):
    made = await first.ensure_first(database, app_settings)
    assert made.key_created
    assert made.note is None
    assert stat.S_IMODE(app_settings.key_file.stat().st_mode) == 0o600
    token = app_settings.key_file.read_text()
    who = await keys.authenticate(database, token)
    assert (who.workspace_id, who.kind) == (made.workspace_id, "api_key")

    again = await first.ensure_first(database, app_settings)
    assert again == first.FirstStart(made.workspace_id, key_created=False)
    assert app_settings.key_file.read_text() == token


async def test_starts_at_once_make_one(database: Database, app_settings: Settings):
    starts = await asyncio.gather(*(first.ensure_first(database, app_settings) for _ in range(5)))
    assert sum(start.key_created for start in starts) == 1
    assert len({start.workspace_id for start in starts}) == 1
    async with database.system_transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Workspace)) == 1
        assert await session.scalar(select(func.count()).select_from(ApiKey)) == 1


async def test_a_lost_key_file_is_made_again_and_said_so(database: Database, app_settings: Settings):
    made = await first.ensure_first(database, app_settings)
    lost = app_settings.key_file.read_text()
    app_settings.key_file.unlink()
    again = await first.ensure_first(database, app_settings)
    assert again.key_created
    assert again.workspace_id == made.workspace_id
    assert "revoke" in (again.note or "")
    assert app_settings.key_file.read_text() != lost
    for token in (lost, app_settings.key_file.read_text()):
        assert (await keys.authenticate(database, token)).workspace_id == made.workspace_id


async def test_the_owner_link_makes_an_owner_once(database: Database, app_settings: Settings):
    assert await first.owner_link(database, app_settings) is None  # there is nothing yet
    made = await first.ensure_first(database, app_settings)
    earlier = await first.owner_link(database, app_settings)
    link = await first.owner_link(database, app_settings)
    assert earlier is not None
    assert link is not None
    assert link.startswith(f"{app_settings.base_url}/account#invitation=")
    async with database.system_transaction() as session:
        with pytest.raises(NotFound):  # each makes the one before worthless
            await invitations.find(session, earlier.partition("=")[2])
        offer = await invitations.find(session, link.partition("=")[2])
        assert (offer.workspace_id, offer.role, offer.email) == (made.workspace_id, Role.OWNER, None)
        user = User(id=new_id(), email="ann@example.org")
        session.add(user)
        await session.flush()
        await invitations.take(session, offer, user.id, new_id())
    assert await first.owner_link(database, app_settings) is None  # there is an owner
    assert await first.owner_link(database, app_settings, although_owned=True) is not None


async def test_the_first_start_is_in_the_ledger(database: Database, app_settings: Settings):
    made = await first.ensure_first(database, app_settings)
    await first.owner_link(database, app_settings)
    async with database.transaction(Actor(made.workspace_id, "system", "test")) as session:
        events = [event.event for event in reversed(await ledger.recent(session))]
    assert events == ["workspace_created", "key_created", "invitation_created"]
