"""Who plays what and when: the timetable turned into drum hits and notes. Pure; the song renders it, the pictures
move to it.

Harmony and melody are our own: a four-bar loop (VI after I, in minor) and one melody that only the choruses and the
drop have, so that "the hook" is a fact.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from stakazo.sample.plan import Plan
from stakazo.sample.spec import BEATS_PER_BAR
from stakazo.sample.truth import TrueSection


class Drum(StrEnum):
    KICK = "kick"
    SNARE = "snare"
    CLAP = "clap"
    HAT = "hat"
    OPEN_HAT = "open_hat"
    TOM = "tom"
    CRASH = "crash"


class Voice(StrEnum):
    KEYS = "keys"
    PAD = "pad"
    SAWS = "saws"
    """Wide chords of the loud parts."""
    STABS = "stabs"
    BASS = "bass"
    GROWL = "growl"
    """The drop's bass."""
    LEAD = "lead"
    CHOIR = "choir"
    PLUCK = "pluck"


class Sweep(StrEnum):
    RISER = "riser"
    FALL = "fall"
    IMPACT = "impact"
    REVERSE = "reverse"
    """A cymbal played backwards into a downbeat."""


@dataclass(frozen=True, slots=True)
class Hit:
    time: float
    drum: Drum
    level: float
    pitch: float = 0.0
    """Semitones, for toms."""


@dataclass(frozen=True, slots=True)
class Note:
    time: float
    length: float
    """Seconds until the key is let go."""
    midi: int
    voice: Voice
    level: float
    brightness: float = 1.0
    """0 to 1: how far the filter is open."""


@dataclass(frozen=True, slots=True)
class Noise:
    """A sound that goes somewhere instead of having a pitch."""

    time: float
    length: float
    sweep: Sweep
    level: float


@dataclass(frozen=True, slots=True)
class Arrangement:
    hits: tuple[Hit, ...]
    notes: tuple[Note, ...]
    noises: tuple[Noise, ...]

    def times(self, drum: Drum) -> tuple[float, ...]:
        return tuple(hit.time for hit in self.hits if hit.drum is drum)

    def melody(self) -> tuple[Note, ...]:
        return tuple(note for note in self.notes if note.voice in {Voice.LEAD, Voice.PLUCK})


# Semitones above the key's tonic (minor). Four bars: i, VI, III, VII.
CHORDS = ((0, 7, 12, 15, 19), (-4, 3, 8, 12, 15), (3, 10, 15, 19, 22), (-2, 5, 10, 14, 17))
ROOTS = (0, -4, 3, -2)

# (beat in four bars, beats long, semitones above the tonic an octave up). The song's hook.
HOOK = (
    (0.0, 0.75, 7), (0.75, 0.75, 7), (1.5, 0.5, 10), (2.0, 1.0, 12), (3.0, 0.5, 10), (3.5, 0.5, 7),
    (4.0, 0.75, 5), (4.75, 0.75, 3), (5.5, 0.5, 5), (6.0, 1.5, 7), (7.5, 0.5, 3),
    (8.0, 0.75, 7), (8.75, 0.75, 7), (9.5, 0.5, 10), (10.0, 1.0, 15), (11.0, 0.5, 14), (11.5, 0.5, 10),
    (12.0, 0.75, 12), (12.75, 0.75, 10), (13.5, 0.5, 7), (14.0, 2.0, 5),
)  # fmt: skip
HOOK_END = ((12.0, 0.75, 12), (12.75, 0.75, 10), (13.5, 0.5, 7), (14.0, 0.5, 5), (14.5, 0.5, 7), (15.0, 1.0, 0))

VERSE = (
    (0.5, 0.5, 3), (1.0, 0.5, 5), (1.5, 1.0, 7), (3.0, 0.5, 3),
    (4.5, 0.5, 3), (5.0, 0.5, 2), (5.5, 1.5, 0),
    (8.5, 0.5, 7), (9.0, 0.5, 5), (9.5, 1.0, 7), (11.0, 0.5, 10),
    (12.5, 0.5, 5), (13.0, 0.5, 3), (13.5, 1.5, 2),
)  # fmt: skip


def arrange(plan: Plan) -> Arrangement:
    """The whole song as events."""
    return _Arranger(plan).arranged()


class _Arranger:
    """Collects events part by part; `at` turns a beat of a part into seconds."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.beat = plan.spec.beat
        dice = random.Random(f"{plan.spec.seed} song")  # noqa: S311 - music, not a secret
        self.tonic = 57 + dice.choice((-4, -2, 0, 2, 3))
        self.dice = dice
        self.hits: list[Hit] = []
        self.notes: list[Note] = []
        self.noises: list[Noise] = []

    def arranged(self) -> Arrangement:
        at = self.plan.spec.lead_in
        parts = self.plan.spec.parts()
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            following = parts[number + 1].label if not last else ""
            section = TrueSection(at, at + part.bars * self.plan.spec.bar, part.label)
            getattr(self, f"_{part.label}")(section, part.bars)
            if following in {"verse", "chorus"} and part.label not in {"build", "intro"}:
                self._fill(section)
            if following in {"chorus", "drop", "break"}:
                self.noises.append(Noise(section.end - 2 * self.beat, 2 * self.beat, Sweep.REVERSE, 0.5))
            at = section.end
        end = self.plan.spec.length
        return Arrangement(
            tuple(sorted((one for one in self.hits if one.time < end), key=lambda one: one.time)),
            tuple(sorted((one for one in self.notes if one.time < end), key=lambda one: one.time)),
            tuple(sorted((one for one in self.noises if one.time < end), key=lambda one: one.time)),
        )

    # --- the parts of the form ------------------------------------------------------------------------------

    def _intro(self, section: TrueSection, bars: int) -> None:
        self._pad(section, bars, level=0.5, brightness=0.35)
        self._keys(section, bars, level=0.75)
        for bar in range(bars):
            late = bar >= bars / 2
            self._drum(section, bar, Drum.KICK, (0.0,) if not late else (0.0, 2.0), 0.55)
            self._drum(
                section, bar, Drum.HAT, (0.5, 1.5, 2.5, 3.5) if not late else _every(0.5), 0.35 if late else 0.25
            )
            if late:
                self._drum(section, bar, Drum.SNARE, (1.0, 3.0), 0.28)

    def _verse(self, section: TrueSection, bars: int) -> None:
        self._crash(section, 0.45)
        self._keys(section, bars, level=0.7)
        self._pad(section, bars, level=0.3, brightness=0.3)
        for bar in range(bars):
            self._drum(section, bar, Drum.KICK, (0.0, 1.5, 2.0) if bar % 2 == 0 else (0.0, 2.0, 2.75), 0.85)
            self._drum(section, bar, Drum.SNARE, (1.0, 3.0), 0.7)
            self._drum(section, bar, Drum.HAT, _every(0.5), 0.42)
            root = self.tonic - 24 + ROOTS[bar % 4]
            for beat, long in ((0.0, 0.75), (1.5, 0.5), (2.0, 0.75), (3.5, 0.5)):
                self._note(section, bar, beat, long, root, Voice.BASS, 0.75, 0.45)
        self._melody(section, bars, VERSE, Voice.PLUCK, octave=0, level=0.6)

    def _chorus(self, section: TrueSection, bars: int) -> None:
        self._crash(section, 0.9)
        self.noises.append(Noise(section.start, 1.6, Sweep.IMPACT, 0.7))
        self._saws(section, bars, level=0.62, brightness=0.8)
        self._full_drums(section, bars)
        for bar in range(bars):
            root = self.tonic - 24 + ROOTS[bar % 4]
            for step in range(8):
                octave = 12 if step in {3, 7} else 0
                self._note(section, bar, step * 0.5, 0.42, root + octave, Voice.BASS, 0.8, 0.75)
        self._melody(section, bars, HOOK, Voice.LEAD, octave=12, level=0.85, end=HOOK_END)
        self._melody(section, bars, HOOK, Voice.CHOIR, octave=12, level=0.42, end=HOOK_END)

    def _break(self, section: TrueSection, bars: int) -> None:
        self.noises.append(Noise(section.start, 2.4, Sweep.FALL, 0.45))
        self._pad(section, bars, level=0.7, brightness=0.5)
        self._keys(section, bars, level=0.85)
        for bar in range(bars):
            self._drum(section, bar, Drum.HAT, (1.0, 3.0), 0.16)
        self._melody(section, bars, VERSE, Voice.CHOIR, octave=0, level=0.42)

    def _build(self, section: TrueSection, bars: int) -> None:
        beats = bars * BEATS_PER_BAR
        silent = 1.0 if bars > 1 else 0.5
        self.noises.append(
            Noise(section.start, (beats - silent) * self.beat, Sweep.RISER, 0.85),
        )
        for beat in range(beats):
            share = beat / beats
            steps = 1 if share < 0.5 else 2 if share < 0.75 else 4
            for step in range(steps):
                at = beat + step / steps
                if at < beats - silent:
                    self._hit(section, at, Drum.SNARE, 0.12 + 0.5 * (at / beats), pitch=4 * at / beats)
            if beat < beats - silent:
                self._hit(section, beat, Drum.KICK, 0.28 + 0.3 * share)
        for bar in range(bars):
            opening = 0.15 + 0.65 * (bar + 1) / bars
            for beat in range(BEATS_PER_BAR):
                if bar * BEATS_PER_BAR + beat < beats - silent:
                    for semitones in CHORDS[bar % 4]:
                        self._note(
                            section,
                            bar,
                            beat,
                            0.8,
                            self.tonic + semitones,
                            Voice.STABS,
                            0.15 + 0.25 * (bar + 1) / bars,
                            opening,
                        )

    def _drop(self, section: TrueSection, bars: int) -> None:
        self._crash(section, 1.0)
        self.noises.append(Noise(section.start, 2.2, Sweep.IMPACT, 1.0))
        self._full_drums(section, bars, busy=True)
        for bar in range(bars):
            root = self.tonic - 24 + ROOTS[bar % 4]
            for beat in (0.5, 0.75, 1.5, 1.75, 2.5, 2.75, 3.5, 3.75):
                self._note(section, bar, beat, 0.24, root + (12 if beat == 3.75 else 0), Voice.GROWL, 0.95, 0.9)
            for beat in (0.0, 0.75, 1.5, 2.5, 3.25):
                for semitones in CHORDS[bar % 4]:
                    self._note(section, bar, beat, 0.35, self.tonic + semitones, Voice.STABS, 0.62, 0.95)
        self._saws(section, bars, level=0.42, brightness=0.9)
        self._melody(section, bars, HOOK, Voice.LEAD, octave=12, level=0.95, end=HOOK_END)
        self._melody(section, bars, HOOK, Voice.CHOIR, octave=12, level=0.5, end=HOOK_END)

    def _outro(self, section: TrueSection, bars: int) -> None:
        played = bars - 1 if bars > 1 else bars
        self._pad(section, played, level=0.55, brightness=0.4)
        self._keys(section, played, level=0.75)
        for bar in range(played):
            fading = 1.0 - 0.6 * bar / max(played, 1)
            self._drum(section, bar, Drum.KICK, (0.0, 2.0), 0.7 * fading)
            self._drum(section, bar, Drum.HAT, _every(0.5), 0.35 * fading)
            if bar < played / 2:
                self._drum(section, bar, Drum.SNARE, (1.0, 3.0), 0.45 * fading)
            self._note(section, bar, 0.0, 3.5, self.tonic - 24 + ROOTS[bar % 4], Voice.BASS, 0.6, 0.3)
        end = section.start + played * BEATS_PER_BAR * self.beat if bars > 1 else section.start
        ring = max(0.6, self.plan.spec.length - end - 0.5)
        self.hits.append(Hit(end, Drum.KICK, 0.8))
        self.hits.append(Hit(end, Drum.CRASH, 0.6))
        for semitones in CHORDS[0]:
            self.notes.append(Note(end, ring, self.tonic + semitones, Voice.KEYS, 0.6))
            self.notes.append(Note(end, ring, self.tonic + semitones, Voice.PAD, 0.5, 0.35))
        self.notes.append(Note(end, ring, self.tonic - 24, Voice.BASS, 0.7, 0.3))

    # --- what the parts are made of -------------------------------------------------------------------------

    def _full_drums(self, section: TrueSection, bars: int, *, busy: bool = False) -> None:
        for bar in range(bars):
            self._drum(section, bar, Drum.KICK, (0.0, 1.0, 2.0, 3.0), 1.0)
            self._drum(section, bar, Drum.CLAP, (1.0, 3.0), 0.8)
            self._drum(section, bar, Drum.SNARE, (1.0, 3.0), 0.55)
            self._drum(section, bar, Drum.OPEN_HAT, (0.5, 1.5, 2.5, 3.5), 0.5)
            self._drum(section, bar, Drum.HAT, _every(0.25), 0.34 if busy else 0.26)
            if bar and bar % 4 == 0:
                self._hit(section, bar * BEATS_PER_BAR, Drum.CRASH, 0.6)

    def _saws(self, section: TrueSection, bars: int, *, level: float, brightness: float) -> None:
        for bar in range(bars):
            for semitones in CHORDS[bar % 4]:
                self._note(section, bar, 0.0, 3.9, self.tonic + semitones, Voice.SAWS, level, brightness)

    def _pad(self, section: TrueSection, bars: int, *, level: float, brightness: float) -> None:
        for bar in range(bars):
            for semitones in CHORDS[bar % 4]:
                self._note(section, bar, 0.0, 4.0, self.tonic + semitones, Voice.PAD, level, brightness)

    def _keys(self, section: TrueSection, bars: int, *, level: float) -> None:
        """An electric piano: the chord broken upwards, then answered."""
        for bar in range(bars):
            chord = CHORDS[bar % 4]
            for beat, which, loud in (
                (0.0, 0, 1.0),
                (0.0, 2, 0.7),
                (0.5, 3, 0.6),
                (1.5, 4, 0.7),
                (2.5, 3, 0.6),
                (3.0, 2, 0.5),
            ):
                self._note(section, bar, beat, 1.2, self.tonic + chord[which], Voice.KEYS, level * loud)

    def _melody(
        self,
        section: TrueSection,
        bars: int,
        phrase: tuple[tuple[float, float, int], ...],
        voice: Voice,
        *,
        octave: int,
        level: float,
        end: tuple[tuple[float, float, int], ...] = (),
    ) -> None:
        """The phrase of four bars again and again; every second time, and the last one, it ends with `end`."""
        for first in range(0, bars, 4):
            ending = bool(end) and (first // 4 % 2 == 1 or first + 4 >= bars)
            notes = (*(one for one in phrase if one[0] < 12.0), *end) if ending else phrase
            for beat, long, semitones in notes:
                if first * BEATS_PER_BAR + beat < bars * BEATS_PER_BAR:
                    self._note(section, first, beat, long * 0.94, self.tonic + octave + semitones, voice, level)

    def _fill(self, section: TrueSection) -> None:
        """The last beat before a new part: toms downwards."""
        bars = round((section.end - section.start) / self.plan.spec.bar)
        for step, pitch in enumerate((7.0, 4.0, 0.0, -3.0)):
            self._hit(section, bars * BEATS_PER_BAR - 1 + step / 4, Drum.TOM, 0.6 + 0.1 * step, pitch=pitch)

    def _crash(self, section: TrueSection, level: float) -> None:
        self._hit(section, 0.0, Drum.CRASH, level)

    def _drum(self, section: TrueSection, bar: int, drum: Drum, beats: tuple[float, ...], level: float) -> None:
        for beat in beats:
            accent = 1.0 if drum is not Drum.HAT else (1.0 if beat % 1.0 == 0.5 else 0.75 if beat % 1.0 == 0 else 0.5)
            self._hit(section, bar * BEATS_PER_BAR + beat, drum, level * accent)

    def _hit(self, section: TrueSection, beat: float, drum: Drum, level: float, *, pitch: float = 0.0) -> None:
        late = 0.0 if drum in {Drum.KICK, Drum.CRASH} else self.dice.uniform(-0.003, 0.004)
        human = self.dice.uniform(0.92, 1.0)
        self.hits.append(Hit(max(0.0, section.start + beat * self.beat + late), drum, level * human, pitch))

    def _note(
        self,
        section: TrueSection,
        bar: int,
        beat: float,
        long: float,
        midi: int,
        voice: Voice,
        level: float,
        brightness: float = 1.0,
    ) -> None:
        time = section.start + (bar * BEATS_PER_BAR + beat) * self.beat
        self.notes.append(Note(time, long * self.beat, midi, voice, level, brightness))


def _every(step: float) -> tuple[float, ...]:
    return tuple(number * step for number in range(round(BEATS_PER_BAR / step)))
