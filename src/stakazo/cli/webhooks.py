"""`stakazo webhooks`: every command on one screen; what they do is in `telling.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from stakazo.cli.options import AsJson, Server

app = typer.Typer(
    help="Outgoing webhooks: who is told what happens here.", no_args_is_help=True, rich_markup_mode="rich",
    add_completion=False,
)  # fmt: skip

MOMENT = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]
Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id, its last few letters, or its URL.")]


@app.command("list")
def show_list(server: Server = None, as_json: AsJson = False) -> None:
    """The webhooks, and whether they take what they are sent.

    Example: stakazo webhooks list
    """
    from stakazo.cli import telling as command
    from stakazo.core.settings import Settings

    command.show_list(Settings(), server, as_json=as_json)


@app.command("add")
def add(
    url: Annotated[str, typer.Argument(help="Where to send it.", show_default=False)],
    event: Annotated[
        list[str] | None,
        typer.Option(
            "--event", "-e", help="Which: publication.published, publication.*; may be repeated. All without."
        ),
    ] = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Have an address told what happens from now on. Its secret is printed this once.

    Example: stakazo webhooks add https://hooks.example.com/stakazo -e "publication.*" -e "*.failed"
    """
    from stakazo.cli import telling as command
    from stakazo.core.settings import Settings

    command.add(Settings(), server, url, event or ["*"], description, as_json=as_json)


@app.command("rotate")
def rotate(webhook: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Give it a new secret, printed this once. For 24 hours the old one signs too.

    Example: stakazo webhooks rotate 3f9a1c
    """
    from stakazo.cli import telling as command
    from stakazo.core.settings import Settings

    command.rotate(Settings(), server, webhook, as_json=as_json)


@app.command("test")
def try_out(webhook: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Send it a test, and wait for what comes of it.

    Example: stakazo webhooks test 3f9a1c
    """
    from stakazo.cli import telling as command
    from stakazo.core.settings import Settings

    command.try_out(Settings(), server, webhook, as_json=as_json)


@app.command("deliveries")
def deliveries(
    webhook: Id,
    dead: Annotated[bool, typer.Option("--dead", help="Only what every attempt was in vain for.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """What it was sent, and what it answered; the newest first.

    Example: stakazo webhooks deliveries 3f9a1c --dead
    """
    from stakazo.cli import telling as command
    from stakazo.core.settings import Settings

    command.deliveries(Settings(), server, webhook, limit, dead=dead, as_json=as_json)


@app.command("replay")
def replay(
    webhook: Id,
    since: Annotated[
        datetime | None, typer.Option(formats=MOMENT, help="From then on, in this machine's time zone.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=MOMENT, help="Before then.", show_default="now")] = None,
    delivery: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only what every attempt was in vain for.")] = False,
    server: Server = None,
) -> None:
    """Send again: one delivery, or everything of a time, also what happened while it was off.

    Example: stakazo webhooks replay 3f9a1c --since "2026-12-01 18:00" --dead
    """
    from stakazo.cli import telling as command
    from stakazo.core.settings import Settings

    command.replay(Settings(), server, webhook, since, until, delivery, dead=dead)


@app.command("on")
def switch_on(webhook: Id, server: Server = None) -> None:
    """Tell it again what happens from now on.

    Example: stakazo webhooks on 3f9a1c
    """
    _switch(webhook, server, enabled=True)


@app.command("off")
def switch_off(webhook: Id, server: Server = None) -> None:
    """Tell it nothing, until it is switched on again.

    Example: stakazo webhooks off 3f9a1c
    """
    _switch(webhook, server, enabled=False)


@app.command("remove")
def remove(webhook: Id, server: Server = None) -> None:
    """Forget it and what it was sent.

    Example: stakazo webhooks remove 3f9a1c
    """
    from stakazo.cli import telling as command
    from stakazo.core.settings import Settings

    command.remove(Settings(), server, webhook)


def _switch(webhook: str, server: str | None, *, enabled: bool) -> None:
    from stakazo.cli import telling as command
    from stakazo.core.settings import Settings

    command.switch(Settings(), server, webhook, enabled=enabled)
