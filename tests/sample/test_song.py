from __future__ import annotations

import numpy as np
import pytest
import scipy

from stakazo.sample import FormPart, Spec
from stakazo.sample.arrangement import Drum, arrange
from stakazo.sample.instruments import RATE, hertz, keys, kick, saw, swept
from stakazo.sample.mastering import Stereo, integrated_loudness, limited, mastered, true_peak
from stakazo.sample.plan import plan
from stakazo.sample.song import render

SPEC = Spec(duration=10, form=(FormPart("verse", 1), FormPart("build", 1), FormPart("chorus", 2)))


@pytest.fixture(scope="module")
def mix() -> Stereo:
    timetable = plan(SPEC)
    return render(timetable, arrange(timetable))


def test_the_song_is_as_long_as_the_film_and_as_loud_as_ordered(mix: Stereo):
    assert mix.shape == (2, 10 * RATE)
    assert integrated_loudness(mix) == pytest.approx(SPEC.loudness, abs=0.6)
    assert true_peak(mix) <= -1.5
    assert np.isfinite(mix).all()


def test_the_same_spec_gives_the_same_song(mix: Stereo):
    timetable = plan(SPEC)
    assert np.array_equal(mix, render(timetable, arrange(timetable)))


def test_left_and_right_differ_but_agree(mix: Stereo):
    assert 0.3 < np.corrcoef(mix[0], mix[1])[0, 1] < 0.999


def test_bass_drums_sound_when_the_arrangement_says(mix: Stereo):
    low = scipy.signal.sosfilt(scipy.signal.butter(4, 110, fs=RATE, output="sos"), mix.mean(axis=0))
    rise = []
    for time in arrange(plan(SPEC)).times(Drum.KICK):
        at = round(time * RATE)
        before = np.sqrt((low[max(0, at - 1500) : at] ** 2).mean())
        after = np.sqrt((low[at + 480 : at + 3400] ** 2).mean())
        rise.append(after / max(before, 1e-6))
    assert np.median(rise) > 1.5


def test_the_chorus_is_louder_than_the_verse(mix: Stereo):
    timetable = plan(SPEC)
    level = {}
    for section in timetable.sections:
        piece = mix[:, round(section.start * RATE) : round(section.end * RATE)]
        level[section.label] = integrated_loudness(piece)
    assert level["chorus"] > level["verse"] + 2


def test_a_sawtooth_has_its_harmonics_and_no_aliases():
    f = 2637.0
    wave = saw(np.arange(RATE, dtype=np.float64) * f / RATE, f / RATE)
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    harmonics = np.zeros(len(spectrum), dtype=bool)
    for number in range(1, 10):
        harmonics[round(number * f) - 3 : round(number * f) + 4] = True
    assert spectrum[~harmonics].max() < 0.05 * spectrum[harmonics].max()


def test_a_note_has_its_pitch():
    wave = keys(69, 0.5)[: RATE // 2]
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), RATE))
    assert int(spectrum.argmax()) == pytest.approx(hertz(69), abs=3)


def test_the_moving_filter_leaves_low_and_takes_high():
    t = np.arange(RATE) / RATE
    corner = np.full(RATE, 1000, dtype=np.float32)
    for hz, expected, tolerance in ((100, 1.0, 0.02), (1000, 0.707, 0.05), (8000, 1 / 64, 0.2)):
        wave = np.sin(2 * np.pi * hz * t).astype(np.float32)
        out = swept(wave, corner, resonance=0.707)[RATE // 4 : -RATE // 4]
        assert np.abs(out).max() == pytest.approx(expected, rel=tolerance)


def test_loudness_of_a_known_tone():
    """EBU Tech 3341: a stereo sine of 1 kHz at -23 dBFS is -23 LUFS."""
    t = np.arange(5 * RATE) / RATE
    tone = np.tile(10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * t), (2, 1)).astype(np.float32)
    assert integrated_loudness(tone) == pytest.approx(-23.0, abs=0.1)
    assert integrated_loudness(np.zeros((2, RATE), dtype=np.float32)) == -70.0


def test_the_limiter_keeps_under_its_ceiling_between_the_samples_too():
    hits = np.zeros((2, RATE), dtype=np.float32)
    for at in range(0, RATE - len(kick()), 12_000):
        hits[:, at : at + len(kick())] += 1.6 * kick()
    assert true_peak(limited(hits, 0.7)) <= 20 * np.log10(0.7) + 0.05


def test_silence_stays_silence():
    assert not mastered(np.zeros((2, RATE), dtype=np.float32), -11).any()
