"""The whole page: head, timeline, clips, comparison, making. From values, but for one function that writes the file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from stakazo.media.types import Analysis, MediaInfo
from stakazo.report.clip import article, player, score_mark
from stakazo.report.data import ReportClip, ReportData, ReportVariant
from stakazo.report.markup import Child, Markup, data_uri, tag
from stakazo.report.posts import posts_section
from stakazo.report.proof import proof_section
from stakazo.report.timeline import spacing, timeline
from stakazo.report.words import clock, codec, exact_clock, long_clock, plural, rate, sentence, size


def write_report(path: Path, data: ReportData) -> None:
    """Writes the page; it is there whole or not at all. The variants' files belong beside it, where `file` says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(render(data))
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def render(data: ReportData) -> str:
    """The page as one string of HTML."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="robots", content="noindex"),
        # The page asks nobody for anything: only what is in it, and the films beside it.
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", f"{data.title}: {plural(len(data.clips), 'clip')}"),
        tag("style", Markup(_STYLE)),
    )
    body = tag(
        "body",
        _frames(data.clips),
        _hero(data),
        tag(
            "main",
            _overview(data),
            _clips(data),
            _comparison(data),
            posts_section(data),
            proof_section(data.proof),
            _making(data),
        ),
        _foot(data),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en")


_STYLE = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
_POLICY = "default-src 'none'; img-src data:; media-src 'self' file: blob:; style-src 'unsafe-inline'"


def _frames(clips: Iterable[ReportClip]) -> Markup:
    """Each clip's thumbnail once; the page draws it wherever it is needed."""
    images = [
        tag(
            "image",
            id=f"frame-{clip.rank}",
            href=data_uri(clip.thumbnail),
            width=1,
            height=1,
            preserveAspectRatio="none",
        )
        for clip in clips
        if clip.thumbnail is not None
    ]
    return tag("svg", tag("defs", images), class_="hidden", aria_hidden="true")


def _shape(info: MediaInfo) -> float:
    video = info.video
    return video.display_width / video.display_height if video and video.display_height else 16 / 9


def _hero(data: ReportData) -> Markup:
    best = data.clips[0] if data.clips else None
    shape = _shape(data.analysis.info)
    backdrop = None
    if best is not None and best.thumbnail is not None:
        use = tag("use", href=f"#frame-{best.rank}", transform=f"scale(1000 {1000 / shape:.3f})")
        backdrop = tag(
            "svg",
            use,
            class_="backdrop",
            viewBox=f"0 0 1000 {1000 / shape:.3f}",
            preserveAspectRatio="xMidYMid slice",
            aria_hidden="true",
        )
    left: list[Child] = [
        tag("p", "Stakazo report", class_="eyebrow"),
        tag("h1", data.title),
        tag("p", source_facts(data), class_="facts"),
    ]
    right: Child = None
    if best is not None:
        left.append(
            tag(
                "div",
                tag(
                    "p",
                    f"The best of {plural(len(data.clips), 'clip')}" if len(data.clips) > 1 else "The one clip",
                    class_="eyebrow",
                ),
                tag(
                    "h2",
                    tag(
                        "a",
                        f"{clock(best.start)} to {clock(best.end)}, {best.duration:.1f} seconds",
                        href=f"#clip-{best.rank}",
                    ),
                ),
                tag("ul", [tag("li", sentence(reason)) for reason in best.reasons[:3]]),
                score_mark(best),
                class_="best",
            )
        )
        variant = _for_hero(best)
        if variant is not None:
            width = 270 if variant.height > variant.width else 460
            right = player(best, variant, width=width)
    return tag("header", backdrop, tag("div", tag("div", left), right, class_="inner"), class_="hero")


def _for_hero(clip: ReportClip) -> ReportVariant | None:
    """The tallest: what most people will see."""
    return max(clip.variants, key=lambda one: one.height / one.width) if clip.variants else None


def source_facts(data: ReportData) -> str:
    """The source in one line."""
    info = data.analysis.info
    said = [data.filename, long_clock(info.duration)]
    if info.video:
        video = info.video
        hdr = f" {video.hdr.value.upper()}" if video.hdr else ""
        turned = f", turned by {video.rotation}°" if video.rotation else ""
        varies = " (variable)" if video.variable_rate else ""
        said.append(f"{video.display_width} × {video.display_height}{hdr} at {rate(video.frame_rate)} fps{varies}")
        said.append(f"{codec(video.codec)}{turned}")
    else:
        said.append("no pictures")
    said.append(
        f"{codec(info.audio.codec)} {'stereo' if info.audio.channels == 2 else info.audio.layout}"
        if info.audio
        else "no sound"
    )
    said.append(size(info.size))
    return " · ".join(said)


def _overview(data: ReportData) -> Markup:
    analysis = data.analysis
    return tag(
        "section",
        tag("h2", "The film at a glance"),
        tag(
            "p",
            "Everything that was seen and heard, on one line of time. The red windows are the clips that were chosen; "
            "each is a link.",
            class_="lead",
        ),
        tag(
            "dl",
            [
                tag("div", tag("dt", name), tag("dd", value, tag("small", f" {unit}") if unit else None))
                for name, value, unit in figures(analysis)
            ],
            class_="figures",
        ),
        tag(
            "div",
            tag(
                "div",
                timeline(analysis, data.clips, data.stills),
                class_="scroll",
                tabindex=0,
                role="region",
                aria_label="Timeline, scrolls sideways on small screens",
            ),
            _keys(analysis),
            _as_table(analysis),
            class_="timeline card",
        ),
    )


def figures(analysis: Analysis) -> list[tuple[str, str, str]]:
    """Name, value and unit of what matters about the source."""
    found = [("Length", clock(analysis.duration), "")]
    pictures, sound = analysis.pictures, analysis.sound
    if pictures:
        found.append(("Shots", str(len(pictures.shots)), ""))
        cuts = len(pictures.shots) - 1
        if analysis.duration > 0:
            found.append(("Cuts", f"{60 * cuts / analysis.duration:.0f}", "a minute"))
        times = sorted({face.time for face in pictures.faces})
        if times and analysis.duration > 0:
            share = min(1.0, len(times) * spacing(times) / analysis.duration)
            found.append(("Faces", f"{share:.0%}", "of time"))
        else:
            found.append(("Faces", "none", "found"))
    if sound:
        tempo = f"{sound.tempo:.0f}" if sound.tempo else "none"
        found.append(("Tempo", tempo, "BPM" if sound.tempo else ""))
        if sound.downbeats:
            found.append(("Bars", str(len(sound.downbeats)), f"of {sound.beats_per_bar}"))
        found.append(("Loudness", f"{sound.loudness.integrated:.1f}", "LUFS"))
        found.append(("Range", f"{sound.loudness.range:.1f}", "LU"))
    else:
        found.append(("Sound", "none", ""))
    return found


def _keys(analysis: Analysis) -> Markup:
    keys = [("var(--accent)", "chosen clip, drop, soft transition, face")]
    if analysis.pictures:
        keys.append(
            ("var(--picture)", "shots, movement, where the eye goes (top of the lane is the left of the frame)")
        )
    if analysis.sound:
        keys.append(("var(--sound)", "energy, beats and bars, hooks"))
        keys.append(("var(--shape)", "loudness"))
    return tag("ul", [tag("li", tag("i", style=f"background:{colour}"), said) for colour, said in keys], class_="keys")


def _as_table(analysis: Analysis) -> Markup | None:
    rows: list[Markup] = []
    if analysis.sound:
        rows += [
            _row("Part of the song", one.start, one.end, f"{one.label} ({one.letter}), energy {one.energy:.0%}")
            for one in analysis.sound.sections
        ]
        rows += [_row("Hook", hook.start, hook.end, hook.reason) for hook in analysis.sound.hooks]
        rows += [_row("Drop", drop, None, "") for drop in analysis.sound.drops]
    if analysis.pictures:
        rows += [
            _row("Shot", shot.start, shot.end, f"{number}, begins with a {shot.transition.value}")
            for number, shot in enumerate(analysis.pictures.shots, 1)
        ]
    if not rows:
        return None
    head = tag("tr", *(tag("th", name, scope="col") for name in ("What", "From", "To", "More")))
    table = tag("table", tag("thead", head), tag("tbody", rows))
    return tag(
        "details",
        tag("summary", "The same as a table"),
        tag("div", table, class_="scroll", tabindex=0, role="region", aria_label="Table of parts and shots"),
    )


def _row(what: str, start: float, end: float | None, more: str) -> Markup:
    return tag(
        "tr",
        tag("td", what),
        tag("td", exact_clock(start)),
        tag("td", exact_clock(end) if end is not None else ""),
        tag("td", more),
    )


def _clips(data: ReportData) -> Markup:
    if not data.clips:
        return tag(
            "section",
            tag("h2", "No clips"),
            tag(
                "p",
                "Nothing in this film could be a clip by the rules that were used. The notes below say more.",
                class_="card empty",
            ),
        )
    lead = (
        "Best first. The score is a sum of named parts: each part's value from 0 to 1, times its weight, "
        "out of 100 together."
    )
    return tag(
        "section",
        tag("h2", "The clip" if len(data.clips) == 1 else f"The {len(data.clips)} clips"),
        tag("p", lead, class_="lead"),
        [article(clip, data.analysis) for clip in data.clips],
        class_="clips",
    )


def _comparison(data: ReportData) -> Markup | None:
    if not data.comparison:
        return None
    lines = []
    for line in data.comparison:
        name, colon, rest = line.partition(": ")
        lines.append(tag("li", tag("b", name), tag("span", rest)) if colon else tag("li", tag("span", line)))
    return tag(
        "section",
        tag("h2", "Beside the truth"),
        tag(
            "p",
            "This film was made by Stakazo itself, so everything about it is known. "
            "This is how what was found compares.",
            class_="lead",
        ),
        tag("ul", lines, class_="checks card"),
    )


def _making(data: ReportData) -> Markup | None:
    notes = [*data.notes, *data.analysis.notes, *data.analysis.info.notes]
    notes += [
        *(data.analysis.pictures.notes if data.analysis.pictures else ()),
        *(data.analysis.sound.notes if data.analysis.sound else ()),
    ]
    cards: list[Child] = []
    if data.timings:
        longest = max(seconds for _, seconds in data.timings) or 1.0
        rows = [
            tag(
                "tr",
                tag(
                    "td",
                    stage,
                    tag("span", class_="bar", style=f"width:{100 * seconds / longest:.1f}%", aria_hidden="true"),
                ),
                tag("td", f"{seconds:.1f} s", class_="n"),
            )
            for stage, seconds in data.timings
        ]
        cards.append(
            tag(
                "div",
                tag("h3", f"Time: {sum(seconds for _, seconds in data.timings):.0f} s"),
                tag("table", tag("tbody", rows)),
                class_="card",
            )
        )
    if data.versions:
        rows = [tag("tr", tag("td", name), tag("td", value)) for name, value in data.versions]
        cards.append(tag("div", tag("h3", "Made with"), tag("table", tag("tbody", rows)), class_="card"))
    if notes:
        cards.append(
            tag(
                "div",
                tag("h3", "Notes"),
                tag("ul", [tag("li", sentence(note)) for note in dict.fromkeys(notes)], class_="reasons"),
                class_="card",
            )
        )
    if not cards:
        return None
    return tag("section", tag("h2", "How it was made"), tag("div", cards, class_="made"))


def _foot(data: ReportData) -> Markup:
    made = f"Made {data.made_at}. " if data.made_at else ""
    return tag(
        "footer",
        tag(
            "p",
            f"{made}This page holds its pictures and asks no server for anything. "
            "The films are files beside it: keep them in the same folder and they play from here.",
        ),
        class_="foot",
    )
