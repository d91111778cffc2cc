"""Matroska, written by hand: only as much of it as a hostile file needs."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass


def element(name: int, *content: bytes, size: int | None = None) -> bytes:
    """One element; `size` says another size than it has."""
    body = b"".join(content)
    length = len(body) if size is None else size
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + (1 << 56 | length).to_bytes(8, "big") + body


def number(name: int, value: int) -> bytes:
    return element(name, value.to_bytes(8, "big"))


def real(name: int, value: float) -> bytes:
    return element(name, struct.pack(">d", value))


def text(name: int, value: str) -> bytes:
    return element(name, value.encode())


@dataclass(frozen=True)
class Track:
    """A stream and its packets: (milliseconds, bytes)."""

    codec: str
    packets: Sequence[tuple[int, bytes]]
    extra: bytes = b""
    """More elements of its TrackEntry: Video, Audio, ContentEncodings."""
    private: bytes = b""
    kind: int = 1
    """1 pictures, 2 sound, 17 subtitles."""


def pictures(width: int, height: int, *more: bytes) -> bytes:
    return element(0xE0, number(0xB0, width), number(0xBA, height), *more)


def sound(rate: float, channels: int, bits: int = 16) -> bytes:
    return element(0xE1, real(0xB5, rate), number(0x9F, channels), number(0x6264, bits))


def png(width: int, height: int, packets: Sequence[tuple[int, bytes]], more: bytes = b"") -> Track:
    """A stream of PNG pictures."""
    private = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MPNG", 0, 0, 0, 0, 0)
    return Track("V_MS/VFW/FOURCC", packets, pictures(width, height) + more, private)


def head(kind: str = "matroska") -> bytes:
    return element(0x1A45DFA3, text(0x4282, kind), number(0x4287, 4), number(0x4285, 2))


def film(*tracks: Track, info: bytes = b"", more: bytes = b"", cluster_time: int = 0) -> bytes:
    """A whole file; `info` and `more` are further elements of its Info and its Segment."""
    entries, blocks = [], []
    for index, track in enumerate(tracks, 1):
        private = element(0x63A2, track.private) if track.private else b""
        entry = [number(0xD7, index), number(0x73C5, index), number(0x83, track.kind), text(0x86, track.codec)]
        entries.append(element(0xAE, *entry, private, track.extra))
        blocks += [
            (time, element(0xA3, bytes([0x80 | index]) + struct.pack(">hB", time, 0x80) + data))
            for time, data in track.packets
        ]
    inside = [
        element(0x1549A966, number(0x2AD7B1, 1_000_000), text(0x4D80, "x"), text(0x5741, "x"), info),
        element(0x1654AE6B, *entries),
        more,
        element(
            0x1F43B675, number(0xE7, cluster_time), *(data for _, data in sorted(blocks, key=lambda block: block[0]))
        ),
    ]
    return head() + element(0x18538067, *inside)
