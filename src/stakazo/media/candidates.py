"""Stretches that could be clips: they start and end where a person would cut, and hold no black or titles. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stakazo.media.choice import LEAST, ClipRules, Window
from stakazo.media.errors import NothingToSee, TooShort
from stakazo.media.timeline import RATE, Floats, Timeline, distance, runs

FLASH_BEFORE = 0.45
"""Seconds before a cut in which no clip may start: the end of the shot before would flash up."""
FLASH_AFTER = 0.35
"""Seconds after a cut in which no clip may end: the beginning of the next shot would flash up."""
DISSOLVE = 0.5
"""Seconds around the middle of a dissolve in which another picture shines through."""
NEAR = 0.2
"""Seconds by which a bar and a cut may differ and still be one moment."""
BUCKET = 2.5
"""Seconds: of the ends that lie this close together only the best is tried for a start."""


MOST_STARTS = 900
"""More starts than this are thinned out: it bounds the work for films of hours."""


@dataclass(frozen=True)
class Points:
    """Moments to cut at, in order of time, as columns."""

    times: Floats
    kinds: tuple[str, ...]
    """bar, beat, shot, silence, calm, start or end."""
    starting: Floats
    """0 to 1: how well a clip starts here."""
    ending: Floats
    """0 to 1: how well a clip ends here."""


def whole(timeline: Timeline) -> Window:
    """All of it, without black at either end."""
    first, last = 0.0, timeline.duration
    for run in runs(timeline.black):
        if run.start <= 0.0 and last - run.end >= LEAST:
            first = run.end
        elif run.end >= last - 1.5 / RATE and run.start - first >= LEAST:
            last = run.start
    return Window(first, last, "shot" if first else "start", "shot" if last < timeline.duration else "end")


def windows(timeline: Timeline, rules: ClipRules) -> tuple[Window, ...]:
    """Every stretch worth judging, in order of time; at least one.

    Raises TooShort for what is shorter than any clip, NothingToSee for a file without pictures and sound.
    """
    analysis = timeline.analysis
    if analysis.pictures is None and analysis.sound is None:
        raise NothingToSee("This file has neither pictures nor sound that can be decoded.")
    if timeline.duration < LEAST:
        raise TooShort(f"This video lasts {timeline.duration:.2g} s; a clip needs at least {LEAST:.0f} s.")
    everything = whole(timeline)
    if everything.span.duration < rules.min_duration:
        return (everything,)
    found = _pair(timeline, points(timeline), rules)
    alive = [window for window, dead in zip(found, _dead(timeline, found), strict=True) if dead <= 0.15]
    usable = alive or found
    if everything.span.duration <= rules.max_duration:
        usable.append(everything)
    if not usable:
        start = everything.start
        usable = [Window(start, min(start + rules.max_duration, everything.end), everything.starts_on, "calm")]
    return tuple(sorted(set(usable), key=lambda window: (window.start, window.end)))


def points(timeline: Timeline) -> Points:
    """The moments at which a clip may start or end."""
    marks: dict[float, tuple[str, float, float]] = {}
    for time, kind, starting, ending in [
        *_edges(timeline), *_shots(timeline), *_bars(timeline), *_silences(timeline)
    ]:  # fmt: skip
        key = round(time, 4)
        known = marks.get(key)
        if known is None or starting + ending > known[1] + known[2]:
            marks[key] = (kind, starting, ending)
    for time in _calm(timeline, np.array(sorted(marks))):
        marks[round(time, 4)] = ("calm", 0.35, 0.35)
    times = np.array(sorted(marks))
    starts, ends = _without_flashes(timeline, times, marks)
    return Points(times, tuple(marks[time][0] for time in times.tolist()), starts, ends)


def _without_flashes(
    timeline: Timeline, times: Floats, marks: dict[float, tuple[str, float, float]]
) -> tuple[Floats, Floats]:
    """How well clips start and end at these times: not at all inside black, titles or just beside a cut."""
    starting = np.array([marks[time][1] for time in times.tolist()])
    ending = np.array([marks[time][2] for time in times.tolist()])
    if len(timeline.cuts):
        following = np.searchsorted(timeline.cuts, times + 1e-3)
        ahead = np.append(timeline.cuts, np.inf)[following] - times
        behind = times - np.insert(timeline.cuts, 0, -np.inf)[np.searchsorted(timeline.cuts, times - 1e-3)]
        starting = np.where(ahead < FLASH_BEFORE, 0.0, starting)
        ending = np.where(behind < FLASH_AFTER, 0.0, ending)
    inside = distance(times, timeline.dissolves) < DISSOLVE - 0.02
    starting, ending = np.where(inside, 0.0, starting), np.where(inside, 0.0, ending)
    dead = timeline.dead
    starting = np.where(dead.mean(times, times + 0.3) > 0.3, 0.0, starting)
    ending = np.where(dead.mean(np.maximum(times - 0.3, 0.0), times) > 0.3, 0.0, ending)
    return starting, ending


def _edges(timeline: Timeline) -> list[tuple[float, str, float, float]]:
    """The beginning, the end, and the borders of what is dead."""
    end = timeline.duration
    marks = [(0.0, "start", 0.6, 0.0), (end, "end", 0.0, 0.6)]
    for run in runs(timeline.dead.values > 0):
        marks += [(min(run.end, end), "shot", 0.6, 0.0), (run.start, "shot", 0.0, 0.7)]
    return marks


def _shots(timeline: Timeline) -> list[tuple[float, str, float, float]]:
    """Cuts: what a film is made of; where bars lead they count for less."""
    worth = 0.9 - 0.35 * timeline.musical
    hard = [(float(time), "shot", worth, worth) for time in timeline.hard_cuts]
    after = [(float(time) + DISSOLVE, "shot", 0.9 * worth, 0.0) for time in timeline.dissolves]
    before = [(float(time) - DISSOLVE, "shot", 0.0, 0.9 * worth) for time in timeline.dissolves]
    return hard + [mark for mark in after + before if 0 < mark[0] < timeline.duration]


def _bars(timeline: Timeline) -> list[tuple[float, str, float, float]]:
    """Downbeats, at the exact time of a cut that falls together with one; beats where only they do."""
    musical, cuts = timeline.musical, timeline.hard_cuts
    if not musical:
        return []
    sound = timeline.analysis.sound
    sections = np.array([section.start for section in sound.sections]) if sound else np.zeros(0)
    marks: list[tuple[float, str, float, float]] = []
    for time in timeline.downbeats:
        worth = 0.35 + 0.4 * musical
        if len(sections) and np.min(np.abs(sections - time)) < NEAR:
            worth += 0.15
        near = _nearest(cuts, time)
        if near is not None and abs(near - time) <= NEAR:
            marks.append((near, "bar", min(worth + 0.25, 1.0), min(worth + 0.25, 1.0)))
        else:
            marks.append((float(time), "bar", worth, worth))
    for cut in cuts:
        near = _nearest(timeline.beats, cut)
        if near is not None and abs(near - cut) <= 0.1:
            marks.append((float(cut), "beat", 0.65, 0.65))
    return marks


def _silences(timeline: Timeline) -> list[tuple[float, str, float, float]]:
    """Pauses: a clip may end when one begins and start just before it is over."""
    sound = timeline.analysis.sound
    if not sound or not timeline.audible:
        return []
    worth = 0.6 if timeline.musical < 0.3 else 0.3
    marks: list[tuple[float, str, float, float]] = []
    for span in sound.silences:
        lead = min(0.15, span.duration / 2)
        marks += [(max(span.end - lead, 0.0), "silence", worth, 0.0), (span.start + lead, "silence", 0.0, worth)]
    return marks


def _calm(timeline: Timeline, known: Floats) -> list[float]:
    """In every gap without a better mark, the moments at which least goes on."""
    level = np.zeros(timeline.ticks)
    for track in (timeline.motion, timeline.energy):
        if track is not None:
            level = level + track.values / max(float(track.values.max()), 1e-6)
    found: list[float] = []
    borders = np.concatenate(([0.0], known, [timeline.duration]))
    for left, right in pairwise(borders.tolist()):
        pieces = int((right - left) // 3.0)
        for piece in range(1, pieces + 1):
            middle = left + piece * (right - left) / (pieces + 1)
            first = int((middle - 0.8) * RATE)
            stretch = level[max(first, 0) : max(first, 0) + int(1.6 * RATE)]
            if len(stretch):
                found.append((max(first, 0) + int(np.argmin(stretch))) / RATE)
    return found


def _nearest(times: Floats, time: float) -> float | None:
    if not len(times):
        return None
    index = int(np.searchsorted(times, time))
    near = times[max(index - 1, 0) : index + 1]
    return float(near[np.argmin(np.abs(near - time))])


def _pair(timeline: Timeline, marks: Points, rules: ClipRules) -> list[Window]:
    """Each start with, for every length, the best end."""
    starts = _best_starts(timeline, marks)
    found: list[Window] = []
    for index in starts.tolist():
        start = float(marks.times[index])
        first, last = np.searchsorted(
            marks.times, (start + rules.min_duration - 1e-6, start + rules.max_duration + 1e-6)
        )
        ends = np.arange(first, last)
        ends = ends[marks.ending[first:last] > 0]
        if not len(ends):
            continue
        found += [
            Window(start, float(marks.times[end]), marks.kinds[index], _ending(marks.kinds[end]))
            for end in _best_ends(timeline, marks, ends, start)
        ]
    return found


def _best_starts(timeline: Timeline, marks: Points) -> NDArray[np.intp]:
    """The moments to start at; of a very long film the best of every few seconds."""
    starts = np.flatnonzero(marks.starting > 0)
    if len(starts) <= MOST_STARTS:
        return starts
    slots = (marks.times[starts] * (MOST_STARTS / timeline.duration)).astype(np.intp)
    order = np.lexsort((-marks.starting[starts], slots))
    _, first = np.unique(slots[order], return_index=True)
    return starts[np.sort(order[first])]


def _best_ends(timeline: Timeline, marks: Points, ends: NDArray[np.intp], start: float) -> list[int]:
    """Of the ends within a few seconds the best one: whole phrases of four bars count more."""
    worth = marks.ending[ends].copy()
    if timeline.bar and timeline.musical:
        bars = (marks.times[ends] - start) / timeline.bar
        off = np.abs(bars - np.round(bars))
        worth += np.where(off < 0.08, 0.15, 0.0) + np.where(
            np.abs(bars / 4 - np.round(bars / 4)) < 0.03, 0.25 * timeline.musical, 0.0
        )
    buckets = ((marks.times[ends] - start) / BUCKET).astype(np.intp)
    best: dict[int, int] = {}
    for position, bucket in enumerate(buckets.tolist()):
        if bucket not in best or worth[position] > worth[best[bucket]] + 1e-9:
            best[bucket] = position
    return [int(ends[position]) for position in best.values()]


def _ending(kind: str) -> str:
    return "end" if kind == "start" else kind


def _dead(timeline: Timeline, found: list[Window]) -> Floats:
    if not found:
        return np.zeros(0)
    starts, ends = np.array([w.start for w in found]), np.array([w.end for w in found])
    return timeline.dead.mean(starts, ends)
