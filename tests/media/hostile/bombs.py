"""Files that are small and ask for much: pixels, streams, memory, time."""

from __future__ import annotations

import struct
import zlib
from functools import cache
from typing import Any

from tests.media.hostile import ebml
from tests.media.hostile.boxes import added, box, edited, full, parts, patched, replaced, u32, u64
from tests.media.hostile.kit import Kit, each, hostile


@cache
def flat_png(width: int, height: int) -> bytes:
    """One colour: a kilobyte for each of its megapixels."""
    packer = zlib.compressobj(9)
    row = b"\0" + b"\xff" * ((width + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">2I5B", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# --- pixels ---------------------------------------------------------------------------------------------------


@each("film.mkv", of_16000=(16000, 16000), of_65535=(65535, 40000), thin=(60000, 20))
def picture(kit: Kit, size: Any) -> bytes:
    """A film of such pictures."""
    bomb = flat_png(*size)
    return ebml.film(ebml.png(size[0], size[1], [(0, bomb), (1000, bomb)]))


@hostile("film.mkv")
def picture_bigger_than_it_says(kit: Kit) -> bytes:
    """The container says 64x36; in the middle comes a picture of 16000x16000."""
    packets = [(time * 100, flat_png(16000, 16000) if time == 20 else kit.picture) for time in range(80)]
    return ebml.film(ebml.png(64, 36, packets))


@hostile("film.mp4")
def cover(kit: Kit) -> bytes:
    """A good film with a cover of 16000x16000."""
    data = full(b"data", u32(0), flat_png(16000, 16000), flags=14)
    tags = box(b"ilst", box(b"covr", data))
    handler = full(b"hdlr", u32(0), b"mdirappl", u32(0, 0), b"\0")
    return added(kit.film, "moov", box(b"udta", full(b"meta", handler, tags)))


@each(
    "film.avi",
    of_65535=(65535, 65535),
    of_2147483647=(2147483647, 2147483647),
    of_0=(0, 0),
    negative=(-64, -36),
)
def raw_avi(kit: Kit, size: Any) -> bytes:
    """Raw pictures of a size that the header makes up."""
    data = bytearray(kit.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x36:d=1:r=5", "-c:v", "rawvideo", suffix=".avi"))
    at = data.index(b"strf") + 8
    struct.pack_into("<ii", data, at + 4, *size)
    return bytes(data)


@each("film.mp4", of_65535=(65535, 65535), of_0=(0, 0), of_1=(1, 1))
def declared(kit: Kit, size: Any) -> bytes:
    """An index that says another size than its pictures have."""
    film = patched(kit.film, "moov/trak/tkhd", 76, u32(size[0] << 16, size[1] << 16))

    def entry(content: bytes) -> bytes:
        if content[12:16] != b"avc1":
            return box(b"stsd", content)
        return box(b"stsd", content[:40] + struct.pack(">HH", *size) + content[44:])

    return edited(film, "moov/trak/mdia/minf/stbl/stsd", entry)


@hostile("film.ivf")
def ivf_header(kit: Kit) -> bytes:
    return (
        b"DKIF"
        + struct.pack("<HH4sHHIIII", 0, 32, b"VP90", 65535, 65535, 1_000_000_000, 1, 5, 0)
        + (struct.pack("<IQ", 20, 0) + b"\x82\x49\x83\x42\x0f\xff\xff\xff\xff" + b"\xff" * 11)
    )


@hostile("film.y4m")
def y4m_header(kit: Kit) -> bytes:
    return b"YUV4MPEG2 W2000000000 H2000000000 F1000000000:1 A0:0 C420\nFRAME\n" + b"\0" * 4096


@hostile("film.flv")
def flv_header(kit: Kit) -> bytes:
    """Metadata that claims everything, nested a thousand deep."""
    nested = (b"\x03\0\1a") * 1000 + b"\0\0\x09" * 1000
    numbers = b"".join(
        struct.pack(">H", len(name)) + name + b"\0" + struct.pack(">d", 1e300)
        for name in (b"width", b"height", b"duration", b"framerate", b"audiosamplerate")
    )
    script = b"\x02\0\nonMetaData\x08\0\0\0\x05" + numbers + b"\0\1n" + nested + b"\0\0\x09"
    tag = b"\x12" + len(script).to_bytes(3, "big") + b"\0" * 7 + script
    video = b"\x09\0\0\x06" + b"\0" * 7 + b"\x12\0\xff\xff\xff\xff"
    return b"FLV\1\5\0\0\0\x09\0\0\0\0" + tag + u32(len(tag)) + video + u32(17)


@hostile("film.ts")
def sizes_change(kit: Kit) -> bytes:
    """A transport stream whose pictures are now tiny, now 4K."""
    made = []
    for size in ("64x36", "4096x2160", "36x64", "1920x1080", "16x16"):
        source = ("-f", "lavfi", "-i", f"testsrc2=s={size}:r=5:d=2")
        made.append(kit.ffmpeg(*source, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", suffix=".ts"))
    return b"".join(made)


@each("film.mp4", of_2=("2x2", "5"), of_1_row=("4000x2", "5"), of_1_column=("2x4000", "5"), wide=("16000x16", "2"))
def film(kit: Kit, shape: Any) -> bytes:
    """Real, and of an absurd shape."""
    size, seconds = shape
    source = ("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d={seconds}")
    return kit.ffmpeg(*source, "-c:v", "mpeg4" if size == "2x2" else "libx264", "-preset", "ultrafast", "-pix_fmt",
                      "yuv420p", suffix=".mp4")  # fmt: skip


@hostile("film.mp4", slow=True)
def heavy_frames(kit: Kit) -> bytes:
    """8192x8176 pictures of one colour, almost free to store: 500 of them in a few hundred kilobytes."""
    source = ("-f", "lavfi", "-i", "color=c=black:s=8192x8176:r=25:d=0.08")
    seed = kit.ffmpeg(*source, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", suffix=".mp4")
    return _repeated(seed, 500)


def _repeated(seed: bytes, count: int) -> bytes:
    """A film of one frame, shown so many times: every sample is the first one."""
    sizes = next(content for kind, content in _stbl(seed) if kind == b"stsz")
    (first,) = struct.unpack_from(">I", sizes, 12)
    offsets = next(content for kind, content in _stbl(seed) if kind == b"stco")
    (where,) = struct.unpack_from(">I", offsets, 8)
    place = "moov/trak/mdia/minf/stbl/"
    made = replaced(seed, place + "stsz", u32(0, first, count))
    made = replaced(made, place + "stco", u32(0, count), u32(where) * count)
    made = replaced(made, place + "stsc", u32(0, 1, 1, 1, 1))
    made = replaced(made, place + "stts", u32(0, 1, count, 512))
    made = replaced(made, place + "stss", u32(0, count), u32(*range(1, count + 1)))
    made = edited(made, place + "ctts", lambda _: b"")
    return edited(made, "moov/trak/edts", lambda _: b"")


def _stbl(data: bytes) -> list[tuple[bytes, bytes]]:
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        data = next(content for kind, content in parts(data) if kind == name)
    return parts(data)


@hostile("film.mp4", slow=True)
def twenty_thousand_a_second(kit: Kit) -> bytes:
    source = ("-f", "lavfi", "-i", "color=s=16x16:r=20000:d=1")
    return kit.ffmpeg(*source, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", suffix=".mp4")


# --- streams, boxes, entries ----------------------------------------------------------------------------------


@each("film.mp4", of_65=65, of_300=300, of_5000=5000)
def streams(kit: Kit, count: Any) -> bytes:
    """The same track, many times."""
    trak = next(content for kind, content in parts(dict(parts(kit.film))[b"moov"]) if kind == b"trak")
    tracks = b"".join(box(b"trak", trak[:20] + u32(number + 2) + trak[24:]) for number in range(count))
    return edited(kit.film, "moov", lambda content: box(b"moov", content, tracks))


@hostile("film.ts", slow=True)
def programs(kit: Kit) -> bytes:
    """A transport stream with a thousand programs of thirty streams each, which begin one after the other."""

    def section(table: int, number: int, body: bytes) -> bytes:
        head = struct.pack(">BHHBBB", table, 0xB000 | (len(body) + 9), number, 0xC1, 0, 0)
        whole = head + body
        crc = 0xFFFFFFFF
        for byte in whole:
            crc ^= byte << 24
            for _ in range(8):
                crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
        return whole + u32(crc)

    def packet(pid: int, payload: bytes) -> bytes:
        return (struct.pack(">BHB", 0x47, 0x4000 | pid, 0x10) + b"\0" + payload).ljust(188, b"\xff")[:188]

    made = []
    for group in range(40):
        numbers = range(group * 25 + 1, group * 25 + 26)
        made.append(packet(0, section(0, 1, b"".join(struct.pack(">HH", n, 0xE000 | (0x100 + n)) for n in numbers))))
        for n in numbers:
            streams = b"".join(struct.pack(">BHH", 0x1B, 0xE000 | (n * 30 + s) % 0x1F00, 0xF000) for s in range(30))
            body = struct.pack(">HH", 0xE100, 0xF000) + streams
            made.append(packet(0x100 + n, section(2, n, body)))
    return b"".join(made) * 2


@hostile("film.mp4")
def nested(kit: Kit) -> bytes:
    """Boxes in boxes in boxes, twenty thousand deep."""
    inner = b""
    depth = 20_000
    head = b"".join(struct.pack(">I4s", 8 * (depth - level), b"moov") for level in range(depth))
    return box(b"ftyp", b"isom\0\0\2\0isom") + head + inner


@hostile("film.mkv")
def nested_ebml(kit: Kit) -> bytes:
    """Tags in tags in tags."""
    inner = b""
    for _ in range(2000):
        inner = ebml.element(0x67C8, ebml.text(0x45A3, "n"), inner)
    tags = ebml.element(0x1254C367, ebml.element(0x7373, inner))
    return ebml.film(ebml.png(64, 36, [(0, kit.picture)]), more=tags)


@hostile("film.mp4", slow=True)
def compressed_index(kit: Kit) -> bytes:
    """QuickTime's zipped index: a megabyte that becomes a gigabyte."""
    packed = zlib.compress(b"\0" * (1 << 30), 9)
    cmov = box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", u32(1 << 30), packed))
    return box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"moov", cmov)


@hostile("film.mkv", slow=True)
def zipped_packets(kit: Kit) -> bytes:
    """Packets that are zipped, and huge when they aren't."""
    bomb = zlib.compress(b"\0" * (200 << 20), 9)
    encoding = ebml.element(0x6240, ebml.element(0x5034, ebml.number(0x4254, 0)), ebml.number(0x5032, 1))
    return ebml.film(ebml.png(64, 36, [(time * 40, bomb) for time in range(20)], ebml.element(0x6D80, encoding)))


@hostile("film.mkv", slow=True)
def same_head_on_every_packet(kit: Kit) -> bytes:
    """A header that is put before each of many packets: a megabyte becomes gigabytes."""
    stripped = ebml.element(0x4255, b"\0" * 900_000)
    encoding = ebml.element(0x6240, ebml.element(0x5034, ebml.number(0x4254, 3), stripped), ebml.number(0x5032, 1))
    packets = [(time, b"x") for time in range(0, 30_000, 10)]
    return ebml.film(ebml.png(64, 36, packets, ebml.element(0x6D80, encoding)))


@each(
    "film.mp4",
    stsz_sizes=("stsz", u32(0, 0, 0xFFFFFFFF)),
    stsz_of_one_size=("stsz", u32(0, 1, 0xFFFFFFFF)),
    stco=("stco", u32(0, 0xFFFFFFFF, 0)),
    stts=("stts", u32(0, 1, 0xFFFFFFFF, 1)),
    stts_entries=("stts", u32(0, 0xFFFFFFFF, 1, 1)),
    stsc=("stsc", u32(0, 1, 1, 0x7FFFFFFF, 1)),
    stsd=("stsd", u32(0, 0x7FFFFFFF)),
    stss=("stss", u32(0, 0xFFFFFFFF)),
)
def count(kit: Kit, wanted: Any) -> bytes:
    """Tables that claim to have more entries than there is room in the world."""
    return replaced(kit.film, f"moov/trak/mdia/minf/stbl/{wanted[0]}", wanted[1])


@hostile("film.mp4")
def a_thousand_million_samples(kit: Kit) -> bytes:
    """All tables agree: one byte each, all in one chunk."""
    place = "moov/trak/mdia/minf/stbl/"
    film = replaced(kit.film, place + "stsz", u32(0, 1, 1_000_000_000))
    film = replaced(film, place + "stsc", u32(0, 1, 1, 1_000_000_000, 1))
    film = replaced(film, place + "stco", u32(0, 1, 40))
    return replaced(film, place + "stts", u32(0, 1, 1_000_000_000, 1))


@hostile("film.mp4")
def empty_samples(kit: Kit) -> bytes:
    """Five thousand samples of no length."""
    place = "moov/trak/mdia/minf/stbl/"
    film = replaced(kit.film, place + "stsz", u32(0, 0, 5000), u32(0) * 5000)
    film = replaced(film, place + "stsc", u32(0, 1, 1, 5000, 1))
    return replaced(film, place + "stts", u32(0, 1, 5000, 512))


@hostile("film.mp4", slow=True)
def edits(kit: Kit) -> bytes:
    """A hundred thousand entries that play the same second again and again."""
    entries = u32(0, 100_000) + (u32(1000, 0) + u32(0x10000)) * 100_000
    return replaced(kit.film, "moov/trak/edts/elst", entries)


@hostile("film.mp4")
def fragments(kit: Kit) -> bytes:
    """Fragments that claim four thousand million samples each."""
    film = kit.remade("-c", "copy", "-movflags", "frag_keyframe+empty_moov", suffix=".mp4")
    return patched(film, "moof/traf/trun", 4, u32(0xFFFFFFFF))


@hostile("film.mp4", slow=True)
def fragments_of_default_samples(kit: Kit) -> bytes:
    """A thousand small fragments, each of a million samples that need no bytes."""
    film = kit.remade("-c", "copy", "-an", "-movflags", "frag_keyframe+empty_moov+default_base_moof", suffix=".mp4")
    head = b"".join(box(kind, content) for kind, content in parts(film) if kind in {b"ftyp", b"moov"})
    tfhd = full(b"tfhd", u32(1, 512, 1, 0), flags=0x020038)
    moof = box(b"moof", full(b"mfhd", u32(1)), box(b"traf", tfhd, full(b"trun", u32(1_000_000))))
    return head + (moof + box(b"mdat", b"")) * 1000


@hostile("film.mp4")
def chapters(kit: Kit) -> bytes:
    """Nero chapters, as many as a byte can count, with long titles."""
    entries = b"".join(u64(number) + bytes([255]) + b"c" * 255 for number in range(255))
    return added(kit.film, "moov", box(b"udta", full(b"chpl", u32(0), bytes([255]), entries, version=1)))


@hostile("film.mp4", grown=20 * 1024**3)
def sparse(kit: Kit) -> bytes:
    """Twenty gigabytes of nothing behind a film."""
    return kit.film


@hostile("film.ts", grown=20 * 1024**3, slow=True)
def sparse_stream(kit: Kit) -> bytes:
    """Twenty gigabytes of nothing in a format that has no index."""
    return kit.remade("-c", "copy", suffix=".ts")


@hostile("film.mp4", slow=True)
def free_boxes(kit: Kit) -> bytes:
    """A million empty boxes before the film."""
    return box(b"ftyp", b"isom\0\0\2\0isom") + box(b"free") * 1_000_000 + kit.film
