"""`stakazo channels`, `stakazo publish`, `stakazo publications`: every command on one screen.

What they do is in `posting.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from stakazo.cli.options import AsJson, Server
from stakazo.platforms.base import Platform
from stakazo.publishing.states import PublicationState

channels = typer.Typer(
    help="Channels: connected accounts of platforms.", no_args_is_help=True, rich_markup_mode="rich",
    add_completion=False,
)  # fmt: skip
publications = typer.Typer(
    help="Publications: list, show, approve, reschedule, cancel, retry, confirm, take down.", no_args_is_help=True,
    rich_markup_mode="rich", add_completion=False,
)  # fmt: skip

MOMENT = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]
Id = Annotated[str, typer.Argument(metavar="PUBLICATION", help="Its id, or its last few letters.", show_default=False)]


@channels.command("list")
def channels_list(server: Server = None, as_json: AsJson = False) -> None:
    """The connected channels, and whether their tokens work.

    Example: stakazo channels list
    """
    from stakazo.cli import posting as command
    from stakazo.core.settings import Settings

    command.show_channels(Settings(), server, as_json=as_json)


@channels.command("connect")
def channels_connect(  # noqa: PLR0917 - one argument per option
    platform: Annotated[Platform, typer.Argument(help="Where the account is.", show_default=False)],
    account: Annotated[
        str | None, typer.Option(help="The account's id at the platform; its token is read from STAKAZO_TOKEN.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    time_zone: Annotated[str | None, typer.Option("--zone", help="Its time zone: Europe/Berlin.")] = None,
    sign_in: Annotated[
        bool, typer.Option("--sign-in", help="By the platform's own page in your browser; its tokens are kept alive.")
    ] = False,
    real: Annotated[bool, typer.Option("--real", help="Sign in at the real platform, not in the sandbox.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Be asked once more for what you declined.")] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Connect an account: the sandbox's, where everything can be tried, or a real one.

    Nothing is published for real before a signed-in person lets the channel go live.

    Example: stakazo channels connect instagram --sign-in --real
    """
    from stakazo.cli import connecting
    from stakazo.cli import posting as command
    from stakazo.core.settings import Settings

    if sign_in or real or again:
        body = {"platform": platform.value, "live": real, "again": again}
        connecting.sign_in(Settings(), server, body, ask=_prompt, say=typer.echo, as_json=as_json)
        return
    command.connect(Settings(), server, platform.value, account, name, time_zone, as_json=as_json)


def _prompt(question: str) -> str:
    return str(typer.prompt(question, default="", show_default=False))


@channels.command("allows")
def channels_allows(
    channel: Annotated[str, typer.Argument(help="Its name, id or platform.", show_default=False)],
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """What an account may post now, as its platform says.

    Example: stakazo channels allows tiktok
    """
    from stakazo.cli import posting as command
    from stakazo.core.settings import Settings

    command.allows(Settings(), server, channel, as_json=as_json)


@channels.command("disconnect")
def channels_disconnect(
    channel: Annotated[str, typer.Argument(help="Its name, id or platform.", show_default=False)], server: Server = None
) -> None:
    """Forget an account's tokens.

    Example: stakazo channels disconnect instagram
    """
    from stakazo.cli import posting as command
    from stakazo.core.settings import Settings

    command.disconnect(Settings(), server, channel)


def publish(  # noqa: PLR0917 - one argument per option
    clip: Annotated[str, typer.Argument(metavar="CLIP", help="A clip's or variant's id.", show_default=False)],
    to: Annotated[
        list[str], typer.Option("--to", help="A channel's name, id or platform; may be repeated.", show_default=False)
    ],
    at: Annotated[
        datetime | None, typer.Option(formats=MOMENT, help="When, in this machine's time zone.", show_default="now")
    ] = None,
    queue: Annotated[bool, typer.Option("--queue", help="In the channel's next free slot.")] = False,
    caption: Annotated[str, typer.Option(help="What is said with it.")] = "",
    hashtag: Annotated[list[str] | None, typer.Option("--tag", help="A hashtag; may be repeated.")] = None,
    title: Annotated[str | None, typer.Option(help="YouTube, Facebook.")] = None,
    first_comment: Annotated[str, typer.Option("--comment", help="A first comment below it.")] = "",
    draft: Annotated[bool, typer.Option("--draft", help="Write it down, and do nothing yet.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would happen, and what speaks against.")
    ] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Publish a clip's rendered variants on channels, each on those it was made for.

    Example: stakazo publish 019a... --to instagram --to tiktok --at "2026-12-01 18:00" --caption "Out now" --tag jazz
    """
    from stakazo.cli import posting as command
    from stakazo.core.settings import Settings

    said = {
        "at": at.astimezone().isoformat() if at else None,
        "queue": queue,
        "caption": caption,
        "hashtags": hashtag or [],
        "first_comment": first_comment,
        "draft": draft,
        "details": {"title": title} if title else {},
    }
    command.publish(Settings(), server, clip, to, said, dry_run=dry_run, as_json=as_json)


@publications.command("list")
def publications_list(
    state: Annotated[
        list[PublicationState] | None, typer.Option(case_sensitive=False, help="Only in this state; may be repeated.")
    ] = None,
    due: Annotated[bool, typer.Option("--due", help="In the order in which they go out.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """The newest publications.

    Example: stakazo publications list --state needs_human
    """
    from stakazo.cli import posting as command
    from stakazo.core.settings import Settings

    states = [one.value for one in state or []]
    command.show_list(Settings(), server, states, "due" if due else "newest", limit, as_json=as_json)


@publications.command("show")
def publications_show(publication: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Everything about one publication: what went wrong, and what to do.

    Example: stakazo publications show 3f9a1c
    """
    _act(publication, None, server, as_json=as_json)


@publications.command("approve")
def publications_approve(publication: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Agree to a publication: it goes out at its time.

    Example: stakazo publications approve 3f9a1c
    """
    _act(publication, "approve", server, as_json=as_json)


@publications.command("cancel")
def publications_cancel(
    publication: Id,
    looked: Annotated[bool, typer.Option("--looked", help="I have looked at the account: it isn't there.")] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Call a publication off, as long as nobody can have seen it; what may be public only after you have looked.

    Example: stakazo publications cancel 3f9a1c
    """
    _act(publication, "cancel", server, {"looked": looked}, as_json=as_json)


@publications.command("reschedule")
def publications_reschedule(
    publication: Id,
    at: Annotated[
        datetime, typer.Argument(formats=MOMENT, help="When, in this machine's time zone.", show_default=False)
    ],
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Another time for what hasn't begun; what was approved is to be approved again.

    Example: stakazo publications reschedule 3f9a1c "2026-12-01 18:00"
    """
    from stakazo.cli import posting as command
    from stakazo.core.settings import Settings

    command.reschedule(Settings(), server, publication, at, as_json=as_json)


@publications.command("confirm")
def publications_confirm(
    variant: Annotated[str, typer.Argument(metavar="VARIANT", help="Which variant it is.", show_default=False)],
    post: Annotated[str, typer.Argument(metavar="POST", help="Its address or id there.", show_default=False)],
    to: Annotated[
        str, typer.Option("--to", help="A channel's name, id or platform; a platform alone.", show_default=False)
    ],
    at: Annotated[
        datetime | None, typer.Option(formats=MOMENT, help="Since when it is out.", show_default="now")
    ] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """A post that you made yourself, or found there: from now on it is followed like the rest.

    Example: stakazo publications confirm 019a... https://www.youtube.com/shorts/abcdefghijk --to youtube
    """
    from stakazo.cli import posting as command
    from stakazo.core.settings import Settings

    command.confirm(Settings(), server, variant, post, to, at, as_json=as_json)


@publications.command("retry")
def publications_retry(
    publication: Id,
    looked: Annotated[bool, typer.Option("--looked", help="I have looked at the account: it isn't there.")] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Go on with what failed or got stuck. What may be public is asked about first.

    Example: stakazo publications retry 3f9a1c
    """
    _act(publication, "retry", server, {"looked": looked}, as_json=as_json)


@publications.command("comment")
def publications_comment(
    publication: Id,
    looked: Annotated[bool, typer.Option("--looked", help="I have looked under the post: it isn't there.")] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Have the first comment written that was not. What may be there, only after you have looked.

    Example: stakazo publications comment 3f9a1c --looked
    """
    _act(publication, "first_comment", server, {"looked": looked}, as_json=as_json)


@publications.command("remove")
def publications_remove(publication: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Take down what is public.

    Example: stakazo publications remove 3f9a1c
    """
    _act(publication, "remove", server, as_json=as_json)


def _act(
    publication: str, verb: str | None, server: str | None, body: dict[str, object] | None = None, *, as_json: bool
) -> None:
    from stakazo.cli import posting as command
    from stakazo.core.settings import Settings

    command.act(Settings(), server, publication, verb, body, as_json=as_json)
