"""Which clips: the best windows that differ from each other and are spread over the film. Pure."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stakazo.media.candidates import windows
from stakazo.media.choice import ClipRules, Pick, Score, Window
from stakazo.media.moment import best_time
from stakazo.media.score import Scores, weigh
from stakazo.media.timeline import Floats, Timeline
from stakazo.media.types import Analysis

SPREAD = 5.0
"""Points that a window loses for lying right beside a chosen one: enough to prefer another part of the film."""
ALIKE = 14.0
"""Points that a window loses for looking and sounding like a chosen one."""
ALIKE_EVERY = 30.0
"""Seconds of film for each clip where all of it looks and sounds alike."""
REPEATED = 0.97
"""The product of two fingerprints from which it is the same picture again."""
REASONS = 4
"""How many reasons a pick names."""
TELLING = 0.6
"""The value from which a part speaks for a clip."""


def how_many(duration: float, rules: ClipRules) -> int:
    """Clips to choose: 3 of one minute, 6 of two, 9 of five or more, and no more than fit."""
    if duration < 2 * rules.min_duration:
        return 1
    wanted = round(3.4 + 2.4 * math.log2(duration / 60.0))
    fitting = int(duration // (1.2 * rules.min_duration))
    return max(1, min(max(wanted, rules.min_count), rules.max_count, fitting))


def choose(analysis: Analysis, rules: ClipRules, count: int | None = None) -> tuple[Pick, ...]:
    """The best clips of a film, best first; at least one, `how_many` where no count is asked for.

    Fewer where the film has no more that differs. The same analysis and rules always give the same clips. Raises
    TooShort and NothingToSee.
    """
    timeline = Timeline(analysis)
    wanted = max(1, count if count is not None else how_many(timeline.duration, rules))
    rules = _fitting(rules, timeline.duration, wanted)
    scores = weigh(timeline, windows(timeline, rules), rules)
    chosen, twins = _diverse(timeline, scores, rules, wanted)
    chosen.sort(key=lambda index: (-scores.totals[index], scores.windows[index].start))
    return tuple(_pick(timeline, scores, index, rules, twin=index in twins) for index in chosen)


def _fitting(rules: ClipRules, duration: float, wanted: int) -> ClipRules:
    """The rules with the length to aim at shortened where so many clips of it wouldn't fit."""
    target = min(rules.target_duration, max(rules.min_duration, duration / wanted))
    return replace(rules, target_duration=target)


def _diverse(timeline: Timeline, scores: Scores, rules: ClipRules, wanted: int) -> tuple[list[int], set[int]]:
    """Indices of the windows that are best one after the other, each beside what was chosen before it.

    And which of them are twins of others: a film that looks alike all through gives a clip per `ALIKE_EVERY`
    seconds, and no more than the rule's least count.
    """
    starts = np.array([window.start for window in scores.windows])
    ends = np.array([window.end for window in scores.windows])
    lengths = ends - starts
    free, twin = np.ones(len(starts), dtype=np.bool_), np.zeros(len(starts), dtype=np.bool_)
    alike, near = np.zeros(len(starts)), np.zeros(len(starts))
    fewest = max(1, min(wanted, rules.min_count, int(timeline.duration // ALIKE_EVERY)))
    chosen: list[int] = []
    twins: set[int] = set()
    while len(chosen) < wanted:
        worth = scores.totals - ALIKE * np.clip((alike - 0.5) / 0.5, 0.0, 1.0) ** 2 - SPREAD * near
        best = _with_room(
            np.where(free & ~twin, worth, -np.inf), starts, ends, chosen, wanted, rules, timeline.duration
        )
        if best is None and len(chosen) < fewest:
            best = _with_room(np.where(free, worth, -np.inf), starts, ends, chosen, fewest, rules, timeline.duration)
        if best is None:
            break
        if twin[best]:
            twins.add(best)
        chosen.append(best)
        overlap = np.minimum(ends, ends[best]) - np.maximum(starts, starts[best])
        free &= np.maximum(overlap, 0.0) / np.minimum(lengths, lengths[best]) <= rules.max_overlap + 1e-6
        free[best] = False
        likeness = _likeness(timeline, scores.windows, best)
        alike = np.maximum(alike, likeness)
        twin |= 1.0 - likeness < rules.min_difference
        gap = np.maximum(np.maximum(starts - ends[best], starts[best] - ends), 0.0)
        near = np.maximum(near, np.exp(-gap / max(timeline.duration / (2 * wanted), 1.0)))
    return chosen, twins


def _with_room(
    worth: Floats, starts: Floats, ends: Floats, chosen: list[int], wanted: int, rules: ClipRules, duration: float
) -> int | None:
    """The best window that leaves room for those still to come; where none does, the best."""
    order = np.argsort(-worth, kind="stable")
    order = order[np.isfinite(worth[order])]
    if not len(order):
        return None
    for index in order[:400].tolist():
        taken = sorted((starts[i], ends[i]) for i in [*chosen, index])
        borders = [0.0, *[edge for pair in taken for edge in pair], duration]
        # Not every free second is usable: the slack of 10 % stands for points that lie badly.
        room = sum(
            int(max(b - a, 0.0) // (1.1 * rules.min_duration)) for a, b in zip(borders[::2], borders[1::2], strict=True)
        )
        if room >= wanted - len(chosen) - 1:
            return int(index)
    return int(order[0])


def _likeness(timeline: Timeline, candidates: tuple[Window, ...], chosen: int) -> Floats:
    """0 to 1 for every window: how much it looks, and where there is song form sounds, like the chosen one."""
    looks = _looks_like(timeline, candidates, chosen)
    sounds = _sounds_like(timeline, candidates, chosen)
    # A second chorus over other pictures is another clip, and so is the same place with other music.
    return looks if sounds is None else np.minimum(looks, 0.5 + 0.5 * sounds)


def _looks_like(timeline: Timeline, candidates: tuple[Window, ...], chosen: int) -> Floats:
    """The mean over a window's seconds of how well the most similar second of the chosen one fits.

    1 where half of the seconds of one show a picture of the other again.
    """
    prints = timeline.prints
    if prints is None:
        return np.zeros(len(candidates))
    window = candidates[chosen]
    first = min(int(window.start), len(prints) - 1)
    likeness = prints[first : max(int(np.ceil(window.end)), first + 1)] @ prints.T
    begins = np.clip(np.array([w.start for w in candidates]).astype(np.intp), 0, len(prints) - 1)
    finishes = np.clip(np.ceil([w.end for w in candidates]).astype(np.intp), begins + 1, len(prints))
    seconds = finishes - begins
    closest = likeness.max(axis=0)
    mean = _within(np.clip(closest, 0.0, 1.0), begins, finishes) / seconds
    theirs = _within(closest >= REPEATED, begins, finishes) / seconds
    ours = (_within(likeness >= REPEATED, begins, finishes) > 0).mean(axis=0)
    return np.where(np.maximum(theirs, ours) >= 0.5, 1.0, mean)


def _within(values: NDArray[Any], begins: NDArray[np.intp], finishes: NDArray[np.intp]) -> Floats:
    """The sums along the last axis over many stretches of it."""
    sums = np.concatenate((np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1, dtype=np.float64)), axis=-1)
    return np.asarray(sums[..., finishes] - sums[..., begins])


def _sounds_like(timeline: Timeline, candidates: tuple[Window, ...], chosen: int) -> Floats | None:
    """The share of a window's time in parts of the song that the chosen one holds too, by their letters."""
    sound = timeline.analysis.sound
    if not sound or len({section.letter for section in sound.sections}) < 2:
        return None
    window = candidates[chosen]
    heard = {section.letter for section in sound.sections if section.span.overlap(window.span) > 1.0}
    starts, ends = np.array([w.start for w in candidates]), np.array([w.end for w in candidates])
    common = np.zeros(len(candidates))
    for section in sound.sections:
        if section.letter in heard:
            common += np.maximum(np.minimum(ends, section.end) - np.maximum(starts, section.start), 0.0)
    return np.asarray(np.clip(common / (ends - starts), 0.0, 1.0))


def _pick(timeline: Timeline, scores: Scores, index: int, rules: ClipRules, *, twin: bool) -> Pick:
    window, score = scores.windows[index], scores.score(index)
    said = _reasons(score, scores.unjudged, window, rules)
    if twin:
        said = (*said, "looks much like another of the chosen clips: this film has little else to show")
    return Pick(window, score, said, best_time(timeline, window.span))


def _reasons(score: Score, unjudged: dict[str, str], window: Window, rules: ClipRules) -> tuple[str, ...]:
    """What speaks for it most, in words; then what a person should know of how it was judged."""
    best = sorted((part for part in score.parts if part.name not in {"length", "alive"}), key=lambda part: -part.points)
    telling = [part for part in best if part.value >= TELLING] or best[:2]
    said = [part.reason for part in telling[:REASONS]]
    if window.span.duration < rules.min_duration:
        said.append(f"shorter than the {rules.min_duration:g} s that are asked for: the video has no more")
    if unjudged:
        reasons: dict[str, list[str]] = {}
        for name, reason in unjudged.items():
            reasons.setdefault(reason, []).append(name)
        said.append("not judged: " + "; ".join(f"{', '.join(names)} ({why})" for why, names in reasons.items()))
    return tuple(said)
