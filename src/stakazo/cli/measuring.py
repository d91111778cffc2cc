"""`stakazo metrics` and `stakazo inbox`: every command on one screen; what they do is in `returns.py`."""

from __future__ import annotations

from typing import Annotated

import typer

from stakazo.cli.options import AsJson, Server
from stakazo.insights.hearing import ItemState

metrics = typer.Typer(
    help="What came back: of a post, a campaign, or a clip over all of them.", no_args_is_help=True,
    rich_markup_mode="rich", add_completion=False,
)  # fmt: skip
inbox = typer.Typer(
    help="The inbox: what people said, and what waits for an answer.", no_args_is_help=True, rich_markup_mode="rich",
    add_completion=False,
)  # fmt: skip

Item = Annotated[str, typer.Argument(metavar="ITEM", help="Its id, or its last few letters.", show_default=False)]


@metrics.command("post")
def of_post(
    publication: Annotated[str, typer.Argument(help="The publication's id.", show_default=False)],
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Every sample of a post, the newest first. A dash is what the platform doesn't say.

    Example: stakazo metrics post 019a...
    """
    from stakazo.cli import returns as command
    from stakazo.core.settings import Settings

    command.of_post(Settings(), server, publication, as_json=as_json)


@metrics.command("campaign")
def of_campaign(
    campaign: Annotated[str, typer.Argument(help="The campaign's id.", show_default=False)],
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """What a campaign brought and cost, day by day.

    Example: stakazo metrics campaign 019a...
    """
    from stakazo.cli import returns as command
    from stakazo.core.settings import Settings

    command.of_campaign(Settings(), server, campaign, as_json=as_json)


@metrics.command("clip")
def of_clip(
    clip: Annotated[str, typer.Argument(help="The clip's id.", show_default=False)],
    time_zone: Annotated[str, typer.Option("--zone", help="Whose days.")] = "UTC",
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """A clip's series, day by day: its posts up to then, its ads on that day.

    Example: stakazo metrics clip 019a... --zone Europe/Berlin
    """
    from stakazo.cli import returns as command
    from stakazo.core.settings import Settings

    command.of_clip(Settings(), server, clip, time_zone, as_json=as_json)


@inbox.command("list")
def show_list(
    state: Annotated[ItemState, typer.Option(help="Which.")] = ItemState.OPEN,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """What was said to us and waits for somebody, the newest first.

    Example: stakazo inbox list
    """
    from stakazo.cli import returns as command
    from stakazo.core.settings import Settings

    command.show_inbox(Settings(), server, state.value, as_json=as_json)


@inbox.command("reply")
def reply(
    item: Item,
    text: Annotated[str, typer.Argument(help="The answer; everybody sees it.", show_default=False)],
    server: Server = None,
) -> None:
    """Answer a comment, publicly and at most once.

    Example: stakazo inbox reply 3f2a "In May!"
    """
    from stakazo.cli import returns as command
    from stakazo.core.settings import Settings

    command.reply(Settings(), server, item, text)


@inbox.command("done")
def done(item: Item, server: Server = None) -> None:
    """Put something aside: nothing is to be done about it any more.

    Example: stakazo inbox done 3f2a
    """
    from stakazo.cli import returns as command
    from stakazo.core.settings import Settings

    command.done(Settings(), server, item)
