"""`stakazo links`: every command on one screen; what they do is in `linking.py`."""

from __future__ import annotations

from typing import Annotated

import typer

from stakazo.cli.options import AsJson, Server

app = typer.Typer(
    help="Smart links: one address under a post that leads each visitor to where they listen.", no_args_is_help=True,
    rich_markup_mode="rich", add_completion=False,
)  # fmt: skip

Id = Annotated[str, typer.Argument(metavar="LINK", help="Its id, its last few letters, its slug, or its URL.")]
Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="TARGET...",
        help="NAME=URL, or NAME:DEVICE=URL for one kind of device (ios, android, desktop); the first that fits counts.",
        show_default=False,
    ),
]


@app.command("list")
def show_list(
    clip: Annotated[str | None, typer.Option(help="Only those that are told with this clip.")] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those that lead nowhere any more too.")] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """The links, and where they lead.

    Example: stakazo links list
    """
    from stakazo.cli import linking as command
    from stakazo.core.settings import Settings

    command.show_list(Settings(), server, clip, ended=ended, as_json=as_json)


@app.command("add")
def add(
    targets: Targets,
    title: Annotated[str, typer.Option(help="What it is for.")] = "",
    slug: Annotated[str | None, typer.Option(help="The end of its address; made up without.")] = None,
    clip: Annotated[str | None, typer.Option(help="The clip that it is told with.")] = None,
    conversions: Annotated[
        bool, typer.Option("--conversions", help="Have each click carry its proof, so that what came of it counts.")
    ] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Make a link.

    Example: stakazo links add spotify=https://open.spotify.com/track/1 apple:ios=https://music.apple.com/1 --slug blue
    """
    from stakazo.cli import linking as command
    from stakazo.core.settings import Settings

    command.add(Settings(), server, targets, title, slug, clip, conversions=conversions, as_json=as_json)


@app.command("show")
def show(link: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Who followed it, day by day, and what came of it.

    Example: stakazo links show blue
    """
    from stakazo.cli import linking as command
    from stakazo.core.settings import Settings

    command.show_clicks(Settings(), server, link, as_json=as_json)


@app.command("lead")
def lead(link: Id, targets: Targets, server: Server = None, as_json: AsJson = False) -> None:
    """Lead elsewhere. The address stays: it is out in the world.

    Example: stakazo links lead blue spotify=https://open.spotify.com/track/2
    """
    from stakazo.cli import linking as command
    from stakazo.core.settings import Settings

    command.lead(Settings(), server, link, targets, as_json=as_json)


@app.command("end")
def end(link: Id, server: Server = None) -> None:
    """Let it lead nowhere any more. What was counted stays.

    Example: stakazo links end blue
    """
    from stakazo.cli import linking as command
    from stakazo.core.settings import Settings

    command.end(Settings(), server, link)
