"""The program `stakazo`: every command on one screen. What a command does is imported when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from stakazo.cli import reaching as _reaching  # noqa: F401 (its commands are those of `campaigns`)
from stakazo.cli import upkeep
from stakazo.cli.advertising import campaigns as campaigns_app
from stakazo.cli.audiences import audiences as audiences_app
from stakazo.cli.keys import app as keys_app
from stakazo.cli.ledger import app as ledger_app
from stakazo.cli.links import app as links_app
from stakazo.cli.measuring import inbox as inbox_app
from stakazo.cli.measuring import metrics as metrics_app
from stakazo.cli.options import AsJson, Server
from stakazo.cli.output import Failure, trouble
from stakazo.cli.publishing import channels as channels_app
from stakazo.cli.publishing import publications as publications_app
from stakazo.cli.publishing import publish
from stakazo.cli.secrets import app as secrets_app
from stakazo.cli.webhooks import app as webhooks_app
from stakazo.core.loading import undisturbed
from stakazo.jobs.states import JobState

app = typer.Typer(
    name="stakazo",
    help="Long music videos in; the clips that work, rendered for every platform, out. With reasons and proof.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings come from the environment (STAKAZO_*) and .env; STAKAZO_DATA_DIR says where everything is kept.",
)
jobs_app = typer.Typer(
    help="Jobs: list, show, cancel, retry.", no_args_is_help=True, rich_markup_mode="rich", add_completion=False
)
app.add_typer(jobs_app, name="jobs")
app.add_typer(keys_app, name="keys")
app.add_typer(ledger_app, name="ledger")
app.add_typer(secrets_app, name="secrets")
app.command()(publish)
app.add_typer(channels_app, name="channels")
app.add_typer(publications_app, name="publications")
app.add_typer(campaigns_app, name="campaigns")
app.add_typer(audiences_app, name="audiences")
app.add_typer(metrics_app, name="metrics")
app.add_typer(inbox_app, name="inbox")
app.add_typer(links_app, name="links")
app.add_typer(webhooks_app, name="webhooks")

VideoFile = Annotated[Path, typer.Argument(metavar="VIDEO", help="The video file.", show_default=False)]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Where to listen.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.", show_default="8400")] = None,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Worker processes; 0 for none here.")] = 1,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run everything: database, API and workers. Ctrl-C stops all of it; the data stays.

    Example: stakazo serve --port 8400
    """
    with undisturbed():
        from stakazo.cli import server as command
        from stakazo.core.settings import Settings

    wanted = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    command.serve(Settings().model_copy(update=wanted), workers=workers, parent=parent)


@app.command()
def worker(
    queues: Annotated[
        list[str] | None, typer.Argument(metavar="[QUEUE]...", help="Only these queues; all when none is named.")
    ] = None,
) -> None:
    """Run one more worker, here or on another machine with the same database and storage.

    Example: STAKAZO_DATABASE_URL=postgresql://... stakazo worker media
    """
    with undisturbed():
        from stakazo.worker import process as command

    raise typer.Exit(command.main(queues or ()))


@app.command()
def sandbox(
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8480,
    scenario: Annotated[str, typer.Option(help="What goes wrong: calm, weather, storm, or one fault.")] = "calm",
    seed: Annotated[int, typer.Option(help="The same seed and the same requests meet the same faults.")] = 0,
    processing: Annotated[float, typer.Option(min=0, help="Seconds that a platform works on a video.")] = 2.0,
    state: Annotated[
        Path | None, typer.Option(help="A file in which everything is kept.", show_default="kept until it stops")
    ] = None,
    scenarios: Annotated[bool, typer.Option("--scenarios", help="List what can go wrong, and end.")] = False,
) -> None:
    """Play Instagram, Facebook, TikTok, YouTube and Meta Ads for trying things out: nothing is real.

    Scenarios are also switched while it runs, under /sandbox of its address.

    Example: stakazo sandbox --scenario weather --seed 7
    """
    from stakazo.cli import playing as command

    if scenarios:
        sys.stdout.write(command.scenarios() + "\n")
        return
    command.run(host, port, scenario, seed, processing, state)


@app.command()
def process(
    video: VideoFile,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for clips, pictures and report.html.")] = Path(
        "out"
    ),
    platform: Annotated[
        list[str] | None,
        typer.Option("--platform", "-p", help="Only for this platform or recipe; may be repeated.", show_default="all"),
    ] = None,
    clips: Annotated[int | None, typer.Option(min=1, max=50, help="Only so many of the best clips.")] = None,
    title: Annotated[str | None, typer.Option(help="What to call the video.")] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Make clips and all their variants of a video, and a report to look at.

    Uses the Stakazo that runs here; without one, starts its own for this job. Ctrl-C stops the jobs.

    Example: stakazo process video.mp4 --out out --platform instagram --platform tiktok --clips 5
    """
    from stakazo.cli import processing as command

    command.run(video, out, platform, clips, title, server, as_json=as_json)


@app.command()
def demo(
    video: Annotated[
        Path | None, typer.Argument(metavar="[VIDEO]", help="Your video; without one, the sample is made.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for everything.")] = Path("out"),
) -> None:
    """The whole way on a sample with known beats, cuts and hooks (or on your video), then every file is checked.

    Example: stakazo demo
    """
    from stakazo.cli import demonstration as command

    command.demo(video, out)


@app.command()
def analyse(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A video or a sound file.", show_default=False)],
    clips: Annotated[int | None, typer.Option(min=1, max=50, help="How many candidates.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look at and listen to a file: shots, loudness, tempo, beats, sections, hooks, faces, candidates. No database.

    Example: stakazo analyse video.mp4 --json > analysis.json
    """
    from stakazo.cli import inspect as command

    command.analyse(file, as_json=as_json, candidates=clips)


@app.command()
def reframe(
    video: VideoFile,
    aspect: Annotated[str, typer.Option(help="The shape, width:height.")] = "9:16",
    start: Annotated[float | None, typer.Option(min=0, help="Seconds.", show_default="the beginning")] = None,
    end: Annotated[float | None, typer.Option(min=0, help="Seconds.", show_default="the end")] = None,
    as_json: AsJson = False,
) -> None:
    """Where a crop of another shape goes, as keyframes in fractions of the frame. No database.

    Example: stakazo reframe video.mp4 --aspect 9:16 --start 30 --end 50 --json
    """
    from stakazo.cli import inspect as command

    command.reframe(video, command.aspect_of(aspect), start, end, as_json=as_json)


@app.command()
def sample(out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to make.")] = Path("sample.mp4")) -> None:
    """Make the 90-second sample: a synthesised song with moving pictures, and its truth beside it.

    Example: stakazo sample sample.mp4
    """
    from stakazo.cli import inspect as command

    command.sample(out)
    sys.stdout.write(f"{out}\n{out.with_suffix('.truth.json')}\n")


@app.command()
def models(check: Annotated[bool, typer.Option("--check", help="Only look; install nothing.")] = False) -> None:
    """Install the model files that the analysers use, each checked by its hash.

    Example: stakazo models
    """
    from stakazo.cli import inspect as command

    command.models(check=check)


app.command()(upkeep.doctor)
app.command()(upkeep.migrate)
app.command()(upkeep.backup)
app.command()(upkeep.restore)
app.command()(upkeep.upgrade)


@app.command()
def openapi(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file; stdout without it.")] = None,
) -> None:
    """Print the API's contract (OpenAPI 3.1).

    Example: stakazo openapi --out openapi/openapi.json
    """
    with undisturbed():
        from stakazo.main import contract

    if out is None:
        sys.stdout.write(contract())
    else:
        out.write_text(contract(), encoding="utf-8")


app.command("owner-link")(upkeep.owner_link)
app.command()(upkeep.rescue)


@jobs_app.command("list")
def jobs_list(
    state: Annotated[
        list[JobState] | None, typer.Option(case_sensitive=False, help="Only in this state; may be repeated.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--type", help="cut_analysis, propose_clips, generate_variants.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """The newest jobs.

    Example: stakazo jobs list --state failed
    """
    from stakazo.cli import jobs as command
    from stakazo.core.settings import Settings

    command.show_list(Settings(), server, state=state or [], kind=kind, limit=limit, as_json=as_json)


JobId = Annotated[str, typer.Argument(metavar="JOB", help="A job's id, or its last few letters.", show_default=False)]


@jobs_app.command("show")
def jobs_show(job: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Everything about one job.

    Example: stakazo jobs show 3f9a1c
    """
    from stakazo.cli import jobs as command
    from stakazo.core.settings import Settings

    command.act(Settings(), server, job, None, as_json=as_json)


@jobs_app.command("cancel")
def jobs_cancel(job: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Stop a job, also a running one.

    Example: stakazo jobs cancel 3f9a1c
    """
    from stakazo.cli import jobs as command
    from stakazo.core.settings import Settings

    command.act(Settings(), server, job, "cancel", as_json=as_json)


@jobs_app.command("retry")
def jobs_retry(job: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Start a failed or cancelled job once more.

    Example: stakazo jobs retry 3f9a1c
    """
    from stakazo.cli import jobs as command
    from stakazo.core.settings import Settings

    command.act(Settings(), server, job, "retry", as_json=as_json)


def _version(wanted: bool) -> None:
    if wanted:
        from stakazo import __version__

        sys.stdout.write(f"stakazo {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program: 0 done, 1 could not be done, 2 not understood, 130 Ctrl-C; no traceback for a mistake."""
    try:
        app(arguments)
    except Failure as failure:
        _end(str(failure), failure.code)
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        _end(sentence, 1)
    sys.exit(0)


def _sentence(error: Exception) -> str | None:
    """What a person should read of an error that somebody foresaw; None for a mistake of ours."""
    from pydantic import ValidationError
    from sqlalchemy.exc import DBAPIError

    from stakazo.core.errors import StakazoError, StorageAway
    from stakazo.media.errors import MediaError

    match error:
        case StakazoError() | MediaError():
            return error.said if isinstance(error, StorageAway) else str(error)
        case ValidationError(title="Settings"):
            return "; ".join(f"{_variable(fault['loc'])}: {fault['msg']}" for fault in error.errors()) + "."
        case UnicodeDecodeError():
            return f"What should be text in UTF-8 is not ({error.reason} at byte {error.start}). Look at .env."
        case OSError():
            return trouble(error)
        case DBAPIError():
            return f"The database refused: {' '.join(str(error.orig).split())}"
    return None


def _variable(place: tuple[int | str, ...]) -> str:
    """How a setting is called in the environment; one that has a name of its own is told by it."""
    name = ".".join(map(str, place))
    return name if name.isupper() else f"STAKAZO_{name.upper()}"


def _end(sentence: str, code: int) -> NoReturn:
    sys.stderr.write(f"stakazo: {sentence}\n")
    sys.exit(code)
