"""Changes files as a fuzzer does: seeded, so that the same number gives the same change. Pure."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

INTERESTING = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
MOST = 256 * 1024
"""Bytes of a changed file."""


def mutated(seeds: Sequence[bytes], number: int) -> bytes:
    """The `number`-th change of one of these files."""
    chance = random.Random(number)
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        chance.choice((_bit, _byte, _number, _cut, _repeat, _splice, _boxes))(data, chance, seeds)
    return bytes(data[:MOST])


def _at(data: bytearray, chance: random.Random) -> int:
    """Anywhere, but more often near the ends, where headers and indices are."""
    size = max(len(data), 1)
    place = chance.random()
    if place < 0.3:
        return chance.randrange(min(size, 256))
    if place < 0.6:
        return size - 1 - chance.randrange(min(size, 4096))
    return chance.randrange(size)


def _bit(data: bytearray, chance: random.Random, _seeds: Sequence[bytes]) -> None:
    if data:
        data[_at(data, chance)] ^= 1 << chance.randrange(8)


def _byte(data: bytearray, chance: random.Random, _seeds: Sequence[bytes]) -> None:
    at = _at(data, chance)
    data[at : at + 1] = chance.randbytes(1)


def _number(data: bytearray, chance: random.Random, _seeds: Sequence[bytes]) -> None:
    form = chance.choice((">B", ">H", "<H", ">I", "<I", ">Q"))
    value = chance.choice(INTERESTING) & ((1 << 8 * struct.calcsize(form)) - 1)
    at = _at(data, chance)
    data[at : at + struct.calcsize(form)] = struct.pack(form, value)


def _cut(data: bytearray, chance: random.Random, _seeds: Sequence[bytes]) -> None:
    at = _at(data, chance)
    del data[at : at + chance.choice((1, 2, 4, 100, 10_000))]


def _repeat(data: bytearray, chance: random.Random, _seeds: Sequence[bytes]) -> None:
    at = _at(data, chance)
    data[at:at] = data[at : at + chance.choice((1, 4, 64, 4096))] * chance.choice((1, 2, 30))


def _splice(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    other = chance.choice(seeds)
    start, at = chance.randrange(len(other) + 1), _at(data, chance)
    part = other[start : start + chance.choice((4, 64, 4096))]
    data[at : at + len(part)] = part


def _boxes(data: bytearray, chance: random.Random, _seeds: Sequence[bytes]) -> None:
    """Another number in the first words of a box."""
    names = (b"stsz", b"stco", b"stsc", b"stts", b"ctts", b"elst", b"mdhd", b"tkhd", b"stsd", b"avcC", b"trun", b"moov")
    at = data.find(chance.choice(names))
    if at >= 4:
        _number_at(data, at + chance.choice((-4, 4, 8, 12, 16, 20, 24)), chance)


def _number_at(data: bytearray, at: int, chance: random.Random) -> None:
    data[at : at + 4] = struct.pack(">I", chance.choice(INTERESTING))
