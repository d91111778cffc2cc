"""The song as sound: every event of the arrangement played, mixed in stereo, given a room, and mastered."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy  # its parts are loaded at their first use
from numpy.typing import NDArray

from stakazo.sample import instruments as band
from stakazo.sample.arrangement import Arrangement, Drum, Hit, Noise, Note, Sweep, Voice
from stakazo.sample.instruments import RATE, Wave
from stakazo.sample.mastering import Stereo, mastered
from stakazo.sample.plan import Plan

#: How much of each instrument goes into the mix, and how much of it into the room and the echo.
LEVELS: dict[Voice, tuple[float, float, float]] = {
    Voice.KEYS: (0.30, 0.35, 0.15),
    Voice.PAD: (0.16, 0.45, 0.0),
    Voice.SAWS: (0.20, 0.25, 0.0),
    Voice.STABS: (0.17, 0.25, 0.05),
    Voice.BASS: (0.50, 0.0, 0.0),
    Voice.GROWL: (0.44, 0.03, 0.0),
    Voice.LEAD: (0.36, 0.25, 0.30),
    Voice.CHOIR: (0.42, 0.45, 0.15),
    Voice.PLUCK: (0.34, 0.3, 0.35),
}
#: How far each instrument makes way for the kick, 0 to 1.
DUCKING = {Voice.SAWS: 0.72, Voice.PAD: 0.55, Voice.BASS: 0.6, Voice.GROWL: 0.5, Voice.STABS: 0.4, Voice.CHOIR: 0.25}
#: Level, share of room and place (-1 left to 1 right) of each drum.
DRUMS: dict[Drum, tuple[float, float, float]] = {
    Drum.KICK: (0.92, 0.0, 0.0),
    Drum.SNARE: (0.50, 0.16, 0.05),
    Drum.CLAP: (0.46, 0.22, -0.05),
    Drum.HAT: (0.26, 0.04, 0.28),
    Drum.OPEN_HAT: (0.24, 0.06, -0.22),
    Drum.TOM: (0.55, 0.18, 0.0),
    Drum.CRASH: (0.34, 0.2, 0.0),
}


def render(plan: Plan, arrangement: Arrangement) -> Stereo:
    """The mastered song: [2, samples] at 48 kHz, as long as the sample."""
    count = round(plan.spec.length * RATE)
    dry = np.zeros((2, count), dtype=np.float32)
    room = np.zeros_like(dry)
    echo = np.zeros_like(dry)
    kicks = arrangement.times(Drum.KICK)
    gaps = _ducking(count, kicks)
    for voice in Voice:
        notes = [note for note in arrangement.notes if note.voice is voice]
        if not notes:
            continue
        bus = np.zeros_like(dry)
        for note in notes:
            for side in (0, 1):
                _add(bus[side], _sound(note, side), note.time, note.level)
        bus *= 1.0 - DUCKING.get(voice, 0.0) * gaps
        level, to_room, to_echo = LEVELS[voice]
        dry += level * bus
        room += level * to_room * bus
        echo += level * to_echo * bus
    _play_drums(arrangement, dry, room)
    for noise in arrangement.noises:
        for side in (0, 1):
            _add(dry[side], _going(noise, side), noise.time, 0.4 * noise.level)
            if noise.sweep is not Sweep.IMPACT:
                _add(room[side], _going(noise, side), noise.time, 0.12 * noise.level)
    wet = _echoes(echo, plan.spec.beat * 0.75)
    dry += wet + _room(room + 0.3 * wet)
    _fade(dry, plan.spec.length)
    return mastered(dry, plan.spec.loudness)


def _sound(note: Note, side: int) -> Wave:
    midi, held, bright = note.midi, round(note.length, 3), round(note.brightness, 2)
    voices: dict[Voice, Callable[[], Wave]] = {
        Voice.KEYS: lambda: band.keys(midi, held),
        Voice.PAD: lambda: band.supersaw(midi, held, bright, side, slow=True),
        Voice.SAWS: lambda: band.supersaw(midi, held, bright, side, slow=False),
        Voice.STABS: lambda: band.stab(midi, held, bright, side),
        Voice.BASS: lambda: band.bass(midi, held, bright),
        Voice.GROWL: lambda: band.growl(midi, held),
        Voice.LEAD: lambda: band.lead(midi, held, side),
        Voice.CHOIR: lambda: band.choir(midi, held, side),
        Voice.PLUCK: lambda: band.pluck(midi, held),
    }
    return voices[note.voice]()


def _going(noise: Noise, side: int) -> Wave:
    match noise.sweep:
        case Sweep.RISER:
            return band.riser(noise.length, side)
        case Sweep.FALL:
            return band.fall(noise.length, side)
        case Sweep.IMPACT:
            return band.impact(noise.length)
        case Sweep.REVERSE:
            return band.reverse(noise.length, side)


def _add(track: Wave, wave: Wave, time: float, level: float) -> None:
    start = round(time * RATE)
    count = min(len(wave), len(track) - start)
    if count > 0:
        track[start : start + count] += np.float32(level) * wave[:count]


def _play_drums(arrangement: Arrangement, dry: Stereo, room: Stereo) -> None:
    for number, hit in enumerate(arrangement.hits):
        level, to_room, place = DRUMS[hit.drum]
        if hit.drum is Drum.TOM:
            place = hit.pitch / 12
        for side in (0, 1):
            wave = _stroke(hit, number, side)
            here = level * hit.level * (1 + place if side else 1 - place)
            _add(dry[side], wave, hit.time, here)
            if to_room:
                _add(room[side], wave, hit.time, here * to_room)


def _stroke(hit: Hit, number: int, side: int) -> Wave:
    strokes: dict[Drum, Callable[[], Wave]] = {
        Drum.KICK: band.kick,
        Drum.SNARE: lambda: band.snare(round(hit.pitch)),
        Drum.CLAP: band.clap,
        Drum.HAT: lambda: band.hat(number % 4),
        Drum.OPEN_HAT: lambda: band.hat(9),
        Drum.TOM: lambda: band.tom(hit.pitch),
        Drum.CRASH: lambda: band.crash(side),
    }
    return strokes[hit.drum]()


def _ducking(count: int, kicks: tuple[float, ...]) -> Wave:
    """1 at a kick, back to 0 in a quarter of a second: what makes the chords breathe."""
    t = np.arange(int(0.3 * RATE), dtype=np.float32) / RATE
    shape = np.clip(t / 0.004, 0, 1) * np.clip(1 - t / 0.26, 0, 1) ** 1.6
    gaps = np.zeros(count, dtype=np.float32)
    for kick in kicks:
        start = round(kick * RATE)
        piece = gaps[start : start + len(shape)]
        np.maximum(piece, shape[: len(piece)], out=piece)
    return gaps


def _echoes(send: Stereo, step: float) -> Stereo:
    """Four echoes, left and right in turn, each darker than the one before."""
    out = np.zeros_like(send)
    mono = send.mean(axis=0)
    delay = round(step * RATE)
    for number in range(1, 5):
        mono = band.filtered(mono, "lowpass", 5200)
        if number * delay < len(mono):
            out[number % 2, number * delay :] += 0.62**number * mono[: len(mono) - number * delay]
    return band.filtered(out, "highpass", 280)


def _room(send: Stereo) -> Stereo:
    """Convolution with a made room: noise that dies away, its treble first; the two sides differ."""
    t = np.arange(int(2.0 * RATE), dtype=np.float32) / RATE
    out = np.empty_like(send)
    for side in (0, 1):
        noise = np.random.default_rng(70 + side).standard_normal(len(t), dtype=np.float32)
        dark = band.filtered(noise, "lowpass", 2600)
        tail = dark * np.exp(-t / 0.48) + (noise - dark) * np.exp(-t / 0.22)
        tail *= np.clip(t / 0.012, 0, 1)
        tail = band.filtered(tail.astype(np.float32), "highpass", 220)
        tail /= np.sqrt((tail**2).sum())
        out[side] = scipy.signal.oaconvolve(send[side], tail)[: send.shape[1]]
    return 0.9 * out


def _fade(mix: Stereo, length: float) -> None:
    """The last half second goes to silence, so that nothing clicks."""
    count = min(mix.shape[1], int(min(0.5, length / 4) * RATE))
    ramp: NDArray[np.float32] = np.linspace(1, 0, count, dtype=np.float32) ** 2
    mix[:, mix.shape[1] - count :] *= ramp
