"""The one way in which a stranger's file is opened here: as what its first bytes say, alone, and within limits.

A file is recognised by its content, never by its name, and only real media containers are let in: no playlists or
scripts, which could make FFmpeg open other files, and no picture formats, which are small files of huge pictures.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import FFmpegError

from stakazo.media.containers import SNIFF_BYTES, sniff
from stakazo.media.errors import TooBig, Unreadable
from stakazo.media.types import MediaInfo

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,flv,mpegts,mpeg,mpegvideo,h264,hevc,obu,ivf,mxf,gxf,ogg,rm,nut,dv,"
    "gif,apng,y4m,yuv4mpegpipe,nsv,swf,vob,wtv,m4v,av1,wav,w64,aiff,au,caf,flac,mp3,aac,ac3,eac3,dts,dtshd,amr,ape,tta,"
    "wv,mpc,mpc8,tak,oma,voc,truehd,loas"
)
"""FFmpeg's names of the containers that may be opened. Playlists (hls, dash, concat), images and devices aren't among
them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused as too big."""

    size: int = 256 * 1024**3
    """Bytes."""
    pixels: int = 8192 * 8192
    """Width times height of the coded picture."""
    side: int = 16384
    """Pixels of its longer side."""
    duration: float = 12 * 3600.0
    """Seconds."""
    streams: int = 64
    packets: int = 20_000_000
    """Of all streams together."""
    work: float = 1e13
    """Pixels of all frames together: six hours of 4K at 60 frames per second."""
    channels: int = 64
    """Of a sound stream that is listened to."""
    sample_rates: tuple[int, int] = (2_000, 768_000)
    """Hz of a sound stream that is listened to, lowest and highest."""


DEFAULT_LIMITS = Limits()


def probing_seconds(size: int) -> int:
    """How long the processor may work to find out what a file of so many bytes is."""
    return 120 + size // (20 * 1024**2)


def watching_seconds(info: MediaInfo) -> int:
    """How long it may work to watch and hear a file: many times what that takes."""
    pixels = info.video.width * info.video.height * info.video.frames if info.video else 0
    return 600 + round(info.duration) + pixels // 4_000_000


@contextmanager
def opened(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[InputContainer]:
    """The file, open for reading; FFmpeg's refusals become `Unreadable` or `TooBig`."""
    demuxer = _recognised(path, limits)
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "max_pixels": str(limits.pixels)}
    try:
        container = av.open(f"file:{path}", format=demuxer, options=options, metadata_errors="ignore")
    except FFmpegError as error:
        if error.errno == errno.ENOMEM:
            raise TooBig(f"{path.name} needs more memory to be opened, or has more streams, than it may.") from error
        raise Unreadable(f"{path.name} is not a video or sound file that can be read ({words(error)}).") from error
    with container:
        for stream in container.streams.video:
            decoder: CodecContext | None = stream.codec_context  # None where there is none for it
            if decoder is not None:
                decoder.options = {"max_pixels": str(limits.pixels)}
        yield container


def _recognised(path: Path, limits: Limits) -> str | None:
    """FFmpeg's name of the only container that the file may be; None to let it choose among those allowed."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable(f"{path.name} is not a file.")
        if not found.st_size:
            raise Unreadable(f"{path.name} is empty.")
        if found.st_size > limits.size:
            raise TooBig(f"{path.name} has {found.st_size} bytes; at most {limits.size} are read.")
        with path.open("rb") as file:
            return sniff(file.read(SNIFF_BYTES)).demuxer
    except FileNotFoundError:
        raise Unreadable(f"There is no file {path.name}.") from None
    except OSError as error:
        raise Unreadable(f"{path.name} can't be read: {error.strerror}.") from error


def words(error: FFmpegError) -> str:
    """What FFmpeg says, without its addresses."""
    return (error.strerror or str(error)).lower()
