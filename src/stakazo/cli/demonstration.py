"""`stakazo demo`: the whole way on a sample of which everything is known, and then the proof."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stakazo import media
from stakazo.cli.aftermath import missing
from stakazo.cli.inspect import sample
from stakazo.cli.output import Failure, console, made, say
from stakazo.cli.outward import unpublished
from stakazo.cli.processing import carry_out, show
from stakazo.cli.proof import faults_of
from stakazo.cli.story import Done, Order
from stakazo.cli.verification import LEDGER, how_to_verify, verified
from stakazo.media.types import Span
from stakazo.report.words import plural
from stakazo.sample import compare, truth_of


def demo(video: Path | None, out: Path) -> None:
    """Make the sample if there is no video, do the main job, and open every file again. Raises Failure."""
    source = video or _sample(out)
    done = carry_out(Order(source, out, ledger=True, publish=True), comparison=lambda done: comparison(source, done))
    analysis = media.analysis_from_dict(done.analysis)
    show(done, out)
    if found := comparison(source, done):
        console().print("\n[bold]Found beside the truth[/]\n  " + "\n  ".join(found))
    say("Opening every file again ...")
    faults = faults_of(out, done, analysis) + unpublished(done.posts, done.refused)
    faults += missing(done.after, done.posts)
    if faults:
        raise Failure("Not everything is as it should be:\n  " + "\n  ".join(faults))
    say("Verifying the ledger, as anyone can ...")
    path = out / LEDGER
    report = verified(path, str(path.with_suffix(".pub")), [path.with_suffix(".checkpoint")])
    if report.fault is not None or report.gaps:
        raise Failure(f"The ledger is not as it was signed: {report.fault or report.gaps}")
    console().print(
        f"[green]Proven:[/] all {report.events} events of the ledger are as they were signed. Check it yourself:\n"
        f"  {how_to_verify(path)}"
    )
    files = sum(len(clip["variants"]) for clip in done.clips)
    console().print(
        f"[green]All is there:[/] {plural(len(done.clips), 'clip')}, {plural(files, 'variant')}, each opened again: "
        f"bytes, size, codec, length and sound are right; {_whereabouts(done)}; "
        f"{out / 'report.html'} shows it all."
    )


def _whereabouts(done: Done) -> str:
    """Where the best clip is now; by then what should have worked has worked."""
    if not done.posts:
        return "no platform takes a film like the best clip, and the report says why"
    followed = "advertised and measured" if done.after and done.after.campaign else "measured"
    out = f"the best clip is out on {plural(len(done.posts), 'platform')} of the sandbox, {followed} there"
    return f"{out} ({plural(len(done.refused), 'platform')} can't take it: see the report)" if done.refused else out


def _sample(out: Path) -> Path:
    """The sample beside the results; made anew only when it isn't there."""
    path = made(out) / "sample.mp4"
    if not path.exists() or truth_of(path) is None:
        say("Making the sample: a song of known form, with pictures ...")
        sample(path)
    return path


def comparison(source: Path, done: Done) -> Sequence[str]:
    """What was found beside what is known of the sample, in sentences; nothing for an unknown video."""
    truth = truth_of(source)
    if truth is None:
        return ()
    spans = [Span(clip["start"], clip["end"]) for clip in done.clips]
    return compare(truth, media.analysis_from_dict(done.analysis), spans).lines()
