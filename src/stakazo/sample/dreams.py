"""No place at all: a tunnel of light with someone falling through it, and a kaleidoscope."""

from __future__ import annotations

from math import cos, pi, sin

import cv2
import numpy as np

from stakazo.media.types import Box
from stakazo.sample import dancer
from stakazo.sample.canvas import Image, Palette, disc, glow, mixed
from stakazo.sample.scenes import Moment, Setting


def _polar(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the middle (1 at the top edge) and angle (radians) of every pixel at half size."""
    y, x = np.mgrid[0 : height // 2, 0 : width // 2].astype(np.float32)
    x = (x - width / 4) / (height / 4)
    y = (y - height / 4) / (height / 4)
    return np.sqrt(x * x + y * y), np.arctan2(y, x)


class Tunnel:
    """Rings and beams that come towards us; a dancer floats in the middle."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        dice = setting.dice()
        away, angle = _polar(setting.width, setting.height)
        self.size = 1024
        around = angle / (2 * pi) * 2 % 1.0 * self.size
        along = 0.34 / np.maximum(away, 0.03) % 1.0 * self.size
        self.maps = cv2.convertMaps(around.astype(np.float32), along.astype(np.float32), cv2.CV_16SC2)
        fog = np.clip((away - 0.08) / 0.75, 0, 1) ** 0.8
        self.fog = np.repeat(np.asarray(fog * 255, dtype=np.uint8)[:, :, None], 3, axis=2)
        self.wall = self._wall(setting.palette, dice.randrange(1 << 30))
        self.twist = dice.choice((-1, 1)) * dice.uniform(0.03, 0.07)
        self.outfit = dancer.OUTFITS[dice.randrange(3)]
        self.start = dice.uniform(0, 2 * pi)

    def _wall(self, palette: Palette, seed: int) -> Image:
        numbers = np.random.default_rng(seed)
        size = self.size
        wall = np.zeros((size, size, 3), dtype=np.uint8)
        wall[:] = mixed(palette.dark, palette.middle, 0.35)
        colours = (palette.second, palette.accent, palette.low, palette.middle)
        cells = 8
        step = size // cells
        for row in range(cells):
            for column in range(cells):
                if numbers.random() < 0.34:
                    colour = colours[numbers.integers(len(colours))]
                    x, y = column * step, row * step
                    cv2.rectangle(wall, (x + 7, y + 7), (x + step - 8, y + step - 8), colour, -1)
        for line in range(0, size, step):
            cv2.line(wall, (line, 0), (line, size), mixed(palette.second, palette.dark, 0.25), 4)
            cv2.line(wall, (0, line), (size, line), mixed(palette.second, palette.dark, 0.25), 4)
        return np.asarray(cv2.GaussianBlur(wall, (0, 0), 1.5), dtype=np.uint8)

    def draw(self, at: Moment) -> tuple[Image, Box | None]:
        width, height = self.setting.width, self.setting.height
        right = round(at.time * self.twist * 2 * self.size) % self.size
        away = round((at.time * 0.26 + 0.015 * sin(at.beat * pi)) * self.size) % self.size
        wall = np.empty((self.size + 1, self.size + 1, 3), dtype=np.uint8)
        for rows, from_rows in _rolled(away, self.size):
            for columns, from_columns in _rolled(right, self.size):
                wall[rows, columns] = self.wall[from_rows, from_columns]
        wall[-1], wall[:, -1] = wall[0], wall[:, 0]
        half = cv2.remap(wall, *self.maps, cv2.INTER_LINEAR)
        half = cv2.multiply(half, self.fog, scale=1 / 255)
        frame = np.asarray(cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
        glow(frame, (width / 2, height / 2), height * (0.42 + 0.12 * at.kick), self.setting.palette.accent, 0.75)
        x = width * (0.5 + 0.2 * sin(self.start + at.time * 0.9))
        y = height * (0.80 + 0.04 * sin(at.time * 2.1))
        light = dancer.Light(self.setting.palette.second, 1 if sin(self.start) > 0 else -1, 0.85)
        return frame, dancer.draw(frame, dancer.pose("wave", at.beat), (x, y), height * 0.56, self.outfit, light)


def _rolled(shift: int, size: int) -> tuple[tuple[slice, slice], ...]:
    """Where the two pieces of something that is pulled round by `shift` go, and where they come from."""
    return (slice(0, size - shift), slice(shift, size)), (slice(size - shift, size), slice(0, shift))


class Kaleidoscope:
    """Mirrored light that turns faster and faster in a build-up."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        dice = setting.dice()
        away, angle = _polar(setting.width, setting.height)
        mirrors = dice.choice((5, 6, 8))
        wedge = 2 * pi / mirrors
        folded = np.abs((angle + pi) % wedge - wedge / 2)
        self.size = 512
        # Each frame the glass is turned under one small wedge, and the mirrors, which stand still, do the rest.
        self.scale = self.size * 0.42
        x, y = away * np.cos(folded) * self.scale, away * np.sin(folded) * self.scale
        self.wedge = (int(x.max()) + 2, int(y.max()) + 2)
        self.maps = cv2.convertMaps(x.astype(np.float32), y.astype(np.float32), cv2.CV_16SC2)
        self.glass = self._glass(setting.palette, dice.randrange(1 << 30))
        self.turn = dice.choice((-1, 1))
        self.start = dice.uniform(0, 2 * pi)

    def _glass(self, palette: Palette, seed: int) -> Image:
        """Coloured pieces that tile."""
        numbers = np.random.default_rng(seed)
        size = self.size
        glass = np.zeros((size, size, 3), dtype=np.uint8)
        glass[:] = palette.dark
        colours = (
            palette.middle,
            palette.low,
            palette.second,
            palette.accent,
            palette.top,
            mixed(palette.low, palette.second, 0.5),
        )
        for number in range(70):
            x, y = numbers.uniform(0, size, 2)
            radius = numbers.uniform(14, 74) * (1.2 - number / 100)
            colour = colours[numbers.integers(len(colours))]
            ring = numbers.random() < 0.4
            for dx in (-size, 0, size):
                for dy in (-size, 0, size):
                    disc(glass, (x + dx, y + dy), radius, colour)
                    if ring:
                        disc(glass, (x + dx, y + dy), radius * 0.72, palette.dark)
                        disc(glass, (x + dx, y + dy), radius * 0.45, palette.accent)
        return np.asarray(cv2.GaussianBlur(glass, (0, 0), 1.0), dtype=np.uint8)

    def draw(self, at: Moment) -> tuple[Image, Box | None]:
        width, height = self.setting.width, self.setting.height
        turn = self.start + self.turn * at.age * (0.25 + 0.5 * at.rise + 0.15 * at.energy)
        zoom = 1 - 0.07 * at.kick - 0.19 * at.rise
        a, b = cos(turn) * zoom, sin(turn) * zoom
        drift = at.age * 26 * (1 + at.rise)
        under = np.array([[a, -b, drift], [b, a, 0.6 * drift]], dtype=np.float64)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        piece = cv2.warpAffine(self.glass, under, self.wedge, flags=flags, borderMode=cv2.BORDER_WRAP)
        half = cv2.remap(piece, *self.maps, cv2.INTER_LINEAR)
        frame = np.asarray(cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
        glow(
            frame,
            (width / 2, height / 2),
            height * (0.3 + 0.2 * at.kick),
            self.setting.palette.accent,
            0.6 + 0.3 * at.kick,
        )
        return frame, None
