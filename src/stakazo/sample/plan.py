"""From a spec to a timetable: where every beat, part, shot and flash falls. Pure; song and pictures follow it."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from stakazo.media.types import Span, Transition
from stakazo.sample.spec import BEATS_PER_BAR, Spec
from stakazo.sample.truth import Flash, TrueSection, TrueShot

HOOK_LABELS = frozenset({"chorus", "drop"})

#: Which looks a part of the song has, in the order they are tried; and how many bars a shot lasts, in turn.
LOOKS: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "intro": (("skyline", "rooftop"), (2.0, 2.0)),
    "verse": (("portrait", "road", "rooftop", "sea"), (2.0, 1.0, 2.0, 1.0)),
    "chorus": (("stage", "portrait", "stage_close", "poster"), (2.0, 1.0, 1.0, 1.0, 1.0, 2.0)),
    "break": (("sea", "portrait_night"), (2.0, 2.0)),
    "build": (("kaleidoscope", "portrait_night", "road", "tunnel"), (1.0, 1.0, 0.5, 0.5, 0.5, 0.5)),
    "drop": (("poster", "tunnel", "stage", "stage_close", "kaleidoscope"), (1.0, 1.0, 1.0, 0.5, 0.5)),
    "outro": (("rooftop", "skyline"), (2.0, 3.0)),
}

#: Parts whose first shot comes by a dissolve, and the share of soft transitions inside them.
SOFT_START = frozenset({"break", "outro"})
SOFT_INSIDE = {"intro": 1.0, "verse": 0.34, "break": 1.0, "outro": 1.0}

DISSOLVE_BEATS = 1.5
SHORTEST_SHOT = 0.4


@dataclass(frozen=True, slots=True)
class ShotPlan:
    """One shot: from which frame to which it is seen at all, and how it looks."""

    truth: TrueShot
    first: int
    """First frame with any of this shot in it."""
    last: int
    """First frame with nothing of it any more."""
    label: str
    """The part of the song it belongs to."""
    variant: int
    """Chooses colours, framing and direction."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole timetable, in seconds and frames."""

    spec: Spec
    beats: tuple[float, ...]
    downbeats: tuple[float, ...]
    sections: tuple[TrueSection, ...]
    hooks: tuple[Span, ...]
    drop: float | None
    shots: tuple[ShotPlan, ...]
    flashes: tuple[Flash, ...]
    fade_in: int
    """Frames until the first picture is fully there."""
    fade_out: int
    """Frames that the last picture takes to go."""

    def section_at(self, time: float) -> TrueSection:
        return next((one for one in self.sections if one.span.contains(time)), self.sections[-1])


def plan(spec: Spec) -> Plan:
    """The one timetable of a spec."""
    sections, at = [], spec.lead_in
    for part in spec.parts():
        sections.append(TrueSection(at, at + part.bars * spec.bar, part.label))
        at += part.bars * spec.bar
    bars = sum(part.bars for part in spec.parts())
    sections = [one for one in sections if one.start < spec.length]
    sections[0] = replace(sections[0], start=0.0)
    sections[-1] = replace(sections[-1], end=spec.length)
    # A song ends on a hit that rings out: the last bar of an outro has only its first beat.
    last = (bars - 1) * BEATS_PER_BAR if spec.parts()[-1].label == "outro" and bars > 1 else bars * BEATS_PER_BAR - 1
    beats = tuple(time for beat in range(last + 1) if (time := spec.lead_in + beat * spec.beat) < spec.length)
    drop = next((one.start for one in sections if one.label == "drop"), None)
    shots = _shots(spec, sections)
    return Plan(
        spec=spec,
        beats=beats,
        downbeats=beats[::BEATS_PER_BAR],
        sections=tuple(sections),
        hooks=_joined([one.span for one in sections if one.label in HOOK_LABELS]),
        drop=drop,
        shots=shots,
        flashes=_flashes(spec, sections, shots),
        fade_in=min(round(0.8 * spec.fps), spec.frames // 4),
        fade_out=min(round(1.6 * spec.fps), spec.frames // 4),
    )


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    """Neighbours as one: the melody goes on from the drop into the chorus after it."""
    joined: list[Span] = []
    for span in spans:
        if joined and span.start - joined[-1].end < 1e-6:
            joined[-1] = Span(joined[-1].start, span.end)
        else:
            joined.append(span)
    return tuple(joined)


def _shots(spec: Spec, sections: list[TrueSection]) -> tuple[ShotPlan, ...]:
    dice = random.Random(f"{spec.seed} shots")  # noqa: S311 - a film, not a secret
    starts: list[tuple[float, TrueSection, str, bool]] = []
    for section in sections:
        scenes, lengths = LOOKS[section.label]
        offset = dice.randrange(len(scenes)) if section.label == "verse" else 0
        at = max(section.start, spec.lead_in)
        number = 0
        while at < section.end - (0.75 * spec.bar if number and section.label == "outro" else 1e-6):
            soft = section.label in SOFT_START if number == 0 else dice.random() < SOFT_INSIDE.get(section.label, 0.0)
            begin = section.start if number == 0 else at
            starts.append((begin, section, scenes[(number + offset) % len(scenes)], soft))
            at += lengths[number % len(lengths)] * spec.bar
            number += 1
    starts = [one for number, one in enumerate(starts) if number == 0 or spec.length - one[0] > SHORTEST_SHOT]
    frames = [0, *(round(one[0] * spec.fps) for one in starts[1:]), spec.frames]
    half = max(2, round(DISSOLVE_BEATS * spec.beat * spec.fps / 2))
    halves = [0] * len(frames)
    for number in range(1, len(starts)):
        room = min(frames[number] - frames[number - 1], frames[number + 1] - frames[number]) // 3
        halves[number] = min(half, room) if starts[number][3] and room >= 3 else 0
    shots: list[ShotPlan] = []
    for number, (_, section, scene, _) in enumerate(starts):
        before, after = halves[number], halves[number + 1]
        kind = Transition.START if number == 0 else Transition.DISSOLVE if before else Transition.CUT
        first, last = frames[number] - before, frames[number + 1] + after
        gradual = Span(first / spec.fps, (frames[number] + before) / spec.fps) if before else None
        truth = TrueShot(frames[number], frames[number] / spec.fps, frames[number + 1] / spec.fps, kind, gradual, scene)
        shots.append(ShotPlan(truth, first, last, section.label, dice.randrange(1 << 30)))
    return _with_fades(spec, sections, shots)


def _with_fades(spec: Spec, sections: list[TrueSection], shots: list[ShotPlan]) -> tuple[ShotPlan, ...]:
    """Turns the dissolve into the break into one fade through black: films have both."""
    faded = list(shots)
    begins = {round(one.start * spec.fps) for one in sections if one.label == "break"}
    for number, shot in enumerate(shots):
        if number and shot.truth.frame in begins and shot.truth.gradual:
            faded[number] = replace(shot, truth=replace(shot.truth, transition=Transition.FADE))
    return tuple(faded)


def _flashes(spec: Spec, sections: list[TrueSection], shots: tuple[ShotPlan, ...]) -> tuple[Flash, ...]:
    """Two flashes in each drop and one in each chorus, on beats that are well inside a shot."""
    dice = random.Random(f"{spec.seed} flashes")  # noqa: S311
    margin = max(4, round(0.2 * spec.fps))
    found: list[Flash] = []
    for section in sections:
        if section.label not in HOOK_LABELS:
            continue
        quiet = []
        for beat in range(int((section.end - section.start) / spec.beat)):
            frame = round((section.start + beat * spec.beat) * spec.fps)
            if any(shot.first + margin <= frame < shot.last - 2 * margin for shot in shots) and not any(
                abs(frame - shot.truth.frame) < margin for shot in shots
            ):
                quiet.append(frame)
        chosen = sorted(dice.sample(quiet, min(len(quiet), 2 if section.label == "drop" else 1)))
        found += [Flash(frame, max(1, round(0.07 * spec.fps)), frame / spec.fps) for frame in chosen]
    return tuple(found)
