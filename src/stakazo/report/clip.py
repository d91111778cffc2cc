"""One clip on the page: its frames, its score taken apart, its reasons, and every variant to play. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import quote

from stakazo.media.types import Analysis, Span
from stakazo.report.closeup import closeup
from stakazo.report.crops import diagrams
from stakazo.report.data import ReportClip, ReportVariant
from stakazo.report.markup import Child, Markup, data_uri, joined, tag
from stakazo.report.posters import poster_of
from stakazo.report.words import clock, codec, edge, plural, rate, sentence, size, stretch

SOUND = frozenset({"hook", "form", "drop", "energy", "rhythm", "loop", "speech", "music"})
PICTURE = frozenset({"motion", "people", "faces", "subject", "clarity", "variety", "colour", "sharpness"})
SHAPE = frozenset({"peak", "opening", "edges", "alive", "length", "ending"})
SILENCE = -60.0
"""LUFS below which nothing is heard."""


def kind(name: str) -> str:
    """What a part of the score is about: its colour on the page."""
    return "sound" if name in SOUND else "picture" if name in PICTURE else "shape" if name in SHAPE else "other"


def article(clip: ReportClip, analysis: Analysis) -> Markup:
    """The whole clip."""
    return tag(
        "article",
        _header(clip),
        _filmstrip(clip),
        tag("div", _reasons(clip, analysis), _score(clip), class_="columns"),
        tag(
            "div",
            tag(
                "h4",
                f"{plural(len(clip.variants), 'variant')} to play" if clip.variants else "No variants were rendered",
            ),
            tag("div", [_variant(clip, one) for one in clip.variants], class_="variants") if clip.variants else None,
            [tag("p", failure, class_="failure") for failure in clip.failures],
            class_="block",
        ),
        id=f"clip-{clip.rank}",
        class_="clip card",
        aria_labelledby=f"clip-{clip.rank}-name",
    )


def _header(clip: ReportClip) -> Markup:
    return tag(
        "header",
        tag("span", str(clip.rank), class_="rank", aria_hidden="true"),
        tag(
            "div",
            tag(
                "h3",
                tag("span", f"Clip {clip.rank}: ", class_="visually-hidden"),
                f"{clock(clip.start)} to {clock(clip.end)}",
                id=f"clip-{clip.rank}-name",
            ),
            tag(
                "p",
                f"{clip.duration:.1f} seconds, {stretch(clip.start, clip.end)} of the film. "
                f"Starts {edge(clip.starts_on)}, ends {edge(clip.ends_on)}.",
            ),
        ),
        score_mark(clip),
    )


def score_mark(clip: ReportClip) -> Markup:
    return tag("p", f"{clip.score.total:.0f}", tag("small", "of 100"), class_="score")


def _filmstrip(clip: ReportClip) -> Markup | None:
    if clip.filmstrip is None:
        return None
    said = f"Frames of clip {clip.rank} from {clock(clip.start)} to {clock(clip.end)}, side by side"
    return tag("div", tag("img", src=data_uri(clip.filmstrip), alt=said), class_="filmstrip")


def _reasons(clip: ReportClip, analysis: Analysis) -> Markup:
    drawing = closeup(analysis, Span(clip.start, clip.end))
    video = analysis.info.video
    cut = diagrams(clip, video.display_width / video.display_height) if video and video.display_height else ()
    return tag(
        "div",
        tag("h4", "Why this one"),
        tag("ul", [tag("li", sentence(reason)) for reason in clip.reasons], class_="reasons")
        if clip.reasons
        else tag("p", "No part of the score stands out.", class_="soft"),
        tag("figure", tag("h4", "Inside: energy, bars, cuts"), drawing, class_="inside") if drawing else None,
        tag("div", tag("h4", "How the frame was cut"), tag("div", cut, class_="crops"), class_="inside")
        if cut
        else None,
    )


def _score(clip: ReportClip) -> Markup:
    """The sum, part by part: what each part is worth in points of the 100."""
    weight = sum(part.weight for part in clip.score.parts) or 1.0
    parts = sorted(clip.score.parts, key=lambda part: -part.points)
    bar: list[Child] = []
    rows: list[Child] = []
    for index, part in enumerate(parts):
        points = 100 * part.points / weight
        colour = kind(part.name)
        shade = f"opacity:{1 - 0.10 * (index % 4):.2f}"
        bar.append(
            tag(
                "span",
                class_=colour,
                style=f"flex:{max(points, 0.0):.3f} 0 0;{shade}",
                title=f"{part.name}: {points:.1f} points",
            )
        )
        meter = tag(
            "span",
            tag("i", class_=colour, style=f"width:{100 * min(max(part.value, 0.0), 1.0):.0f}%"),
            class_="meter",
            aria_hidden="true",
        )
        rows.append(
            tag(
                "tr",
                tag("td", tag("span", class_=f"swatch {colour}", style=shade), part.name, class_="name"),
                tag("td", f"{part.value:.2f}", meter, class_="n"),
                tag("td", f"× {part.weight:g}", class_="n"),
                tag("td", f"{points:.1f}", class_="n"),
                tag("td", part.reason, class_="why reason"),
            )
        )
        rows.append(tag("tr", tag("td", part.reason, class_="why", colspan=4), class_="below", aria_hidden="true"))
    bar.append(tag("span", style=f"flex:{max(100 - clip.score.total, 0.0):.3f} 0 0"))
    head = tag(
        "tr",
        tag("th", "Part", scope="col"),
        tag("th", "Value", class_="n", scope="col"),
        tag("th", "Weight", class_="n", scope="col"),
        tag("th", "Points", class_="n", scope="col"),
        tag("th", "What was seen or heard", class_="reason", scope="col"),
    )
    foot = tag(
        "tr",
        tag("td", "Sum"),
        tag("td"),
        tag("td", f"{weight:g}", class_="n"),
        tag("td", f"{clip.score.total:.1f}", class_="n"),
        tag("td", class_="reason"),
    )
    return tag(
        "div",
        tag("h4", "The score, taken apart"),
        tag(
            "div",
            bar,
            class_="stack",
            role="img",
            aria_label=f"{clip.score.total:.0f} of 100 points, made of the parts below",
        ),
        tag("table", tag("thead", head), tag("tbody", rows), tag("tfoot", foot), class_="parts"),
    )


def player(clip: ReportClip, variant: ReportVariant, width: int | None = None) -> Markup:
    """The film itself; until it plays, its poster."""
    source = address(variant.file)
    poster = variant.poster or poster_of(clip, variant)
    return tag(
        "div",
        tag(
            "video",
            tag("a", "Open the file", href=source),
            src=source,
            controls=True,
            preload="none",
            playsinline=True,
            poster=data_uri(poster) if poster else None,
            aria_label=f"Clip {clip.rank} as {variant.label}",
        ),
        class_="player",
        style=f"aspect-ratio:{variant.width}/{variant.height};" + (f"width:{width}px;max-width:100%" if width else ""),
    )


def address(file: str) -> str:
    """A file beside the report as a relative address."""
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise ValueError(f"a report names its files relative to itself, not {file}")
    return quote(file, safe="/")


def _variant(clip: ReportClip, variant: ReportVariant) -> Markup:
    fps = f" at {rate(variant.fps)} fps" if variant.fps else ""
    codecs = " + ".join(codec(name) for name in (variant.video_codec, variant.audio_codec) if name)
    facts = [f"{variant.width} × {variant.height}{fps}", f"{variant.duration:.1f} s, {size(variant.size)}"]
    if codecs:
        facts.append(codecs if variant.audio_codec else f"{codecs}, no sound")
    if variant.loudness is not None:
        peak = f", peak {variant.true_peak:.1f} dBTP" if variant.true_peak is not None else ""
        facts.append(f"{variant.loudness:.1f} LUFS{peak}" if variant.loudness > SILENCE else "silent")
    lines: list[Child] = []
    for fact in facts:
        lines.extend([fact, tag("br")])
    lines.append(tag("a", variant.file.rsplit("/", 1)[-1], href=address(variant.file)))
    return tag(
        "div",
        player(clip, variant),
        tag("div", tag("h5", variant.label), tag("p", joined(lines))),
        class_=f"variant{' wide' if variant.width > variant.height * 1.2 else ''}",
        style=f"--shape:{variant.width / variant.height:.4f}",
    )
