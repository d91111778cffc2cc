"""`stakazo keys`: every command on one screen; what they do is in `accounts.py`."""

from __future__ import annotations

from typing import Annotated

import typer

from stakazo.cli.options import AsJson, Server

app = typer.Typer(
    help="API keys: list, create, revoke; and the key that signs access tokens.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
)


@app.command("list")
def show(server: Server = None, as_json: AsJson = False) -> None:
    """The keys of the workspace that still work.

    Example: stakazo keys list
    """
    from stakazo.cli import accounts as command
    from stakazo.core.settings import Settings

    command.list_keys(Settings(), server, as_json=as_json)


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.", show_default=False)],
    permission: Annotated[
        list[str] | None, typer.Option("--permission", "-p", help="videos:write ...; may be repeated. All without.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="How long it works.", show_default="for ever")] = None,
    address: Annotated[
        list[str] | None, typer.Option("--address", help="Only from this network (CIDR); may be repeated.")
    ] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is printed this once.

    Example: stakazo keys create "release robot" -p videos:write -p videos:read --days 90
    """
    from stakazo.cli import accounts as command
    from stakazo.core.settings import Settings

    command.create_key(Settings(), server, name, permission, days, address, as_json=as_json)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its id, or its prefix.", show_default=False)],
    server: Server = None,
) -> None:
    """Make a key useless from now on.

    Example: stakazo keys revoke 4f1c09ab77d2
    """
    from stakazo.cli import accounts as command
    from stakazo.core.settings import Settings

    command.revoke_key(Settings(), server, key)


@app.command("rotate-signing")
def rotate_signing(
    at_once: Annotated[
        bool, typer.Option("--at-once", help="The old key was stolen: what it signed is worth nothing from now on.")
    ] = False,
) -> None:
    """Sign access tokens with a new key; the old one counts until its last token has expired.

    Example: stakazo keys rotate-signing
    """
    from stakazo.cli import accounts as command
    from stakazo.core.settings import Settings

    command.rotate_signing(Settings(), at_once=at_once)
