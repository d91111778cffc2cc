"""What `stakazo secrets` does, at the database."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.cli.direct import at_the_database
from stakazo.cli.output import Failure, console, print_json, say
from stakazo.core import rotation
from stakazo.core.rotation import every_table
from stakazo.core.security import Keyring, key_id, new_key
from stakazo.core.settings import Settings
from stakazo.ledger import service as ledger


def status(settings: Settings, *, as_json: bool) -> None:
    """Which keys there are, and what is left for the older ones."""
    keys = Keyring(settings)
    names = [key_id(key).hex() for key in keys.keys]
    left = at_the_database(settings, lambda db, _: rotation.left(db, keys, every_table()))
    if as_json:
        print_json({"keys": names, "left": left})
        return
    console().print(f"{keys.file or 'STAKAZO_MASTER_KEYS'}: {', '.join(names)} (the newest first)", soft_wrap=True)
    console().print(
        f"{left} secrets are not sealed with the newest key." if left else "All secrets have the newest key."
    )


def rotate(settings: Settings) -> int:
    """A new key for everything; the exit code."""
    keys = Keyring(settings)
    tables = every_table()
    if keys.file is not None and not at_the_database(settings, lambda db, _: rotation.left(db, keys, tables)):
        keys.keep([new_key(), *keys.keys])
    name = key_id(keys.keys[0]).hex()

    async def told(session: AsyncSession, workspace_id: UUID, count: int) -> None:
        await ledger.record(session, "secrets_resealed", subject=("workspace", workspace_id), key=name, count=count)

    done = at_the_database(settings, lambda db, _: rotation.reseal(db, keys, tables, told))
    say(f"{done.values} secrets are sealed with the key {name} now.")
    for one in done.unreadable:
        say(f"No key here opens {one}: it was left as it is.")
    if not done.unreadable and len(keys.keys) > 1:
        say("The old keys are needed by older backups alone: `stakazo secrets retire` forgets them here.")
    return 1 if done.unreadable else 0


def retire(settings: Settings) -> None:
    """Forget every key but the newest."""
    keys = Keyring(settings)
    left = at_the_database(settings, lambda db, _: rotation.left(db, keys, every_table()))
    if left:
        raise Failure(f"{left} secrets are still sealed with an older key. Do `stakazo secrets rotate` first.")
    old: Sequence[bytes] = keys.keys[1:]
    keys.keep(keys.keys[:1])
    say(f"{len(old)} old keys are forgotten.")
