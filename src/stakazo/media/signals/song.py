"""What speaks for a stretch by its sound: the hook, the form, the drop, the energy. Pure."""

from __future__ import annotations

import numpy as np

from stakazo.media.signals import FREE, SILENT, Batch, Judged, Unjudged, clock, compared
from stakazo.media.timeline import Timeline
from stakazo.media.types import Hook, Section

LOUD = ("chorus", "drop")
"""Labels of the sections that carry a song."""
HOOK = 0.75
"""The score from which a passage is called a hook."""


def hook(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """Whether the passage that one remembers is in it, whole, and soon."""
    sound = timeline.analysis.sound
    if not sound or not timeline.audible:
        return SILENT
    if not timeline.musical:
        return FREE
    hooks = sound.hooks or tuple(
        Hook(s.start, s.end, 0.5 + 0.4 * s.energy, f"the {s.label}") for s in sound.sections if s.label in LOUD
    )
    if not hooks:
        return Unjudged("no passage of the sound stands out as a hook")
    # What is found in a song without any hook scores about 0.4.
    strength = np.clip((np.array([found.score for found in hooks]) - 0.3) / 0.6, 0.0, 1.0)
    table = np.zeros((len(hooks), len(batch.windows)))
    for row, found in enumerate(hooks):
        shared = np.minimum(batch.ends, found.end) - np.maximum(batch.starts, found.start)
        needed = np.minimum(found.end - found.start, np.maximum(batch.lengths, batch.rules.min_duration))
        covered = np.clip(shared / np.maximum(needed, 1e-6), 0.0, 1.0)
        # The lead-in may be a few seconds; a hook that comes late is scrolled past.
        lead = found.start - batch.starts
        soon = np.clip(1.0 - np.maximum(lead - 4.0, -lead) / 12.0, 0.5, 1.0)
        table[row] = strength[row] * covered * soon
    chosen = table.argmax(axis=0)

    def why(index: int) -> str:
        found, value = hooks[int(chosen[index])], table[int(chosen[index]), index]
        if value < 0.05:
            return f"not the hook, which is at {clock(hooks[0].start)}"
        lead = found.start - batch.starts[index]
        if lead > 1.5:
            place = f"{lead:.0f} s in"
        elif lead > -1.5:
            place = "right at the start"
        else:
            place = "already running"
        name = "the hook" if found.score >= HOOK else "a passage that may stick,"
        return f"{name} from {clock(found.start)} to {clock(found.end)}, {place}: {found.reason}"

    return Judged(table.max(axis=0), why)


def form(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """Whether it starts where a part of the song starts, and which part."""
    sound = timeline.analysis.sound
    if not sound or not timeline.audible:
        return SILENT
    if not timeline.musical:
        return FREE
    if len(sound.sections) < 2:
        return Unjudged("the sound has no parts")
    sections = sound.sections
    borders = np.array([section.start for section in sections])
    nearest = np.abs(borders[:, None] - batch.starts[None, :]).argmin(axis=0)
    tolerance = min(timeline.bar or 1.0, 2.0) / 2
    close = np.asarray(np.abs(borders[nearest] - batch.starts) <= tolerance)
    worth = np.array([_worth(section) for section in sections])
    ends = np.array([section.end for section in sections])
    closes = np.asarray(np.abs(ends[:, None] - batch.ends[None, :]).min(axis=0) <= tolerance)
    inside = np.zeros(len(batch.windows))
    for section, value in zip(sections, worth, strict=True):
        shared = np.minimum(batch.ends, section.end) - np.maximum(batch.starts, section.start)
        inside += np.clip(shared / batch.lengths, 0.0, 1.0) * value
    values = 0.5 * np.where(close, worth[nearest], 0.0) + 0.15 * closes + 0.35 * np.clip(inside, 0, 1)

    def why(index: int) -> str:
        section = sections[int(nearest[index])]
        if close[index]:
            end = " and ends with a part" if closes[index] else ""
            return f"starts with {_named(section, sections)} at {clock(section.start)}{end}"
        middle = (batch.starts[index] + batch.ends[index]) / 2
        around = next((s for s in sections if s.span.contains(middle)), section)
        return f"lies in {_named(around, sections)} from {clock(around.start)}"

    return Judged(np.clip(values, 0.0, 1.0), why)


def _worth(section: Section) -> float:
    base = {"chorus": 1.0, "drop": 1.0, "verse": 0.55, "break": 0.35, "intro": 0.25, "outro": 0.15}
    return 0.7 * base.get(section.label, 0.5) + 0.3 * section.energy


def _named(section: Section, sections: tuple[Section, ...]) -> str:
    if section.label == "part":
        return "a part of the song"
    alike = [other for other in sections if other.label == section.label]
    if len(alike) == 1:
        return f"the {section.label}"
    number = alike.index(section)
    ordinal = ("first", "second", "third", "fourth", "fifth")[number] if number < 5 else f"{number + 1}th"
    return f"the {ordinal} {section.label}"


def drop(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """Whether a drop falls in it early enough to be waited for, with time left to enjoy it."""
    sound = timeline.analysis.sound
    if not sound or not timeline.audible:
        return SILENT
    if not timeline.musical:
        return FREE
    drops = [time for time in sound.drops if 0 < time < timeline.duration]
    if not drops:
        return Unjudged("the sound has no drop")
    times = np.array(drops)
    wait = times[:, None] - batch.starts[None, :]
    left = batch.ends[None, :] - times[:, None]
    early = np.where(wait < -0.3, 0.0, np.clip(1.0 - np.maximum(wait - 6.0, 0.0) / 10.0, 0.25, 1.0))
    early = np.where(np.abs(wait) <= 0.3, 0.75, early)  # on the drop itself nothing is left to wait for
    table = early * np.clip(left / 4.0, 0.0, 1.0)
    chosen = table.argmax(axis=0)

    def why(index: int) -> str:
        time, value = drops[int(chosen[index])], table[int(chosen[index]), index]
        if value <= 0.0:
            return "no drop in it"
        return f"the drop at {clock(time)} falls {max(time - batch.starts[index], 0.0):.1f} s in"

    return Judged(table.max(axis=0), why)


def energy(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """How loud and dense it sounds beside the rest of this file."""
    track = timeline.energy
    if track is None:
        return SILENT
    means = track.mean(batch.starts, batch.ends)
    values = 0.7 * track.relative(means, 0.2) + 0.3 * np.clip(means, 0.0, 1.0)
    return Judged(values, compared("sound", values, ("quiet for this file", "of average energy", "among the loudest")))
