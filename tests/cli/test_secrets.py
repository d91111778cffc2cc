"""`stakazo secrets` as its operator types it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.core.security import Keyring, decode, new_key
from stakazo.core.settings import Settings
from stakazo.ledger import service as ledger
from stakazo.videos import imports


async def test_a_key_is_made_used_for_everything_and_the_old_one_forgotten(
    installed: Any, tmp_path: Path, database: Database, actor: Actor
) -> None:
    keys = Keyring(Settings(_env_file=None, data_dir=tmp_path / "var"))
    here = Database(database.url, pool_size=1, keyring=keys)
    async with here.transaction(actor) as session:
        await imports.request(session, keys, "https://a.example/b.mp4")
    await here.close()
    [old] = keys.keys

    async def run(verb: str, *flags: str) -> Any:
        return await asyncio.to_thread(installed.run, "secrets", verb, *flags)

    assert (await run("rotate")).returncode == 0
    assert len(keys.keys) == 2
    said = json.loads((await run("status", "--json")).stdout)
    assert (len(said["keys"]), said["left"]) == (2, 0)
    assert (await run("retire")).returncode == 0
    assert old not in keys.keys
    assert len(decode((tmp_path / "var" / "master_keys").read_text())) == 1
    async with database.transaction(actor) as session:
        assert "secrets_resealed" in {event.event for event in await ledger.recent(session)}

    keys.keep([new_key(), *keys.keys])  # as after a rotation that was killed
    refused = await run("retire")
    assert (refused.returncode, "secrets rotate" in refused.stderr) == (1, True)
    assert (await run("rotate")).returncode == 0
    assert len(keys.keys) == 2  # it went on, and made no third
