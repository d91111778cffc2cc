"""`stakazo audiences`: every command on one screen. What they do is in `gathering.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stakazo.cli import wishes
from stakazo.cli.advertising import AdAccount
from stakazo.cli.options import AsJson, Server
from stakazo.platforms.crowds import Crowd, Watched

audiences = typer.Typer(
    help="Audiences for ads: who had to do with you, watched, came to the website, is on a list, or is like those.",
    no_args_is_help=True, rich_markup_mode="rich", add_completion=False,
)  # fmt: skip

Name = Annotated[str, typer.Argument(help="What to call it; campaigns name it so.", show_default=False)]
Id = Annotated[str, typer.Argument(metavar="AUDIENCE", help="Its id, or its last few letters.", show_default=False)]
Days = Annotated[int, typer.Option(min=1, max=365, help="How long somebody stays in it.")]
People = Annotated[
    Path,
    typer.Argument(
        help="Customers: a CSV file with the columns email and phone, or one address or number a line.",
        exists=True, dir_okay=False, show_default=False,
    ),
]  # fmt: skip
Consent = Annotated[
    bool, typer.Option("--consent", help="Yes: these people may be advertised to by Meta, which learns their hashes.")
]


@audiences.command("list")
def show_list(server: Server = None, as_json: AsJson = False) -> None:
    """Audiences that were made from here; what an account has altogether shows `stakazo campaigns audiences`.

    Example: stakazo audiences list
    """
    from stakazo.cli import gathering as command
    from stakazo.core.settings import Settings

    command.show_list(Settings(), server, as_json=as_json)


@audiences.command("show")
def show(audience: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Everything about one: whether ads can be shown to it, what went wrong, and what to do.

    Example: stakazo audiences show 3f9a1c
    """
    from stakazo.cli import gathering as command
    from stakazo.core.settings import Settings

    command.act(Settings(), server, audience, None, as_json=as_json)


@audiences.command("page")
def page(
    name: Name, days: Days = 365, account: AdAccount = None, dry_run: wishes.DryRun = False, server: Server = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Who had to do with the ad account's Page.

    Example: stakazo audiences page "Page, last month" --days 30
    """
    _make(server, account, {"name": name, "crowd": Crowd.PAGE, "days": days}, dry_run=dry_run, as_json=as_json)


@audiences.command("instagram")
def instagram(
    name: Name, days: Days = 365, account: AdAccount = None, dry_run: wishes.DryRun = False, server: Server = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Who had to do with the ad account's Instagram account.

    Example: stakazo audiences instagram "Instagram, last year"
    """
    _make(server, account, {"name": name, "crowd": Crowd.INSTAGRAM, "days": days}, dry_run=dry_run, as_json=as_json)


@audiences.command("video")
def video(  # noqa: PLR0917 - one argument per option
    name: Name,
    variant: Annotated[list[str] | None, typer.Option(help="A variant's id; may be repeated.")] = None,
    post: Annotated[list[str] | None, typer.Option(help="A publication's id; may be repeated.")] = None,
    watched: Annotated[Watched, typer.Option(help="At least so much of it.")] = Watched.QUARTER,
    days: Days = 365,
    account: AdAccount = None,
    dry_run: wishes.DryRun = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Who watched clips: the Page's posts of them, and the ads that show them.

    Example: stakazo audiences video "Saw half of it" --post 019a... --watched 50%
    """
    said = {"variant_ids": variant or [], "publication_ids": post or [], "watched": watched, "days": days}
    _make(server, account, {"name": name, "crowd": Crowd.VIDEO, **said}, dry_run=dry_run, as_json=as_json)


@audiences.command("website")
def website(  # noqa: PLR0917 - one argument per option
    name: Name,
    url: Annotated[str | None, typer.Option(help="Only addresses with this in them.")] = None,
    event: Annotated[str | None, typer.Option(help="Only who did this: Purchase, Lead, ...")] = None,
    pixel: Annotated[str | None, typer.Option(help="The pixel's id; the ad account's, if not said.")] = None,
    days: Annotated[int, typer.Option(min=1, max=180, help="How long somebody stays in it.")] = 180,
    account: AdAccount = None,
    dry_run: wishes.DryRun = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Who was on a website with the pixel.

    Example: stakazo audiences website "Bought a record" --event Purchase
    """
    said = {"url": url, "event": event, "pixel_id": pixel, "days": days}
    _make(server, account, {"name": name, "crowd": Crowd.WEBSITE, **said}, dry_run=dry_run, as_json=as_json)


@audiences.command("customers")
def customers(
    name: Name,
    file: People,
    consent: Consent = False,
    account: AdAccount = None,
    dry_run: wishes.DryRun = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Who is on a list. Addresses and numbers are hashed here: as they are they don't leave this program.

    Example: stakazo audiences customers "Newsletter" readers.csv --consent
    """
    from stakazo.cli import gathering as command
    from stakazo.core.settings import Settings

    command.customers(Settings(), server, account, name, file, consent=consent, dry_run=dry_run, as_json=as_json)


@audiences.command("add")
def add(audience: Id, file: People, consent: Consent = False, server: Server = None, as_json: AsJson = False) -> None:
    """Put more customers on a list; who is on it already stays once.

    Example: stakazo audiences add 3f9a1c new-readers.csv --consent
    """
    from stakazo.cli import gathering as command
    from stakazo.core.settings import Settings

    command.add(Settings(), server, audience, file, consent=consent, as_json=as_json)


@audiences.command("lookalike")
def lookalike(
    name: Name,
    origin: Annotated[str, typer.Argument(help="The other audience's name, or Meta's key.", show_default=False)],
    country: Annotated[str, typer.Argument(help="Two letters: DE.", show_default=False)],
    percent: Annotated[int, typer.Option(min=1, max=20, help="Of the country's people; fewer are more alike.")] = 1,
    account: AdAccount = None,
    dry_run: wishes.DryRun = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Who is most like those of another audience.

    Example: stakazo audiences lookalike "Like our readers" Newsletter DE --percent 2
    """
    said = {"origin": origin, "country": country.upper(), "percent": percent}
    _make(server, account, {"name": name, "crowd": Crowd.LOOKALIKE, **said}, dry_run=dry_run, as_json=as_json)


@audiences.command("retry")
def retry(audience: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Go on with one that came to nothing; what was made is not made again.

    Example: stakazo audiences retry 3f9a1c
    """
    from stakazo.cli import gathering as command
    from stakazo.core.settings import Settings

    command.act(Settings(), server, audience, "retry", as_json=as_json)


@audiences.command("remove")
def remove(audience: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Have it removed at the platform, where no campaign needs it.

    Example: stakazo audiences remove 3f9a1c
    """
    from stakazo.cli import gathering as command
    from stakazo.core.settings import Settings

    command.remove(Settings(), server, audience, as_json=as_json)


def _make(server: str | None, account: str | None, said: dict[str, object], *, dry_run: bool, as_json: bool) -> None:
    from stakazo.cli import gathering as command
    from stakazo.core.settings import Settings

    command.make(Settings(), server, account, said, dry_run=dry_run, as_json=as_json)
