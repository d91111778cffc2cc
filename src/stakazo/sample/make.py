"""Making a sample: frames into FFmpeg's standard input, the song beside them, the truth beside the file."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import scipy  # its parts are loaded at their first use

from stakazo.media.errors import RenderFailed, ToolMissing
from stakazo.media.ffmpeg import executable
from stakazo.sample import song
from stakazo.sample.arrangement import Arrangement, arrange
from stakazo.sample.instruments import RATE
from stakazo.sample.mastering import Stereo, integrated_loudness, true_peak
from stakazo.sample.pictures import frames
from stakazo.sample.plan import Plan, plan
from stakazo.sample.spec import BadSpec, Spec
from stakazo.sample.truth import SubjectAt, Truth, write_truth

SUBJECT_RATE = 10
"""How often per second the truth says where the subject is."""
SONG_SHARE = 0.12
"""How much of the work the song is, for the progress."""

Progress = Callable[[float], None]


def make(path: Path, spec: Spec | None = None, *, progress: Progress | None = None) -> Truth:
    """Makes a music video at `path` (or, ending in .wav, its song alone) and writes `<name>.truth.json` beside it.

    `progress` is told the share that is done, 0 to 1. The file appears when it is complete, or not at all.
    Raises `BadSpec`, `ToolMissing` or `RenderFailed`.
    """
    spec = spec or Spec()
    timetable = plan(spec)
    arrangement = arrange(timetable)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".sample-", dir=path.parent) as folder:
        done = Path(folder) / f"done{path.suffix or '.mp4'}"
        music = song.render(timetable, arrangement) if spec.sound else None
        if progress:
            progress(SONG_SHARE)
        if path.suffix.lower() == ".wav":
            if music is None:
                raise BadSpec("a sound file without sound can't be made")
            _write_wav(done, music)
            truth = _truth(timetable, music, (), pictures=False)
        else:
            wav = None
            if music is not None:
                wav = Path(folder) / "song.wav"
                _write_wav(wav, music)
            truth = _truth(timetable, music, _film(done, wav, timetable, arrangement, progress), pictures=True)
        done.replace(path)
    write_truth(path, truth)
    if progress:
        progress(1.0)
    return truth


def _truth(timetable: Plan, music: Stereo | None, subject: tuple[SubjectAt, ...], *, pictures: bool) -> Truth:
    silent = music is None
    return Truth(
        spec=timetable.spec,
        tempo=timetable.spec.tempo,
        beats=() if silent else timetable.beats,
        downbeats=() if silent else timetable.downbeats,
        sections=() if silent else timetable.sections,
        hooks=() if silent else timetable.hooks,
        drop=None if silent else timetable.drop,
        shots=tuple(shot.truth for shot in timetable.shots) if pictures else (),
        flashes=timetable.flashes if pictures else (),
        subject=subject,
        loudness=None if music is None else round(integrated_loudness(music), 2),
        true_peak=None if music is None else round(true_peak(music), 2),
    )


def _write_wav(path: Path, music: Stereo) -> None:
    """16 bits with triangular dither."""
    noise = np.random.default_rng(99)
    dither = noise.random(music.shape, dtype=np.float32) - noise.random(music.shape, dtype=np.float32)
    samples = np.clip(np.rint(music * 32767 + dither), -32768, 32767).astype(np.int16)
    scipy.io.wavfile.write(path, RATE, samples.T)


def command(spec: Spec, wav: Path | None, out: Path) -> list[str]:
    """FFmpeg's arguments after its own name: raw I420 frames on standard input, H.264 and AAC out."""
    sound_in = ["-i", str(wav)] if wav else []
    sound_out = ["-map", "1:a", "-c:a", "aac", "-b:a", "192k"] if wav else []
    return [
        "-hide_banner", "-loglevel", "error", "-nostdin", "-y",
        "-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", f"{spec.width}x{spec.height}",
        "-framerate", str(spec.fps), "-i", "pipe:0",
        *sound_in,
        "-map", "0:v", "-c:v", "libx264", "-preset", "superfast", "-crf", "22", "-g", str(spec.fps * 4),
        # What OpenCV's conversion to I420 is: BT.601's matrix, limited range.
        "-vf", "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=smpte170m",
        *sound_out,
        "-t", f"{spec.length:.6f}", "-map_metadata", "-1", "-metadata", "title=Stakazo sample", "-fflags", "+bitexact",
        "-movflags", "+faststart", str(out),
    ]  # fmt: skip


def _film(
    out: Path, wav: Path | None, timetable: Plan, arrangement: Arrangement, progress: Progress | None
) -> tuple[SubjectAt, ...]:
    """Draws and encodes every frame; gives where the subject was."""
    spec = timetable.spec
    subject: list[SubjectAt] = []
    every = max(1, round(spec.fps / SUBJECT_RATE))
    try:
        child = subprocess.Popen(
            [executable(), *command(spec, wav, out)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "AV_LOG_FORCE_NOCOLOR": "1"},
        )
    except OSError as error:
        raise ToolMissing(f"FFmpeg can't be started: {error}") from error
    with child:
        assert child.stdin is not None
        assert child.stderr is not None
        try:
            # Broken pipe: FFmpeg has ended; what it says below is the reason.
            with contextlib.suppress(BrokenPipeError), child.stdin:
                for number, (image, box) in enumerate(frames(timetable, arrangement)):
                    child.stdin.write(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).data)
                    if box is not None and number % every == 0:
                        subject.append(SubjectAt(number / spec.fps, box))
                    if progress and number % spec.fps == 0:
                        progress(SONG_SHARE + (1 - SONG_SHARE) * number / spec.frames)
            said = child.stderr.read().decode(errors="replace")
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        raise RenderFailed(f"FFmpeg ended with {child.returncode} while making the sample: {said.strip()[-400:]}")
    return tuple(subject)
