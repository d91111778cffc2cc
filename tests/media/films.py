"""Small made films, plans to render them, and what came out as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from stakazo.media import ffmpeg
from stakazo.media.framing import CropKey, CropPath, CropShot, Framing
from stakazo.media.plan import Encoding, Output, RenderPlan
from stakazo.media.probe import probe
from stakazo.media.types import Box, Span

SIZE = (320, 180)
Frames = list[NDArray[np.uint8]]


def film(
    file: Path,
    pictures: Sequence[NDArray[np.uint8]],
    *,
    rate: int = 25,
    times: Sequence[int] | None = None,
    sound: NDArray[np.float32] | None = None,
    late_sound: float = 0.0,
    metadata: dict[str, str] | None = None,
) -> Path:
    """A film of these grey pictures [rows, columns], almost without loss; `times` are milliseconds."""
    with av.open(str(file), "w") as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream("libx264", rate=rate, options={"crf": "4", "preset": "ultrafast"})
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = "yuv420p"
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        audio = (
            container.add_stream("pcm_s16le" if file.suffix == ".mkv" else "aac", rate=48000)
            if sound is not None
            else None
        )
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p", dst_color_range=1)
            frame.pts = times[number] if times else number
            frame.time_base = Fraction(1, 1000) if times else Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None and sound is not None:
            samples = np.ascontiguousarray((sound * 32767).astype(np.int16)[None, :])
            heard = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            heard.sample_rate, heard.pts = 48000, round(late_sound * 48000)
            heard.time_base = Fraction(1, 48000)
            container.mux(audio.encode(heard))
            container.mux(audio.encode(None))
    return file


def halves(left: int, right: int) -> NDArray[np.uint8]:
    picture = np.full((SIZE[1], SIZE[0]), left, np.uint8)
    picture[:, SIZE[0] // 2 :] = right
    return picture


def tone(seconds: float, level: float = 0.1, pitch: float = 440.0) -> NDArray[np.float32]:
    return (level * np.sin(2 * np.pi * pitch * np.arange(round(seconds * 48000)) / 48000)).astype(np.float32)


def ramp() -> NDArray[np.uint8]:
    """Brighter to the right: the mean of a window says where it is."""
    return np.tile(np.linspace(20, 235, SIZE[0]).astype(np.uint8), (SIZE[1], 1))


def where(picture: NDArray[np.uint8]) -> float:
    """The centre of the window that was cut out of a ramp, as a fraction of the frame."""
    full = (float(picture.mean()) - 16) * 255 / 219
    return (full - 20) / 215


def window(x: float, width: float = 0.5) -> Box:
    return Box(x, 0.0, width, 1.0)


def shot(start: float, end: float, *keys: CropKey, framing: Framing = Framing.CROP) -> CropShot:
    return CropShot(start, end, framing, keys, "Because.")


def held(start: float, end: float, x: float = 0.25) -> CropShot:
    return shot(start, end, CropKey(start, window(x)))


def plan(source: Path, span: Span, *shots: CropShot, **outputs: int) -> RenderPlan:
    """Square-ish small outputs, by name and sound bitrate."""
    path = CropPath(Fraction(8, 9), shots or (held(span.start, span.end),))
    quick = Encoding(crf=10)
    made = tuple(
        Output(name, 160, 180, path, source.parent / f"{name}.mp4", quick, bitrate)
        for name, bitrate in (outputs or {"out": 128}).items()
    )
    return RenderPlan(source, probe(source), span, made)


def luma(file: Path) -> Frames:
    with av.open(str(file)) as container:
        frames = list(container.decode(video=0))
    return [np.asarray(frame.to_ndarray(format="yuv420p")[: frame.height, : frame.width], np.uint8) for frame in frames]


async def made_by_ffmpeg(file: Path, options: str, **values: object) -> Path:
    """A film made by FFmpeg; `{name}` in its options stands for a value."""
    await ffmpeg.run([*(option.format(**values) for option in options.split()), "-y", str(file)], access=None)
    return file


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def samples(file: Path) -> NDArray[np.float32]:
    """Left channel, as a player plays it."""
    with av.open(str(file)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
