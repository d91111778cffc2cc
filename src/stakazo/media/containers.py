"""What a file is by its first bytes: whether it can be a video at all, whatever its name says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SNIFF_BYTES = 1024
"""How much of a file `sniff` wants to see; shorter files are judged by what there is."""


@dataclass(frozen=True, slots=True)
class Container:
    kind: Literal["video", "sound", "picture", "other"]
    content_type: str
    extension: str
    """With its dot; what a stored file is called, never taken from the sender."""
    description: str
    """For a sentence: 'x.mp4' is ..."""
    demuxer: str | None = None
    """FFmpeg's name of what reads it, and nothing else may; None where the first bytes don't say enough."""


MP4 = Container("video", "video/mp4", ".mp4", "an MP4 file", "mov")
MOV = Container("video", "video/quicktime", ".mov", "a QuickTime file", "mov")
MKV = Container("video", "video/x-matroska", ".mkv", "a Matroska file", "matroska")
WEBM = Container("video", "video/webm", ".webm", "a WebM file", "matroska")
AVI = Container("video", "video/x-msvideo", ".avi", "an AVI file", "avi")
TS = Container("video", "video/mp2t", ".ts", "an MPEG transport stream", "mpegts")
PS = Container("video", "video/mpeg", ".mpg", "an MPEG program stream", "mpeg")
MPEG = Container("video", "video/mpeg", ".mpg", "an MPEG video stream", "mpegvideo")
FLV = Container("video", "video/x-flv", ".flv", "a Flash video", "flv")
ASF = Container("video", "video/x-ms-asf", ".wmv", "a Windows Media file", "asf")
OGG = Container("video", "video/ogg", ".ogv", "an Ogg file", "ogg")
MXF = Container("video", "application/mxf", ".mxf", "an MXF file", "mxf")
Y4M = Container("video", "video/x-yuv4mpeg", ".y4m", "a YUV4MPEG file", "yuv4mpegpipe")
IVF = Container("video", "video/x-ivf", ".ivf", "an IVF file", "ivf")
M4A = Container("sound", "audio/mp4", ".m4a", "a sound file (M4A)", "mov")

_AT_START: tuple[tuple[bytes, Container], ...] = (
    (b"\x00\x00\x01\xba", PS),
    (b"\x00\x00\x01\xb3", MPEG),
    (b"FLV\x01", FLV),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ASF),
    (b"OggS", OGG),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", MXF),
    (b"YUV4MPEG2 ", Y4M),
    (b"DKIF", IVF),
    (b"fLaC", Container("sound", "audio/flac", ".flac", "a sound file (FLAC)", "flac")),
    (b"ID3", Container("sound", "audio/mpeg", ".mp3", "a sound file (MP3)")),
    (b"FORM", Container("sound", "audio/aiff", ".aiff", "a sound file (AIFF)")),
    (b"caff", Container("sound", "audio/x-caf", ".caf", "a sound file (CAF)", "caf")),
    (b"\x89PNG", Container("picture", "image/png", ".png", "a picture (PNG)")),
    (b"\xff\xd8\xff", Container("picture", "image/jpeg", ".jpg", "a picture (JPEG)")),
    (b"GIF8", Container("picture", "image/gif", ".gif", "a picture (GIF)")),
    (b"%PDF", Container("other", "application/pdf", ".pdf", "a PDF document")),
    (b"PK\x03\x04", Container("other", "application/zip", ".zip", "a ZIP archive or an Office document")),
    (b"\x1f\x8b", Container("other", "application/gzip", ".gz", "a gzip archive")),
    (b"\x7fELF", Container("other", "application/x-executable", ".bin", "a program")),
    (b"MZ", Container("other", "application/x-executable", ".exe", "a program")),
)

_RIFF: dict[bytes, Container] = {
    b"AVI ": AVI,
    b"AVIX": AVI,
    b"WAVE": Container("sound", "audio/wav", ".wav", "a sound file (WAV)", "wav"),
    b"WEBP": Container("picture", "image/webp", ".webp", "a picture (WebP)"),
}

_BOXES = {b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"sidx", b"moof", b"uuid"}
"""What an ISO media file may begin with when it doesn't begin with `ftyp`."""

_PICTURE_BRANDS = {b"heic", b"heix", b"heif", b"mif1", b"msf1", b"avif", b"avis", b"jxl ", b"crx "}
_SOUND_BRANDS = {b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"aax "}


def _iso(head: bytes) -> Container | None:
    """ISO base media (MP4, MOV and their kin): a box's length, then its type."""
    kind, brand = head[4:8], head[8:12]
    if kind == b"ftyp":
        if brand in _PICTURE_BRANDS:
            return Container("picture", "image/heif", ".heif", "a picture (HEIF or AVIF)")
        if brand in _SOUND_BRANDS:
            return M4A
        return MOV if brand == b"qt  " else MP4
    return MOV if kind in _BOXES else None


def _transport_stream(head: bytes) -> bool:
    """Packets of 188 bytes that begin with 0x47; Blu-ray puts four bytes before each."""
    for first, size in ((0, 188), (4, 192)):
        syncs = range(first, min(len(head), 5 * size), size)
        if len(syncs) >= 2 and all(head[at] == 0x47 for at in syncs):
            return True
    return False


def _text(head: bytes) -> bool:
    return not any(byte < 9 or 13 < byte < 32 for byte in head if byte != 27)


def sniff(head: bytes) -> Container:
    """What the file is, by its first `SNIFF_BYTES` bytes."""
    known = _by_magic(head) or _iso(head)
    if known:
        return known
    if _transport_stream(head):
        return TS
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return Container("sound", "audio/mpeg", ".mp3", "a sound file (MPEG audio)")
    if head and _text(head):
        return Container("other", "text/plain", ".txt", "a text")
    return Container("other", "application/octet-stream", ".bin", "a file of a kind that is not known here")


def _by_magic(head: bytes) -> Container | None:
    if head[:4] in {b"RIFF", b"RF64", b"RIFX"} and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return WEBM if b"webm" in head[:64] else MKV
    return next((container for magic, container in _AT_START if head.startswith(magic)), None)
