"""Files whose structure or clock is broken on purpose."""

from __future__ import annotations

import random
import struct
from typing import Any

from tests.media.hostile import ebml
from tests.media.hostile.boxes import box, edited, full, parts, patched, replaced, u32
from tests.media.hostile.kit import FRAMES, Kit, each, hostile

STBL = "moov/trak/mdia/minf/stbl/"


# --- indices --------------------------------------------------------------------------------------------------


@each(
    "film.mp4",
    behind_the_end=("stco", lambda count: u32(0, count) + u32(0x7FFFFFF0) * count),
    all_the_same=("stco", lambda count: u32(0, count) + u32(48) * count),
    in_the_index=("stco", lambda count: u32(0, count) + u32(*range(0, 4 * count, 4))),
    none=("stco", lambda _: u32(0, 0)),
    wide=("stco", lambda count: b"\0\0\0\0" + u32(count) + u32(0xFFFFFFFF) * count),
)
def offsets(kit: Kit, wanted: Any) -> bytes:
    name, make = wanted

    def change(content: bytes) -> bytes:
        (count,) = struct.unpack_from(">I", content, 4)
        return box(name.encode(), make(count))

    return edited(kit.film, STBL + name, change)


@each(
    "film.mp4",
    stsc_backwards=("stsc", u32(0, 3, 5, 1, 1, 3, 1, 1, 1, 9, 1)),
    stsc_zero=("stsc", u32(0, 1, 0, 0, 0)),
    stsc_no_description=("stsc", u32(0, 1, 1, 1, 77)),
    stss_garbage=("stss", u32(0, 3, 0, 0xFFFFFFFF, 7)),
    stsz_none=("stsz", u32(0, 0, 0)),
    stsz_cut=("stsz", u32(0, 0, 400)),
    stsd_empty=("stsd", u32(0, 0)),
    stsd_cut=("stsd", u32(0, 1, 4) + b"avc1"),
    stsd_of_no_codec=("stsd", u32(0, 1) + box(b"\0\1\2\3", b"\0" * 78)),
    stts_none=("stts", u32(0, 0)),
)
def table(kit: Kit, wanted: Any) -> bytes:
    return replaced(kit.film, STBL + wanted[0], wanted[1])


@each("film.mp4", at_a_third=0.33, at_the_index=0.985, of_one_byte_less=-1)
def cut(kit: Kit, where: Any) -> bytes:
    return kit.film[: int(where * len(kit.film)) if where > 0 else int(where)]


@each(
    "film.mp4",
    zero=b"\0\0\0\0moov",
    of_a_world=b"\0\0\0\1moov\x7f" + b"\xff" * 7,
    of_minus_one=b"\0\0\0\1moov" + b"\xff" * 8,
    of_four=b"\0\0\0\4moov",
    of_itself=b"\0\0\0\x08moov",
)
def size(kit: Kit, head: Any) -> bytes:
    """An index that says a wrong size."""
    at = kit.film.rindex(b"moov") - 4
    return kit.film[:at] + head + kit.film[at + 8 :]


@hostile("film.mp4")
def no_data(kit: Kit) -> bytes:
    return kit.film[:40] + box(b"free", b"\0" * 1000) + kit.film[kit.film.rindex(b"moov") - 4 :]


@hostile("film.mp4")
def index_of_itself(kit: Kit) -> bytes:
    """A segment index that points at itself."""
    sidx = full(b"sidx", u32(1, 90000, 0, 0), struct.pack(">HH", 0, 3), (u32(0x80000000 | 44, 90000, 0)) * 3)
    return box(b"ftyp", b"iso6\0\0\0\0dash") + sidx + kit.film


@hostile("film.mp4")
def tracks_that_refer_to_themselves(kit: Kit) -> bytes:
    tref = box(b"tref", *(box(kind, u32(1, 2)) for kind in (b"chap", b"tmcd", b"hint", b"cdsc", b"sync")))
    return edited(kit.film, "moov/trak", lambda content: box(b"trak", content, tref))


@hostile("film.mp4")
def encrypted(kit: Kit) -> bytes:
    """Claims to be encrypted, with keys of absurd length."""
    sinf = box(
        b"sinf",
        box(b"frma", b"avc1"),
        full(b"schm", b"cenc", u32(0x10000)),
        box(b"schi", full(b"tenc", b"\0\0\1\xff", b"\0" * 16)),
    )

    def entry(content: bytes) -> bytes:
        body = content[16:] + sinf
        return box(b"stsd", content[:8], u32(8 + len(body)), b"encv", body)

    pssh = full(b"pssh", b"\0" * 16, u32(0xFFFFFFFF), version=1)
    film = edited(kit.film, STBL + "stsd", entry)
    return edited(film, "moov", lambda content: box(b"moov", content, pssh))


@each("film.avi", garbage=b"\xff", zeros=b"\0")
def avi_index(kit: Kit, filler: Any) -> bytes:
    data = kit.remade("-c:v", "mpeg4", "-c:a", "pcm_s16le", suffix=".avi")
    at = data.rindex(b"idx1") + 8
    return data[:at] + filler * (len(data) - at)


@each("film.avi", of_a_thousand_million=(1, 1_000_000_000), without_scale=(0, 25), still=(0xFFFFFFFF, 1))
def avi_rate(kit: Kit, rate: Any) -> bytes:
    data = bytearray(kit.remade("-c:v", "mpeg4", "-an", "-t", "2", suffix=".avi"))
    struct.pack_into("<II", data, data.index(b"strh") + 8 + 20, *rate)
    return bytes(data)


# --- clocks ---------------------------------------------------------------------------------------------------


@each("film.mp4", zero=0, one=1, huge=0xFFFFFFFF)
def timescale(kit: Kit, scale: Any) -> bytes:
    return patched(kit.film, "moov/trak/mdia/mdhd", 12, u32(scale))


@hostile("film.mp4")
def endless_duration(kit: Kit) -> bytes:
    film = patched(kit.film, "moov/mvhd", 16, u32(0xFFFFFFFF))
    film = patched(film, "moov/trak/tkhd", 20, u32(0xFFFFFFFF))
    return patched(film, "moov/trak/mdia/mdhd", 16, u32(0xFFFFFFFF))


@each(
    "film.mp4",
    of_years=u32(0, 1, FRAMES, 0x7FFFFFFF),
    of_nothing=u32(0, 1, FRAMES, 0),
    backwards=u32(0, 2, 100, 512, FRAMES - 100, 0xFFFFFE00),
    jumping=u32(0, 4, 100, 512, 1, 7_000_000, 100, 512, FRAMES - 201, 1),
    one_long=u32(0, 2, 1, 0x7FFFFFFF, FRAMES - 1, 512),
)
def frame_times(kit: Kit, entries: Any) -> bytes:
    return replaced(kit.film, STBL + "stts", entries)


@hostile("film.mp4")
def negative_times(kit: Kit) -> bytes:
    ctts = full(b"ctts", u32(1, FRAMES, 0x80000000), version=1)
    return edited(kit.film, STBL + "stts", lambda content: box(b"stts", content) + ctts)


@each(
    "film.mp4",
    behind_the_end=(9000, 0x7FFFFFFF, 0x10000),
    before_the_start=(9000, -0x7FFFFFFF, 0x10000),
    empty_for_years=(0x7FFFFFFF, -1, 0x10000),
    at_no_speed=(9000, 0, 0),
    backwards=(9000, 1024, 0xFFFF0000),
    of_no_length=(0, 1024, 0x10000),
)
def edit(kit: Kit, entry: Any) -> bytes:
    return replaced(kit.film, "moov/trak/edts/elst", u32(0, 1, *entry))


@hostile("film.ts")
def clock_jumps(kit: Kit) -> bytes:
    """Every second packet of pictures is of another day."""
    data = bytearray(kit.remade("-c", "copy", suffix=".ts"))
    chance = random.Random(7)
    for at in range(0, len(data) - 188, 188):
        start = data.find(b"\0\0\1\xe0", at, at + 188)
        if start > 0 and chance.random() < 0.5 and start + 14 < len(data):
            data[start + 9 : start + 14] = bytes([0x21 | chance.randrange(8) << 1, *chance.randbytes(2), 1, 1])
    return bytes(data)


@each("film.mkv", nan=float("nan"), infinite=float("inf"), negative=-1e300)
def mkv_duration(kit: Kit, seconds: Any) -> bytes:
    packets = [(time * 40, kit.picture) for time in range(FRAMES)]
    return ebml.film(ebml.png(64, 36, packets), info=ebml.real(0x4489, seconds))


@each("film.mkv", far=1 << 62, turning=(1 << 63) - 5)
def mkv_clock(kit: Kit, start: Any) -> bytes:
    packets = [(time * 40 - 500, kit.picture) for time in range(FRAMES)]
    return ebml.film(ebml.png(64, 36, packets), cluster_time=start)


@hostile("film.mkv")
def mkv_held_for_hours(kit: Kit) -> bytes:
    """Two pictures, then fourteen hours of sound."""
    clusters = b"".join(
        ebml.element(0x1F43B675, ebml.number(0xE7, 32_000 * number), ebml.element(0xA3, b"\x82\0\0\x80" + b"\0" * 16))
        for number in range(1600)
    )
    pictures = ebml.png(64, 36, [(0, kit.picture), (40, kit.picture)])
    sound = ebml.Track("A_PCM/INT/LIT", [(0, b"\0" * 16)], ebml.sound(8000, 1), kind=2)
    return ebml.film(pictures, sound) + clusters


@hostile("film.mkv")
def mkv_sizes(kit: Kit) -> bytes:
    """Elements that are longer than the file, the disk and the world."""
    huge = ebml.element(0x1043A770, size=(1 << 56) - 2) + ebml.element(0x1254C367, b"x", size=1 << 50)
    return ebml.film(ebml.png(64, 36, [(0, kit.picture)]), more=huge)


# --- damage ---------------------------------------------------------------------------------------------------


@each("film.mp4", one=1, two=2, three=3)
def flipped(kit: Kit, seed: Any) -> bytes:
    """Bits turned over in the pictures and the sound."""
    data, chance = bytearray(kit.film), random.Random(seed)
    for _ in range(len(data) // 200):
        data[chance.randrange(48, len(data) - 20_000)] ^= 1 << chance.randrange(8)
    return bytes(data)


@each("film.mp4", one=4, two=5, three=6)
def flipped_index(kit: Kit, seed: Any) -> bytes:
    data, chance = bytearray(kit.film), random.Random(seed)
    at = kit.film.rindex(b"moov")
    for _ in range(60):
        data[chance.randrange(at, len(data))] = chance.randrange(256)
    return bytes(data)


@hostile("film.mp4")
def shuffled(kit: Kit) -> bytes:
    """The film's index before a film's data of another order."""
    found = parts(kit.film)
    random.Random(3).shuffle(found)
    return b"".join(box(kind, content) for kind, content in found)


@hostile("film.ogv")
def ogg_pages(kit: Kit) -> bytes:
    """Two thousand streams that begin, and none that ends."""
    pages = [
        b"OggS\0\2" + b"\0" * 8 + struct.pack("<III", serial, 0, 0) + b"\1\x1e\1vorbis" + b"\0" * 4 + b"\xff" * 19
        for serial in range(2000)
    ]
    return b"".join(pages)


@each(
    "film.bin",
    wmv=b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c",
    mxf=bytes.fromhex("060e2b34020501010d010201"),
    mpg=b"\0\0\1\xba\x44\0\4\0\4\1",
    mkv=b"\x1a\x45\xdf\xa3",
    flv=b"FLV\1\5\0\0\0\x09",
    ogg=b"OggS\0\2",
    ts=b"\x47\x40\0\x10" + b"\0" * 184,
    avi=b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\xff\xff",
)
def head_and_noise(kit: Kit, head: Any) -> bytes:
    noise = random.Random(len(head)).randbytes(300_000)
    return head + (
        b"".join(head[:4] + noise[at : at + 184] for at in range(0, 180_000, 184)) if head[0] == 0x47 else noise
    )


@hostile("film.mkv")
def codec_that_nobody_knows(kit: Kit) -> bytes:
    return ebml.film(ebml.Track("V_NOTHING", [(0, kit.picture)], ebml.pictures(64, 36)))
