"""How a frame was cut, to look at: the window and its way over the frame. Pure."""

from __future__ import annotations

from stakazo.media.framing import CropPath, CropShot, Framing
from stakazo.media.types import Box
from stakazo.report.data import ReportClip, ReportVariant
from stakazo.report.markup import Child, Markup, joined, number, tag

WIDE = 480.0


def at_time(path: CropPath, time: float) -> tuple[CropShot, Box] | None:
    """The shot of the path at a time and where its window is then; the nearest shot outside of them."""
    if not path.shots:
        return None
    shot = min(path.shots, key=lambda one: max(one.start - time, time - one.end, 0.0))
    return shot, shot.at(time)


def diagrams(clip: ReportClip, shape: float) -> tuple[Markup, ...]:
    """One drawing for each different cut; `shape` is the source's width by its height."""
    groups: dict[CropPath, list[ReportVariant]] = {}
    for variant in clip.variants:
        if variant.crop is not None and variant.crop.shots:
            groups.setdefault(variant.crop, []).append(variant)
    return tuple(_diagram(clip, path, variants, shape) for path, variants in groups.items())


def _diagram(clip: ReportClip, path: CropPath, variants: list[ReportVariant], shape: float) -> Markup:
    high = WIDE / shape
    time = clip.thumbnail_time if clip.thumbnail_time is not None else (clip.start + clip.end) / 2
    found = at_time(path, time)
    marks: list[Child] = []
    if clip.thumbnail is not None:
        marks.append(tag("use", href=f"#frame-{clip.rank}", transform=f"scale({WIDE} {high:.3f})"))
    names = ", ".join(variant.label for variant in variants)
    said = f"{names}: the frame as it is"
    if found is not None:
        shot, box = found
        if shot.framing is Framing.CROP:
            marks.append(tag("path", d=_outside(box, high), fill_rule="evenodd", class_="crop-shade"))
            marks.append(_ghosts(path, shot, high))
            marks.append(_rect(box, high, "crop-box"))
            shape_ = f"{path.aspect.numerator}:{path.aspect.denominator}"
            said = f"{names}: the window of {shape_} at {box.x:.0%} to {box.x + box.width:.0%} of the width"
        else:
            said = f"{names}: the whole frame over a blurred copy of itself"
    way, moves = _way(path, high)
    marks.append(way)
    caption = _caption(path, names, moves)
    drawing = tag("svg", marks, viewBox=f"0 0 {number(WIDE)} {number(high)}", role="img", aria_label=said)
    return tag("figure", drawing, tag("figcaption", caption))


def _caption(path: CropPath, names: str, moves: int) -> Markup:
    whole = sum(shot.framing is Framing.FIT for shot in path.shots)
    held = len(path.shots) - whole - moves
    said = []
    if held:
        said.append(f"holds still in {held}")
    if moves:
        said.append(f"follows in {moves}")
    if whole:
        said.append(f"shows the whole frame in {whole}")
    of = f" of {len(path.shots)} shots" if len(path.shots) > 1 else " shot"
    return joined(
        [
            tag("b", names),
            f" ({path.aspect.numerator}:{path.aspect.denominator}). It {', '.join(said)}{of}." if said else ".",
        ]
    )


def _rect(box: Box, high: float, kind: str) -> Markup:
    return tag(
        "rect", x=box.x * WIDE, y=box.y * high, width=box.width * WIDE, height=box.height * high, rx=2, class_=kind
    )


def _outside(box: Box, high: float) -> str:
    x0, y0, x1, y1 = box.x * WIDE, box.y * high, (box.x + box.width) * WIDE, (box.y + box.height) * high
    inner = f"M{number(x0)} {number(y0)}H{number(x1)}V{number(y1)}H{number(x0)}Z"
    return f"M0 0H{number(WIDE)}V{number(high)}H0Z{inner}"


def _ghosts(path: CropPath, shown: CropShot, high: float) -> Markup:
    """Where the window is in the other shots: each place once."""
    places = {
        (round(shot.keys[0].box.x, 2), round(shot.keys[0].box.y, 2)): shot.keys[0].box
        for shot in path.shots
        if shot is not shown and shot.framing is Framing.CROP and shot.keys
    }
    return joined(_rect(box, high, "crop-ghost") for box in list(places.values())[:14])


def _way(path: CropPath, high: float) -> tuple[Markup, int]:
    """The ways of the window's middle where it moves, and in how many shots it does."""
    lines: list[Markup] = []
    moves = 0
    for shot in path.shots:
        centres = [key.box.centre for key in shot.keys]
        if shot.framing is Framing.CROP and len({(round(x, 3), round(y, 3)) for x, y in centres}) > 1:
            moves += 1
            points = [f"{number(x * WIDE)} {number(y * high)}" for x, y in centres]
            lines.append(tag("path", d="M" + "L".join(points), class_="crop-way"))
            end = centres[-1]
            lines.append(tag("circle", cx=end[0] * WIDE, cy=end[1] * high, r=4, class_="crop-dot"))
    return joined(lines), moves
