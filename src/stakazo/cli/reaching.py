"""The commands of `stakazo campaigns` that only ask the platform: whom ads can reach, and which forms there are."""

from __future__ import annotations

from typing import Annotated

import typer

from stakazo.cli.advertising import AdAccount, campaigns
from stakazo.cli.options import AsJson, Server
from stakazo.platforms.people import Kind


@campaigns.command("audiences")
def audiences(
    words: Annotated[str, typer.Argument(help="Only those with this in their name.", show_default=False)] = "",
    account: AdAccount = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """The ad account's custom and lookalike audiences, and whether ads can be shown to them now.

    Example: stakazo campaigns audiences followers
    """
    from stakazo.cli import spending as command
    from stakazo.core.settings import Settings

    command.audiences(Settings(), server, account, words, as_json=as_json)


@campaigns.command("targeting")
def targeting(
    kind: Annotated[Kind, typer.Argument(help="What to look for.", show_default=False)],
    words: Annotated[str, typer.Argument(help="A few letters of its name.", show_default=False)],
    account: AdAccount = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Interests, places and languages by which people can be chosen.

    Example: stakazo campaigns targeting city portland
    """
    from stakazo.cli import spending as command
    from stakazo.core.settings import Settings

    command.targeting(Settings(), server, account, kind.value, words, as_json=as_json)


@campaigns.command("forms")
def forms(account: AdAccount = None, server: Server = None, as_json: AsJson = False) -> None:
    """The forms of the Page that the ad account advertises for: `campaigns create --lead-form` takes their id.

    Example: stakazo campaigns forms
    """
    from stakazo.cli import spending as command
    from stakazo.core.settings import Settings

    command.forms(Settings(), server, account, as_json=as_json)
