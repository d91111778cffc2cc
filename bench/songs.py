"""Songs whose beats, bars and form are known because they are made here: the ground truth of bench/music.py.

Everything is drawn from a seed: tempo (72 to 174), metre (3 or 4), swing, drift, style of drums, chords, sounds, form.
The songs are no art, but they have what real ones have and click tracks don't: fills, pads that blur onsets,
choruses that return varied, sections of 4 to 16 bars, intros without drums, swing, noise and players' jitter.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 22050
Sound = NDArray[np.float64]
Material = dict[str, Any]
"""What a part of a song plays: its chords, its drums, its notes."""


@dataclass(frozen=True)
class Truth:
    """What a perfect listener would write down."""

    beats: NDArray[np.float64]
    downbeats: NDArray[np.float64]
    beats_per_bar: int
    tempo: float
    sections: list[tuple[float, float, str]]
    """Start, end, label."""
    hooks: list[tuple[float, float]]
    """Choruses and drops."""
    drops: list[float]


@dataclass(frozen=True)
class Song:
    name: str
    seed: int
    tempo: float
    metre: int
    style: str
    """rock, house, halftime, breaks, waltz, ballad."""
    swing: float
    """0: straight; 0.33: a full triplet."""
    drift: float
    """By how much the tempo wanders (share)."""
    form: tuple[tuple[str, int], ...]
    """Sections with their bars."""
    noise: float = 0.003
    jitter: float = 0.004
    """Seconds of a player's unevenness."""
    tags: tuple[str, ...] = field(default=())


POP = (
    ("intro", 4),
    ("verse", 8),
    ("chorus", 8),
    ("verse", 8),
    ("chorus", 8),
    ("bridge", 8),
    ("chorus", 8),
    ("outro", 4),
)
POP16 = (("intro", 8), ("verse", 16), ("chorus", 8), ("verse", 16), ("chorus", 8), ("outro", 4))
EDM = (("intro", 8), ("break", 8), ("build", 4), ("drop", 16), ("break", 8), ("build", 4), ("drop", 16), ("outro", 8))
SHORT = (("intro", 4), ("verse", 8), ("chorus", 8), ("break", 4), ("drop", 8), ("outro", 4))
AABA = (("verse", 8), ("verse", 8), ("bridge", 8), ("verse", 8), ("bridge", 8), ("verse", 8))
RAP = (("intro", 4), ("chorus", 4), ("verse", 16), ("chorus", 8), ("verse", 16), ("chorus", 8))


def catalogue() -> list[Song]:
    """The songs of the bench: the same every time."""
    rows = [
        ("pop-100", 100, 4, "rock", 0.0, 0.0, POP),
        ("pop-120", 120, 4, "rock", 0.0, 0.0, POP),
        ("pop-92-swing", 92, 4, "rock", 0.28, 0.0, POP),
        ("rock-138-live", 138, 4, "rock", 0.0, 0.02, POP),
        ("rock-156", 156, 4, "rock", 0.0, 0.0, POP),
        ("rock-172", 172, 4, "rock", 0.0, 0.01, POP16),
        ("ballad-72", 72, 4, "ballad", 0.0, 0.015, SHORT),
        ("ballad-84", 84, 4, "ballad", 0.0, 0.0, POP),
        ("house-124", 124, 4, "house", 0.0, 0.0, EDM),
        ("house-128", 128, 4, "house", 0.0, 0.0, EDM),
        ("trance-136", 136, 4, "house", 0.0, 0.0, EDM),
        ("techno-144", 144, 4, "house", 0.0, 0.0, SHORT),
        ("dub-140-halftime", 140, 4, "halftime", 0.0, 0.0, EDM),
        ("trap-75", 75, 4, "trap", 0.0, 0.0, RAP),
        ("rap-88-swing", 88, 4, "breaks", 0.2, 0.0, RAP),
        ("rap-95", 95, 4, "breaks", 0.1, 0.0, RAP),
        ("breaks-132", 132, 4, "breaks", 0.0, 0.0, SHORT),
        ("drumnbass-174", 174, 4, "breaks", 0.0, 0.0, EDM),
        ("waltz-90", 90, 3, "waltz", 0.0, 0.01, AABA),
        ("waltz-132", 132, 3, "waltz", 0.0, 0.0, POP),
        ("waltz-168", 168, 3, "waltz", 0.0, 0.0, POP16),
        ("jazz-110-swing", 110, 4, "ballad", 0.33, 0.02, AABA),
        ("funk-106", 106, 4, "funk", 0.08, 0.0, POP16),
        ("funk-115-live", 115, 4, "funk", 0.0, 0.025, POP),
        ("disco-118", 118, 4, "house", 0.0, 0.01, POP),
        ("indie-128-no-intro", 128, 4, "rock", 0.0, 0.0, POP[1:]),
    ]
    return [
        Song(name, 100 + i, tempo, metre, style, swing, drift, form)
        for i, (name, tempo, metre, style, swing, drift, form) in enumerate(rows)
    ]


def held_out(count: int = 24, seed: int = 2026) -> list[Song]:
    """Songs drawn at random, with other seeds than the catalogue's: no constant was set while looking at them."""
    rng = np.random.default_rng(seed)
    styles = ("rock", "house", "halftime", "trap", "breaks", "funk", "waltz", "ballad")
    usual = {"ballad": (66, 100), "halftime": (130, 150), "trap": (66, 82), "house": (116, 140), "breaks": (82, 176)}
    drawn = []
    for number in range(count):
        style = styles[number % len(styles)]
        tempo = round(float(rng.uniform(*usual.get(style, (84, 172)))), 1)
        forms = (EDM, SHORT) if style in {"house", "halftime"} else (POP, POP16, AABA, RAP, SHORT)
        form = forms[int(rng.integers(len(forms)))]
        swing = float(rng.choice([0.0, 0.0, 0.0, 0.15, 0.3])) if style not in {"house", "halftime"} else 0.0
        drift = float(rng.choice([0.0, 0.0, 0.01, 0.02]))
        metre = 3 if style == "waltz" else 4
        drawn.append(Song(f"drawn-{number + 1}-{style}", 9000 + number, tempo, metre, style, swing, drift, form))
    return drawn


def render(song: Song) -> tuple[Sound, Truth]:
    """The song as mono samples at RATE, and the truth about it."""
    rng = np.random.default_rng(song.seed)
    lead_in = float(rng.uniform(0.05, 0.9))
    bars = sum(count for _, count in song.form)
    times = _clock(song, bars * song.metre + 1, rng) + lead_in
    band = _Band(song, times, rng)
    first = 0
    sections = []
    for number, (label, count) in enumerate(song.form):
        following = song.form[number + 1][0] if number + 1 < len(song.form) else None
        band.play(label, first, count, following)
        sections.append((float(times[first * song.metre]), float(times[(first + count) * song.metre]), label))
        first += count
    samples = band.out
    samples += rng.normal(0, song.noise, len(samples))
    loud = np.abs(samples).max()
    samples = np.tanh(samples / loud * 1.6) * 0.85
    period = float(np.median(np.diff(times)))
    return samples, Truth(
        beats=times[:-1],
        downbeats=times[: -1 : song.metre],
        beats_per_bar=song.metre,
        tempo=60 / period,
        sections=sections,
        hooks=[(start, end) for start, end, label in sections if label in {"chorus", "drop"}],
        drops=[start for start, _, label in sections if label == "drop"],
    )


def write(path: Path, samples: Sound) -> None:
    """A 16-bit mono WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def _clock(song: Song, beats: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Times of the beats: steady, or wandering slowly as people do."""
    place = np.arange(beats)
    wander = song.drift * np.sin(2 * np.pi * place / rng.uniform(60, 110) + rng.uniform(0, 6.28))
    periods = 60 / song.tempo * (1 + wander)
    return np.concatenate([[0.0], np.cumsum(periods)])[:beats]


CHORDS = {
    "I": (0, 4, 7),
    "ii": (2, 5, 9),
    "iii": (4, 7, 11),
    "IV": (5, 9, 12),
    "V": (7, 11, 14),
    "vi": (9, 12, 16),
    "bVII": (10, 14, 17),
}
PROGRESSIONS = [
    tuple(row.split())
    for row in (
        "I V vi IV", "vi IV I V", "I vi IV V", "ii V I vi", "I IV vi V",
        "vi V IV V", "I bVII IV I", "IV I V vi", "I iii IV V", "vi ii V I",
    )
]  # fmt: skip


class _Band:
    """The players: each section's material is drawn once by its label, so what returns is the same and yet varied."""

    def __init__(self, song: Song, times: NDArray[np.float64], rng: np.random.Generator) -> None:
        self.song, self.times, self.rng = song, times, rng
        self.out: Sound = np.zeros(int((times[-1] + 2.0) * RATE))
        self.key = int(rng.integers(0, 12))
        self.material: dict[str, Material] = {}
        order = rng.permutation(len(PROGRESSIONS))
        self.progressions = [PROGRESSIONS[i] for i in order]
        self.bright = float(rng.uniform(0.6, 1.4))
        self.kit = {
            "kick": _kick(rng),
            "snare": _snare(rng),
            "hat": _hat(rng, 0.05),
            "open": _hat(rng, 0.25),
            "crash": _hat(rng, 1.6),
        }

    def play(self, label: str, first: int, count: int, following: str | None) -> None:
        part = self._part(label)
        level = {"intro": 0.6, "outro": 0.5, "break": 0.45, "build": 0.55, "bridge": 0.7, "verse": 0.7}.get(label, 1.0)
        for bar in range(count):
            chord = CHORDS[part["progression"][bar // part["per_chord"] % 4]]
            last = bar == count - 1
            self._chords(first + bar, chord, part, level)
            bare = label == "break" or (label == "intro" and part["bare"])
            if not bare and label != "build":
                self._bass(first + bar, chord, part, level)
            if label == "build":
                self._roll(first + bar, bar, count)
            elif not bare:
                self._drums(
                    first + bar, part, level, fill=last and self.rng.random() < 0.8 and following not in {"break", None}
                )
            if label in {"chorus", "drop", "verse", "bridge"}:
                self._lead(first + bar, bar, chord, part, level)
        if label in {"chorus", "drop"}:
            self._hit("crash", self.times[first * self.song.metre], 0.5)

    def _part(self, label: str) -> Material:
        if label not in self.material:
            used = len(self.material)
            rng = self.rng
            steps = 2 * self.song.metre
            self.material[label] = {
                "progression": self.progressions[used % len(self.progressions)],
                "per_chord": 2 if rng.random() < 0.2 else 1,
                "bare": rng.random() < 0.5,
                "pattern": _pattern(self.song, label, rng),
                "bass": [0] + [int(rng.random() < 0.5) for _ in range(steps - 1)],
                "stab": rng.random() < 0.4,
                "notes": [
                    [(int(rng.integers(0, 3)), rng.random() < {"verse": 0.5}.get(label, 0.6)) for _ in range(steps)]
                    for _ in range(4)
                ],
                "octave": 12 if label in {"chorus", "drop"} else 0,
                "shape": float(rng.uniform(0.5, 2.0)),
            }
        return self.material[label]

    def _at(self, bar: int, step: float) -> float:
        """The time of a place in a bar, in beats, with swung off-beats and a player's unevenness."""
        beat = bar * self.song.metre + int(step)
        part = step - int(step)
        period = self.times[min(beat + 1, len(self.times) - 1)] - self.times[min(beat, len(self.times) - 2)]
        if abs(part - 0.5) < 0.01:
            part = 0.5 + self.song.swing / 2
        return float(self.times[min(beat, len(self.times) - 1)] + part * period + self.rng.normal(0, self.song.jitter))

    def _add(self, time: float, sound: Sound, level: float) -> None:
        first = max(int(time * RATE), 0)
        sound = sound[: len(self.out) - first]
        self.out[first : first + len(sound)] += level * sound

    def _hit(self, name: str, time: float, level: float) -> None:
        self._add(time, self.kit[name], level * float(self.rng.uniform(0.85, 1.1)))

    def _drums(self, bar: int, part: Material, level: float, *, fill: bool) -> None:
        for name, step, strength in part["pattern"]:
            if fill and step >= self.song.metre - 1 and name != "hat":
                continue
            self._hit(name, self._at(bar, step), strength * (0.6 + 0.4 * level))
        if fill:
            for k in range(4):
                self._hit("snare", self._at(bar, self.song.metre - 1 + k / 4), 0.4 + 0.1 * k)

    def _roll(self, bar: int, number: int, count: int) -> None:
        share = (number + 1) / count
        divide = 2 if share <= 0.5 else 4
        for k in range(self.song.metre * divide):
            self._hit("snare", self._at(bar, k / divide), 0.12 + 0.3 * share * (k / (self.song.metre * divide)))

    def _chords(self, bar: int, chord: tuple[int, ...], part: Material, level: float) -> None:
        start, end = self._at(bar, 0), float(self.times[min((bar + 1) * self.song.metre, len(self.times) - 1)])
        steps = [0.0]
        if part["stab"] and level > 0.6:
            steps = [k + 0.5 for k in range(self.song.metre)]
        for step in steps:
            time = self._at(bar, step)
            length = (end - start) if len(steps) == 1 else 0.25
            for note in chord:
                self._add(
                    time,
                    _tone(48 + self.key % 12 + note, length, part["shape"] * self.bright, soft=len(steps) == 1),
                    0.10 * level,
                )

    def _bass(self, bar: int, chord: tuple[int, ...], part: Material, level: float) -> None:
        eighth = 0.5 * (self.times[1] - self.times[0])
        for k, on in enumerate(part["bass"]):
            if on or k == 0:
                self._add(
                    self._at(bar, k / 2),
                    _tone(30 + self.key % 12 + chord[0] % 12, eighth * 1.6, 1.2, soft=False),
                    0.3 * level,
                )

    def _lead(self, bar: int, number: int, chord: tuple[int, ...], part: Material, level: float) -> None:
        eighth = 0.5 * (self.times[1] - self.times[0])
        for k, (note, on) in enumerate(part["notes"][number % 4]):
            if on:
                pitch = 60 + self.key % 12 + chord[note] + part["octave"]
                self._add(self._at(bar, k / 2), _tone(pitch, eighth * 1.5, 0.9, soft=False, vibrato=True), 0.14 * level)


def _pattern(song: Song, label: str, rng: np.random.Generator) -> list[tuple[str, float, float]]:
    metre, full = song.metre, label in {"chorus", "drop"}
    hits: list[tuple[str, float, float]] = []
    hats = [k / 2 for k in range(2 * metre)]
    if song.style == "house":
        hits += [("kick", float(k), 1.0) for k in range(metre)]
        hits += [("open", k + 0.5, 0.35) for k in range(metre)]
        hits += [("snare", 1.0, 0.5), ("snare", 3.0, 0.5)] if label != "intro" else []
    elif song.style == "rock":
        hits += [("kick", 0.0, 1.0), ("kick", 2.0, 0.9), ("snare", 1.0, 0.8), ("snare", 3.0, 0.8)]
        hits += [("kick", float(rng.choice([1.5, 2.5, 3.5])), 0.7)]
        hits += [("hat", step, 0.3 if step % 1 == 0 else 0.2) for step in hats]
    elif song.style in {"halftime", "trap"}:
        hits += [("kick", 0.0, 1.0), ("snare", 2.0, 1.0), ("kick", float(rng.choice([0.75, 1.5, 2.75])), 0.8)]
        divide = 4 if song.style == "trap" else 2
        hits += [("hat", k / divide, 0.25) for k in range(metre * divide)]
    elif song.style == "breaks":
        hits += [
            ("kick", 0.0, 1.0),
            ("snare", 1.0, 0.9),
            ("kick", 2.5, 0.9),
            ("snare", 3.0, 0.9),
            ("snare", 1.75, 0.2),
            ("snare", 2.25, 0.2),
        ]
        hits += [("hat", step, 0.3) for step in hats]
    elif song.style == "funk":
        hits += [
            ("kick", 0.0, 1.0),
            ("kick", 0.75, 0.7),
            ("kick", 2.5, 0.9),
            ("snare", 1.0, 0.9),
            ("snare", 3.0, 0.9),
            ("snare", 1.75, 0.25),
        ]
        hits += [("hat", k / 4, 0.3 if k % 2 == 0 else 0.15) for k in range(4 * metre)]
    elif song.style == "waltz":
        hits += [("kick", 0.0, 1.0), ("snare", 1.0, 0.45), ("snare", 2.0, 0.45)]
        hits += [("hat", float(k), 0.3) for k in range(metre)]
    else:  # ballad
        hits += [("kick", 0.0, 0.8), ("snare", 2.0, 0.5)] if metre == 4 else [("kick", 0.0, 0.8)]
        hits += [("hat", float(k), 0.3) for k in range(metre)] + [("hat", k + 0.5, 0.18) for k in range(metre)]
    if full:
        hits += [("open", float(k), 0.25) for k in range(0, metre, 2)]
    return hits


def _kick(rng: np.random.Generator) -> Sound:
    t = np.arange(int(0.25 * RATE)) / RATE
    low, high = rng.uniform(42, 58), rng.uniform(90, 180)
    return np.sin(2 * np.pi * (low * t + high * 0.03 * (1 - np.exp(-t / 0.03)))) * np.exp(-t / 0.09) + 0.3 * rng.normal(
        0, 1, len(t)
    ) * np.exp(-t / 0.004)


def _snare(rng: np.random.Generator) -> Sound:
    t = np.arange(int(0.3 * RATE)) / RATE
    return 0.5 * rng.normal(0, 1, len(t)) * np.exp(-t / 0.07) + 0.5 * np.sin(
        2 * np.pi * rng.uniform(170, 230) * t
    ) * np.exp(-t / 0.05)


def _hat(rng: np.random.Generator, decay: float) -> Sound:
    t = np.arange(int(min(decay * 4, 3.0) * RATE)) / RATE
    noise = rng.normal(0, 1, len(t))
    return np.diff(noise, prepend=0.0) * np.exp(-t / decay) * 0.6


def _tone(note: float, length: float, brightness: float, *, soft: bool, vibrato: bool = False) -> Sound:
    """Some harmonics with an envelope: a pad when soft, else plucked."""
    t = np.arange(int((length + 0.1) * RATE)) / RATE
    base = 440 * 2 ** ((note - 69) / 12)
    phase = 2 * np.pi * base * t + (0.15 * np.sin(2 * np.pi * 5.5 * t) if vibrato else 0)
    sound = np.zeros(len(t))
    for k in range(1, 9):
        if base * k < RATE / 2.2:
            sound += np.sin(k * phase) * k ** (-1.0 - 1.0 / brightness)
    attack = 0.04 if soft else 0.006
    envelope = np.minimum(t / attack, 1.0) * np.minimum((t[-1] - t) / 0.08, 1.0)
    return np.asarray(sound * envelope * (1.0 if soft else np.exp(-t / max(length, 0.15))))
