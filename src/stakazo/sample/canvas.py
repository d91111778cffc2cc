"""Drawing: colours, gradients, glows and smooth shapes on 8-bit BGR frames, fast enough for every frame of a film."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""[height, width, 3], BGR"""
Mask = NDArray[np.uint8]
Colour = tuple[int, int, int]
"""Blue, green, red."""
Fill = int | Colour | tuple[int, int, int, int]
"""One value per channel of what is drawn on."""
Point = tuple[float, float]
"""Pixels; fractions of a pixel count."""

_SHIFT = 4


def hex_colour(code: str) -> Colour:
    """`#rrggbb` as OpenCV wants it."""
    red, green, blue = (int(code[at : at + 2], 16) for at in (1, 3, 5))
    return blue, green, red


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of the other colour, 0 to 1."""
    return tuple(round(a + (b - a) * share) for a, b in zip(one, other, strict=True))  # type: ignore[return-value]


def dimmed(colour: Colour, level: float) -> Colour:
    return tuple(min(255, max(0, round(part * level))) for part in colour)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a look."""

    top: Colour
    middle: Colour
    low: Colour
    accent: Colour
    second: Colour
    dark: Colour


def _palette(*codes: str) -> Palette:
    return Palette(*(hex_colour(code) for code in codes))


PALETTES: dict[str, Palette] = {
    "dusk": _palette("#150d3a", "#6d2a8c", "#ff7a59", "#ffd36e", "#ff4f9a", "#0b0720"),
    "ocean": _palette("#03142e", "#0c4a7a", "#46c7c7", "#ffe8a3", "#6fb7ff", "#010b18"),
    "ember": _palette("#22060c", "#8c1c13", "#ff8a3d", "#ffe0a0", "#ff3d57", "#0d0205"),
    "aurora": _palette("#03101c", "#0b4f5e", "#3ee6a0", "#d6b3ff", "#8a5bff", "#010a10"),
    "candy": _palette("#3a1160", "#e2368b", "#ffb35c", "#fff1b8", "#35d6e6", "#190630"),
    "steel": _palette("#0a0e1f", "#27408b", "#8fa8ff", "#ffffff", "#ff5470", "#04060f"),
}


def ramp(colours: Sequence[Colour]) -> Image:
    """A look-up table of 256 colours, [256, 1, 3], evenly from the first to the last."""
    at = np.linspace(0, len(colours) - 1, 256)
    table = np.stack(
        [np.interp(at, np.arange(len(colours)), [colour[part] for colour in colours]) for part in range(3)], axis=1
    )
    return np.asarray(np.rint(table), dtype=np.uint8)[:, None, :]


def gradient(width: int, height: int, colours: Sequence[Colour]) -> Image:
    """From the top down; a little noise keeps it from showing bands."""
    at = np.linspace(0, len(colours) - 1, height)
    rows = np.stack(
        [np.interp(at, np.arange(len(colours)), [colour[part] for colour in colours]) for part in range(3)], axis=1
    )
    grain = np.tile(_grain(), (height // 256 + 1, width // 256 + 1, 1))[:height, :width]
    return np.asarray(np.clip(np.rint(rows.astype(np.float32)[:, None, :] + grain), 0, 255), dtype=np.uint8)


@cache
def _grain() -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(-0.7, 0.7, (256, 256, 1)).astype(np.float32)


def _fixed(points: Sequence[Point] | NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(np.asarray(points, dtype=np.float64) * (1 << _SHIFT)).astype(np.int32)


def polygon(image: NDArray[np.uint8], points: Sequence[Point] | NDArray[np.float64], colour: Fill) -> None:
    fill = (colour,) if isinstance(colour, int) else colour
    cv2.fillPoly(image, [_fixed(points)], fill, cv2.LINE_AA, _SHIFT)


def disc(image: NDArray[np.uint8], centre: Point, radius: float, colour: Fill) -> None:
    ellipse(image, centre, (radius, radius), colour)


def ellipse(
    image: NDArray[np.uint8],
    centre: Point,
    radii: tuple[float, float],
    colour: Fill,
    angle: float = 0.0,
    *,
    arc: tuple[float, float] = (0.0, 360.0),
    thickness: float = -1.0,
) -> None:
    """`angle` and `arc` in degrees, clockwise; a thickness below zero fills."""
    fill = (colour,) if isinstance(colour, int) else colour
    centre_ = tuple(int(part) for part in _fixed([centre])[0])
    radii_ = tuple(max(0, int(part)) for part in _fixed([radii])[0])
    wide = -1 if thickness < 0 else max(1, round(thickness))
    cv2.ellipse(image, centre_, radii_, angle, arc[0], arc[1], fill, wide, cv2.LINE_AA, _SHIFT)


def limb(image: NDArray[np.uint8], a: Point, b: Point, ra: float, rb: float, colour: Fill) -> None:
    """A rounded stick from a to b that is `ra` thick at a and `rb` at b."""
    along = np.arctan2(b[1] - a[1], b[0] - a[0]) + np.pi / 2
    half = np.linspace(0, np.pi, 11)
    start = np.stack([a[0] + ra * np.cos(along + half), a[1] + ra * np.sin(along + half)], axis=1)
    end = np.stack([b[0] + rb * np.cos(along + np.pi + half), b[1] + rb * np.sin(along + np.pi + half)], axis=1)
    polygon(image, np.concatenate([start, end]), colour)


@cache
def _sprite(radius: int) -> NDArray[np.float32]:
    at = np.arange(-radius, radius + 1, dtype=np.float32) / max(radius, 1)
    away = np.sqrt(at[:, None] ** 2 + at[None, :] ** 2)
    return np.asarray(np.clip(1 - away, 0, 1) ** 2.2, dtype=np.float32)


def glow(image: Image, centre: Point, radius: float, colour: Colour, level: float = 1.0) -> None:
    """Adds light around a point. Large ones are made small and enlarged."""
    reach = max(2, round(radius))
    x, y = round(centre[0]), round(centre[1])
    left, top = max(0, x - reach), max(0, y - reach)
    right, bottom = min(image.shape[1], x + reach + 1), min(image.shape[0], y + reach + 1)
    if left >= right or top >= bottom or level <= 0.01:
        return
    tint = np.asarray(colour, dtype=np.float32) * np.float32(level)
    light = np.minimum(_sprite(min(reach, 24))[:, :, None] * tint, 255).astype(np.uint8)
    if reach > 24:
        light = np.asarray(cv2.resize(light, (2 * reach + 1, 2 * reach + 1), interpolation=cv2.INTER_LINEAR), np.uint8)
    place = image[top:bottom, left:right]
    cv2.add(place, light[top - y + reach : bottom - y + reach, left - x + reach : right - x + reach], dst=place)


def over(image: Image, layer: NDArray[np.uint8], left: int = 0, top: int = 0) -> None:
    """Lays a premultiplied layer, [height, width, 4] with its coverage last, on the image, clipped to the frame."""
    height, width = layer.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(image.shape[1], left + width), min(image.shape[0], top + height)
    if x0 >= x1 or y0 >= y1:
        return
    place = image[y0:y1, x0:x1]
    piece = layer[y0 - top : y1 - top, x0 - left : x1 - left]
    cover = cv2.bitwise_not(cv2.extractChannel(piece, 3))
    cv2.multiply(place, cv2.merge([cover, cover, cover]), dst=place, scale=1 / 255)
    cv2.add(place, cv2.cvtColor(piece, cv2.COLOR_BGRA2BGR), dst=place)


def paste(image: Image, layer: Image, mask: Mask) -> None:
    """Lays a layer of the frame's size where its mask is not zero."""
    cv2.copyTo(layer, mask, image)


def bloom(image: Image, level: float) -> None:
    """Bright places shine over their edges, as through a lens."""
    height, width = image.shape[:2]
    half = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    small = cv2.resize(half, (max(2, width // 8), max(2, height // 8)), interpolation=cv2.INTER_AREA)
    bright = cv2.subtract(small, np.full_like(small, 110))
    soft = cv2.GaussianBlur(bright, (0, 0), max(1.0, height / 8 * 0.035))
    soft = cv2.convertScaleAbs(soft, alpha=level)
    cv2.add(image, cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), dst=image)


@cache
def vignette(width: int, height: int, level: float) -> Image:
    """A frame to multiply with (255 leaves alone): the corners are darker."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    shade = 1 - level * np.clip((x**2 + y**2) / 2, 0, 1) ** 1.5
    return np.asarray(np.repeat((255 * shade)[:, :, None], 3, axis=2), dtype=np.uint8)
