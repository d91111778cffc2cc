"""What speaks for a stretch as a clip: its opening, its edges, no dead time, a loop, its length. Pure."""

from __future__ import annotations

import numpy as np

from stakazo.media.signals import Batch, Judged, Unjudged, listed
from stakazo.media.timeline import RATE, Floats, Timeline, Track, distance, smooth


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
        return f"opens with {listed(offered[:3])}" if offered else "a quiet opening"

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
    return np.asarray(distance(times, timeline.hard_cuts) < 0.02, dtype=np.float64)


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
        return listed([part for part in (whole, alike) if part]) or "the end doesn't meet the start"

    return Judged(values, why)


def length(_: Timeline, batch: Batch) -> Judged | Unjudged:
    """How near it is to the length that the rule asks for."""
    off = np.log2(batch.lengths / batch.rules.target_duration)
    values = np.exp(-0.5 * (off / 0.6) ** 2)
    return Judged(
        values, lambda index: f"{batch.lengths[index]:.1f} s long; aimed at: {batch.rules.target_duration:.0f} s"
    )
