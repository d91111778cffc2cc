"""Real renderings of small made films, heard sample by sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.media.films import (
    film,
    halves,
    luma,
    plan,
    samples,
    tone,
)

from stakazo.media.render import listen, render
from stakazo.media.types import Span


async def test_picture_and_sound_stay_together_to_the_millisecond(tmp_path: Path):
    """A flash and a click at the same time, two seconds in; the clip starts off the grid of everything."""
    pictures = [halves(250, 250) if n == 50 else halves(20, 20) for n in range(80)]
    clicks = np.zeros(round(3.2 * 48000), np.float32)
    clicks[96000:96040] = 0.8
    source = film(tmp_path / "in.mkv", pictures, sound=clicks)
    (result,) = await render(plan(source, Span(1.24, 3.0)), thorough=True)
    flash = int(np.argmax([picture.mean() for picture in luma(result.file)])) / 25
    heard = samples(result.file)
    click = int(np.argmax(np.abs(heard) > 0.4 * np.abs(heard).max())) / 48000
    assert flash == pytest.approx(2.0 - 1.24)
    assert click == pytest.approx(flash, abs=0.001)
    data = result.file.read_bytes()
    assert b"elst" not in data


async def test_sound_that_starts_late_or_ends_early_is_filled_with_silence(tmp_path: Path):
    source = film(tmp_path / "in.mkv", [halves(90, 90)] * 75, sound=tone(1.0), late_sound=1.0)
    (result,) = await render(plan(source, Span(0.0, 3.0)), thorough=True)
    heard = samples(result.file)
    loud = [float(np.abs(heard[round(t * 48000) : round((t + 0.2) * 48000)]).max()) > 0.01 for t in (0.5, 1.4, 2.5)]
    assert loud == [False, True, False]
    assert len(heard) == pytest.approx(3 * 48000, abs=1024)


async def test_a_source_without_sound_gets_a_silent_track(tmp_path: Path):
    (result,) = await render(plan(film(tmp_path / "in.mp4", [halves(90, 90)] * 25), Span(0, 1)), thorough=True)
    assert result.facts.audio_codec == "aac"
    assert result.facts.loudness == -70.0
    assert result.gain == 0.0


async def test_quiet_sound_is_raised_to_its_level(tmp_path: Path):
    source = film(tmp_path / "in.mkv", [halves(90, 90)] * 75, sound=tone(3.0, 0.05, 1000))
    (result,) = await render(plan(source, Span(0, 3)))
    assert result.gain > 5
    assert result.facts.loudness == pytest.approx(-14.0, abs=0.3)


async def test_no_gain_passes_the_true_peak(tmp_path: Path):
    sound = tone(3.0, 0.02, 1000)
    sound[::12000] = 0.7
    made = plan(film(tmp_path / "in.mkv", [halves(90, 90)] * 75, sound=sound), Span(0, 3))
    heard = await listen(made)
    assert heard
    (result,) = await render(made)
    assert result.facts.loudness < -20
    assert heard.true_peak + result.gain == pytest.approx(-1.5, abs=0.05)
    assert result.facts.true_peak <= -1.0 + 0.5


async def test_sound_neither_starts_nor_ends_with_a_click(tmp_path: Path):
    source = film(tmp_path / "in.mkv", [halves(90, 90)] * 75, sound=tone(3.0, 0.5, 50))
    (result,) = await render(plan(source, Span(0.36, 2.0)))
    heard = np.abs(samples(result.file))
    assert heard[:1024].max() < 0.1 * heard.max()
    assert heard[1024:1100].max() < 0.3 * heard.max()
    assert heard[round(1.637 * 48000) : round(1.64 * 48000)].max() < 0.4 * heard.max()
