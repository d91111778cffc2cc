"""The first start."""

from __future__ import annotations

import asyncio
import stat

from sqlalchemy import func, select

from stakazo.accounts import first, keys
from stakazo.accounts.models import ApiKey
from stakazo.core.db import Database
from stakazo.core.settings import Settings
from stakazo.core.workspaces import Workspace


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
