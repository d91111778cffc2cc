"""Files that are something else too, or that say things no film should say."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from typing import Any

from tests.media.hostile import ebml
from tests.media.hostile.boxes import added, box, edited, full, patched, u32
from tests.media.hostile.kit import FRAMES, Kit, each, hostile

STSD = "moov/trak/mdia/minf/stbl/stsd"
MARKUP = "</title><script>document.title='owned'</script><img src=x onerror=alert(1)>"
TERMINAL = "\x1b[2J\x1b]0;owned\x07\x1b[31m\x9b5m\r\n\u202egnp.4pm"


# --- nothing --------------------------------------------------------------------------------------------------


@each("film.mp4", nothing=b"", one_byte=b"\0", zeros=b"\0" * 1_000_000, only_a_head=box(b"ftyp", b"isom\0\0\2\0isom"),
      noise=random.Random(1).randbytes(1_000_000), lines=b"\n" * 100_000)  # fmt: skip
def only(_kit: Kit, data: Any) -> bytes:
    return data


# --- two things at once ---------------------------------------------------------------------------------------


@hostile("film.mp4")
def and_zip(kit: Kit) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../../../tmp/owned", "x")
    return kit.film + packed.getvalue()


@each(
    "film.mp4",
    html=f"<html>{MARKUP}</html>".encode(),
    pdf=b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript>>>>endobj",
    php=b"<?php system($_GET['c']); ?>",
    script=b"#!/bin/sh\ntouch owned\n",
    hls=b"#EXTM3U\nfile:///etc/passwd\n",
)
def and_text(kit: Kit, text: Any) -> bytes:
    """The text stands in the first bytes that are free."""
    return kit.film[:32] + box(b"free", text) + _moved(kit.film[32:], 8 + len(text))


def _moved(rest: bytes, by: int) -> bytes:
    """The film's tables, for data that lies so many bytes further on."""

    def change(content: bytes) -> bytes:
        (count,) = struct.unpack_from(">I", content, 4)
        return box(b"stco", content[:8], u32(*(offset + by for offset in struct.unpack_from(f">{count}I", content, 8))))

    return edited(rest, "moov/trak/mdia/minf/stbl/stco", change)


@each(
    "film.mp4", jpeg=b"\xff\xd8\xff\xe0", zip=b"PK\3\4", gif=b"GIF89a", elf=b"\x7fELF", exe=b"MZ", gzip=b"\x1f\x8b\x08"
)
def behind(kit: Kit, head: Any) -> bytes:
    return head.ljust(512, b"\0") + kit.film


@hostile("film.mp4")
def mp4_in_ts(kit: Kit) -> bytes:
    """Every 188th byte is that of a transport stream, and it begins like an MP4."""
    data = bytearray(kit.film)
    data[188::188] = b"\x47" * len(data[188::188])
    return bytes(data)


# --- words ----------------------------------------------------------------------------------------------------


@each(
    "film.mp4",
    markup=MARKUP,
    terminal=TERMINAL,
    format_string="%n%s%p{0.__class__}${IFS}`id`$(id)",
    long="x" * 200_000,
    no_utf8="\udcff\udcfe",
)
def metadata(kit: Kit, words: Any) -> bytes:
    """A film with these words as title, names of its tracks and chapters."""
    data = str(words).encode("utf-8", "surrogateescape")

    def tag(name: bytes) -> bytes:
        return box(name, full(b"data", u32(0), data, flags=1))

    handler = full(b"hdlr", u32(0), b"mdirappl", u32(0, 0), b"\0")
    names = [b"\xa9nam", b"\xa9ART", b"\xa9cmt", b"\xa9too", b"desc"]
    udta = box(b"udta", full(b"meta", handler, box(b"ilst", *map(tag, names))))
    film = edited(kit.film, "moov/trak/mdia/hdlr", lambda content: box(b"hdlr", content[:24] + data[:30_000] + b"\0"))
    return added(film, "moov", udta)


@hostile("film.mp4", slow=True)
def many_tags(kit: Kit) -> bytes:
    """A hundred thousand tags."""
    keys = [full(b"keys", u32(100_000), b"".join(box(b"mdta", b"k%d" % n) for n in range(100_000)))]
    values = [struct.pack(">I", 25) + u32(n + 1) + full(b"data", u32(0), b"v", flags=1) for n in range(100_000)]
    handler = full(b"hdlr", u32(0), b"mdta", u32(0, 0, 0), b"\0")
    return added(kit.film, "moov", box(b"meta", handler, *keys, box(b"ilst", *values)))


@hostile("film.mp3", slow=True)
def id3_bomb(kit: Kit) -> bytes:
    """An ID3 tag of twenty megabytes with a cover that claims a thousand times that."""
    body = b"APIC" + u32(0x7F7F7F7F) + b"\0\0\0image/png\0\3\0" + b"\x89PNG\r\n\x1a\n" + b"\0" * (20 << 20)
    length = len(body)
    synchsafe = bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\4\0\0" + synchsafe + body + b"\xff\xfb\x90\0" * 500


# --- sound ----------------------------------------------------------------------------------------------------


def _wav(rate: int, channels: int, data: bytes, *, bits: int = 16, form: int = 1) -> bytes:
    align = channels * bits // 8
    header = struct.pack("<HHIIHH", form, channels & 0xFFFF, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(header)) + header + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@each(
    "film.wav",
    of_255=(48000, 255),
    of_65535=(48000, 65535),
    of_1_hz=(1, 2),
    of_1_ghz=(1_000_000_000, 2),
    of_0_hz=(0, 2),
    of_none=(48000, 0),
    of_200_hz=(200, 1),
)
def wav(_kit: Kit, shape: Any) -> bytes:
    return _wav(shape[0], shape[1], b"\1\2" * 500_000)


@each(
    "film.mkv",
    of_1_hz=(1.0, 2),
    of_1_ghz=(1e9, 2),
    of_255=(48000.0, 255),
    nan=(float("nan"), 2),
    negative=(-48000.0, 2),
)
def film_with_sound(kit: Kit, shape: Any) -> bytes:
    """Good pictures beside absurd sound."""
    pictures = ebml.png(64, 36, [(time * 40, kit.picture) for time in range(FRAMES)])
    packets = [(time * 40, b"\1\2" * 255 * 40) for time in range(FRAMES)]
    sound = ebml.Track("A_PCM/INT/LIT", packets, ebml.sound(*shape), kind=2)
    return ebml.film(pictures, sound)


@each("film.mkv", nan=float("nan"), infinite=float("inf"), loud=3e38, tiny=1e-45)
def samples(kit: Kit, value: Any) -> bytes:
    """Sound that no number of ours can measure."""
    pictures = ebml.png(64, 36, [(time * 40, kit.picture) for time in range(FRAMES)])
    sound = ebml.Track(
        "A_PCM/FLOAT/IEEE",
        [(time * 40, struct.pack("<f", value) * 320) for time in range(FRAMES)],
        ebml.sound(8000, 1, 32),
        kind=2,
    )
    return ebml.film(pictures, sound)


# --- what hangs on a picture ----------------------------------------------------------------------------------


@each(
    "film.mp4",
    zero=(0,) * 9,
    huge=(0x7FFFFFFF,) * 9,
    least=(0x80000000,) * 9,
    of_45_degrees=(46341, 46341, 0, -46341, 46341, 0, 0, 0, 0x40000000),
    flat=(0x10000, 0x10000, 0, 0x10000, 0x10000, 0, 0, 0, 0x40000000),
)
def matrix(kit: Kit, values: Any) -> bytes:
    return patched(kit.film, "moov/trak/tkhd", 40, u32(*values))


def _described(kit: Kit, *boxes: bytes) -> bytes:
    """The film, with more boxes in the description of its pictures."""

    def entry(content: bytes) -> bytes:
        if content[12:16] != b"avc1":
            return box(b"stsd", content)
        body = content[16:] + b"".join(boxes)
        return box(b"stsd", content[:8], box(b"avc1", body))

    return edited(kit.film, STSD, entry)


@each(
    "film.mp4",
    colours=box(b"colr", b"nclx", struct.pack(">HHHB", 255, 255, 255, 255)),
    profile=box(b"colr", b"prof" + random.Random(2).randbytes(100_000)),
    mastering=box(b"mdcv", b"\xff" * 24) + box(b"clli", b"\xff" * 4),
    mastering_zero=box(b"mdcv", b"\0" * 24) + box(b"clli", b"\0" * 4),
    dolby=box(b"dvcC", b"\xff" * 24) + box(b"dvvC", b"\xff" * 24),
    aspect=box(b"pasp", u32(0xFFFFFFFF, 1)),
    aspect_zero=box(b"pasp", u32(0, 0)),
    aperture=box(b"clap", u32(0, 0, 0xFFFFFFFF, 0, 1, 0, 1, 0)),
    stereo=full(b"st3d", b"\xff") + box(b"sv3d", full(b"svhd", b"x\0"), box(b"proj", full(b"equi", b"\xff" * 16))),
    ambient=box(b"amve", b"\xff" * 8) + box(b"vexu", box(b"eyes", b"\xff" * 9)),
    garbage=box(b"avcC", b"\1" * 400),
)
def described(kit: Kit, boxes: Any) -> bytes:
    return _described(kit, boxes)


@hostile("film.mp4")
def another_codec(kit: Kit) -> bytes:
    """Pictures of H.264 that are said to be ProRes."""
    return edited(kit.film, STSD, lambda content: box(b"stsd", content.replace(b"avc1", b"apch")))


@hostile("film.mp4")
def dark_and_silent(kit: Kit) -> bytes:
    """Nothing to see and nothing to hear, but all in order."""
    source = ("-f", "lavfi", "-i", "color=black:s=64x36:r=25:d=12", "-f", "lavfi", "-i", "anullsrc=d=12")
    return kit.ffmpeg(*source, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac",
                      suffix=".mp4")  # fmt: skip


NAMES = (
    "../../../../etc/passwd",
    "..\\..\\windows\\system.ini",
    "-i",
    "-y /etc/passwd.mp4",
    "concat:secret.txt|secret.txt",
    "file:secret.txt",
    "subfile,,start,0,end,99,,:secret.txt",
    "http://127.0.0.1/x.mp4",
    "img%03d.png",
    "line\nbreak\r\n.mp4",
    "\x1b[2J\x1b]0;owned\x07.mp4",
    "$(touch owned).mp4",
    "`touch owned`;.mp4",
    "'\"';:,[]=\\.mp4",
    "{0.__class__}%n%s.mp4",
    "<script>alert(1)</script>.mp4",
    "\u202egnp.4pm",
    "x" * 5000 + ".mp4",
    "con.mp4",
    ".mp4",
    "/",
    "a\0b.mp4",
)
"""What senders may call a good film. Nothing of it may be a path, an option or a program."""
