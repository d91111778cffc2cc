"""`stakazo secrets`: the keys that seal secrets in the database; what the commands do is in `sealing.py`."""

from __future__ import annotations

import typer

from stakazo.cli.options import AsJson

app = typer.Typer(
    help="The master keys: what seals secrets in the database.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Which keys there are, and how many secrets are not sealed with the newest.

    Example: stakazo secrets status
    """
    from stakazo.cli import sealing as command
    from stakazo.core.settings import Settings

    command.status(Settings(), as_json=as_json)


@app.command()
def rotate() -> None:
    """Make a new master key and seal every secret anew with it. Nothing has to stop meanwhile.

    One that was stopped is begun again with the same command. The old keys stay until `stakazo secrets retire`.

    Example: stakazo secrets rotate
    """
    from stakazo.cli import sealing as command
    from stakazo.core.settings import Settings

    raise typer.Exit(command.rotate(Settings()))


@app.command()
def retire() -> None:
    """Forget the old master keys. Refused as long as a secret is sealed with one; old backups need them.

    Example: stakazo secrets retire
    """
    from stakazo.cli import sealing as command
    from stakazo.core.settings import Settings

    command.retire(Settings())
