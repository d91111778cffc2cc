"""What speaks for a stretch as a clip: one function per signal, each judging all windows at once and saying why.

A signal gets the timeline and the windows, and gives a value of 0 to 1 for each window with a sentence on demand,
or `Unjudged` with the reason when this file doesn't have what it needs. A new one is a function here and a line in
`score.SIGNALS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stakazo.media.timeline import RATE, Floats, Timeline, Track, smooth
from stakazo.media.types import ClipRules, Hook, Section, Window

LOUD = ("chorus", "drop")
"""Labels of the sections that carry a song."""


@dataclass(frozen=True)
class Batch:
    """The windows to judge, as columns too."""

    windows: tuple[Window, ...]
    rules: ClipRules

    @cached_property
    def starts(self) -> Floats:
        return np.array([window.start for window in self.windows])

    @cached_property
    def ends(self) -> Floats:
        return np.array([window.end for window in self.windows])

    @cached_property
    def lengths(self) -> Floats:
        return self.ends - self.starts


@dataclass(frozen=True)
class Judged:
    """Every window's value, 0 to 1, and what to say of the window at an index."""

    values: Floats
    why: Callable[[int], str]


@dataclass(frozen=True)
class Unjudged:
    """This file can't be judged so."""

    reason: str


Signal = Callable[[Timeline, Batch], Judged | Unjudged]

SILENT = Unjudged("no sound")
FREE = Unjudged("no steady beat, so no song form to go by")
BLIND = Unjudged("no pictures")


def clock(seconds: float) -> str:
    """A time as a person writes it: 1:02."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


# --- the song -----------------------------------------------------------------------------------------------


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
    table = np.zeros((len(hooks), len(batch.windows)))
    for row, found in enumerate(hooks):
        shared = np.minimum(batch.ends, found.end) - np.maximum(batch.starts, found.start)
        needed = np.minimum(found.end - found.start, np.maximum(batch.lengths, batch.rules.min_duration))
        covered = np.clip(shared / np.maximum(needed, 1e-6), 0.0, 1.0)
        # The lead-in may be a few seconds; a hook that comes late is scrolled past.
        lead = found.start - batch.starts
        soon = np.clip(1.0 - np.maximum(lead - 4.0, -lead) / 12.0, 0.5, 1.0)
        table[row] = (0.35 + 0.65 * found.score) * covered * soon
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
        return f"the hook from {clock(found.start)} to {clock(found.end)}, {place}: {found.reason}"

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
    return Judged(values, _compared("sound", values, ("quiet for this file", "of average energy", "among the loudest")))


# --- the pictures -------------------------------------------------------------------------------------------


def motion(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """How much moves beside the rest of this film."""
    track = timeline.motion
    if track is None:
        return BLIND
    values = track.relative(track.mean(batch.starts, batch.ends), 0.01)
    return Judged(
        values, _compared("movement", values, ("calm for this film", "as much as usual", "among the liveliest"))
    )


def peak(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """Whether the strongest moments of the whole film are in it."""
    tracks = [track for track in (timeline.motion, timeline.energy, timeline.onsets) if track is not None]
    if not tracks:
        return SILENT
    level = np.mean([_standing(smooth(track.values, 1.5)) for track in tracks], axis=0)
    level = np.where(timeline.dead.values > 0, 0.0, level)
    strong = Track((level >= np.percentile(level, 88)).astype(np.float64))
    shares = strong.mean(batch.starts, batch.ends)
    values = np.clip(shares / 0.4, 0.0, 1.0)

    def why(index: int) -> str:
        first, last = int(batch.starts[index] * RATE), max(int(batch.ends[index] * RATE), 1)
        top = first + int(np.argmax(level[first:last]))
        if shares[index] < 0.05:
            return "none of the film's strongest moments"
        return f"{shares[index]:.0%} of it is among the film's strongest moments, the strongest at {clock(top / RATE)}"

    return Judged(values, why)


def _standing(values: Floats) -> Floats:
    """Each value's place among all: 0 for the least, 1 for the greatest."""
    return np.argsort(np.argsort(values, kind="stable"), kind="stable") / max(len(values) - 1, 1)


def rhythm(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """How briskly it is cut beside the rest of this film, and whether cuts fall on beats."""
    cuts = timeline.cuts
    if timeline.motion is None:
        return BLIND
    if len(cuts) < 2:
        return Unjudged("no cuts")
    first, last = np.searchsorted(cuts, batch.starts + 0.05), np.searchsorted(cuts, batch.ends - 0.05)
    counts = np.maximum(last - first, 0)
    usual = len(cuts) / timeline.duration
    rates = counts / batch.lengths
    values = rates / (rates + usual)
    on_beat = np.zeros(len(counts))
    if len(timeline.beats) > 8:
        gaps = np.abs(cuts[:, None] - timeline.beats[None, :]).min(axis=1)
        hits = np.concatenate(([0], np.cumsum(gaps <= 0.08)))
        on_beat = (hits[np.maximum(last, first)] - hits[first]) / np.maximum(counts, 1)
        values = 0.7 * values + 0.3 * on_beat

    def why(index: int) -> str:
        count = int(counts[index])
        if not count:
            return "no cut in it"
        pace = rates[index] / usual
        speed = "faster than" if pace > 1.25 else "slower than" if pace < 0.8 else "about as fast as"
        beat = f", {on_beat[index]:.0%} of them on a beat" if on_beat[index] >= 0.5 else ""
        return f"{count} cut{'s' if count > 1 else ''}: {speed} this film's usual{beat}"

    return Judged(np.clip(values, 0.0, 1.0), why)


def people(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """How much of the time a face is on screen, and how big."""
    if timeline.motion is None:
        return BLIND
    if timeline.faces is None:
        return Unjudged("no faces were found")
    present, size = timeline.faces
    if present.values.mean() < 0.01:
        return Unjudged("hardly any faces were found")
    share = present.mean(batch.starts, batch.ends)
    height = size.mean(batch.starts, batch.ends) / np.maximum(share, 1e-6)
    values = np.clip(share, 0, 1) * (0.6 + 0.4 * np.clip(height / 0.3, 0.0, 1.0))

    def why(index: int) -> str:
        if share[index] < 0.02:
            return "no face on screen"
        close = ", close up" if height[index] >= 0.3 else ""
        return f"a face is on screen {min(share[index], 1.0):.0%} of the time{close}"

    return Judged(values, why)


def subject(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """How clearly something stands out from its surroundings: what a narrow crop can follow."""
    track = timeline.subject
    if timeline.motion is None:
        return BLIND
    if track is None:
        return Unjudged("nothing stands out in any frame")
    values = track.relative(track.mean(batch.starts, batch.ends), 0.1)
    words = ("little stands out in the frame", "something to look at", "something stands out clearly")
    return Judged(values, lambda index: _step(values[index], words))


def clarity(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """How sharp and how well exposed it is."""
    sharp, bright, colour = timeline.sharpness, timeline.brightness, timeline.colour
    if sharp is None or bright is None or colour is None:
        return BLIND
    exposed = Track(((bright.values > 0.14) & (bright.values < 0.88)).astype(np.float64))
    good = exposed.mean(batch.starts, batch.ends)
    fine = sharp.relative(sharp.mean(batch.starts, batch.ends), 0.15)
    vivid = colour.relative(colour.mean(batch.starts, batch.ends), 0.06)
    values = 0.5 * good + 0.3 * fine + 0.2 * vivid

    def why(index: int) -> str:
        exposure = "well exposed" if good[index] > 0.85 else f"{1 - good[index]:.0%} of it too dark or too bright"
        said = [exposure, "among the sharpest of this film" if fine[index] >= 0.7 else ""]
        said.append("colourful" if vivid[index] >= 0.7 else "")
        return _listed([word for word in said if word])

    return Judged(values, why)


def variety(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """How different its pictures are from each other."""
    prints = timeline.prints
    if prints is None:
        return BLIND
    if len(prints) < 4:
        return Unjudged("too short to vary")
    sums = np.concatenate((np.zeros((1, prints.shape[1])), np.cumsum(prints, axis=0)))
    first = np.clip(batch.starts.astype(np.intp), 0, len(prints) - 1)
    last = np.clip(np.ceil(batch.ends).astype(np.intp), first + 1, len(prints))
    means = (sums[last] - sums[first]) / (last - first)[:, None]
    # The mean of n unit vectors is as long as they are alike.
    spread = 1.0 - np.sqrt((means**2).sum(axis=1))
    values = np.clip(spread / 0.6, 0.0, 1.0)
    words = ("one picture all through", "some change of picture", "many different pictures")
    return Judged(values, lambda index: _step(values[index], words))


# --- the clip as such ---------------------------------------------------------------------------------------


def opening(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """What the first two seconds offer to stop a thumb: movement, light, a face, a beat, a picture."""
    starts, ends = batch.starts, np.minimum(batch.starts + 2.0, batch.ends)
    terms: list[tuple[str, float, Floats]] = []
    if timeline.motion is not None and timeline.brightness is not None and timeline.sharpness is not None:
        terms.append(("movement", 1.0, timeline.motion.relative(timeline.motion.mean(starts, ends), 0.01)))
        light = timeline.brightness.mean(starts, np.minimum(starts + 0.7, ends))
        terms.append(("a bright picture", 0.7, np.clip((light - 0.08) / 0.22, 0.0, 1.0)))
        terms.append(("a sharp picture", 0.4, timeline.sharpness.relative(timeline.sharpness.mean(starts, ends), 0.15)))
    if timeline.faces is not None:
        terms.append(("a face", 0.8, np.clip(timeline.faces[0].mean(starts, ends), 0.0, 1.0)))
    if timeline.onsets is not None and timeline.energy is not None:
        attack = smooth(timeline.onsets.values, 0.3)
        top = max(float(np.percentile(attack, 98)), 1e-6)
        first = np.array([attack[int(t * RATE) : int(t * RATE) + 5].max(initial=0.0) for t in starts])
        terms.append(("an attack in the sound", 0.7, np.clip(first / top, 0.0, 1.0)))
        terms.append(("full sound", 0.8, timeline.energy.relative(timeline.energy.mean(starts, ends), 0.2)))
    if not terms:
        return Unjudged("neither pictures nor sound")
    values = sum(weight * value for _, weight, value in terms) / sum(weight for _, weight, _ in terms)

    def why(index: int) -> str:
        offered = [name for name, _, value in sorted(terms, key=lambda t: -t[2][index]) if value[index] >= 0.6]
        return f"opens with {_listed(offered[:3])}" if offered else "a quiet opening"

    return Judged(np.asarray(values), why)


def edges(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """Whether it starts and ends where a person would cut."""
    musical = timeline.musical
    worth = {
        "bar": 0.55 + 0.3 * musical, "beat": 0.6, "shot": 0.85 - 0.4 * musical,
        "silence": 0.6, "start": 0.5, "end": 0.6, "calm": 0.25,
    }  # fmt: skip
    cut_start, cut_end = _on_cut(timeline, batch.starts), _on_cut(timeline, batch.ends)
    first = np.array([worth.get(window.starts_on, 0.3) for window in batch.windows]) + 0.3 * cut_start * musical
    last = np.array([worth.get(window.ends_on, 0.3) for window in batch.windows]) + 0.3 * cut_end * musical
    values = np.clip(0.6 * first + 0.4 * last, 0.0, 1.0)

    def why(index: int) -> str:
        window = batch.windows[index]
        start = _aligned(window.starts_on, cut=bool(cut_start[index]))
        end = _aligned(window.ends_on, cut=bool(cut_end[index]))
        return f"starts {start} and ends {end}"

    return Judged(values, why)


def _on_cut(timeline: Timeline, times: Floats) -> Floats:
    if not len(timeline.cuts):
        return np.zeros(len(times))
    return np.asarray(np.abs(times[:, None] - timeline.cuts[None, :]).min(axis=1) < 0.02, dtype=np.float64)


def _aligned(kind: str, *, cut: bool) -> str:
    words = {
        "bar": "on the first beat of a bar", "beat": "on a beat", "shot": "with a shot", "silence": "at a pause",
        "start": "with the film", "end": "with the film", "calm": "at a calm moment",
    }  # fmt: skip
    return words.get(kind, kind) + (" and a cut" if cut and kind in {"bar", "beat"} else "")


def alive(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """Whether something goes on all the time: no black, stills, titles, silence."""
    gone = timeline.dead.mean(batch.starts, batch.ends)
    quiet = Track(timeline.silent.astype(np.float64)).mean(batch.starts, batch.ends)
    values = np.clip(1.0 - 4.0 * gone - 1.5 * quiet, 0.0, 1.0)

    def why(index: int) -> str:
        said = [f"{gone[index]:.0%} of it shows nothing"] if gone[index] > 0.02 else []
        said += [f"{quiet[index]:.0%} of it is silent"] if quiet[index] > 0.02 else []
        return " and ".join(said) or "no dead stretch"

    return Judged(values, why)


def loop(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """Whether it can run in a circle: whole bars, and an end that looks like the start."""
    prints, bar = timeline.prints, timeline.bar
    values, said = np.zeros(len(batch.windows)), np.zeros(len(batch.windows))
    if bar is None and prints is None:
        return Unjudged("neither bars nor pictures")
    if prints is not None:
        first = np.clip(np.round(batch.starts + 0.5).astype(np.intp), 0, len(prints) - 1)
        last = np.clip(np.floor(batch.ends - 0.5).astype(np.intp), 0, len(prints) - 1)
        said = np.clip((prints[first] * prints[last]).sum(axis=1), 0.0, 1.0)
        values = values + said * (0.5 if bar else 1.0)
    bars = batch.lengths / bar if bar else np.zeros(len(batch.windows))
    even = np.abs(bars - np.round(bars)) < 0.06
    if bar:
        values = values + np.where(even, np.where(np.round(bars) % 4 == 0, 1.0, 0.7), 0.0) * (
            0.5 if prints is not None else 1
        )

    def why(index: int) -> str:
        whole = f"{round(bars[index])} whole bars" if bar and even[index] else ""
        alike = "the end looks like the start" if said[index] >= 0.6 else ""
        return _listed([part for part in (whole, alike) if part]) or "the end doesn't meet the start"

    return Judged(values, why)


def length(_: Timeline, batch: Batch) -> Judged | Unjudged:
    """How near it is to the length that the rule asks for."""
    off = np.log2(batch.lengths / batch.rules.target_duration)
    values = np.exp(-0.5 * (off / 0.6) ** 2)
    return Judged(
        values, lambda index: f"{batch.lengths[index]:.1f} s long; aimed at: {batch.rules.target_duration:.0f} s"
    )


# --- words --------------------------------------------------------------------------------------------------


def _step(value: float, words: tuple[str, str, str]) -> str:
    return words[0] if value < 0.35 else words[1] if value < 0.6 else words[2]


def _compared(what: str, values: Floats, words: tuple[str, str, str]) -> Callable[[int], str]:
    return lambda index: f"{what}: {_step(values[index], words)}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
