"""`stakazo ledger verify`: files and a key, and nothing else that could be asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stakazo.cli.output import Failure, console, print_json
from stakazo.ledger import checkpoint as checkpoints
from stakazo.ledger.checkpoint import Note, VerifierKey
from stakazo.ledger.verify import Report
from stakazo.ledger.verify import verify as check

PROVEN, REFUTED, UNREADABLE, GAPS = 0, 1, 2, 3
"""Exit codes of `verify`."""
LEDGER = "ledger.jsonl"
"""What an export is called beside a report."""


def how_to_verify(out: Path) -> str:
    """The command that checks an export."""
    return f"stakazo ledger verify {out} --key {out.with_suffix('.pub')} --checkpoint {out.with_suffix('.checkpoint')}"


def verify(export: Path, key: str, kept: Sequence[Path], *, as_json: bool) -> int:
    """Check an export; the exit code."""
    try:
        report = verified(export, key, kept)
    except OSError as error:
        raise Failure(f"{error.filename} can't be read: {error.strerror}.", code=UNREADABLE) from None
    except ValueError as error:
        raise Failure(str(error), code=UNREADABLE) from None
    if as_json:
        print_json(_as_json(report))
    else:
        _say(report, with_checkpoint=bool(kept))
    if report.fault is not None:
        return REFUTED
    return GAPS if report.gaps else PROVEN


def verified(export: Path, key: str, kept: Sequence[Path]) -> Report:
    """What the verifier finds. Raises OSError and ValueError for files that are not what they should be."""
    with export.open("rb") as lines:
        return check(lines, keys_of(key), [note for path in kept for note in _notes(path)])


def keys_of(given: str) -> list[VerifierKey]:
    """Keys written out, or in a file, one a line. Raises ValueError."""
    path = Path(given)
    text = path.read_text(encoding="utf-8") if len(given) < 4096 and path.is_file() else given
    if not text.strip() or ("+" not in text):
        raise ValueError(f"{given!r} is neither a public key (name+id+key) nor a file with one.")
    return [VerifierKey.parse(line) for line in text.splitlines() if line.strip()]


def _notes(path: Path) -> Iterator[Note]:
    notes = list(checkpoints.read_all(path.read_text(encoding="utf-8")))
    if not notes:
        raise ValueError(f"{path} has no checkpoint in it.")
    yield from notes


def _as_json(report: Report) -> dict[str, Any]:
    fault = report.fault
    return {
        "ok": fault is None and not report.gaps,
        "origin": report.origin,
        "complete": report.complete,
        "events": report.events,
        "checkpoints": report.checkpoints,
        "size": report.size,
        "root": report.root.hex(),
        "key": report.key,
        "outside": report.outside,
        "erased": report.erased,
        "fault": {"what": fault.what, "first": fault.first, "last": fault.last} if fault else None,
        "gaps": report.gaps,
    }


def _say(report: Report, *, with_checkpoint: bool) -> None:
    out = console()
    if report.fault is not None:
        out.print(f"[red bold]NOT AS IT WAS SIGNED[/]  {report.fault}", soft_wrap=True)
        if report.size:
            out.print(f"The first {report.size} events are as they were signed.")
        return
    what = f"All {report.events} events" if report.complete else f"{report.events} of {report.size} events"
    out.print(f"[green bold]PROVEN[/]  {what} are as they were signed: {report.origin}", soft_wrap=True)
    out.print(f"  root   {report.root.hex()}")
    out.print(f"  key    {report.key}", soft_wrap=True)
    if report.outside:
        out.print(f"  agrees with {len(report.outside)} checkpoints kept elsewhere, the last of {report.outside[-1]}")
    elif not with_checkpoint:
        out.print(
            "  Only by itself: that its end was cut off, or all of it written anew with the same key, is seen with a "
            "checkpoint that was kept elsewhere (--checkpoint).",
            soft_wrap=True,
        )
    if report.erased:
        out.print(f"  {report.erased} events hold personal data that was erased; they are proven all the same")
    if report.gaps:
        out.print(
            f"[yellow bold]MISSING[/]  {len(report.gaps)} events name one before them that is not there (positions "
            f"{', '.join(map(str, report.gaps[:10]))}): removed before they were sealed, or lost by the database.",
            soft_wrap=True,
        )
