"""Hearing files: loudness against FFmpeg's own program, time that stays where it belongs, files odd or broken."""

from __future__ import annotations

import re
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from stakazo.media import audio
from stakazo.media.errors import NothingToHear, Unreadable
from stakazo.media.loudness import find_silences, sum_up
from stakazo.media.probe import probe
from stakazo.media.sound import hear
from stakazo.media.spectrum import RATE
from stakazo.media.types import Analysis, Curve, Loudness, Sound

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def ffmpeg(*arguments: str | Path) -> str:
    """Runs the program and returns what it says."""
    done = subprocess.run(
        [FFMPEG, "-hide_banner", "-nostdin", "-nostats", "-y", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stderr


def oracle(path: Path) -> dict[str, float]:
    """What FFmpeg's ebur128 filter measures: I, LRA, Peak."""
    said = ffmpeg("-i", path, "-map", "0:a:0", "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-")
    return {name: float(re.findall(rf"{name}:\s*(-?[\d.]+)", said)[-1]) for name in ("I", "LRA", "Peak")}


def write_wav(path: Path, samples: np.ndarray, rate: int = 44100) -> Path:
    """[frames, channels] or [frames], -1 to 1."""
    samples = samples.reshape(len(samples), -1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def beep_at(path: Path, time: float, seconds: float, rate: int = 44100) -> Path:
    t = np.arange(int(seconds * rate)) / rate
    return write_wav(path, 0.5 * np.sin(2 * np.pi * 997 * t) * ((t >= time) & (t < time + 0.5)), rate)


def first_sound(path: Path) -> float:
    """Seconds of the presentation at which mono sound rises, as analysed."""
    samples = np.concatenate([block.samples for block in audio.blocks(path, probe(path))])
    return float(np.flatnonzero(np.abs(samples) > 0.05)[0] / RATE)


def listened(path: Path) -> Sound:
    return hear(path, probe(path))


def heard_in(analysis: Analysis) -> Sound:
    assert analysis.sound
    return analysis.sound


# --- loudness -----------------------------------------------------------------------------------------------


@pytest.mark.media
@pytest.mark.parametrize(
    "name",
    ["mb-glitch-hop-is-dead.wav", "bbb_1min_720p30.mp4", "bigbuckbunny.mp4", "mb-toothsome-dts.mp4", "nasa_13013.mp4"],
)
def test_loudness_agrees_with_ffmpeg(analysed: Callable[[str], Analysis], reference_media: Path, name: str):
    found, truth = heard_in(analysed(name)).loudness, oracle(reference_media / name)
    assert found.integrated == pytest.approx(truth["I"], abs=0.1)
    assert found.range == pytest.approx(truth["LRA"], abs=0.2)
    assert found.true_peak == pytest.approx(truth["Peak"], abs=0.2)


def test_a_sine_of_known_loudness(tmp_path: Path):
    t = np.arange(48000 * 5) / 48000
    tone = 10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * t)
    found = listened(write_wav(tmp_path / "tone.wav", np.stack([tone, tone], axis=1), 48000)).loudness
    assert found.integrated == pytest.approx(-23.0, abs=0.1)  # EBU Tech 3341, test 1
    assert found.true_peak == pytest.approx(-23.0, abs=0.2)
    assert found.range == pytest.approx(0.0, abs=0.1)
    assert np.allclose(found.momentary.values, -23.0, atol=0.2)


def test_the_peak_between_samples_counts(tmp_path: Path):
    t = np.arange(48000 * 2)
    fade = np.minimum(1, np.minimum(t, t[::-1]) / 4800)  # an abrupt start would overshoot by itself
    tone = 0.5 * fade * np.sin(2 * np.pi * t / 4 + np.pi / 4)  # samples reach 0.35 only
    found = listened(write_wav(tmp_path / "tone.wav", tone, 48000)).loudness
    assert found.true_peak == pytest.approx(20 * np.log10(0.5), abs=0.2)


def test_the_peak_of_a_whisper_is_exact(tmp_path: Path):
    t = np.arange(48000 * 2) / 48000
    path = write_wav(tmp_path / "whisper.wav", 0.0046 * np.sin(2 * np.pi * 440 * t), 48000)
    assert hear(path, probe(path)).loudness.true_peak == pytest.approx(20 * np.log10(0.0046), abs=0.1)


def test_silences_are_where_nothing_is_heard(tmp_path: Path):
    t = np.arange(44100 * 8) / 44100
    tone = 0.3 * np.sin(2 * np.pi * 440 * t) * ((t > 1) & (t < 3) | (t > 5) & (t < 6.5))
    silences = listened(write_wav(tmp_path / "gaps.wav", tone)).silences
    assert [pytest.approx((s.start, s.end), abs=0.25) for s in silences] == [(0, 1), (3, 5), (6.5, 8)]


def test_momentary_loudness_stands_where_the_sound_is(tmp_path: Path):
    momentary = listened(beep_at(tmp_path / "beep.wav", 3.0, 6)).loudness.momentary
    loud = np.flatnonzero(momentary.values > momentary.values.max() - 3) / momentary.rate
    assert loud.mean() == pytest.approx(3.25, abs=0.1)


def test_no_reading_is_silence():
    loudness = sum_up([])
    assert loudness.integrated == -70
    assert find_silences(loudness, 3.0) == ()


def test_silence_thresholds_follow_the_loudness_of_the_whole():
    values = np.full(50, -45.0, np.float32)
    values[20:30] = -58.0
    quiet = Loudness(-25.0, 1.0, -10.0, Curve(10.0, values))
    assert [(round(s.start, 1), round(s.end, 1)) for s in find_silences(quiet, 5.0)] == [(1.8, 3.1)]
    loud_whole = Loudness(-40.0, 1.0, -10.0, Curve(10.0, values))
    assert find_silences(loud_whole, 5.0) == ()


# --- time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-0.7, 0.0, 0.8])
def test_sound_stands_where_a_player_plays_it(tmp_path: Path, late: float):
    """The sound stream starts before or after the pictures do."""
    sound = beep_at(tmp_path / "beep.wav", 2.0, 4)
    film = tmp_path / "film.mkv"
    ffmpeg(
        "-itsoffset", str(max(-late, 0.0)), "-f", "lavfi", "-i", "testsrc=s=64x64:r=25:d=4",
        "-itsoffset", str(max(late, 0.0)), "-i", sound,
        "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le", film,
    )  # fmt: skip
    assert first_sound(film) == pytest.approx(2.0 + late, abs=0.03)


def test_a_hole_in_the_time_is_silence(tmp_path: Path):
    sound = beep_at(tmp_path / "beep.wav", 3.0, 5)
    holed = tmp_path / "holed.mkv"
    ffmpeg("-i", sound, "-af", "aselect='not(between(t,1,2))'", "-c:a", "pcm_s16le", holed)
    assert first_sound(holed) == pytest.approx(3.0, abs=0.05)


def test_after_the_sound_the_film_goes_on_in_silence(tmp_path: Path):
    sound = beep_at(tmp_path / "beep.wav", 0.5, 2)
    film = tmp_path / "film.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc=s=64x64:r=25:d=5", "-i", sound,
        "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", film,
    )  # fmt: skip
    heard = hear(film, probe(film))
    assert len(heard.energy.values) / heard.energy.rate == pytest.approx(5.0, abs=0.3)
    assert heard.energy.at(4.5) == 0.0
    assert heard.silences[-1].end == pytest.approx(5.0, abs=0.1)


def test_sound_beyond_the_film_is_left_out(tmp_path: Path):
    info = probe(beep_at(tmp_path / "beep.wav", 0.5, 4))
    seconds = sum(len(block.samples) for block in audio.blocks(tmp_path / "beep.wav", info)) / RATE
    assert seconds == pytest.approx(4.0, abs=0.01)
    object.__setattr__(info, "duration", 1.5)
    seconds = sum(len(block.samples) for block in audio.blocks(tmp_path / "beep.wav", info)) / RATE
    assert seconds == pytest.approx(1.5, abs=0.01)


# --- odd files ----------------------------------------------------------------------------------------------


def test_a_stream_may_change_its_rate_and_its_channels(tmp_path: Path):
    parts = []
    for number, (rate, channels) in enumerate(((44100, 2), (48000, 1), (22050, 2))):
        part = tmp_path / f"{number}.aac"
        ffmpeg("-f", "lavfi", "-i", f"sine=440:r={rate}:d=2", "-ac", str(channels), part)
        parts.append(part.read_bytes())
    mixed = tmp_path / "mixed.aac"
    mixed.write_bytes(b"".join(parts))
    heard = hear(mixed, probe(mixed))
    assert len(heard.energy.values) / heard.energy.rate == pytest.approx(6.0, abs=0.6)
    loud = heard.loudness.momentary.values[5:-5]
    assert loud.max() - loud.min() < 7  # one channel of three parts: 6 dB at most


def test_broken_packets_are_passed_over(tmp_path: Path):
    whole = tmp_path / "whole.aac"
    ffmpeg("-f", "lavfi", "-i", "sine=440:d=6", whole)
    data = bytearray(whole.read_bytes())
    rng = np.random.default_rng(1)
    for place in rng.integers(len(data) // 3, len(data) // 2, 60):
        data[place] ^= 0xFF
    broken = tmp_path / "broken.aac"
    broken.write_bytes(bytes(data))
    heard = hear(broken, probe(broken))
    assert len(heard.energy.values) / heard.energy.rate > 4
    assert heard.loudness.integrated > -30


def test_the_default_track_is_heard(tmp_path: Path):
    quiet, loud = tmp_path / "quiet.wav", tmp_path / "loud.wav"
    t = np.arange(44100 * 2) / 44100
    write_wav(quiet, 0.01 * np.sin(2 * np.pi * 440 * t))
    write_wav(loud, 0.5 * np.sin(2 * np.pi * 440 * t))
    both = tmp_path / "both.mkv"
    ffmpeg("-i", quiet, "-i", loud, "-map", "0", "-map", "1", "-c", "copy",
           "-disposition:a:0", "0", "-disposition:a:1", "default", both)  # fmt: skip
    assert hear(both, probe(both)).loudness.integrated > -20


def test_eight_bits_and_eight_channels(tmp_path: Path):
    byte = tmp_path / "byte.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=440:d=2", "-c:a", "pcm_u8", byte)
    assert hear(byte, probe(byte)).loudness.integrated == pytest.approx(oracle(byte)["I"], abs=0.1)
    wide = tmp_path / "wide.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=440:d=2", "-af", "aformat=channel_layouts=7.1", wide)
    assert hear(wide, probe(wide)).loudness.integrated == pytest.approx(oracle(wide)["I"], abs=0.1)


def test_a_film_without_sound_is_refused(tmp_path: Path):
    film = tmp_path / "silent.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:r=25:d=1", "-c:v", "libx264", film)
    with pytest.raises(NothingToHear):
        hear(film, probe(film))


def test_what_is_no_media_file_is_refused(tmp_path: Path):
    known = probe(beep_at(tmp_path / "beep.wav", 1.0, 2))
    text = tmp_path / "notes.txt"
    text.write_text("no music here\n" * 50)
    for path in (text, tmp_path / "missing.wav"):
        with pytest.raises(Unreadable):
            hear(path, known)


def test_progress_rises_to_the_end(tmp_path: Path):
    path = beep_at(tmp_path / "beep.wav", 1.0, 5)
    told: list[float] = []
    hear(path, probe(path), progress=told.append)
    assert told == sorted(told)
    assert len(told) > 10
    assert told[-1] == 1.0


# --- real music ---------------------------------------------------------------------------------------------


@pytest.mark.media
def test_a_real_piece_with_a_beat(analysed: Callable[[str], Analysis]):
    heard = heard_in(analysed("mb-glitch-hop-is-dead.wav"))
    assert heard.tempo == pytest.approx(92, abs=1)
    assert heard.tempo_confidence > 0.5
    assert heard.speech < 0.1


@pytest.mark.media
def test_a_film_score_has_no_steady_beat_but_its_loud_passages(analysed: Callable[[str], Analysis]):
    heard = heard_in(analysed("bbb_1min_720p30.mp4"))
    assert heard.tempo is None
    assert len(heard.sections) > 2
    assert heard.hooks[0].span.duration > 6
    top = float(heard.energy.within(heard.hooks[0].span).mean())
    assert top > float(heard.energy.values.mean())


@pytest.mark.media
@pytest.mark.parametrize("name", ["mb-toothsome-dts.mp4", "movie-hello.mp4", "psychopy-jwpIntro.mp4", "nasa_13013.mp4"])
def test_people_talking_are_taken_for_speech_and_not_for_music(analysed: Callable[[str], Analysis], name: str):
    heard = heard_in(analysed(name))
    assert heard.speech > 0.6
    assert heard.tempo is None


def test_more_channels_than_pyav_has_room_for(tmp_path: Path):
    path = tmp_path / "wide.mkv"
    wide = "pan=16c|" + "|".join(f"c{number}=c0" for number in range(16))
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x36:d=2:r=25", "-itsoffset", "0.5", "-f", "lavfi"),
        *("-i", f"sine=d=1:r=48000,aformat=sample_fmts=s32p,{wide}", "-c:v", "mpeg4", "-c:a", "wavpack", path),
    )
    info = probe(path)
    assert info.audio
    assert info.audio.channels == 16
    loud = np.concatenate([block.samples for block in audio.blocks(path, info)])
    heard = np.flatnonzero(np.abs(loud) > 0.01) / RATE
    assert heard[0] == pytest.approx(0.5, abs=0.02)
    assert heard[-1] == pytest.approx(1.5, abs=0.05)
    assert len(loud) / RATE == pytest.approx(2.0, abs=0.05)
