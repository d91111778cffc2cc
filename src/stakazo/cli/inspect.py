"""`stakazo analyse` and `stakazo reframe`: the media library alone, without database or server."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stakazo import media
from stakazo.cli.output import USAGE, Failure, clock, console, made, print_json, size
from stakazo.media.choice import ClipRules, Pick
from stakazo.media.errors import TooShort
from stakazo.media.types import Analysis, Span

if TYPE_CHECKING:
    from collections.abc import Callable


def _readable(path: Path) -> Path:
    if not path.exists():
        raise Failure(f"There is no file {path}.")
    if not path.is_file():
        raise Failure(f"{path} is not a file.")
    return path


def _progress() -> Callable[[str, float], None] | None:
    """A line on stderr that rewrites itself; nothing where nobody looks."""
    if not sys.stderr.isatty():
        return None

    def show(stage: str, fraction: float) -> None:
        sys.stderr.write(f"\r\x1b[K{stage} {100 * fraction:.0f} %" if fraction < 1 else "\r\x1b[K")
        sys.stderr.flush()

    return show


def _analysis(path: Path) -> Analysis:
    import av
    import cv2

    av.logging.set_level(None)  # a broken file is told of in our own words
    cv2.setNumThreads(1)  # the pictures are too small to be shared among threads, the decoder needs the cores
    show = _progress()
    try:
        return media.analyse(_readable(path), progress=show)
    finally:
        if show:
            sys.stderr.write("\r\x1b[K")


def analyse(path: Path, *, as_json: bool, candidates: int | None) -> None:
    """Everything the library finds in a file."""
    analysis = _analysis(path)
    picks = _picks(analysis, candidates)
    if as_json:
        print_json(media.analysis_to_dict(analysis) | {"candidates": [_pick(pick) for pick in picks]})
        return
    _show(path, analysis, picks)


def _picks(analysis: Analysis, count: int | None) -> tuple[Pick, ...]:
    """The clips one would propose; none where the file is shorter than any clip."""
    try:
        return media.choose(analysis, ClipRules(), count)
    except TooShort:
        return ()


def _pick(pick: Pick) -> dict[str, Any]:
    return {
        "start": pick.window.start,
        "end": pick.window.end,
        "starts_on": pick.window.starts_on,
        "ends_on": pick.window.ends_on,
        "score": pick.score.total,
        "score_parts": [
            {"name": part.name, "value": part.value, "weight": part.weight, "reason": part.reason}
            for part in pick.score.parts
        ],
        "reasons": list(pick.reasons),
        "thumbnail": pick.thumbnail,
    }


def _show(path: Path, analysis: Analysis, picks: tuple[Pick, ...]) -> None:
    from rich.table import Table

    out = console()
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    for name, value in _facts(path, analysis):
        facts.add_row(name, value)
    out.print(facts)
    if analysis.sound and analysis.sound.sections:
        parts = Table(title="Sections", box=None, title_justify="left", title_style="bold")
        for column in ("from", "to", "what", "like", "energy"):
            parts.add_column(column)
        for section in analysis.sound.sections:
            energy = "█" * round(10 * section.energy)
            parts.add_row(clock(section.start), clock(section.end), section.label, section.letter, energy)
        out.print(parts)
    if picks:
        chosen = Table(title="Candidates", box=None, title_justify="left", title_style="bold")
        for column in ("from", "to", "score", "why"):
            chosen.add_column(column, overflow="fold")
        for pick in picks:
            window = pick.window
            chosen.add_row(
                clock(window.start), clock(window.end), f"{pick.score.total:.0f}", "; ".join(pick.reasons[:3])
            )
        out.print(chosen)


def _facts(path: Path, analysis: Analysis) -> list[tuple[str, str]]:
    info = analysis.info
    facts = [("File", f"{path.name}: {info.container}, {size(info.size)}, {clock(info.duration)}")]
    if info.video:
        video = info.video
        rate = f"{float(video.frame_rate):.4g} fps" + (" (variable)" if video.variable_rate else "")
        hdr = f", HDR {video.hdr.value.upper()}" if video.hdr else ""
        turned = f", turned {video.rotation}°" if video.rotation else ""
        facts.append(("Picture", f"{video.display_width}x{video.display_height} {video.codec}, {rate}{turned}{hdr}"))
    if analysis.pictures:
        pictures = analysis.pictures
        people = len({face.track for face in pictures.faces})
        facts.append(("Shots", f"{len(pictures.shots)}, faces followed: {people}"))
    if analysis.sound:
        sound = analysis.sound
        level = sound.loudness
        facts.append(
            ("Sound", f"{level.integrated:.1f} LUFS, range {level.range:.1f} LU, peak {level.true_peak:.1f} dBTP")
        )
        tempo = f"{sound.tempo:.1f} bpm, {len(sound.beats)} beats" if sound.tempo else "no steady beat"
        facts.append(("Rhythm", f"{tempo}, {sound.beats_per_bar} to the bar" if sound.tempo else tempo))
        facts += [("Hook", f"{clock(hook.start)} to {clock(hook.end)}: {hook.reason}") for hook in sound.hooks[:3]]
        facts += [("Drop", clock(drop)) for drop in sound.drops]
    notes = dict.fromkeys([*info.notes, *analysis.notes])
    facts += [("Note", note) for note in notes]
    return facts


def aspect_of(text: str) -> Fraction:
    """9:16, 4:5, 1:1 or 0.5625, as width by height."""
    try:
        width, _, height = text.replace("x", ":").replace("/", ":").partition(":")
        aspect = Fraction(width) / Fraction(height or 1)
    except (ValueError, ZeroDivisionError):
        raise Failure(f"{text!r} is no shape; write it as width:height, like 9:16.", code=USAGE) from None
    if not Fraction(1, 10) <= aspect <= 10:
        raise Failure(f"The shape {text} is too narrow or too wide; between 1:10 and 10:1 is possible.", code=USAGE)
    return aspect


def reframe(path: Path, aspect: Fraction, start: float | None, end: float | None, *, as_json: bool) -> None:
    """Where a crop window of another shape goes."""
    analysis = _analysis(path)
    if analysis.info.video is None or analysis.pictures is None:
        raise Failure(f"{path} has no pictures to crop.")
    length = analysis.info.video.duration
    span = Span(start or 0.0, min(end, length) if end is not None else length)
    if span.start >= length:
        raise Failure(f"There is nothing from {span.start:g} s on: the video has {length:.2f} s.", code=USAGE)
    if span.duration <= 0:
        raise Failure(f"--end ({span.end:g} s) must lie after --start ({span.start:g} s).", code=USAGE)
    crop = media.reframe(analysis, span, aspect)
    if as_json:
        from stakazo.media.framing import path_to_dict

        print_json(path_to_dict(crop))
        return
    from rich.table import Table

    table = Table(box=None)
    for column in ("from", "to", "framing", "keys", "why"):
        table.add_column(column, overflow="fold")
    for shot in crop.shots:
        table.add_row(clock(shot.start), clock(shot.end), shot.framing.value, str(len(shot.keys)), shot.reason)
    console().print(table)


def sample(out: Path) -> None:
    """Make the sample and its truth; a bar in a terminal."""
    from rich.progress import Progress

    from stakazo.sample import make

    if out.exists() and not out.is_file():
        raise Failure(f"{out} is there, and is no file that could be replaced.", code=USAGE)
    if out.suffix.lower() not in {".mp4", ".mov", ".mkv", ".wav"}:
        raise Failure(f"{out} must end in .mp4, .mov or .mkv, or in .wav for the song alone.", code=USAGE)
    made(out.parent)
    with Progress(console=console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        bar = progress.add_task(f"Making {out.name}", total=1.0)
        make(out, progress=lambda share: progress.update(bar, completed=share))


def models(*, check: bool) -> None:
    """Install what the analysers need, or only look."""
    from stakazo.media import models as library

    paths = {name: str(library.folder() / model.file) for name, model in library.catalogue().items()}
    if not check:
        paths = {name: str(path) for name, path in library.install().items()}
    there = library.installed()
    for name, model in library.catalogue().items():
        mark = "[green]✓[/]" if there[name] else "[red]✗[/]"
        console().print(f"{mark} {name} ({model.purpose}, {model.licence}): {paths[name]}")
    if not all(there.values()):
        raise Failure("A model is missing: `stakazo models` installs it. Without it, faces are not found.")
