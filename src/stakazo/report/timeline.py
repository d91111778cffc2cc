"""The film at a glance: one drawing of everything that was found and chosen, as SVG. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from stakazo.media.types import Analysis, Curve, Pictures, Sound, Transition
from stakazo.report.data import ReportClip, Still
from stakazo.report.markup import Child, Markup, data_uri, joined, number, tag
from stakazo.report.words import clock, exact_clock, plural, stretch

WIDTH = 1180.0
GUTTER = 92.0
GAP = 12.0
MOST_BEATS = 700
"""Above this only the bars are drawn."""

SECTION_HUES = (252, 12, 172, 38, 318, 208, 95, 280)


@dataclass(frozen=True, slots=True)
class Lane:
    """One row: its name, its height and what it shows, drawn from (0, 0)."""

    name: str
    height: float
    drawing: Markup
    label_at: float = 0.5


class Scale:
    """Seconds to drawing units, right of the names."""

    def __init__(self, duration: float) -> None:
        self.duration = max(duration, 0.001)

    def __call__(self, seconds: float) -> float:
        return GUTTER + (WIDTH - GUTTER) * min(max(seconds / self.duration, 0.0), 1.0)

    def wide(self, start: float, end: float) -> float:
        return max(0.6, self(end) - self(start))


def timeline(analysis: Analysis, clips: Sequence[ReportClip], stills: Sequence[Still]) -> Markup:
    """All lanes under each other, with the chosen windows shining through."""
    at = Scale(analysis.duration)
    lanes = [_windows(at, clips)]
    if analysis.pictures:
        if stills:
            lanes.append(_stills(at, analysis, stills))
        lanes.append(_shots(at, analysis.pictures))
    if analysis.sound:
        lanes.extend(_sound(at, analysis.sound))
    if analysis.pictures:
        lanes.extend(_pictures(at, analysis.pictures))
    drawn: list[Child] = []
    top = 4.0
    for lane in lanes:
        middle = top + lane.height * lane.label_at + 4
        drawn.append(tag("text", lane.name, x=0, y=middle, class_="lane-name"))
        drawn.append(tag("g", lane.drawing, transform=f"translate(0 {number(top)})"))
        top += lane.height + GAP
    bands = [
        tag("rect", x=at(clip.start), y=4, width=at.wide(clip.start, clip.end), height=top - 4, class_="band")
        for clip in clips
    ]
    drawn.append(_axis(at, top))
    height = top + 24
    return tag(
        "svg",
        bands,
        drawn,
        viewBox=f"0 0 {number(WIDTH)} {number(height)}",
        role="img",
        aria_label=described(analysis, clips),
    )


def described(analysis: Analysis, clips: Sequence[ReportClip]) -> str:
    """The drawing in a sentence, for those who can't see it."""
    said = [f"Timeline of {clock(analysis.duration)}"]
    if analysis.pictures:
        said.append(plural(len(analysis.pictures.shots), "shot"))
    if analysis.sound and analysis.sound.sections:
        said.append(
            "the song's parts " + ", ".join(f"{one.label} at {clock(one.start)}" for one in analysis.sound.sections)
        )
    said += [f"clip {clip.rank} from {clock(clip.start)} to {clock(clip.end)}" for clip in clips]
    return "; ".join(said) + "."


def _windows(at: Scale, clips: Sequence[ReportClip]) -> Lane:
    boxes = []
    for clip in clips:
        wide = at.wide(clip.start, clip.end)
        boxes.append(
            tag(
                "a",
                tag(
                    "title",
                    f"Clip {clip.rank}: {stretch(clip.start, clip.end)}, score {clip.score.total:.0f}",
                ),
                tag("rect", x=at(clip.start), y=2, width=max(wide - 1, 1.0), height=28, rx=6),
                tag("text", str(clip.rank), x=at(clip.start) + wide / 2, y=21, text_anchor="middle")
                if wide > 12
                else None,
                class_="window",
                href=f"#clip-{clip.rank}",
            )
        )
    if not clips:
        boxes.append(tag("text", "none chosen", x=GUTTER, y=20))
    return Lane("Chosen", 32, joined(boxes))


def _stills(at: Scale, analysis: Analysis, stills: Sequence[Still]) -> Lane:
    """Frames side by side, each as wide as the time until the next one; where there is no room they are left out."""
    video = analysis.info.video
    shape = video.display_width / video.display_height if video and video.display_height else 16 / 9
    height = 56.0
    shown: list[Still] = []
    for still in stills:
        if not shown or at(still.time) - at(shown[-1].time) >= 15:
            shown.append(still)
    images = []
    for index, still in enumerate(shown):
        start = at(0.0) if index == 0 else at(still.time)
        end = at(shown[index + 1].time) if index + 1 < len(shown) else WIDTH
        wide = min(end - start, height * shape * 1.0) if end - start > height * shape * 2 else end - start
        images.append(
            tag(
                "svg",
                tag(
                    "image",
                    href=data_uri(still.jpeg),
                    width="100%",
                    height="100%",
                    preserveAspectRatio="xMidYMid slice",
                ),
                x=start,
                y=0,
                width=wide,
                height=height,
            )
        )
        images.append(tag("rect", x=start, y=0, width=wide, height=height, class_="still-edge"))
    return Lane("Frames", height, joined(images))


def _shots(at: Scale, pictures: Pictures) -> Lane:
    marks: list[Child] = []
    for index, shot in enumerate(pictures.shots):
        marks.append(
            tag(
                "rect",
                tag(
                    "title",
                    f"Shot {index + 1}: {stretch(shot.start, shot.end)}, begins with a {shot.transition.value}",
                ),
                x=at(shot.start),
                y=4,
                width=max(0.6, at.wide(shot.start, shot.end) - 1),
                height=14,
                rx=2,
                class_=f"shot{' odd' if index % 2 else ''}",
            )
        )
        if shot.transition in {Transition.DISSOLVE, Transition.FADE}:
            x = at(shot.start)
            if shot.transition is Transition.DISSOLVE:
                shape = f"M{number(x - 6)} 3 L{number(x + 6)} 19 L{number(x + 6)} 3 L{number(x - 6)} 19 Z"
            else:
                shape = f"M{number(x - 5)} 3 L{number(x + 5)} 3 L{number(x)} 19 Z"
            marks.append(
                tag(
                    "path",
                    tag("title", f"{shot.transition.value} at {exact_clock(shot.start)}"),
                    d=shape,
                    class_="soft-cut",
                )
            )
    return Lane("Shots", 22, joined(marks))


def _sound(at: Scale, sound: Sound) -> Iterable[Lane]:
    if sound.sections:
        yield _sections(at, sound)
    if sound.hooks or sound.drops:
        yield _hooks(at, sound)
    marks: list[Child] = [
        tag("rect", x=at(span.start), y=0, width=at.wide(span.start, span.end), height=64, class_="silence")
        for span in sound.silences
    ]
    marks.append(_area(at, sound.energy, 64, "energy"))
    loud = sound.loudness.momentary
    if len(loud.values):
        scaled = Curve(loud.rate, np.clip((loud.values + 40) / 36, 0, 1).astype(np.float32))
        marks.append(
            tag("path", tag("title", "Momentary loudness, -40 to -4 LUFS"), d=_line(at, scaled, 64), class_="loudness")
        )
    marks.append(tag("line", x1=GUTTER, x2=WIDTH, y1=64, y2=64, class_="lane-base"))
    yield Lane("Sound", 64, joined(marks))
    if sound.beats:
        yield _beats(at, sound)


def _sections(at: Scale, sound: Sound) -> Lane:
    letters = sorted({one.letter for one in sound.sections})
    blocks = []
    for one in sound.sections:
        hue = SECTION_HUES[letters.index(one.letter) % len(SECTION_HUES)]
        wide = at.wide(one.start, one.end)
        label = (
            f"{one.label} {one.letter}" if wide > 74 else one.label if wide > 44 else one.letter if wide > 12 else None
        )
        blocks.append(
            tag(
                "g",
                tag("title", f"{one.label} ({one.letter}), {stretch(one.start, one.end)}, energy {one.energy:.0%}"),
                tag(
                    "rect", x=at(one.start), y=0, width=max(wide - 1.5, 0.6), height=26, rx=5,
                    fill=f"hsl({hue} 62% 55%)", fill_opacity=round(0.20 + 0.34 * min(max(one.energy, 0.0), 1.0), 2),
                ),
                _section_name(label, at(one.start), wide) if label else None,
                class_="section",
            )
        )  # fmt: skip
    return Lane("Song", 26, joined(blocks))


def _section_name(label: str, start: float, wide: float) -> Markup:
    if wide > 30:
        return tag("text", label, x=start + 9, y=17)
    return tag("text", label, x=start + wide / 2, y=17, text_anchor="middle")


def _hooks(at: Scale, sound: Sound) -> Lane:
    marks: list[Child] = []
    for rank, hook in enumerate(sound.hooks[:5]):
        marks.append(
            tag(
                "rect",
                tag("title", f"Hook {rank + 1}, {stretch(hook.start, hook.end)}: {hook.reason}"),
                x=at(hook.start), y=7, width=at.wide(hook.start, hook.end), height=8, rx=4, class_="hook",
                opacity=round(0.25 + 0.75 * min(max(hook.score, 0.0), 1.0) ** 2, 2),
            )
        )  # fmt: skip
    for drop in sound.drops:
        x = at(drop)
        marks.append(
            tag(
                "path",
                tag("title", f"Drop at {exact_clock(drop)}"),
                d=f"M{number(x - 7)} 1 L{number(x + 7)} 1 L{number(x)} 17 Z",
                class_="drop",
            )
        )
    return Lane("Hooks, drops", 20, joined(marks))


def _beats(at: Scale, sound: Sound) -> Lane:
    bars = set(sound.downbeats)
    ticks = [beat for beat in sound.beats if beat not in bars] if len(sound.beats) <= MOST_BEATS else []
    paths: list[Child] = []
    if ticks:
        paths.append(tag("path", d="".join(f"M{number(at(beat))} 8V18" for beat in ticks), class_="beat"))
    paths.append(tag("path", d="".join(f"M{number(at(beat))} 2V18" for beat in sound.downbeats), class_="downbeat"))
    return Lane("Beats, bars", 18, joined(paths))


def _pictures(at: Scale, pictures: Pictures) -> Iterable[Lane]:
    if len(pictures.motion.values):
        marks = [
            _area(at, _relative(pictures.motion), 40, "motion"),
            tag("line", x1=GUTTER, x2=WIDTH, y1=40, y2=40, class_="lane-base"),
        ]
        yield Lane("Movement", 40, joined(marks))
    if pictures.faces or pictures.focus:
        yield _subjects(at, pictures)


def _subjects(at: Scale, pictures: Pictures) -> Lane:
    """Up is the left of the frame, down its right: where the eye goes, and where faces are, as large as they are."""
    high = 46.0
    marks: list[Child] = [tag("line", x1=GUTTER, x2=WIDTH, y1=high / 2, y2=high / 2, class_="lane-base")]
    step = spacing([one.time for one in pictures.focus])
    wide = max(1.2, at.wide(0, step))
    focus = [(one.time, one.box, one.weight) for one in pictures.focus]
    for time, box, weight in focus:
        tall = max(2.0, 7 * min(weight, 1.0))
        marks.append(
            tag(
                "rect",
                x=at(time),
                y=box.centre[0] * high - tall / 2,
                width=wide,
                height=tall,
                class_="focus",
                opacity=round(0.15 + 0.5 * min(weight, 1.0), 2),
            )
        )
    for face in pictures.faces:
        tall = max(3.0, min(1.0, face.box.width) * high)
        marks.append(
            tag(
                "rect", x=at(face.time), y=min(max(face.box.centre[0] * high - tall / 2, 0.0), high - tall),
                width=max(1.6, at.wide(0, 0.3)), height=tall, rx=1.5, class_="face",
            )
        )  # fmt: skip
    return Lane("Faces, focus", high, joined(marks))


def spacing(times: Sequence[float]) -> float:
    """Seconds that usually lie between two times."""
    steps = [b - a for a, b in itertools.pairwise(times) if b > a]
    return float(np.median(steps)) if steps else 0.5


def _relative(curve: Curve) -> Curve:
    """Against its own high values: movement is small in numbers."""
    top = float(np.quantile(curve.values, 0.98)) if len(curve.values) else 0.0
    return Curve(curve.rate, np.clip(curve.values / top, 0, 1).astype(np.float32)) if top > 0 else curve


def _points(curve: Curve, most: int = 560) -> tuple[list[float], list[float]]:
    """Times and values, thinned by means to what a screen can show."""
    values = curve.values
    if not len(values):
        return [], []
    step = max(1, len(values) // most)
    usable = len(values) // step * step
    thin = values[:usable].reshape(-1, step).mean(axis=1)
    return [(index * step + step / 2) / curve.rate for index in range(len(thin))], [float(one) for one in thin]


def _line(at: Scale, curve: Curve, height: float) -> str:
    times, values = _points(curve)
    points = [
        f"{number(at(time))} {number(height - value * (height - 2))}" for time, value in zip(times, values, strict=True)
    ]
    return "M" + "L".join(points) if points else ""


def _area(at: Scale, curve: Curve, height: float, kind: str) -> Markup:
    line = _line(at, curve, height)
    if not line:
        return Markup("")
    times, _ = _points(curve)
    closed = f"{line}L{number(at(times[-1]))} {number(height)}L{number(at(times[0]))} {number(height)}Z"
    return joined([tag("path", d=closed, class_=kind), tag("path", d=line, class_=f"{kind}-line")])


def _axis(at: Scale, top: float) -> Markup:
    step = next((one for one in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600) if at.duration / one <= 14), 7200)
    marks: list[Child] = [tag("line", x1=GUTTER, x2=WIDTH, y1=top, y2=top, class_="tick")]
    time = 0.0
    while time <= at.duration:
        x = at(time)
        marks.append(tag("line", x1=x, x2=x, y1=top, y2=top + 5, class_="tick"))
        last = x > WIDTH - 20
        marks.append(
            tag("text", clock(time), x=x, y=top + 18, text_anchor="end" if last else "middle" if time else "start")
        )
        time += step
    return joined(marks)
