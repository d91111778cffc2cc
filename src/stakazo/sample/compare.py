"""How an analysis compares with the truth: figures, and the same in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stakazo.media.framing import CropPath
from stakazo.media.types import Analysis, Span, Transition
from stakazo.sample.truth import Truth

BEAT_TOLERANCE = 0.070
"""Seconds: what the field counts a beat as found by."""
SECTION_TOLERANCE = 1.0
"""Seconds: half a bar at common tempos."""


@dataclass(frozen=True, slots=True)
class Match:
    """How well a list of times was found."""

    found: int
    """True times that something was found for."""
    missed: int
    wrong: int
    """Found times that stand for nothing."""

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.wrong) if self.found + self.wrong else 0.0

    @property
    def recall(self) -> float:
        return self.found / (self.found + self.missed) if self.found + self.missed else 0.0

    @property
    def f1(self) -> float:
        """1 when there was nothing to find and nothing was found."""
        total = 2 * self.found + self.missed + self.wrong
        return 2 * self.found / total if total else 1.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """An analysis against the truth. None where the truth has nothing of the kind."""

    tempo_error: float | None
    """Percent of the true tempo, after halving or doubling where that is nearer; None when no tempo was found."""
    tempo_octave: float | None
    """Found by true tempo, rounded to 0.5, 1 or 2."""
    beats: Match | None
    beat_offset: float | None
    """Seconds: the mean of found minus true, where found."""
    downbeats: Match | None
    sections: Match | None
    """Boundaries inside the song, within a second."""
    hook: float | None
    """The share of the best hook that plays the song's hook, 0 to 1."""
    drop_error: float | None
    """Seconds from the true drop to the nearest found one; None when none was found."""
    drop_known: bool
    cuts: Match | None
    """Hard cuts, to the frame."""
    transitions: Match | None
    """Dissolves and fades: a shot boundary inside the transition."""
    flashes: int
    """Flashes that were taken for a shot boundary."""
    flashes_known: int
    clips_on_hook: int
    """Chosen windows that share at least half of themselves, or four seconds, with a hook."""
    clips: int

    def lines(self) -> tuple[str, ...]:
        """The comparison in sentences for a person."""
        said: list[str] = []
        if self.beats is not None:
            said.append(self._tempo_line())
            said.append(f"Beats: {_of(self.beats)} within {BEAT_TOLERANCE * 1000:.0f} ms (F1 {self.beats.f1:.2f})")
        if self.downbeats is not None:
            said.append(f"Bars: {_of(self.downbeats)} (F1 {self.downbeats.f1:.2f})")
        if self.sections is not None:
            said.append(f"Parts of the song: {_of(self.sections, 'boundaries')} (F1 {self.sections.f1:.2f})")
        if self.hook is not None:
            said.append(f"Hook: {self.hook:.0%} of the best one found is the song's real hook")
        if self.drop_known:
            said.append(
                "Drop: not found"
                if self.drop_error is None
                else f"Drop: found {abs(self.drop_error):.2f} s {'late' if self.drop_error > 0 else 'early'}"
                if abs(self.drop_error) >= 0.005
                else "Drop: found exactly"
            )
        if self.cuts is not None:
            said.append(f"Cuts: {_of(self.cuts)} to the frame (F1 {self.cuts.f1:.2f})")
        if self.transitions is not None:
            said.append(f"Dissolves and fades: {_of(self.transitions)}")
        if self.flashes_known:
            said.append(f"Flashes taken for cuts: {self.flashes} of {self.flashes_known}")
        if self.clips and self.hook is not None:
            said.append(f"Clips with the hook: {self.clips_on_hook} of {self.clips}")
        return tuple(said)

    def _tempo_line(self) -> str:
        if self.tempo_error is None:
            return "Tempo: none found"
        octave = {0.5: ", at half the tempo", 2.0: ", at double the tempo"}.get(self.tempo_octave or 1.0, "")
        return f"Tempo: {self.tempo_error:.2f} % off{octave}"


def _of(match: Match, what: str = "") -> str:
    wrong = f", {match.wrong} wrong" if match.wrong else ""
    return f"{match.found} of {match.found + match.missed}{f' {what}' if what else ''} found{wrong}"


def compare(truth: Truth, analysis: Analysis, windows: Sequence[Span] = ()) -> Comparison:
    """Judges an analysis, and the windows that were chosen from it."""
    sound, pictures = analysis.sound, analysis.pictures
    beats = downbeats = sections = None
    hook = tempo_error = octave = offset = drop_error = None
    if truth.beats:
        found = sound.beats if sound else ()
        beats, pairs = matched(truth.beats, found, BEAT_TOLERANCE)
        offset = sum(b - a for a, b in pairs) / len(pairs) if pairs else None
        downbeats, _ = matched(truth.downbeats, sound.downbeats if sound else (), BEAT_TOLERANCE)
        sections, _ = matched(
            [one.start for one in truth.sections[1:]],
            [one.start for one in sound.sections[1:]] if sound else (),
            SECTION_TOLERANCE,
        )
        if sound and sound.tempo:
            octave = min((0.5, 1.0, 2.0), key=lambda factor: abs(sound.tempo / truth.tempo - factor) / factor)  # type: ignore[operator]
            tempo_error = 100 * abs(sound.tempo / octave - truth.tempo) / truth.tempo
        if truth.hooks:
            hook = _share(sound.hooks[0].span, truth.hooks) if sound and sound.hooks else 0.0
        if truth.drop is not None and sound and sound.drops:
            drop_error = min((drop - truth.drop for drop in sound.drops), key=abs)
    cuts = transitions = None
    flashed = 0
    if truth.shots:
        starts = [shot.start for shot in pictures.shots[1:]] if pictures else []
        cuts, transitions, flashed = _shots(truth, starts)
    return Comparison(
        tempo_error=tempo_error,
        tempo_octave=octave,
        beats=beats,
        beat_offset=offset,
        downbeats=downbeats,
        sections=sections,
        hook=hook,
        drop_error=drop_error,
        drop_known=truth.drop is not None,
        cuts=cuts,
        transitions=transitions,
        flashes=flashed,
        flashes_known=len(truth.flashes),
        clips_on_hook=sum(_share(window, truth.hooks) >= min(0.5, 4.0 / window.duration) for window in windows),
        clips=len(windows),
    )


def kept(truth: Truth, path: CropPath) -> float | None:
    """The share of a crop path's time in which the middle of the true subject is inside its window.

    None when the truth knows no subject in that time.
    """
    inside = outside = 0
    for seen in truth.subject:
        shot = next((one for one in path.shots if one.start <= seen.time < one.end), None)
        if shot is None:
            continue
        window = shot.at(seen.time)
        x, y = seen.box.centre
        if window.x <= x <= window.x + window.width and window.y <= y <= window.y + window.height:
            inside += 1
        else:
            outside += 1
    return inside / (inside + outside) if inside + outside else None


def matched(
    true: Sequence[float], found: Sequence[float], tolerance: float
) -> tuple[Match, tuple[tuple[float, float], ...]]:
    """Pairs each true time with at most one found time, in order; both lists ascend."""
    pairs: list[tuple[float, float]] = []
    at = 0
    for time in true:
        while at < len(found) and found[at] < time - tolerance:
            at += 1
        if at < len(found) and abs(found[at] - time) <= tolerance:
            pairs.append((time, found[at]))
            at += 1
    return Match(len(pairs), len(true) - len(pairs), len(found) - len(pairs)), tuple(pairs)


def _shots(truth: Truth, starts: Sequence[float]) -> tuple[Match, Match, int]:
    """Hard cuts to the frame; soft ones anywhere inside; what is left over is wrong, and so is a flash."""
    half = 0.5 / truth.spec.fps
    left = list(starts)
    hard = [shot for shot in truth.shots if shot.transition is Transition.CUT]
    soft = [shot for shot in truth.shots if shot.gradual is not None]
    hits = 0
    for shot in hard:
        hit = next((start for start in left if abs(start - shot.start) <= half), None)
        if hit is not None:
            left.remove(hit)
            hits += 1
    blends = 0
    for shot in soft:
        assert shot.gradual is not None
        hit = next((start for start in left if shot.gradual.start - half <= start <= shot.gradual.end + half), None)
        if hit is not None:
            left.remove(hit)
            blends += 1
    flashed = sum(
        any(flash.start - half <= start <= flash.start + (flash.frames + 0.5) / truth.spec.fps for start in left)
        for flash in truth.flashes
    )
    return Match(hits, len(hard) - hits, len(left)), Match(blends, len(soft) - blends, 0), flashed


def _share(span: Span, others: Sequence[Span]) -> float:
    """How much of a span lies in the others, 0 to 1."""
    return sum(span.overlap(other) for other in others) / span.duration if span.duration > 0 else 0.0
