"""The boxes of an ISO media file (MP4, MOV): taken apart, changed, put together again."""

from __future__ import annotations

import struct
from collections.abc import Callable

FOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"dinf"}
"""Boxes that hold boxes."""


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box that begins with its version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def u32(*values: int) -> bytes:
    return b"".join(struct.pack(">I", value & 0xFFFFFFFF) for value in values)


def u64(value: int) -> bytes:
    return struct.pack(">Q", value & (2**64 - 1))


def parts(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and content of each box, in order."""
    found, at = [], 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        found.append((kind, data[at + 8 : at + size]))
        at += max(size, 8)
    return found


def edited(data: bytes, path: str, change: Callable[[bytes], bytes]) -> bytes:
    """The same boxes, but where the path leads ('moov/trak/tkhd', in every track) the whole box is what `change` gives.

    `change` takes the box's content; what it gives (nothing, one box, several) takes the box's place.
    """
    first, _, rest = path.partition("/")
    made = []
    for kind, content in parts(data):
        if kind != first.encode():
            made.append(box(kind, content))
        elif rest:
            made.append(box(kind, edited(content, rest, change)))
        else:
            made.append(change(content))
    return b"".join(made)


def patched(data: bytes, path: str, at: int, value: bytes) -> bytes:
    """The same, but some bytes of the content of these boxes are others."""
    kind = path.rpartition("/")[2].encode()
    return edited(data, path, lambda content: box(kind, content[:at] + value + content[at + len(value) :]))


def replaced(data: bytes, path: str, *content: bytes) -> bytes:
    """The same, but these boxes have other content."""
    kind = path.rpartition("/")[2].encode()
    return edited(data, path, lambda _: box(kind, *content))


def added(data: bytes, path: str, *boxes: bytes) -> bytes:
    """The same, with more boxes at the end of these."""
    kind = path.rpartition("/")[2].encode()
    return edited(data, path, lambda content: box(kind, content, *boxes))
