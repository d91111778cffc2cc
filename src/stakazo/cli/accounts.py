"""What `stakazo keys`, `stakazo owner-link` and `stakazo rescue` do."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from stakazo.cli.client import Row, connected
from stakazo.cli.output import Failure, console, print_json
from stakazo.core.settings import Settings


def list_keys(settings: Settings, server: str | None, *, as_json: bool) -> None:
    async def ask() -> list[Row]:
        async with connected(settings, server) as api:
            return await api.every("/api-keys")

    items = asyncio.run(ask())
    if as_json:
        print_json(items)
        return
    from rich.table import Table

    table = Table(box=None)
    for column in ("prefix", "name", "may", "from", "last used", "expires"):
        table.add_column(column, overflow="fold", no_wrap=column == "prefix")
    for row in items:
        table.add_row(
            row["prefix"],
            row["name"],
            " ".join(row["permissions"] or ["everything"]),
            " ".join(row["addresses"] or ["everywhere"]),
            (row["last_used_at"] or "never")[:16],
            (row["expires_at"] or "never")[:10],
        )
    console().print(table)


def create_key(
    settings: Settings,
    server: str | None,
    name: str,
    permissions: list[str] | None,
    days: int | None,
    addresses: list[str] | None,
    *,
    as_json: bool,
) -> None:
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
    wanted = {
        "name": name,
        "permissions": permissions or None,
        "addresses": addresses or None,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }

    async def ask() -> Row:
        async with connected(settings, server) as api:
            return dict(await api.post("/api-keys", {key: value for key, value in wanted.items() if value is not None}))

    made = asyncio.run(ask())
    if as_json:
        print_json(made)
        return
    console(stderr=True).print("This is shown once; only its hash is kept.")
    sys.stdout.write(made["token"] + "\n")


def revoke_key(settings: Settings, server: str | None, given: str) -> None:
    async def ask() -> None:
        async with connected(settings, server) as api:
            plain = given.removeprefix("stk_").partition("_")[0]
            fits = [row["id"] for row in await api.every("/api-keys") if plain in {row["id"], row["prefix"]}]
            if not fits:
                raise Failure(f"There is no key {plain!r} that works.")
            await api.delete(f"/api-keys/{fits[0]}")

    asyncio.run(ask())
    console().print("It works no more.")


def rotate_signing(settings: Settings, *, at_once: bool) -> None:
    from stakazo.accounts import tokens
    from stakazo.cli.checkup import opened
    from stakazo.core.security import Keyring

    async def turn() -> str:
        async with opened(settings) as db:
            return str(await tokens.rotate(db, Keyring(settings), at_once=at_once))

    console().print(f"Access tokens are signed by {asyncio.run(turn())} from now on.")


def owner_link(settings: Settings) -> None:
    from stakazo.accounts import first
    from stakazo.cli.checkup import opened

    async def make() -> str | None:
        async with opened(settings) as db:
            return await first.owner_link(db, settings, although_owned=True)

    link = asyncio.run(make())
    if link is None:
        raise Failure("There is no workspace yet. `stakazo serve` makes the first one.")
    console(stderr=True).print("Whoever opens this first becomes an owner. It works for a week:")
    sys.stdout.write(link + "\n")


def rescue(settings: Settings, email: str) -> None:
    from stakazo.accounts import people
    from stakazo.cli.checkup import opened

    async def make() -> str:
        async with opened(settings) as db:
            return await people.rescue(db, settings, email)

    link = asyncio.run(make())
    console(stderr=True).print(f"For {email}, for an hour, once:")
    sys.stdout.write(link + "\n")
