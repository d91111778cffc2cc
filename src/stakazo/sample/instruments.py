"""The band: each instrument is a function from a note to sound. Arrays are mono float32 at `RATE`, peaks near 1."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
import scipy  # its parts are loaded at their first use
from numpy.typing import NDArray

Wave = NDArray[np.float32]

#: A part repeats the chords of four bars: that many notes are worth keeping, a whole song's would fill the memory.
_remembered = lru_cache(maxsize=48)

RATE = 48_000

_HANN = np.hanning(1025)[:-1].astype(np.float32)


def _time(seconds: float) -> Wave:
    return np.arange(max(1, int(seconds * RATE)), dtype=np.float32) / np.float32(RATE)


def _noise(count: int, seed: int) -> Wave:
    return np.random.default_rng(seed).standard_normal(count, dtype=np.float32)


@cache
def _filter(kind: str, low: float, high: float = 0.0, order: int = 2) -> NDArray[np.float64]:
    band = (low, high) if high else low
    return np.asarray(scipy.signal.butter(order, band, kind, fs=RATE, output="sos"))


def filtered(wave: Wave, kind: str, low: float, high: float = 0.0, order: int = 2) -> Wave:
    """Butterworth: kind is lowpass, highpass or bandpass, corners in Hz."""
    return np.asarray(scipy.signal.sosfilt(_filter(kind, low, high, order), wave), dtype=np.float32)


def swept(wave: Wave, cutoff: Wave, *, resonance: float = 0.9) -> Wave:
    """A resonant two-pole low-pass whose corner moves (Hz, one value per sample).

    Done on short spectra (1024 samples, hop 256): hundreds of times fewer calls than a recursive filter whose
    coefficients change, and what it loses, phase, nobody hears in a synthesiser.
    """
    size, hop = 1024, 256
    frames = len(wave) // hop + 1
    padded = np.zeros(frames * hop + size, dtype=np.float32)
    padded[size // 2 : size // 2 + len(wave)] = wave
    window = _HANN
    pieces = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][:frames]
    spectra = np.fft.rfft(pieces * window, axis=1)
    at = np.minimum(np.arange(frames) * hop, len(cutoff) - 1)
    ratio = np.fft.rfftfreq(size, 1 / RATE)[None, :] / np.maximum(cutoff[at], 30.0)[:, None]
    spectra *= 1.0 / np.sqrt((1 - ratio**2) ** 2 + (ratio / resonance) ** 2)
    back = np.fft.irfft(spectra, size, axis=1) * window
    out = np.zeros_like(padded)
    for quarter in range(size // hop):
        rows = back[quarter :: size // hop]
        start = quarter * hop
        out[start : start + rows.size] += rows.reshape(-1).astype(np.float32)
    return out[size // 2 : size // 2 + len(wave)] / np.float32(1.5)


def hertz(midi: float) -> float:
    return float(440.0 * 2.0 ** ((midi - 69) / 12))


def saw(phase: NDArray[np.float64], step: float) -> Wave:
    """A sawtooth without audible aliasing (polyBLEP): `phase` in turns, about `step` turns per sample."""
    turn = (phase - np.floor(phase)).astype(np.float32)
    wave = 2 * turn - 1
    rising = np.flatnonzero(turn < step)
    near = turn[rising] / np.float32(step)
    wave[rising] -= 2 * near - near * near - 1
    ending = np.flatnonzero(turn > 1 - step)
    near = (turn[ending] - 1) / np.float32(step)
    wave[ending] -= near * near + 2 * near + 1
    return wave


def _envelope(count: int, attack: float, decay: float, sustain: float, held: float, release: float) -> Wave:
    """ADSR: seconds, sustain 0 to 1; `held` is when the key is let go."""
    t = np.arange(count, dtype=np.float32) / RATE
    level = np.where(
        t < attack, t / max(attack, 1e-4), sustain + (1 - sustain) * np.exp(-(t - attack) / max(decay, 1e-4))
    )
    gone = np.clip((t - held) / max(release, 1e-4), 0.0, 1.0)
    return np.asarray(level * (1 - gone) ** 2, dtype=np.float32)


# --- drums ---------------------------------------------------------------------------------------------------


@cache
def kick() -> Wave:
    t = _time(0.42)
    pitch = 46 + 130 * np.exp(-t / 0.028) + 220 * np.exp(-t / 0.005)
    body = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * np.exp(-t / 0.16)
    click = filtered(_noise(len(t), 1), "highpass", 2500) * np.exp(-t / 0.0035) * 0.25
    fade = np.clip((0.42 - t) / 0.05, 0, 1)
    return np.asarray(np.tanh(1.9 * (body + click)) * fade, dtype=np.float32)


@cache
def snare(pitch: int) -> Wave:
    t = _time(0.32)
    tune = 2.0 ** (pitch / 12)
    drop = 1 + 0.5 * np.exp(-t / 0.012)
    tone = sum(np.sin(2 * np.pi * np.cumsum(f * tune * drop) / RATE) * a for f, a in ((186.0, 0.7), (331.0, 0.4)))
    rattle = filtered(_noise(len(t), 2), "bandpass", 1400, 11000) * np.exp(-t / 0.085)
    crack = filtered(_noise(len(t), 3), "highpass", 4000) * np.exp(-t / 0.01) * 0.6
    return np.asarray(np.tanh(1.3 * (tone * np.exp(-t / 0.07) + 0.75 * rattle + crack)), dtype=np.float32)


@cache
def clap() -> Wave:
    t = _time(0.4)
    noise = filtered(_noise(len(t), 4), "bandpass", 900, 5200)
    hands = sum(np.where(t >= late, np.exp(-(t - late) / 0.008), 0.0) for late in (0.0, 0.011, 0.021))
    tail = np.where(t >= 0.029, np.exp(-(t - 0.029) / 0.075), 0.0)
    return np.asarray(np.tanh(0.9 * noise * (hands + 1.2 * tail)), dtype=np.float32)


def _metal(t: Wave, seed: int) -> Wave:
    """Six detuned square waves, as cymbals in drum machines have."""
    ring = sum(np.sign(np.sin(2 * np.pi * f * t + f)) for f in (2105.0, 3071.0, 3690.0, 4415.0, 5402.0, 8003.0))
    return np.asarray(0.12 * ring + 0.5 * _noise(len(t), seed), dtype=np.float32)


@cache
def hat(kind: int) -> Wave:
    """`kind` chooses one of four slightly different strokes; 9 is the open hat."""
    t = _time(0.34 if kind == 9 else 0.09)
    decay = 0.11 if kind == 9 else 0.018 + 0.004 * kind
    return filtered(_metal(t, 10 + kind), "highpass", 7200, order=3) * np.asarray(np.exp(-t / decay), dtype=np.float32)


@cache
def tom(pitch: float) -> Wave:
    t = _time(0.35)
    f = 98 * 2 ** (pitch / 12)
    body = np.sin(2 * np.pi * np.cumsum(f * (1 + 0.6 * np.exp(-t / 0.03))) / RATE) * np.exp(-t / 0.12)
    skin = filtered(_noise(len(t), 5), "bandpass", 300, 2600) * np.exp(-t / 0.02) * 0.5
    return np.asarray(np.tanh(1.4 * (body + skin)), dtype=np.float32)


@cache
def crash(side: int) -> Wave:
    """Left and right are different strokes, which makes it wide."""
    t = _time(2.4)
    wash = filtered(_metal(t, 20 + side), "highpass", 3200) * (0.75 * np.exp(-t / 0.55) + 0.35 * np.exp(-t / 0.05))
    return np.asarray(wash * np.clip((2.4 - t) / 0.4, 0, 1), dtype=np.float32)


# --- notes ---------------------------------------------------------------------------------------------------


@_remembered
def keys(midi: int, held: float) -> Wave:
    """An electric piano: a sine bent by another that dies away, with a bell at the start."""
    t = _time(held + 0.9)
    f = hertz(midi)
    bend = 1.6 * np.exp(-t / 0.35) * np.sin(2 * np.pi * f * t)
    bell = 0.22 * np.exp(-t / 0.09) * np.sin(2 * np.pi * 14 * f * t) if 14 * f < 0.4 * RATE else 0.0
    wave = np.sin(2 * np.pi * f * t + bend) + 0.25 * np.sin(2 * np.pi * 2 * f * t) * np.exp(-t / 0.4) + bell
    return np.asarray(0.6 * wave * _envelope(len(t), 0.002, 0.7, 0.12, held, 0.8), dtype=np.float32)


@_remembered
def supersaw(midi: int, held: float, brightness: float, side: int, *, slow: bool) -> Wave:
    """Five detuned sawtooths through a filter that opens: wide chords (fast) or a pad (slow). `side` 1 is right."""
    release = 0.9 if slow else 0.18
    t = _time(held + release)
    f = hertz(midi)
    dice = np.random.default_rng(midi * 7 + side)
    count = np.arange(len(t), dtype=np.float64)
    wave = np.zeros(len(t), dtype=np.float32)
    for cents in (-17.0, -8.0, 0.0, 9.0, 16.0):
        step = f * 2 ** ((cents + (2.5 if side else -2.5)) / 1200) / RATE
        wave += saw(count * step + dice.random(), step)
    top = 350 + 7500 * brightness**1.6
    opening = (
        top * (0.55 + 0.45 * np.sin(np.pi * np.clip(t / max(held, 0.1), 0, 1)))
        if slow
        else top * (0.6 + 0.4 * np.exp(-t / 0.5))
    )
    shape = (0.5, 1.0, 0.85) if slow else (0.008, 0.8, 0.7)
    level = _envelope(len(t), *shape, held, release)
    return np.asarray(0.28 * swept(wave, opening.astype(np.float32), resonance=0.8) * level, np.float32)


@_remembered
def stab(midi: int, held: float, brightness: float, side: int) -> Wave:
    """A short chord note: bright at once, then closed by its filter."""
    t = _time(held + 0.2)
    f = hertz(midi)
    count = np.arange(len(t), dtype=np.float64)
    wave = np.zeros(len(t), dtype=np.float32)
    for cents in (-12.0, 1.0, 13.0):
        step = f * 2 ** ((cents * (1 if side else -1)) / 1200) / RATE
        wave += saw(count * step + 0.37 * abs(cents), step)
    corner = 300 + (1200 + 8500 * brightness**1.5) * np.exp(-t / 0.13)
    level = _envelope(len(t), 0.003, 0.22, 0.35, held, 0.16)
    return np.asarray(0.4 * swept(wave, corner.astype(np.float32), resonance=1.4) * level, dtype=np.float32)


@_remembered
def bass(midi: int, held: float, brightness: float) -> Wave:
    t = _time(held + 0.09)
    f = hertz(midi)
    count = np.arange(len(t), dtype=np.float64)
    wave = saw(count * f / RATE, f / RATE) + 0.6 * saw(count * f * 1.004 / RATE + 0.3, f * 1.004 / RATE)
    corner = 90 + (500 + 2600 * brightness) * np.exp(-t / 0.16)
    body = swept(wave.astype(np.float32), corner.astype(np.float32), resonance=1.2)
    under = np.sin(2 * np.pi * f * t)
    return np.asarray(np.tanh(0.9 * body + 0.75 * under) * _envelope(len(t), 0.004, 0.4, 0.7, held, 0.07), np.float32)


@_remembered
def growl(midi: int, held: float) -> Wave:
    """The drop's bass: driven saws whose filter says "wow", over a clean octave below."""
    t = _time(held + 0.07)
    f = hertz(midi + 12)
    count = np.arange(len(t), dtype=np.float64)
    wave = saw(count * f / RATE, f / RATE) + saw(count * f * 1.011 / RATE + 0.5, f * 1.011 / RATE)
    wow = 280 + 2600 * np.sin(np.pi * np.clip(t / max(held, 0.05), 0, 1)) ** 2
    body = np.tanh(2.4 * swept(np.tanh(1.6 * wave).astype(np.float32), wow.astype(np.float32), resonance=2.2))
    under = np.sin(2 * np.pi * hertz(midi) * t)
    return np.asarray((0.6 * body + 0.75 * under) * _envelope(len(t), 0.004, 0.5, 0.85, held, 0.05), np.float32)


def _singing(f: float, t: Wave, *, depth: float, late: float) -> NDArray[np.float64]:
    """Phase in turns of a note with a vibrato that comes late, and a small scoop from below at its start."""
    vibrato = depth * np.clip((t - late) / 0.25, 0, 1) * np.sin(2 * np.pi * 5.6 * t)
    scoop = -0.35 * np.exp(-t / 0.03)
    return np.asarray(np.cumsum(f * 2 ** ((vibrato + scoop) / 12)) / RATE)


@_remembered
def lead(midi: int, held: float, side: int) -> Wave:
    t = _time(held + 0.16)
    f = hertz(midi)
    phase = _singing(f, t, depth=0.28, late=0.18)
    spread = 1.0035 if side else 0.9965
    wave = saw(phase, f / RATE) + saw(phase * spread + 0.4, f / RATE) + 0.5 * saw(phase * 0.5, f / 2 / RATE)
    corner = 1400 + 6500 * np.exp(-t / 0.25)
    level = _envelope(len(t), 0.006, 0.35, 0.72, held, 0.13)
    return np.asarray(
        0.42 * swept(wave.astype(np.float32), corner.astype(np.float32), resonance=1.1) * level, np.float32
    )


@_remembered
def pluck(midi: int, held: float) -> Wave:
    """A soft, hollow lead for verses: a clipped triangle with a quick filter."""
    t = _time(held + 0.25)
    f = hertz(midi)
    phase = _singing(f, t, depth=0.16, late=0.25)
    wave = np.tanh(2.2 * np.sin(2 * np.pi * phase)) + 0.3 * saw(phase * 2, 2 * f / RATE)
    corner = 700 + 3800 * np.exp(-t / 0.12)
    level = _envelope(len(t), 0.004, 0.3, 0.45, held, 0.2)
    return np.asarray(0.6 * swept(wave.astype(np.float32), corner.astype(np.float32)) * level, dtype=np.float32)


@_remembered
def choir(midi: int, held: float, side: int) -> Wave:
    """A voice that sings "ah": a rich tone through the throat's resonances."""
    t = _time(held + 0.3)
    f = hertz(midi)
    phase = _singing(f, t, depth=0.3, late=0.15)
    drift = 1.002 if side else 0.998
    source = saw(phase * drift, f / RATE) + 0.35 * saw(phase * drift * 1.006 + 0.2, f / RATE)
    source += 0.06 * _noise(len(t), midi + side)
    throat = sum(
        filtered(source, "bandpass", centre - width, centre + width, order=1) * loud
        for centre, width, loud in ((760, 90, 1.0), (1180, 110, 0.7), (2700, 160, 0.35), (3400, 220, 0.22))
    )
    return np.asarray(1.1 * throat * _envelope(len(t), 0.045, 0.5, 0.85, held, 0.25), dtype=np.float32)


# --- sounds that go somewhere --------------------------------------------------------------------------------


def riser(seconds: float, side: int) -> Wave:
    t = _time(seconds)
    share = t / seconds
    noise = swept(_noise(len(t), 40 + side), (400 * 30**share).astype(np.float32), resonance=1.6)
    air = filtered(noise, "highpass", 300)
    f = 110 * 4**share
    tone = saw(np.cumsum(f, dtype=np.float64) / RATE + 0.25 * side, 300 / RATE)
    tone = swept(tone, (300 + 5000 * share**2).astype(np.float32))
    pulse = 0.75 + 0.25 * np.sin(2 * np.pi * np.cumsum(2 + 14 * share**2) / RATE)
    return np.asarray((0.55 * air + 0.35 * tone) * share**1.5 * pulse, dtype=np.float32)


def fall(seconds: float, side: int) -> Wave:
    t = _time(seconds)
    noise = swept(_noise(len(t), 50 + side), (9000 * 0.02 ** (t / seconds)).astype(np.float32), resonance=1.2)
    return np.asarray(0.5 * noise * (1 - t / seconds), dtype=np.float32)


def impact(seconds: float) -> Wave:
    t = _time(seconds)
    boom = np.sin(2 * np.pi * np.cumsum(34 + 60 * np.exp(-t / 0.09)) / RATE) * np.exp(-t / 0.5)
    dust = filtered(_noise(len(t), 60), "lowpass", 900) * np.exp(-t / 0.22) * 0.5
    return np.asarray((boom + dust) * np.clip((seconds - t) / 0.3, 0, 1), dtype=np.float32)


def reverse(seconds: float, side: int) -> Wave:
    wave = crash(side)[: int(seconds * RATE)][::-1]
    return np.asarray(wave * np.linspace(0, 1, len(wave)) ** 2, dtype=np.float32)
