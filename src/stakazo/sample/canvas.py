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
    noise = np.random.default_rng(1).uniform(-0.7, 0.7, (height, width, 1))
    return np.asarray(np.clip(np.rint(rows[:, None, :] + noise), 0, 255), dtype=np.uint8)


def _fixed(points: Sequence[Point]) -> NDArray[np.int32]:
    return np.rint(np.asarray(points, dtype=np.float64) * (1 << _SHIFT)).astype(np.int32)


def polygon(image: NDArray[np.uint8], points: Sequence[Point], colour: Colour | int) -> None:
    fill = (colour,) if isinstance(colour, int) else colour
    cv2.fillPoly(image, [_fixed(points)], fill, cv2.LINE_AA, _SHIFT)


def disc(image: NDArray[np.uint8], centre: Point, radius: float, colour: Colour | int) -> None:
    ellipse(image, centre, (radius, radius), colour)


def ellipse(
    image: NDArray[np.uint8],
    centre: Point,
    radii: tuple[float, float],
    colour: Colour | int,
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


def limb(image: NDArray[np.uint8], a: Point, b: Point, ra: float, rb: float, colour: Colour | int) -> None:
    """A rounded stick from a to b that is `ra` thick at a and `rb` at b."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = max((dx * dx + dy * dy) ** 0.5, 1e-6)
    nx, ny = -dy / length, dx / length
    sides = [
        (a[0] + nx * ra, a[1] + ny * ra), (b[0] + nx * rb, b[1] + ny * rb),
        (b[0] - nx * rb, b[1] - ny * rb), (a[0] - nx * ra, a[1] - ny * ra),
    ]  # fmt: skip
    polygon(image, sides, colour)
    disc(image, a, ra, colour)
    disc(image, b, rb, colour)


@cache
def _sprite(radius: int) -> NDArray[np.float32]:
    at = np.arange(-radius, radius + 1, dtype=np.float32) / max(radius, 1)
    away = np.sqrt(at[:, None] ** 2 + at[None, :] ** 2)
    return np.asarray(np.clip(1 - away, 0, 1) ** 2.2, dtype=np.float32)


def glow(image: Image, centre: Point, radius: float, colour: Colour, level: float = 1.0) -> None:
    """Adds light around a point."""
    reach = max(2, round(radius / 2) * 2) if radius > 12 else max(2, round(radius))
    x, y = round(centre[0]), round(centre[1])
    left, top = max(0, x - reach), max(0, y - reach)
    right, bottom = min(image.shape[1], x + reach + 1), min(image.shape[0], y + reach + 1)
    if left >= right or top >= bottom or level <= 0.01:
        return
    sprite = _sprite(reach)[top - y + reach : bottom - y + reach, left - x + reach : right - x + reach]
    light = (sprite[:, :, None] * (np.asarray(colour, dtype=np.float32) * np.float32(level))).astype(np.uint8)
    place = image[top:bottom, left:right]
    cv2.add(place, light, dst=place)


def over(image: Image, layer: Image, mask: Mask, left: int = 0, top: int = 0) -> None:
    """Lays a premultiplied layer with its coverage (0 to 255) on the image, at (left, top), clipped to the frame."""
    height, width = layer.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(image.shape[1], left + width), min(image.shape[0], top + height)
    if x0 >= x1 or y0 >= y1:
        return
    place = image[y0:y1, x0:x1]
    piece = layer[y0 - top : y1 - top, x0 - left : x1 - left]
    cover = cv2.cvtColor(255 - mask[y0 - top : y1 - top, x0 - left : x1 - left], cv2.COLOR_GRAY2BGR)
    cv2.multiply(place, cover, dst=place, scale=1 / 255)
    cv2.add(place, piece, dst=place)


def paste(image: Image, layer: Image, mask: Mask) -> None:
    """Lays a layer of the frame's size where its mask is not zero."""
    cv2.copyTo(layer, mask, image)


def bloom(image: Image, level: float) -> None:
    """Bright places shine over their edges, as through a lens."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(2, width // 8), max(2, height // 8)), interpolation=cv2.INTER_AREA)
    bright = cv2.subtract(small, (110, 110, 110, 0))
    soft = cv2.GaussianBlur(bright, (0, 0), max(1.0, height / 8 * 0.035))
    soft = cv2.convertScaleAbs(soft, alpha=level)
    cv2.add(image, cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), dst=image)


@cache
def vignette(width: int, height: int, level: float) -> Image:
    """A frame to multiply with (255 leaves alone): the corners are darker."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]  # type: ignore[misc]
    shade = 1 - level * np.clip((x**2 + y**2) / 2, 0, 1) ** 1.5
    return np.asarray(np.repeat((255 * shade)[:, :, None], 3, axis=2), dtype=np.uint8)
