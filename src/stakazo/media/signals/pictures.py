"""What speaks for a stretch by its pictures: movement, peaks, cuts, people, a subject, clarity, variety. Pure."""

from __future__ import annotations

import numpy as np

from stakazo.media.signals import BLIND, Batch, Judged, Unjudged, clock, compared, listed, step
from stakazo.media.timeline import RATE, Floats, Timeline, Track, distance, smooth


def motion(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """How much moves beside the rest of this film."""
    track = timeline.motion
    if track is None:
        return BLIND
    values = track.relative(track.mean(batch.starts, batch.ends), 0.01)
    return Judged(
        values, compared("movement", values, ("calm for this film", "as much as usual", "among the liveliest"))
    )


def peak(timeline: Timeline, batch: Batch) -> Judged | Unjudged:
    """Whether the strongest moments of the whole film are in it."""
    tracks = [track for track in (timeline.motion, timeline.energy, timeline.onsets) if track is not None]
    if not tracks:
        return BLIND
    level = np.mean([_standing(smooth(track.values, 1.5)) for track in tracks], axis=0)
    level = np.where(timeline.dead.values > 0, 0.0, level)
    strong = Track(((level >= np.percentile(level, 88)) & (level > np.median(level) + 0.05)).astype(np.float64))
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
    """Each value's place among all, 0 to 1; equal values share the middle of their places."""
    order = np.sort(values)
    places = np.searchsorted(order, values, side="left") + np.searchsorted(order, values, side="right")
    return places / (2 * len(values))


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
        hits = np.concatenate(([0], np.cumsum(distance(cuts, timeline.beats) <= 0.08)))
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
    return Judged(values, lambda index: step(values[index], words))


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
        return listed([word for word in said if word])

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
    return Judged(values, lambda index: step(values[index], words))
