"""`stakazo ledger`: every command on one screen; what they do is in `proving`, `verification` and `keeping`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stakazo.cli.options import AsJson, Server

app = typer.Typer(
    help="The ledger: read it, take it away, check it anywhere.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
)


@app.command()
def events(
    event: Annotated[list[str] | None, typer.Option("--event", help="Only these events, like clip_accepted.")] = None,
    subject: Annotated[str | None, typer.Option(help="clip/<id>, or the id alone.")] = None,
    actor: Annotated[str | None, typer.Option(help="user/<id>, or the id alone.")] = None,
    thread: Annotated[str | None, typer.Option(help="A correlation id: all that one request set in motion.")] = None,
    since: Annotated[str | None, typer.Option(help="2026-11-22T10:00:00Z")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 30,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """What happened, newest first.

    Example: stakazo ledger events --event clip_accepted --limit 10
    """
    from stakazo.cli import proving as command

    wanted = {"event": event, "subject": subject, "actor": actor, "correlation_id": thread}
    command.events(wanted | {"since": since, "limit": limit}, server, as_json=as_json)


@app.command()
def trace(
    subject: Annotated[str, typer.Argument(metavar="ID", help="Of a video, clip, variant ...", show_default=False)],
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """The life of one thing: from the source and the rule to what became of it, and why.

    Example: stakazo ledger trace 01990000-0000-7000-8000-000000000000
    """
    from stakazo.cli import proving as command

    command.trace(subject, server, as_json=as_json)


@app.command()
def export(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path("ledger.jsonl"),
    subject: Annotated[str | None, typer.Option(help="Only what happened to this; each event with its proof.")] = None,
    server: Server = None,
) -> None:
    """Take the ledger away as JSON Lines, with its newest checkpoint and its public keys beside it.

    Example: stakazo ledger export ledger.jsonl
    """
    from stakazo.cli import proving as command

    command.export(out, {"subject": subject}, server)


@app.command()
def checkpoint(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Append it to this file; stdout without it.")] = None,
    server: Server = None,
) -> None:
    """The newest signed checkpoint. Keep it where nobody who has the database can reach it.

    Example: stakazo ledger checkpoint --out /mnt/elsewhere/checkpoints
    """
    from stakazo.cli import proving as command

    command.checkpoint(out, server)


@app.command()
def verify(
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="A file of `ledger export`.", show_default=False)],
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="The public key, or a file with it.")],
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", metavar="FILE", help="Checkpoints that were kept elsewhere; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check an export: no database, no network, no server. Names the first bad position and what is wrong there.

    Exit codes: 0 all is proven; 1 something was changed; 2 a file can't be read; 3 proven, but events are missing
    that were never sealed.

    Example: stakazo ledger verify ledger.jsonl --key ledger.pub --checkpoint kept.checkpoint
    """
    from stakazo.cli import verification as command

    raise typer.Exit(command.verify(export, key, checkpoint or [], as_json=as_json))


@app.command()
def erase(
    person: Annotated[
        str, typer.Argument(metavar="PERSON", help="user/<id>, video/<id>, channel/<id> ...", show_default=False)
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    server: Server = None,
) -> None:
    """Make what the ledger says of a person, a video ... unreadable, for good; every event and proof stays.

    With a video goes what is said of its clips, their variants and the jobs about them.

    Example: stakazo ledger erase user/01990000-0000-7000-8000-000000000000
    """
    from stakazo.cli import proving as command

    command.erase(person, server, yes=yes)


@app.command()
def rotate() -> None:
    """Sign with a new key from now on; each ledger names it, endorsed by the old one. Run where the key is.

    Example: stakazo ledger rotate
    """
    from stakazo.cli import keeping as command
    from stakazo.core.settings import Settings

    command.rotate(Settings())


@app.command()
def check(as_json: AsJson = False) -> None:
    """Check this installation's ledgers where they lie: every event, tree and checkpoint, the files, the rows.

    Exit code 1 when something is wrong.

    Example: stakazo ledger check
    """
    from stakazo.cli import keeping as command
    from stakazo.core.settings import Settings

    raise typer.Exit(command.check(Settings(), as_json=as_json))


@app.command("accept-restore")
def accept_restore(
    workspace: Annotated[str, typer.Argument(metavar="WORKSPACE", help="Its id.", show_default=False)],
) -> None:
    """After an old backup was restored on purpose: seal on from it. The ledger itself says that this was done.

    Example: stakazo ledger accept-restore 01990000-0000-7000-8000-000000000000
    """
    from stakazo.cli import keeping as command
    from stakazo.core.settings import Settings

    command.accept_restore(Settings(), workspace)
