"""The inside of one clip, drawn large enough to see that bars and cuts meet. Pure."""

from __future__ import annotations

from collections.abc import Callable

from stakazo.media.types import Analysis, Curve, Span
from stakazo.report.markup import Child, Markup, joined, number, tag
from stakazo.report.words import clock, plural


def closeup(analysis: Analysis, span: Span) -> Markup | None:
    """Energy, bars, drops and cuts between the clip's edges; None when nothing is known."""
    sound, pictures = analysis.sound, analysis.pictures
    if span.duration <= 0 or (sound is None and pictures is None):
        return None
    wide, high = 520.0, 96.0

    def x(time: float) -> float:
        return wide * (time - span.start) / span.duration

    marks: list[Child] = []
    if sound:
        marks.append(_clip_energy(sound.energy, span, x, high))
        inside = [bar for bar in sound.downbeats if span.start - 0.02 <= bar <= span.end + 0.02]
        marks.append(
            tag(
                "path",
                d="".join(f"M{number(x(bar))} 20V{number(high - 26)}" for bar in inside),
                stroke="var(--sound)",
                stroke_opacity=0.55,
                stroke_width=1,
            )
        )
        marks += [
            tag("path", tag("title", "drop"), d=f"M{number(max(x(drop) - 7, 0.0))} 4h14l-7 14Z", fill="var(--accent)")
            for drop in sound.drops
            if span.contains(drop)
        ]
    if pictures:
        for index, shot in enumerate(pictures.shots):
            start, end = max(shot.start, span.start), min(shot.end, span.end)
            if end > start:
                marks.append(
                    tag(
                        "rect",
                        x=x(start),
                        y=high - 22,
                        width=max(0.8, x(end) - x(start) - 1),
                        height=10,
                        rx=2,
                        fill="var(--picture)",
                        fill_opacity=0.35 if index % 2 else 0.6,
                    )
                )
    marks.append(tag("text", clock(span.start), x=0, y=high))
    marks.append(tag("text", clock(span.end), x=wide, y=high, text_anchor="end"))
    bars = len([bar for bar in sound.downbeats if span.start - 0.02 <= bar < span.end - 0.05]) if sound else 0
    cuts = len([shot for shot in pictures.shots if span.start + 0.02 < shot.start < span.end]) if pictures else 0
    said = f"Inside the clip: {plural(bars, 'bar')} and {plural(cuts, 'cut')}"
    return tag("svg", marks, viewBox=f"0 0 {number(wide)} {number(high + 4)}", role="img", aria_label=said)


def _clip_energy(curve: Curve, span: Span, x: Callable[[float], float], high: float) -> Markup:
    values = curve.within(span)
    if not len(values):
        return Markup("")
    base, room = high - 26, high - 48
    points = [
        (
            x(min(max(span.start, int(span.start * curve.rate) / curve.rate + (index + 0.5) / curve.rate), span.end)),
            base - room * float(value),
        )
        for index, value in enumerate(values)
    ]
    points = [(0.0, points[0][1]), *points, (x(span.end), points[-1][1])]
    line = "M" + "L".join(f"{number(a)} {number(b)}" for a, b in points)
    closed = f"{line}L{number(points[-1][0])} {number(base)}L0 {number(base)}Z"
    return joined(
        [
            tag("path", d=closed, fill="var(--sound)", fill_opacity=0.22),
            tag("path", d=line, fill="none", stroke="var(--sound)", stroke_width=1.5),
        ]
    )
